"""Which memberships are sold for an order, at what term, and what the store collected for each."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from decisions.invoicing import PartKind, split_cart
from decisions.membership_terms import (
    MembershipUnit,
    OfferedType,
    SeenInvoice,
    SeenMembership,
    Term,
    check_type,
    find_sale,
    membership_payments,
    membership_units,
    payment_warning,
    term_of,
)
from models.errors import HeldError
from models.store_order import LineKind, PaymentState, StoreLine, StoreOrder
from tests.unit.orders import line, order

UNIT = MembershipUnit(7, 70, 1, Decimal("19.00"), 1)


def member(task: int, quantity: int = 1, price: str = "19.00", **changes: Any) -> StoreLine:
    return line(
        kind=LineKind.MEMBERSHIP,
        quantity=quantity,
        unit_price=Decimal(price),
        membership_type_id=7,
        sale_task_id=task,
        **changes,
    )


def term(number: int, sale: str, billing: str, *, is_active: bool = True, months: int | None = 12) -> Term:
    return Term(number, months, "Monthly", Decimal(sale), Decimal(billing), is_active)


def test_each_piece_is_a_sale_of_its_own() -> None:
    """OI-66: with the price and the place of the line that sold it."""
    bought = order(line(), member(70, 2), member(71, 2, "9.00"))
    assert membership_units(bought) == (
        MembershipUnit(7, 70, 1, Decimal("19.00"), 2),
        MembershipUnit(7, 70, 2, Decimal("19.00"), 2),
        MembershipUnit(7, 71, 1, Decimal("9.00"), 3),
        MembershipUnit(7, 71, 2, Decimal("9.00"), 3),
    )
    assert membership_units(order(member(70), member(71), member(70, 1, "9.00"))) == (
        MembershipUnit(7, 70, 1, Decimal("19.00"), 1),
        MembershipUnit(7, 70, 2, Decimal("9.00"), 3),
        MembershipUnit(7, 71, 1, Decimal("19.00"), 2),
    )
    assert membership_units(order(member(70), subscription_sequence=2)) == ()
    assert membership_units(order()) == ()


@pytest.mark.parametrize(
    ("terms", "chosen"),
    [
        pytest.param([term(1, "99.00", "99.00")], 1, id="the only one"),
        pytest.param(
            [term(1, "99.00", "99.00"), term(2, "19.00", "19.00", is_active=False)], 1, id="the only active one"
        ),
        pytest.param([term(1, "25.00", "25.00"), term(2, "19.00", "0.00")], 2, id="by the price of the sale"),
        pytest.param([term(1, "25.00", "25.00"), term(2, "0.00", "19")], 2, id="by the price of a billing"),
    ],
)
def test_the_term_is_the_one_at_the_price(terms: list[Term], chosen: int) -> None:
    """OI-66."""
    assert term_of(order(), UNIT, terms) == chosen


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        pytest.param([], "has no term at that price. Its active terms: none.", id="no terms"),
        pytest.param(
            [term(1, "1.00", "1.00"), term(2, "0.00", "2.00", months=None)],
            "has no term at that price. Its active terms: 1 (12 months, Monthly, $1.00 at the sale, $1.00 per billing) "
            "and 2 (ongoing, Monthly, $0.00 at the sale, $2.00 per billing).",
            id="none at the price",
        ),
        pytest.param(
            [term(1, "19.00", "0.00"), term(2, "0.00", "19.00")], "has 2 terms at that price.", id="two at it"
        ),
    ],
)
def test_a_term_that_is_not_clear_is_held(terms: list[Term], said: str) -> None:
    """OI-66, OI-70."""
    with pytest.raises(HeldError) as held:
        term_of(order(), UNIT, terms)
    assert said in held.value.message
    assert held.value.message.startswith("Line 1 of CC-1 costs $19.00, and membership type 7 ")
    assert held.value.field == "lines.1.membership_type_id"


@pytest.mark.parametrize(
    ("types", "said"),
    [
        pytest.param([OfferedType(8, "Other", is_active=True)], "does not have", id="unknown"),
        pytest.param([OfferedType(7, "Comfort", is_active=False)], "(Comfort), which is switched off", id="off"),
    ],
)
def test_a_type_that_cannot_be_sold_is_held(types: list[OfferedType], said: str) -> None:
    """OI-66, OI-70: it names the line and its field."""
    with pytest.raises(HeldError) as held:
        check_type(order(), UNIT, types)
    assert said in held.value.message
    assert held.value.field == "lines.1.membership_type_id"
    check_type(order(), UNIT, [OfferedType(7, "Comfort", is_active=True)])


TUNE_UP = line(kind=LineKind.SERVICE, unit_price=Decimal("89.00"))


@pytest.mark.parametrize(
    ("bought", "collected"),
    [
        pytest.param(order(member(70), member(71, 2, "9.00")), ["19.00", "9.00", "9.00"], id="as priced"),
        pytest.param(
            order(member(70, 3, discount_total=Decimal("1.00"))), ["18.67", "18.67", "18.66"], id="discount on the line"
        ),
        pytest.param(order(member(70, 2, tax_total=Decimal("3.05"))), ["20.53", "20.52"], id="tax on the line"),
        pytest.param(
            order(member(70), member(71, 1, "9.00"), extra_discount=Decimal("2.80")),
            ["17.10", "8.10"],
            id="discount on the order",
        ),
        pytest.param(
            order(member(70), member(71, 1, "9.00"), extra_tax=Decimal("2.80")), ["20.90", "9.90"], id="tax on no line"
        ),
        pytest.param(
            order(member(70), extra_discount=Decimal("4.00"), shipping_total=Decimal("4.00")),
            ["19.00"],
            id="free shipping",
        ),
        pytest.param(
            order(line(unit_price=Decimal("81.00")), member(70), extra_discount=Decimal("10.00")),
            ["17.10"],
            id="beside products: their share of the discount is theirs",
        ),
        pytest.param(
            order(line(), member(70), extra_tax=Decimal("3.00"), shipping_total=Decimal("6.95")),
            ["19.00"],
            id="beside products: shipping and tax are theirs",
        ),
        pytest.param(
            order(TUNE_UP, member(70), extra_discount=Decimal("10.80")), ["17.10"], id="beside another service"
        ),
        pytest.param(
            order(member(70), member(71, discount_total=Decimal("19.00"))), ["19.00", "0.00"], id="one of them free"
        ),
        pytest.param(order(member(70), member(70, 1, "229.00")), ["19.00", "229.00"], id="two prices of one sale task"),
    ],
)
def test_what_the_store_collected_for_each(bought: StoreOrder, collected: list[str]) -> None:
    """OI-63, OI-66: the line's cost with its tax, and a share of what is on no line, to the cent."""
    found = membership_payments(bought)
    assert list(found) == list(membership_units(bought))
    assert list(found.values()) == [Decimal(amount) for amount in collected]


