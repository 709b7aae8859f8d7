"""The parts report over what the loop itself leaves behind: nothing is asked of a vendor or a person."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from decisions.parts_report import PartLine, lines_of, stalls, summarise, without_status
from models.base import utc_now
from models.job import Appliance
from models.part import LineState
from tasks import held
from tests.flows.conftest import World
from tests.flows.fakes import a_diagnosis
from tests.flows.test_eta_watch import ordered, says
from tests.flows.test_parts_loop import answer, asked, one_pass

HOUR = timedelta(hours=1)


async def report(world: World) -> list[PartLine]:
    now = utc_now()
    histories = await world.books.part_histories.of("demo", now - HOUR, now + HOUR)
    return lines_of(histories, now - HOUR, now + HOUR, now=now, zone=ZoneInfo("America/Chicago"))


async def test_the_loops_own_records_have_every_number(world: World) -> None:
    """PL-51, PL-57: ordered within the hour, nothing typed, and the books are all that is read."""
    await ordered(world)
    [line] = await report(world)
    assert line.hours is not None
    assert 0 <= line.hours < 1
    assert (line.job, line.part, line.po_number, line.orders) == ("48213", "WPW10348269", "48213-1", ("90001",))
    assert (line.technicians, line.typed, line.answered_otherwise, line.corrections) == (("Dana Whitfield",), 0, (), 0)
    found = summarise([line])
    assert (found.parts, found.ordered, found.waiting, found.typed) == (1, 1, 0, 0)


async def test_an_order_number_that_a_person_gave_is_counted(world: World) -> None:
    """PL-52: after a lost answer somebody copies it from the distributor."""
    world.marcone.lose_answer = True
    await asked(world)
    await answer(world)
    await one_pass()
    [entry] = await world.books.held.list("demo")
    await held.retry(world.books, entry.id or 0, placed=("90000001",))
    assert [item.outcome for item in await one_pass()] == ["ordered"]
    [line] = await report(world)
    assert (line.typed, line.orders) == (1, ("90000001",))


async def test_what_people_change_is_counted_where_they_change_it(world: World) -> None:
    """PL-52: on the job, and in the answer; neither is copying between systems."""
    world.jobs.diagnoses = [a_diagnosis(quantity="many")]
    assert [item.outcome for item in await one_pass("diagnosis-watch")] == ["held"]
    world.jobs.diagnoses = [a_diagnosis(quantity="1")]
    assert [item.outcome for item in await one_pass("diagnosis-watch")] == ["awaiting_approval"]
    await answer(world, quantity=2, branch="901")
    assert [item.outcome for item in await one_pass()] == ["ordered"]
    [line] = await report(world)
    assert (line.corrections, line.answered_otherwise, line.typed) == (1, ("quantity", "branch"), 0)


async def test_the_share_of_valid_models_is_read_from_the_diagnoses(world: World) -> None:
    """PL-47."""
    appliance = Appliance(model="WDT780SAEM1")
    world.jobs.jobs["48214"] = world.jobs.jobs["48213"].model_copy(update={"ref": "48214", "number": "48214"})
    world.jobs.diagnoses = [a_diagnosis(appliance=appliance), a_diagnosis(job="48214")]
    await one_pass("diagnosis-watch")
    found = summarise(await report(world))
    assert (found.jobs, found.jobs_with_model) == (2, 1)


async def test_a_part_needed_after_the_first_has_arrived_is_linked_to_its_order(world: World) -> None:
    """PL-54, PL-58: the same part once more, and the order it comes after."""
    await ordered(world)
    says(world, state=LineState.DELIVERED, words="Delivered")
    await one_pass("eta-watch")
    again = a_diagnosis(source_key="fake/48213/estimate 2")
    world.jobs.diagnoses = [*world.jobs.diagnoses, again]
    await one_pass("diagnosis-watch")
    first, second = await report(world)
    assert first.arrived_at is not None
    assert first.earlier is None
    assert second.earlier is not None
    assert (second.earlier.po_number, second.earlier.is_same) == ("48213-1", True)
    [waited] = stalls([first, second])
    assert (waited.technician, waited.jobs) == ("Dana Whitfield", 1)


async def test_a_job_is_silent_when_nobody_looks_and_current_when_somebody_did(world: World) -> None:
    """PL-30, PL-53: after a day without a pass it is listed, with the order nobody looked at."""
    await ordered(world)
    await one_pass("eta-watch")
    standing = await world.books.part_histories.standing("demo")
    day = timedelta(hours=24)
    assert without_status(standing, utc_now(), day) == []
    [silent] = without_status(standing, utc_now() + day, day)
    assert (silent.job, silent.why) == ("48213", "Order 90001 was not looked at since.")
