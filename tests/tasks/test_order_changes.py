"""The writes an approved change allows, one by one, and what they refuse."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connectors.servicetitan.accounting_schemas import InvoiceLine, InvoicePatch, NewAdjustment
from connectors.servicetitan.pricebook_schemas import NewMaterial
from decisions.order_intake import Change, Propose, fingerprints
from models.approval import Answer
from models.base import ApprovalId
from models.errors import HeldError
from models.order_change import Adjustment, JobToCancel, OrderChange
from models.order_sync import BookedJob, OrderStage, WrittenPart
from models.tables import StoreOrderRow
from store.effects import model_codec
from tasks.approvals import answer_question
from tasks.change_writes import adjust_invoice, cancel_order_job, read_jobs
from tasks.order_changes import propose_change
from tests.tasks.conftest import Counter
from tests.tasks.money import Booked, book, lose, short
from tests.unit.orders import line, order

ORDER = order(line(unit_price=Decimal("51.35")), id="100226", number="CC-100226")
BY = "Robin Office"


def refund(amount: str = "10.00") -> Propose:
    return Propose(Change.REFUND, "The store refunded it.", Decimal(amount))


async def written(counter: Counter) -> tuple[Booked, StoreOrderRow, int]:
    """Write the order: a job with an invoice over its total. Returns them, and the item on the invoice."""
    booked = await book(counter)
    item = (await counter.st.create_material(NewMaterial(code="STORE-DISCOUNT", description="Discount"))).id
    await counter.st.write_invoice_line(
        booked.invoice,
        InvoiceLine(sku_id=item, description="Filter", quantity=Decimal(1), unit_price=Decimal("51.35")),
    )
    await counter.st.patch_invoice(booked.invoice, InvoicePatch(tax=Decimal(0)))
    await counter.books.store_orders.take_in("demo", [ORDER], fingerprints=fingerprints)
    part = WrittenPart(kind="product", job=booked.job, number="4801", invoice=booked.invoice, total=Decimal("51.35"))
    row = await counter.books.store_orders.update(
        "demo",
        ORDER.id,
        stage=OrderStage.SYNCED,
        settled_version=1,
        written=ORDER.model_dump(mode="json"),
        parts=[part.model_dump(mode="json")],
    )
    await counter.calls()
    return booked, row, item


async def approved(counter: Counter, row: StoreOrderRow, change: Propose) -> tuple[str, OrderChange]:
    asked = await propose_change(counter.house, row, ORDER, change)
    await answer_question(counter.books, counter.house.shop, asked, Answer(decision="approve", by=BY), resume=False)
    question = await counter.books.approvals.get(ApprovalId(asked))
    assert question is not None
    return asked, OrderChange.model_validate(question.offer)


async def test_an_adjustment_says_what_it_is_and_who_approved_it(counter: Counter) -> None:
    """OI-69, OI-72: one line over minus the amount, no tax, the question and the person in its summary."""
    booked, row, item = await written(counter)
    asked, change = await approved(counter, row, refund())
    await counter.calls()
    made = await adjust_invoice.fn("demo", "CC-100226", asked, change.terms.adjust[0], item)
    assert short(await counter.calls()) == ["POST invoices", "GET invoices"]
    [adjustment] = await counter.st.list_adjustments(booked.invoice)
    assert (adjustment.id, adjustment.total, adjustment.sales_tax) == (made, Decimal("-10.00"), Decimal(0))
    assert [one.description for one in adjustment.items] == ["Refund of store order CC-100226"]
    assert adjustment.summary == f"Refund of store order CC-100226, approved by {BY} ({asked})"
    assert await adjust_invoice.fn("demo", "CC-100226", asked, change.terms.adjust[0], item) == made
    assert len(await counter.st.list_adjustments(booked.invoice)) == 1


async def test_a_lost_answer_finds_the_adjustment_of_this_question_only(counter: Counter) -> None:
    """OI-67: somebody's own adjustment over the same amount is not taken for ours."""
    booked, row, item = await written(counter)
    asked, change = await approved(counter, row, refund())
    theirs = await counter.st.create_adjustment_invoice(
        NewAdjustment(
            adjustment_to_id=booked.invoice,
            items=(InvoiceLine(sku_id=item, description="Ours", quantity=Decimal(1), unit_price=Decimal("-10.00")),),
            tax=Decimal(0),
            summary="Refund of store order CC-100226",
        )
    )
    await lose(counter, "POST /accounting/v2/*/invoices")
    made = await adjust_invoice.fn("demo", "CC-100226", asked, change.terms.adjust[0], item)
    assert made != theirs
    assert {one.id for one in await counter.st.list_adjustments(booked.invoice)} == {theirs, made}


