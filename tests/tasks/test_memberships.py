"""Memberships the store sold are sold in ServiceTitan, each once, and the invoice of each sale is paid."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.servicetitan.memberships import MembershipSale
from models.errors import HeldError, RejectedError
from models.order_sync import MembershipSold
from models.store_order import LineKind, PaymentState, StoreLine, StoreOrder
from models.tenant import PartChoices
from tasks.memberships import pay_memberships, read_membership_terms, sell_memberships
from tests.tasks.conftest import Counter, a_shop
from tests.tasks.money import PAYMENT_TYPE, SERVICE_UNIT, Booked, book, lose, service_choices, short
from tests.unit.orders import line, order

CARE, CARE_TASK = 2101, 2201
HOME, CORE_TASK, ADD_ON_TASK = 2102, 2202, 2203
MONTHLY, YEARLY, CORE, ADD_ON = 2301, 2302, 2303, 2304


def member(task: int = CARE_TASK, quantity: int = 1, price: str = "21.00", **changes: Any) -> StoreLine:
    its_type = CARE if task == CARE_TASK else HOME
    facts = {"membership_type_id": its_type, "sale_task_id": task, **changes}
    return line(kind=LineKind.MEMBERSHIP, sku=f"MEM-{task}", quantity=quantity, unit_price=Decimal(price), **facts)


async def sell_all(bought: StoreOrder, booked: Booked) -> tuple[MembershipSold, ...]:
    terms = await read_membership_terms.fn("demo", bought)
    return await sell_memberships.fn("demo", bought, booked.account, service_choices(), terms)


async def sell(bought: StoreOrder, booked: Booked) -> tuple[int, ...]:
    """Sell them, and return the customer's memberships."""
    return tuple(one.membership for one in await sell_all(bought, booked))


async def pay(bought: StoreOrder, booked: Booked, sold: tuple[MembershipSold, ...]) -> tuple[str, ...]:
    choices = PartChoices(kind="service", ids={"payment_type": PAYMENT_TYPE})
    return await pay_memberships.fn("demo", bought, booked.account, choices, sold)


async def paid_on(counter: Counter, sold: tuple[MembershipSold, ...]) -> list[tuple[str, str]]:
    """Return what was paid on the invoice of each sale, and what is open on it; several payments are all named."""
    invoices = {one.id: one for one in await counter.st.list_invoices(one.invoice for one in sold)}
    said = []
    for one in sold:
        payments = await counter.st.list_payments([one.invoice])
        assert {row.type_id for row in payments} <= {PAYMENT_TYPE}
        said.append((" + ".join(f"{row.total:.2f}" for row in payments), f"{invoices[one.invoice].balance:.2f}"))
    await counter.calls()
    return said


async def sales(counter: Counter) -> list[dict[str, Any]]:
    """Return the bodies of all sales."""
    rows = (await counter.people.get("/_sandbox/requests")).json()["requests"]
    return [row["body"] for row in rows if row["path"].endswith("/memberships/sale")]


async def held_of(counter: Counter, booked: Booked) -> list[tuple[int, int]]:
    """Return id and type of the customer's memberships."""
    return [(one.id, one.membership_type_id) for one in await counter.st.list_memberships([booked.customer])]


async def test_a_membership_is_sold_with_the_shop_s_choices(counter: Counter) -> None:
    """OI-66: type and sale task of the store's service, the term at the line's price, unit, location, recurring services."""
    booked = await book(counter)
    (made,) = await sell(order(member()), booked)
    assert short(await counter.calls()) == [
        "GET membership-types",
        f"GET membership-types/{CARE}/duration-billing-items",
        "POST memberships/sale",
    ]
    assert await held_of(counter, booked) == [(made, CARE)]
    assert await sales(counter) == [
        {
            "customerId": booked.customer,
            "businessUnitId": SERVICE_UNIT,
            "saleTaskId": CARE_TASK,
            "durationBillingId": MONTHLY,
            "locationId": booked.location,
            "recurringServiceAction": "All",
        }
    ]


