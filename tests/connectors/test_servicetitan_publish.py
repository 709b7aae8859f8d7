"""Publishing a board: everything of ours lands, nothing of the shop's is lost, repeating changes nothing."""

from __future__ import annotations

import pytest
import respx

from connectors.errors import AmbiguousWriteError, NotFoundError
from connectors.servicetitan.client import ServiceTitan
from connectors.servicetitan.job_platform import ServiceTitanJobs
from connectors.servicetitan.publish import BOARD_KEY, revision_of, stamp, with_line
from models.base import JobRef
from models.job import BoardNote, Hold
from models.shop import PartsSettings
from tests.connectors.doubles import GUID, ST, Tenant, board, job_row, visit_row

NOTE = BoardNote(marker="[truckroll demo-48213-1 r3]", text="Drain pump: please approve. [truckroll demo-48213-1 r3]")
FULL = {"note": NOTE, "hold": Hold.PLACE, "hold_memo": "Waiting for approval", "visit_line": "Drain pump, no date yet"}


@pytest.fixture
def tenant(vendors: respx.MockRouter) -> Tenant:
    return Tenant(vendors)


@pytest.fixture
def jobs(st: ServiceTitan) -> ServiceTitanJobs:
    return ServiceTitanJobs(st, PartsSettings(), GUID)


def values(tenant: Tenant) -> dict[str, str | None]:
    return {one["name"]: one.get("value") for one in tenant.job["customFields"]}


async def test_a_whole_board_lands_in_fields_note_hold_and_visit(jobs: ServiceTitanJobs, tenant: Tenant) -> None:
    """PL-4, PL-15, PL-37: the job shows where its part stands."""
    report = await jobs.publish(board(**FULL))
    assert set(report.landed) == {"Part status", "Part ETA", "note", "hold", "visit"}
    assert report.not_landed == ()
    assert values(tenant) == {"Part status": "awaiting approval", "Part ETA": "no date yet"}
    assert tenant.external == {BOARD_KEY: stamp(board(**FULL))}
    assert tenant.notes == [NOTE.text]
    assert tenant.holds == [{"reasonId": 70, "memo": "Waiting for approval"}]
    assert tenant.visits[0]["specialInstructions"] == "Parts: Drain pump, no date yet"
    assert tenant.writes == ["patch", "note", "hold", "visit"], "fields and revision first"


@pytest.mark.parametrize("look_first", [False, True])
async def test_the_same_board_again_changes_nothing(jobs: ServiceTitanJobs, tenant: Tenant, look_first: bool) -> None:
    """PL-33. The note is recognised by its marker also when nobody said that it may be there."""
    await jobs.publish(board(**FULL))
    tenant.writes.clear()
    report = await jobs.publish(board(**FULL), look_first=look_first)
    assert report.landed == ("unchanged",)
    assert tenant.writes == []


async def test_fields_and_external_data_of_others_stay(jobs: ServiceTitanJobs, tenant: Tenant) -> None:
    """The custom field list is the full list, and external data is replaced unless told to merge (FACTS 7.4)."""
    tenant.job["customFields"] = [
        {"typeId": 9, "name": "Gate code", "value": "#4411"},
        {"typeId": 8, "name": "Filter size", "value": None},
        {"typeId": 1, "name": "Part status", "value": "old"},
    ]
    tenant.external["another-program"] = "keep me"
    await jobs.publish(board())
    assert values(tenant)["Gate code"] == "#4411"
    assert values(tenant)["Part status"] == "awaiting approval"
    assert tenant.external["another-program"] == "keep me"
    sent = tenant.patches[0]
    assert {"typeId": 9, "value": "#4411"} in sent["customFields"]
    assert {"typeId": 8} in sent["customFields"], "a field without a value is not given one"
    assert sent["externalData"]["patchMode"] == "Merge"
    assert sent["externalData"]["applicationGuid"] == GUID


async def test_an_older_board_does_not_overwrite_a_newer_one(jobs: ServiceTitanJobs, tenant: Tenant) -> None:
    await jobs.publish(board(revision=5, status="ordered"))
    tenant.writes.clear()
    report = await jobs.publish(board(revision=4, **FULL))
    assert report.landed == ("already newer",)
    assert tenant.writes == []
    assert values(tenant)["Part status"] == "ordered"


@pytest.mark.parametrize(("written", "revision"), [("12/abc", 12), ("", 0), ("x/1", 0), ("7", 7), ("²/x", 0)])
def test_a_stamp_that_is_not_ours_counts_as_none(written: str, revision: int) -> None:
    assert revision_of(written) == revision


