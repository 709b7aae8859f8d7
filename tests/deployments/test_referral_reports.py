"""`truckroll report referrals` and `truckroll status`: how far the people of the campaigns came."""

from __future__ import annotations

import asyncio
import csv
from pathlib import Path
from typing import Any

import pytest

from deployments.home import Home
from models.base import utc_now
from models.booking import FollowedJob
from models.referral import ReferralUser, UserKind
from models.settings import HouseSettings
from store import Books
from tests.deployments.test_commands import read, say

LEAD, REFERRER = UserKind.LEAD, UserKind.REFERRER
COLUMNS = [
    "campaign",
    "person",
    "kind",
    "stage",
    "booking",
    "booking status",
    "job",
    "job status",
    "qualified",
    "reward",
    "why",
]
JOBS = [FollowedJob(id=901, number="48213", status="Completed", was=("Completed",)).model_dump(mode="json")]
PEOPLE: list[tuple[int, int, UserKind, dict[str, Any]]] = [
    (1, 1001, LEAD, {}),
    (2, 1001, LEAD, {"stage": "held", "why": "The person has no name."}),
    (3, 1001, LEAD, {"stage": "booked", "booking": 503, "booking_status": "New", "why": "The booking is no job yet."}),
    (4, 1001, LEAD, {"stage": "dismissed", "booking": 504, "booking_status": "Dismissed"}),
    (5, 1001, LEAD, {"stage": "qualified", "booking": 505, "booking_status": "Converted", "job": 901, "jobs": JOBS,
                     "qualified_by": "job 48213 Completed", "reward": "due"}),
    (6, 1001, REFERRER, {"stage": "job", "booking": 506, "booking_status": "Converted", "job": 901, "jobs": JOBS}),
    (7, 1002, LEAD, {"stage": "ignored", "why": "=ServiceTitan has this e-mail already."}),
]  # fmt: skip
OF_1001 = (
    "leads: 5 signed up, 3 booked, 1 became a job, 1 qualified, 1 reward due, 0 issued, 1 dismissed, 1 held",
    "referrers: 1 signed up, 1 booked, 1 became a job",
)
OF_1002 = "leads: 1 signed up, 0 booked, 0 became jobs, 0 qualified, 0 rewards due, 0 issued, 1 left out"


@pytest.fixture
def season(home: Home) -> Home:
    """Give a season of two campaigns."""
    home.make()
    asyncio.run(_fill())
    return home


async def _fill(shop: str = "demo", count: int = len(PEOPLE)) -> None:
    with Books.open(HouseSettings().database) as books:
        for number, campaign, kind, changes in PEOPLE[:count]:
            user = ReferralUser(
                id=number,
                campaign_id=campaign,
                code=f"Qr{number}",
                url=f"https://acme.example.com/Qr{number}",
                email=f"lee{number}@example.com",
                first_name="Leeanne",
                kind=kind,
            )
            await books.referred.take_in(shop, [(user, user.email)])
            when = {"qualified_at": utc_now()} if "qualified_by" in changes else {}
            await books.referred.update(shop, number, **changes, **when)