async def test_an_adjustment_that_comes_to_something_else_is_held(counter: Counter) -> None:
    """OI-70: to the cent, or a person looks; it is looked at again, not written again."""
    booked, row, item = await written(counter)
    asked, change = await approved(counter, row, refund())
    made = await adjust_invoice.fn("demo", "CC-100226", asked, change.terms.adjust[0], item)
    await counter.st.patch_invoice(made, InvoicePatch(tax=Decimal("1.00")))
    with pytest.raises(HeldError, match=r"-\$9\.00; -\$10\.00 was approved"):
        await adjust_invoice.fn("demo", "CC-100226", asked, change.terms.adjust[0], item)
    assert len(await counter.st.list_adjustments(booked.invoice)) == 1


@pytest.mark.parametrize("amount", ["-10.01", "-999.00"])
async def test_nothing_is_written_that_was_not_approved(counter: Counter, amount: str) -> None:
    """OI-69: another amount, another job: refused before anything is sent."""
    booked, row, item = await written(counter)
    asked, _ = await approved(counter, row, refund())
    await counter.calls()
    other = Adjustment(invoice=booked.invoice, job_number="4801", amount=Decimal(amount))
    with pytest.raises(HeldError, match="does not cover"):
        await adjust_invoice.fn("demo", "CC-100226", asked, other, item)
    with pytest.raises(HeldError, match="does not cover"):
        await cancel_order_job.fn("demo", "CC-100226", asked, JobToCancel(job=booked.job, number="4801"), 753)
    assert not [call for call in short(await counter.calls()) if not call.startswith("GET")]


async def test_nothing_is_written_before_somebody_said_yes(counter: Counter) -> None:
    """OI-69."""
    booked, row, item = await written(counter)
    asked = await propose_change(counter.house, row, ORDER, refund())
    amount = Adjustment(invoice=booked.invoice, job_number="4801", amount=Decimal("-10.00"))
    with pytest.raises(HeldError, match="is requested"):
        await adjust_invoice.fn("demo", "CC-100226", asked, amount, item)
    assert await counter.st.list_adjustments(booked.invoice) == ()


async def test_putting_the_question_costs_three_reads_and_is_repeatable(counter: Counter) -> None:
    """OI-67, OI-70: a redelivery asks nothing new; the order is held in the same transaction."""
    _, row, _ = await written(counter)
    asked = await propose_change(counter.house, row, ORDER, refund())
    assert [call.split("/")[0] for call in short(await counter.calls())] == ["GET jobs", "GET invoices", "GET invoices"]
    assert await propose_change(counter.house, row, ORDER, refund()) == asked
    [held] = await counter.books.held.list("demo", process="order-to-invoice")
    assert (held.record, held.reason) == ("CC-100226", "refund after sync: $10.00")
    log = await counter.books.audit.list(shop="demo", record="CC-100226")
    assert [entry.event for entry in log] == ["asked"]


async def test_a_job_that_only_the_ledger_knows_is_concerned_too(counter: Counter) -> None:
    """OI-67, OI-69: cancelled while its writing had stopped halfway."""
    booked, _, _ = await written(counter)
    row = await counter.books.store_orders.update("demo", ORDER.id, parts=[])
    assert await read_jobs(counter.house, row) == ()

    async def create() -> BookedJob:
        return BookedJob(kind="product", job=booked.job, number="4801", invoice=booked.invoice)

    await counter.books.effects.once(f"demo/order/{ORDER.id}/product/job", create=create, codec=model_codec(BookedJob))
    [job] = await read_jobs(counter.house, row)
    assert (job.job, job.total, job.is_over) == (booked.job, Decimal("51.35"), False)


async def test_a_job_that_is_gone_is_said_and_left(counter: Counter) -> None:
    _, row, _ = await written(counter)
    part: dict[str, Any] = {**row.parts[0], "job": 999_999}
    row = await counter.books.store_orders.update("demo", ORDER.id, parts=[part])
    [job] = await read_jobs(counter.house, row)
    assert (job.status, job.is_over) == ("no longer there", True)
