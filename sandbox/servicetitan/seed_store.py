"""What the shop set up for its online store: accounts, campaign, units, job types, tags, and some known customers."""

from __future__ import annotations

from decimal import Decimal

from sandbox.servicetitan.membership_records import DurationBilling, MembershipType
from sandbox.servicetitan.money_records import (
    Campaign,
    CampaignCategory,
    GlAccount,
    PaymentType,
    TaxRate,
    TaxZone,
)
from sandbox.servicetitan.office_customers import NewContact, NewCustomer, NewPlace, add_window, enter_customer
from sandbox.servicetitan.records import UTC_ZERO
from sandbox.servicetitan.shop_records import BusinessUnit, JobType, Material, Service, TagType, Technician
from sandbox.servicetitan.state import Titan

MADE = {"created_on": UTC_ZERO, "modified_on": UTC_ZERO}

ACCOUNTS = (
    (1401, "Deferred Revenue", "2400", "Other Current Liability", None, None),
    (1402, "Revenue", "4000", "Income", "SalesOfProductIncome", "Revenue"),
    (1403, "Cost of Goods Sold: Material", "5000", "Cost of Goods Sold", "SuppliesMaterialsCogs",
     "CostOfGoodsSoldMaterials"),
    (1404, "Inventory", "1200", "Other Current Asset", "Inventory", "Inventory"),
    (1405, "Undeposited Funds", "1100", "Other Current Asset", "UndepositedFunds", "UndepositedFunds"),
    (1406, "Prepaid Supplies", "1300", "Other Current Asset", "PrepaidExpenses", None),
)  # fmt: skip
"""Id, name, number, type, subtype, default account type. "Inventory" is of the inventory class."""

TAGS = (
    "Store: one-time filters",
    "Store: filter subscription",
    "Store order completed",
    "Store: one-time service",
    "Store: service subscription",
)
SERVICES = (
    (1701, "SVC-COOL-TUNE", "Cooling tune-up", "119.00", None),
    (1702, "SVC-HEAT-TUNE", "Heating tune-up", "109.00", None),
    (1703, "SVC-DRYER-VENT", "Dryer vent cleaning", "139.00", None),
    (2201, "MEM-CAHABA", "Cahaba care plan, one system", "21.00", 2101),
    (2202, "MEM-CORE", "Cahaba home plan, first system", "25.00", 2102),
    (2203, "MEM-ADDON", "Cahaba home plan, further system", "9.00", 2102),
)
"""Id, code, name, price, the membership type it sells: the services and sale tasks the store's catalogue refers to."""

MEMBERSHIPS = (
    (2101, "Cahaba care plan", ((2301, 12, "Monthly", "21.00"), (2302, 12, "Annual", "229.00"))),
    (2102, "Cahaba home plan", ((2303, 12, "Monthly", "25.00"), (2304, 12, "Monthly", "9.00"))),
)
"""Id, name, and how it is sold: id, months, billing, price."""

KNOWN = (
    NewCustomer(
        name="Harriet Colvin",
        contacts=[
            NewContact(type="Email", value="harriet.colvin@example.com"),
            NewContact(type="MobilePhone", value="(205) 555-0161"),
        ],
        locations=[NewPlace(street="2214 Larkmoor Drive", city="Birmingham", state="AL", zip="35216")],
    ),
    NewCustomer(
        name="Reuben Castellano",
        contacts=[NewContact(type="Phone", value="205.555.0162")],
        locations=[NewPlace(street="63 Tannehill Road", city="Hoover", state="AL", zip="35244")],
    ),
    NewCustomer(
        name="Opal Dearing",
        contacts=[],
        locations=[NewPlace(street="907 East Quarry Lane", unit="Apt 4B", city="Homewood", state="AL", zip="35209")],
    ),
)


def fill_store_settings(titan: Titan) -> None:
    """Add the store's lists to the shop."""
    for number, name, code, kind, subtype, default in ACCOUNTS:
        titan.gl_accounts[number] = GlAccount(
            id=number, name=name, number=code, type=kind, subtype=subtype, default_account_type=default, **MADE
        )
    for number, name, is_cash in ((1501, "Contractor Commerce", True), (1502, "Check", False), (1503, "Cash", True)):
        titan.payment_types[number] = PaymentType(id=number, name=name, is_cash=is_cash, **MADE)
    rate = TaxRate(id=1602, tax_name="Jefferson County", tax_base_type=["Subtotal"], tax_rate=Decimal("0.10"))
    titan.tax_zones[1601] = TaxZone(id=1601, name="Birmingham", rates=[rate], **MADE)
    marketing = CampaignCategory(id=1200, name="Marketing")
    for number, name in ((1201, "Existing customers"), (1202, "Contractor Commerce")):
        titan.campaigns[number] = Campaign(id=number, name=name, category=marketing, **MADE)
    for number, name in ((302, "Online Store"), (303, "HVAC Service")):
        titan.business_units[number] = BusinessUnit(id=number, name=name, official_name=name, **MADE)
    for number, name, unit in ((402, "Filter Order", 302), (403, "Online Service Order", 303)):
        titan.job_types[number] = JobType(id=number, name=name, business_unit_ids=[unit], **MADE)
    for place, name in enumerate(TAGS):
        titan.tag_types[611 + place] = TagType(id=611 + place, name=name, **MADE)
    titan.technicians[504] = Technician(
        id=504,
        user_id=9504,
        name="Store Dispatch",
        first_name="Store",
        last_name="Dispatch",
        email="store.dispatch@shop.example.com",
        business_unit_id=302,
        positions=["DummyTech"],
        **MADE,
    )
    _fill_services(titan)
    for start, end in (("08:00", "12:00"), ("12:00", "16:00")):
        add_window(titan, start, end, [])


def _fill_services(titan: Titan) -> None:
    for number, code, name, price, membership in SERVICES:
        titan.services[number] = Service(
            id=number,
            code=code,
            display_name=name,
            description=name,
            price=Decimal(price),
            account="Revenue",
            membership_type_id=membership,
            **MADE,
        )
    for number, name, ways in MEMBERSHIPS:
        titan.membership_types[number] = MembershipType(id=number, name=name, **MADE)
        for way, months, frequency, price in ways:
            titan.duration_billings[way] = DurationBilling(
                id=way,
                duration=months,
                billing_frequency=frequency,
                sale_price=Decimal(price),
                billing_price=Decimal(price),
                renewal_price=Decimal(price),
                created_on=UTC_ZERO,
                membership_type_id=number,
            )


def fill_known_customers(titan: Titan) -> None:
    """Add customers who never had a job here but may order in the store, and one filter the shop sells already."""
    for customer in KNOWN:
        enter_customer(titan, customer)
    material = Material(
        id=titan.new_id(),
        code="FLT-20X20X1-M11",
        display_name="20x20x1 MERV 11 filter, 4-pack",
        description="20x20x1 MERV 11 filter, 4-pack",
        price=Decimal("44.80"),
        cost=Decimal("21.30"),
        account="Revenue",
        cost_of_sale_account="Cost of Goods Sold: Material",
        **MADE,
    )
    titan.materials[material.id] = material
