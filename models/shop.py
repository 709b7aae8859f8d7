"""One shop's settings: a TOML file that carries the names people see, and secrets by reference.

The reference for every name and meaning is the commented example in docs/shop.example.toml.
Sections a shop does not use are left out; a process asks for the ones it needs (`Shop.need`).
"""

from __future__ import annotations

import difflib
import tomllib
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    field_validator,
)

from models.errors import SettingsError
from models.referral_settings import ReferralFactorySettings
from models.section import Secret, SecretText, Section, Share, Span

_Section = TypeVar("_Section")


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