@pytest.mark.parametrize(
    ("lines", "sold"),
    [
        pytest.param([member(quantity=2)], [(CARE_TASK, MONTHLY)] * 2, id="several of one SKU"),
        pytest.param([member(price="229.00")], [(CARE_TASK, YEARLY)], id="one SKU, by its price"),
        pytest.param(
            [member(CORE_TASK, price="25.00"), member(ADD_ON_TASK, 2, "9.00", id="2")],
            [(CORE_TASK, CORE), (ADD_ON_TASK, ADD_ON), (ADD_ON_TASK, ADD_ON)],
            id="core and add-ons",
        ),
    ],
)
async def test_each_way_gives_the_right_memberships(
    counter: Counter, lines: list[StoreLine], sold: list[tuple[int, int]]
) -> None:
    """OI-66: one sale for each piece; sold again it costs no call."""
    booked = await book(counter)
    made = await sell(order(*lines), booked)
    assert [(one["saleTaskId"], one["durationBillingId"]) for one in await sales(counter)] == sold
    assert len(set(made)) == len(sold)
    await counter.calls()
    assert await sell(order(*lines), booked) == made
    assert await counter.calls() == []


@pytest.mark.parametrize(("action", "place"), [("Single", True), ("None", False), ("All", False)])
async def test_recurring_services_go_where_the_shop_wants_them(counter: Counter, action: str, place: bool) -> None:
    """OI-66."""
    counter.use(a_shop(services={"recurring_services": action}))
    booked = await book(counter)
    await sell(order(member()), booked)
    (body,) = await sales(counter)
    assert body["recurringServiceAction"] == action
    assert body.get("recurringLocationId") == (booked.location if place else None)


@pytest.mark.parametrize(
    "bought",
    [
        pytest.param(order(member(), subscription_sequence=2), id="renewal"),
        pytest.param(order(line(kind=LineKind.SERVICE), line(id="2")), id="no membership"),
    ],
)
async def test_nothing_is_sold_where_nothing_was(counter: Counter, bought: StoreOrder) -> None:
    """OI-3, OI-66: a renewal is a charge, not another sale."""
    booked = await book(counter)
    assert await sell(bought, booked) == ()
    assert await counter.calls() == []


@pytest.mark.parametrize("skip", range(3))
async def test_a_sale_whose_answer_was_lost_is_found(counter: Counter, skip: int) -> None:
    """OI-66, OI-67: among memberships of before, of another type and of another order of the customer."""
    booked = await book(counter)
    earlier = await sell(order(member(quantity=2), id="7", number="CC-7"), booked)
    await lose(counter, "POST /memberships/*", skip=skip)
    made = await sell(order(member(), member(CORE_TASK, price="25.00", id="2"), member(id="3")), booked)
    assert len(set(made)) == 3
    assert {*earlier, *made} == {number for number, _ in await held_of(counter, booked)}


async def test_a_sale_that_never_arrived_is_made_again(counter: Counter) -> None:
    """OI-67: a membership from before the order was placed is not taken for it."""
    booked = await book(counter)
    await sell(order(member(), id="7", number="CC-7"), booked)
    with_theirs = await counter.st.list_memberships([booked.customer])
    bought = order(member(), created_at=with_theirs[0].created_on + timedelta(seconds=1))
    await counter.tell("/clock/advance", hours=1)
    await counter.tell("/faults", match="POST /servicetitan/memberships/*", kind="status", status=500)
    (made,) = await sell(bought, booked)
    assert len(await held_of(counter, booked)) == 2
    assert made != with_theirs[0].id


