"""How people and places are compared: e-mails, phones, names, streets, units and postal codes are folded to keys.

A key is for comparing only; what the buyer typed is stored as typed. An empty key compares with nothing (OI-18).
Source: contracts/contractor_commerce/CHECKLIST.md OI-8, OI-16, OI-17, OI-18. Tables of words: USPS Publication 28,
appendices B and C, the words that stores see.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import Leniency, PhoneNumber, PhoneNumberFormat, ValidationResult

_EMAIL = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+\.[^\s@<>,;]+")
_BARE_PHONE = re.compile(r"(?<!\d)\(?([2-9]\d{2})\)?[\s.-]*([2-9]\d{2})[\s.-]*(\d{4})(?!\d)")
_PLAIN_PHONE = re.compile(
    r"([2-9][0-9]{2})(?:-([2-9][0-9]{2})-|\.([2-9][0-9]{2})\.| ([2-9][0-9]{2})[ -]|([2-9][0-9]{2}))([0-9]{4})"
    r"|\(([2-9][0-9]{2})\) ?([2-9][0-9]{2})-([0-9]{4})"
)
"""A US number as people write it, and nothing else."""
_NANP = re.compile(r"[2-9]\d{2}[2-9]\d{6}")
_APOSTROPHES = re.compile("['\u2018\u2019\u201b\u02bc\u02b9`\u00b4\u2032]")
_NUMBER_SIGN = re.compile(r"\bn[\u00b0\u00ba]", re.IGNORECASE)
_NOT_WORD = re.compile(r"[^\w#]|_")
_US_ZIP = re.compile(r"([0-9]{5})(?:[- \u2010-\u2015]?[0-9]{4})?")
_CA_CODE = re.compile(r"([ABCEGHJ-NPRSTVXY][0-9][A-Z])[ -]?([0-9][A-Z][0-9])")
_FIRST_ZIP, _LAST_ZIP = 501, 99950
"""The lowest and highest ZIP in use: below and above there is no place."""

_COUNTRIES = {
    "us": "US",
    "usa": "US",
    "united states": "US",
    "united states of america": "US",
    "ca": "CA",
    "can": "CA",
    "canada": "CA",
}

# Letters that Unicode does not take apart into a plain letter and a mark.
_PLAIN = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "\u0131": "i", "ħ": "h", "ŧ": "t"}
)

_STREET_WORDS = {
    word: short
    for short, words in {
        "aly": "alley",
        "ave": "avenue av aven",
        "blvd": "boulevard boul",
        "br": "branch",
        "brg": "bridge",
        "byp": "bypass",
        "cir": "circle circ",
        "crk": "creek",
        "cres": "crescent",
        "xing": "crossing",
        "ct": "court crt",
        "cv": "cove",
        "dr": "drive drv",
        "expy": "expressway",
        "ext": "extension",
        "fwy": "freeway",
        "gdns": "gardens",
        "gln": "glen",
        "grv": "grove",
        "hts": "heights",
        "hwy": "highway",
        "hl": "hill",
        "jct": "junction",
        "ln": "lane",
        "lndg": "landing",
        "mdw": "meadow",
        "mnr": "manor",
        "mt": "mount",
        "pkwy": "parkway pky parkwy",
        "pl": "place",
        "plz": "plaza",
        "pt": "point",
        "rd": "road",
        "rdg": "ridge",
        "rte": "route rt",
        "spg": "spring",
        "sq": "square",
        "st": "street str saint",
        "sta": "station",
        "ter": "terrace terr",
        "tpke": "turnpike",
        "trce": "trace",
        "trl": "trail",
        "vly": "valley",
        "vw": "view",
        "vlg": "village",
        "vis": "vista",
        "n": "north",
        "s": "south",
        "e": "east",
        "w": "west",
        "ne": "northeast",
        "nw": "northwest",
        "se": "southeast",
        "sw": "southwest",
    }.items()
    for word in words.split()
}

_ANY_UNIT = "#"
"""Apartment, suite, unit and number all say the same thing: which door."""

_UNIT_WORDS = {
    word: sign
    for sign, words in {
        _ANY_UNIT: "# apt apartment unit ste suite no nr num number",
        "bldg": "bldg building",
        "fl": "fl floor flr",
        "rm": "rm room",
        "lot": "lot",
        "spc": "spc space",
        "trlr": "trlr trailer",
    }.items()
    for word in words.split()
}


@dataclass(frozen=True, slots=True)
class PlaceKey:
    """One door. Two doors are the same when their keys are equal; the city's spelling does not count, its ZIP does."""

    street: str
    unit: str
    zip: str


def email_key(text: str) -> str:
    """Fold an e-mail: case and outer blanks do not count (OI-8). Empty when there is no e-mail in it (OI-18)."""
    if text.isascii():
        clean = text.lower().strip()
    else:
        clean = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).strip()
    return clean if _EMAIL.fullmatch(clean) else ""


def email_keys(texts: Iterable[str]) -> frozenset[str]:
    """Return the keys of all usable e-mails."""
    return frozenset(key for text in texts if (key := email_key(text)))


def phone_keys(*texts: str) -> frozenset[str]:
    """Return every phone number in these fields, such as "+16025550111"; a number without +… is a US one (OI-16).

    Extensions are dropped: they lead to a desk, not to another household. Numbers that are too short or too long,
    and fillers such as 000-000-0000, are no key.
    """
    return frozenset(key for text in texts for key in _phones_in(text))


