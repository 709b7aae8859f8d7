"""Passes of order-to-invoice on a bad day: vendors away, settings gone, orders that change, come late or come twice."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import stamina
from prefect import Task

from decisions.order_intake import fingerprints
from flows import order_desk
from flows import order_to_invoice as the_flow
from flows.running import run_process
from models.order_sync import DUE, OrderStage
from models.report import RunReport
from models.store_order import StoreOrder
from models.tables import HeldRow, StoreOrderRow
from tasks.held import retry
from tests.flows.test_order_to_invoice import FILTER, ROBIN, invoice_of, outcomes, run
from tests.tasks.conftest import Counter, a_shop, counter

__all__ = ["counter"]

KIM = {**ROBIN, "first_name": "Kim", "email": "kim.sample@example.com", "phone": "205-555-0178", "line1": "9 Oak Ave"}
LEE = {**ROBIN, "first_name": "Lee", "email": "lee.sample@example.com", "phone": "205-555-0179", "line1": "3 Ash Ct"}
TUNE_UP = {"sku": "SVC-COOL-TUNE"}
MIXED = {"lines": [FILTER, TUNE_UP]}
MORNING = {"window_start": "2026-12-01T08:00:00-06:00", "window_end": "2026-12-01T12:00:00-06:00"}
TITAN = "* /servicetitan/*/tenant/*"
STORE = "GET /contractor-commerce/*"
JOBS = "/servicetitan/jpm/v2/tenant/1234567/jobs"
COMPLETED, VIP = 613, 601


@pytest.fixture
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a step that fails be left to the next pass at once."""
    for step in (*vars(the_flow).values(), *vars(order_desk).values()):
        if isinstance(step, Task):
            monkeypatch.setattr(step, "retries", 0)
    stamina.set_testing(True)
    yield
    stamina.set_testing(False)


async def row_of(counter: Counter, order: StoreOrder) -> StoreOrderRow:
    row = await counter.books.store_orders.get("demo", order.id)
    assert row is not None
    return row


async def held_of(counter: Counter, order: StoreOrder) -> HeldRow:
    held = await counter.books.held.find("demo", "order-to-invoice", order.number)
    assert held is not None
    return held


async def try_again(counter: Counter, order: StoreOrder) -> RunReport:
    """Set the order free as `truckroll held retry` does, and let a pass see it."""
    held = await held_of(counter, order)
    await retry(counter.books, held.id or 0)
    return await run()


async def jobs_of(counter: Counter, order: StoreOrder) -> dict[str, dict[str, Any]]:
    """Return the order's jobs by the name of their type."""
    titan = (await counter.state())["servicetitan"]
    types = {row["id"]: row["name"] for row in titan["job_types"]}
    return {types[job["jobTypeId"]]: job for job in titan["jobs"] if job["customerPo"] == order.number}


async def writes(counter: Counter) -> list[str]:
    """Return what was written to ServiceTitan since the last time."""
    return [call for call in await counter.calls() if "/servicetitan/" in call and not call.startswith("GET")]


async def store_does(counter: Counter, order: StoreOrder, what: str, **words: Any) -> None:
    await counter.tell(f"/contractor-commerce/orders/{order.id}/{what}", **words)


# -- the vendors


@pytest.mark.usefixtures("without_waiting")
@pytest.mark.parametrize(
    "calls_before", [0, *(pytest.param(calls, marks=pytest.mark.slow) for calls in (14, 22, 30, 40)), 50]
)
async def test_a_tenant_away_in_the_middle_costs_only_time(counter: Counter, calls_before: int) -> None:
    """OI-67, OI-70: the pass fails and says so, no order is held or half done for good, and the next pass completes."""
    orders = [await counter.sell(**FILTER, **who, shipping="6.95") for who in (ROBIN, KIM, LEE)]
    before = (await counter.state())["servicetitan"]
    await counter.tell("/faults", match=TITAN, kind="status", status=503, times=None, skip=calls_before)
    report = await run()
    assert report.counts()["failed"] > 0
    assert report.counts()["held"] == 0
    assert all(item.reason for item in report.items)
    held = await counter.books.held.list("demo")
    assert {one.process for one in held} <= {"access"}
    for order in orders:
        assert OrderStage((await row_of(counter, order)).stage) in {*DUE, OrderStage.SYNCED}

    await counter.people.delete("/_sandbox/faults")
    report = await run()
    assert set(outcomes(report).values()) <= {"synced"}
    assert await counter.books.held.list("demo") == []
    after = (await counter.state())["servicetitan"]
    grown = {name: len(after[name]) - len(before[name]) for name in ("customers", "locations", "jobs", "payments")}
    assert grown == dict.fromkeys(grown, len(orders))
    for order in orders:
        assert (await row_of(counter, order)).stage == OrderStage.SYNCED
        assert (await invoice_of(counter, order.number)).total == order.grand_total


