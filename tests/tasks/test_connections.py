"""Connecting against the sandbox: what is tried, what is refused, what is kept; and the gate that every call passes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.limits import CountingLimiter, Gated, Unlimited, gated
from connectors.referral_factory.client import ReferralFactory
from connectors.servicetitan.client import ServiceTitan
from connectors.tokens import TokenStore
from models.connection import NAMES, VENDORS, ConnectionState, Vendor
from models.errors import DisconnectedError, RateLimitedError, RejectedError, SettingsError, UnauthorizedError
from models.section import Secret
from models.shop import Shop, read_shop
from store.effects import NOTHING_WRITTEN
from store.limits import LeasedLimiter, SharedLimiter
from tasks.checks import check_shop
from tasks.connecting import connect, verify
from tasks.connections import ask_for_access, disconnect, is_connected, note_approved, standings
from tasks.gate import ShopGate, between, why_still
from tasks.house import House, open_for_trial, open_house
from tests.tasks.conftest import NO_PARTS, Counter, a_shop

DANA = "Dana Whitfield"
OURS, ANOTHER = 1234567, 7654321


def with_tenant(shop: Shop, **change: Any) -> Shop:
    return shop.model_copy(update={"servicetitan": shop.need_servicetitan().model_copy(update=change)})


def without_referrals(shop: Shop) -> Shop:
    return shop.model_copy(update={"referral_factory": None})


@pytest.fixture(autouse=True)
def no_other_shops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the shops' folder be an empty one; return it."""
    folder = tmp_path / "shops"
    folder.mkdir()
    monkeypatch.setenv("TRUCKROLL_SHOPS", str(folder))
    return folder


@pytest.fixture
def shop(counter: Counter) -> Shop:
    """Give the demo shop, with its booking provider."""
    counter.use(with_tenant(counter.house.shop, booking_provider=77))
    return counter.house.shop


async def state_of(counter: Counter, vendor: Vendor = "servicetitan") -> ConnectionState:
    kept = await counter.books.connections.get("demo", vendor)
    return kept.state if kept else ConnectionState.NOT_CONNECTED


async def audit_of(counter: Counter, vendor: Vendor = "servicetitan") -> list[tuple[str, str]]:
    """Return the steps in order, each with who took it."""
    rows = await counter.books.audit.list(shop="demo", process="connection", record=vendor)
    return [(row.event, row.actor) for row in reversed(rows)]


# --- step by step


async def test_each_step_is_kept_with_who_took_it(counter: Counter, shop: Shop) -> None:
    """RF-16, RF-19, RF-25: pending, ready to finalise, connected; each in the audit log."""
    await ask_for_access(counter.books, "demo", OURS, DANA)
    assert await state_of(counter) is ConnectionState.PENDING
    await note_approved(counter.books, "demo", "Kim Sample")
    assert await state_of(counter) is ConnectionState.READY
    proof, _ = await connect(counter.house, "servicetitan", DANA)
    assert await state_of(counter) is ConnectionState.CONNECTED
    assert any(str(OURS) in seen for seen in proof.seen)
    assert any("77" in seen for seen in proof.seen)
    assert await audit_of(counter) == [
        ("access-requested", DANA),
        ("access-approved", "Kim Sample"),
        ("connected", DANA),
    ]


async def test_a_second_submit_files_nothing(counter: Counter) -> None:
    """RF-16: also when two people do it at the same moment."""
    await asyncio.gather(*(ask_for_access(counter.books, "demo", OURS, DANA) for _ in range(8)))
    kept = await counter.books.connections.get("demo", "servicetitan")
    assert "not asked again" in await ask_for_access(counter.books, "demo", OURS, "Kim Sample")
    assert await counter.books.connections.get("demo", "servicetitan") == kept
    assert await audit_of(counter) == [("access-requested", DANA)]


