"""Connecting against the sandbox: what is tried, what is refused, what is kept; and the gate that every call passes."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
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
from models.shop import Shop
from sandbox.app import create_app
from store import Books
from store.batch import NOTHING_WRITTEN
from store.limits import LeasedLimiter, SharedLimiter
from tasks.connections import (
    ask_for_access,
    connect,
    disconnect,
    is_connected,
    note_approved,
    standings,
    verify,
)
from tasks.gate import ShopGate, between, why_still
from tasks.house import House, open_for_trial, open_house
from tests.tasks.conftest import ADDRESS, NO_PARTS, Counter, a_shop

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
    """Return the shop with other values in [servicetitan], read as a shop file is."""
    from models.shop import parse_shop

    written = shop.model_dump(mode="json", exclude_unset=True)
    section = {
        **written["servicetitan"], "app_key": "sandbox-app-key", "client_id": "sandbox-client",
        "client_secret": "sandbox-secret", **change,
    }  # fmt: skip
    kept = {"name": shop.name, "servicetitan": {name: one for name, one in section.items() if one is not None}}
    made = parse_shop(kept, "demo.toml")
    return made.model_copy(update={"referral_factory": shop.referral_factory})


class trial:  # noqa: N801  reads as what it does
    """Open a house for one trial, with the sandbox of the counter behind it."""

    def __init__(self, counter: Counter, shop: Shop) -> None:
        self._counter, self._shop, self._stack = counter, shop, AsyncExitStack()

    async def __aenter__(self) -> House:
        network: Any = self._counter.people._transport
        tenant: ServiceTitan | SettingsError
        try:
            tenant = await self._stack.enter_async_context(
                ServiceTitan.from_settings(
                    self._shop.need_servicetitan(), limiter=Unlimited(), transport=network, tokens=TokenStore()
                )
            )
        except SettingsError as error:
            tenant = error
        program = self._counter.house.referral_factory
        return House(self._shop, self._counter.books, NO_PARTS, NO_PARTS, tenant, None, program)

    async def __aexit__(self, *_: object) -> None:
        """Leave the sandbox open: it is the counter's."""
