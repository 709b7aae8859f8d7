"""Small readings of what people type into ServiceTitan. Pure."""

from __future__ import annotations

import difflib
import html
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

_TAG = re.compile(r"<[^>]*>")
_SEPARATOR = re.compile(r"[,;\r\n]+")


def plain(markup: str) -> str:
    """Return HTML as one line of plain text."""
    return " ".join(html.unescape(_TAG.sub(" ", markup)).split())


def as_html(text: str) -> str:
    """Return plain text for a field that ServiceTitan shows as HTML: what a buyer typed is shown, never run."""
    return html.escape(text, quote=False).replace("\r\n", "\n").replace("\n", "<br>")


def pieces(text: str) -> list[str]:
    """Cut a list that someone typed: by comma, semicolon or line."""
    return [piece for piece in (part.strip() for part in _SEPARATOR.split(text)) if piece]


def part_key(number: str) -> str:
    """Return a part number as it is compared: letters and digits only, upper case (Marcone FACTS section 5)."""
    return "".join(letter for letter in number.upper() if letter.isalnum())


def distinct(numbers: Iterable[str]) -> tuple[str, ...]:
    """Drop blanks and repetitions, keeping order and spelling."""
    kept: dict[str, str] = {}
    for number in numbers:
        if number.strip():
            kept.setdefault(part_key(number) or number.strip(), number.strip())
    return tuple(kept.values())


def quantity_text(value: Decimal) -> str:
    """Write a quantity without trailing zeros: "1", "0.5"."""
    return format(value.normalize(), "f")


def value_text(value: Any) -> str:
    """Return a form's or field's value as text; numbers without trailing zeros, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return quantity_text(value)
    return str(value).strip()


def same_name(one: str, other: str) -> bool:
    """Compare names as people do: case and surrounding spaces do not count."""
    return one.strip().casefold() == other.strip().casefold()


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a sentence that offers the nearest known name, or lists what there is."""
    names = sorted({one for one in known if one})
    lowered = {one.casefold(): one for one in names}
    near = difflib.get_close_matches(name.casefold(), list(lowered), n=1, cutoff=0.5)
    if near:
        return f'Did you mean "{lowered[near[0]]}"?'
    return f"There are: {', '.join(names[:10])}." if names else "There is none."