def words_of(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.usefixtures("season")
def test_a_season_is_told_to_programs() -> None:
    """RF-42, RF-44, RF-45: everybody by id, and each campaign's funnel; no name and no e-mail."""
    result = say("report", "referrals", "--shop", "demo", "--json")
    said = read(result)
    assert (result.exit_code, said["shop"]) == (0, "demo")
    assert [list(row) for row in said["referrals"]] == [COLUMNS] * len(PEOPLE)
    assert [row["person"] for row in said["referrals"]] == [1, 2, 3, 4, 5, 6, 7]
    won = said["referrals"][4]
    assert won == {
        "campaign": 1001,
        "person": 5,
        "kind": "lead",
        "stage": "qualified",
        "booking": 505,
        "booking status": "Converted",
        "job": "48213",
        "job status": "Completed",
        "qualified": f"{utc_now():%Y-%m-%d}",
        "reward": "due",
        "why": "",
    }
    assert [(one["campaign_id"], one["kind"], one["signed_up"]) for one in said["funnels"]] == [
        (1001, "person_invited", 5),
        (1001, "person_referring", 1),
        (1002, "person_invited", 1),
    ]
    assert "@" not in result.stdout
    assert "Leeanne" not in result.stdout


@pytest.mark.usefixtures("season")
def test_a_season_is_told_to_people() -> None:
    """RF-42, RF-44, RF-45: a table, and the funnels in words below it."""
    result = say("report", "referrals", "--shop", "demo")
    said = words_of(result.stdout)
    assert result.exit_code == 0
    for words in (*OF_1001, OF_1002, "lead 5", "referrer 6", "dismissed", "505", "48213", "Completed", "reward due"):
        assert words in said
    assert f"Campaign 1001, {OF_1001[0]}." in said
    assert "Leeanne" not in said


@pytest.mark.usefixtures("season")
def test_one_campaign_alone() -> None:
    """RF-27: also one that was taken out of the shop file, as long as there are people of it."""
    said = read(say("report", "referrals", "--shop", "demo", "--campaign", "1002", "--json"))
    assert ([row["person"] for row in said["referrals"]], len(said["funnels"])) == ([7], 1)
    shown = words_of(say("report", "referrals", "--shop", "demo", "--campaign", "1002").stdout)
    assert f"Campaign 1002, {OF_1002}." in shown
    assert "Campaign 1001" not in shown


@pytest.mark.usefixtures("season")
@pytest.mark.parametrize("how", [[], ["--json"], ["--csv", "nobody.csv"]], ids=["shown", "for programs", "a file"])
def test_a_campaign_that_the_shop_file_lacks_is_refused_and_no_empty_list(tmp_path: Path, how: list[str]) -> None:
    """RF-27: a slip of the finger: what there is, is named."""
    given = [str(tmp_path / one) if one.endswith(".csv") else one for one in how]
    result = say("report", "referrals", "--shop", "demo", "--campaign", "4711", *given)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Shop demo has no campaign 4711. What to do: Name one of its file: 1001." in words_of(result.stderr)
    assert not (tmp_path / "nobody.csv").exists()


@pytest.mark.usefixtures("season")
def test_a_season_as_a_file_a_spreadsheet_opens(tmp_path: Path) -> None:
    """RF-42, RF-44, RF-45: every row, and no text that it would run."""
    file = tmp_path / "referrals.csv"
    result = say("report", "referrals", "--shop", "demo", "--csv", str(file))
    assert result.exit_code == 0
    assert f"Campaign 1001, {OF_1001[0]}." in words_of(result.stdout)
    assert "48213" not in result.stdout, "the rows are in the file"
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [list(row) for row in rows] == [COLUMNS] * len(PEOPLE)
    assert (rows[4]["booking"], rows[4]["job"], rows[4]["qualified"]) == ("505", "48213", f"{utc_now():%Y-%m-%d}")
    assert rows[6]["why"] == "'=ServiceTitan has this e-mail already."
    assert (rows[0]["booking"], rows[0]["reward"]) == ("", "")


@pytest.mark.parametrize("campaign", [[], ["--campaign", "1001"]], ids=["all campaigns", "one of the shop file's"])
def test_before_anybody_has_signed_up_it_is_said(campaign: list[str]) -> None:
    result = say("report", "referrals", "--shop", "demo", *campaign)
    assert (result.exit_code, words_of(result.stdout)) == (0, "Nobody has signed up yet.")
    said = read(say("report", "referrals", "--shop", "demo", "--json"))
    assert said == {"shop": "demo", "referrals": [], "funnels": []}


def test_an_unknown_shop_is_refused() -> None:
    result = say("report", "referrals", "--shop", "dmeo")
    assert result.exit_code == 2
    assert "Did you mean demo?" in words_of(result.stderr)


def test_everybody_of_a_long_season_is_in_the_report(season: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """RF-42: page by page."""
    assert season.root.exists()
    monkeypatch.setattr("deployments.commands.report._PAGE", 2)
    said = read(say("report", "referrals", "--shop", "demo", "--json"))
    assert [row["person"] for row in said["referrals"]] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.usefixtures("season")
def test_status_shows_each_campaigns_funnel() -> None:
    """RF-42, RF-44, RF-45."""
    (shop,) = read(say("status", "--json"))["shops"]
    first = shop["referrals"][0]
    assert (first["campaign_id"], first["kind"]) == (1001, "person_invited")
    assert (first["signed_up"], first["booked"], first["jobs"], first["qualified"]) == (5, 3, 1, 1)
    assert len(shop["referrals"]) == 3
    said = words_of(say("status").stdout)
    for words in (f"campaign 1001, {OF_1001[0]}", f"campaign 1001, {OF_1001[1]}", f"campaign 1002, {OF_1002}"):
        assert words in said


def test_status_says_nothing_of_campaigns_without_people() -> None:
    (shop,) = read(say("status", "--json"))["shops"]
    assert shop["referrals"] == []
    assert "campaign" not in say("status").stdout
