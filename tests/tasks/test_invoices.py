"""The invoice of a product order: lines, tax, total to the cent, payment, and the job's tag on completion."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.errors import NotFoundError
from connectors.servicetitan.accounting_schemas import Invoice, InvoicePatch
from connectors.servicetitan.accounting_schemas import InvoiceLine as LineToWrite
from connectors.servicetitan.texts import plain
from decisions.invoicing import InvoicePlan, PartKind, payment_for, plan_invoice, split_cart
from decisions.order_intake import Sync, decide_intake
from models.errors import HeldError, RejectedError
from models.store_order import StoreOrder
from tasks.house import open_house
from tasks.invoices import record_payment, settle_invoice, write_lines
from tasks.job_tags import tag_completed
from tasks.pricebook import ensure_items, extra_skus
from tests.office import take_line_away
from tests.tasks.conftest import Counter
from tests.tasks.money import (
    COMPLETED_TAG,
    PAYMENT_TYPE,
    Booked,
    book,
    invoice_of,
    lose,
    product_choices,
    product_part,
    short,
)
from tests.unit.orders import SAMPLES, line, order, sample_file, sample_order

PAID = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
TAXED = order(
    line(sku="FLT-1", quantity=2, unit_price=Decimal("19.98"), is_taxable=True, tax_total=Decimal("3.44")),
    line(id="2", sku="FLT-2", quantity=3, unit_price=Decimal("10.00"), discount_total=Decimal("1.01")),
    shipping_total=Decimal("7.95"),
)


@dataclass
class Sale:
    """An order on its way: what is written of it."""

    order: StoreOrder
    booked: Booked
    plan: InvoicePlan
    items: dict[str, int]

    async def lines(self) -> None:
        async with open_house("demo") as house:
            await write_lines(house, self.order, "product", self.booked.invoice, self.plan, self.items)

    async def settle(self) -> Decimal:
        async with open_house("demo") as house:
            return await settle_invoice(house, self.order, "product", self.booked.invoice, self.plan)

    async def pay(self) -> int:
        booked = self.booked
        return await record_payment.fn(
            "demo", self.order, "product", booked.invoice, booked.customer, self.plan.total, PAYMENT_TYPE
        )


async def begin(counter: Counter, bought: StoreOrder = TAXED) -> Sale:
    """Book a job, and have the items of the order in the pricebook."""
    booked = await book(counter)
    part = product_part(bought)
    plan = plan_invoice(part, skus=extra_skus(counter.house.shop.need_contractor_commerce().products))
    items = await ensure_items.fn("demo", bought, part, product_choices())
    await counter.calls()
    return Sale(bought, booked, plan, items)


def said(invoice: Invoice) -> list[tuple[str, str, str]]:
    return [(one.sku_name, f"{one.quantity:f}", f"{one.price:.2f}") for one in invoice.items]


async def add_line(counter: Counter, sale: Sale, sku: str, price: str = "5.00") -> None:
    """Let somebody put a line on the invoice."""
    item = LineToWrite(sku_id=sale.items[sku], description="Theirs", quantity=Decimal(1), unit_price=Decimal(price))
    await counter.st.write_invoice_line(sale.booked.invoice, item)
    await counter.calls()


async def test_the_invoice_is_built_of_pricebook_items_to_the_cent(counter: Counter) -> None:
    """OI-27, OI-29: quantity and price of the order, one line for the discounts, one for shipping, the store's tax."""
    sale = await begin(counter)
    await sale.lines()
    assert await sale.settle() == sale.plan.total == TAXED.grand_total == Decimal("80.34")
    invoice = await invoice_of(counter, sale.booked)
    assert said(invoice) == [
        ("FLT-1", "2", "19.98"),
        ("FLT-2", "3", "10.00"),
        ("STORE-DISCOUNT", "1", "-1.01"),
        ("STORE-SHIPPING", "1", "7.95"),
    ]
    assert [one.sku_id for one in invoice.items] == list(sale.items.values())
    assert (invoice.sales_tax, invoice.total, invoice.balance) == (
        Decimal("3.44"),
        TAXED.grand_total,
        TAXED.grand_total,
    )


async def test_each_order_costs_as_few_calls_as_there_are_things_to_write(counter: Counter) -> None:
    """OI-27, OI-29, OI-63: one per line, one for a tax, one look at the total, one payment; none of them again."""
    sale = await begin(counter)
    await sale.lines()
    await sale.settle()
    await sale.pay()
    invoice = sale.booked.invoice
    assert short(await counter.calls()) == [
        *[f"PATCH invoices/{invoice}/items"] * 4,
        f"PATCH invoices/{invoice}",
        "GET invoices",
        "POST payments",
    ]
    await sale.lines()
    await sale.settle()
    await sale.pay()
    assert short(await counter.calls()) == ["GET invoices"]