async def test_a_lost_sale_has_the_invoice_of_its_own_sale_task(counter: Counter) -> None:
    """OI-63, OI-67: core and add-on are of one type; each membership is kept with the invoice that made it."""
    booked = await book(counter)
    await lose(counter, "POST /memberships/*", times=3)
    bought = order(member(CORE_TASK, price="25.00"), member(ADD_ON_TASK, 2, "9.00", id="2"))
    sold = await sell_all(bought, booked)
    invoices = {one.id: one for one in await counter.st.list_invoices(one.invoice for one in sold)}
    lines = {one.id: one.activated_from_id for one in await counter.st.list_memberships([booked.customer])}
    assert [invoices[one.invoice].items[0].sku_id for one in sold] == [CORE_TASK, ADD_ON_TASK, ADD_ON_TASK]
    assert [invoices[one.invoice].items[0].id for one in sold] == [lines[one.membership] for one in sold]
    assert await sell_all(bought, booked) == sold


async def test_a_lost_sale_costs_two_more_calls(counter: Counter) -> None:
    """OI-66, OI-67: what the customer has, and the invoices since the order was placed."""
    booked = await book(counter)
    bought = order(member())
    terms = await read_membership_terms.fn("demo", bought)
    await lose(counter, "POST /memberships/*")
    await counter.calls()
    await sell_memberships.fn("demo", bought, booked.account, service_choices(), terms)
    assert short(await counter.calls()) == ["POST memberships/sale", "GET memberships", "GET invoices"]


async def test_a_membership_that_people_gave_is_not_taken_for_the_sale(counter: Counter) -> None:
    """OI-67: the sale never arrived, and somebody sold another plan of that type meanwhile."""
    booked = await book(counter)
    theirs = await counter.st.sell_membership(
        MembershipSale(
            customer_id=booked.customer,
            business_unit_id=SERVICE_UNIT,
            sale_task_id=ADD_ON_TASK,
            duration_billing_id=ADD_ON,
            recurring_service_action="None",
            location_id=booked.location,
        )
    )
    await counter.tell("/faults", match="POST /servicetitan/memberships/*", kind="status", status=500)
    (made,) = await sell(order(member(CORE_TASK, price="25.00")), booked)
    assert made != theirs.customer_membership_id
    assert len(await held_of(counter, booked)) == 2


async def test_two_orders_of_one_customer_at_once_each_have_their_own(counter: Counter) -> None:
    """OI-67: also when answers are lost."""
    booked = await book(counter)
    await lose(counter, "POST /memberships/*", times=3)
    orders = [order(member(quantity=2), id=str(at), number=f"CC-{at}") for at in range(3)]
    made = await asyncio.gather(*(sell(one, booked) for one in orders))
    everything = [number for some in made for number in some]
    assert sorted(everything) == sorted(number for number, _ in await held_of(counter, booked))
    assert len(everything) == 6


async def test_the_terms_are_read_before_anything_is_written(counter: Counter) -> None:
    """OI-66, OI-70: types and terms cost the same calls, are not read again for the sale, nor once all are sold."""
    booked = await book(counter)
    bought = order(member(), member(CORE_TASK, price="25.00", id="2"))
    terms = await read_membership_terms.fn("demo", bought)
    assert sorted(terms.values()) == [MONTHLY, CORE]
    assert short(await counter.calls()) == [
        "GET membership-types",
        f"GET membership-types/{CARE}/duration-billing-items",
        f"GET membership-types/{HOME}/duration-billing-items",
    ]
    await sell_memberships.fn("demo", bought, booked.account, service_choices(), terms)
    assert short(await counter.calls()) == ["POST memberships/sale"] * 2
    assert await read_membership_terms.fn("demo", bought) == {}
    assert await counter.calls() == []


async def test_lines_of_one_sale_task_each_have_their_own_term(counter: Counter) -> None:
    """OI-66: a plan billed by the month and one by the year on one order."""
    booked = await book(counter)
    await sell(order(member(), member(price="229.00", id="2")), booked)
    assert [one["durationBillingId"] for one in await sales(counter)] == [MONTHLY, YEARLY]


