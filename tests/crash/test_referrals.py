"""Referred people, with the worker killed everywhere: each has one booking, and is qualified once, if won."""

from __future__ import annotations

import logging
import os
import random
from collections import Counter as Tally
from typing import Any

import pytest

from tests.crash import referrals
from tests.crash.conftest import MakeHouse
from tests.crash.house import CrashHouse
from tests.crash.referrals import BOOKING, FIELDS, PROCESS, QUALIFY, WRITES, Play, kill_at, kill_before_row, open_play
from tests.flows.season import BY_JOB, BY_STATUS, CAMPAIGNS, FANS, OF_EACH, Path, Person, Season
from tests.flows.test_booking_season import check_books, check_titan

pytestmark = pytest.mark.crash

KILLS = ("stall_before", "stall_after")
MOST_PASSES = 5
"""So many undisturbed passes settle whatever lost and refused calls can leave behind."""

HALVES = ("first", "second")
KILLED = 20
MOST_CALLS = 12
"""A pass of the season that is killed at a call, is killed before it has made so many of its kind."""


# -- three leads of one campaign, from the sign-up to the qualification


async def sign_up(season: Season) -> None:
    """Let three leads sign up through the link of one who signed up by himself, and is booked too."""
    fan = await season.program.referrer("fan@example.com", campaign=BY_STATUS)
    season.fans[BY_STATUS] = [fan]
    for number in range(3):
        person = Person(Path("done", is_job=True, is_completed=True), BY_STATUS, f"lead{number}@example.com")
        person.user = await season.program.lead(fan["code"], person.email)
        season.leads.append(person)


