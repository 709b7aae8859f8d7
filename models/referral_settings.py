"""[referral_factory] of a shop file: its campaigns, what their fields are filled from, and what may not be written.

Source: contracts/referral_factory/CHECKLIST.md sections 4 to 6; every setting is in docs/shop.example.toml.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from models.booking import JOB_STATUSES
from models.section import Secret, SecretText, Section, Span

CONTACT_VALUES = (
    "customer.first_name",
    "customer.last_name",
    "customer.name",
    "customer.type",
    "customer.street",
    "customer.unit",
    "customer.city",
    "customer.state",
    "customer.zip",
    "customer.country",
    "contact.email",
    "contact.phone",
)
"""What a field of a campaign can be filled from; and `customer.custom.NAME`, a custom field of the customer."""

CUSTOM_VALUE = "customer.custom."


class ContactSyncSettings(Section):
    """[referral_factory.campaigns.contact_sync]."""

    enabled: bool = False
    ongoing: bool = True
    write_link_to: str = ""
    """Name of a customer custom field of ServiceTitan that takes the link. Empty: nothing is written there (RF-32)."""
    opt_outs: Literal["do_not_mail", "marketing_too", "none"] = "do_not_mail"
    """Who gets no link: customers marked "do not mail"; also e-mails without marketing updates; or nobody is left out.

    Source: contracts/servicetitan/FACTS.md section 3.
    """
    map: dict[str, str] = Field(default_factory=dict)
    """A campaign's field, `first_name`, `email` or a label such as "Last Name", and what fills it (RF-37)."""

    def faults(self) -> tuple[str, ...]:
        """Say everything that keeps the map from being used."""
        missing = [name for name in ("first_name", "email") if not self.map.get(name, "").strip()]
        return (
            *(f"map.{name} is mandatory; map it, such as {_USUAL[name]}" for name in missing),
            *self._unknown(),
            *self._in_circles(),
        )

    def _unknown(self) -> list[str]:
        return [
            f'map.{name} = "{value}": {why}'
            for name, value in self.map.items()
            if value.strip() and (why := _why_no_value(name, value.strip()))
        ]

    def _in_circles(self) -> list[str]:
        """A field that is written and read would change the person with every link that is written."""
        target = self.write_link_to.strip().casefold()
        return [
            f'map.{name} = "{value}": write_link_to writes the link there; map another field'
            for name, value in self.map.items()
            if target and value.strip().casefold() == f"{CUSTOM_VALUE}{target}"
        ]

    @model_validator(mode="after")
    def _map_is_usable(self) -> ContactSyncSettings:
        faults = self.faults() if self.enabled else self._unknown()
        if faults:
            raise ValueError("; ".join(faults))
        return self


_USUAL = {"first_name": 'first_name = "customer.first_name"', "email": 'email = "contact.email"'}