async def test_a_request_for_another_tenant_is_refused_while_one_waits(counter: Counter) -> None:
    """RF-12."""
    await ask_for_access(counter.books, "demo", OURS, DANA)
    with pytest.raises(SettingsError, match=str(ANOTHER)):
        await ask_for_access(counter.books, "demo", ANOTHER, DANA)


async def test_nobody_approves_what_nobody_asked_for(counter: Counter) -> None:
    """RF-19."""
    with pytest.raises(SettingsError, match="Nobody has asked"):
        await note_approved(counter.books, "demo", DANA)
    assert await state_of(counter) is ConnectionState.NOT_CONNECTED


# --- what is tried


WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "client secret": ({"client_secret": "wrong-word"}, UnauthorizedError, "client id and secret"),
    "client id": ({"client_id": "somebody-else"}, UnauthorizedError, "client id and secret"),
    "app key": ({"app_key": "wrong-key"}, UnauthorizedError, "pplication key"),
    "tenant": ({"tenant_id": ANOTHER}, RejectedError, "cannot be reached"),
    "booking provider": ({"booking_provider": 4242}, SettingsError, "no booking provider tag 4242"),
    "no booking provider": ({"booking_provider": None}, SettingsError, "Booking Provider value"),
    "no client secret": ({"client_secret": ""}, SettingsError, "Client Secret"),
    "no client id": ({"client_id": ""}, SettingsError, "Client ID"),
    "a variable that is not set": ({"client_secret": "${NOT_SET_ANYWHERE}"}, SettingsError, "NOT_SET_ANYWHERE"),
}


@pytest.mark.parametrize("begun", [ConnectionState.NOT_CONNECTED, ConnectionState.READY, ConnectionState.CONNECTED])
@pytest.mark.parametrize("wrong", WRONG)
async def test_wrong_values_give_an_error_and_change_nothing(
    counter: Counter, shop: Shop, monkeypatch: pytest.MonkeyPatch, wrong: str, begun: ConnectionState
) -> None:
    """RF-20, RF-24, RF-25, RF-S6: whatever it was before; a secret is in no error."""
    changes, meaning, said = WRONG[wrong]
    if begun is not ConnectionState.NOT_CONNECTED:
        await ask_for_access(counter.books, "demo", changes.get("tenant_id", OURS), DANA)
        await note_approved(counter.books, "demo", DANA)
    if begun is ConnectionState.CONNECTED and "tenant_id" not in changes:
        await connect(counter.house, "servicetitan", DANA)
    before, steps = await counter.books.connections.get("demo", "servicetitan"), await audit_of(counter)
    async with trial(counter, tenant_of(shop, **changes)) as house:
        with pytest.raises(meaning, match=said) as caught:
            await connect(house, "servicetitan", DANA)
    assert "wrong-word" not in str(caught.value)
    assert "wrong-key" not in str(caught.value)
    assert await counter.books.connections.get("demo", "servicetitan") == before
    assert await audit_of(counter) == steps


def tenant_of(shop: Shop, **change: Any) -> Shop:
    """Return the shop with other values in [servicetitan]."""
    secrets = {"app_key", "client_id", "client_secret"}
    return with_tenant(shop, **{name: Secret(one) if name in secrets else one for name, one in change.items()})


@asynccontextmanager
async def trial(counter: Counter, shop: Shop, program: str = "sandbox-rf-token") -> AsyncIterator[House]:
    """Open a house for one trial, with the sandbox of the counter behind it."""
    network: httpx.AsyncBaseTransport = counter.people._transport
    async with AsyncExitStack() as stack:
        tenant: ServiceTitan | SettingsError
        try:
            settings = shop.need_servicetitan()
            tenant = ServiceTitan.from_settings(settings, limiter=Unlimited(), transport=network, tokens=TokenStore())
            await stack.enter_async_context(tenant)
        except SettingsError as error:
            tenant = error
        referrals = shop.need_referral_factory().model_copy(update={"api_token": Secret(program)})
        there = ReferralFactory.from_settings(referrals, limiter=Unlimited(), transport=network)
        await stack.enter_async_context(there)
        yield House(shop, counter.books, NO_PARTS, NO_PARTS, tenant, None, there)


