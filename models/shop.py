"""One shop's settings: a TOML file that carries the names people see, and secrets by reference.

The reference for every name and meaning is the commented example in docs/shop.example.toml.
Sections a shop does not use are left out; a process asks for the ones it needs (`Shop.need`).
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    field_validator,
    model_validator,
)

from models.booking import JOB_STATUSES
from models.errors import SettingsError

_ENV = re.compile(r"^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$")
_SPAN = re.compile(r"^(\d+)\s*([smhd])$")
_SPAN_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Secret:
    """A secret by reference: `${NAME}`. Its value is read from the environment when used, and never shown."""

    def __init__(self, written: str, where: str = "") -> None:
        """`written` is what stands in the shop file; `where` is the setting, for messages."""
        self._written = written
        self.where = where

    @property
    def variable(self) -> str:
        """The name of the environment variable, or empty when the value stands in the file."""
        found = _ENV.match(self._written)
        return found.group(1) if found else ""

    def reveal(self) -> str:
        """Return the value. Raises SettingsError naming the variable that is not set."""
        if not self.variable:
            return self._written
        value = os.environ.get(self.variable, "")
        if not value:
            raise SettingsError(
                f"{self.where or 'A secret'} refers to ${{{self.variable}}}, which is not set in the environment.",
                f"Set {self.variable} for the process that runs Truckroll.",
            )
        return value

    def __repr__(self) -> str:
        """Never the value."""
        return f"Secret({self._written if self.variable else '***'})"

    def __eq__(self, other: object) -> bool:
        """Two references are equal when they are written alike."""
        return isinstance(other, Secret) and other._written == self._written

    def __hash__(self) -> int:
        """By the writing."""
        return hash(self._written)


def _secret(value: Any) -> Any:
    return Secret(value) if isinstance(value, str) else value


def _span(value: Any) -> Any:
    if isinstance(value, str):
        found = _SPAN.match(value.strip())
        if not found:
            raise ValueError('write a time span as a whole number and s, m, h or d, such as "72h"')
        return timedelta(**{_SPAN_UNITS[found.group(2)]: int(found.group(1))})
    return value


def _percent(value: Any) -> Any:
    if isinstance(value, str):
        found = re.match(r"^(\d+(?:\.\d+)?)\s*%$", value.strip())
        if not found:
            raise ValueError('write a percentage such as "5%"')
        return Decimal(found.group(1)) / 100
    return value


SecretText = Annotated[Secret, BeforeValidator(_secret), PlainSerializer(repr, return_type=str)]
Span = Annotated[timedelta, BeforeValidator(_span)]
Share = Annotated[Decimal, BeforeValidator(_percent)]
"""A share of 1: 0.05 for "5%"."""


_Section = TypeVar("_Section")


class Section(BaseModel):
    """A part of the shop file. An unknown name in it is an error, with the nearest known one."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class ServiceTitanSettings(Section):
    """[servicetitan]."""

    api_url: str
    auth_url: str
    tenant_id: int
    app_key: SecretText
    client_id: SecretText
    client_secret: SecretText
    booking_provider: int | None = None
    external_data_guid: str
    calls_per_second: float = Field(default=50, gt=0, le=60)
    """Of the vendor's 60 per app and tenant (FACTS 1.3)."""
    webhook_key: SecretText = Secret("")
    """The HMAC key given to the vendor's developer portal. Empty: no delivery is taken."""
    webhook_signature_header: str = "x-servicetitan-signature"
    webhook_signature_encoding: Literal["hex", "base64"] = "hex"
    """Header and encoding are what public clients use, hence settings (FACTS 1.7)."""


Priority = Literal["", "Low", "Normal", "High", "Urgent"]
"""Of new jobs. Empty: the job type's own."""


class ProductOrders(Section):
    """[contractor_commerce.products]."""

    enabled: bool = False
    arrival_windows: bool = False
    invoice_item_type: Literal["Material", "Equipment"] = "Material"
    account: str = ""
    cost_of_sale_account: str = ""
    asset_account: str = ""
    campaign: str = ""
    business_unit: str = ""
    job_type: str = ""
    tag_one_time: str = ""
    tag_subscription: str = ""
    technician: str = ""
    tag_completed: str = ""
    priority: Priority = ""
    discount_sku: str = "STORE-DISCOUNT"
    shipping_sku: str = "STORE-SHIPPING"
    """Pricebook items of an invoice's discount and shipping lines; made once when they are not there."""


