"""Membership types, the terms they are sold at, and what customers have of them, as memberships-v2 answers them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from pydantic import Field

from sandbox.servicetitan.records import OWNER, Dated, Money, Part, Record

Frequency = Literal["OneTime", "Monthly", "EveryOtherMonth", "Quarterly", "BiAnnual", "Annual"]
MembershipStatus = Literal["Active", "Suspended", "Expired", "Canceled", "Deleted"]
MONTHS: dict[str, int] = {"Monthly": 1, "EveryOtherMonth": 2, "Quarterly": 3, "BiAnnual": 6, "Annual": 12}
"""Months between two bills."""


class MembershipType(Dated):
    """Source: memberships-v2 `MembershipTypeResponse`. The four lists are shown only when they are asked for."""

    name: str
    display_name: str | None = None
    active: bool = True
    discount_mode: Literal["Basic", "Units", "Categories"] = "Basic"
    location_target: Literal["AllLocations", "SingleLocation"] = "SingleLocation"
    revenue_recognition_mode: Literal["PointOfSale", "Deferred"] = "PointOfSale"
    auto_calculate_invoice_templates: bool = False
    use_membership_pricing_table: bool = False
    show_membership_savings: bool = True
    created_by_id: int | None = OWNER
    import_id: str | None = None
    billing_template_id: int | None = None
    discount: Money = Decimal(0)
    duration_billing: None = None
    discounts: None = None
    recurring_services: None = None
    tag_type_ids: None = None


class Terms(Part):
    """How long a membership runs and what it costs, US dollars. Source: `MembershipTypeDurationBillingEntry`."""

    duration: int | None = None
    """Months; None: until it is ended."""
    billing_frequency: Frequency
    sale_price: Money
    billing_price: Money
    renewal_price: Money


class DurationBilling(Terms, Record):
    """One way a membership type is sold. Source: memberships-v2 `MembershipTypeDurationBillingItemResponse`."""

    import_id: str | None = None
    active: bool = True
    created_on: datetime
    created_by_id: int | None = OWNER
    membership_type_id: int = Field(exclude=True)

    def entry(self) -> dict[str, object]:
        """Return the terms as a membership type shows them: without the id."""
        return self.model_dump(mode="json", by_alias=True, include=set(Terms.model_fields))


class Membership(Dated):
    """What a customer has. Source: memberships-v2 `CustomerMembershipResponse`."""

    created_by_id: int | None = OWNER
    follow_up_on: datetime
    cancellation_date: datetime | None = None
    from_: datetime | None = Field(None, alias="from")
    next_scheduled_bill_date: datetime | None = None
    to: datetime | None = None
    billing_frequency: Frequency
    renewal_billing_frequency: Frequency | None = None
    status: MembershipStatus = "Active"
    follow_up_status: Literal["NotAttempted", "Unreachable", "Contacted", "Won", "Dismissed"] = "NotAttempted"
    active: bool = True
    initial_deferred_revenue: Money = Decimal(0)
    duration: int | None = None
    renewal_duration: int | None = None
    business_unit_id: int
    customer_id: int
    membership_type_id: int
    activated_by_id: int | None = OWNER
    activated_from_id: int | None = None
    """The invoice's item that is the sale task."""
    billing_template_id: int | None = None
    cancellation_balance_invoice_id: int | None = None
    cancellation_invoice_id: int | None = None
    follow_up_custom_status_id: int | None = None
    location_id: int | None = None
    payment_method_id: int | None = None
    payment_type_id: int | None = None
    recurring_location_id: int | None = None
    renewal_membership_task_id: int | None = None
    renewed_by_id: int | None = None
    sold_by_id: int | None = None
    customer_po: str | None = None
    import_id: str | None = None
    memo: str | None = None
    custom_fields: list[None] = Field(default_factory=list)