async def test_a_booking_provider_that_is_switched_off_is_none(counter: Counter, shop: Shop) -> None:
    """RF-22, RF-S6: the fix names those there are."""
    await counter.tell("/servicetitan/booking-provider-tags", name="Referral Factory", active=False)
    with pytest.raises(SettingsError, match="no booking provider tag 77"):
        await connect(counter.house, "servicetitan", DANA)
    assert await state_of(counter) is ConnectionState.NOT_CONNECTED


async def test_an_app_that_may_not_read_the_tags_proves_its_provider_by_its_bookings(
    counter: Counter, shop: Shop
) -> None:
    """RF-25, RF-S6: a wrong one fails there too."""
    await counter.tell(
        "/faults", match="GET /servicetitan/crm/*/booking-provider-tags", kind="status", status=403, times=None
    )
    proof = await verify(counter.house, "servicetitan")
    assert proof.seen[-1] == "the bookings of provider 77 can be read"
    async with trial(counter, tenant_of(shop, booking_provider=4242)) as house:
        with pytest.raises(SettingsError, match="4242 cannot be used"):
            await verify(house, "servicetitan")


async def test_a_shop_without_a_referral_program_needs_no_booking_provider(counter: Counter) -> None:
    """RF-20: it makes no bookings."""
    counter.use(without_referrals(a_shop()))
    proof, _ = await connect(counter.house, "servicetitan", DANA)
    assert proof.booking_provider is None
    assert await is_connected(counter.books, counter.house.shop, "servicetitan")


async def test_values_can_be_entered_again_without_disconnecting(counter: Counter, shop: Shop) -> None:
    """RF-24."""
    await connect(counter.house, "servicetitan", DANA)
    await connect(counter.house, "servicetitan", "Kim Sample")
    assert [event for event, _ in await audit_of(counter)] == [
        "access-requested", "access-approved", "connected", "credentials-renewed",
    ]  # fmt: skip


# --- the referral program


async def test_an_account_without_a_campaign_is_refused_and_a_draft_is_enough(counter: Counter, shop: Shop) -> None:
    """RF-9."""
    assert isinstance(shop, Shop)
    await counter.tell("/referral-factory/campaigns/1001/delete")
    await counter.tell("/referral-factory/campaigns/1002/delete")
    with pytest.raises(SettingsError, match="has no campaign"):
        await connect(counter.house, "referral_factory", DANA)
    assert await state_of(counter, "referral_factory") is ConnectionState.NOT_CONNECTED
    await counter.tell("/referral-factory/campaigns", id=1003, name="Spring", status="draft")
    proof, _ = await connect(counter.house, "referral_factory", DANA)
    assert "1003 Spring (draft)" in proof.seen[-1]
    assert await audit_of(counter, "referral_factory") == [("connected", DANA)]


async def test_a_token_that_is_wrong_leaves_the_state_as_it_was(counter: Counter, shop: Shop) -> None:
    """RF-25."""
    async with trial(counter, shop, program="another-token") as house:
        with pytest.raises(UnauthorizedError):
            await connect(house, "referral_factory", DANA)
    assert await state_of(counter, "referral_factory") is ConnectionState.NOT_CONNECTED


EASTSIDE = """
name = "eastside"
[servicetitan]
api_url = "http://127.0.0.1:8700/servicetitan"
auth_url = "http://127.0.0.1:8700/servicetitan/connect/token"
tenant_id = TENANT
app_key = "k"
client_id = "c"
client_secret = "s"
external_data_guid = "6f0c2f0e-9d1b-4c57-8c39-0b8f8a3f7d11"
[referral_factory]
api_url = "http://127.0.0.1:8700/referral-factory/api/v2/"
api_token = "TOKEN"
"""


