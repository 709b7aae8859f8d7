"""The memberships to sell for an order, one by one: the term of each, and what the store collected for it.

Source: CHECKLIST OI-63, OI-66; FACTS 2.9.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from decisions.invoicing import PartKind, allocate, membership_sales, split_cart
from decisions.words import listed, money, one_line
from models.errors import HeldError
from models.store_order import LineKind, PaymentState, StoreLine, StoreOrder

_FIX = "Correct the link of the store's service to ServiceTitan, then retry."


@dataclass(frozen=True, slots=True)
class MembershipUnit:
    """One membership to sell. `line` is the order's line that sold it, counted from 1."""

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


def membership_payments(order: StoreOrder) -> dict[MembershipUnit, Decimal]:
    """Return what the store collected for each membership it sold, to the cent (OI-63, OI-66).

    A line's cost with its tax, shared by its pieces. What is on no line, such as a discount on the whole order, is
    shared by what the lines cost. Empty when the store has no money, or collected none for memberships.
    """
    if order.payment_state is not PaymentState.PAID:
        return {}
    paid = _paid_lines(order)
    pieces = {
        number: iter(allocate(amount, [Decimal(1)] * order.lines[number - 1].quantity))
        for number, amount in paid.items()
    }
    collected = {unit: next(pieces[unit.line]) for unit in membership_units(order)}
    return collected if any(collected.values()) else {}


def payment_warning(invoice: int, total: Decimal, collected: Decimal) -> str:
    """Return what to tell when the invoice of a sale is not what the store collected; empty when it is (OI-63)."""
    if total == collected:
        return ""
    return f"invoice {invoice} of a membership comes to {money(total)}, the store collected {money(collected)} for it"


@dataclass(frozen=True, slots=True)
class SeenMembership:
    """A membership of the customer; `came_from` is the invoice line that made it, where ServiceTitan says so."""

    id: int
    came_from: int | None


@dataclass(frozen=True, slots=True)
class SeenInvoice:
    """An invoice of the customer: what each of its lines sold, by the line's id."""

    id: int
    skus: Mapping[int, int | None]


def find_sale(
    sale_task: int, memberships: Sequence[SeenMembership], invoices: Sequence[SeenInvoice]
) -> tuple[int, int] | None:
    """Return membership and invoice of one sale of this task, the oldest; None when neither is there (OI-67).

    Give only what no other sale of ours has. A membership belongs to the invoice whose line it came from [spec]; where
    that is not told, to one with a line of the sale task that made no other [inferred].
    """
    lines = {line: (invoice.id, sku) for invoice in invoices for line, sku in invoice.skus.items()}
    told = [(one.id, *lines[one.came_from]) for one in memberships if one.came_from in lines]
    exact = [(membership, invoice) for membership, invoice, sku in told if sku == sale_task]
    if exact:
        return min(exact)
    others = {invoice for _, invoice, _ in told}
    membership = min((one.id for one in memberships if one.came_from not in lines), default=None)
    invoice = min((one.id for one in invoices if sale_task in one.skus.values() and one.id not in others), default=None)
    return None if membership is None or invoice is None else (membership, invoice)


def _units(order: StoreOrder) -> Iterator[MembershipUnit]:
    for sale in membership_sales(order):
        for task, _ in (sale.core, *sale.add_ons):
            for at, (number, line) in enumerate(_pieces(order, sale.membership_type_id, task), start=1):
                yield MembershipUnit(sale.membership_type_id, task, at, line.unit_price, number)


def _pieces(order: StoreOrder, membership_type: int, sale_task: int) -> list[tuple[int, StoreLine]]:
    """Return the line of each piece, with its number: lines of one sale task may differ in price."""
    return [
        (number, line)
        for number, line in enumerate(order.lines, start=1)
        if line.kind is LineKind.MEMBERSHIP
        and (line.membership_type_id, line.sale_task_id) == (membership_type, sale_task)
        for _ in range(line.quantity)
    ]


def _paid_lines(order: StoreOrder) -> dict[int, Decimal]:
    """Return what the buyer paid for each line that is no product, by its number; together what their part cost."""
    part = next((one for one in split_cart(order) if one.kind is PartKind.SERVICE), None)
    if part is None:
        return {}
    numbers = [at for at, line in enumerate(order.lines, start=1) if line.kind is not LineKind.PRODUCT]
    own = [line.total + line.tax_total for line in part.lines]
    rest = part.total - sum(own, Decimal(0))
    shares = allocate(abs(rest), [line.total for line in part.lines])
    return {number: amount + share.copy_sign(rest) for number, amount, share in zip(numbers, own, shares, strict=True)}