class ServiceOrders(Section):
    """[contractor_commerce.services]."""

    enabled: bool = False
    arrival_windows: bool = False
    campaign: str = ""
    business_unit: str = ""
    job_type: str = ""
    tag_one_time: str = ""
    tag_subscription: str = ""
    technician: str = ""
    priority: Priority = ""
    recurring_services: Literal["None", "Single", "All"] = "All"
    """Which recurring services of a membership type a sale makes (FACTS 2.9)."""


class ContractorCommerceSettings(Section):
    """[contractor_commerce]."""

    api_url: str
    api_token: SecretText
    calls_per_minute: int = Field(default=55, ge=2)
    """The vendor's limit is not public (FACTS, "API and authentication"); ours is courtesy."""
    webhook_secret: SecretText = Secret("")
    webhook_signature_header: str = "Signature"
    webhook_signature_encoding: Literal["hex", "base64", "timestamped"] = "hex"
    """`timestamped` is the form t=...,v1=... Header and encoding are a guess, hence settings (FACTS, "Events")."""
    webhook_path_token: SecretText = Secret("")
    payment_type: str = ""
    accounting_system: str = ""
    """Anything but QuickBooks keeps product orders back until somebody confirms it (OI-21): `truckroll check`."""
    orders_since: date | None = None
    """The first pass takes in what changed in the store from this day on, in the shop's zone. None: everything."""
    create_customers: bool = True
    """Off: the order of a buyer nobody knows is held instead of opening an account (OI-4, OI-5)."""
    add_new_contacts: bool = False
    """On: a known customer gets the order's new e-mail or phone added (CHECKLIST, "Unclear")."""
    visit_starts: time = time(8)
    """When a visit begins that has no arrival window: on the day after the order, in the shop's zone."""
    visit_length: Span = timedelta(hours=1)
    cancel_reason: str = ""
    """The ServiceTitan reason a job is canceled with, once a person approved it (OI-69)."""
    products: ProductOrders = ProductOrders()
    services: ServiceOrders = ServiceOrders()


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
    map: dict[str, str] = {}
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


class SignUpSettings(Section):
    """What becomes of people who sign up: [referral_factory.campaigns.leads] and [... .referrers]."""

    enabled: bool = False
    existing_contact: Literal["booking", "nothing"] = "booking"
    """Somebody ServiceTitan knows by e-mail: a booking all the same, marked as such, or nothing (CHECKLIST Q1)."""
    look_back: Span = timedelta(days=30)
    """The first pass takes in who signed up so long before it; earlier ones are left alone."""
    map: dict[str, str] = {}
    """A field of the booking, and what fills it: lead.*, referrer.* and campaign.* are looked up, else it is fixed."""
    defaults: dict[str, str] = {}
    """What fills a field where the map gives nothing (RF-54); and `is_first_time_client`: yes, no or derive (RF-55)."""

    parties: ClassVar[tuple[str, ...]] = ("lead", "referrer", "campaign")

    def faults(self) -> tuple[str, ...]:
        """Say everything that keeps the map from being used."""
        missing = [
            f"map.{name} is mandatory; map it, such as {_USUAL_BOOKING[name]}"
            for name in MANDATORY_BOOKING_FIELDS
            if not self.map.get(name, "").strip() and not self.defaults.get(name, "").strip()
        ]
        if not self.defaults.get("is_first_time_client"):
            missing.append("defaults.is_first_time_client is mandatory; write yes, no or derive")
        return (*missing, *self._wrong())

    def _wrong(self) -> list[str]:
        said = self.defaults.get("is_first_time_client", "derive")
        wrong = (
            [] if said in {"yes", "no", "derive"} else [f'defaults.is_first_time_client = "{said}": yes, no, derive']
        )
        wrong += [
            f"{place}.{name}: {why}"
            for place, values in (("map", self.map), ("defaults", self.defaults))
            for name, value in values.items()
            if name != "is_first_time_client" and (why := self._why_not(name, value.strip()))
        ]
        return wrong

    def _why_not(self, name: str, value: str) -> str:
        if name not in BOOKING_FIELDS and not (name.startswith(JOB_FIELD) and len(name) > len(JOB_FIELD)):
            near = difflib.get_close_matches(name, BOOKING_FIELDS, n=1)
            return f"a booking has no such field; {_meant(near, [*BOOKING_FIELDS, 'job.NAME'])}"
        if why := self._why_no_value(value):
            return why
        own = f"{self.parties[0]}."
        is_personal = value.startswith(own) or f"{{{own}" in value
        if name in {"email", "external_id"} and value and not is_personal:
            return f"it must be each person's own, such as {own}email or {own}code, not one text for all"
        return ""

    def _why_no_value(self, value: str) -> str:
        named = [value] if DYNAMIC.fullmatch(value) else re.findall(r"\{([^{}]*)\}", value)
        for one in named:
            found = DYNAMIC.fullmatch(one)
            if found is None or found[1] not in self.parties:
                return f"{one} is nobody here; it can be {listed_or(f'{party}.*' for party in self.parties)}"
            known = CAMPAIGN_VALUES if found[1] == "campaign" else PERSON_VALUES
            is_meta = found[2].startswith(META_VALUE) and found[1] != "campaign"
            if found[2] not in known and not is_meta:
                near = difflib.get_close_matches(found[2], known, n=1)
                return f"there is no {one}; {_meant([f'{found[1]}.{name}' for name in near], known)}"
        return ""

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

    def faults(self) -> tuple[str, ...]:
        """Say everything that keeps these settings from being used."""
        return (*super().faults(), *self._no_status())

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
    calls_per_minute: float = Field(default=600, gt=0)
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


