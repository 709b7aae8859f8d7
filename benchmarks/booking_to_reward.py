"""What a pass of booking-to-reward costs while it follows many open referrals: vendor calls, CPU, memory.

    python -m benchmarks.booking_to_reward [--people 5000] [--changes 10,100]

Against the sandbox over real HTTP, with Prefect's own server. One campaign, whose leads sign up and are booked by one
real pass, and then are left open. A day goes by, and passes follow: with nothing changed, and with some bookings that
became jobs, then with these jobs completed, so that the leads are qualified.

What matters: the calls of a pass are in proportion to what changed, and do not grow with the open bookings. So are
CPU (our process's, the start of Python and Prefect in it) and memory. A pass with nobody in the campaign stands beside.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from benchmarks._stage import Stage, stage

CAMPAIGN = 1001


@dataclass(frozen=True)
class Pass:
    """One pass."""

    what: str
    calls: Counter[str]
    seconds: float
    cpu_s: float
    peak_mb: float


def follow(house: Stage, what: str) -> Pass:
    """Run a pass; nothing in it may fail or be held."""
    before = Counter(house.http.get("/_sandbox/counts").json())
    told = house.run("run", "booking-to-reward", "--shop", "demo", "--json")
    report = told["report"]
    assert report["failed"] == report["held"] == 0, report
    calls = Counter(house.http.get("/_sandbox/counts").json()) - before
    del calls["POST /servicetitan/connect/token"]
    return Pass(what, calls, report["seconds"], told["cpu_s"], told["peak_mb"])


def tell(house: Stage, path: str, **body: Any) -> Any:
    """Let people do something."""
    return house.http.post(f"/_sandbox{path}", json=body).raise_for_status().json()


def sign_up(house: Stage, people: int) -> None:
    """Let so many friends of one sign up."""
    fan = tell(house, "/referral-factory/sign-up", campaign_id=CAMPAIGN, first_name="Robin", email="robin@example.com")
    code = fan["user"]["code"]
    for number in range(people):
        email = f"friend.{number}@example.com"
        tell(house, "/referral-factory/sign-up", code=code, first_name="Lee", email=email)


def open_bookings(house: Stage) -> list[int]:
    """Return the bookings nobody has answered yet, the oldest first."""
    with closing(sqlite3.connect(house.home / "truckroll.db")) as ledger:
        rows = ledger.execute("select booking from referred where stage = 'booked' order by booking").fetchall()
    return [booking for (booking,) in rows]


def let_a_day_pass(house: Stage) -> None:
    """Move the vendors' clock, and since when our marks stand, by a day."""
    tell(house, "/clock/advance", days=1)
    with closing(sqlite3.connect(house.home / "truckroll.db", timeout=30)) as ledger:
        for name, value in ledger.execute("select name, value from cursors where name like '%/standing'").fetchall():
            word, *noted = value.split()
            if word == "stands":
                noted[1] = (datetime.fromisoformat(noted[1]) - timedelta(days=1)).isoformat()
                ledger.execute("update cursors set value = ? where name = ?", (" ".join([word, *noted]), name))
        ledger.commit()


def book(house: Stage, bookings: list[int]) -> list[str]:
    """Let the office book a job from each; returns the jobs' numbers."""
    made = [tell(house, f"/servicetitan/bookings/{number}/convert") for number in bookings]
    return [str(one["jobs"][0]["job_number"]) for one in made]


def complete(house: Stage, jobs: list[str]) -> None:
    for number in jobs:
        tell(house, f"/servicetitan/jobs/{number}", status="Completed")


def measure(house: Stage, people: int, changes: list[int]) -> list[Pass]:
    """Let everybody sign up, and follow them."""
    tell(house, "/referral-factory/switches", calls_per_minute=None)
    tell(house, "/requests", kept=0)
    follow(house, "the first ever")  # starts Prefect's server, makes the tables
    passes = [follow(house, "nobody has signed up")]
    sign_up(house, people)
    passes.append(follow(house, f"{people} are booked"))
    passes.append(follow(house, "nothing changed, just after"))
    let_a_day_pass(house)
    passes.append(follow(house, "nothing changed, a day later"))
    passes.append(follow(house, "nothing changed, again"))
    still_open = open_bookings(house)
    assert len(still_open) == people
    for count in changes:
        mine, still_open = still_open[:count], still_open[count:]
        jobs = book(house, mine)
        passes.append(follow(house, f"{count} became jobs"))
        complete(house, jobs)
        passes.append(follow(house, f"{count} were completed"))
        let_a_day_pass(house)
        passes.append(follow(house, "nothing changed, a day later"))
    return passes


def show(passes: list[Pass], people: int) -> None:
    print(f"{'':>30} {'calls':>7} {'seconds':>8} {'CPU s':>7} {'peak MB':>8}")
    for one in passes:
        total = sum(one.calls.values())
        print(f"{one.what:>30} {total:>7} {one.seconds:>8.1f} {one.cpu_s:>7.1f} {one.peak_mb:>8.0f}")
    empty, unchanged = passes[0], passes[4]
    print(f"\ncalls of a pass, by operation, with {people} followed:")
    for one in passes:
        print(f"  {one.what}:")
        for call, count in one.calls.most_common():
            print(f"    {count:>7}  {call}")
    print(
        f"\nnothing changed, {people} open, over nobody there: calls {sum(unchanged.calls.values())} to "
        f"{sum(empty.calls.values())}, CPU {unchanged.cpu_s / empty.cpu_s:.2f}, memory "
        f"{unchanged.peak_mb / empty.peak_mb:.2f}"
    )


def main() -> None:
    options = argparse.ArgumentParser(description="What a pass of booking-to-reward costs.")
    options.add_argument("--people", type=int, default=5000)
    options.add_argument("--changes", default="10,100")
    chosen = options.parse_args()
    os.environ.setdefault("RF_TOKEN", "sandbox-rf-token")
    os.environ.setdefault("RF_WEBHOOK_SECRET", "benchmark")
    with stage() as house:
        shop = house.shops / "demo.toml"
        text = shop.read_text(encoding="utf-8")
        shop.write_text(text.replace("calls_per_minute = 600", "calls_per_minute = inf"), encoding="utf-8")
        show(measure(house, chosen.people, [int(count) for count in chosen.changes.split(",")]), chosen.people)


if __name__ == "__main__":
    main()
