"""How amounts, days, branches and dates are written for people. One place, so that they read alike everywhere."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import date, datetime, tzinfo
from decimal import ROUND_HALF_UP, Decimal

from models.part import BranchStock

_CENT = Decimal("0.01")
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def to_cents(amount: Decimal) -> Decimal:
    """Round US dollars half up to the cent."""
    return amount.quantize(_CENT, rounding=ROUND_HALF_UP)


def money(amount: Decimal) -> str:
    """Write US dollars, such as "$1,041.20" or "-$3.00"."""
    sign = "-" if amount < 0 else ""
    return f"{sign}${abs(to_cents(amount)):,}"


def days(count: int | None) -> str:
    """Write days in transit, such as "1 day"; a distributor may name none."""
    if count is None:
        return "days not known"
    return "1 day" if count == 1 else f"{count} days"


def customers(count: int) -> str:
    """Write a number of customers, such as "1 customer" or "1,200 customers"."""
    return "1 customer" if count == 1 else f"{count:,} customers"


def branch_label(stock: BranchStock) -> str:
    """Write a branch as people know it, such as "601 Birmingham"."""
    return one_line(f"{stock.branch} {stock.name}")


def one_line(text: str) -> str:
    """Return text on one line, without control and text-direction characters that could disguise what it says."""
    spaced = " ".join(text.split())
    return "".join(sign for sign in spaced if unicodedata.category(sign) not in {"Cc", "Cf", "Cs", "Co"}).strip()


def listed(items: Iterable[str], last: str = "or") -> str:
    """Write a list as a sentence does: "A, B or C"."""
    *head, tail = list(items) or [""]
    return f"{', '.join(head)} {last} {tail}" if head else tail


def moment(at: datetime, zone: tzinfo) -> str:
    """Write a moment in the shop's zone, such as "2026-10-03 14:15 CDT"."""
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")


def long_date(day: date, today: date) -> str:
    """Write a date as people say it, such as "Friday, October 2"; the year only when it is another one."""
    said = f"{_WEEKDAYS[day.weekday()]}, {_MONTHS[day.month - 1]} {day.day}"
    return said if day.year == today.year else f"{said}, {day.year}"


def sentence(text: str) -> str:
    """End the text with a full stop, unless it ends already."""
    clean = one_line(text)
    return clean if not clean or clean[-1] in ".!?" else f"{clean}."


def as_sentence(text: str) -> str:
    """Write a reason as a sentence of its own: with a capital and a full stop."""
    return sentence(f"{text[:1].upper()}{text[1:]}")