@pytest.mark.parametrize(
    "bought",
    [
        pytest.param(order(), id="no membership"),
        pytest.param(order(member(70), subscription_sequence=2), id="renewal"),
        pytest.param(order(member(70), extra_discount=Decimal("19.00")), id="free"),
        pytest.param(order(member(70), payment_state=PaymentState.AUTHORIZED), id="not paid"),
    ],
)
def test_nothing_was_collected(bought: StoreOrder) -> None:
    """OI-3, OI-63."""
    assert membership_payments(bought) == {}


@pytest.mark.parametrize("rest", ["-7.01", "0.00", "7.01"], ids=["discount", "nothing", "tax"])
@pytest.mark.parametrize("quantities", [(1, 1), (3, 2), (7, 1)])
def test_together_they_are_what_the_buyer_paid(quantities: tuple[int, int], rest: str) -> None:
    """OI-63: where only memberships were bought, no cent is lost or made."""
    extra = Decimal(rest)
    bought = order(
        member(70, quantities[0], "19.99", discount_total=Decimal("0.03"), tax_total=Decimal("1.61")),
        member(71, quantities[1], "9.01"),
        extra_discount=max(-extra, Decimal(0)),
        extra_tax=max(extra, Decimal(0)),
    )
    assert sum(membership_payments(bought).values()) == bought.grand_total
    assert [part.kind for part in split_cart(bought)] == [PartKind.SERVICE]


def test_a_difference_is_told_with_both_amounts() -> None:
    """OI-63: by ids and amounts alone."""
    assert payment_warning(41, Decimal("19.00"), Decimal("19.00")) == ""
    assert payment_warning(41, Decimal("21.00"), Decimal("19.00")) == (
        "invoice 41 of a membership comes to $21.00, the store collected $19.00 for it"
    )


CORE, ADD_ON = SeenInvoice(41, {410: 70}), SeenInvoice(42, {420: 71})


@pytest.mark.parametrize(
    ("memberships", "invoices", "found"),
    [
        pytest.param([(5, 410)], [CORE, ADD_ON], (5, 41), id="by the line it came from"),
        pytest.param([(4, 420), (5, 410)], [CORE, ADD_ON], (5, 41), id="not that of another sale task"),
        pytest.param([(4, 420)], [CORE, ADD_ON], None, id="another sale task alone"),
        pytest.param([(6, 412), (5, 410)], [CORE, SeenInvoice(40, {412: 70})], (5, 41), id="the oldest membership"),
        pytest.param([(5, None)], [CORE, ADD_ON], (5, 41), id="by the sale task where the line is not told"),
        pytest.param([(5, 999)], [CORE, ADD_ON], (5, 41), id="by the sale task where the line is not there"),
        pytest.param([(5, None)], [ADD_ON], None, id="given without a sale"),
        pytest.param([(4, 420), (5, None)], [SeenInvoice(42, {420: 71, 421: 70})], None, id="an invoice of another"),
        pytest.param([], [CORE], None, id="an invoice over the service alone"),
        pytest.param([], [], None, id="nothing"),
    ],
)
def test_a_sale_is_a_membership_with_its_invoice(
    memberships: list[tuple[int, int | None]], invoices: list[SeenInvoice], found: tuple[int, int] | None
) -> None:
    """OI-66, OI-67."""
    assert find_sale(70, [SeenMembership(*one) for one in memberships], invoices) == found
