"""Is this a part number, a quantity, a model number? What a technician typed is judged before anyone is asked.

Sources: contracts/marcone/FACTS.md sections 5 and 16, CHECKLIST PL-17 and PL-18.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from decisions.words import one_line

SHORTEST = 4
LONGEST = 40
BOSCH_DIGITS = 8

_PLACEHOLDERS = frozenset(
    {
        "NA", "NIL", "NONE", "NULL", "NOTSURE", "PENDING", "PLACEHOLDER", "SEENOTE", "SEENOTES", "TBA", "TBC", "TBD",
        "TEST", "UNK", "UNKNOWN", "XXX", "XXXX", "ASK", "MISSING",
    }
)  # fmt: skip
_RETAILER_CODE = re.compile(r"AP\d{7}|PS\d{5,9}")
_PACK_SUFFIX = re.compile(r"(?P<number>[A-Z0-9-]*\d[A-Z0-9-]*)VP")
_SEVERAL = re.compile(r"[,;|&\n]|\s(?:or|and)\s|\s[/+]\s", re.IGNORECASE)
_WHOLE = re.compile(r"\+?(?P<whole>[0-9]+)(?:\.0*)?")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_MODEL = re.compile(r"[A-Z0-9][A-Z0-9./-]{2,39}")


@dataclass(frozen=True, slots=True)
class ReadableNumbers:
    """Numbers worth looking up. `spellings` in the order to try them; `ignored` are retailers' own codes."""

    spellings: tuple[str, ...]
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnreadableNumber:
    """Nothing here can be looked up. `why` and `fix` go to the technician."""

    why: str
    fix: str


@dataclass(frozen=True, slots=True)
class BadQuantity:
    """What was typed is no quantity. `why` and `fix` go to the technician."""

    why: str
    fix: str


@dataclass(frozen=True, slots=True)
class ModelOk:
    """The model number in the agreed form; empty when the shop asks for none and none was given."""

    model: str


@dataclass(frozen=True, slots=True)
class ModelMissing:
    """The shop asks for a model number and the job has none (PL-18)."""

    why: str
    fix: str


@dataclass(frozen=True, slots=True)
class ModelMalformed:
    """What was typed cannot be a model number (PL-18)."""

    why: str
    fix: str


Numbers = ReadableNumbers | UnreadableNumber
Model = ModelOk | ModelMissing | ModelMalformed


def normalise(number: str) -> str:
    """Return the number for comparing: upper case, letters and digits only. Source: FACTS section 5."""
    wide = unicodedata.normalize("NFKC", number).upper()
    return "".join(sign for sign in wide if sign.isascii() and sign.isalnum())


def same_part_number(one: str, other: str) -> bool:
    """Tell whether two spellings name one number. Leading zeros of an all-digit number do not count (FACTS 16).

    An empty number equals nothing.
    """
    left, right = normalise(one), normalise(other)
    if not left or not right:
        return False
    if left.isdigit() and right.isdigit():
        return left.lstrip("0") == right.lstrip("0")
    return left == right


def is_retailer_code(number: str) -> bool:
    """Tell whether this is a retailer's item id (AP1234567, PS11753379), which no distributor knows. FACTS 16."""
    return _RETAILER_CODE.fullmatch(normalise(number)) is not None


def retailer_codes(numbers: Sequence[str]) -> tuple[str, ...]:
    """Return those of the numbers that are a retailer's codes, as typed, once each."""
    return tuple(dict.fromkeys(one_line(number) for number in numbers if is_retailer_code(number)))


def spellings_to_try(numbers: Sequence[str]) -> tuple[str, ...]:
    """Return what to look up, best first, without repeats: as typed, without a pack suffix, Bosch's zeros both ways.

    Retailers' codes are left out; `retailer_codes` reports them.
    """
    tried: dict[str, None] = {}
    for number in numbers:
        typed = _as_typed(number)
        if typed and not is_retailer_code(typed):
            tried.update(dict.fromkeys(_spellings(typed)))
    return tuple(tried)


def judge_number(numbers: Sequence[str]) -> Numbers:
    """Decide whether the diagnosis names something that can be looked up; the first fault found is the one told."""
    given = [number for number in numbers if number.strip()]
    faults = [(number, _fault(number)) for number in given]
    readable = [number for number, fault in faults if fault is None]
    ignored = retailer_codes(given)
    if readable:
        return ReadableNumbers(spellings_to_try(readable), ignored)
    if not faults:
        return UnreadableNumber(
            "The diagnosed part has no part number.", "Put the maker's part number on the part in the job."
        )
    return next(fault for _, fault in faults if fault is not None)