class EstimateDiagnosis(Section):
    """[parts.diagnosis.estimate]."""

    status: Literal["sold", "open"] = "sold"


class CustomFieldDiagnosis(Section):
    """[parts.diagnosis.custom_field]: names of job custom fields. An empty name: the shop has no such field."""

    part_number: str = "Part number"
    quantity: str = "Part quantity"
    model: str = "Model number"
    serial: str = "Serial number"


class FormDiagnosis(Section):
    """[parts.diagnosis.form]: a form's name and the names of its fields."""

    form: str = "Appliance diagnosis"
    part_number: str = "Part number"
    quantity: str = "Quantity"
    model: str = "Model number"
    serial: str = "Serial number"


class DiagnosisSettings(Section):
    """[parts.diagnosis]."""

    estimate: EstimateDiagnosis = EstimateDiagnosis()
    custom_field: CustomFieldDiagnosis = CustomFieldDiagnosis()
    form: FormDiagnosis = FormDiagnosis()


class PartsSettings(Section):
    """[parts]."""

    job_platform: Literal["servicetitan", "housecall_pro", "jobber"] = "servicetitan"
    distributor: Literal["marcone", "encompass"] = "marcone"
    diagnosis_from: Literal["estimate", "custom_field", "form"] = "estimate"
    price_tolerance: Share = Field(default=Decimal("0.05"), ge=0, le=1)
    approval_expires_after: Span = timedelta(hours=72)
    remind_after: tuple[Span, ...] = (timedelta(hours=2), timedelta(hours=24))
    approvers: Literal["assigned_technician", "anyone"] = "assigned_technician"
    pilot_technicians: tuple[str, ...] = ()
    hold_reason: str = "Waiting for parts"
    field_part_status: str = "Part status"
    field_part_eta: str = "Part ETA"
    max_quantity: int = Field(default=20, ge=1)
    """A larger quantity of one part is taken for a slip of the finger and held."""
    look_back: Span = timedelta(days=30)
    """How far the first diagnosis_watch of a shop reads back."""
    diagnosis: DiagnosisSettings = DiagnosisSettings()


class MarconeSettings(Section):
    """[marcone]."""

    api_url: str
    client_id: SecretText
    client_secret: SecretText
    customer_number: int
    ship_method: str = "FedEx Ground"
    calls_per_minute: int = Field(default=55, ge=2)
    """The vendor publishes no limit (FACTS section 3); this is our courtesy. No window of 60 s holds more calls."""


