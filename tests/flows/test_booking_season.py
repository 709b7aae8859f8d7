"""A whole season of three campaigns ends the same, in both systems, whether the vendors' deliveries come or not."""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from deployments.hooks.app import build_app
from models.booking import ReferralStage
from models.settings import HouseSettings
from store import Books
from tests.contracts.specs import spec_validator
from tests.deployments.hook_doubles import Prefect, a_starter, until
from tests.flows.referral_run import run
from tests.flows.season import BY_JOB, BY_STATUS, CAMPAIGNS, FANS, PATHS, Season
from tests.ports import free_port
from tests.tasks.conftest import ADDRESS, Counter, counter

__all__ = ["counter"]

SECRET, KEY = "season-secret-of-the-hooks", "season-key-of-the-tenant-0123456789"
FIELDS = {"code": "lead_code", "campaign_id": "campaign", "id": "number"}
SHOP = f"""
name = "demo"
[servicetitan]
api_url = "{ADDRESS}/servicetitan"
auth_url = "{ADDRESS}/servicetitan/connect/token"
tenant_id = 1234567
app_key = "x"
client_id = "x"
client_secret = "x"
booking_provider = 77
external_data_guid = "6f0c2f0e-9d1b-4c57-8c39-0b8f8a3f7d11"
webhook_key = "{KEY}"
[referral_factory]
api_url = "{ADDRESS}/referral-factory/api/v2"
api_token = "x"
webhook_secret = "{SECRET}"
webhook_fields = {{ code = "lead_code", campaign = "campaign", event = "what", id = "number", email = "" }}
campaigns = [{", ".join(f"{{ id = {number} }}" for number in CAMPAIGNS)}]
"""


@asynccontextmanager
async def receiver(books: Books, folder: Path) -> AsyncIterator[int]:
    """Serve the real receiver over HTTP; passes are run by the test."""
    (folder / "demo.toml").write_text(SHOP, encoding="utf-8")
    port = free_port()
    settings = HouseSettings(shops=folder)
    app = build_app(books, settings, starter=a_starter(books, Prefect(), quiet_s=60))
    config = uvicorn.Config(app, host="127.0.0.1", port=port, access_log=False, log_level="warning", ws="none")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())

    async def is_up() -> bool:
        return server.started

    await until(is_up)
    yield port
    server.should_exit = True
    await serving


async def set_up_hooks(counter: Counter, port: int, **manner: Any) -> None:
    """Set both vendors' hooks up as the guides say, and how they are carried."""
    for campaign in CAMPAIGNS:
        for event in ("user.join", "user.qualified", "reward_issued"):
            await counter.tell(
                f"/referral-factory/campaigns/{campaign}/hooks",
                url=f"http://127.0.0.1:{port}/referral-factory/demo",
                event=event,
                sources=["Referred", "Direct"],
                headers={"X-Truckroll-Secret": SECRET},
                fields=FIELDS,
                constants={"what": event},
            )
    await counter.tell("/servicetitan/webhooks", url=f"http://127.0.0.1:{port}/servicetitan/demo", key=KEY)
    for vendor in ("referral-factory", "servicetitan"):
        await counter.tell(f"/{vendor}/switches", **manner)


async def all_carried(counter: Counter) -> None:
    """Wait until every delivery has an answer."""

    async def are_sent() -> bool:
        state = (await counter.state())["referral_factory"]["hook_deliveries"]
        titan = (await counter.people.get("/_sandbox/servicetitan/webhooks/deliveries")).json()["deliveries"]
        return all(one["outcome"] != "waiting" for one in [*state, *titan])

    await until(are_sent, seconds=60)


@pytest.mark.parametrize(
    ("deliveries", "of_each"),
    [
        pytest.param("lost", 4, id="every webhook lost", marks=pytest.mark.slow),
        pytest.param("thrice", 1, id="every webhook three times and out of order", marks=pytest.mark.slow),
        pytest.param("none", 4, id="no webhooks, polled only", marks=pytest.mark.slow),
        pytest.param("thrice", 4, id="every webhook three times and out of order, 200 people", marks=pytest.mark.slow),
    ],
)
async def test_a_season_ends_the_same_however_the_deliveries_come(
    counter: Counter, tmp_path: Path, deliveries: str, of_each: int
) -> None:
    """RF-3, RF-4, RF-5, RF-27, RF-41 to RF-50, RF-58, RF-59, RF-65, RF-D4 to RF-D7: 200 people, every path, once each."""
    season = Season(counter, of_each)
    await season.open()
    if deliveries == "none":
        await play(season)
    else:
        (tmp_path / "shops").mkdir()
        async with receiver(counter.books, tmp_path / "shops") as port:
            manner = {"hooks_lost": True} if deliveries == "lost" else {"hooks_times": 3, "hooks_out_of_order": True}
            await set_up_hooks(counter, port, **manner)
            await play(season)
            await check_deliveries(counter, deliveries)
    await check_titan(season)
    await check_program(season)
    await check_books(season)
    await check_requests(counter)


async def play(season: Season) -> None:
    await season.sign_up()
    await all_carried(season.counter)
    await run()
    for half in ("first", "second"):
        await season.act(half)
        await all_carried(season.counter)
        await run()
    await all_carried(season.counter)
    await run()


