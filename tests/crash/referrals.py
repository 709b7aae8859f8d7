"""A referral season under test: its shop, its people over HTTP, every write it takes, and what stands in the end."""

from __future__ import annotations

import asyncio
import json
import random
import re
import sqlite3
import time
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import httpx

from sandbox import contractor_commerce, referral_factory
from store import Books
from tests.crash.conftest import MakeHouse
from tests.crash.house import CrashHouse, Run
from tests.crash.vendors import wait_for
from tests.flows.referral_run import LEADS, REFERRERS
from tests.flows.season import BY_HAND, BY_JOB, BY_STATUS, Person, Season
from tests.tasks.conftest import Counter

T = TypeVar("T")

PROCESS = "booking-to-reward"
SHOP = "demo"
"""As the checks of the season know it."""
FIELD = "Model number"
"""A custom field of the job that takes the name of who referred the lead: it makes a write of each job."""

SECRETS = {
    "CC_TOKEN": contractor_commerce.TOKEN,
    "CC_WEBHOOK_SECRET": "not used here",
    "RF_TOKEN": referral_factory.TOKEN,
    "RF_WEBHOOK_SECRET": "not used here",
}

BOOKING = "POST /servicetitan/crm/v2/tenant/*/booking-provider/*/bookings"
FIELDS = "PATCH /servicetitan/jpm/v2/tenant/*/jobs/*"
QUALIFY = "PUT /referral-factory/api/v2/users/qualification"
WRITES = (BOOKING, FIELDS, QUALIFY)
"""Every write of the process. A test compares it with what the vendors really got."""

CALLS = (*WRITES, "GET /servicetitan/*", "GET /referral-factory/*", "POST /referral-factory/*/users/search")
"""Where a pass is killed: at writes, and at reads."""


def shop_file(url: str) -> str:
    """Return the shop file of the season's three campaigns, as tests/flows/season.py has them, with a job's field."""
    details = {**LEADS["map"], f"job.{FIELD}": "referrer.first_name"}  # type: ignore[dict-item]
    by_status = {"id": BY_STATUS, "leads": {**LEADS, "map": details}, "referrers": REFERRERS}
    by_job = {"id": BY_JOB, "leads": {**LEADS, "qualify_when": "job", "qualify_existing": True}}
    never = {"qualify_when": "never", "job_status": "", "existing_contact": "nothing"}
    by_hand = {"id": BY_HAND, "leads": {**LEADS, **never}}
    return f"""
name = "{SHOP}"
timezone = "America/Chicago"
[servicetitan]
api_url = "{url}/servicetitan"
auth_url = "{url}/servicetitan/connect/token"
tenant_id = 1234567
app_key = "${{ST_APP_KEY}}"
client_id = "${{ST_CLIENT_ID}}"
client_secret = "${{ST_CLIENT_SECRET}}"
booking_provider = 77
external_data_guid = "6f0c2f0e-9d1b-4c57-8c39-0b8f8a3f7d11"
calls_per_second = 60
[referral_factory]
api_url = "{url}/referral-factory/api/v2"
api_token = "${{RF_TOKEN}}"
calls_per_minute = inf
campaigns = {_toml([by_status, by_job, by_hand])}
"""