class MessageSettings(Section):
    """[messages]: apprise addresses."""

    customer_email_from: str = ""
    smtp_url: str = ""
    """Empty: customers are not messaged."""
    ops: tuple[str, ...] = ()


class Shop(Section):
    """A whole shop file."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    timezone: str = "UTC"
    servicetitan: ServiceTitanSettings | None = None
    contractor_commerce: ContractorCommerceSettings | None = None
    referral_factory: ReferralFactorySettings | None = None
    parts: PartsSettings = PartsSettings()
    marcone: MarconeSettings | None = None
    messages: MessageSettings = MessageSettings()

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f'"{value}" is no time zone; write one such as "America/Chicago"') from error
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The shop's time zone: what people are shown."""
        return ZoneInfo(self.timezone)

    def need_servicetitan(self) -> ServiceTitanSettings:
        """Return [servicetitan]. Raises SettingsError when the file has none."""
        return self._need("servicetitan", self.servicetitan)

    def need_contractor_commerce(self) -> ContractorCommerceSettings:
        """Return [contractor_commerce]. Raises SettingsError when the file has none."""
        return self._need("contractor_commerce", self.contractor_commerce)

    def need_referral_factory(self) -> ReferralFactorySettings:
        """Return [referral_factory]. Raises SettingsError when the file has none."""
        return self._need("referral_factory", self.referral_factory)

    def need_marcone(self) -> MarconeSettings:
        """Return [marcone]. Raises SettingsError when the file has none."""
        return self._need("marcone", self.marcone)

    def _need(self, name: str, section: _Section | None) -> _Section:
        if section is None:
            raise SettingsError(
                f"Shop {self.name} has no [{name}] section, which this process needs.",
                f"Add [{name}] to {self.name}.toml; docs/shop.example.toml shows every setting.",
            )
        return section


def read_shop(path: Path) -> Shop:
    """Read one shop file. Raises SettingsError that names the file, the setting and the fix, all faults at once."""
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(
            f"There is no shop file {path}.", "Copy docs/shop.example.toml there and fill it in."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not a TOML file: {error}.", "Mend that line.") from error
    return parse_shop(written, path.name)


def parse_shop(written: dict[str, Any], where: str) -> Shop:
    """Build a shop from parsed TOML. Raises SettingsError."""
    try:
        shop = Shop.model_validate(written)
    except ValidationError as error:
        faults = "; ".join(_fault(item) for item in error.errors())
        raise SettingsError(f"{where}: {faults}.", "docs/shop.example.toml shows every setting.") from error
    _name_secrets(shop, where)
    return shop


def load_shop(name: str, folder: Path) -> Shop:
    """Find a shop by name in the folder of shop files. Raises SettingsError with the nearest name."""
    path = folder / f"{name}.toml"
    if not path.is_file():
        known = sorted(found.stem for found in folder.glob("*.toml"))
        near = difflib.get_close_matches(name, known, n=1)
        hint = (
            f"Did you mean {near[0]}?"
            if near
            else f"There {'are ' + ', '.join(known) if known else 'is none'} in {folder}."
        )
        raise SettingsError(f"There is no shop {name}.", hint)
    shop = read_shop(path)
    if shop.name != name:
        raise SettingsError(
            f"{path.name} calls itself {shop.name}.", "A shop file is named after its shop: rename one of them."
        )
    return shop


def shop_names(folder: Path) -> list[str]:
    """Return the names of all shop files in the folder."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def _fault(item: Any) -> str:
    at = [str(step) for step in item["loc"]]
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(at[-1], _known_names(at[:-1]), n=1)
        return f"unknown setting {'.'.join(at)}" + (f" (did you mean {near[0]}?)" if near else "")
    if item["type"] == "missing":
        return f"setting {'.'.join(at)} is missing"
    return f"setting {'.'.join(at)}: {item['msg'].removeprefix('Value error, ')}"


def _known_names(path: list[str]) -> list[str]:
    model: type[BaseModel] = Shop
    for step in path:
        field = model.model_fields.get(step)
        if field is None:
            continue
        for candidate in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                model = candidate
    return list(model.model_fields)


def _name_secrets(section: BaseModel, where: str) -> None:
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Secret):
            value.where = f"{where}: {name}"
        elif isinstance(value, BaseModel):
            _name_secrets(value, f"{where} [{name}]")
