"""Which memberships are sold for an order, and at what term."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from decisions.membership_terms import MembershipUnit, OfferedType, Term, check_type, membership_units, term_of
from models.errors import HeldError
from models.store_order import LineKind, StoreLine
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