@pytest.mark.parametrize("vendor", ["referral_factory", "servicetitan"])
@pytest.mark.parametrize(
    ("tenant", "token", "is_refused"),
    [
        pytest.param(ANOTHER, "sandbox-rf-token", True, id="another tenant on the same account"),
        pytest.param(OURS, "sandbox-rf-token", False, id="the same tenant"),
        pytest.param(ANOTHER, "another-token", False, id="another account"),
    ],
)
async def test_one_account_takes_one_tenant_at_a_time(
    counter: Counter, shop: Shop, no_other_shops: Path, vendor: Vendor, tenant: int, token: str, *, is_refused: bool
) -> None:
    """RF-12: refused before anybody is called, until the other shop is disconnected."""
    assert isinstance(shop, Shop)
    other = no_other_shops / "eastside.toml"
    other.write_text(EASTSIDE.replace("TENANT", str(tenant)).replace("TOKEN", token), encoding="utf-8")
    (no_other_shops / "broken.toml").write_text("name =", encoding="utf-8")
    await counter.calls()
    if is_refused:
        with pytest.raises(SettingsError, match="eastside"):
            await connect(counter.house, vendor, DANA)
        assert await counter.calls() == []
        assert any("eastside" in line.words for line in await check_shop("demo") if line.kind == "no")
        await disconnect(counter.books, read_shop(other), "referral_factory", DANA)
    await connect(counter.house, vendor, DANA)
    assert await is_connected(counter.books, counter.house.shop, vendor)


# --- disconnecting


async def state_without_time(counter: Counter) -> dict[str, Any]:
    return {name: one for name, one in (await counter.state()).items() if name != "clock"}


@pytest.mark.parametrize("vendor", ["referral_factory", "servicetitan", "contractor_commerce"])
async def test_disconnecting_calls_nobody_and_deletes_nothing(counter: Counter, shop: Shop, vendor: Vendor) -> None:
    """RF-66, RF-68: one action; both systems hold what they held."""
    before = await state_without_time(counter)
    await counter.calls()
    assert await disconnect(counter.books, shop, vendor, DANA)
    assert not await disconnect(counter.books, shop, vendor, DANA)
    assert await counter.calls() == []
    assert await state_without_time(counter) == before
    assert not await is_connected(counter.books, shop, vendor)
    assert await audit_of(counter, vendor) == [("disconnected", DANA)]


async def test_disconnecting_withdraws_a_request(counter: Counter, shop: Shop) -> None:
    """RF-16, RF-66."""
    await ask_for_access(counter.books, "demo", OURS, DANA)
    assert await disconnect(counter.books, shop, "servicetitan", DANA)
    await ask_for_access(counter.books, "demo", ANOTHER, DANA)
    assert await state_of(counter) is ConnectionState.PENDING


async def test_a_vendor_the_shop_has_no_section_for_cannot_be_disconnected(counter: Counter) -> None:
    with pytest.raises(SettingsError, match=r"no \[marcone\] section"):
        await disconnect(counter.books, counter.house.shop, "marcone", DANA)


# --- what is shown


async def test_every_state_is_shown_with_what_to_know(counter: Counter, shop: Shop) -> None:
    """RF-17, RF-18, RF-19: a shop that never ran connect is connected by its file."""
    shown = {one.vendor: one for one in await standings(counter.books, shop)}
    assert set(shown) == {"contractor_commerce", "referral_factory", "servicetitan"}
    assert all((one.state, one.moves) == (ConnectionState.CONNECTED, True) for one in shown.values())
    await ask_for_access(counter.books, "demo", OURS, DANA)
    await disconnect(counter.books, shop, "referral_factory", DANA)
    shown = {one.vendor: one for one in await standings(counter.books, shop)}
    assert (shown["servicetitan"].state, shown["servicetitan"].moves) == (ConnectionState.PENDING, False)
    assert "support@referral-factory.com" in " ".join(shown["servicetitan"].words)
    assert (shown["referral_factory"].state, shown["referral_factory"].moves) == (ConnectionState.DISCONNECTED, False)
    no_tenant = shop.model_copy(update={"servicetitan": None})
    assert {one.vendor for one in await standings(counter.books, no_tenant)} == set(shown)