async def test_an_untaxed_order_of_one_line_costs_three_calls(counter: Counter) -> None:
    """OI-29."""
    sale = await begin(counter, order())
    await sale.lines()
    assert await sale.settle() == Decimal("39.96")
    await sale.pay()
    assert [call.split()[0] for call in await counter.calls()] == ["PATCH", "GET", "POST"]


@pytest.mark.parametrize("kind", ["material", "equipment", "service"])
async def test_a_line_is_of_the_item_that_is_there_whatever_its_type(counter: Counter, kind: str) -> None:
    """OI-27, OI-28: at the order's price."""
    theirs = await counter.tell("/servicetitan/pricebook", kind=kind, code="flt-1", price="1.00")
    sale = await begin(counter, order())
    await sale.lines()
    assert await sale.settle() == Decimal("39.96")
    (shown,) = (await invoice_of(counter, sale.booked)).items
    assert (shown.sku_id, shown.type.casefold()) == (theirs["id"], kind)


async def test_what_the_buyer_sees_is_written_as_typed_and_never_run(counter: Counter) -> None:
    """OI-71: markup, emoji, formula text; a line without a name shows its SKU."""
    names = ["<img src=x onerror=alert(1)> & Zoë's 🏠\n2nd line", "=HYPERLINK(1)", " "]
    bought = order(*(line(id=str(at), sku=f"S-{at}", name=name) for at, name in enumerate(names)))
    sale = await begin(counter, bought)
    await sale.lines()
    shown = (await invoice_of(counter, sale.booked)).items
    assert shown[0].description == "&lt;img src=x onerror=alert(1)&gt; &amp; Zoë's 🏠<br>2nd line"
    assert [plain(one.description) for one in shown[1:]] == ["=HYPERLINK(1)", "S-2"]


async def test_a_member_s_prices_are_not_put_on_what_was_paid(counter: Counter) -> None:
    """OI-29: said with every line."""
    sale = await begin(counter, order())
    await sale.lines()
    rows = (await counter.people.get("/_sandbox/requests")).json()["requests"]
    (body,) = [row["body"] for row in rows if row["method"] == "PATCH" and row["path"].endswith("/items")]
    assert body["skipUpdatingMembershipPrices"] is True


@pytest.mark.parametrize("skip", range(4), ids=["first line", "second line", "discount", "shipping"])
async def test_a_line_whose_answer_was_lost_is_there_once(counter: Counter, skip: int) -> None:
    """OI-29, OI-67."""
    sale = await begin(counter)
    await lose(counter, "PATCH /accounting/*/items", skip=skip)
    await sale.lines()
    assert await sale.settle() == TAXED.grand_total
    assert len((await invoice_of(counter, sale.booked)).items) == 4


async def test_equal_lines_are_counted_when_answers_are_lost(counter: Counter) -> None:
    """OI-27, OI-67: three equal lines are three lines, whichever answers are lost."""
    bought = order(*(line(id=str(at)) for at in range(3)))
    sale = await begin(counter, bought)
    await lose(counter, "PATCH /accounting/*/items", times=5)
    await sale.lines()
    assert await sale.settle() == bought.grand_total
    assert len((await invoice_of(counter, sale.booked)).items) == 3


async def test_a_line_that_never_arrived_is_written_again(counter: Counter) -> None:
    """OI-67: the look finds nothing, though somebody's own line of that item is there."""
    sale = await begin(counter, order())
    await add_line(counter, sale, "flt-1", "39.96")
    await counter.tell("/faults", match="PATCH /servicetitan/accounting/*/items", kind="status", status=500)
    await sale.lines()
    items = (await invoice_of(counter, sale.booked)).items
    assert [plain(one.description) for one in items] == ["Theirs", "Filter"]


