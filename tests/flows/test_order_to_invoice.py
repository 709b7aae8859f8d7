"""Order to invoice under Prefect, against the sandbox: what the store sold is in ServiceTitan, to the cent, once."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from flows.running import run_process
from models.order_sync import OrderStage
from models.report import RunReport
from store import Books
from tasks.held import retry
from tests.tasks.conftest import Counter, a_shop, counter

__all__ = ["counter"]

ROBIN = {
    "first_name": "Robin",
    "last_name": "Sample",
    "email": "robin.sample@example.com",
    "phone": "205-555-0177",
    "line1": "12 Elm Street",
    "city": "Hoover",
    "state": "AL",
    "zip": "35244",
}
FILTER = {"sku": "FLT-16X25X1-M8", "quantity": 2}


async def run() -> RunReport:
    return await run_process("order-to-invoice", "demo")


def outcomes(report: RunReport) -> dict[str, str]:
    return {item.id: item.outcome for item in report.items}


async def invoice_of(counter: Counter, number: str) -> Any:
    row = await counter.books.store_orders.by_number("demo", number)
    assert row is not None
    [part] = [part for part in row.parts if part["kind"] == "product"]
    [invoice] = await counter.st.list_invoices([part["invoice"]])
    return invoice


async def test_a_filter_becomes_customer_job_invoice_and_payment(counter: Counter) -> None:
    """OI-4, OI-26, OI-27, OI-29, OI-39, OI-41, OI-42, OI-45, OI-48, OI-63: the plain case, to the cent."""
    order = await counter.sell(**FILTER, **ROBIN, shipping="6.95")
    report = await run()
    assert outcomes(report) == {order.number: "synced"}
    invoice = await invoice_of(counter, order.number)
    assert invoice.total == order.grand_total
    assert invoice.balance == Decimal(0)


async def test_a_second_pass_writes_nothing(counter: Counter) -> None:
    """OI-67: what is written stays as it is; the next pass asks the store only."""
    await counter.sell(**FILTER, **ROBIN)
    await run()
    await counter.calls()
    report = await run()
    assert report.items == []
    assert all(call.startswith("GET /contractor-commerce/orders") for call in await counter.calls())


async def test_an_order_that_needs_a_person_does_not_stop_the_others(counter: Counter) -> None:
    """OI-18, OI-70: an impossible postal code is held with reason and fix; the other order goes through."""
    bad = await counter.sell(**FILTER, **{**ROBIN, "zip": "8504O"})
    good = await counter.sell(
        **FILTER, **{**ROBIN, "email": "kim@example.com", "phone": "205-555-0178", "line1": "9 Oak Ave"}
    )
    report = await run()
    assert outcomes(report) == {bad.number: "held", good.number: "synced"}
    [held] = await counter.books.held.list("demo")
    assert (held.record, held.field) == (bad.number, "service_address.zip")
    row = await counter.books.store_orders.by_number("demo", bad.number)
    assert row is not None
    assert row.stage == OrderStage.HELD


async def test_both_switched_off_writes_nothing(counter: Counter) -> None:
    """OI-1, OI-5, OI-20, OI-50: nothing is written, the list says why, and switching on takes effect on the next order."""
    counter.use(a_shop(products={"enabled": False}, services={"enabled": False}))
    order = await counter.sell(**FILTER, **ROBIN)
    report = await run()
    assert outcomes(report) == {order.number: "ignored"}
    assert not [call for call in await counter.calls() if "/servicetitan/" in call]
    counter.use(a_shop())
    await counter.tell(f"/contractor-commerce/orders/{order.id}/complete")
    assert outcomes(await run()) == {order.number: "ignored"}


async def test_a_customer_merged_away_before_the_job_is_followed_on_retry(counter: Counter) -> None:
    """OI-15, OI-70: the account opened for the order was merged into another one: held, and found there on retry."""
    order = await counter.sell(**FILTER, **ROBIN)
    await counter.tell("/faults", match="POST /servicetitan/jpm/v2/tenant/1234567/jobs", kind="status", status=400)
    assert outcomes(await run()) == {order.number: "held"}
    row = await counter.books.store_orders.by_number("demo", order.number)
    assert row is not None
    other = await counter.tell(
        "/servicetitan/customers",
        name="Robin Sample",
        contacts=[],
        locations=[{"street": "1 Other Rd", "city": "Hoover", "state": "AL", "zip": "35244"}],
    )
    await counter.tell(f"/servicetitan/customers/{row.customer}/merge", into=other["customer_id"])
    [held] = await counter.books.held.list("demo")
    assert held.id is not None
    await retry(counter.books, held.id)
    assert outcomes(await run()) == {order.number: "synced"}
    row = await counter.books.store_orders.by_number("demo", order.number)
    assert row is not None
    assert row.customer == other["customer_id"]
    assert (await invoice_of(counter, order.number)).total == order.grand_total


async def test_a_cancellation_names_the_job_whose_answer_was_lost(counter: Counter) -> None:
    """OI-67, OI-69: the job is there though nobody noted it: it is found, and put to the person who decides."""
    await run()
    order = await counter.sell(**FILTER, **ROBIN)
    jobs = "/servicetitan/jpm/v2/tenant/1234567/jobs"
    await counter.tell("/faults", match=f"POST {jobs}", kind="lost_answer")
    await counter.tell("/faults", match=f"GET {jobs}", kind="status", status=400, times=None)
    assert outcomes(await run())[order.number] in {"failed", "held"}
    await counter.people.delete("/_sandbox/faults")
    await counter.tell(f"/contractor-commerce/orders/{order.id}/cancel", reason="Changed my mind", refund=True)
    assert outcomes(await run()) == {order.number: "held"}
    [question] = await counter.books.approvals.open_changes("demo")
    [job] = [job for job in (await counter.state())["servicetitan"]["jobs"] if job.get("customerPo") == order.number]
    assert f"Job {job['jobNumber']} is canceled" in question.question


PAYMENTS = "POST /servicetitan/accounting/v2/tenant/1234567/payments"


async def test_a_half_written_order_is_finished_before_its_change_is_asked_about(counter: Counter) -> None:
    """OI-69, OI-70: the payment was refused, then the store edits the order: the first version is completed first."""
    order = await counter.sell(**FILTER, **ROBIN)
    await counter.tell("/faults", match=PAYMENTS, kind="status", status=400)
    assert outcomes(await run()) == {order.number: "held"}
    await counter.tell(f"/contractor-commerce/orders/{order.id}/edit", quantity=1)
    assert outcomes(await run()) == {order.number: "held"}
    invoice = await invoice_of(counter, order.number)
    assert (invoice.total, invoice.balance) == (order.grand_total, Decimal(0))
    [question] = await counter.books.approvals.open_changes("demo")
    assert "edited after sync" in question.offer["what"]


async def test_a_cancellation_before_a_job_was_booked_asks_nobody(counter: Counter) -> None:
    """OI-69: only the customer was made when the store cancelled: there is nothing to decide about."""
    order = await counter.sell(**FILTER, **ROBIN)
    await counter.tell("/faults", match="POST /servicetitan/jpm/v2/tenant/1234567/jobs", kind="status", status=400)
    assert outcomes(await run()) == {order.number: "held"}
    await counter.tell(f"/contractor-commerce/orders/{order.id}/cancel", reason="Changed my mind", refund=True)
    assert outcomes(await run()) == {order.number: "ignored"}
    assert await counter.books.approvals.open_changes("demo") == []
    assert await counter.books.held.list("demo") == []


async def test_new_books_find_what_older_ones_wrote(counter: Counter, tmp_path: Path) -> None:
    """OI-67: the database was lost: the first pass with an empty one finds job, lines and payment, and doubles none."""
    order = await counter.sell(**FILTER, **ROBIN, shipping="6.95")
    plan = await counter.sell(
        sku="MEM-CAHABA", purchase_type="subscription", **{**ROBIN, "email": "kim@example.com", "phone": "205-555-0178"}
    )
    await run()
    before = (await counter.state())["servicetitan"]
    with Books.open(f"sqlite:///{tmp_path / 'new.db'}", settle_s=0) as books:
        counter.house.books = books
        assert outcomes(await run()) == {order.number: "synced", plan.number: "synced"}
    after = (await counter.state())["servicetitan"]
    for kind in ("jobs", "payments", "memberships", "customers", "invoices", "materials"):
        assert len(after[kind]) == len(before[kind]), kind
