"""How far the people of a referral campaign came, in words and as a table. No name and no e-mail is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.booking import FollowedJob, Funnel
from models.referral import UserKind

if TYPE_CHECKING:
    from models.tables import ReferredRow


def in_words(funnel: Funnel) -> str:
    """Say how many came how far: "leads: 12 signed up, 11 booked, 7 became jobs, ..."."""
    is_leads = funnel.kind == UserKind.LEAD
    jobs = "1 became a job" if funnel.jobs == 1 else f"{funnel.jobs} became jobs"
    steps = [f"{funnel.signed_up} signed up", f"{funnel.booked} booked", jobs]
    if is_leads:
        due = "1 reward due" if funnel.rewards_due == 1 else f"{funnel.rewards_due} rewards due"
        rewards = [due, f"{funnel.rewards_issued} issued"]
        steps += [f"{funnel.qualified} qualified", *rewards]
    others = (("dismissed", funnel.dismissed), ("held", funnel.held), ("left out", funnel.ignored))
    steps += [f"{number} {word}" for word, number in others if number]
    return f"{'leads' if is_leads else 'referrers'}: {', '.join(steps)}"


def standing_of(row: ReferredRow) -> dict[str, Any]:
    """Return one person's line of the table, the person by the program's id."""
    jobs = [FollowedJob.model_validate(one) for one in row.jobs]
    return {
        "person": row.user_id,
        "kind": "lead" if row.kind == UserKind.LEAD else "referrer",
        "stage": row.stage,
        "booking": row.booking or "",
        "booking status": row.booking_status,
        "job": ", ".join(job.number or str(job.id) for job in jobs),
        "job status": ", ".join(job.status for job in jobs),
        "qualified": f"{row.qualified_at:%Y-%m-%d}" if row.qualified_at else "",
        "reward": row.reward,
        "why": row.why,
    }