async def check_deliveries(counter: Counter, deliveries: str) -> None:
    """What came was kept once for each thing that happened, and is dealt with."""
    program = (await counter.state())["referral_factory"]["hook_deliveries"]
    titan = (await counter.people.get("/_sandbox/servicetitan/webhooks/deliveries")).json()["deliveries"]
    outcomes = {(one["outcome"], one["status"]) for one in [*program, *titan]}
    assert len(program) > 100
    assert len(titan) > 50
    if deliveries == "lost":
        assert outcomes == {("lost", None)}
    else:
        assert {status for _, status in outcomes} <= {200, 202}
        assert len(program) % 3 == 0
    for vendor in ("referral_factory", "servicetitan"):
        assert await counter.books.hook_events.waiting("demo", vendor) == []


async def check_titan(season: Season) -> None:
    """ServiceTitan has one booking of each person that is to be booked, and of nobody else."""
    expected = [one.user["code"] for one in season.leads if one.is_booked]
    expected += [fan["code"] for fan in season.fans[BY_STATUS]]
    bookings = [one for one in await season.program.bookings() if one["bookingProviderId"] == 77]
    assert Tally(one["externalId"] for one in bookings) == Tally(expected)
    by_code = {one["externalId"]: one for one in bookings}
    for person in season.leads:
        if person.is_booked:
            booking = by_code[person.user["code"]]
            assert booking["isFirstTimeClient"] is not person.path.is_existing, person.email
            assert ("Existing customer" in booking["summary"]) is person.path.is_existing, person.email
            assert (booking["jobId"] is not None) is person.path.is_job, person.email


async def check_program(season: Season) -> None:
    """The program shows as qualified who is won or was qualified by hand; each of ours was sent once."""
    won = {one.user["id"] for one in season.leads if one.is_won and one.path.name not in {"by-hand", "deleted"}}
    by_hand = {one.user["id"] for one in season.leads if one.path.name == "by-hand"}
    users = (await season.counter.people.get("/_sandbox/referral-factory/users")).json()["users"]
    assert {one["id"] for one in users if one["qualified_at"]} == won | by_hand
    requests = (await season.counter.people.get("/_sandbox/requests")).json()["requests"]
    puts = [row["body"] for row in requests if row["path"].endswith("/users/qualification")]
    assert Tally(body["id"] for body in puts) == Tally(won)
    assert all(body == {"id": body["id"], "qualified": True} for body in puts)
    due = (await season.counter.state())["referral_factory"]["due_rewards"]
    rewarded = [one for one in season.leads if one.campaign in {BY_STATUS, BY_JOB} and one.user["id"] in won | by_hand]
    assert len(due) == len(rewarded), "no reward was issued, and none is given twice"


async def check_books(season: Season) -> None:
    """Our books say the same as the vendors: how far each came, and what is held."""
    rows = {row.user_id: row for row in await season.counter.books.referred.page("demo", limit=1000)}
    assert len(rows) == len(season.leads) + len(season.twins) + FANS
    for person in season.leads:
        row, name = rows[person.user["id"]], person.path.name
        if not person.is_booked:
            expected = ReferralStage.IGNORED
        elif person.is_won:
            expected = ReferralStage.GONE if name == "deleted" else ReferralStage.QUALIFIED
        elif person.path.is_job:
            expected = ReferralStage.JOB
        else:
            expected = ReferralStage.DISMISSED if name == "dismissed" else ReferralStage.BOOKED
        assert row.stage == expected, (person.email, row.why)
        if person.campaign in {BY_STATUS, BY_JOB} and expected is ReferralStage.QUALIFIED:
            assert row.reward == "due", person.email
    gone = {f"person {one.user['id']}" for one in season.leads if one.is_won and one.path.name == "deleted"}
    twins = {f"person {one.user['id']}" for one in season.twins}
    assert set(await season.program.held()) == gone | twins
    funnels = {(one.campaign_id, one.kind): one for one in await season.counter.books.referred.funnels("demo")}
    for campaign in CAMPAIGNS:
        mine = [one for one in season.leads if one.campaign == campaign]
        funnel = funnels[campaign, "person_invited"]
        assert funnel.booked == sum(one.is_booked for one in mine)
        assert funnel.jobs == sum(one.path.is_job and one.is_booked for one in mine)
    assert funnels[BY_STATUS, "person_referring"].booked == FANS
    assert len(season.leads) == 3 * season.of_each * len(PATHS)


async def check_requests(counter: Counter) -> None:
    """Nothing was written but bookings and qualifications, and each is valid against its vendor's contract."""
    counts = (await counter.people.get("/_sandbox/counts")).json()
    writes = {call for call in counts if not call.startswith("GET") and "/connect/token" not in call}
    assert writes == {
        "POST /servicetitan/crm/v2/tenant/{tenant}/booking-provider/{id}/bookings",
        "PUT /referral-factory/api/v2/users/qualification",
        "POST /referral-factory/api/v2/users/search",
    }
    schemas = {
        "POST": spec_validator("crm-v2", "POST", "/booking-provider/{booking_provider}/bookings", kind="request"),
        "PUT": spec_validator("referral_factory/openapi", "PUT", "/users/qualification", kind="request"),
    }
    rows = (await counter.people.get("/_sandbox/requests")).json()["requests"]
    for row in rows:
        if row["method"] == "PUT" or (row["path"].endswith("/bookings") and row["method"] == "POST"):
            schemas[row["method"]].validate(row["body"])
