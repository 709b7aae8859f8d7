"""Connecting asks nobody for a plan or an edition: what an account has is seen by what it lets us do."""

from __future__ import annotations

import pytest

from models.connection import ConnectionState
from models.errors import UnauthorizedError, VendorError
from models.shop import Shop
from tasks.connecting import connect
from tasks.connections import is_connected
from tests.tasks.conftest import Counter, counter

__all__ = ["counter"]

DANA = "Dana Whitfield"
TENANT = "/servicetitan/{}/v2/tenant/1234567/{}"
FURTHER = (
    "memberships",
    "inventory",
    "forms",
    "pricebook",
    "equipmentsystems",
    "accounting",
    "marketing",
    "jpm",
    "sales",
)
"""What a smaller edition of ServiceTitan may lack. Bookings and settings are read to connect; more is not."""


@pytest.fixture
def shop(counter: Counter) -> Shop:
    """Give the demo shop, with its booking provider."""
    shop = counter.house.shop
    tenant = shop.need_servicetitan().model_copy(update={"booking_provider": 77})
    counter.use(shop.model_copy(update={"servicetitan": tenant}))
    return counter.house.shop


@pytest.mark.parametrize("users", [None, 0], ids=["a plan without end", "a plan whose users are used up"])
async def test_the_program_is_connected_whatever_its_plan(counter: Counter, shop: Shop, users: int | None) -> None:
    """RF-7: one reading of the campaigns is all there is to it; no call asks for a plan."""
    await counter.tell("/referral-factory/switches", plan_users=users)
    await counter.calls()
    await connect(counter.house, "referral_factory", DANA)
    assert await is_connected(counter.books, shop, "referral_factory")
    assert await counter.calls() == ["GET /referral-factory/api/v2/campaigns"]


@pytest.mark.parametrize("status", [401, 403], ids=["no token for it", "no API in the plan"])
async def test_a_plan_without_an_api_is_refused_in_the_programs_words(
    counter: Counter, shop: Shop, status: int
) -> None:
    """RF-7: the one thing a plan must have. It is said, and nothing is connected."""
    await counter.tell(
        "/faults", match="GET /referral-factory/api/v2/campaigns", kind="status", status=status, times=None
    )
    with pytest.raises(VendorError) as caught:
        await connect(counter.house, "referral_factory", DANA)
    assert isinstance(caught.value, UnauthorizedError) == (status == 401)
    assert caught.value.fix
    kept = await counter.books.connections.get(shop.name, "referral_factory")
    assert (kept.state if kept else ConnectionState.NOT_CONNECTED) is ConnectionState.NOT_CONNECTED


async def test_a_tenant_is_connected_whatever_its_edition(counter: Counter, shop: Shop) -> None:
    """RF-8: business units and booking provider are read; that an edition lacks everything else is no obstacle."""
    for module in FURTHER:
        for method in ("GET", "POST"):
            await counter.tell(
                "/faults", match=f"{method} /servicetitan/{module}/*", kind="status", status=403, times=None
            )
    await counter.calls()
    proof, _ = await connect(counter.house, "servicetitan", DANA)
    assert await is_connected(counter.books, shop, "servicetitan")
    assert "77" in proof.seen[-1]
    assert await counter.calls() == [
        f"GET {TENANT.format(*words)}" for words in (("settings", "business-units"), ("crm", "booking-provider-tags"))
    ]