def _phones_in(text: str) -> list[str]:
    if not text:
        return []
    plain = _PLAIN_PHONE.fullmatch(text)
    if plain is not None:  # most are, and looking for numbers in a text takes forty times as long
        key = "+1" + "".join(filter(None, plain.groups()))
        return [key] if len(set(key[2:])) > 1 else []
    clean = unicodedata.normalize("NFKC", text)
    found = [match.number for match in phonenumbers.PhoneNumberMatcher(clean, "US", leniency=Leniency.POSSIBLE)]
    keys = [_phone_key(number) for number in found]
    if not found:  # two numbers with only blanks between them look like one that is too long
        keys = [f"+1{''.join(parts)}" for parts in _BARE_PHONE.findall(clean)]
    return [key for key in keys if key and len(set(key[2:])) > 1]


def _phone_key(number: PhoneNumber) -> str:
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return ""
    key = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return key if number.country_code != 1 or _NANP.fullmatch(key[2:]) else ""


def name_key(text: str) -> str:
    """Fold a name: case, marks, apostrophes, hyphens and spacing do not count (OI-17)."""
    return " ".join(word for word in _words(text) if word != _ANY_UNIT)


def street_key(text: str) -> str:
    """Fold a street: "9020 East Quail Brush Lane" and "9020 E. Quail Brush Ln" are one (OI-17)."""
    return _street_of(_words(text))


def _street_of(words: Iterable[str]) -> str:
    return " ".join(_STREET_WORDS.get(word, word) for word in words if word != _ANY_UNIT)


def unit_key(text: str) -> str:
    """Fold a unit: "#4B", "Apt 4-B" and "Unit 4b" are one, "Bldg 4" is another (OI-17)."""
    if not text.strip():
        return ""
    groups: list[tuple[str, list[str]]] = [(_ANY_UNIT, [])]
    for word in _words(text):
        if word in _UNIT_WORDS:
            groups.append((_UNIT_WORDS[word], []))
        else:
            groups[-1][1].append(word)
    doors = {(sign, "".join(words)) for sign, words in groups}
    return " ".join(sorted(f"{sign} {door}" for sign, door in doors if door and door not in _UNIT_WORDS))


def place_key(street: str, unit: str, postal_code: str, country: str = "") -> PlaceKey | None:
    """Return the key of an address, or None when street or postal code is missing or impossible (OI-18).

    A unit behind the street, "77 N Tamarisk Row Apt 4B", counts as a unit.
    """
    code = postal_key(postal_code, country)
    line, behind = _without_unit(_words(street))
    key = _street_of(line)
    doors = " ".join([*behind, _ANY_UNIT, unit] if unit else behind)
    return PlaceKey(key, unit_key(doors), code) if key and code else None


def _without_unit(words: list[str]) -> tuple[list[str], list[str]]:
    """Split a unit off the end. House number and street name come first, so the first two words are never it."""
    for at in range(2, len(words) - 1):
        follows = words[at + 1]
        if words[at] in _UNIT_WORDS and (len(follows) == 1 or any(sign.isdigit() for sign in follows)):
            return words[:at], words[at:]
    return words, []


def postal_key(text: str, country: str = "") -> str:
    """Return five digits of a US ZIP, or a Canadian code without its blank; empty when there is no such code (OI-17).

    Of other countries, and of a country nobody knows, the code is taken as typed. No country: the US or Canada.
    """
    code = unicodedata.normalize("NFKC", text).strip().upper()
    match country_key(country):
        case "US":
            return _us_zip(code)
        case "CA":
            return _canadian(code)
        case "":
            return _us_zip(code) or _canadian(code)
        case _:
            return "".join(code.split())


@lru_cache(maxsize=256)
def country_key(text: str) -> str:
    """Return "US" or "CA" however it is written, another country in capitals, empty when none is named."""
    clean = name_key(text)
    return _COUNTRIES.get(clean, clean.upper())


def _us_zip(code: str) -> str:
    found = _US_ZIP.fullmatch(code)
    return found.group(1) if found and _FIRST_ZIP <= int(found.group(1)) <= _LAST_ZIP else ""


def _canadian(code: str) -> str:
    found = _CA_CODE.fullmatch(code)
    return found.group(1) + found.group(2) if found else ""


def _words(text: str) -> list[str]:
    """Fold text to plain words: "Siobhán O'Rourke" to siobhan, orourke; "#4B" to #, 4b."""
    if text.isascii():  # most is, and has two of the apostrophes and none of the rest
        return _NOT_WORD.sub(" ", text.lower().replace("'", "").replace("`", "")).replace("#", " # ").split()
    plain = _plain(_NUMBER_SIGN.sub(" # ", _APOSTROPHES.sub("", text)))
    return _NOT_WORD.sub(" ", _APOSTROPHES.sub("", plain)).replace("#", " # ").split()


def _plain(text: str) -> str:
    """Fold case and drop marks. Twice: folding case can set marks free, and taking apart can set capitals free."""
    if text.isascii():
        return text.lower()
    for _ in range(2):
        apart = unicodedata.normalize("NFKD", text.casefold())
        text = "".join(sign for sign in apart if not unicodedata.combining(sign)).translate(_PLAIN)
    return text
