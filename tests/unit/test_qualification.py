"""When a lead is qualified: by the campaign's rule, by what any of its jobs was seen in, and never taken back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from decisions.qualification import Never, NotYet, Qualify, judge, needs_history, seen_job, stage_of, status_of
from models.booking import JOB_STATUSES, FollowedJob, ReferralStage
from models.referral import UserKind
from models.referral_settings import LeadSettings, ReferrerSettings

LEAD, REFERRER = UserKind.LEAD.value, UserKind.REFERRER.value
A_JOB = LeadSettings(qualify_when="job")
COMPLETED = LeadSettings(qualify_when="job_status", job_status="Completed")
IN_PROGRESS = LeadSettings(qualify_when="job_status", job_status="in progress")
BY_HAND = LeadSettings(qualify_when="never")
NOW = datetime(2026, 9, 1, 10, tzinfo=UTC)


def job(*was: str, number: str = "48213", job_id: int = 1) -> FollowedJob:
    """Return a job that was in these statuses, and is in the last."""
    return FollowedJob(id=job_id, number=number, status=was[-1], was=was)


NO_JOB = NotYet("The booking is no job yet.")


@pytest.mark.parametrize(
    ("settings", "jobs", "verdict"),
    [
        pytest.param(A_JOB, [], NO_JOB, id="a job: the booking is none yet"),
        *(
            pytest.param(A_JOB, [job(status)], Qualify("job 48213"), id=f"a job: whatever its status, {status}")
            for status in JOB_STATUSES
        ),
        pytest.param(A_JOB, [job("Hold"), job("Scheduled", number="48214", job_id=2)], Qualify("job 48213"),
                     id="a job: the first of two"),
        pytest.param(A_JOB, [job("Hold", number="")], Qualify("job 1"), id="a job without a number goes by its id"),
        pytest.param(COMPLETED, [], NO_JOB, id="a status: no job yet"),
        *(
            pytest.param(COMPLETED, [job(status)], NotYet("No job of it has been Completed yet."), id=f"not {status}")
            for status in JOB_STATUSES if status != "Completed"
        ),
        pytest.param(COMPLETED, [job("Completed")], Qualify("job 48213 Completed"), id="in the status when first seen"),
        pytest.param(COMPLETED, [job("Scheduled", "InProgress", "Completed")], Qualify("job 48213 Completed"),
                     id="several changes in a row"),
        pytest.param(COMPLETED, [job("Completed", "Hold")], Qualify("job 48213 Completed"), id="reopened: it counts"),
        pytest.param(COMPLETED, [FollowedJob(id=1, status="Completed")], Qualify("job 1 Completed"), id="as it is now"),
        pytest.param(COMPLETED, [job("Canceled"), job("Completed", number="48214", job_id=2)],
                     Qualify("job 48214 Completed"), id="any of several jobs"),
        pytest.param(COMPLETED, [job("Canceled"), job("Hold", number="48214", job_id=2)],
                     NotYet("No job of it has been Completed yet."), id="none of several jobs"),
        pytest.param(IN_PROGRESS, [job("InProgress")], Qualify("job 48213 InProgress"), id="however it is spelt"),
        pytest.param(BY_HAND, [job("Completed")], Never("The campaign qualifies by hand only."), id="by hand only"),
    ],
)  # fmt: skip
def test_what_qualifies_a_lead(settings: LeadSettings, jobs: list[FollowedJob], verdict: object) -> None:
    """RF-44, RF-48, RF-49, RF-50, RF-D5, RF-D7, RF-S3: by the one rule of its campaign."""
    assert judge(LEAD, is_existing=False, jobs=jobs, settings=settings) == verdict


@pytest.mark.parametrize("settings", [A_JOB, COMPLETED])
def test_an_existing_customer_qualifies_only_where_the_campaign_says_so(settings: LeadSettings) -> None:
    """RF-46, RF-S9: whoever ServiceTitan knew before is no referral."""
    done = [job("Completed")]
    verdict = judge(LEAD, is_existing=True, jobs=done, settings=settings)
    assert verdict == Never("ServiceTitan knew this e-mail before: an existing customer is no referral.")
    told = settings.model_copy(update={"qualify_existing": True})
    assert isinstance(judge(LEAD, is_existing=True, jobs=done, settings=told), Qualify)
    assert judge(LEAD, is_existing=True, jobs=[], settings=told) == NO_JOB


@pytest.mark.parametrize("kind", [REFERRER, UserKind.UNKNOWN.value])
@pytest.mark.parametrize("settings", [ReferrerSettings(), A_JOB, COMPLETED])
def test_nobody_but_a_lead_is_qualified(kind: str, settings: LeadSettings | ReferrerSettings) -> None:
    """RF-65: a referrer's booking that turns into a job qualifies nobody."""
    verdict = judge(kind, is_existing=False, jobs=[job("Completed")], settings=settings)
    assert isinstance(verdict, Never)
    assert not needs_history(kind, jobs=[job("Hold")], settings=settings)