@pytest.mark.parametrize("tax", ["3.44", "0.00"], ids=["the store's tax", "no tax, though ServiceTitan has one"])
async def test_the_store_s_tax_counts_and_not_the_tenant_s(counter: Counter, tax: str) -> None:
    """OI-29: also when the answer of writing it is lost."""
    bought = order(line(is_taxable=True, tax_total=Decimal(tax)))
    sale = await begin(counter, bought)
    await counter.st.patch_invoice(sale.booked.invoice, InvoicePatch(tax_zone_id=1601))
    await sale.lines()
    assert (await invoice_of(counter, sale.booked)).sales_tax == Decimal("4.00")
    await lose(counter, f"PATCH /accounting/v2/tenant/*/invoices/{sale.booked.invoice}")
    assert await sale.settle() == bought.grand_total
    invoice = await invoice_of(counter, sale.booked)
    assert (invoice.sales_tax, invoice.total) == (Decimal(tax), bought.grand_total)
    assert await sale.settle() == bought.grand_total


async def test_a_free_order_has_an_invoice_of_nothing_and_no_payment(counter: Counter) -> None:
    """OI-29, OI-63."""
    free = order(line(discount_total=Decimal("39.96"), is_taxable=True))
    sale = await begin(counter, free)
    await sale.lines()
    assert await sale.settle() == 0
    assert payment_for(free, product_part(free)) is None


async def test_a_total_that_differs_is_held_with_every_difference(counter: Counter) -> None:
    """OI-29, OI-70: and goes through once somebody has corrected the invoice."""
    sale = await begin(counter)
    await sale.lines()
    await add_line(counter, sale, "flt-2", "5.00")
    (shown,) = await counter.st.list_invoices([sale.booked.invoice])
    await take_line_away(counter.st, shown.id, shown.items[0].id)
    with pytest.raises(HeldError) as held:
        await sale.settle()
    assert held.value.message == (
        f"Invoice {shown.number} of CC-1 comes to $45.38 in ServiceTitan instead of $80.34: "
        "it lacks 2 x FLT-1 at $19.98 and has 1 x FLT-2 at $5.00 that is not of the order."
    )
    assert held.value.fix == "Correct the invoice in ServiceTitan so that it comes to $80.34, then retry."
    await add_line(counter, sale, "flt-1", "34.96")
    assert await sale.settle() == TAXED.grand_total


async def test_a_tax_that_somebody_changed_is_held_and_not_written_over(counter: Counter) -> None:
    """OI-29."""
    sale = await begin(counter)
    await sale.lines()
    await sale.settle()
    await counter.st.patch_invoice(sale.booked.invoice, InvoicePatch(tax=Decimal("9.99")))
    with pytest.raises(HeldError, match=r"has a tax of \$9\.99 instead of \$3\.44"):
        await sale.settle()


async def test_a_posted_invoice_is_held_and_says_so(counter: Counter) -> None:
    """OI-29, OI-70: before its lines, before its tax, and with a wrong total; a right one needs nothing more."""
    sale = await begin(counter)
    number = sale.booked.invoice
    await counter.tell(f"/servicetitan/invoices/{number}", status="Posted")
    with pytest.raises(HeldError, match=r"of CC-1 is Posted .* cannot be changed"):
        await sale.lines()
    await counter.tell(f"/servicetitan/invoices/{number}", status="Pending")
    await sale.lines()
    await counter.tell(f"/servicetitan/invoices/{number}", status="Exported")
    with pytest.raises(HeldError, match=r"of CC-1 is Exported"):
        await sale.settle()
    await counter.tell(f"/servicetitan/invoices/{number}", status="Pending")
    await sale.settle()
    await counter.tell(f"/servicetitan/invoices/{number}", status="Posted")
    assert await sale.settle() == TAXED.grand_total


async def test_a_posted_invoice_with_a_wrong_total_needs_an_adjustment(counter: Counter) -> None:
    """OI-29."""
    sale = await begin(counter, order())
    await sale.lines()
    await add_line(counter, sale, "flt-1")
    await counter.tell(f"/servicetitan/invoices/{sale.booked.invoice}", status="Posted")
    with pytest.raises(HeldError, match="and is Posted") as held:
        await sale.settle()
    assert "adjustment" in held.value.fix


async def test_a_line_that_is_refused_is_told_in_servicetitan_s_words(counter: Counter) -> None:
    """OI-70: an item switched off since it was found."""
    sale = await begin(counter, order())
    await counter.tell("/servicetitan/pricebook", kind="material", code="FLT-1", active=False)
    with pytest.raises(HeldError, match=r"FLT-1 .*no such active pricebook item"):
        await sale.lines()
    await counter.tell("/servicetitan/pricebook", kind="material", code="FLT-1", active=True)
    await sale.lines()
    assert len((await invoice_of(counter, sale.booked)).items) == 1