@pytest.mark.usefixtures("without_waiting")
async def test_with_the_tenant_away_the_rest_is_not_even_tried(counter: Counter) -> None:
    """OI-70: a vendor that answers nobody is asked by a few orders, not by all; it is on the held list, with a fix."""
    orders = [
        await counter.sell(**FILTER, **{**ROBIN, "email": f"buyer{n}@example.com", "phone": "", "line1": f"{n} Elm St"})
        for n in range(1, 31)
    ]
    await counter.tell("/faults", match=TITAN, kind="status", status=503, times=None)
    report = await run()
    assert 0 < len(report.items) < len(orders)
    [held] = await counter.books.held.list("demo")
    assert (held.process, held.record) == ("access", "ServiceTitan")
    assert held.fix
    assert [row.stage for row in await counter.books.store_orders.list("demo")] == [OrderStage.NEW] * len(orders)


@pytest.mark.usefixtures("without_waiting")
@pytest.mark.parametrize(
    ("match", "vendor", "secret"),
    [
        pytest.param(TITAN, "ServiceTitan", "client_secret", id="ServiceTitan"),
        pytest.param(STORE, "Contractor Commerce", "api_token", id="the store"),
    ],
)
async def test_a_refused_token_is_held_with_the_secret_s_name(
    counter: Counter, match: str, vendor: str, secret: str
) -> None:
    """OI-1, OI-70: under access, and gone from the list when the vendor lets us in again; the order was not touched."""
    order = await counter.sell(**FILTER, **ROBIN)
    await counter.tell("/faults", match=match, kind="status", status=401, times=None)
    report = await run()
    assert report.counts()["failed"] == 1
    [held] = await counter.books.held.list("demo")
    assert (held.process, held.record) == ("access", vendor)
    assert secret in f"{held.reason} {held.fix}"
    assert await writes(counter) == []
    await counter.people.delete("/_sandbox/faults")
    assert outcomes(await run()) == {order.number: "synced"}
    assert await counter.books.held.list("demo") == []


# -- the settings


@pytest.mark.parametrize(
    ("kind", "name", "setting"),
    [
        pytest.param("campaign", "Contractor Commerce", "campaign", id="campaign"),
        pytest.param("business_unit", "Online Store", "business_unit", id="business unit", marks=pytest.mark.slow),
        pytest.param("job_type", "Filter Order", "job_type", id="job type", marks=pytest.mark.slow),
        pytest.param("tag_type", "Store: one-time filters", "tag_one_time", id="tag", marks=pytest.mark.slow),
        pytest.param("technician", "Store Dispatch", "technician", id="technician", marks=pytest.mark.slow),
        pytest.param("payment_type", "Contractor Commerce", "payment_type", id="payment type"),
        pytest.param("gl_account", "Deferred Revenue", "account", id="account"),
    ],
)
async def test_a_setting_switched_off_in_the_tenant_holds_the_order(
    counter: Counter, kind: str, name: str, setting: str
) -> None:
    """OI-25, OI-70: held naming the setting, with nothing written; through on retry once it is back."""
    order = await counter.sell(**FILTER, **ROBIN)
    await counter.tell("/servicetitan/settings", kind=kind, name=name, active=False)
    assert outcomes(await run()) == {order.number: "held"}
    held = await held_of(counter, order)
    assert held.field.endswith(f".{setting}")
    assert name in held.reason
    assert held.fix
    assert await writes(counter) == []
    assert outcomes(await run()) == {}

    await counter.tell("/servicetitan/settings", kind=kind, name=name, active=True)
    assert outcomes(await try_again(counter, order)) == {order.number: "synced"}
    assert await counter.books.held.list("demo") == []


