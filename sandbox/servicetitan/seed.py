"""An invented appliance repair shop in Birmingham, Alabama: its people, settings, customers and today's jobs."""

from __future__ import annotations

from datetime import datetime, timedelta

from sandbox.clock import Clock
from sandbox.servicetitan.booking_records import ProviderTag
from sandbox.servicetitan.office import NewJob, book_job
from sandbox.servicetitan.records import UTC_ZERO
from sandbox.servicetitan.seed_store import fill_known_customers, fill_store_settings
from sandbox.servicetitan.shop_records import BusinessUnit, FieldType, Form, JobType, Reason, TagType, Technician
from sandbox.servicetitan.state import Titan

FIELDS = ("Part status", "Part ETA", "Part number", "Part quantity", "Model number", "Serial number")
CUSTOMER_FIELDS = (
    ("Referral link", "Text", None),
    ("Care club", "Dropdown", ["Silver", "Gold"]),
    ("Gate code", "Text", None),
)
HOLD_REASONS = ("Waiting for parts", "Waiting for customer", "Weather")
CANCEL_REASONS = ("Customer canceled", "Booked twice", "Canceled in the online store")
PROVIDERS = ((77, "Referral Factory", True), (5102, "Website", True), (5103, "Old website", False))
"""Booking provider tags: id, name, active."""

TECHNICIANS = (
    (501, "Dana Whitfield", "555-0111"),
    (502, "Luis Ortega", "555-0112"),
    (503, "Priya Nair", "555-0113"),
)
JOBS = (
    NewJob(
        number=48213,
        customer="Marian Oakes",
        email="marian.oakes@example.com",
        phone="205-555-0141",
        street="412 Cahaba Trace",
        city="Birmingham",
        zip="35209",
        technician="Dana Whitfield",
        appliance="Dishwasher",
        manufacturer="Whirlpool",
        model="WDT750SAHZ0",
        serial="F91430217",
        summary="Dishwasher does not drain, water stands in the tub.",
    ),
    NewJob(
        number=48214,
        customer="Tobias Renfro",
        email="tobias.renfro@example.com",
        phone="205-555-0142",
        street="77 Shades Crest Lane",
        city="Hoover",
        zip="35226",
        technician="Luis Ortega",
        appliance="Refrigerator",
        manufacturer="Whirlpool",
        model="10651133210",
        serial="K82204519",
        summary="Refrigerator: water tastes stale, flow is weak.",
    ),
    NewJob(
        number=48215,
        customer="Adaeze Holloway",
        email="adaeze.holloway@example.com",
        phone="205-555-0143",
        street="1908 Ruffner Road",
        unit="Apt 3",
        city="Irondale",
        zip="35210",
        technician="Priya Nair",
        appliance="Dishwasher",
        manufacturer="GE",
        model="ADW1100N10WW",
        serial="TG553981B",
        summary="Dishwasher fills slowly and stops with an error.",
    ),
    NewJob(
        number=48216,
        customer="Walt Brandt",
        email="walt.brandt@example.com",
        phone="205-555-0144",
        street="230 Old Mill Circle",
        city="Vestavia Hills",
        zip="35216",
        technician="Dana Whitfield",
        appliance="Washer",
        manufacturer="Samsung",
        model="WF42H5000AW",
        serial="Y0AG5BCF300123",
        summary="Washer does not pump out.",
    ),
    NewJob(
        number=48217,
        customer="Joyce Pettway",
        email="joyce.pettway@example.com",
        phone="205-555-0145",
        street="55 Linden Court",
        city="Homewood",
        zip="35209",
        technician="Luis Ortega",
        appliance="Dryer",
        manufacturer="Whirlpool",
        model="WED4815EW1",
        serial="M72900846",
        summary="Dryer runs but does not heat.",
    ),
)


def new_titan(clock: Clock, *, with_jobs: bool) -> Titan:
    """Return the shop. Without jobs it has its settings and technicians, but no customer yet."""
    titan = Titan(clock)
    _fill_settings(titan)
    fill_store_settings(titan)
    if with_jobs:
        start = _this_morning(titan.now())
        for place, job in enumerate(JOBS):
            book_job(titan, job.model_copy(update={"start": start + timedelta(hours=2 * (place // 2))}))
        fill_known_customers(titan)
    return titan


def _this_morning(now: datetime) -> datetime:
    """Return nine in the morning in Birmingham, today (15:00 UTC in winter)."""
    return now.replace(hour=15, minute=0, second=0, microsecond=0)


def _fill_settings(titan: Titan) -> None:
    made = {"created_on": UTC_ZERO, "modified_on": UTC_ZERO}
    unit = BusinessUnit(id=301, name="Appliance Repair", official_name="Cahaba Appliance Repair", **made)
    titan.business_units = {unit.id: unit}
    titan.job_types = {401: JobType(id=401, name="Appliance Repair", business_unit_ids=[unit.id], **made)}
    titan.tag_types = {
        601: TagType(id=601, name="VIP", color="#8A6D1F", code="VIP", **made),
        602: TagType(id=602, name="Parts", color="#2F6F4F", code="PARTS", **made),
    }
    for number, name, phone in TECHNICIANS:
        first, _, last = name.partition(" ")
        titan.technicians[number] = Technician(
            id=number,
            user_id=9000 + number,
            name=name,
            first_name=first,
            last_name=last,
            email=f"{first}.{last}@shop.example.com".lower(),
            phone_number=phone,
            business_unit_id=unit.id,
            **made,
        )
    for place, name in enumerate(HOLD_REASONS):
        titan.hold_reasons[701 + place] = Reason(id=701 + place, name=name, **made)
    for place, name in enumerate(CANCEL_REASONS):
        titan.cancel_reasons[751 + place] = Reason(id=751 + place, name=name, **made)
    for place, name in enumerate(FIELDS):
        titan.field_types[801 + place] = FieldType(id=801 + place, name=name, **made)
    for place, (name, kind, options) in enumerate(CUSTOMER_FIELDS):
        titan.customer_field_types[821 + place] = FieldType(
            id=821 + place, name=name, data_type=kind, data_type_options=options, **made
        )
    for number, name, is_active in PROVIDERS:
        titan.provider_tags[number] = ProviderTag(id=number, tag_name=name, active=is_active, **made)
    titan.forms[851] = Form(id=851, name="Appliance diagnosis", **made)
