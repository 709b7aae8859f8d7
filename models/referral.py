"""People of a referral program, in our words. Source: contracts/referral_factory/openapi.yaml and FACTS.md."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

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


class NewReferrer(DomainModel):
    """A person who is to get a link. Nobody is notified, ever (RF-31)."""

    campaign_id: int
    first_name: str
    email: str
    meta: tuple[tuple[str, str], ...] = ()


class Created(DomainModel):
    """The person has a link now."""

    user: ReferralUser
    was_there: bool = False
    """The campaign had this e-mail already: nothing new was made (FACTS section 4)."""


class RefusedUser(DomainModel):
    """The program will never take this person as sent; `why` is in its own words, `field` what it names (RF-30)."""

    why: str
    field: str = ""


class Campaign(DomainModel):
    """One campaign, with the labels its users' further fields go by."""

    id: int
    name: str
    status: str = ""
    url: str = ""
    """The join link, for people who sign up by themselves."""
    fields: tuple[str, ...] = ()