async def test_an_unknown_membership_type_is_held(counter: Counter) -> None:
    """OI-66, OI-70: it names line and field, and nothing of the order is sold."""
    booked = await book(counter)
    with pytest.raises(HeldError, match="Line 2 of CC-1 names membership type 99, which ServiceTitan does not") as held:
        await sell(order(member(), member(id="2", membership_type_id=99)), booked)
    assert held.value.field == "lines.2.membership_type_id"
    assert await held_of(counter, booked) == []


async def test_a_membership_type_that_is_switched_off_is_held_until_it_is_on(counter: Counter) -> None:
    """OI-66, OI-70."""
    booked = await book(counter)
    await counter.tell("/servicetitan/membership-types", name="Cahaba care plan", active=False)
    with pytest.raises(HeldError, match=r"2101 \(Cahaba care plan\), which is switched off"):
        await sell(order(member()), booked)
    await counter.tell("/servicetitan/membership-types", name="Cahaba care plan", active=True)
    assert len(await sell(order(member()), booked)) == 1


async def test_no_term_at_the_price_is_held_with_the_terms(counter: Counter) -> None:
    """OI-66, OI-70."""
    booked = await book(counter)
    with pytest.raises(HeldError) as held:
        await sell(order(member(price="20.00")), booked)
    assert held.value.message == (
        "Line 1 of CC-1 costs $20.00, and membership type 2101 has no term at that price. Its active terms: "
        "2301 (12 months, Monthly, $21.00 at the sale, $21.00 per billing) and "
        "2302 (12 months, Annual, $229.00 at the sale, $229.00 per billing)."
    )
    assert await sales(counter) == []


async def test_a_refused_sale_is_told_in_servicetitan_s_words(counter: Counter) -> None:
    """OI-66, OI-70: a sale task of another membership."""
    booked = await book(counter)
    with pytest.raises(RejectedError, match="not sold like this"):
        await sell(order(member(sale_task_id=CORE_TASK)), booked)
    assert await held_of(counter, booked) == []


async def test_the_invoice_of_each_sale_is_paid(counter: Counter) -> None:
    """OI-63: one call reads them all, one payment for each, and nothing is open; done again only the look is made."""
    booked = await book(counter)
    bought = order(member(CORE_TASK, price="25.00"), member(ADD_ON_TASK, 2, "9.00", id="2"))
    sold = await sell_all(bought, booked)
    await counter.calls()
    assert await pay(bought, booked, sold) == ()
    assert short(await counter.calls()) == ["GET invoices", *["POST payments"] * 3]
    assert await paid_on(counter, sold) == [("25.00", "0.00"), ("9.00", "0.00"), ("9.00", "0.00")]
    assert await pay(bought, booked, sold) == ()
    assert short(await counter.calls()) == ["GET invoices"]
    assert await paid_on(counter, sold) == [("25.00", "0.00"), ("9.00", "0.00"), ("9.00", "0.00")]


@pytest.mark.parametrize("skip", range(3))
async def test_a_payment_whose_answer_was_lost_is_found(counter: Counter, skip: int) -> None:
    """OI-63, OI-67: also beside equal payments on the other sales of the order."""
    booked = await book(counter)
    bought = order(member(quantity=3))
    sold = await sell_all(bought, booked)
    await lose(counter, "POST /accounting/v2/tenant/*/payments", skip=skip)
    assert await pay(bought, booked, sold) == ()
    assert await paid_on(counter, sold) == [("21.00", "0.00")] * 3


async def test_the_invoice_of_a_sale_comes_to_what_the_store_collected(counter: Counter) -> None:
    """OI-29, OI-63: with the line's discount and tax, whatever ServiceTitan's term costs; once."""
    booked = await book(counter)
    bought = order(member(quantity=2, discount_total=Decimal("5.01"), tax_total=Decimal("1.00")), member(id="2"))
    sold = await sell_all(bought, booked)
    assert await pay(bought, booked, sold) == ()
    assert await paid_on(counter, sold) == [("19.00", "0.00"), ("18.99", "0.00"), ("21.00", "0.00")]
    await counter.calls()
    assert await pay(bought, booked, sold) == ()
    assert not [call for call in await counter.calls() if not call.startswith("GET ")]


