"""Referred people and their bookings: what is sent, where each stands, and what is followed until a lead qualifies.

Source: contracts/referral_factory/CHECKLIST.md RF-41 to RF-65; contracts/servicetitan/FACTS.md section 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import AwareDatetime

from models.base import DomainModel
from models.referral import Campaign, ReferralUser


class ReferralStage(StrEnum):
    """Where a referred person stands. The first group is taken up by the next pass."""

    NEW = "new"  # to be booked

    HELD = "held"
    IGNORED = "ignored"  # by the campaign's settings
    BOOKED = "booked"  # the office has not answered the booking yet
    DISMISSED = "dismissed"  # the office does not take the booking
    JOB = "job"  # the booking became a job
    QUALIFIED = "qualified"
    GONE = "gone"  # not in Referral Factory any more


FOLLOWED: Final = (ReferralStage.BOOKED, ReferralStage.DISMISSED, ReferralStage.JOB)
"""A booking that was dismissed may still be booked: the office changes its mind."""

JOB_STATUSES: Final = ("Scheduled", "Dispatched", "InProgress", "Hold", "Completed", "Canceled")
"""Source: jpm-v2 `Jpm.V2.JobStatus` [spec]."""


class FollowedJob(DomainModel):
    """A job a booking became. A booking may become several (Q4)."""

    id: int
    number: str = ""
    status: str = ""
    """As last seen."""
    was: tuple[str, ...] = ()
    """Every status it was seen in or is known to have been in, each once (Q3)."""
    seen_of: AwareDatetime | None = None
    """The job's modifiedOn when it was last looked at: as long as that stays, there is nothing new in it."""


@dataclass(frozen=True, slots=True)
class Party:
    """Whom a mapping may speak of: the person who signed up, who referred them, and the campaign."""

    user: ReferralUser
    campaign: Campaign
    referrer: ReferralUser | None = None
    """None: nobody, or not known any more."""


class BookingDraft(DomainModel):
    """A booking as it is to be made. Source: crm-v2 `CreateBookingRequest` [spec], FACTS section 4."""

    source: str
    name: str
    summary: str
    is_first_time_client: bool
    external_id: str
    email: str
    phone: str = ""
    street: str = ""
    unit: str = ""
    city: str = ""
    state: str = ""
    zip: str = ""
    country: str = ""
    customer_type: str = ""
    priority: str = ""
    campaign_id: int | None = None
    business_unit_id: int | None = None
    job_type_id: int | None = None
    job_fields: tuple[tuple[str, str], ...] = ()
    """Custom fields of the job, by name: a booking has none, so they are written once it is a job (RF-57)."""

    @property
    def has_address(self) -> bool:
        """Tell whether there is all of an address that ServiceTitan asks for."""
        return all((self.street, self.city, self.state, self.zip, self.country))


@dataclass(frozen=True, slots=True)
class CannotBook:
    """This person cannot be booked as the campaign's map says; nothing is sent."""

    why: str
    fix: str
    field: str


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many people of a campaign came how far; each counts in every step it has reached."""

    campaign_id: int
    kind: str
    signed_up: int = 0
    booked: int = 0
    jobs: int = 0
    qualified: int = 0
    rewards_due: int = 0
    rewards_issued: int = 0
    held: int = 0
    ignored: int = 0
    dismissed: int = 0