async def test_an_invoice_that_is_gone_is_held(counter: Counter) -> None:
    """OI-70."""
    sale = await begin(counter, order())
    gone = Sale(sale.order, Booked(1, 1, 1, invoice=1), sale.plan, sale.items)
    with pytest.raises(HeldError, match="no active invoice 1"):
        await gone.settle()


async def test_a_paid_order_has_one_payment_of_the_shop_s_type(counter: Counter) -> None:
    """OI-63: over the invoice's total, on the day the store was paid, and the memo names the order."""
    bought = TAXED.model_copy(update={"paid_at": PAID})
    sale = await begin(counter, bought)
    await sale.lines()
    await sale.settle()
    await lose(counter, "POST /accounting/v2/tenant/*/payments")
    number = await sale.pay()
    assert await sale.pay() == number
    (payment,) = await counter.st.list_payments([sale.booked.invoice])
    assert (payment.id, payment.type_id, payment.total) == (number, PAYMENT_TYPE, bought.grand_total)
    assert payment.memo == "Online store order CC-1"
    assert (await invoice_of(counter, sale.booked)).balance == 0


@pytest.mark.parametrize(("paid_at", "day"), [(PAID, PAID), (None, TAXED.created_at)], ids=["paid", "no day named"])
async def test_the_payment_is_of_the_day_the_store_was_paid(
    counter: Counter, paid_at: datetime | None, day: datetime
) -> None:
    """OI-63."""
    sale = await begin(counter, order(paid_at=paid_at))
    await sale.pay()
    rows = (await counter.people.get("/_sandbox/requests")).json()["requests"]
    (body,) = [row["body"] for row in rows if row["path"].endswith("/payments") and row["method"] == "POST"]
    assert body["customerId"] == sale.booked.customer
    assert datetime.fromisoformat(body["paidOn"]) == day


async def test_another_payment_on_the_invoice_is_not_taken_for_ours(counter: Counter) -> None:
    """OI-63, OI-67: the write never arrived, and somebody's check of that amount is there."""
    sale = await begin(counter, order())
    await sale.lines()
    other = sale.order.model_copy(update={"id": "77", "number": "CC-77"})
    theirs = await Sale(other, sale.booked, sale.plan, sale.items).pay()
    await counter.tell("/faults", match="POST /servicetitan/accounting/*/payments", kind="status", status=503)
    assert await sale.pay() != theirs


async def test_a_refused_payment_is_told(counter: Counter) -> None:
    """OI-63, OI-70: and recorded once the payment type is on again."""
    sale = await begin(counter, order())
    await counter.tell("/servicetitan/settings", kind="payment_type", name="Contractor Commerce", active=False)
    with pytest.raises(RejectedError, match="payment type is not active"):
        await sale.pay()
    await counter.tell("/servicetitan/settings", kind="payment_type", name="Contractor Commerce", active=True)
    await sale.pay()
    assert len(await counter.st.list_payments([sale.booked.invoice])) == 1


async def test_two_workers_at_once_write_one_invoice_and_one_payment(counter: Counter) -> None:
    """OI-67."""
    sale = await begin(counter)

    async def work() -> tuple[Decimal, int]:
        await sale.lines()
        return await sale.settle(), await sale.pay()

    assert len(set(await asyncio.gather(*(work() for _ in range(3))))) == 1
    assert len((await invoice_of(counter, sale.booked)).items) == 4
    assert len(await counter.st.list_payments([sale.booked.invoice])) == 1


