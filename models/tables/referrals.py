"""People of the referral program: who has a link, and who signed up."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Text
from sqlmodel import Field, SQLModel

from models.tables.columns import json, text, when


class ReferralUserRow(SQLModel, table=True):
    """One person of a referral campaign, known by e-mail. Several customers may share it."""

    __tablename__ = "referral_users"
    __table_args__ = (Index("ix_referral_users_user", "shop", "campaign_id", "user_id"),)

    shop: str = Field(primary_key=True)
    campaign_id: int = Field(primary_key=True, sa_type=BigInteger)
    email_key: str = Field(primary_key=True)
    """The e-mail folded: decisions/people.py."""
    user_id: int | None = Field(default=None, sa_type=BigInteger)
    code: str = ""
    url: str = text()
    """The personal link. Empty: there is none yet."""
    first_name: str = text()
    email: str = text()
    """As it was sent."""
    owner: int | None = Field(default=None, sa_type=BigInteger)
    """The customer whose name the person goes by: of several, the lowest id."""
    digest: str = ""
    """Of what was last sent: equal means there is nothing to send. models/contact_sync.py, Draft."""
    state: str
    """See models/contact_sync.py, UserState."""
    run: str = ""
    """The sync that has a call under way. One that another sync left behind is of unknown outcome."""
    was_there: bool = False
    """The campaign had this e-mail before the sync came."""
    why: str = text()
    """What the program said when it refused."""
    updated_at: datetime = when()


class ReferralCustomerRow(SQLModel, table=True):
    """A customer in a campaign's contact sync: the e-mail it goes by, or why it has no link."""

    __tablename__ = "referral_customers"
    __table_args__ = (
        Index("ix_referral_customers_email", "shop", "campaign_id", "email_key"),
        Index("ix_referral_customers_state", "shop", "campaign_id", "state", "customer"),
    )

    shop: str = Field(primary_key=True)
    campaign_id: int = Field(primary_key=True, sa_type=BigInteger)
    customer: int = Field(primary_key=True, sa_type=BigInteger)
    email_key: str = ""
    """Of the person in the campaign; kept when the customer is left out later, so that its link can come back."""
    state: str
    """See models/contact_sync.py, CustomerState."""
    reason: str = ""
    """See models/contact_sync.py, SkipReason. Empty: linked."""
    why: str = text()
    link_written: str = text()
    """The link that was written into the customer's custom field."""
    link_refused: str = Field(default="", sa_column=Column(Text(), nullable=False, server_default=""))
    """The link ServiceTitan refused to write there: it is not sent again until somebody says so."""
    link_why: str = Field(default="", sa_column=Column(Text(), nullable=False, server_default=""))
    """Why the link is not in the field."""
    updated_at: datetime = when()


class ReferredRow(SQLModel, table=True):
    """A person who signed up in a campaign: a lead, or a referrer of its own accord. One person, one booking."""

    __tablename__ = "referred"
    __table_args__ = (
        Index("ix_referred_stage", "shop", "campaign_id", "stage"),
        Index("ix_referred_email", "shop", "email_key"),
        Index("ix_referred_booking", "shop", "booking"),
        Index("ix_referred_job", "shop", "job"),
        Index("ix_referred_external_id", "shop", "external_id"),
    )

    shop: str = Field(primary_key=True)
    user_id: int = Field(primary_key=True, sa_type=BigInteger)
    """In Referral Factory: an e-mail in two campaigns is two users."""
    campaign_id: int = Field(sa_type=BigInteger)
    kind: str
    """person_invited (a lead) or person_referring (a referrer)."""
    email_key: str = text()
    """The e-mail folded: decisions/people.py."""
    person: dict[str, Any] = json()
    """ReferralUser, as last read."""
    stage: str
    """See models/booking.py, ReferralStage."""
    why: str = text()
    external_id: str = ""
    """The booking's, as it was sent."""
    booking: int | None = Field(default=None, sa_type=BigInteger)
    booking_status: str = ""
    job: int | None = Field(default=None, sa_type=BigInteger)
    """The job the booking itself names; `jobs` has all of them."""
    is_existing: bool = False
    """ServiceTitan knew the e-mail when the person was taken in."""
    customers: list[Any] = json()
    """Ids of the customers that have the e-mail."""
    jobs: list[Any] = json()
    """FollowedJob, by id."""
    job_fields: list[Any] = json()
    """Name and value of the job's custom fields that are filled in once there is a job (RF-57)."""
    is_confirmed: bool = False
    """A person said that this booking is to be made although another campaign has the e-mail too."""
    qualified_at: datetime | None = when(nullable=True)
    """When the program confirmed that the lead is qualified."""
    qualified_by: str = ""
    """What qualified it: the job and its status, or "Referral Factory" when it was so without us."""
    reward: str = ""
    """"", due or issued: of the lead or its referrer, as the program last told."""
    created_at: datetime = when()
    updated_at: datetime = when()
