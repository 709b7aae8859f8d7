"""Where a contact sync is started from, and what comes back: one flow behind every entry, once or ongoing."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable

import pytest
from prefect.flows import load_flow_from_entrypoint

from deployments.processes import PROCESSES
from flows.running import PASSES, run_process
from models.shop import Shop
from tests.tasks.conftest import Counter, a_shop, counter

__all__ = ["counter"]

FIELD = "Referral link"
SERVED = next(process for process in PROCESSES if process.name == "contact-sync")

Start = Callable[[], Awaitable[object]]


async def by_command() -> object:
    """`truckroll run contact-sync --shop demo`."""
    return await run_process(SERVED.name, "demo")


async def by_deployment() -> object:
    """What the schedule starts, and Run in Prefect's page: the deployment's flow with what it fills in."""
    flow = load_flow_from_entrypoint(SERVED.entrypoint, use_placeholder_flow=False)
    running = flow(**SERVED.parameters("demo"))
    return await running if inspect.isawaitable(running) else running


async def fill(counter: Counter, customers: int = 30) -> None:
    await counter.tell("/referral-factory/switches", calls_per_minute=None)
    await counter.tell("/servicetitan/generate", customers=customers, seed=7)


async def links(counter: Counter, campaign: int = 1001) -> dict[int, str]:
    kept = await counter.books.referrals.links("demo", campaign, limit=10_000)
    return {one.customer: one.url for one in kept}


async def in_fields(counter: Counter) -> dict[int, str]:
    customers = (await counter.state())["servicetitan"]["customers"]
    return {one["id"]: field["value"] for one in customers for field in one["customFields"] if field["name"] == FIELD}


async def add_late_comer(counter: Counter) -> None:
    await counter.tell(
        "/servicetitan/customers",
        name="Late Comer",
        contacts=[{"type": "Email", "value": "late.comer@example.com"}],
        locations=[{"street": "1 Other Rd", "city": "Hoover", "state": "AL", "zip": "35244"}],
    )


def with_campaigns(shop: Shop, *ids: int) -> Shop:
    """Return the shop with the first campaign's settings for each of these."""
    settings = shop.need_referral_factory()
    campaigns = tuple(settings.campaigns[0].model_copy(update={"id": each}) for each in ids)
    return shop.model_copy(update={"referral_factory": settings.model_copy(update={"campaigns": campaigns})})


def test_one_entry_starts_the_sync_of_a_shop() -> None:
    """RF-34: the command, the schedule and Prefect's page name one process, and one flow is behind it."""
    assert [process.name for process in PROCESSES if "contact_sync" in process.entrypoint] == ["contact-sync"]
    assert [name for name, flow in PASSES.items() if "contact_sync" in flow] == ["contact-sync"]
    assert PASSES["contact-sync"].replace(":", ".") == SERVED.entrypoint
    assert SERVED.parameters("demo") == {"shop": "demo"}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(by_command, by_deployment, id="by command, then by schedule or page"),
        pytest.param(by_deployment, by_command, id="by schedule or page, then by command"),
    ],
)
async def test_wherever_it_is_started_the_result_is_the_same(counter: Counter, first: Start, second: Start) -> None:
    """RF-34, RF-35: the links are whole after the first start, and the other entry changes nothing of them."""
    await fill(counter)
    await first()
    made = await links(counter)
    users = (await counter.people.get("/_sandbox/referral-factory/users")).json()["users"]
    assert len(made) > 15
    assert set(made.values()) <= {user["url"] for user in users}
    await counter.calls()
    await second()
    assert await links(counter) == made
    assert not [call for call in await counter.calls() if call.startswith("POST /referral-factory")]


async def test_two_entries_at_the_same_moment_are_one_sync(counter: Counter) -> None:
    """RF-35: nobody is made twice."""
    await fill(counter)
    await asyncio.gather(by_command(), by_deployment())
    users = (await counter.people.get("/_sandbox/referral-factory/users")).json()["users"]
    emails = [user["email"].lower() for user in users if user["campaign_id"] == 1001]
    assert len(emails) == len(set(emails))
    assert len(await links(counter)) > 15


@pytest.mark.parametrize("start", [by_command, by_deployment], ids=["by command", "by schedule or page"])
async def test_a_campaign_is_synced_by_the_same_entry_once_it_is_set_up(counter: Counter, start: Start) -> None:
    """RF-35, RF-36: a campaign has no start of its own; switched on in the shop file, it is in the next start."""
    await fill(counter)
    await counter.tell("/referral-factory/campaigns/1002", status="launched")
    await start()
    first = await links(counter)
    assert await links(counter, 1002) == {}
    counter.use(with_campaigns(a_shop(), 1001, 1002))
    await start()
    assert await links(counter) == first
    assert (await links(counter, 1002)).keys() == first.keys()
    assert not set((await links(counter, 1002)).values()) & set(first.values())


@pytest.mark.parametrize("ongoing", [False, True], ids=["once", "ongoing"])
async def test_the_return_field_is_filled_once_or_ongoing(counter: Counter, *, ongoing: bool) -> None:
    """RF-S8: the link is the field that comes back; who comes later has one only where the sync goes on."""
    await fill(counter)
    counter.use(a_shop(sync={"write_link_to": FIELD, "ongoing": ongoing}))
    await by_command()
    before = await links(counter)
    assert await in_fields(counter) == before
    await add_late_comer(counter)
    await by_command()
    after = await in_fields(counter)
    assert {customer: after[customer] for customer in before} == before
    assert len(after) == len(before) + int(ongoing)
