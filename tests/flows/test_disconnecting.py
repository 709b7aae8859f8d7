"""Disconnecting in the middle of a pass: no call a second later, on either side, and nothing is lost or done twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest

from connectors.contractor_commerce.client import ContractorCommerce
from connectors.limits import Unlimited, gated
from connectors.referral_factory.client import ReferralFactory
from connectors.servicetitan.client import ServiceTitan
from connectors.tokens import TokenStore
from flows.running import run_process
from models.connection import Connection, ConnectionState, Moved, Vendor
from models.order_sync import DUE, OrderStage
from models.report import RunReport
from models.shop import Shop, parse_shop
from tasks.connecting import connect
from tasks.connections import ask_for_access, disconnect
from tasks.gate import ShopGate, disconnected
from tasks.house import House
from tests.flows.conftest import World
from tests.flows.test_order_to_invoice import FILTER, ROBIN, invoice_of
from tests.flows.test_parts_loop import answer, asked, one_pass
from tests.tasks.conftest import NO_PARTS, Counter, counter

__all__ = ["counter"]

DANA = "Dana Whitfield"
WITHIN_S = 1.0
CONNECTED = Moved(connection=Connection(state=ConnectionState.CONNECTED), event="connected")


@pytest.fixture
def trial(counter: Counter) -> House:
    """Give the house without gates, as `truckroll connect` opens it; its shop names its booking provider."""
    shop = counter.house.shop
    tenant = shop.need_servicetitan().model_copy(update={"booking_provider": 77})
    counter.use(shop.model_copy(update={"servicetitan": tenant}))
    return counter.house


@pytest.fixture
async def guarded(counter: Counter, trial: House) -> AsyncIterator[Counter]:
    """Give the demo shop with its gate before every vendor, as `open_house` builds it."""
    network: httpx.AsyncBaseTransport = counter.people._transport
    shop, gate = trial.shop, ShopGate(counter.books, trial.shop)
    async with AsyncExitStack() as stack:
        tenant = ServiceTitan.from_settings(
            shop.need_servicetitan(),
            limiter=gated(Unlimited(), gate.of("servicetitan")),
            transport=network,
            tokens=TokenStore(),
        )
        store = ContractorCommerce.from_settings(
            shop.need_contractor_commerce(),
            limiter=gated(Unlimited(), gate.of("contractor_commerce")),
            transport=network,
        )
        program = ReferralFactory.from_settings(
            shop.need_referral_factory(), limiter=gated(Unlimited(), gate.of("referral_factory")), transport=network
        )
        for client in (tenant, store, program):
            await stack.enter_async_context(client)
        counter.house = House(shop, counter.books, NO_PARTS, NO_PARTS, tenant, store, program)
        yield counter


async def cut_in_the_middle(
    counter: Counter, process: str, vendor: Vendor, *, at: str, seen: int, delay_s: float = 0.1
) -> RunReport:
    """Disconnect once `seen` calls like `at` were made; return the report. Nothing may be called a second later."""
    await counter.tell("/faults", match="* /*", kind="delay", seconds=delay_s, times=None)
    running = asyncio.create_task(run_process(process, "demo"))
    made = 0
    while made < seen:
        assert not running.done(), "the pass ended before it was cut"
        await asyncio.sleep(0.02)
        made += sum(at in call for call in await counter.calls())
    assert await disconnect(counter.books, counter.house.shop, vendor, DANA)
    await asyncio.sleep(WITHIN_S)
    await counter.calls()
    report = await asyncio.wait_for(running, 30)
    assert await counter.calls() == []
    await counter.people.delete("/_sandbox/faults")
    return report


def is_skipped(report: RunReport) -> bool:
    counts = report.counts()
    return not counts["failed"] and not counts["held"] and any("disconnected" in item.reason for item in report.items)


@pytest.mark.parametrize("vendor", ["servicetitan", pytest.param("referral_factory", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("at", "seen"),
    [
        pytest.param("/export/", 2, id="while the tenant is read"),
        pytest.param("POST /referral-factory/api/v2/users", 40, id="while links are made"),
    ],
)
async def test_a_contact_sync_stops_in_the_middle_of_a_page(
    guarded: Counter, trial: House, vendor: Vendor, at: str, seen: int
) -> None:
    """RF-67, RF-68: in neither direction; what was done stays, and nothing of it is done again once it is connected."""
    await guarded.tell("/referral-factory/switches", calls_per_minute=None)
    await guarded.tell("/servicetitan/switches", feed_page_size=50)
    await guarded.tell("/servicetitan/generate", customers=600, seed=7)
    report = await cut_in_the_middle(guarded, "contact-sync", vendor, at=at, seen=seen)
    assert is_skipped(report), report
    users = (await guarded.people.get("/_sandbox/referral-factory/users")).json()["users"]
    assert not await guarded.books.held.list("demo")
    await run_process("contact-sync", "demo")
    assert await guarded.calls() == []
    assert (await guarded.people.get("/_sandbox/referral-factory/users")).json()["users"] == users
    await connect(trial, vendor, DANA)
    await asyncio.sleep(0.6)
    await guarded.calls()
    report = await run_process("contact-sync", "demo")
    assert report.counts()["failed"] == 0, report
    creates = sum(
        "POST /referral-factory/api/v2/users" in call for call in await guarded.calls() if "search" not in call
    )
    kept = await guarded.books.referrals.counts("demo", 1001)
    after = (await guarded.people.get("/_sandbox/referral-factory/users")).json()["users"]
    emails = [(user["campaign_id"], user["email"].lower()) for user in after]
    assert len(emails) == len(set(emails))
    assert kept.waiting == 0
    assert {user["id"] for user in users} <= {user["id"] for user in after}
    assert creates >= len(after) - len(users)


@pytest.mark.parametrize(
    ("vendor", "seen"),
    [
        ("contractor_commerce", 6),
        pytest.param("servicetitan", 1, marks=pytest.mark.slow),
        pytest.param("servicetitan", 12, marks=pytest.mark.slow),
    ],
)
async def test_an_order_pass_stops_in_the_middle_and_goes_on_when_connected(
    guarded: Counter, trial: House, vendor: Vendor, seen: int
) -> None:
    """RF-67: no order fails or is held; each is written once, to the cent, after it was connected again."""
    orders = [
        await guarded.sell(**FILTER, **{**ROBIN, "email": f"buyer{n}@example.com", "phone": "", "line1": f"{n} Elm St"})
        for n in range(1, 9)
    ]
    before = (await guarded.state())["servicetitan"]
    report = await cut_in_the_middle(
        guarded, "order-to-invoice", vendor, at="POST /servicetitan/", seen=seen, delay_s=0.3
    )
    assert is_skipped(report), report
    assert not await guarded.books.held.list("demo")
    for order in orders:
        row = await guarded.books.store_orders.get("demo", order.id)
        assert row is not None
        assert OrderStage(row.stage) in {*DUE, OrderStage.SYNCED}
    await run_process("order-to-invoice", "demo")
    assert await guarded.calls() == []
    await connect(trial, vendor, DANA)
    await asyncio.sleep(0.6)
    report = await run_process("order-to-invoice", "demo")
    assert report.counts()["failed"] == 0, report
    after = (await guarded.state())["servicetitan"]
    grown = {name: len(after[name]) - len(before[name]) for name in ("customers", "locations", "jobs", "payments")}
    assert grown == dict.fromkeys(grown, len(orders))
    for order in orders:
        assert (await invoice_of(guarded, order.number)).total == order.grand_total


async def test_a_connection_that_is_pending_moves_nothing(guarded: Counter) -> None:
    """RF-19: also for a shop whose file has everything."""
    await guarded.sell(**FILTER, **ROBIN)
    await guarded.calls()
    await ask_for_access(guarded.books, "demo", 1234567, DANA)
    for process in ("order-to-invoice", "contact-sync", "settings-refresh", "order-change"):
        report = await run_process(process, "demo")
        [item] = report.items
        assert (item.id, item.outcome) == ("ServiceTitan", "skipped"), process
        assert "pending" in item.reason
    assert await guarded.calls() == []


async def test_connected_and_not_configured_moves_nothing(guarded: Counter, trial: House) -> None:
    """RF-26: no campaign, or one in which nothing is switched on."""
    shop = guarded.house.shop
    program = shop.need_referral_factory()
    off = program.campaigns[0].model_copy(
        update={"contact_sync": program.campaigns[0].contact_sync.model_copy(update={"enabled": False})}
    )
    for campaigns in ((), (off,)):
        bare = program.model_copy(update={"campaigns": campaigns})
        guarded.use(shop.model_copy(update={"referral_factory": bare}))
        await connect(trial, "servicetitan", DANA)
        await connect(trial, "referral_factory", DANA)
        await guarded.calls()
        report = await run_process("contact-sync", "demo")
        assert [item.outcome for item in report.items] == ["skipped"]
        assert await guarded.calls() == []


@pytest.mark.parametrize("process", ["diagnosis-watch", "parts-loop", "eta-watch"])
@pytest.mark.parametrize("vendor", ["servicetitan", "marcone"])
async def test_the_parts_processes_are_skipped(world: World, process: str, vendor: Vendor) -> None:
    """RF-67: scheduled passes do nothing, and no request is held or failed."""
    titan: dict[str, Any] = {
        "api_url": "http://127.0.0.1:9", "auth_url": "http://127.0.0.1:9", "tenant_id": 1, "app_key": "k",
        "client_id": "c", "client_secret": "s", "external_data_guid": "g",
    }  # fmt: skip
    written = {"name": "demo", "servicetitan": titan}
    settings = parse_shop(written, "demo.toml").servicetitan
    shop: Shop = world.house.shop.model_copy(update={"servicetitan": settings})
    world.house.shop = shop
    await disconnect(world.books, shop, vendor, DANA)
    report = await run_process(process, "demo")
    [item] = report.items
    assert (item.outcome, "disconnected" in item.reason) == ("skipped", True)
    assert not await world.books.held.list("demo")


@pytest.mark.parametrize("step", ["match", "place"])
async def test_a_part_whose_distributor_is_disconnected_meanwhile_stays_where_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """RF-67: nobody is told of a failure, and nothing is held; connected again, the part is ordered once."""
    await asked(world)
    await answer(world)
    works = getattr(world.marcone, step)

    async def refuse(*_: object, **__: object) -> None:
        raise disconnected("demo", "marcone", "Marcone is disconnected, nothing is sent.")

    monkeypatch.setattr(world.marcone, step, refuse)
    [item] = await one_pass()
    assert (item.outcome, "disconnected" in item.reason) == ("skipped", True)
    assert world.marcone.orders == []
    assert not await world.books.held.list("demo")
    assert not await world.books.audit.list(shop="demo", event="failed")
    monkeypatch.setattr(world.marcone, step, works)
    assert [one.outcome for one in await one_pass()] == ["ordered"]
    assert len(world.marcone.orders) == 1


async def test_reconcile_leaves_the_runs_of_a_disconnected_shop_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RF-67: a run that would end at its first call is not started again and again."""

    @asynccontextmanager
    async def server() -> AsyncIterator[object]:
        yield object()

    async def find(*_: object) -> str:
        return "deployment"

    async def find_none(*_: object) -> None:
        """Serve no order change."""

    async def mend(*_: object) -> None:
        mended.append("run")

    mended: list[str] = []
    monkeypatch.setattr("flows.reconcile.prefect_api", server)
    monkeypatch.setattr("flows.reconcile.find_order_change", find_none)
    monkeypatch.setattr("flows.reconcile.find_parts_loop", find)
    monkeypatch.setattr("flows.reconcile.mend_run", mend)
    await asked(world)
    await disconnect(world.books, world.house.shop, "marcone", DANA)
    assert (await run_process("reconcile", "demo")).counts()["failed"] == 0
    assert mended == []
    await world.books.connections.change("demo", "marcone", lambda _: [CONNECTED], by=DANA)
    await run_process("reconcile", "demo")
    assert mended == ["run"]