class KilledError(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("is_done", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("at", range(19))
async def test_a_pass_that_dies_at_any_call_is_finished_by_the_next(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, at: int, is_done: bool
) -> None:
    """OI-28, OI-29, OI-49, OI-67: items, lines, tax, payment and tag are there once, whichever call it died at."""
    bought = order(line(tax_total=Decimal("3.44")), extra_discount=Decimal("1.00"))
    booked = await book(counter)

    async def go() -> None:
        items = await ensure_items.fn("demo", bought, product_part(bought), product_choices())
        sale = Sale(bought, booked, plan_invoice(product_part(bought)), items)
        await sale.lines()
        await sale.settle()
        await sale.pay()
        await tag_completed.fn("demo", bought, booked.job, COMPLETED_TAG)

    http, calls = counter.st._http, itertools.count()
    real = http.send

    async def send(*args: Any, **options: Any) -> Any:
        is_last = next(calls) == at
        if is_last and not is_done:
            raise KilledError
        answer = await real(*args, **options)
        if is_last:
            raise KilledError
        return answer

    with monkeypatch.context() as dying:
        dying.setattr(http, "send", send)
        with pytest.raises(KilledError):
            await go()
    await go()
    invoice = await invoice_of(counter, booked)
    assert said(invoice) == [("FLT-1", "1", "39.96"), ("STORE-DISCOUNT", "1", "-1.00")]
    assert (invoice.total, invoice.balance) == (bought.grand_total, 0)
    assert len(await counter.st.list_payments([booked.invoice])) == 1
    assert await tags_of(counter, booked) == {COMPLETED_TAG}
    for sku in ("FLT-1", "STORE-DISCOUNT"):
        assert len(await counter.st.list_materials_by_code(sku)) == 1


@pytest.mark.skipif(not SAMPLES.exists(), reason="the contract's samples are not here (set TRUCKROLL_CONTRACTS)")
async def test_every_sample_cart_comes_out_to_the_cent(counter: Counter) -> None:
    """OI-7, OI-27, OI-29, OI-63: the total in ServiceTitan is the order's own, and paid where the store was paid."""
    written: dict[str, Decimal] = {}
    for row in sample_file()["orders"]:
        bought = sample_order(row["order"])
        kinds = [part.kind for part in split_cart(bought)]
        if bought.id in written or PartKind.PRODUCT not in kinds or not isinstance(decide_intake(bought), Sync):
            continue
        sale = await begin(counter, bought)
        await sale.lines()
        written[bought.id] = await sale.settle()
        due = payment_for(bought, product_part(bought))
        if due:
            await sale.pay()
        if len(kinds) == 1:
            assert written[bought.id] == bought.grand_total
        assert (await invoice_of(counter, sale.booked)).balance == (0 if due else written[bought.id])
    assert len(written) >= 20


async def tags_of(counter: Counter, booked: Booked) -> set[int]:
    tags = set((await counter.st.get_job(booked.job)).tag_type_ids)
    await counter.calls()
    return tags


async def test_a_completed_order_tags_its_job_once_and_keeps_the_tags_of_people(counter: Counter) -> None:
    """OI-49: read and written whole; a tag that somebody takes off afterwards stays off."""
    booked = await book(counter, tags=(611,))
    await tag_completed.fn("demo", TAXED, booked.job, COMPLETED_TAG)
    assert [call.split()[0] for call in await counter.calls()] == ["GET", "PATCH"]
    assert await tags_of(counter, booked) == {611, COMPLETED_TAG}
    await counter.st.set_job_tags(booked.job, [612])
    await counter.calls()
    await tag_completed.fn("demo", TAXED, booked.job, COMPLETED_TAG)
    assert await counter.calls() == []
    assert await tags_of(counter, booked) == {612}


async def test_a_tag_that_somebody_put_there_already_is_not_written(counter: Counter) -> None:
    """OI-47, OI-49."""
    booked = await book(counter, tags=(611, COMPLETED_TAG))
    await tag_completed.fn("demo", TAXED, booked.job, COMPLETED_TAG)
    assert [call.split()[0] for call in await counter.calls()] == ["GET"]


async def test_a_tag_whose_answer_was_lost_is_there_once(counter: Counter) -> None:
    """OI-49, OI-67."""
    booked = await book(counter, tags=(611,))
    await lose(counter, "PATCH /jpm/*")
    await tag_completed.fn("demo", TAXED, booked.job, COMPLETED_TAG)
    assert [call.split()[0] for call in await counter.calls()] == ["GET", "PATCH", "GET"]
    assert await tags_of(counter, booked) == {611, COMPLETED_TAG}


async def test_a_tag_write_that_never_arrived_is_made_of_the_newest_list(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OI-43, OI-49: what people add meanwhile is kept."""
    booked = await book(counter, tags=(611,))
    real = counter.st.set_job_tags
    tries: list[Any] = []

    async def meanwhile(job: int, tags: Any) -> Any:
        tries.append(tuple(tags))
        if len(tries) == 1:
            await real(job, [611, 614])
            await counter.tell("/faults", match="PATCH /servicetitan/jpm/*", kind="status", status=500)
        return await real(job, tags)

    monkeypatch.setattr(counter.st, "set_job_tags", meanwhile)
    await tag_completed.fn("demo", TAXED, booked.job, COMPLETED_TAG)
    assert tries == [(611, COMPLETED_TAG), (611, 614, COMPLETED_TAG)]
    assert await tags_of(counter, booked) == {611, 614, COMPLETED_TAG}


async def test_a_job_that_is_gone_is_told(counter: Counter) -> None:
    """OI-70."""
    with pytest.raises(NotFoundError):
        await tag_completed.fn("demo", TAXED, 1, COMPLETED_TAG)
