"""The program's records and requests as they travel. Source: openapi.yaml; unknown fields are ignored.

One user is read per contact of a sync, so these models have no Python hooks: everything is checked in one go.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class ReferralModel(BaseModel):
    """A record of the program: snake_case, frozen, unknown fields ignored, numbers read where text is meant."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)


Text = str | None
"""Text that may be null or missing, which is the same as empty."""


class WireUser(ReferralModel):
    """`User`. Dates are bare days, sometimes with a time (FACTS section 2)."""

    id: int
    campaign_id: int
    code: str = Field(min_length=1)
    url: str = Field(min_length=1)
    email: str
    first_name: Text = None
    type: Text = None
    source: Text = None
    referrer_id: int | None = None
    signed_up_at: Any = None
    qualified_at: Text = None
    unsubscribed_at: Text = None
    meta: Any = None


class UserEnvelope(ReferralModel):
    """`UserEnvelope`."""

    data: WireUser


class Links(ReferralModel):
    """`Links`; only the next page is of use."""

    next: Text = None


class Page(ReferralModel):
    """Any collection. Rows are read one by one: one that cannot be read must not hide the others."""

    data: list[Any]
    links: Links | None = None


class WireCampaignField(ReferralModel):
    """`CampaignField`."""

    label: Text = None


class WireCampaignFields(ReferralModel):
    """The further fields of each kind of user."""

    person_referring: list[WireCampaignField] | None = None
    person_invited: list[WireCampaignField] | None = None


def _empty_list_is_none(value: Any) -> Any:
    # PHP writes an empty object as an empty list.
    return value or None


class WireCampaign(ReferralModel):
    """`Campaign`."""

    id: int
    name: str
    code: Text = None
    status: Text = None
    url: Text = None
    fields: Annotated[WireCampaignFields | None, BeforeValidator(_empty_list_is_none)] = None


class CampaignEnvelope(ReferralModel):
    """`CampaignEnvelope`."""

    data: WireCampaign


class WireReward(ReferralModel):
    """`DueReward` and `IssuedReward`: what they share, and what only one has."""

    id: int
    reward_id: int | None = None
    recipient_id: int | None = None
    count: int | None = None
    total: Decimal | None = None
    coupon: Text = None
    can_be_issued: bool | None = None
    status: Text = None
    issued_at: Any = None


class MetaItem(TypedDict):
    """`MetaItem`: a further field by its label."""

    field: str
    value: str


class UserCreate(TypedDict):
    """`UserCreate`, without a referrer: a Person Referring, whom nobody notifies (RF-31)."""

    campaign_id: int
    first_name: str
    email: str
    notify: Literal[False]
    meta: NotRequired[list[MetaItem]]


class UserUpdate(TypedDict, total=False):
    """`UserUpdate`."""

    first_name: str
    email: str
    meta: list[MetaItem]


class Qualification(TypedDict):
    """`QualificationRequest`, by the stable id."""

    id: int
    qualified: bool