@pytest.mark.parametrize("products", [True, False], ids=["products on", "products off"])
@pytest.mark.parametrize("services", [True, False], ids=["services on", "services off"])
async def test_each_part_of_a_mixed_cart_follows_its_own_switch(
    counter: Counter, products: bool, services: bool
) -> None:
    """OI-5, OI-19, OI-20, OI-50, OI-62: all four combinations: jobs, tags, items and money of what is on, nothing else."""
    counter.use(a_shop(products={"enabled": products}, services={"enabled": services}))
    order = await counter.sell(**MIXED, **ROBIN, shipping="6.95")
    report = await run()
    on = {"Filter Order": products, "Online Service Order": services}
    wanted = {name for name, is_on in on.items() if is_on}
    assert outcomes(report) == {order.number: "synced" if wanted else "ignored"}
    jobs = await jobs_of(counter, order)
    assert set(jobs) == wanted
    titan = (await counter.state())["servicetitan"]
    tags = {tag for one in titan["customers"] if one["name"] == "Robin Sample" for tag in one["tagTypeIds"]}
    names = {row["id"]: row["name"] for row in titan["tag_types"]}
    of_part = {"Filter Order": "Store: one-time filters", "Online Service Order": "Store: one-time service"}
    assert {names[tag] for tag in tags} == {of_part[name] for name in wanted}
    assert bool([row for row in titan["materials"] if row["code"] == FILTER["sku"]]) is products
    paid = sum((Decimal(row["amount"]) for row in titan["payments"]), Decimal(0))
    service = sum((line.total + line.tax_total for line in order.lines if line.sku == TUNE_UP["sku"]), Decimal(0))
    assert paid == (order.grand_total - service if products else 0)


@pytest.mark.parametrize(
    ("sold", "switch"),
    [pytest.param(FILTER, "products", id="products"), pytest.param(TUNE_UP, "services", id="services")],
)
async def test_arrival_windows_that_are_not_configured_hold_the_order(
    counter: Counter, sold: dict[str, Any], switch: str
) -> None:
    """OI-30, OI-31, OI-52, OI-53, OI-70: it says what to configure, leaves nothing half made, goes through once they are."""
    changes: dict[str, Any] = {switch: {"arrival_windows": True}}
    counter.use(a_shop(**changes))
    await counter.tell("/servicetitan/arrival-windows", windows=[])
    order = await counter.sell(**sold, **ROBIN, **MORNING)
    assert outcomes(await run()) == {order.number: "held"}
    held = await held_of(counter, order)
    assert held.reason.startswith("Arrival windows not configured")
    assert "Set up arrival windows in ServiceTitan" in held.fix
    assert await writes(counter) == []

    await counter.tell("/servicetitan/arrival-windows", windows=[["08:00", "12:00"]])
    assert outcomes(await try_again(counter, order)) == {order.number: "synced"}
    [job] = (await jobs_of(counter, order)).values()
    [visit] = job["appointments"]
    assert (visit["arrivalWindowStart"], visit["arrivalWindowEnd"]) == ("2026-12-01T14:00:00Z", "2026-12-01T18:00:00Z")


async def test_with_the_option_off_no_window_is_written(counter: Counter) -> None:
    """OI-30, OI-31: off, it needs no windows in ServiceTitan and writes none."""
    await counter.tell("/servicetitan/arrival-windows", windows=[])
    order = await counter.sell(**FILTER, **ROBIN, **MORNING)
    assert outcomes(await run()) == {order.number: "synced"}
    [job] = (await jobs_of(counter, order)).values()
    assert job["appointments"][0]["arrivalWindowStart"] is None


