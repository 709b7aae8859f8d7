"""What is to be done with one version of a store order: sync, wait, ignore, propose or hold. Each answer says why.

Source: contracts/contractor_commerce/CHECKLIST.md OI-3, OI-18, OI-66 to OI-70; the sums: openapi.yaml, schema Order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import chain

from decisions.matching import keys_of, order_trouble
from decisions.words import listed, money, to_cents
from models.store_order import LineKind, OrderState, PaymentState, StoreLine, StoreOrder

_ZERO = Decimal(0)
_CAPTURED = "captured"


class WaitFor(StrEnum):
    """What an order waits for; the poll or the next event brings it again."""

    PAYMENT = "payment"


class Reason(StrEnum):
    """Why an order version is not written."""

    TEST = "test order"
    DUPLICATE = "this version was taken in before"
    STALE = "a newer version was taken in before"
    CANCELED = "cancelled before sync"
    OFF = "its part of the sync is switched off"
    NOTHING_NEW = "nothing that ServiceTitan shows has changed"


class Change(StrEnum):
    """What happened in the store after the order was written; a person approves what to do (OI-69)."""

    CANCEL = "cancelled after sync"
    REFUND = "refund after sync"
    EDIT = "edited after sync"


@dataclass(frozen=True, slots=True)
class Sync:
    """Write the order, or what is still missing of it: every write is done once."""

    warnings: tuple[str, ...] = ()
    is_update: bool = False
    """Some of the order was written before; what is missing is due, such as the completion tag (OI-49)."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is written yet."""

    reason: WaitFor
    why: str


@dataclass(frozen=True, slots=True)
class Ignore:
    """Nothing is to be written for this version."""

    reason: Reason
    why: str


@dataclass(frozen=True, slots=True)
class Propose:
    """A person approves what becomes of job and invoice; nothing is voided or deleted by itself."""

    change: Change
    why: str
    amount: Decimal
    """What the change takes off the sale, in the order's currency; zero for an edit."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Kept and shown; goes through on retry once it is fixed (OI-70)."""

    why: str
    field: str
    fix: str