def _toml(value: Any) -> str:
    """Write a value as TOML does within a line."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{json.dumps(name)} = {_toml(one)}' for name, one in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)


@dataclass
class Play:
    """A season, its people and the office over HTTP, beside a house whose worker may be killed."""

    house: CrashHouse
    season: Season = field(init=False)

    def __post_init__(self) -> None:
        # The season's people need no more of it than what they say, and to whom.
        self.season = Season(Counter(cast("Any", SimpleNamespace(shop=None)), cast("Any", None)))

    def do(self, what: Callable[[Season], Awaitable[T]]) -> T:
        """Let people act; nobody of ours runs meanwhile, unless it was started before."""

        async def go() -> T:
            async with httpx.AsyncClient(base_url=self.house.sandbox.url, timeout=60, trust_env=False) as people:
                self.season.counter.people = people
                return await what(self.season)

        return asyncio.run(go())

    def with_books(self, what: Callable[[Season], Awaitable[T]]) -> T:
        """The same, with our own books open to be read."""
        with Books.open(f"sqlite:///{self.house.root / 'truckroll.db'}") as books:
            cast("Any", self.season.counter.house).books = books
            return self.do(what)

    def act(self, half: str) -> None:
        """Let the office do its half of the season."""
        self.do(lambda season: season.act(half))


def open_play(make_house: MakeHouse, *, of_each: int) -> Play:
    """Open the season's shop, and the vendors' side of it. Nobody has signed up yet."""
    house = make_house()
    house.shop = SHOP
    folder = house.root / "shops"
    folder.mkdir()
    (folder / f"{SHOP}.toml").write_text(shop_file(house.sandbox.url))
    house.environment |= {**SECRETS, "TRUCKROLL_SHOPS": str(folder)}
    play = Play(house)
    play.season.of_each = of_each
    play.do(lambda season: season.open())
    return play


# -- the killing


def kill_at(house: CrashHouse, match: str, kind: str, skip: int = 0) -> None:
    """Run a pass that is killed when this call hangs."""
    house.sandbox.arm(match, kind, skip)
    house.kill_when_it_hangs(PROCESS)


def kill_before_row(house: CrashHouse, table: str, on: str, when: str) -> None:
    """Run a pass that is killed in the middle of the transaction that writes such a row.

    A trigger of the ledger counts without end when the row comes: the writer stands there, with the lock in its hand.
    """
    endless = f"select count(*) from {', '.join(f'sqlite_master as {name}' for name in 'abcdefghij')}"
    house.write(f"create trigger halt before {on} on {table} when {when} begin {endless}; end")
    run = house.start_pass(PROCESS)

    def stands() -> bool:
        assert not run.worker.is_over, f"the pass ended without that row: {run.out.read_text()[-2000:]}"
        return _is_locked(house)

    wait_for(f"the {on} of {table}", stands)
    run.worker.kill()
    house.write("drop trigger halt")


def _is_locked(house: CrashHouse) -> bool:
    """Tell whether somebody has held the ledger's lock longer than any transaction of ours takes."""
    until = time.monotonic() + 0.7
    with closing(sqlite3.connect(house.root / "truckroll.db", timeout=0, isolation_level=None)) as ledger:
        while time.monotonic() < until:
            try:
                ledger.execute("begin immediate")
            except sqlite3.OperationalError:
                time.sleep(0.01)
            else:
                ledger.execute("rollback")
                return False
    return True


def kill_at_random(house: CrashHouse, chance: random.Random, *, most_calls: int, longest_s: float) -> bool:
    """Run a pass, and kill it at a call, or some time after its first. Returns whether it was still at work then."""
    moment_s = chance.uniform(0.0, longest_s)
    if chance.random() < 0.5:
        kind = chance.choice(("stall_before", "stall_after"))
        house.sandbox.arm(chance.choice(CALLS), kind, chance.randrange(most_calls))
    # Slow vendors: a pass that is killed leaves most of its work to the next one.
    house.sandbox.post("/faults", {"match": "* /*", "kind": "delay", "seconds": 0.03, "times": None})
    before = calls(house)
    run: Run = house.start_pass(PROCESS)
    wait_for("the pass to begin", lambda: run.worker.is_over or calls(house) > before)
    until = time.monotonic() + moment_s
    while time.monotonic() < until and not run.worker.is_over and not house.sandbox.is_stalling():
        time.sleep(0.01)
    was_at_work = not run.worker.is_over
    run.worker.kill()
    wait_for("the vendor to notice", lambda: not house.sandbox.is_stalling(), 20)
    house.sandbox.clear_faults()
    return was_at_work


def calls(house: CrashHouse) -> int:
    """Count the calls the vendors got so far."""
    return sum(house.sandbox.get("/counts").values())


# -- the end


