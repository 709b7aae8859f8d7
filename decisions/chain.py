"""Which part is meant? An old number is followed through its replacements, one lookup at a time.

Pure: `next_step` is given every answer so far and says what to look up next, or how the search ended. The task only
does the lookups:

    answers: dict[Lookup, tuple[Candidate, ...]] = {}
    while isinstance(step := next_step(spellings, answers), Lookup):
        answers[step] = await match(step)        # () when the distributor says "not found"

Source: contracts/marcone/FACTS.md section 6, CHECKLIST PL-13, PL-16, PL-19 to PL-22.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace

from decisions.part_numbers import normalise, same_part_number
from decisions.words import listed
from models.part import Candidate, PartRef

MAX_HOPS = 8
"""Replacements in a row; the longest known real chain has four."""
MAX_LOOKUPS = 24
"""Lookups for one request; beyond it the distributor's data goes in circles."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Ask the distributor for this number; an empty make asks for every make."""

    number: str
    make: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """A part that could be ordered, and the numbers that led to it, oldest first, ending in its own."""

    candidate: Candidate
    path: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolved:
    """The parts to put to the technician. The first is the suggestion, unless `must_choose` (PL-16, PL-20)."""

    choices: tuple[Choice, ...]
    must_choose: bool = False
    because: str = ""
    """Why there is a choice."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotFound:
    """The distributor knows none of the numbers (PL-19)."""

    tried: tuple[str, ...]
    why: str
    fix: str


@dataclass(frozen=True, slots=True)
class NoLongerAvailable:
    """Discontinued, nothing left, and nothing in its place: a clear end (PL-22)."""

    path: tuple[str, ...]
    why: str
    fix: str


@dataclass(frozen=True, slots=True)
class Tangled:
    """The distributor's replacements lead in a circle, or too far: a person must find the part."""

    path: tuple[str, ...]
    why: str
    fix: str


Ending = Resolved | NotFound | NoLongerAvailable | Tangled
Step = Lookup | Ending
Answers = Mapping[Lookup, tuple[Candidate, ...]]

_Walk = Generator[Lookup, tuple[Candidate, ...], Ending]


def next_step(spellings: Sequence[str], answers: Answers) -> Step:
    """Say what to look up next, or how the search ended, given the answers so far (empty for "not found")."""
    walk = _find(spellings)
    try:
        lookup = next(walk)
        for _ in range(MAX_LOOKUPS):
            if lookup not in answers:
                return lookup
            lookup = walk.send(answers[lookup])
    except StopIteration as end:
        ending: Ending = end.value
        return ending
    return _tangled(tuple(spellings[:1]), "names more replacements than can be followed")


def _find(spellings: Sequence[str]) -> _Walk:
    """Try the spellings until the distributor knows one, then follow what it names."""
    for spelling in spellings:
        candidates = yield Lookup(spelling)
        if candidates:
            return (yield from _follow(spelling, candidates, ()))
    return NotFound(
        tuple(spellings),
        f"The distributor does not know {listed(spellings)}." if spellings else "There is no number to look up.",
        "Check the number on the part or the model's parts list, correct it on the job, then retry.",
    )


def _follow(asked: str, candidates: tuple[Candidate, ...], path: tuple[str, ...]) -> _Walk:
    """Follow everything one number resolved to. `path` is what led here, without the number itself."""
    endings: list[Ending] = []
    for candidate in candidates:
        number = candidate.part.number
        here = (*path, number) if same_part_number(number, asked) else (*path, asked, number)
        endings.append((yield from _follow_one(candidate, here)))
    if len(candidates) == 1:
        return endings[0]
    return _together(endings, f"{asked} names {len(candidates)} parts; only one of them is meant.")


def _follow_one(candidate: Candidate, path: tuple[str, ...]) -> _Walk:
    """Decide by what is left of this part whether its replacements matter, and how much."""
    has_stock = any(row.available > 0 for row in candidate.stock)
    if not candidate.is_discontinued and (has_stock or candidate.is_drop_ship_only):
        return Resolved((Choice(candidate, path),))  # sold today: what it names besides may be its old numbers

    replaced, warnings = yield from _replacements(candidate, path)
    itself = Choice(candidate, path, warnings)
    name = candidate.part.number
    if not candidate.is_discontinued:
        if not isinstance(replaced, Resolved):
            return Resolved((itself,))
        return _together(
            [Resolved((itself,)), replaced], f"{name} is out of stock everywhere, and a replacement is on offer."
        )
    if has_stock:
        ended = () if replaced is None or isinstance(replaced, Resolved) else (replaced.why,)
        leftover = replace(itself, warnings=(*warnings, *ended, "Discontinued: what is left is all there will be."))
        if not isinstance(replaced, Resolved):
            return Resolved((leftover,))
        return replace(replaced, choices=_distinct([*replaced.choices, leftover]))
    if replaced is None:
        dropped = f" {' '.join(warnings)}" if warnings else ""
        return NoLongerAvailable(
            path,
            f"{' → '.join(path)} is discontinued, no branch has any left, and no replacement is known.{dropped}",
            "Find another source or another part, and diagnose that one; otherwise tell the customer.",
        )
    if isinstance(replaced, Resolved):
        return replace(replaced, warnings=(*replaced.warnings, *warnings))
    return replaced