@pytest.mark.parametrize("status", ["New", "Accepted", "Converted", "Dismissed", "", "dismissed", "Whatever"])
@pytest.mark.parametrize(
    ("jobs", "is_qualified", "stage"),
    [
        pytest.param([], False, None, id="no job: by the booking's own status"),
        pytest.param([job("Hold")], False, ReferralStage.JOB, id="a job"),
        pytest.param([job("Hold")], True, ReferralStage.QUALIFIED, id="qualified"),
        pytest.param([], True, ReferralStage.QUALIFIED, id="qualified stays, whatever became of the job"),
    ],
)
def test_where_a_booked_person_stands(
    status: str, jobs: list[FollowedJob], stage: ReferralStage | None, *, is_qualified: bool
) -> None:
    """RF-42, RF-49, RF-D5: a dismissed booking is no job; one that is booked after all is."""
    own = ReferralStage.DISMISSED if status.casefold() == "dismissed" else ReferralStage.BOOKED
    assert stage_of(status, jobs, is_qualified=is_qualified) == (stage or own)


@pytest.mark.parametrize("status", JOB_STATUSES)
@pytest.mark.parametrize("form", ["{}", "Job {}", "StatusChangedTo{}", "Job status changed to {}", "JOB_{}"])
def test_an_event_that_names_a_status_is_known(status: str, form: str) -> None:
    """RF-43: no document lists the words of a job's history."""
    assert status_of(form.format(status)) == status
    assert status_of(form.format(status).upper()) == status


@pytest.mark.parametrize(
    "event",
    ["", "Job", "Job Uncompleted", "Completion Email Sent", "Not Completed", "Job Completed Undone", "Completed by",
     "JobBooked", "Note Added: Completed", "Canceled Completed", "\u0421ompleted"],
)  # fmt: skip
def test_an_event_that_only_speaks_of_a_status_is_none(event: str) -> None:
    """RF-50: money may follow."""
    assert status_of(event) == ""


@pytest.mark.parametrize(
    ("seen", "was"),
    [
        pytest.param({}, ("Hold",), id="as it is"),
        pytest.param({"was_completed": True}, ("Completed", "Hold"), id="completed once: it has the date"),
        pytest.param({"history": ["Job Scheduled", "Job Completed", "Note Added"]}, ("Scheduled", "Completed", "Hold"),
                     id="what its history tells"),
        pytest.param({"history": ["Hold", "Hold"], "was_completed": True}, ("Hold", "Completed"), id="each once"),
    ],
)  # fmt: skip
def test_what_is_seen_of_a_job(seen: dict[str, Any], was: tuple[str, ...]) -> None:
    """RF-43, RF-D5, RF-D7."""
    found = seen_job(None, 1, "48213", "Hold", modified_on=NOW, **seen)
    assert found == FollowedJob(id=1, number="48213", status="Hold", was=was, seen_of=NOW)


def test_a_number_that_is_not_told_again_stays() -> None:
    """RF-42."""
    assert seen_job(job("Hold"), 1, "", "Completed").number == "48213"
    assert seen_job(job("Hold"), 1, "48213-2", "Completed").number == "48213-2"


SEEN = st.tuples(
    st.sampled_from([*JOB_STATUSES, "", "SomethingNew"]),
    st.booleans(),
    st.lists(st.sampled_from(["Job Completed", "Job Hold", "Note Added", ""]), max_size=3),
)


@effort(deadline=None)
@given(st.lists(SEEN, min_size=1, max_size=8))
def test_a_status_once_seen_is_never_forgotten(looks: list[tuple[str, bool, list[str]]]) -> None:
    """RF-43, RF-D5: whatever follows, and each is kept once; what qualified goes on qualifying."""
    known: FollowedJob | None = None
    qualified = False
    for status, was_completed, history in looks:
        before = known.was if known else ()
        known = seen_job(known, 1, "48213", status, was_completed=was_completed, history=history)
        assert known.was[: len(before)] == before
        assert len(set(known.was)) == len(known.was)
        assert "" not in known.was
        assert {status, *map(status_of, history)} - {""} <= set(known.was)
        assert (known.status, known.id) == (status, 1)
        is_now = isinstance(judge(LEAD, is_existing=False, jobs=[known], settings=COMPLETED), Qualify)
        assert is_now >= qualified
        assert is_now == ("Completed" in known.was)
        qualified = is_now


@pytest.mark.parametrize(
    ("settings", "jobs", "needed"),
    [
        (COMPLETED, [job("Hold")], True),
        (COMPLETED, [], True),
        (COMPLETED, [job("Hold"), job("Completed")], False),
        (COMPLETED, [job("Completed", "Hold")], False),
        (A_JOB, [job("Hold")], False),
        (BY_HAND, [job("Hold")], False),
    ],
)
def test_a_jobs_history_is_read_only_where_it_could_decide(
    settings: LeadSettings, jobs: list[FollowedJob], *, needed: bool
) -> None:
    """RF-50: it is a call for each job."""
    assert needs_history(LEAD, jobs=jobs, settings=settings) is needed