# --- the gate


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def opened(counter: Counter, clock: Clock) -> tuple[ShopGate, ServiceTitan, AsyncExitStack]:
    """Return the gate of the shop and a client behind it."""
    network: httpx.AsyncBaseTransport = counter.people._transport
    gate = ShopGate(counter.books, counter.house.shop, clock=clock)
    stack = AsyncExitStack()
    tenant = ServiceTitan.from_settings(
        counter.house.shop.need_servicetitan(),
        limiter=gated(Unlimited(), gate.of("servicetitan")),
        transport=network,
        tokens=TokenStore(),
    )
    return gate, await stack.enter_async_context(tenant), stack


async def test_no_call_goes_out_once_the_last_reading_is_old(counter: Counter, shop: Shop) -> None:
    """RF-67: within the half second a reading is believed; and calls go again once it is connected."""
    clock = Clock()
    _, tenant, stack = await opened(counter, clock)
    async with stack:
        await tenant.list_business_units()
        await disconnect(counter.books, shop, "servicetitan", DANA)
        clock.now += 0.49
        await tenant.list_business_units()
        clock.now += 0.02
        await counter.calls()
        with pytest.raises(DisconnectedError, match="ServiceTitan is disconnected") as caught:
            await tenant.list_business_units()
        assert caught.value.fix == "`truckroll connect demo servicetitan` connects it."
        assert await counter.calls() == []
        await connect(counter.house, "servicetitan", DANA)
        clock.now += 0.51
        await tenant.list_business_units()


@pytest.mark.parametrize("pending", [True, False])
async def test_nothing_moves_between_asking_and_connecting(counter: Counter, shop: Shop, *, pending: bool) -> None:
    """RF-19: a connection that was begun is none yet."""
    assert isinstance(shop, Shop)
    await ask_for_access(counter.books, "demo", OURS, DANA)
    if not pending:
        await note_approved(counter.books, "demo", DANA)
    _, tenant, stack = await opened(counter, Clock())
    async with stack:
        with pytest.raises(DisconnectedError, match="pending" if pending else "ready to finalise"):
            await tenant.list_business_units()


async def test_a_run_between_two_vendors_stops_at_both(counter: Counter, shop: Shop) -> None:
    """RF-67: with the program disconnected a sync does not go on reading the tenant; what is not of it does."""
    await disconnect(counter.books, shop, "referral_factory", DANA)
    _, tenant, stack = await opened(counter, Clock())
    async with stack:
        await tenant.list_business_units()
        with between(("referral_factory", "servicetitan")), pytest.raises(DisconnectedError, match="Referral Factory"):
            await tenant.list_business_units()
        await tenant.list_business_units()


async def test_a_token_refused_after_disconnecting_is_not_tried_again(counter: Counter, shop: Shop) -> None:
    """RF-67: the call that was on its way is the last."""
    clock = Clock()
    _, tenant, stack = await opened(counter, clock)
    async with stack:
        await tenant.list_business_units()
        await counter.tell("/tokens/expire", vendor="servicetitan")
        await counter.tell("/faults", match="GET /servicetitan/settings/*", kind="delay", seconds=0.2)
        calling = asyncio.create_task(tenant.list_business_units())
        await asyncio.sleep(0.05)
        await disconnect(counter.books, shop, "servicetitan", DANA)
        clock.now += 1
        with pytest.raises(DisconnectedError):
            await calling
        assert len(await counter.calls()) == 2