def _replacements(
    candidate: Candidate, path: tuple[str, ...]
) -> Generator[Lookup, tuple[Candidate, ...], tuple[Ending | None, tuple[str, ...]]]:
    """Look up each replacement and follow it. What cannot be found is dropped with a warning (FACTS 6)."""
    offered = _distinct_refs(candidate)
    endings: list[Ending] = []
    warnings: list[str] = []
    for ref in offered:
        if any(same_part_number(ref.number, seen) for seen in path):
            endings.append(_tangled((*path, ref.number), "names as its replacement a number it replaced itself"))
            continue
        if len(path) > MAX_HOPS:
            endings.append(_tangled((*path, ref.number), f"is followed by more than {MAX_HOPS} replacements"))
            continue
        found = yield Lookup(ref.number, ref.make)
        if not found:
            warnings.append(f"The distributor names {ref} as a replacement of {candidate.part.number}, but has none.")
            continue
        ending = yield from _follow(ref.number, found, path)
        endings.append(_other_make(ending, candidate.part))
    if not endings:
        return None, tuple(warnings)
    if len(offered) == 1:
        return endings[0], tuple(warnings)
    because = f"{candidate.part.number} has {len(offered)} replacements; the model or its build date decides which."
    return _together(endings, because, has_dropped=bool(warnings)), tuple(warnings)


def _together(endings: Sequence[Ending], because: str, *, has_dropped: bool = False) -> Ending:
    """Put several endings into one question. What ended is told; one part left over of several is still a choice."""
    live = [ending for ending in endings if isinstance(ending, Resolved)]
    dead = [ending for ending in endings if not isinstance(ending, Resolved)]
    if not live:
        return next((ending for ending in dead if isinstance(ending, Tangled)), dead[0])
    choices = _distinct([choice for ending in live for choice in ending.choices])
    warnings = [warning for ending in live for warning in ending.warnings] + [ending.why for ending in dead]
    if len(choices) == 1 and not dead and not has_dropped and not any(ending.must_choose for ending in live):
        return Resolved(choices, warnings=tuple(dict.fromkeys(warnings)))
    return Resolved(choices, must_choose=True, because=because, warnings=tuple(dict.fromkeys(warnings)))


def _distinct(choices: Sequence[Choice]) -> tuple[Choice, ...]:
    """Keep the first of each part; two ways to one part are one choice."""
    kept: dict[tuple[str, str], Choice] = {}
    for choice in choices:
        part = choice.candidate.part
        kept.setdefault((part.make.casefold(), normalise(part.number)), choice)
    return tuple(kept.values())


def _distinct_refs(candidate: Candidate) -> list[PartRef]:
    kept: dict[tuple[str, str], PartRef] = {}
    for ref in candidate.replaced_by:
        if normalise(ref.number) and not same_part_number(ref.number, candidate.part.number):
            kept.setdefault((ref.make.casefold(), normalise(ref.number)), ref)
    return list(kept.values())


def _other_make(ending: Ending, old: PartRef) -> Ending:
    """Say so when the replacement is of another make (WR02X12650 GE became DA81-01345B Samsung)."""
    if not isinstance(ending, Resolved):
        return ending
    choices = tuple(
        replace(
            choice,
            warnings=(
                *choice.warnings,
                f"Another make: {choice.candidate.part} takes the place of {old}.",
            ),
        )
        if old.make and choice.candidate.part.make.casefold() != old.make.casefold()
        else choice
        for choice in ending.choices
    )
    return replace(ending, choices=choices)


def _tangled(path: tuple[str, ...], what: str) -> Tangled:
    return Tangled(
        path,
        f"{' → '.join(path)}: the distributor {what}.",
        "Ask the distributor which number is current, put that one on the job, then retry.",
    )
