"""What a ServiceTitan tenant offers for the shop's settings, and what the shop chose of it.

The lists are the drop-downs of the vendor's guide, read live (contracts/contractor_commerce/CHECKLIST.md OI-22, OI-51).
"""

from __future__ import annotations

from datetime import time
from typing import Literal

from pydantic import AwareDatetime, Field

from models.base import DomainModel
from models.errors import HeldError

VisitStart = Literal["StartTimeOfArrivalWindow", "EndTimeOfArrivalWindow"]
"""What ServiceTitan takes for a visit's own start when it has an arrival window (FACTS 2.5)."""


class Offered(DomainModel):
    """One entry of a drop-down. `is_active` False: switched off in ServiceTitan, so it cannot be used."""

    id: int
    name: str
    is_active: bool = True


class OfferedJobType(Offered):
    """A job type. Where it names business units, only those may book it (FACTS 2.5)."""

    priority: str = ""
    business_units: tuple[int, ...] = ()


class OfferedUnit(Offered):
    """A business unit; `currency` is ISO, empty where the tenant does not say."""

    currency: str = ""


class OfferedAccount(Offered):
    """A general ledger account. `account_class` "Inventory" makes what is booked on it inventory (OI-37)."""

    account_class: str = ""


class OfferedWindow(DomainModel):
    """An active arrival window, in the shop's local time; without `business_units` it is everybody's."""

    starts: time
    ends: time
    business_units: tuple[int, ...] = ()


class Gone(DomainModel):
    """An entry that a drop-down used to have, under this name: deleted since, or renamed."""

    kind: str
    """The field of TenantLists it was in."""
    id: int
    name: str
    seen_at: AwareDatetime
    """When it was last there."""


class TenantLists(DomainModel):
    """Every drop-down of the guide, as the tenant had it at `read_at`. Inactive entries are in it, and say so."""

    read_at: AwareDatetime
    business_units: tuple[OfferedUnit, ...] = ()
    job_types: tuple[OfferedJobType, ...] = ()
    campaigns: tuple[Offered, ...] = ()
    tag_types: tuple[Offered, ...] = ()
    technicians: tuple[Offered, ...] = ()
    accounts: tuple[OfferedAccount, ...] = ()
    payment_types: tuple[Offered, ...] = ()
    cancel_reasons: tuple[Offered, ...] = ()
    arrival_windows: tuple[OfferedWindow, ...] = ()
    visit_starts_at: VisitStart = "StartTimeOfArrivalWindow"
    refused: dict[str, str] = Field(default_factory=dict)
    """Lists that could not be read, by field, with ServiceTitan's own words; they are empty."""
    gone: tuple[Gone, ...] = ()
    """What earlier readings had and this one has not: decisions/choices.py, `remembering`."""


class MissingChoice(DomainModel):
    """A setting whose name cannot be used: who looks, where, and what to write instead."""

    setting: str
    """Where it stands in the shop file, such as "contractor_commerce.products.campaign"."""
    why: str
    fix: str


class PartChoices(DomainModel):
    """What the shop chose for one kind of order, as ids. A setting is in `ids`, in `missing`, or was left empty."""

    kind: Literal["product", "service"]
    ids: dict[str, int] = Field(default_factory=dict)
    """By setting: campaign, business_unit, job_type, technician, tag_one_time, tag_subscription, tag_completed,
    account, cost_of_sale_account, asset_account, payment_type, cancel_reason."""
    missing: dict[str, MissingChoice] = Field(default_factory=dict)
    priority: Literal["Low", "Normal", "High", "Urgent"] = "Normal"
    """Of the job: the shop's setting, else the job type's own."""
    accounts: dict[str, OfferedAccount] = Field(default_factory=dict)
    """By setting: account, cost_of_sale_account, asset_account (OI-34 to OI-37)."""
    windows: tuple[OfferedWindow, ...] = ()
    """Arrival windows that the business unit may use."""
    visit_starts_at: VisitStart = "StartTimeOfArrivalWindow"

    def need(self, setting: str) -> int:
        """Return the id of a setting that must be there. Raises HeldError that names the setting (OI-25)."""
        found = self.wanted(setting)
        if found is None:
            raise HeldError(f"The setting {setting} is not set.", "Choose one in the shop file, then retry.", setting)
        return found

    def wanted(self, setting: str) -> int | None:
        """Return the id of a setting; None when the shop chose none. Raises HeldError when its name cannot be used."""
        missing = self.missing.get(setting)
        if missing:
            raise HeldError(missing.why, missing.fix, missing.setting)
        return self.ids.get(setting)


class OrderChoices(DomainModel):
    """The settings of both kinds of orders, resolved against the tenant's lists."""

    products: PartChoices
    services: PartChoices
    currency: str = "USD"
    """The tenant's: its business units' where they agree."""
    version: str
    """A digest of the settings used and the ids they stand for: the audit log names it (OI-72)."""

    def of(self, kind: Literal["product", "service"]) -> PartChoices:
        """Return the choices of a part of the cart (OI-19)."""
        return self.products if kind == "product" else self.services