async def test_a_window_the_tenant_does_not_have_is_a_question(counter: Counter) -> None:
    """OI-52, OI-70: never moved to the nearest one; the windows there are stand in the fix."""
    await counter.tell("/servicetitan/arrival-windows", windows=[["09:00", "13:00"]])
    order = await counter.sell(**TUNE_UP, **ROBIN, **MORNING)
    assert outcomes(await run()) == {order.number: "held"}
    assert "09:00-13:00" in (await held_of(counter, order)).fix
    await counter.tell("/servicetitan/arrival-windows", windows=[["09:00", "13:00"], ["08:00", "12:00"]])
    assert outcomes(await try_again(counter, order)) == {order.number: "synced"}


# -- the orders


async def test_two_like_orders_are_both_written_and_the_second_is_flagged(counter: Counter) -> None:
    """OI-68: in the report and in what is kept of the order; one customer, two jobs."""
    first, second = [await counter.sell(**FILTER, **ROBIN) for _ in range(2)]
    report = await run()
    assert outcomes(report) == {first.number: "synced", second.number: "synced"}
    words = f"looks like {first.number}"
    assert [words in item.reason for item in report.items] == [False, True]
    assert (await row_of(counter, second)).warnings == [words]
    customers = [(await row_of(counter, order)).customer for order in (first, second)]
    assert customers[0] == customers[1]


async def test_an_order_completed_after_it_was_written_gets_the_tag_once(counter: Counter) -> None:
    """OI-49: absent at first; beside the tags of people; and one that somebody took off stays off."""
    order = await counter.sell(**FILTER, **ROBIN)
    await run()
    [job] = (await jobs_of(counter, order)).values()
    assert job["tagTypeIds"] == []
    await counter.st.set_job_tags(job["id"], (VIP,))
    await counter.calls()

    await store_does(counter, order, "complete")
    assert outcomes(await run()) == {order.number: "synced"}
    assert await writes(counter) == [f"PATCH {JOBS}/{job['id']}"]
    assert (await counter.st.get_job(job["id"])).tag_type_ids == (VIP, COMPLETED)

    await counter.st.set_job_tags(job["id"], (VIP,))
    await counter.calls()
    await store_does(counter, order, "edit", customer_note="Thank you")
    await run()
    assert await writes(counter) == []


async def test_a_held_order_goes_through_on_retry_without_being_entered_again(counter: Counter) -> None:
    """OI-15, OI-70: the match was an inactive customer; retried too early it is held again, and once."""
    place = {"street": ROBIN["line1"], "city": "Hoover", "state": "AL", "zip": "35244"}
    contacts = [{"type": "Email", "value": ROBIN["email"]}]
    known = await counter.tell(
        "/servicetitan/customers", name="Robin Sample", contacts=contacts, locations=[place], active=False
    )
    order = await counter.sell(**FILTER, **ROBIN)
    assert outcomes(await run()) == {order.number: "held"}
    assert outcomes(await try_again(counter, order)) == {order.number: "held"}
    assert [one.record for one in await counter.books.held.list("demo")] == [order.number]

    await counter.tell(f"/servicetitan/customers/{known['customer_id']}", active=True)
    assert outcomes(await try_again(counter, order)) == {order.number: "synced"}
    assert (await row_of(counter, order)).customer == known["customer_id"]
    assert await counter.books.held.list("demo") == []


async def test_a_correction_in_the_store_frees_a_held_order_by_itself(counter: Counter) -> None:
    """OI-18, OI-70: its next version is decided anew, and that one is written."""
    order = await counter.sell(**FILTER, **{**ROBIN, "zip": "8504O"})
    assert outcomes(await run()) == {order.number: "held"}
    await store_does(counter, order, "edit", service_address={"zip": "35244"})
    assert outcomes(await run()) == {order.number: "synced"}
    assert await counter.books.held.list("demo") == []


async def test_an_order_waits_for_its_money_and_is_written_as_it_then_is(counter: Counter) -> None:
    """OI-69: edited while it waited, paid later: one job, at the address that was corrected."""
    order = await counter.sell(**FILTER, **ROBIN, payment_status="authorized")
    assert outcomes(await run()) == {order.number: "waiting"}
    await store_does(counter, order, "edit", service_address={"line1": "14 Elm Street"})
    assert outcomes(await run()) == {order.number: "waiting"}
    assert await writes(counter) == []
    await store_does(counter, order, "pay")
    assert outcomes(await run()) == {order.number: "synced"}
    [job] = (await jobs_of(counter, order)).values()
    [place] = await counter.st.list_locations(job["customerId"])
    assert (place.id, place.address.street) == (job["locationId"], "14 Elm Street")