async def test_a_write_that_was_stopped_is_no_lost_answer(counter: Counter, shop: Shop) -> None:
    """RF-67: the ledger forgets the intent, and the write is made once it is connected again, without looking first."""
    await disconnect(counter.books, shop, "servicetitan", DANA)
    gate = ShopGate(counter.books, shop)

    async def write() -> str:
        await gate.of("servicetitan")()
        return "made"

    assert isinstance(DisconnectedError(), NOTHING_WRITTEN)
    with pytest.raises(DisconnectedError):
        await counter.books.effects.once("demo/thing", create=write)
    assert await counter.books.effects.status("demo/thing") is None


async def test_a_call_that_waits_for_its_turn_is_not_kept_waiting(counter: Counter, shop: Shop) -> None:
    """RF-67: a minute's wait under a vendor's limit ends within a second of disconnecting."""
    gate = ShopGate(counter.books, shop, good_for_s=0.05)
    inner = SharedLimiter(counter.books.store, "slow", 2, 1, sleep=gate.sleep("servicetitan"))
    limiter = gated(inner, gate.of("servicetitan"))
    await limiter.acquire()
    waiting = asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await disconnect(counter.books, shop, "servicetitan", DANA)
    with pytest.raises(DisconnectedError):
        await asyncio.wait_for(waiting, 1)


async def test_a_gate_keeps_a_counting_limiter_counting(counter: Counter) -> None:
    async def ask() -> None:
        """Let everybody through."""

    counting = gated(LeasedLimiter(counter.books.store, "account", 600), ask)
    assert isinstance(counting, CountingLimiter)
    assert isinstance(counting, Gated)
    assert not isinstance(gated(Unlimited(), ask), CountingLimiter)
    await counting.overrun(RateLimitedError("too much", retry_after_s=600))
    with pytest.raises(RateLimitedError):
        await counting.acquire()


async def test_many_calls_read_the_connections_twice_a_second(
    counter: Counter, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gate costs a comparison: it is asked before each of some hundred calls a second."""
    clock, readings = Clock(), 0
    look = counter.books.connections.of

    async def of(name: str) -> Any:
        nonlocal readings
        readings += 1
        return await look(name)

    monkeypatch.setattr(counter.books.connections, "of", of)
    ask = ShopGate(counter.books, shop, clock=clock).of("servicetitan")
    for _ in range(10):
        await asyncio.gather(*(ask() for _ in range(50)))
        clock.now += 0.1
    assert readings == 2


async def test_a_house_of_the_shop_has_its_gate_at_every_vendor(
    tmp_path: Path, no_other_shops: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RF-67: whichever vendor is disconnected, its client refuses; a trial may call."""
    monkeypatch.setenv("TRUCKROLL_DATABASE_URL", f"sqlite:///{tmp_path / 'house.db'}")
    text = EASTSIDE.replace("TENANT", "1").replace("TOKEN", "t").replace("8700", "9")
    text += """
[contractor_commerce]
api_url = "http://127.0.0.1:9/contractor-commerce"
api_token = "t"
[marcone]
api_url = "http://127.0.0.1:9/marcone"
client_id = "c"
client_secret = "s"
customer_number = 100200
"""
    (no_other_shops / "eastside.toml").write_text(text, encoding="utf-8")
    shop = read_shop(no_other_shops / "eastside.toml")
    async with open_house("eastside") as house:
        for vendor in VENDORS:
            await disconnect(house.books, shop, vendor, DANA)
        calls = (
            house.servicetitan.list_business_units(),
            house.store.check_access(),
            house.referral_factory.check_access(),
            house.distributor.check_access(),
            house.platform.check_access(),
        )
        said = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(error) for error in said] == [DisconnectedError] * len(calls)
        why = await why_still(house.books, shop, ("servicetitan", "marcone"))
        assert why is not None
        assert why.vendor == NAMES["servicetitan"]
    async with open_for_trial(shop) as house:
        with pytest.raises(Exception, match="could not be reached"):
            await house.referral_factory.check_access()
