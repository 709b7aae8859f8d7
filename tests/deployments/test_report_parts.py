"""`truckroll report parts`: how the parts loop did, for people, for programs, and as a file."""

from __future__ import annotations

import asyncio
import csv
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deployments.home import Home
from models.base import JobRef, utc_now
from models.job import Appliance, DiagnosedPart
from models.request import Stage
from models.settings import HouseSettings
from store import Books
from tests.deployments.test_commands import read, say

DANA = "Dana Whitfield"


class Season:
    """Fills the books at moments of our choice: it is their clock."""

    def __init__(self, now: datetime) -> None:
        self.now = self.at = now

    def __call__(self) -> datetime:
        return self.at

    async def part(self, books: Books, job: str, number: str, events: dict[float, Stage], **facts: Any) -> str:
        """Put a part into the books: its stages, by hours before now; the first is the diagnosis."""
        moments = sorted(((self.now - timedelta(hours=hours), stage) for hours, stage in events.items()))
        diagnosed = DiagnosedPart(
            job=JobRef(job),
            job_number=job,
            source_key=f"{job}/{moments[0][0]}/{number}",
            source_words="estimate 1",
            numbers=(number,),
            appliance=Appliance(model=facts.pop("model", "WDT780SAEM1")),
        )
        request, _ = await books.requests.register("demo", diagnosed, moments[0][0])
        for self.at, stage in moments:
            await books.audit.append("demo", "parts-loop", request.id, stage.value)
        changes = {"technicians": [DANA], "part_number": number, "stage": moments[-1][1], **facts}
        await books.requests.update(request.id, **changes)
        return request.id


async def _fill() -> None:
    season = Season(utc_now())
    with Books.open(HouseSettings().database, now=season) as books:
        then = {1000.0: Stage.FOUND, 970.0: Stage.ORDERED, 900.0: Stage.ARRIVED}
        await season.part(books, "47001", "EDR1RXD1", then, po_number="47001-1", model="")
        quick = {80.0: Stage.FOUND, 79.5: Stage.ORDERED, 60.0: Stage.ARRIVED}
        first = await season.part(books, "48213", "WPW10348269", quick, po_number="48213-1")
        orders = await books.orders.add(
            first, shop="demo", po_number="48213-1", order_numbers=["90000001"], next_look_at=season.now
        )
        await books.orders.update(orders[0].id or 0, invoice_number="INV-1", tracking=["=1Z999"], is_open=False)
        again = {50.0: Stage.FOUND, 47.0: Stage.ORDERED}
        await season.part(books, "48213", "WPW10348269", again, po_number="48213-2")
        await season.part(books, "48214", "W10712395", {2.0: Stage.FOUND, 1.0: Stage.AWAITING_APPROVAL}, model="none")


@pytest.fixture
def season(home: Home) -> Home:
    """Give a season: an order in the first weeks, and two jobs of these days."""
    home.make()
    asyncio.run(_fill())
    return home


def words_of(text: str) -> str:
    return " ".join(text.split())


def since_days(days: int) -> str:
    return f"{utc_now() - timedelta(days=days):%Y-%m-%d}"


@pytest.mark.usefixtures("season")
def test_the_parts_of_a_period_are_told_to_programs() -> None:
    """PL-47, PL-51, PL-53, PL-54, PL-56: beside the first four weeks; no vendor is asked."""
    result = say("report", "parts", "--shop", "demo", "--since", since_days(7), "--json")
    said = read(result)
    assert (result.exit_code, said["shop"], said["since"]) == (0, "demo", since_days(7))
    assert said["summary"] == {
        "parts": 3,
        "ordered": 2,
        "waiting": 1,
        "ended": 0,
        "median_hours": 1.8,
        "ninety_hours": 3.0,
        "same_day": said["summary"]["same_day"],
        "typed": 0,
        "answered_otherwise": 0,
        "corrections": 0,
        "jobs": 2,
        "jobs_with_model": 1,
        "diagnosed_again": 1,
    }
    first = said["first_days"]
    assert (first["parts"], first["median_hours"], first["jobs_with_model"]) == (1, 30.0, 0)
    [dana] = said["technicians"]
    assert (dana["technician"], dana["jobs"], dana["before_jobs"], dana["before_median_hours"]) == (DANA, 2, 1, 100.0)
    assert dana["total_hours"] == pytest.approx(20 + 50 + 2, abs=0.2)
    [silent] = said["without_status"]
    assert (silent["job"], silent["stage"]) == ("48213", "ordered")


