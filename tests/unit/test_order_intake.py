"""What is done with an order version: sync, wait, ignore, propose or hold, each with its reason."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from decisions.order_intake import (
    Change,
    Hold,
    Ignore,
    Propose,
    Reason,
    Seen,
    Sync,
    Wait,
    WaitFor,
    decide_intake,
    faults,
    like_orders,
)
from models.store_order import LineKind, OrderState, PaymentState, Purchase, StoreOrder, StorePayment, TermsAccepted
from tests.unit.orders import ELM, LATER, NOW, PAT, line, order

TEN = Decimal("10.00")
SERVICE = line(id="2", kind=LineKind.SERVICE, sku="SVC-1")
TERMS = TermsAccepted(document="Plan terms", accepted_at=NOW)
MEMBERSHIP = line(kind=LineKind.MEMBERSHIP, membership_type_id=7, sale_task_id=8)


def synced(version: int = 1, written: StoreOrder | None = None, **changes: object) -> Seen:
    return Seen(version=version, is_settled=True, is_synced=True, written=written or order(), **changes)


def test_a_paid_order_is_synced() -> None:
    """OI-69."""
    assert decide_intake(order()) == Sync()


@pytest.mark.parametrize("sequence", [1, 2, 9])
def test_each_charge_of_a_subscription_is_an_order(sequence: int) -> None:
    """OI-3."""
    charge = order(line(purchase=Purchase.SUBSCRIPTION), subscription_id="33", subscription_sequence=sequence)
    assert decide_intake(charge) == Sync()


@pytest.mark.parametrize("state", [PaymentState.PENDING, PaymentState.AUTHORIZED, PaymentState.FAILED])
def test_an_order_waits_for_its_payment(state: PaymentState) -> None:
    """OI-69: also an authorised card; an order that costs nothing waits for nothing."""
    waiting = decide_intake(order(payment_state=state))
    assert isinstance(waiting, Wait)
    assert waiting.reason is WaitFor.PAYMENT
    assert decide_intake(order(line(discount_total=Decimal("39.96")), payment_state=state)) == Sync()


@pytest.mark.parametrize(
    "changes",
    [
        {"state": OrderState.CANCELED},
        {"state": OrderState.CANCELED, "payment_state": PaymentState.VOIDED},
        {"payment_state": PaymentState.VOIDED},
        {"payment_state": PaymentState.REFUNDED, "refunded_total": Decimal("39.96")},
    ],
)
def test_what_was_canceled_before_sync_is_never_written(changes: dict[str, object]) -> None:
    """OI-69."""
    for seen in (None, Seen(version=1, is_settled=False)):
        answer = decide_intake(order(version=2, **changes), seen=seen)
        assert isinstance(answer, Ignore)
        assert answer.reason is Reason.CANCELED


@pytest.mark.parametrize("state", [OrderState.CANCELED, OrderState.PROCESSING])
def test_what_is_canceled_after_sync_is_put_to_a_person_once(state: OrderState) -> None:
    """OI-69."""
    voided = order(version=2, state=state, payment_state=PaymentState.VOIDED)
    answer = decide_intake(voided, seen=synced())
    assert isinstance(answer, Propose)
    assert (answer.change, answer.amount) == (Change.CANCEL, Decimal("39.96"))
    again = decide_intake(voided.model_copy(update={"version": 3}), seen=synced(2, is_cancel_proposed=True))
    assert isinstance(again, Ignore)


def test_a_refund_after_sync_is_put_to_a_person_and_a_second_one_too() -> None:
    """OI-69: the person is asked about what is new."""
    refunded = order(version=2, payment_state=PaymentState.PARTIALLY_REFUNDED, refunded_total=TEN)
    answer = decide_intake(refunded, seen=synced())
    assert isinstance(answer, Propose)
    assert (answer.change, answer.amount) == (Change.REFUND, TEN)
    more = refunded.model_copy(update={"version": 3, "refunded_total": Decimal("15.00")})
    second = decide_intake(more, seen=synced(2, refunded=TEN))
    assert isinstance(second, Propose)
    assert second.amount == Decimal("5.00")
    unnamed = decide_intake(order(version=2, payment_state=PaymentState.REFUNDED), seen=synced())
    assert isinstance(unnamed, Propose)
    assert (unnamed.change, unnamed.amount) == (Change.REFUND, Decimal("39.96"))
    known = decide_intake(refunded.model_copy(update={"version": 3}), seen=synced(2, refunded=TEN))
    assert isinstance(known, Ignore)


@pytest.mark.parametrize(
    "edited",
    [
        order(line(quantity=2), version=2),
        order(line(sku="FLT-2"), version=2),
        order(version=2, shipping_total=TEN),
        order(version=2, service_address=ELM.model_copy(update={"line1": "9 Oak Ave"})),
    ],
)
def test_an_edit_after_sync_is_put_to_a_person(edited: StoreOrder) -> None:
    """OI-69: job and invoice are not rewritten by themselves."""
    answer = decide_intake(edited, seen=synced())
    assert isinstance(answer, Propose)
    assert answer.change is Change.EDIT


def test_completion_after_sync_is_written_and_anything_else_is_nothing_new() -> None:
    """OI-67: a newer version that changes nothing in ServiceTitan writes nothing."""
    done = order(version=2, state=OrderState.COMPLETED)
    assert decide_intake(done, seen=synced()) == Sync(is_update=True)
    noted = decide_intake(order(version=2, note="Leave it at the door"), seen=synced())
    assert isinstance(noted, Ignore)
    assert noted.reason is Reason.NOTHING_NEW


def test_repeats_and_older_versions_are_ignored() -> None:
    """OI-67: whatever is in them."""
    for late in (order(version=2), order(version=2, state=OrderState.CANCELED), order(version=2, currency="EUR")):
        repeat = decide_intake(late, seen=synced(2))
        assert isinstance(repeat, Ignore)
        assert repeat.reason is Reason.DUPLICATE
        stale = decide_intake(late, seen=Seen(version=3, is_settled=False))
        assert isinstance(stale, Ignore)
        assert stale.reason is Reason.STALE


def test_what_was_held_or_interrupted_is_decided_anew() -> None:
    """OI-70: the same version again, after the fix or a crash."""
    assert decide_intake(order(), seen=Seen(version=1, is_settled=False)) == Sync()
    begun = Seen(version=1, is_settled=False, is_synced=True, written=order())
    assert decide_intake(order(), seen=begun) == Sync(is_update=True)


def test_test_orders_are_ignored() -> None:
    """OI-67: nothing of them is written."""
    answer = decide_intake(order(is_test=True))
    assert isinstance(answer, Ignore)
    assert answer.reason is Reason.TEST


@pytest.mark.parametrize(
    ("bought", "products_on", "services_on", "is_off"),
    [
        ((line(),), False, True, True),
        ((line(),), True, False, False),
        ((SERVICE,), True, False, True),
        ((SERVICE,), False, True, False),
        ((line(), SERVICE), False, True, False),
        ((line(), SERVICE), False, False, True),
    ],
)
def test_what_is_switched_off_is_ignored_with_its_reason(
    bought: tuple[object, ...], products_on: bool, services_on: bool, is_off: bool
) -> None:
    """OI-1, OI-20, OI-50: each toggle by itself; a mixed cart is taken in when one part is on."""
    answer = decide_intake(order(*bought), products_on=products_on, services_on=services_on)
    assert (isinstance(answer, Ignore) and answer.reason is Reason.OFF) is is_off
    assert isinstance(answer, Sync) is not is_off


@pytest.mark.parametrize(
    ("broken", "field", "why"),
    [
        pytest.param(order().model_copy(update={"lines": ()}), "lines", "no lines", id="no lines"),
        pytest.param(order(line(kind=LineKind.UNKNOWN)), "lines.1.kind", "unknown kind", id="unknown kind"),
        pytest.param(order(line(), line(sku=" ")), "lines.2.sku", "without SKU", id="no SKU"),
        pytest.param(order(line(quantity=0)), "lines.1.quantity", "quantity 0", id="zero pieces"),
        pytest.param(order(line(quantity=-1)), "lines.1.quantity", "quantity -1", id="less than none"),
        pytest.param(order(line(unit_price=Decimal("-1.00"))), "subtotal", "zero or more", id="negative price"),
        pytest.param(order(line(unit_price=Decimal("9.999"))), "subtotal", "to the cent", id="parts of a cent"),
        pytest.param(order(line(total=TEN)), "lines.1.total", "line 1 does not add up", id="line"),
        pytest.param(order(subtotal=TEN), "subtotal", "subtotal", id="subtotal"),
        pytest.param(order(line(discount_total=TEN), discount_total=Decimal("9.00")), "discount_total", "discounts", id="lines' discounts"),
        pytest.param(order(extra_discount=Decimal("50.50"), shipping_total=TEN, extra_tax=Decimal("1.00")), "discount_total", "more than what was bought", id="discount"),
        pytest.param(order(line(tax_total=TEN), tax_total=Decimal("9.00")), "tax_total", "tax", id="tax"),
        pytest.param(order(grand_total=TEN), "grand_total", "totals do not add up", id="total"),
        pytest.param(
            order(payments=(StorePayment(id="5", method="card", amount=TEN, status="captured"),)),
            "payments", "$10.00 for an order of $39.96", id="paid too little",
        ),
        pytest.param(order(refunded_total=TEN), "refunded_total", "refunded in part", id="refunded before sync"),
        pytest.param(
            order(buyer=PAT.model_copy(update={"email": "", "phone": ""}), service_address=ELM.model_copy(update={"line1": ""})),
            "service_address.line1", "no usable match key and no street", id="no key and no street",
        ),
        pytest.param(
            order(service_address=ELM.model_copy(update={"zip": "85O1"})),
            "service_address.zip", "postal code not valid", id="impossible ZIP",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_held_with_field_and_fix(broken: StoreOrder, field: str, why: str) -> None:
    """OI-18, OI-70."""
    held = decide_intake(broken)
    assert isinstance(held, Hold)
    assert held.field == field
    assert why in held.why
    assert held.fix
    assert faults(broken)[0] == held
    assert decide_intake(order(), seen=Seen(version=1, is_settled=False)) == Sync()


@pytest.mark.parametrize("missing", [{"membership_type_id": None}, {"sale_task_id": None}])
def test_a_membership_without_link_is_held(missing: dict[str, None]) -> None:
    """OI-66."""
    held = decide_intake(order(MEMBERSHIP.model_copy(update=missing), terms=(TERMS,)))
    assert isinstance(held, Hold)
    assert "without link" in held.why
    assert decide_intake(order(MEMBERSHIP, terms=(TERMS,))) == Sync()


def test_a_membership_without_accepted_terms_is_held() -> None:
    """OI-66: a renewal needs none, they were accepted with the first charge."""
    held = decide_intake(order(MEMBERSHIP))
    assert isinstance(held, Hold)
    assert held.field == "terms"
    assert decide_intake(order(MEMBERSHIP, subscription_sequence=1)) == held
    assert decide_intake(order(MEMBERSHIP, terms=(TERMS,))) == Sync()
    assert decide_intake(order(MEMBERSHIP, subscription_sequence=2)) == Sync()


def test_another_currency_is_synced_with_a_warning() -> None:
    """OI-70: sample 20."""
    assert decide_intake(order(currency="CAD")) == Sync(("currency CAD",))
    assert decide_intake(order(currency="CAD"), tenant_currency="CAD") == Sync()


def twin(**changes: object) -> StoreOrder:
    return order(**{"id": "2", "number": "CC-2", "created_at": NOW + LATER, **changes})


def test_two_like_orders_are_both_kept_and_the_second_is_flagged() -> None:
    """OI-68."""
    assert like_orders(twin(), [order(), twin()]) == ("CC-1",)
    assert like_orders(order(), [order(), twin()]) == ()
    assert decide_intake(twin(), alike=("CC-1",)) == Sync(("looks like CC-1",))


@pytest.mark.parametrize(
    "changes",
    [
        {"created_at": NOW + timedelta(hours=1)},
        {"lines": (line(quantity=2),)},
        {"lines": (line(sku="FLT-2"),)},
        {"store_id": "42"},
        {"buyer": PAT.model_copy(update={"first_name": "Kim", "email": "kim@example.com", "phone": "602-555-0102"})},
    ],
)
def test_orders_that_differ_are_not_alike(changes: dict[str, object]) -> None:
    """OI-68."""
    assert like_orders(twin(**changes), [order()]) == ()


def test_two_charges_of_one_subscription_are_not_alike() -> None:
    """OI-3, OI-68."""
    assert like_orders(twin(subscription_id="33"), [order(subscription_id="33")]) == ()
    assert like_orders(twin(subscription_id="34"), [order(subscription_id="33")]) == ("CC-1",)


def test_orders_without_contacts_are_alike_only_at_one_door_under_one_name() -> None:
    """OI-18, OI-68: blanks do not match blanks."""
    bare = PAT.model_copy(update={"email": "", "phone": ""})
    oak = ELM.model_copy(update={"line1": "9 Oak Ave"})
    assert like_orders(twin(buyer=bare), [order(buyer=bare)]) == ("CC-1",)
    assert like_orders(twin(buyer=bare, service_address=oak), [order(buyer=bare)]) == ()