Intake = Sync | Wait | Ignore | Propose | Hold


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of earlier versions of the order."""

    version: int
    """The highest version taken in."""
    is_settled: bool
    """Whether that version is done with; one that waits or is held is decided anew."""
    is_synced: bool = False
    """Whether anything of the order was written to ServiceTitan."""
    written: StoreOrder | None = None
    """The version whose writing was begun, when one was: what later versions are compared with."""
    is_cancel_proposed: bool = False
    refunded: Decimal = _ZERO
    """The refunds a person has been asked about."""


def decide_intake(
    order: StoreOrder,
    *,
    seen: Seen | None = None,
    tenant_currency: str = "USD",
    products_on: bool = True,
    services_on: bool = True,
    alike: Iterable[str] = (),
) -> Intake:
    """Decide what to do with this version. `alike` are numbers of orders that look like it (`like_orders`)."""
    if order.is_test:
        return Ignore(Reason.TEST, f"{order.number} is a test order.")
    if seen:
        repeat = _repeat(order, seen)
        if repeat:
            return repeat
        if seen.is_synced:
            return _after_sync(order, seen)
    return _before_sync(order, tenant_currency, products_on, services_on, tuple(alike))


SOON = timedelta(minutes=15)
"""How long after an order another one counts as its repetition."""


def like_orders(order: StoreOrder, others: Iterable[StoreOrder]) -> tuple[str, ...]:
    """Return the earlier orders that this one repeats, by number, the newest last: same buyer and cart, close together.

    Charges of one subscription are never alike: they are meant to repeat (OI-3). Source: OI-68.
    """
    alike = [other for other in others if other.id != order.id and _is_alike(order, other)]
    return tuple(other.number for other in sorted(alike, key=lambda other: (other.created_at, other.number)))


def fingerprints(order: StoreOrder) -> frozenset[str]:
    """Return digests of store, cart and buyer, one for each key of the buyer: two orders share one when they are alike.

    The keys are those of matching: e-mail, phones, name at an address. A missing key is no key (OI-18). Source: OI-68.
    """
    cart = sorted(
        (line.kind, line.sku.strip().casefold() or line.name, line.quantity, str(line.unit_price), line.purchase)
        for line in order.lines
    )
    keys = keys_of(order.buyer, order.service_address)
    homes = [(name, keys.place) for name in keys.names] if keys.place else []
    prints = (repr((order.store_id, cart, key)) for key in chain(keys.emails, keys.phones, homes))
    return frozenset(hashlib.sha256(one.encode()).hexdigest() for one in prints)


def faults(order: StoreOrder) -> tuple[Hold, ...]:
    """Return everything that keeps the order from being written as it is, the most basic first."""
    return tuple(chain(_line_faults(order), _sum_faults(order), _payment_faults(order), _buyer_faults(order)))


def _repeat(order: StoreOrder, seen: Seen) -> Ignore | None:
    if order.version < seen.version:
        return Ignore(Reason.STALE, f"Version {order.version} came after version {seen.version}.")
    if order.version == seen.version and seen.is_settled:
        return Ignore(Reason.DUPLICATE, f"Version {order.version} was taken in before.")
    return None


def _after_sync(order: StoreOrder, seen: Seen) -> Sync | Ignore | Propose:
    if order.state is OrderState.CANCELED or order.payment_state is PaymentState.VOIDED:
        if seen.is_cancel_proposed:
            return Ignore(Reason.NOTHING_NEW, "A person has been asked about the cancellation.")
        return Propose(Change.CANCEL, _cancel_words(order), order.grand_total)
    more = _refunded(order) - seen.refunded
    if more > _ZERO:
        return Propose(Change.REFUND, f"The store refunded {money(more)} after the order was written.", more)
    if seen.written and _cart(order) != _cart(seen.written):
        return Propose(Change.EDIT, "Lines, money or address changed after the order was written.", _ZERO)
    if seen.written is None or order.state is not seen.written.state or not seen.is_settled:
        return Sync(is_update=True)
    return Ignore(Reason.NOTHING_NEW, "Nothing that ServiceTitan shows has changed.")


def is_taken_back(order: StoreOrder) -> bool:
    """Tell whether nothing is left of the sale: cancelled, or all of the money gone back."""
    gone = {PaymentState.VOIDED, PaymentState.REFUNDED}
    return order.state is OrderState.CANCELED or order.payment_state in gone


def _refunded(order: StoreOrder) -> Decimal:
    """What went back to the buyer: all of it when the store says refunded, also where it names no amount."""
    whole = order.grand_total if order.payment_state is PaymentState.REFUNDED else _ZERO
    return max(order.refunded_total, whole)


def _cancel_words(order: StoreOrder) -> str:
    refunded = f" and {money(order.refunded_total)} refunded" if order.refunded_total else ""
    return f"The store cancelled the order{refunded} after it was written."


def _before_sync(
    order: StoreOrder, tenant_currency: str, products_on: bool, services_on: bool, alike: tuple[str, ...]
) -> Sync | Wait | Ignore | Hold:
    if is_taken_back(order):
        return Ignore(Reason.CANCELED, "The order was cancelled or refunded before it was written.")
    if order.lines and not any(_is_on(line, products_on, services_on) for line in order.lines):
        return Ignore(Reason.OFF, "The shop file has the sync of this kind of order switched off.")
    if order.payment_state in {PaymentState.PENDING, PaymentState.AUTHORIZED, PaymentState.FAILED} and (
        order.grand_total != _ZERO
    ):
        return Wait(WaitFor.PAYMENT, f"The payment is {order.payment_state.value}; the store has no money yet.")
    held = faults(order)
    if held:
        return held[0]
    warnings = [f"looks like {number}" for number in alike[-1:]]
    if order.currency != tenant_currency:
        warnings.append(f"currency {order.currency}")
    return Sync(tuple(warnings))


def _is_on(line: StoreLine, products_on: bool, services_on: bool) -> bool:
    match line.kind:
        case LineKind.PRODUCT:
            return products_on
        case LineKind.SERVICE | LineKind.MEMBERSHIP:
            return services_on
        case LineKind.UNKNOWN:
            return products_on or services_on


def _line_faults(order: StoreOrder) -> Iterator[Hold]:
    if not order.lines:
        yield Hold("the order has no lines", "lines", "Look at the order in the store; cancel it there if it is empty.")
    for at, line in enumerate(order.lines, start=1):
        where = f"lines.{at}"
        if line.kind is LineKind.UNKNOWN:
            yield Hold(f"line {at} is of an unknown kind", f"{where}.kind", "Correct the item's kind in the store.")
        if line.kind is LineKind.PRODUCT and not line.sku.strip():
            yield Hold(f"line {at} is a product without SKU", f"{where}.sku", "Give the product a SKU in the store.")
        if line.quantity <= 0:
            yield Hold(f"line {at} has quantity {line.quantity}", f"{where}.quantity", "Correct it in the store.")
        if line.kind is LineKind.MEMBERSHIP and (not line.membership_type_id or not line.sale_task_id):
            yield Hold(
                f"line {at} is a membership without link to ServiceTitan",
                f"{where}.membership_type_id",
                "Link the service to a membership type and a sale task in the store's dashboard.",
            )
        if line.kind is LineKind.MEMBERSHIP and not order.terms and not _is_renewal(order):
            yield Hold("the membership's terms are not accepted", "terms", "Have the buyer accept them in the store.")


def _is_renewal(order: StoreOrder) -> bool:
    """Tell whether it is a later charge of a subscription: its terms were accepted with the first."""
    return order.subscription_sequence is not None and order.subscription_sequence > 1


def _sum_faults(order: StoreOrder) -> Iterator[Hold]:
    fix = "Correct the order in the store, or ask the store's support; nothing is written until the sums agree."
    amounts = {
        "subtotal": order.subtotal,
        "discount_total": order.discount_total,
        "shipping_total": order.shipping_total,
        "tax_total": order.tax_total,
        "grand_total": order.grand_total,
    }
    for at, line in enumerate(order.lines, start=1):
        amounts[f"lines.{at}.unit_price"] = line.unit_price
        amounts[f"lines.{at}.discount_total"] = line.discount_total
        amounts[f"lines.{at}.tax_total"] = line.tax_total
        amounts[f"lines.{at}.total"] = line.total
    odd = [name for name, amount in amounts.items() if not _is_cents(amount)]
    if odd:
        yield Hold(f"{listed(odd, 'and')}: no amount of zero or more, to the cent", odd[0], fix)
        return  # what is no amount cannot be added up
    for at, line in enumerate(order.lines, start=1):
        if line.total != line.quantity * line.unit_price - line.discount_total:
            yield Hold(f"line {at} does not add up", f"lines.{at}.total", fix)
    if order.subtotal != sum((line.quantity * line.unit_price for line in order.lines), _ZERO):
        yield Hold("the lines do not add up to the subtotal", "subtotal", fix)
    if order.discount_total < sum((line.discount_total for line in order.lines), _ZERO):
        yield Hold("the lines' discounts are more than the order's", "discount_total", fix)
    if order.discount_total > order.subtotal + order.shipping_total:  # shipping can be given away too
        yield Hold("the discount is more than what was bought", "discount_total", fix)
    if order.tax_total < sum((line.tax_total for line in order.lines), _ZERO):
        yield Hold("the lines' tax is more than the order's", "tax_total", fix)
    if order.grand_total != order.subtotal - order.discount_total + order.shipping_total + order.tax_total:
        yield Hold("the totals do not add up", "grand_total", fix)


def _is_cents(amount: Decimal) -> bool:
    return amount.is_finite() and _ZERO <= amount < Decimal(10) ** 12 and to_cents(amount) == amount


def _payment_faults(order: StoreOrder) -> Iterator[Hold]:
    if order.payment_state is PaymentState.PARTIALLY_REFUNDED or order.refunded_total != _ZERO:
        yield Hold(
            "refunded in part before it was written",
            "refunded_total",
            "Write the order by hand in ServiceTitan, with what was really sold.",
        )
        return
    captured = [payment.amount for payment in order.payments if payment.status == _CAPTURED]
    if order.payments and sum(captured, _ZERO) != order.grand_total:
        yield Hold(
            f"the store collected {money(sum(captured, _ZERO))} for an order of {money(order.grand_total)}",
            "payments",
            "Correct payment or order in the store.",
        )


def _buyer_faults(order: StoreOrder) -> Iterator[Hold]:
    trouble = order_trouble(order.buyer, order.service_address)
    if trouble:
        field = "service_address.line1" if "street" in trouble.why else "service_address.zip"
        yield Hold(trouble.why, field, trouble.fix)


def _is_alike(order: StoreOrder, other: StoreOrder) -> bool:
    is_later = (other.created_at, other.number) < (order.created_at, order.number)
    is_same_subscription = bool(order.subscription_id) and order.subscription_id == other.subscription_id
    return (
        is_later
        and order.created_at - other.created_at <= SOON
        and not is_same_subscription
        and bool(fingerprints(order) & fingerprints(other))
    )


def _cart(order: StoreOrder) -> tuple[object, ...]:
    """What ServiceTitan shows of an order: a change in it after sync is for a person."""
    lines = sorted((line.id, line.kind, line.sku, line.quantity, line.unit_price, line.total) for line in order.lines)
    address = order.service_address
    place = (address.line1, address.line2, address.city, address.state, address.zip, address.country)
    return lines, place, order.requested_window, order.shipping_total, order.tax_total, order.grand_total
