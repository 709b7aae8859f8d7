"""The memberships to sell for an order, one by one, and the term of each. Source: CHECKLIST OI-66; FACTS 2.9."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from decisions.invoicing import membership_sales
from decisions.words import listed, money, one_line
from models.errors import HeldError
from models.store_order import LineKind, StoreOrder

_FIX = "Correct the link of the store's service to ServiceTitan, then retry."


@dataclass(frozen=True, slots=True)
class MembershipUnit:
    """One membership to sell. `line` counts from 1: the first line that sold this type with this sale task."""

    membership_type: int
    sale_task: int
    at: int
    """Which one of this type and sale task, from 1."""
    unit_price: Decimal
    line: int

    def said(self) -> str:
        """Name the line, such as "Line 2"."""
        return f"Line {self.line}"

    @property
    def field(self) -> str:
        """The order's field that links it."""
        return f"lines.{self.line}.membership_type_id"


@dataclass(frozen=True, slots=True)
class OfferedType:
    """A membership type of the tenant."""

    id: int
    name: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class Term:
    """A duration and price that a membership type is sold at. Prices in US dollars."""

    id: int
    months: int | None
    """None goes on until it is ended."""
    billing: str
    """How often it is billed: OneTime, Monthly, ..."""
    sale_price: Decimal
    billing_price: Decimal
    is_active: bool

    def said(self) -> str:
        """Name it, such as "31 (12 months, Monthly, $0.00 at the sale, $19.00 per billing)"."""
        length = "ongoing" if self.months is None else f"{self.months} months"
        prices = f"{money(self.sale_price)} at the sale, {money(self.billing_price)} per billing"
        return f"{self.id} ({length}, {self.billing}, {prices})"


def membership_units(order: StoreOrder) -> tuple[MembershipUnit, ...]:
    """Return the memberships to sell, one for each piece: the core, then the add-ons (OI-66). A renewal sells none."""
    return tuple(_units(order))


def check_type(order: StoreOrder, unit: MembershipUnit, types: Iterable[OfferedType]) -> None:
    """Raise HeldError when the line's membership type is not in the tenant, or is switched off."""
    found = next((one for one in types if one.id == unit.membership_type), None)
    if found is None:
        raise HeldError(
            f"{unit.said()} of {order.number} names membership type {unit.membership_type}, "
            "which ServiceTitan does not have.",
            _FIX,
            unit.field,
        )
    if not found.is_active:
        raise HeldError(
            f"{unit.said()} of {order.number} names membership type {found.id} ({one_line(found.name)}), "
            "which is switched off in ServiceTitan.",
            "Switch it on in ServiceTitan, or link the store's service to another; then retry.",
            unit.field,
        )


def term_of(order: StoreOrder, unit: MembershipUnit, terms: Sequence[Term]) -> int:
    """Return the term to sell at: the only active one, else the one whose price is the line's.

    Raises: HeldError that lists the terms, when none or several fit: the buyer's price decides what is billed later.
    """
    active = [term for term in terms if term.is_active]
    if len(active) == 1:
        return active[0].id
    fitting = [term for term in active if unit.unit_price in {term.sale_price, term.billing_price}]
    if len(fitting) == 1:
        return fitting[0].id
    offered = listed([term.said() for term in active], "and") or "none"
    how_many = "no term" if not fitting else f"{len(fitting)} terms"
    raise HeldError(
        f"{unit.said()} of {order.number} costs {money(unit.unit_price)}, and membership type {unit.membership_type} "
        f"has {how_many} at that price. Its active terms: {offered}.",
        "Give the membership type one term at the store's price in ServiceTitan, or sell this one by hand; then retry.",
        unit.field,
    )


def _units(order: StoreOrder) -> Iterator[MembershipUnit]:
    for sale in membership_sales(order):
        for task, count in (sale.core, *sale.add_ons):
            line, price = _first_line(order, sale.membership_type_id, task)
            for at in range(1, count + 1):
                yield MembershipUnit(sale.membership_type_id, task, at, price, line)


def _first_line(order: StoreOrder, membership_type: int, sale_task: int) -> tuple[int, Decimal]:
    return next(
        (at, line.unit_price)
        for at, line in enumerate(order.lines, start=1)
        if line.kind is LineKind.MEMBERSHIP
        and (line.membership_type_id, line.sale_task_id) == (membership_type, sale_task)
    )
