"""Every call to ServiceTitan that order-to-invoice makes, by the operation it is in the vendor's specs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connectors.servicetitan.accounting_schemas import (
    InvoiceLine,
    InvoicePatch,
    NewAdjustment,
    NewPayment,
    PaymentSplit,
)
from connectors.servicetitan.booking_schemas import NewJob, NewVisit
from connectors.servicetitan.client import ServiceTitan
from connectors.servicetitan.crm_schemas import (
    CustomerFieldValue,
    CustomerPatch,
    NewAddress,
    NewContact,
    NewCustomer,
    NewLocation,
    NewPlace,
)
from connectors.servicetitan.external import ExternalKey
from connectors.servicetitan.memberships import MembershipSale
from connectors.servicetitan.pricebook_schemas import NewEquipment, NewMaterial
from tests.connectors.doubles import GUID

OURS = ExternalKey(GUID, "truckroll-order")
CONTACT = "0b8f8a3f-7d11-4c57-8c39-6f0c2f0e9d1b"
ADDRESS = NewAddress(street="12 Elm St", unit="4", city="Birmingham", state="AL", zip="35203", country="USA")
AT = datetime(2026, 9, 1, 13, 0, tzinfo=UTC)
TO = datetime(2026, 9, 1, 17, 0, tzinfo=UTC)

CUSTOMER = NewCustomer(
    name="Robin Sample",
    type="Residential",
    address=ADDRESS,
    locations=(
        NewPlace(
            name="Robin Sample", address=ADDRESS, tag_type_ids=(81,), external_data=OURS.holding("demo/CC-1/location")
        ),
    ),
    contacts=(
        NewContact(type="Email", value="robin@example.com"),
        NewContact(type="MobilePhone", value="2055550101", memo="Online store"),
    ),
    tag_type_ids=(81, 82),
    external_data=OURS.holding("demo/CC-1"),
)
CUSTOMER_PATCH = CustomerPatch(
    custom_fields=(
        CustomerFieldValue(type_id=6, value="Gold"),
        CustomerFieldValue(type_id=5, value="https://acme.example.com/abcd1234"),
    )
)
LOCATION = NewLocation(
    customer_id=11, name="Robin Sample", address=ADDRESS, external_data=OURS.holding("demo/CC-1/location")
)
JOB = NewJob(
    customer_id=11,
    location_id=12,
    business_unit_id=3,
    job_type_id=4,
    campaign_id=5,
    priority="Normal",
    appointments=(NewVisit(start=AT, end=TO, arrival_window_start=AT, arrival_window_end=TO, technician_ids=(31,)),),
    summary="Store order CC-1",
    tag_type_ids=(83,),
    external_data=OURS.holding("demo/CC-1"),
    customer_po="CC-1",
)
LINE = InvoiceLine(sku_id=900, description="16x25x1 filter", quantity=Decimal(2), unit_price=Decimal("39.96"))
ADJUSTMENT = NewAdjustment(
    adjustment_to_id=70,
    items=(
        InvoiceLine(
            sku_id=900,
            description="Refund of store order CC-1",
            quantity=Decimal(1),
            unit_price=Decimal("-48.65"),
            skip_updating_membership_prices=True,
        ),
    ),
    tax=Decimal(0),
    summary="Refund of store order CC-1, approved by Robin Office (demo/order/1-r1)",
)
PAYMENT = NewPayment(
    type_id=6,
    amount=Decimal("51.35"),
    paid_on=AT,
    splits=(PaymentSplit(invoice_id=70, amount=Decimal("51.35")),),
    customer_id=11,
    memo="Store order CC-1",
    export_id="CC-1",
)
SALE = MembershipSale(
    customer_id=11,
    business_unit_id=3,
    sale_task_id=8802,
    duration_billing_id=5,
    recurring_service_action="All",
    location_id=12,
    recurring_location_id=12,
)
_ACCOUNTS = {
    "account": "Deferred Revenue",
    "cost_of_sale_account": "Cost of Goods Sold: Material",
    "asset_account": "Inventory",
}
MATERIAL = NewMaterial(
    code="FLT-16X25X1",
    display_name="16x25x1 filter",
    description="16x25x1 filter",
    price=Decimal("39.96"),
    taxable=True,
    active=True,
    is_inventory=True,
    chargeable_by_default=True,
    external_data=OURS.holding("FLT-16X25X1"),
    **_ACCOUNTS,
)
EQUIPMENT = NewEquipment(
    code="TSTAT-1",
    description="Thermostat",
    price=Decimal("129.00"),
    manufacturer="Sample & Sons",
    model="T1",
    external_data=OURS.holding("TSTAT-1"),
    **_ACCOUNTS,
)


async def drain(pages: AsyncIterator[Any]) -> None:
    async for _ in pages:
        pass


ORDER_CALLS: dict[str, Callable[[ServiceTitan], Awaitable[Any]]] = {
    "crm-v2 GET /customers (our key)": lambda st: st.list_customers_by_external_data(OURS, ["demo/CC-1", "demo/CC-2"]),
    "crm-v2 GET /customers (phone)": lambda st: st.list_customers_by_phone("2055550101"),
    "crm-v2 GET /customers (address)": lambda st: st.list_customers_by_address(
        name="Robin Sample", street="12 Elm St", zip_code="35203"
    ),
    "crm-v2 GET /customers (ids)": lambda st: st.list_customers([11, 12]),
    "crm-v2 GET /customers/custom-fields": lambda st: st.list_customer_custom_fields(),
    "crm-v2 PATCH /customers/{id}": lambda st: st.patch_customer(11, CUSTOMER_PATCH),
    "crm-v2 POST /customers": lambda st: st.create_customer(CUSTOMER),
    "crm-v2 POST /customers/{id}/tags/{tagTypeId}": lambda st: st.tag_customer(11, 81),
    "crm-v2 POST /customers/{id}/contacts": lambda st: st.add_customer_contact(11, CUSTOMER.contacts[1]),
    "crm-v2 GET /customers/contacts": lambda st: st.list_contacts_of([11, 12]),
    "crm-v2 GET /contacts/contact-methods": lambda st: st.list_contact_methods("Email", "robin@example.com"),
    "crm-v2 GET /contacts/{contactId}/relationships": lambda st: st.list_contact_customers(CONTACT),
    "crm-v2 GET /export/customers": lambda st: drain(st.export_customers("2026-09-01", recent=True)),
    "crm-v2 GET /export/customers/contacts": lambda st: drain(st.export_customer_contacts()),
    "crm-v2 GET /export/locations": lambda st: drain(st.export_locations("2026-09-01", recent=True)),
    "crm-v2 GET /locations": lambda st: st.list_locations(11),
    "crm-v2 GET /locations (our key)": lambda st: st.list_locations_by_external_data(OURS, ["demo/CC-1/location"]),
    "crm-v2 POST /locations": lambda st: st.create_location(LOCATION),
    "crm-v2 POST /locations/{id}/tags/{tagTypeId}": lambda st: st.tag_location(12, 81),
    "pricebook-v2 GET /materials (our key)": lambda st: st.list_materials_by_external_data(OURS, ["FLT-16X25X1"]),
    "pricebook-v2 GET /materials (code)": lambda st: st.list_materials_by_code("FLT-16X25X1"),
    "pricebook-v2 GET /equipment (our key)": lambda st: st.list_equipment_by_external_data(OURS, ["TSTAT-1"]),
    "pricebook-v2 GET /equipment (code)": lambda st: st.list_equipment_by_code("TSTAT-1"),
    "pricebook-v2 GET /services (code)": lambda st: st.list_services_by_code("SVC-1"),
    "pricebook-v2 POST /materials": lambda st: st.create_material(MATERIAL),
    "pricebook-v2 POST /equipment": lambda st: st.create_equipment(EQUIPMENT),
    "jpm-v2 POST /jobs": lambda st: st.create_job(JOB),
    "jpm-v2 GET /jobs (our key)": lambda st: st.list_jobs_by_external_data(OURS, ["demo/CC-1"]),
    "jpm-v2 PATCH /jobs/{id} (tags)": lambda st: st.set_job_tags(48213, [83, 84]),
    "jpm-v2 GET /job-cancel-reasons": lambda st: st.list_cancel_reasons(),
    "jpm-v2 PUT /jobs/{id}/cancel": lambda st: st.cancel_job(48213, reason_id=75, memo="Canceled in the store"),
    "memberships-v2 GET /membership-types": lambda st: st.list_membership_types(),
    "memberships-v2 GET /membership-types/{id}/duration-billing-items": lambda st: st.list_duration_billings(4401),
    "memberships-v2 GET /memberships": lambda st: st.list_memberships([11, 12]),
    "memberships-v2 POST /memberships/sale": lambda st: st.sell_membership(SALE),
    "accounting-v2 GET /invoices": lambda st: st.list_invoices([70, 71]),
    "accounting-v2 GET /invoices (customer)": lambda st: st.list_customer_invoices(11, created_since=AT),
    "accounting-v2 PATCH /invoices/{invoiceId}/items": lambda st: st.write_invoice_line(70, LINE),
    "accounting-v2 PATCH /invoices/{invoiceId}/items (change)": lambda st: st.write_invoice_line(
        70, InvoiceLine(id=5, description="x", quantity=Decimal("0.5"), unit_price=Decimal("-4.00"))
    ),
    "accounting-v2 PATCH /invoices/{id}": lambda st: st.patch_invoice(
        70, InvoicePatch(tax=Decimal("3.44"), tax_zone_id=9, summary="CC-1", export_id="CC-1")
    ),
    "accounting-v2 GET /invoices (adjustments)": lambda st: st.list_adjustments(70),
    "accounting-v2 POST /invoices": lambda st: st.create_adjustment_invoice(ADJUSTMENT),
    "accounting-v2 POST /payments": lambda st: st.create_payment(PAYMENT),
    "accounting-v2 GET /payments": lambda st: st.list_payments([70, 71]),
    "accounting-v2 GET /gl-accounts": lambda st: st.list_gl_accounts(),
    "accounting-v2 GET /payment-types": lambda st: st.list_payment_types(also_inactive=True),
    "settings-v2 GET /business-units (all)": lambda st: st.list_all_business_units(),
    "settings-v2 GET /tag-types": lambda st: st.list_tag_types(),
    "settings-v2 GET /technicians (all)": lambda st: st.list_all_technicians(),
    "jpm-v2 GET /job-types": lambda st: st.list_job_types(),
    "marketing-v2 GET /campaigns": lambda st: st.list_campaigns(),
    "dispatch-v2 GET /arrival-windows": lambda st: st.list_arrival_windows(),
    "dispatch-v2 GET /arrival-windows/configuration": lambda st: st.get_arrival_window_configuration(),
}
"""What stands in brackets tells calls of one operation apart."""