def landed(house: CrashHouse, match: str) -> list[dict[str, Any]]:
    """Return the requests of such a write that the vendor did, whoever got the answer."""
    return [
        one
        for one in house.sandbox.requests()
        if fnmatchcase(f"{one['method']} {one['path']}", match) and one["did_work"] and (one["status"] or 200) < 300
    ]


def landed_by(house: CrashHouse, match: str, name: str) -> Tally[Any]:
    """Count them by this field of their body."""
    return Tally(one["body"][name] for one in landed(house, match))


def writes_of(requests: Iterable[dict[str, Any]]) -> set[str]:
    """Return what was written to the vendors, each kind by its match."""
    calls = [f"{one['method']} {one['path']}" for one in requests if one["method"] != "GET"]
    wrote = [call for call in calls if not call.endswith(("/token", "/users/search"))]
    return {next((match for match in WRITES if fnmatchcase(call, match)), call) for call in wrote}


def end(play: Play) -> dict[str, Any]:
    """Return everything that must be the same whatever happened on the way, in both systems and in our books."""
    state = play.house.sandbox.state()
    return {**_titan(play.season, state["servicetitan"]), **_program(state["referral_factory"]), **kept(play.house)}


def _titan(season: Season, titan: dict[str, Any]) -> dict[str, Any]:
    """Return what stands in ServiceTitan, by the people's e-mails instead of numbers."""
    who = {one.user["code"]: one.email for one in (*season.leads, *season.twins)}
    who |= {fan["code"]: fan["email"] for fans in season.fans.values() for fan in fans}
    bookings = {one["id"]: who.get(one["externalId"], "somebody else's") for one in titan["bookings"]}
    return {
        "bookings": sorted(
            (
                bookings[one["id"]],
                *(one[name] for name in ("source", "name", "summary", "isFirstTimeClient", "status")),
                one["jobId"] is not None,
                [(contact["type"], contact["value"]) for contact in one["contacts"]],
            )
            for one in titan["bookings"]
        ),
        "jobs": sorted(
            (
                bookings.get(one["bookingId"], ""),
                one["jobStatus"],
                [(value["name"], value["value"]) for value in one["customFields"]],
            )
            for one in titan["jobs"]
        ),
        "customers": sorted(one["name"] for one in titan["customers"]),
        "contacts": sorted(one["value"] for one in titan["contacts"]),
    }


def _program(program: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "email", "campaign_id", "type", "qualified_at")
    rewards = [*program["due_rewards"], *program["issued_rewards"]]
    return {
        "people": [tuple(one[name] for name in names) for one in program["users"]],
        "rewards": sorted(one["recipient_id"] for one in rewards),
        "issued": program["issued_rewards"],
    }


def kept(house: CrashHouse) -> dict[str, Any]:
    """Return what our own books say in the end."""
    rows = house.rows("select * from referred order by user_id")
    names = ("user_id", "kind", "stage", "booking_status", "is_existing", "reward")
    notes = house.rows("select record, count(*) as times from audit where event = 'qualified' group by record")
    return {
        "referred": [
            (
                *(row[name] for name in names),
                row["booking"] is not None,
                [(job["status"], job["was"]) for job in json.loads(row["jobs"])],
                re.sub(r"job \d+", "job", row["qualified_by"]),
                row["qualified_at"] is not None,
                _without_numbers(row["why"]),
            )
            for row in rows
        ],
        "held": sorted((one["process"], one["record"], _without_numbers(one["reason"])) for one in house.held()),
        "qualified in the audit log": {one["record"]: one["times"] for one in notes},
        "unfinished writes": house.rows("select key, status from effects where status != 'done' order by key"),
    }


def _without_numbers(words: str) -> str:
    """Leave out what a rival's booking is called, and whether it was made yet."""
    return re.sub(r" \([^)]*\)", "", words)


def won(season: Season) -> list[Person]:
    """Return the leads that our process has to qualify."""
    return [one for one in season.leads if one.is_won and one.path.name not in {"by-hand", "deleted"}]