@pytest.mark.usefixtures("season")
def test_the_parts_of_a_period_are_told_to_people() -> None:
    """PL-30, PL-51, PL-53, PL-54, PL-56, PL-58: a table beside the first weeks, technicians, and what to look at."""
    result = say("report", "parts", "--shop", "demo", "--since", since_days(7))
    said = words_of(result.stdout)
    assert result.exit_code == 0
    for words in (
        "This period First 28 days",
        "hours from diagnosis to order, median 1.8 30.0",
        "hours for nine orders of ten 3.0 30.0",
        "order numbers typed by people 0 in 2 orders 0 in 1 order",
        "jobs with a valid model number 1 of 2 (50 %) 0 of 1 (0 %)",
        "diagnosed after another part had arrived 1 0",
        f"{DANA} 2",
        "the same part again",
        "No current status for 24 hours",
        "No pass has taken it further.",
        "1 job without a current status.",
    ):
        assert words in said, words


@pytest.mark.usefixtures("season")
def test_how_old_a_status_may_be_is_set() -> None:
    """PL-30: the set age."""
    said = words_of(say("report", "parts", "--shop", "demo", "--silent-after", "100").stdout)
    assert "No jobs without a current status." in said
    assert say("report", "parts", "--shop", "demo", "--silent-after", "0").exit_code == 2


@pytest.mark.usefixtures("season")
def test_without_a_baseline_it_is_said() -> None:
    """PL-56: a period that reaches into the first weeks is compared with nothing."""
    shown = words_of(say("report", "parts", "--shop", "demo", "--since", since_days(60)).stdout)
    assert "Nothing to compare with" in shown
    assert "First 28 days" not in shown.replace("the first 28 days", "")
    said = read(say("report", "parts", "--shop", "demo", "--since", since_days(60), "--json"))
    assert (said["first_days"], said["summary"]["parts"]) == (None, 4)


@pytest.mark.usefixtures("season")
def test_each_part_with_all_its_numbers_as_a_file(tmp_path: Path) -> None:
    """PL-58, PL-61: one row a part, from the job to the parcels; and no text that a spreadsheet would run."""
    file = tmp_path / "parts.csv"
    result = say("report", "parts", "--shop", "demo", "--since", since_days(7), "--csv", str(file))
    assert result.exit_code == 0
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    first, second, third = rows
    assert (first["job"], first["po_number"], first["orders"]) == ("48213", "48213-1", "90000001")
    assert (first["invoices"], first["parcels"], first["hours"]) == ("INV-1", "'=1Z999", "0.5")
    assert (second["after_po"], second["after_part"], second["same_part_again"]) == ("48213-1", "WPW10348269", "True")
    assert (third["stage"], third["hours"], third["valid_model"]) == ("awaiting approval", "", "False")


@pytest.mark.usefixtures("season")
@pytest.mark.parametrize("number", ["48213-1", "90000001", "INV-1", "=1Z999"], ids=["PO", "order", "invoice", "parcel"])
def test_a_number_leads_back_to_its_job_and_its_other_numbers(number: str) -> None:
    """PL-61: whenever it was."""
    [part] = read(say("report", "parts", "--shop", "demo", "--find", number, "--json"))["parts"]
    assert (part["job"], part["po_number"], part["orders"]) == ("48213", "48213-1", "90000001")
    shown = words_of(say("report", "parts", "--shop", "demo", "--find", number).stdout)
    for words in ("job 48213", "po number 48213-1", "orders 90000001", "invoices INV-1", "parcels =1Z999"):
        assert words in shown


@pytest.mark.usefixtures("season")
def test_a_job_leads_to_each_of_its_parts_and_an_unknown_number_is_said() -> None:
    """PL-61: an old job too."""
    parts = read(say("report", "parts", "--shop", "demo", "--find", "48213", "--json"))["parts"]
    assert [part["po_number"] for part in parts] == ["48213-1", "48213-2"]
    [old] = read(say("report", "parts", "--shop", "demo", "--find", "47001", "--json"))["parts"]
    assert old["po_number"] == "47001-1"
    said = words_of(say("report", "parts", "--shop", "demo", "--find", "4711").stdout)
    assert said == "No part of demo has a job, PO, order, invoice or parcel 4711."


def test_a_shop_without_parts_has_an_empty_report() -> None:
    """Before the first diagnosis there is nothing to show, and nothing goes wrong."""
    result = say("report", "parts", "--shop", "demo")
    said = words_of(result.stdout)
    assert result.exit_code == 0
    assert "parts diagnosed 0" in said
    assert "median -" in said
    assert "No jobs without a current status." in said
    assert read(say("report", "parts", "--shop", "demo", "--json"))["parts"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--shop", "dmeo"], "Did you mean demo?", id="a shop that is not there"),
        pytest.param(["--shop", "demo", "--since", "1.11."], "is no day", id="no day"),
        pytest.param(["--shop", "demo", "--since", "2026-11-02", "--until", "2026-11-01"], "before", id="backwards"),
    ],
)
def test_a_slip_is_refused(arguments: list[str], said: str) -> None:
    result = say("report", "parts", *arguments)
    assert result.exit_code == 2
    assert said in words_of(result.stderr)