@pytest.mark.parametrize("lost", ["patch", "note", "hold", "visit"])
async def test_after_a_lost_answer_the_same_board_lands_once(jobs: ServiceTitanJobs, tenant: Tenant, lost: str) -> None:
    """Every write: it happened, its answer was lost, the task publishes again and looks first."""
    tenant.losing = {lost}
    with pytest.raises(AmbiguousWriteError):
        await jobs.publish(board(**FULL))
    report = await jobs.publish(board(**FULL), look_first=True)
    assert report.not_landed == ()
    assert tenant.notes == [NOTE.text]
    assert len(tenant.holds) == 1
    assert values(tenant)["Part status"] == "awaiting approval"
    assert tenant.visits[0]["specialInstructions"] == "Parts: Drain pump, no date yet"
    assert sorted(tenant.writes) == ["hold", "note", "patch", "visit"], "each once"


async def test_a_missing_field_is_told_and_the_rest_lands(jobs: ServiceTitanJobs, tenant: Tenant) -> None:
    tenant.types = [
        {"id": 1, "name": "part STATUS", "dataType": "Text"},
        {"id": 3, "name": "Parts ETA", "dataType": "Text"},
    ]
    report = await jobs.publish(board(**FULL))
    assert {"Part status", "note", "hold", "visit"} <= set(report.landed)
    (missed,) = report.not_landed
    assert missed.what == "Part ETA"
    assert "Parts ETA" in missed.why
    assert "job custom field named Part ETA (Text)" in missed.fix


@pytest.mark.parametrize(
    ("kind", "options", "lands"),
    [
        ("Text", [], "awaiting approval"),
        ("Dropdown", ["Ordered", "Awaiting approval"], "Awaiting approval"),
        ("Dropdown", ["Ordered"], None),
        ("Numeric", [], None),
    ],
    ids=["text", "a choice, in its own spelling", "not among the choices", "a number field"],
)
async def test_a_status_lands_as_the_field_takes_it(
    jobs: ServiceTitanJobs, tenant: Tenant, kind: str, options: list[str], lands: str | None
) -> None:
    tenant.types[0].update(dataType=kind, dataTypeOptions=options)
    report = await jobs.publish(board())
    assert values(tenant).get("Part status") == lands
    assert [one.what for one in report.not_landed] == ([] if lands else ["Part status"])
    again = await jobs.publish(board())
    assert again.landed == ("unchanged",)


async def test_fields_servicetitan_refuses_are_told_and_the_revision_still_lands(
    jobs: ServiceTitanJobs, tenant: Tenant
) -> None:
    tenant.refusing["fields"] = "Custom field is read only"
    report = await jobs.publish(board(note=NOTE))
    assert {one.what for one in report.not_landed} == {"Part status", "Part ETA"}
    assert all("read only" in one.why for one in report.not_landed)
    assert tenant.external[BOARD_KEY] == stamp(board(note=NOTE))
    assert tenant.notes == [NOTE.text]


async def test_a_change_the_answer_does_not_show_is_told(
    jobs: ServiceTitanJobs, tenant: Tenant, vendors: respx.MockRouter
) -> None:
    vendors.patch(f"{ST}/jpm/v2/tenant/7/jobs/48213").respond(json=job_row())
    report = await jobs.publish(board())
    assert {one.what for one in report.not_landed} == {"Part status", "Part ETA"}


async def test_a_note_without_its_marker_gets_it(jobs: ServiceTitanJobs, tenant: Tenant) -> None:
    await jobs.publish(board(note=BoardNote(marker="[m1]", text="Ordered.")))
    assert tenant.notes == ["Ordered.\n[m1]"]


async def test_an_unknown_hold_reason_is_told_with_the_nearest(jobs: ServiceTitanJobs, tenant: Tenant) -> None:
    tenant.reasons = [
        {"id": 1, "name": "Waiting on parts", "active": True},
        {"id": 2, "name": "Waiting for parts", "active": False},
    ]
    report = await jobs.publish(board(hold=Hold.PLACE))
    (missed,) = report.not_landed
    assert missed.what == "hold"
    assert 'Did you mean "Waiting on parts"?' in missed.fix
    assert tenant.holds == []


async def test_a_refused_hold_is_told_in_the_vendors_words(jobs: ServiceTitanJobs, tenant: Tenant) -> None:
    tenant.refusing["hold"] = "Technician is working"
    report = await jobs.publish(board(hold=Hold.PLACE, visit_line="x"))
    assert [one.why for one in report.not_landed] == ["Technician is working"]
    assert "visit" in report.landed


@pytest.mark.parametrize("status", ["Completed", "Canceled"])
async def test_a_job_that_is_over_is_not_put_on_hold(jobs: ServiceTitanJobs, tenant: Tenant, status: str) -> None:
    tenant.job["jobStatus"] = status
    report = await jobs.publish(board(hold=Hold.PLACE))
    assert [one.what for one in report.not_landed] == ["hold"]
    assert tenant.holds == []


