"""A contact sync under test: a crowd of customers, a sync that is killed, and what must stand everywhere in the end."""

from __future__ import annotations

import json
import random
import re
import time
from collections import Counter, defaultdict
from pathlib import Path

from sandbox import referral_factory
from tests.crash.house import CrashHouse, Run

PROCESS = "contact-sync"
SHOP = "neighbours"
CAMPAIGN = 1001
USERS = "/referral-factory/api/v2/users"
MOST_ROUNDS = 4
_EMAIL = re.compile(r"(?!.*\.\.)[^\s@<>,;]+@[^\s@<>,;]+\.[^\s@<>,;]+")


def open_shop(house: CrashHouse, *, late_s: float) -> None:
    """Give the house the reference shop without a limit; the program answers late, so that many calls are open."""
    folder = Path(house.environment["TRUCKROLL_SHOPS"])
    text = (folder / "demo.toml").read_text().replace('name = "demo"', f'name = "{SHOP}"')
    text = re.sub(r"calls_per_minute = 600\b", "calls_per_minute = inf", text)
    (folder / f"{SHOP}.toml").write_text(text)
    house.shop = SHOP
    house.environment |= {
        "CC_TOKEN": "not used here",
        "CC_WEBHOOK_SECRET": "not used here",
        "RF_TOKEN": referral_factory.TOKEN,
        "RF_WEBHOOK_SECRET": "not used here",
    }
    switches = {"calls_per_minute": None, "slow_every": 1, "slow_s": late_s, "duplicate": "same_201"}
    house.sandbox.post("/referral-factory/switches", switches)
    # Pages end in the middle of records of one instant.
    house.sandbox.post("/servicetitan/switches", {"feed_page_size": 60})


def calls(house: CrashHouse) -> int:
    """Count the calls to the program and the feeds' pages."""
    counts: dict[str, int] = house.sandbox.get("/counts")
    return sum(number for path, number in counts.items() if "/referral-factory/" in path or "/export/" in path)


def kill_after(house: CrashHouse, run: Run, more: int) -> bool:
    """Kill the sync when so many more calls came in; False: it was over before."""
    until = calls(house) + more
    while calls(house) < until:
        if run.worker.is_over:
            return False
        time.sleep(0.005)
    run.worker.kill()
    return True


def disturb(house: CrashHouse, chance: random.Random) -> None:
    """Change customers under the reader, or let the token end."""
    if chance.random() < 0.5:
        house.sandbox.post("/servicetitan/generate/change", {"count": 3, "seed": chance.randrange(1000), "what": "any"})
    if chance.random() < 0.5:
        house.sandbox.post("/tokens/expire", {"vendor": "servicetitan"})


def settle(house: CrashHouse) -> None:
    """Run undisturbed passes until nothing waits any more."""
    for _ in range(MOST_ROUNDS):
        run = house.start_pass(PROCESS)
        run.worker.wait()
        report = json.loads(run.out.read_text().strip().splitlines()[-1])
        outcomes = {item["id"]: item["outcome"] for item in report["items"]}
        if outcomes.get(f"campaign {CAMPAIGN}") == "synced":
            return
    raise AssertionError(report)


def assert_everybody_has_one_link(house: CrashHouse) -> None:
    """Compare the program's users, and our links, with ServiceTitan's own records: nobody missed, nobody twice."""
    wanted = _wanted(house)
    users = [user for user in house.sandbox.get("/referral-factory/users")["users"] if user["source"] == "Api"]
    emails = Counter(user["email"].lower() for user in users)
    assert max(emails.values()) == 1
    too_many, missing = set(emails) - set(wanted.values()), set(wanted.values()) - set(emails)
    assert not too_many, too_many
    assert not missing, missing
    by_email = {user["email"].lower(): user for user in users}
    rows = house.rows(
        "select c.customer, u.user_id, u.url, u.state from referral_customers c join referral_users u "
        "using (shop, campaign_id, email_key) where c.state = 'linked' and u.state != 'refused'"
    )
    assert {row["customer"]: row["user_id"] for row in rows} == {
        number: by_email[email]["id"] for number, email in wanted.items()
    }
    assert {row["state"] for row in rows} == {"linked"}
    assert all(row["url"] for row in rows)
    assert house.sandbox.get("/mailbox")["mails"] == []


def assert_nothing_was_made_twice(house: CrashHouse) -> None:
    """No create goes out for an e-mail that an earlier create has made a user of (RF-40)."""
    made = Counter[str]()
    for entry in house.sandbox.requests():
        if (entry["method"], entry["path"]) == ("POST", USERS) and entry["did_work"] and entry["status"] != 422:
            assert entry["body"]["notify"] is False
            made[entry["body"]["email"].lower()] += 1
    assert made
    twice = {email: times for email, times in made.items() if times > 1}
    assert not twice, twice


def _wanted(house: CrashHouse) -> dict[int, str]:
    """Return whose link goes by which e-mail, read from ServiceTitan's own records and not by our rules."""
    titan = house.sandbox.state()["servicetitan"]
    emails: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for contact in titan["contacts"]:
        if contact["type"] == "Email" and _EMAIL.fullmatch(contact["value"]):
            emails[contact["customerId"]].append((contact["id"], contact["value"].lower()))
    wanted = {
        customer["id"]: min(emails[customer["id"]])[1]
        for customer in titan["customers"]
        if customer["active"] and not customer["mergedToId"] and not customer["doNotMail"] and emails[customer["id"]]
    }
    return {number: email for number, email in wanted.items() if not email.endswith("@no-mx.example")}