def _why_no_value(name: str, value: str) -> str:
    if value.startswith(CUSTOM_VALUE):
        return "" if value != CUSTOM_VALUE else f"write the custom field's name behind {CUSTOM_VALUE}"
    if value not in CONTACT_VALUES:
        near = difflib.get_close_matches(value, CONTACT_VALUES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"write one of {', '.join(CONTACT_VALUES)}, {CUSTOM_VALUE}NAME"
        return f"there is no such value; {hint}"
    return f"that is no e-mail; write contact.email or {CUSTOM_VALUE}NAME" if _is_no_email(name, value) else ""


def _is_no_email(name: str, value: str) -> bool:
    return name == "email" and value != "contact.email"


MANDATORY_BOOKING_FIELDS = ("source", "name", "email", "summary", "external_id")
"""Without one of these nothing is sent (RF-53, RF-62)."""

OWN_FIELDS = ("email", "external_id")
"""What is each person's own: one text for all would make all of them one person."""

BOOKING_FIELDS = (
    *MANDATORY_BOOKING_FIELDS,
    "phone",
    "street",
    "unit",
    "city",
    "state",
    "zip",
    "country",
    "customer_type",
    "priority",
    "campaign",
    "business_unit",
    "job_type",
)
"""What of a booking can be filled; and `job.NAME`, a custom field of the job that comes of it.

Source: crm-v2 `CreateBookingRequest` [spec]; a booking has no custom fields of its own.
"""

JOB_FIELD = "job."

PERSON_VALUES = ("full_name", "first_name", "last_name", "email", "code", "id", "url", "signed_up_on")
CAMPAIGN_VALUES = ("name", "id", "code", "url")
META_VALUE = "meta."
"""`lead.meta.LABEL`: a further field of the campaign's form."""

DYNAMIC = re.compile(r"(lead|referrer|campaign)\.(meta\.[^{}]+|\w+)")
_LIKE_DYNAMIC = re.compile(r"(lead|referrer|campaign)\.(\S.*)?", re.IGNORECASE | re.DOTALL)
"""What is meant to be looked up, also misspelt: it is not sent as a fixed text."""

FIRST_TIME = "is_first_time_client"
FIRST_TIME_CHOICES = ("yes", "no", "derive")


class SignUpSettings(Section):
    """What becomes of people who sign up: [referral_factory.campaigns.leads] and [... .referrers]."""

    enabled: bool = False
    existing_contact: Literal["booking", "nothing"] = "booking"
    """Somebody ServiceTitan knows by e-mail: a booking all the same, marked as such, or nothing (CHECKLIST Q1)."""
    look_back: Span = timedelta(days=30)
    """The first pass takes in who signed up so long before it; earlier ones are left alone."""
    map: dict[str, str] = Field(default_factory=dict)
    """A field of the booking, and what fills it: lead.*, referrer.* and campaign.* are looked up, else it is fixed."""
    defaults: dict[str, str] = Field(default_factory=dict)
    """What fills a field where the map gives nothing (RF-54); and `is_first_time_client`: yes, no or derive (RF-55)."""

    parties: ClassVar[tuple[str, ...]] = ("lead", "referrer", "campaign")

    def faults(self) -> tuple[str, ...]:
        """Say everything that keeps the map from being used."""
        missing = [
            f"map.{name} is mandatory; map it, such as {_USUAL_BOOKING[name]}"
            for name in MANDATORY_BOOKING_FIELDS
            if not self.map.get(name, "").strip() and not self.defaults.get(name, "").strip()
        ]
        if not self.defaults.get(FIRST_TIME):
            missing.append(f"defaults.{FIRST_TIME} is mandatory; write {listed_or(FIRST_TIME_CHOICES)}")
        return (*missing, *self._wrong())

    def _wrong(self) -> list[str]:
        said = self.defaults.get(FIRST_TIME)
        is_known = not said or said in FIRST_TIME_CHOICES
        wrong = [] if is_known else [f'defaults.{FIRST_TIME} = "{said}": write {listed_or(FIRST_TIME_CHOICES)}']
        given = [
            *(("map", name, value) for name, value in self.map.items()),
            *(("defaults", name, value) for name, value in self.defaults.items() if name != FIRST_TIME),
        ]
        wrong += [
            f"{place}.{name}: {why}" for place, name, value in given if (why := self._why_not(name, value.strip()))
        ]
        return wrong

    def _why_not(self, name: str, value: str) -> str:
        if name == FIRST_TIME:
            return f"it is no one person's; write defaults.{FIRST_TIME}"
        if name not in BOOKING_FIELDS and not (name.startswith(JOB_FIELD) and len(name) > len(JOB_FIELD)):
            near = difflib.get_close_matches(name, BOOKING_FIELDS, n=1)
            return f"a booking has no such field; {_meant(near, [*BOOKING_FIELDS, 'job.NAME'])}"
        if why := self._why_no_value(value):
            return why
        own = f"{self.parties[0]}."
        is_personal = value.startswith(own) or f"{{{own}" in value
        if name in OWN_FIELDS and value and not is_personal:
            return f"it must be each person's own, such as {own}email or {own}code, not one text for all"
        return ""

    def _why_no_value(self, value: str) -> str:
        if _LIKE_DYNAMIC.fullmatch(value):
            return self._why_unknown(value)
        if re.search(r"[{}]", re.sub(r"\{[^{}]*\}", "", value)):
            return f"a brace stands alone; write what is looked up as {{{self.parties[0]}.first_name}}"
        return next(filter(None, map(self._why_unknown, re.findall(r"\{([^{}]*)\}", value))), "")

    def _why_unknown(self, written: str) -> str:
        """Say why this cannot be looked up; nothing when it can be."""
        party, _, name = written.partition(".")
        if party not in self.parties:
            return f"{written} is nobody here; it can be {listed_or(f'{one}.*' for one in self.parties)}"
        known = CAMPAIGN_VALUES if party == "campaign" else PERSON_VALUES
        if name in known or (party != "campaign" and name.startswith(META_VALUE) and DYNAMIC.fullmatch(written)):
            return ""
        near = difflib.get_close_matches(name, known, n=1)
        return f"there is no {written}; {_meant([f'{party}.{one}' for one in near], known)}"

    @model_validator(mode="after")
    def _map_is_usable(self) -> Self:
        faults = self.faults() if self.enabled else self._wrong()
        if faults:
            raise ValueError("; ".join(faults))
        return self


_USUAL_BOOKING = {
    "source": 'source = "campaign.name"',
    "name": 'name = "lead.full_name"',
    "email": 'email = "lead.email"',
    "summary": 'summary = "Referral"',
    "external_id": 'external_id = "lead.code"',
}


def listed_or(names: Iterable[str]) -> str:
    """Write "a, b or c"."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


def _meant(near: Sequence[str], known: Sequence[str]) -> str:
    return f"did you mean {near[0]}?" if near else f"write one of {', '.join(known)}"


class LeadSettings(SignUpSettings):
    """[referral_factory.campaigns.leads]: "Person Invited", and when a lead is qualified (RF-48)."""

    qualify_existing: bool = False
    """Whether a lead ServiceTitan knew already is qualified too (CHECKLIST Q1, S9)."""
    qualify_when: Literal["job", "job_status", "never"] = "never"
    job_status: str = ""
    """With `job_status`: the status the job must reach (RF-51)."""

    def _wrong(self) -> list[str]:
        return [*super()._wrong(), *self._no_status()]

    def _no_status(self) -> list[str]:
        if self.qualify_when != "job_status":
            return []
        if not self.job_status.strip():
            return [f"job_status is mandatory with qualify_when = job_status; write {listed_or(JOB_STATUSES)}"]
        if self.wanted_status not in JOB_STATUSES:
            near = difflib.get_close_matches(self.job_status, JOB_STATUSES, n=1)
            return [f'job_status = "{self.job_status}": jobs have no such status; {_meant(near, JOB_STATUSES)}']
        return []

    @property
    def wanted_status(self) -> str:
        """The status as ServiceTitan spells it; as written where there is no such status."""
        folded = re.sub(r"[^a-z]", "", self.job_status.casefold())
        return next((one for one in JOB_STATUSES if one.casefold() == folded), self.job_status)


class ReferrerSettings(SignUpSettings):
    """[referral_factory.campaigns.referrers]: "Person Referring", who signed up by themselves. Never qualified (RF-65).

    Here `referrer.*` is the person who signed up.
    """

    sources: tuple[str, ...] = ("Direct",)
    """Who counts as such, by the program's own word; the join link's is Direct (RF-58, RF-D1)."""

    parties: ClassVar[tuple[str, ...]] = ("referrer", "campaign")


class CampaignSettings(Section):
    """[[referral_factory.campaigns]]."""

    id: int
    contact_sync: ContactSyncSettings = ContactSyncSettings()
    leads: LeadSettings = LeadSettings()
    referrers: ReferrerSettings = ReferrerSettings()


class WebhookFields(Section):
    """[referral_factory.webhook_fields]: what the operator calls the fields of a hook. Empty: it is not sent."""

    code: str = "code"
    email: str = "email"
    campaign: str = "campaign_id"
    id: str = "id"
    event: str = "event"
    """A constant of the hook, or none: what happened."""

    @model_validator(mode="after")
    def _names_somebody(self) -> WebhookFields:
        if not self.code.strip() and not self.id.strip():
            raise ValueError("name at least the field that carries the code, or the id")
        return self


class ReferralFactorySettings(Section):
    """[referral_factory]."""

    api_url: str
    api_token: SecretText
    calls_per_minute: float = Field(default=600, ge=2)
    """Of the token, over all processes. inf lifts the limit: for a stand-in."""
    webhook_secret_header: str = "X-Truckroll-Secret"  # noqa: S105 - a header's name
    """A header of the hook that carries the secret; the vendor signs nothing (FACTS section 9)."""
    webhook_secret: SecretText = Secret("")
    webhook_fields: WebhookFields = WebhookFields()
    campaigns: tuple[CampaignSettings, ...] = ()

    @model_validator(mode="after")
    def _no_field_takes_two_links(self) -> ReferralFactorySettings:
        named: dict[str, int] = {}
        for campaign in self.campaigns:
            field = campaign.contact_sync.write_link_to.strip()
            if not field or not campaign.contact_sync.enabled:
                continue
            other = named.setdefault(field.casefold(), campaign.id)
            if other != campaign.id:
                raise ValueError(
                    f'campaigns {other} and {campaign.id} both name contact_sync.write_link_to = "{field}": '
                    "a field takes the links of one campaign"
                )
        return self