def judge_quantity(text: str, max_quantity: int) -> int | BadQuantity:
    """Read a quantity: a whole number from 1 to `max_quantity`, and nothing else in the field."""
    typed = text.strip()
    fix = f"Set the quantity to a whole number from 1 to {max_quantity}."
    if not typed:
        return BadQuantity("The part has no quantity.", fix)
    found = _WHOLE.fullmatch(typed)
    if found is None:
        return BadQuantity(_why_no_whole_number(typed), fix)
    digits = found.group("whole").lstrip("0")
    if not digits:
        return BadQuantity("The quantity is zero.", fix)
    if len(digits) > len(str(max_quantity)) or int(digits) > max_quantity:
        return BadQuantity(
            f"The quantity {_short(digits)} is more than the {max_quantity} this shop orders of one part at once.", fix
        )
    return int(digits)


def judge_model(model: str, *, asked: bool) -> Model:
    """Judge a model number by the one agreed form: letters, digits, dash, slash, dot; 3 or more; a digit among them.

    Source: PL-17 and PL-18. A missing one matters only where the shop asks for it.
    """
    typed = model.strip().upper()
    if not typed:
        if not asked:
            return ModelOk("")
        return ModelMissing(
            "The job has no model number.", "Enter the model number from the appliance's label, then retry."
        )
    said = f'"{_short(one_line(model))}" is no model number'
    fix = "Enter the model number from the appliance's label: letters, digits, dash, slash and dot only; then retry."
    if normalise(typed) in _PLACEHOLDERS or not normalise(typed):
        return ModelMalformed(f"{said}: it only holds the place of one.", fix)
    if _MODEL.fullmatch(typed) is None:
        return ModelMalformed(f"{said}: it has other signs in it, or is shorter than 3 or longer than 40.", fix)
    if not any(sign.isdigit() for sign in typed):
        return ModelMalformed(f"{said}: it has no digit.", fix)
    return ModelOk(typed)


def _as_typed(number: str) -> str:
    return "".join(one_line(number).upper().split())


def _spellings(typed: str) -> list[str]:
    spellings = [typed]
    pack = _PACK_SUFFIX.fullmatch(typed)
    if pack and len(normalise(pack.group("number"))) >= SHORTEST:
        spellings.append(pack.group("number").rstrip("-"))
    bare = normalise(spellings[-1])
    if bare.isdigit():
        stripped = bare.lstrip("0")
        if len(stripped) >= SHORTEST:
            spellings += [stripped.zfill(BOSCH_DIGITS), stripped]
    return spellings


def _fault(number: str) -> UnreadableNumber | None:
    said = f'"{_short(one_line(number))}"'
    fix = "Put one maker's part number, and nothing else, in the part number's place on the job."
    bare = normalise(number)
    words = number.split()
    if bare in _PLACEHOLDERS or not bare:
        why = "only holds the place of a part number."
    elif is_retailer_code(number):
        why = "is a retailer's item code, which the distributor does not know."
        fix = "Put the maker's own part number on the part; the retailer's page names it."
    elif _SEVERAL.search(number.strip()):
        why = "looks like several part numbers in one field."
    elif len(words) > 1 and any(word.isalpha() and len(word) >= 3 for word in words):  # noqa: PLR2004
        why = "is a sentence, not a part number."
    elif bare.isalpha():
        why = "has no digit, so it is no part number."
    elif len(bare) < SHORTEST:
        why = f"is too short for a part number: {SHORTEST} letters and digits is the least."
    elif len(bare) > LONGEST:
        why = f"is too long for a part number: {LONGEST} letters and digits is the most."
    else:
        return None
    return UnreadableNumber(f"{said} {why}", fix)


def _why_no_whole_number(typed: str) -> str:
    said = f'"{_short(one_line(typed))}"'
    if _NUMBER.fullmatch(typed) is None:
        return f"{said} is no quantity: only a number may stand there."
    if typed.startswith("-"):
        return f"The quantity {said} is negative."
    return f"The quantity {said} is a fraction: parts are sold whole."


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
