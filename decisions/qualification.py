"""When a lead is qualified: the booking became a job, or a job of it reached a status; once, and never taken back.

Source: contracts/referral_factory/CHECKLIST.md RF-29, RF-44, RF-48 to RF-51, RF-65, RF-D4 to RF-D7, RF-S3, RF-S9,
Q1, Q3, Q4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from models.booking import JOB_STATUSES, FollowedJob, ReferralStage
from models.referral import UserKind
from models.referral_settings import LeadSettings, SignUpSettings

_NOT_LETTERS = re.compile(r"[^a-z]+")


@dataclass(frozen=True, slots=True)
class Qualify:
    """The lead is qualified; `by` says by what, for the audit log."""

    by: str


@dataclass(frozen=True, slots=True)
class NotYet:
    """What is waited for."""

    why: str


@dataclass(frozen=True, slots=True)
class Never:
    """Nothing that happens in ServiceTitan qualifies this person."""

    why: str


Judgement = Qualify | NotYet | Never


def judge(kind: str, *, is_existing: bool, jobs: Sequence[FollowedJob], settings: SignUpSettings) -> Judgement:
    """Decide whether a person with these jobs is qualified. Any one of several jobs will do (Q4).

    A status that was reached and left again counts (RF-D5), also one reached before we first looked (RF-D7).
    """
    if kind != UserKind.LEAD or not isinstance(settings, LeadSettings):
        return Never("Referrers who signed up by themselves are not qualified.")
    if settings.qualify_when == "never":
        return Never("The campaign qualifies by hand only.")
    if is_existing and not settings.qualify_existing:
        return Never("ServiceTitan knew this e-mail before: an existing customer is no referral.")
    if not jobs:
        return NotYet("The booking is no job yet.")
    if settings.qualify_when == "job":
        return Qualify(f"job {jobs[0].number or jobs[0].id}")
    wanted = settings.wanted_status
    for job in jobs:
        if wanted in job.was or job.status == wanted:
            return Qualify(f"job {job.number or job.id} {wanted}")
    return NotYet(f"No job of it has been {wanted} yet.")


def stage_of(booking_status: str, jobs: Sequence[FollowedJob], *, is_qualified: bool) -> ReferralStage:
    """Return where a booked person stands. A dismissed booking is no job, and may still become one."""
    if is_qualified:
        return ReferralStage.QUALIFIED
    if jobs:
        return ReferralStage.JOB
    return ReferralStage.DISMISSED if booking_status.casefold() == "dismissed" else ReferralStage.BOOKED


def seen_job(
    known: FollowedJob | None,
    job_id: int,
    number: str,
    status: str,
    *,
    modified_on: datetime | None = None,
    was_completed: bool = False,
    history: Iterable[str] = (),
) -> FollowedJob:
    """Return a job with what was seen of it now added to what was seen before.

    `was_completed`: the job has a completion date, whatever its status is now. `history`: event types of the job's
    history, in ServiceTitan's words, which no document lists: one that names a status counts as that status [inferred].
    """
    was = list(known.was if known else ())
    told = [*(status_of(event) for event in history), "Completed" if was_completed else "", status]
    was += [one for one in dict.fromkeys(told) if one and one not in was]
    number = number or (known.number if known else "")
    return FollowedJob(id=job_id, number=number, status=status, was=tuple(was), seen_of=modified_on)


def status_of(event: str) -> str:
    """Return the job status that an event's words say was reached; empty when they name none.

    "Job Completed", "StatusChangedToInProgress" and "Job Canceled" do; "Job Uncompleted" and "Completion Email Sent"
    do not.
    """
    joined = _NOT_LETTERS.sub("", event.casefold())
    for status in JOB_STATUSES:
        folded = status.casefold()
        if joined in {folded, f"job{folded}", f"statuschangedto{folded}", f"jobstatuschangedto{folded}"}:
            return status
    return ""


def needs_history(kind: str, *, jobs: Sequence[FollowedJob], settings: SignUpSettings) -> bool:
    """Tell whether a job's history could decide: a status is waited for, and was not seen yet."""
    if kind != UserKind.LEAD or not isinstance(settings, LeadSettings) or settings.qualify_when != "job_status":
        return False
    return not any(settings.wanted_status in job.was for job in jobs)
