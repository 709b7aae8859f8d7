"""The program's records: people, campaigns with their mails, rewards; and how the API shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

Json = dict[str, Any]
Kind = Literal["person_referring", "person_invited"]
Metric = Literal["amount", "commission", "coupon", "custom"]
Toggle = Literal["on", "off", "deleted"]

REFERRER: Kind = "person_referring"
LEAD: Kind = "person_invited"
SITE = "https://cahaba.referral-factory.com"
SOCIALS = (
    "sms", "lineme", "email", "wechat", "twitter", "facebook", "linkedin", "telegram", "whatsapp", "messenger",
)  # fmt: skip

MAILS: dict[str, Toggle] = {
    "welcome": "on",
    "welcome_api": "on",
    "reminder": "on",
    "lead_welcome": "on",
    "referrer_new_lead": "on",
    "lead_qualified": "on",
    "referrer_qualified": "on",
}
"""Every mail a campaign knows; only `welcome_api` can be deleted, and `welcome` is sent in its place then."""


@dataclass(slots=True)
class User:
    """A person in one campaign. Source: openapi.yaml `User`."""

    id: int
    campaign_id: int
    first_name: str
    email: str
    code: str
    source: str
    kind: Kind
    signed_up_at: str
    joined_at: float
    """The sandbox's clock, in seconds; reminders go by it. The API shows the day only."""
    referrer_id: int | None = None
    meta: tuple[tuple[str, Any], ...] = ()
    qualified_at: str | None = None
    unsubscribed_at: str | None = None
    ip: str | None = None
    reach: int = 0

    @property
    def url(self) -> str:
        """Return the personal link."""
        return f"{SITE}/{self.code}"

    def wire(self, reach: int | str) -> Json:
        """Return `User`; `reach` as the account's switch writes it."""
        code, url = self.code, f"{SITE}/{self.code}"
        return {
            "id": self.id,
            "campaign_id": self.campaign_id,
            "referrer_id": self.referrer_id,
            "first_name": self.first_name,
            "email": self.email,
            "code": code,
            "url": url,
            "reach": reach,
            "source": self.source,
            "type": self.kind,
            "ip": self.ip,
            "qr": {"src": f"{url}/qr-code", "download": f"{url}/download-qr-code"},
            "signed_up_at": self.signed_up_at,
            "qualified_at": self.qualified_at,
            "unsubscribed_at": self.unsubscribed_at,
            "meta": [{"field": label, "value": value} for label, value in self.meta],
            "sharing": {
                "socials": [
                    {"social": one, "url": f"https://referral-factory.com/{code}/socials/{one}"} for one in SOCIALS
                ],
                "subject": None,
                "text": None,
            },
        }


@dataclass
class Field:
    """One extra field of a campaign's form. Source: openapi.yaml `CampaignField`."""

    id: str
    label: str
    type: Literal["input", "select"] = "input"
    required: bool = False

    def wire(self) -> Json:
        """Return `CampaignField`."""
        return {"id": self.id, "type": self.type, "label": self.label, "value": None, "required": self.required}


@dataclass
class Rule:
    """A reward the campaign gives: to whom, for what."""

    id: int
    metric: Metric = "amount"
    recipient: Literal["referrer", "lead"] = "referrer"
    on: Literal["qualified", "new_referral"] = "qualified"
    total: Decimal = Decimal(25)
    coupon: str = ""
    auto_issue: bool = False


@dataclass
class Campaign:
    """One campaign. Source: openapi.yaml `Campaign`."""

    id: int
    name: str
    code: str
    created_at: str
    status: Literal["launched", "draft", "paused"] = "launched"
    starts_at: str | None = None
    ends_at: str | None = None
    fields: dict[Kind, list[Field]] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    mails: dict[str, Toggle] = field(default_factory=lambda: dict(MAILS))
    reminder_days: int = 7
    members: dict[str, User] = field(default_factory=dict)
    """By e-mail, case folded: unique within a campaign."""

    @property
    def url(self) -> str:
        """Return the join link, for people who sign up as referrers by themselves."""
        return f"{SITE}/join/{self.code}"

    def labels(self, kind: Kind) -> dict[str, Field]:
        """Return the extra fields of this kind of person, by label."""
        return {one.label: one for one in self.fields.get(kind, [])}

    def sends(self, mail: str) -> bool:
        """Tell whether the mail is switched on."""
        return self.mails[mail] == "on"

    def wire(self, reach: int | str) -> Json:
        """Return `Campaign`."""
        return {
            "id": self.id,
            "name": self.name,
            "code": self.code,
            "lang": "en",
            "url": self.url,
            "reach": reach,
            "status": self.status,
            "starts_at": self.starts_at,
            "ends_at": self.ends_at,
            "created_at": self.created_at,
            "fields": {kind: [one.wire() for one in self.fields.get(kind, [])] for kind in (REFERRER, LEAD)},
            "assets": {"logo": None},
        }


@dataclass
class Reward:
    """A reward somebody earned: due until it is issued."""

    id: int
    rule: Rule
    campaign_id: int
    lead_id: int
    recipient_id: int
    total: Decimal
    issued_at: str | None = None
    has_spend: bool = True
    """A commission needs the total spend first."""

    def due(self) -> Json:
        """Return `DueReward`."""
        shown: Json = {"id": self.id, "reward_id": self.rule.id, "recipient_id": self.recipient_id}
        return shown | {"can_be_issued": self.has_spend} | self._worth()

    def issued(self) -> Json:
        """Return `IssuedReward`."""
        shown: Json = {"id": self.id, "reward_id": self.rule.id, "recipient_id": self.recipient_id}
        return shown | {"status": "issued", "issued_at": self.issued_at} | self._worth()

    def _worth(self) -> Json:
        if self.rule.metric == "coupon":
            return {"coupon": self.rule.coupon}
        return {"count": 1, "total": float(self.total)}
