"""People of a referral program, in our words. Source: contracts/referral_factory/openapi.yaml and FACTS.md."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from models.base import DomainModel


class UserKind(StrEnum):
    """What a person is in a campaign (FACTS section 2)."""

    REFERRER = "person_referring"
    LEAD = "person_invited"
    UNKNOWN = "unknown"
    """The program names a kind that is not in the contract."""


class ReferralUser(DomainModel):
    """A person in one campaign. The e-mail is unique within it; the id is the stable key (FACTS section 2)."""

    id: int
    campaign_id: int
    code: str
    url: str
    """The personal referral link."""
    email: str
    first_name: str = ""
    kind: UserKind = UserKind.UNKNOWN
    source: str = ""
    referrer_id: int | None = None
    signed_up_on: date | None = None
    qualified_on: date | None = None
    """None: pending."""
    unsubscribed_on: date | None = None
    meta: tuple[tuple[str, str], ...] = ()
    """Further fields, by the campaign's own labels."""


class UnreadableUser(DomainModel):
    """A user the program showed in a form we cannot read."""

    id: int | None
    why: str
    """The faulty fields, never a value."""


class UserPage(DomainModel):
    """One page of the program's users. Rows shift while others write: one may come twice, so go by the id."""

    users: tuple[ReferralUser, ...]
    unreadable: tuple[UnreadableUser, ...] = ()


class NewReferrer(Struct, frozen=True, kw_only=True):
    """A person who is to get a link. Nobody is notified, ever (RF-31)."""

    campaign_id: int
    first_name: str
    email: str
    meta: tuple[tuple[str, str], ...] = ()


class Created(Struct, frozen=True, kw_only=True):
    """The person has a link now."""

    user: ReferralUser
    was_there: bool = False
    """The campaign had this e-mail already: nothing new was made (FACTS section 4).

    False also where the program answers a repeated create as it answers the first: it does not always tell.
    """
    differs: tuple[str, ...] = ()
    """What that user is otherwise than was asked: "type" (a lead), "referrer_id" (somebody has the credit for them).

    It stays so: credit never moves.
    """


class RefusedUser(DomainModel):
    """The program will never take this person as sent; `why` is in its own words, `field` what it names (RF-30)."""

    why: str
    field: str = ""
    is_taken: bool = False
    """Another user of the campaign has the e-mail."""


class UserChange(DomainModel):
    """What is to change of a user; None stays. The link and its history stay with the id (FACTS section 4)."""

    first_name: str | None = None
    email: str | None = None
    meta: tuple[tuple[str, str], ...] | None = None
    """The full set: whether the program keeps labels that are left out is not stated."""


class RewardMetric(StrEnum):
    """The families of rewards."""

    AMOUNT = "amount"
    COMMISSION = "commission"
    COUPON = "coupon"
    CUSTOM = "custom"


class Reward(DomainModel):
    """A reward that is due or was issued. Its currency is the campaign's: the program does not send it."""

    id: int
    metric: RewardMetric
    reward_id: int | None = None
    """The campaign's reward that this is one of."""
    recipient_id: int | None = None
    """The user who gets it: referrer or lead."""
    count: int | None = None
    total: Decimal | None = None
    coupon: str = ""


class DueReward(Reward):
    """Owed and not issued."""

    can_be_issued: bool = False


class IssuedReward(Reward):
    """Given out."""

    status: str = ""
    issued_on: date | None = None


class Campaign(DomainModel):
    """One campaign, with the labels its users' further fields go by."""

    id: int
    name: str
    code: str = ""
    status: str = ""
    """launched, draft or paused, as far as is known."""
    url: str = ""
    """The join link, for people who sign up by themselves."""
    fields: tuple[str, ...] = ()
    """Of referrers."""
    lead_fields: tuple[str, ...] = ()