async def book_jobs(season: Season) -> None:
    """Let the office book a job from each booking, and two from the last lead's."""
    for number, person in enumerate(season.leads):
        made = await season.program.convert((await season.program.booking_of(person.user))["id"], jobs=1 + number // 2)
        person.jobs = [job["job_number"] for job in made["jobs"]]
    await season.program.job_of(season.fans[BY_STATUS][0])


async def complete_jobs(season: Season) -> None:
    for person in season.leads:
        await season.program.status(person.jobs[-1], "Completed")


ACTS = (sign_up, book_jobs, complete_jobs)
WRITTEN_AFTER = dict(zip(ACTS, WRITES, strict=True))
"""What is written in the pass after each act."""

ROWS = {
    sign_up: (
        ("referred", "insert", "1"),
        ("cursors", "insert", "new.name like '%/sign-ups'"),
        ("referred", "update", "new.external_id != old.external_id"),
        ("effects", "insert", "new.key like '%/booking'"),
        ("effects", "update", "new.key like '%/booking' and new.status = 'done'"),
        ("referred", "update", "new.booking is not null and old.booking is null"),
    ),
    book_jobs: (
        ("effects", "update", "new.key like '%/fields' and new.status = 'done'"),
        ("referred", "update", "new.job is not null and old.job is null"),
        ("cursors", "update", "new.name like '%/referred-bookings'"),
        ("cursors", "update", "new.name like '%/referred-jobs'"),
    ),
    complete_jobs: (
        ("referred", "update", "new.qualified_by != old.qualified_by"),
        ("effects", "insert", "new.key like '%/qualified'"),
        ("effects", "update", "new.key like '%/qualified' and new.status = 'done'"),
        ("referred", "update", "new.qualified_at is not null and old.qualified_at is null"),
        ("referred", "update", "new.reward != old.reward"),
    ),
}
"""What the ledger keeps, in order, in the pass after each act."""

READS = {
    sign_up: (
        "POST /referral-factory/api/v2/users/search",
        "GET /servicetitan/crm/v2/tenant/*/export/customers/contacts",
        "GET /referral-factory/api/v2/campaigns/*",
        "GET /servicetitan/crm/v2/tenant/*/booking-provider/*/bookings",
    ),
    book_jobs: (
        "GET /servicetitan/crm/v2/tenant/*/booking-provider/*/bookings",
        "GET /servicetitan/jpm/v2/tenant/*/jobs",
        "GET /servicetitan/jpm/v2/tenant/*/jobs/*",
    ),
    complete_jobs: (
        "GET /servicetitan/jpm/v2/tenant/*/jobs",
        "GET /referral-factory/api/v2/users/*",
        "GET /referral-factory/api/v2/rewards/*",
    ),
}
"""Reads between what the ledger has kept and what is still to be written."""


@pytest.fixture
def play(make_house: MakeHouse) -> Play:
    """Open the shop; an empty pass has made the ledger."""
    play = open_play(make_house, of_each=1)
    play.house.run(PROCESS)
    return play


@pytest.fixture(scope="module")
def clean(make_house: MakeHouse) -> dict[str, Any]:
    """Return what stands after the three acts, with nobody killed."""
    play = open_play(make_house, of_each=1)
    play.house.run(PROCESS)
    for act in ACTS:
        play.do(act)
        play.house.run(PROCESS)
    assert_each_write_once(play, bookings=4, jobs=4, qualified=3)
    return referrals.end(play)


def assert_each_write_once(play: Play, *, bookings: int, jobs: int, qualified: int) -> None:
    """Each booking was made once, each lead qualified once, and each job's fields written once."""
    house = play.house
    for match, name, count in ((BOOKING, "externalId", bookings), (QUALIFY, "id", qualified)):
        landed = referrals.landed_by(house, match, name)
        assert set(landed.values()) == {1}, landed
        assert len(landed) == count
    assert len(referrals.landed(house, FIELDS)) == jobs


def assert_as_clean(play: Play, clean: dict[str, Any]) -> None:
    ended = referrals.end(play)
    for part, expected in clean.items():
        assert ended[part] == expected, part


def test_the_undisturbed_pass_writes_these_and_no_others(clean: dict[str, Any], play: Play) -> None:
    """RF-41, RF-44: the tests below leave out no write; three leads are won, and the fan is not."""
    for act in ACTS:
        before = len(play.house.sandbox.requests())
        play.do(act)
        play.house.run(PROCESS)
        assert referrals.writes_of(play.house.sandbox.requests()[before:]) == {WRITTEN_AFTER[act]}
    assert_as_clean(play, clean)
    assert [row[2] for row in clean["referred"]] == ["job", "qualified", "qualified", "qualified"]
    assert clean["held"] == clean["unfinished writes"] == []


def test_killed_before_and_after_every_write(play: Play, clean: dict[str, Any]) -> None:
    """RF-D6, RF-41, RF-44: killed twice at each write, then run once more: nothing twice, nothing missing."""
    for act in ACTS:
        play.do(act)
        for kind in KILLS:
            kill_at(play.house, WRITTEN_AFTER[act], kind)
        play.house.run(PROCESS)
    assert_as_clean(play, clean)
    assert_each_write_once(play, bookings=4, jobs=4, qualified=3)


def test_killed_at_every_row_it_keeps(play: Play, clean: dict[str, Any]) -> None:
    """RF-D6, RF-42: killed within each transaction between two writes: what the ledger has is enough to go on."""
    for act in ACTS:
        play.do(act)
        for row in ROWS[act]:
            kill_before_row(play.house, *row)
        play.house.run(PROCESS)
    assert_as_clean(play, clean)
    assert_each_write_once(play, bookings=4, jobs=4, qualified=3)


async def sign_up_again(season: Season) -> None:
    """Let the first lead sign up in a second campaign too: a person has to say that it is meant."""
    fan = await season.program.referrer("fan.too@example.com", campaign=BY_JOB)
    twin = Person(season.leads[0].path, BY_JOB, season.leads[0].email)
    twin.user = await season.program.lead(fan["code"], twin.email)
    season.twins.append(twin)


async def delete_a_winner(season: Season) -> None:
    await season.counter.tell(f"/referral-factory/users/{season.leads[1].user['id']}/delete")


def test_killed_while_it_puts_somebody_on_the_held_list(play: Play) -> None:
    """RF-41, RF-44: whoever waits for a person stands on the list, wherever it was killed; nobody waits unseen."""
    house, to_hold = play.house, ("held", "insert", "new.record like 'person %'")
    for act in (sign_up, sign_up_again):
        play.do(act)
    kill_before_row(house, *to_hold)
    house.run(PROCESS)
    (twin,), winner = play.season.twins, play.season.leads[1]
    assert [row["record"] for row in house.held()] == [f"person {twin.user['id']}"]
    for act in (book_jobs, complete_jobs, delete_a_winner):
        play.do(act)
    kill_before_row(house, *to_hold)
    house.run(PROCESS)
    waiting = {f"person {one.user['id']}": stage for one, stage in ((twin, "held"), (winner, "gone"))}
    assert {row["record"] for row in house.held()} == set(waiting)
    rows = house.rows("select user_id, stage from referred where stage in ('held', 'gone')")
    assert {f"person {row['user_id']}": row["stage"] for row in rows} == waiting
    assert len(referrals.landed(house, QUALIFY)) == 2


def test_killed_while_it_reads(play: Play, clean: dict[str, Any]) -> None:
    """RF-42: a mark is moved when what lies before it is kept, and not earlier."""
    for act in ACTS:
        play.do(act)
        for read in READS[act]:
            kill_at(play.house, read, "stall_before")
        play.house.run(PROCESS)
    assert_as_clean(play, clean)
    assert_each_write_once(play, bookings=4, jobs=4, qualified=3)


def test_every_first_answer_is_lost_or_refused(play: Play, clean: dict[str, Any]) -> None:
    """RF-D6: answers lost, refused with 429 and 500, cut off: the pass looks, finds or writes, and ends the same."""
    faults = (
        {"kind": "lost_answer", "times": 2},
        {"kind": "rate_limit", "retry_after": 1},
        {"kind": "status", "status": 500, "skip": 1},
        {"kind": "drop_before"},
    )
    for act in ACTS:
        play.do(act)
        for fault in faults:
            play.house.sandbox.post("/faults", {"match": WRITTEN_AFTER[act], **fault})
        play.house.sandbox.post("/faults", {"match": "GET /*", "kind": "rate_limit", "retry_after": 1, "times": 2})
        play.house.sandbox.post("/faults", {"match": "GET /*", "kind": "status", "status": 500, "skip": 3})
        until_nothing_fails(play.house)
        struck = [fault["fired"] for fault in play.house.sandbox.get("/faults")["faults"]]
        assert all(struck[:3]), struck
        play.house.sandbox.clear_faults()
    assert_as_clean(play, clean)
    assert_each_write_once(play, bookings=4, jobs=4, qualified=3)


def until_nothing_fails(house: CrashHouse) -> None:
    """Run passes until one reports no failure: what is left to the next pass by one is done by it."""
    for _ in range(MOST_PASSES):
        run = house.start_pass(PROCESS)
        if run.worker.wait() == 0:
            return
    pytest.fail("it fails again and again")


def test_two_workers_at_once(play: Play, clean: dict[str, Any]) -> None:
    """RF-41, RF-D6: two passes over the same people, in each of three acts: each is written once."""
    for act in ACTS:
        play.do(act)
        slow = {"match": "* /servicetitan/*", "kind": "delay", "seconds": 0.05, "times": None}
        play.house.sandbox.post("/faults", slow)
        runs = [play.house.start_pass(PROCESS), play.house.start_pass(PROCESS)]
        reports = [run.report() for run in runs]
        assert [report["failed"] + report["held"] for report in reports] == [0, 0]
        play.house.sandbox.clear_faults()
    play.house.run(PROCESS)
    assert_as_clean(play, clean)
    assert_each_write_once(play, bookings=4, jobs=4, qualified=3)


# -- the season: all paths, three campaigns, some 200 people


@pytest.fixture(scope="module")
def peaceful(make_house: MakeHouse) -> dict[str, Any]:
    """Play the season with nobody killed, and hold its end against what each path says."""
    play = open_play(make_house, of_each=OF_EACH)
    play.do(Season.sign_up)
    play.house.run(PROCESS)
    for half in HALVES:
        play.act(half)
        play.house.run(PROCESS)
    play.house.run(PROCESS)
    assert len(play.season.leads) + len(play.season.twins) + len(CAMPAIGNS) * FANS > 200
    play.with_books(check_titan)
    play.with_books(check_books)
    assert_season_written_once(play)
    return referrals.end(play)


def assert_season_written_once(play: Play) -> None:
    """Whatever was killed: each booking was made by one call, each won lead qualified by one, and nobody else."""
    booked = {one.user["code"] for one in play.season.leads if one.is_booked}
    booked |= {fan["code"] for fan in play.season.fans[BY_STATUS]}
    assert referrals.landed_by(play.house, BOOKING, "externalId") == Tally(booked)
    won = {one.user["id"] for one in referrals.won(play.season)}
    assert referrals.landed_by(play.house, QUALIFY, "id") == Tally(won)
    assert len(won) > 50
    assert referrals.writes_of(play.house.sandbox.requests()) == set(WRITES)


def test_a_season_with_the_worker_killed_twenty_times(make_house: MakeHouse, peaceful: dict[str, Any]) -> None:
    """RF-3, RF-41, RF-42, RF-44, RF-D6: killed at random twenty times; both systems end as if nobody had been."""
    seed = int(os.environ.get("TRUCKROLL_SEED") or random.randrange(10**6))
    logging.getLogger(__name__).warning("TRUCKROLL_SEED=%s plays the same kills again", seed)
    chance = random.Random(seed)
    play = open_play(make_house, of_each=OF_EACH)
    killed = 0
    play.do(Season.sign_up)
    killed += kill_through(play.house, chance, 8)
    play.house.run(PROCESS)
    for half in HALVES:
        play.act(half)
        killed += kill_through(play.house, chance, 6)
        play.house.run(PROCESS)
    play.house.run(PROCESS)
    assert killed == KILLED
    assert_as_clean(play, peaceful)
    assert_season_written_once(play)
    requests = len(play.house.sandbox.requests())
    play.house.run(PROCESS)
    assert referrals.writes_of(play.house.sandbox.requests()[requests:]) == set()


def kill_through(house: CrashHouse, chance: random.Random, kills: int) -> int:
    """Let passes be killed at work, so many times; those that end before they are killed do not count."""
    killed, longest_s = 0, 3.0
    while killed < kills:
        if referrals.kill_at_random(house, chance, most_calls=MOST_CALLS, longest_s=longest_s):
            killed += 1
        else:
            longest_s /= 2
    return killed