async def test_a_job_on_hold_already_is_left_as_it_is(jobs: ServiceTitanJobs, tenant: Tenant) -> None:
    tenant.job["jobStatus"] = "On Hold"
    report = await jobs.publish(board(hold=Hold.PLACE))
    assert report.not_landed == ()
    assert tenant.holds == []


async def test_releasing_takes_only_held_visits_off_hold(jobs: ServiceTitanJobs, tenant: Tenant) -> None:
    tenant.visits = [visit_row(501, status="Hold"), visit_row(502), visit_row(503, status="Hold")]
    report = await jobs.publish(board(hold=Hold.RELEASE))
    assert [one["status"] for one in tenant.visits] == ["Scheduled"] * 3
    assert tenant.writes.count("unhold") == 2
    assert report.not_landed == ()


async def test_a_visit_that_turns_out_not_to_be_held_is_fine(jobs: ServiceTitanJobs, tenant: Tenant) -> None:
    tenant.visits = [visit_row(501, status="Hold")]
    tenant.refusing["conflict"] = "x"
    report = await jobs.publish(board(hold=Hold.RELEASE))
    assert report.not_landed == ()


async def test_the_next_open_visit_carries_the_line(jobs: ServiceTitanJobs, tenant: Tenant) -> None:
    tenant.visits = [
        visit_row(501, status="Done", start="2026-09-09T10:00:00Z"),
        visit_row(502, start="2026-09-03T10:00:00Z", specialInstructions="Dog in yard\nParts: old\nCall first"),
        visit_row(503, start="2026-09-02T10:00:00Z"),
        visit_row(504, status="Canceled", start="2026-09-10T10:00:00Z"),
    ]
    await jobs.publish(board(visit_line="Pump, 2026-10-03 (Marcone)"))
    assert tenant.visits[1]["specialInstructions"] == "Dog in yard\nParts: Pump, 2026-10-03 (Marcone)\nCall first"
    assert tenant.visits[2]["specialInstructions"] is None


async def test_without_an_open_visit_it_is_said(jobs: ServiceTitanJobs, tenant: Tenant) -> None:
    tenant.visits = [visit_row(501, status="Done")]
    report = await jobs.publish(board(visit_line="x"))
    assert [one.what for one in report.not_landed] == ["visit"]


@pytest.mark.parametrize(
    ("before", "line", "after"),
    [
        ("", "Pump", "Parts: Pump"),
        ("Dog", "Parts: Pump", "Dog\nParts: Pump"),
        ("Parts: a\nDog\nParts: b", "Pump\n today", "Parts: Pump today\nDog"),
        ("Dog\nParts: Pump", "", "Dog"),
        ("Dog\r\nCat\r\n", "", "Dog\r\nCat\r\n"),
        ("Dog\r\nParts: Pump\r\n", "Pump", "Dog\r\nParts: Pump\r\n"),
    ],
    ids=["first", "marked already", "ours once", "taken out", "not ours: untouched", "already right: untouched"],
)  # fmt: skip
def test_only_our_line_of_the_instructions_changes(before: str, line: str, after: str) -> None:
    assert with_line(before, line) == after
    assert with_line(after, line) == after


async def test_reading_the_tenants_set_up_happens_once(
    jobs: ServiceTitanJobs, tenant: Tenant, vendors: respx.MockRouter
) -> None:
    for revision in (3, 4, 5):
        await jobs.publish(board(revision=revision, status=f"step {revision}"))
    calls = [str(call.request.url.path) for call in vendors.calls]
    assert sum(path.endswith("/jobs/custom-fields") for path in calls) == 1


async def test_an_unchanged_board_costs_one_call(
    jobs: ServiceTitanJobs, tenant: Tenant, vendors: respx.MockRouter
) -> None:
    await jobs.publish(board())
    before = len(vendors.calls)
    await jobs.publish(board())
    assert len(vendors.calls) - before == 1


@pytest.mark.parametrize("ref", ["job_ab12", "", "12x"])
async def test_a_job_of_another_platform_is_not_asked_for(jobs: ServiceTitanJobs, ref: str) -> None:
    with pytest.raises(NotFoundError):
        await jobs.publish(board(job=JobRef(ref)))


async def test_a_job_that_is_gone_is_not_published_to(jobs: ServiceTitanJobs, vendors: respx.MockRouter) -> None:
    vendors.get(f"{ST}/jpm/v2/tenant/7/jobs/48213").respond(404)
    with pytest.raises(NotFoundError):
        await jobs.publish(board())