async def test_a_cart_changed_after_the_money_was_reserved_is_held(counter: Counter) -> None:
    """OI-29, OI-70: what was collected is not what the order comes to: nothing is written."""
    order = await counter.sell(**FILTER, **ROBIN, payment_status="authorized")
    await store_does(counter, order, "edit", quantity=3)
    await store_does(counter, order, "pay")
    assert outcomes(await run()) == {order.number: "held"}
    assert (await held_of(counter, order)).field == "payments"
    assert await writes(counter) == []


async def test_an_order_cancelled_while_it_waited_is_never_written(counter: Counter) -> None:
    """OI-69."""
    order = await counter.sell(**FILTER, **ROBIN, payment_status="authorized")
    await run()
    await store_does(counter, order, "cancel")
    assert outcomes(await run()) == {order.number: "ignored"}
    assert await writes(counter) == []


async def test_an_order_edited_after_it_was_written_is_put_before_a_person(counter: Counter) -> None:
    """OI-69: job and invoice stay as they are, and the question is asked once."""
    order = await counter.sell(**FILTER, **ROBIN)
    await run()
    await counter.calls()
    await store_does(counter, order, "edit", quantity=3)
    assert outcomes(await run()) == {order.number: "held"}
    assert outcomes(await run()) == {}
    assert await writes(counter) == []
    assert (await invoice_of(counter, order.number)).total == order.grand_total
    [question] = await counter.books.approvals.list("demo")
    assert question.offer["what"] == "edited after sync"


async def test_an_older_version_that_comes_late_changes_nothing(counter: Counter) -> None:
    """OI-67: by a list that was read before, or by a delivery that took its time."""
    order = await counter.sell(**FILTER, **ROBIN)
    await store_does(counter, order, "complete")
    assert outcomes(await run()) == {order.number: "synced"}
    before = (await counter.state())["servicetitan"]
    await counter.books.store_orders.take_in("demo", [order], fingerprints=fingerprints)
    await counter.books.store_events.keep("demo", "late", order_id=order.id, kind="order.created")
    assert outcomes(await run()) == {}
    assert (await row_of(counter, order)).version == order.version + 1
    assert (await counter.state())["servicetitan"] == before


async def test_a_delivery_that_comes_again_and_again_makes_one_of_each(counter: Counter) -> None:
    """OI-67: events under many ids, a poll, and a pass between them."""
    order = await counter.sell(**FILTER, **ROBIN)
    for n in range(5):
        await counter.books.store_events.keep("demo", f"event-{n}", order_id=order.id, kind="order.created")
        await run_process("order-to-invoice", "demo")
    made = Tally(call.split("/")[-1] for call in await writes(counter))
    assert (made["customers"], made["jobs"], made["payments"]) == (1, 1, 1)


@pytest.mark.usefixtures("without_waiting")
async def test_what_was_noticed_outlives_a_pass_that_broke_off(counter: Counter) -> None:
    """OI-15, OI-18, OI-68: the next pass finds the account begun and does not look again; the warnings are still told."""
    place = {"street": ROBIN["line1"], "city": "Hoover", "state": "AL", "zip": "35244"}
    other = await counter.tell("/servicetitan/customers", name="Kim Sample", contacts=[], locations=[place])
    order = await counter.sell(**FILTER, **ROBIN, currency="CAD")
    customers = "POST /servicetitan/crm/v2/tenant/1234567/customers"
    await counter.tell("/faults", match=customers, kind="status", status=503, times=None)
    assert outcomes(await run()) == {order.number: "failed"}
    await counter.people.delete("/_sandbox/faults")
    [item] = (await run()).items
    warnings = ["currency CAD", f"address already used by {other['customer_id']}"]
    assert (item.outcome, (await row_of(counter, order)).warnings) == ("synced", warnings)
    assert all(words in item.reason for words in warnings)