async def test_a_price_whose_answer_was_lost_is_written_once(counter: Counter) -> None:
    """OI-29, OI-67: after a lost answer the line has the store's price, and is one line."""
    booked = await book(counter)
    bought = order(member(discount_total=Decimal("2.00")))
    sold = await sell_all(bought, booked)
    await lose(counter, "PATCH /accounting/v2/tenant/*/invoices/*/items", skip=0)
    assert await pay(bought, booked, sold) == ()
    assert await paid_on(counter, sold) == [("19.00", "0.00")]


async def test_a_difference_that_cannot_be_mended_is_told(counter: Counter) -> None:
    """OI-63: the invoice was posted meanwhile; the payment is what was collected, the warning names both amounts."""
    booked = await book(counter)
    bought = order(member(quantity=2, discount_total=Decimal("5.01"), tax_total=Decimal("1.00")), member(id="2"))
    sold = await sell_all(bought, booked)
    for one in sold:
        await counter.tell(f"/servicetitan/invoices/{one.invoice}", status="Posted")
    told = (
        f"invoice {sold[0].invoice} of a membership comes to $21.00, the store collected $19.00 for it",
        f"invoice {sold[1].invoice} of a membership comes to $21.00, the store collected $18.99 for it",
    )
    assert await pay(bought, booked, sold) == told
    assert await paid_on(counter, sold) == [("19.00", "2.00"), ("18.99", "2.01"), ("21.00", "0.00")]
    assert await pay(bought, booked, sold) == told


@pytest.mark.parametrize(
    "bought",
    [
        pytest.param(order(member(discount_total=Decimal("21.00"))), id="free"),
        pytest.param(order(member(), payment_state=PaymentState.AUTHORIZED), id="not paid"),
    ],
)
async def test_what_the_store_did_not_collect_is_not_paid(counter: Counter, bought: StoreOrder) -> None:
    """OI-63: no call, and no payment type is needed."""
    booked = await book(counter)
    sold = await sell_all(bought, booked)
    await counter.calls()
    assert await pay_memberships.fn("demo", bought, booked.account, service_choices(), sold) == ()
    assert await counter.calls() == []


async def test_an_invoice_that_is_gone_is_held_before_the_first_payment(counter: Counter) -> None:
    """OI-63, OI-70."""
    booked = await book(counter)
    bought = order(member(), member(id="2"))
    first, second = await sell_all(bought, booked)
    gone = MembershipSold(membership=second.membership, invoice=99)
    with pytest.raises(
        HeldError, match=f"no active invoice 99, which the sale of membership {gone.membership}"
    ) as held:
        await pay(bought, booked, (first, gone))
    assert held.value.field == "invoice"
    assert await counter.st.list_payments([first.invoice]) == ()


async def test_a_refused_payment_is_told_and_recorded_later(counter: Counter) -> None:
    """OI-63, OI-70: the payment type was switched off meanwhile."""
    booked = await book(counter)
    bought = order(member())
    sold = await sell_all(bought, booked)
    await counter.tell("/servicetitan/settings", kind="payment_type", name="Contractor Commerce", active=False)
    with pytest.raises(RejectedError, match="payment type is not active"):
        await pay(bought, booked, sold)
    await counter.tell("/servicetitan/settings", kind="payment_type", name="Contractor Commerce", active=True)
    await pay(bought, booked, sold)
    assert await paid_on(counter, sold) == [("21.00", "0.00")]


async def test_two_workers_at_once_pay_once(counter: Counter) -> None:
    """OI-63, OI-67."""
    booked = await book(counter)
    bought = order(member(quantity=2))
    sold = await sell_all(bought, booked)
    await asyncio.gather(*(pay(bought, booked, sold) for _ in range(3)))
    assert await paid_on(counter, sold) == [("21.00", "0.00")] * 2
