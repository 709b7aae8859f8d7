"""The page at `/`: what is in every system, at a glance. Escaped by jinja2, refreshed every few seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader

from sandbox.contractor_commerce.state import Store, place_of
from sandbox.marcone.state import Order, StockedPart, tracking_of
from sandbox.marcone.warehouses import WAREHOUSES
from sandbox.page_bookings import booking_content
from sandbox.page_parts import TIMES, InvoiceBox, invoice_box, money, place_line, tag_names, visit_line, when
from sandbox.page_referrals import referral_content
from sandbox.page_sales import memberships_of, sale_card
from sandbox.servicetitan.records import Contact, Customer, Job, Location
from sandbox.servicetitan.shop_records import Item
from sandbox.servicetitan.state import Titan
from sandbox.world import World, world_of

router = APIRouter()

REQUESTS_SHOWN = 25
CUSTOMERS_SHOWN = 50
JOBS_SHOWN = 100
MAILS_SHOWN = 100
TONES = {
    "Scheduled": "calm", "Dispatched": "calm", "InProgress": "calm", "Open": "calm", "PickingAndPacking": "calm",
    "Hold": "warn", "Backordered": "warn",
    "Completed": "good", "Shipped": "good", "Invoiced": "good", "Delivered": "good",
    "Canceled": "mute", "Discontinued": "mute",
    "launched": "good", "draft": "calm", "paused": "warn",
    "pending": "warn", "completed": "good", "cancelled": "mute",
    "New": "warn", "Accepted": "calm", "Converted": "good", "Dismissed": "mute",
}  # fmt: skip


@dataclass
class CustomerRow:
    """One customer as the page shows it."""

    name: str
    remark: str
    contacts: list[str]
    places: list[str]
    tags: str
    memberships: list[str]
    jobs: int
    balance: str


@dataclass
class ItemRow:
    """One pricebook item as the page shows it."""

    code: str
    name: str
    kind: str
    price: str
    accounts: str
    is_inventory: bool


@dataclass
class JobCard:
    """One job as the page shows it."""

    number: str
    status: str
    hold: str
    customer: str
    place: str
    technicians: str
    appliance: str
    visits: list[str]
    fields: list[tuple[str, str]]
    diagnosed: list[str]
    tags: str = ""
    invoice: InvoiceBox | None = None
    notes: list[tuple[str, str]] = field(default_factory=list)
    """When and what, newest first."""


@dataclass
class OrderRow:
    """One order as the page shows it."""

    number: str
    po_number: str
    parts: str
    source: str
    method: str
    status: str
    eta: str
    ships: str
    arrives: str
    tracking: str


@dataclass
class PartRow:
    """One part of the catalogue as the page shows it."""

    number: str
    make: str
    description: str
    price: str
    stock: list[int | None]
    remark: str


def _tone(status: str) -> str:
    return TONES.get(status, "calm")


PAGES = Environment(loader=PackageLoader("sandbox"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
PAGES.filters |= {"when": when, "tone": _tone}


@router.get("/", response_class=HTMLResponse)
async def show(request: Request) -> HTMLResponse:
    """Show everything."""
    return HTMLResponse(PAGES.get_template("page.html").render(_content(world_of(request))))


def _content(world: World) -> dict[str, Any]:
    titan, marcone, now = world.titan, world.marcone, world.clock.now()
    orders = [_order_row(order, now) for order in reversed(marcone.orders.values())]
    jobs = sorted(titan.jobs.values(), key=lambda one: one.job_number)
    return {
        "now": now,
        "offset_hours": world.clock.offset.total_seconds() / 3600,
        "seed": world.seed,
        "jobs": [_job_card(world, job) for job in jobs[-JOBS_SHOWN:]],
        "job_count": len(jobs),
        "held_count": sum(job.job_status == "Hold" for job in jobs),
        "orders": orders,
        "parts": [_part_row(part) for part in marcone.parts.values()],
        "warehouses": list(WAREHOUSES.values()),
        "customers": _customer_rows(titan),
        "customer_count": len(titan.customers),
        "items": [_item_row(one) for one in titan.items().values()],
        "sales": [sale_card(titan, one) for one in sorted(world.store.orders.values(), key=place_of, reverse=True)],
        "hooks": _hooks(world.store),
        "store_switches": world.store.switches.model_dump(exclude_defaults=True),
        "titan_switches": titan.switches.model_dump(exclude_defaults=True),
        **booking_content(titan),
        **referral_content(world.program),
        "mails": list(islice(reversed(world.mailbox.mails), MAILS_SHOWN)),
        "mail_count": len(world.mailbox.mails),
        "requests": world.journal.latest(REQUESTS_SHOWN),
        "request_count": sum(world.journal.counts().values()),
        "faults": world.faults.shown(),
        "switches": marcone.switches.model_dump(exclude_defaults=True),
    }


def _job_card(world: World, job: Job) -> JobCard:
    titan = world.titan
    customer, location = titan.customers.get(job.customer_id), titan.locations.get(job.location_id)
    reason = titan.hold_reasons.get(job.hold_reason_id or 0)
    units = [one for one in titan.installed.values() if one.location_id == job.location_id]
    names = dict.fromkeys(one.technician_name for one in titan.assignments.values() if one.job_id == job.id)
    diagnosed = [
        f"{item.sku.name}{TIMES}{item.qty.normalize():f} · estimate, {estimate.status.name.lower()}"
        for estimate in titan.estimates.values()
        if estimate.job_id == job.id
        for item in estimate.items
    ]
    for form in titan.submissions.values():
        if any(owner.type == "Job" and owner.id == job.id for owner in form.owners):
            texts = {unit.name: unit.value for section in form.units for unit in section.units}
            diagnosed.append(f"{texts.get('Part number', '')}{TIMES}{texts.get('Quantity', '')} · form")
    return JobCard(
        number=job.job_number,
        status=job.job_status,
        hold=f"{reason.name}: {job.hold_memo}" if reason and job.hold_memo else reason.name if reason else "",
        customer=(customer.name + (" (do not mail)" if customer.do_not_mail else "")) if customer else "",
        place=f"{location.address.street}, {location.address.city} {location.address.zip}" if location else "",
        technicians=", ".join(names),
        appliance=" · ".join(
            " ".join(filter(None, (one.manufacturer, one.name, one.model, f"(serial {one.serial_number})")))
            for one in units
        ),
        visits=[visit_line(titan, one) for one in titan.visits(job)],
        fields=[(one.name, one.value) for one in job.custom_fields],
        diagnosed=diagnosed,
        tags=tag_names(titan, job.tag_type_ids),
        invoice=invoice_box(titan, titan.invoices.get(job.invoice_id)),
        notes=[(when(one.created_on), one.text) for one in reversed(titan.notes.get(job.id, []))],
    )


def _customer_rows(titan: Titan) -> list[CustomerRow]:
    """Return the first customers; their contacts and places are gathered in one pass, for there may be many others."""
    shown = {one.id: one for one in islice(titan.customers.values(), CUSTOMERS_SHOWN)}
    contacts = [one for one in titan.contacts.values() if one.customer_id in shown]
    places = [one for one in titan.locations.values() if one.customer_id in shown]
    return [_customer_row(titan, one, contacts, places) for one in shown.values()]


def _customer_row(titan: Titan, customer: Customer, contacts: list[Contact], locations: list[Location]) -> CustomerRow:
    merged = titan.customers.get(customer.merged_to_id or 0)
    remark = f"merged into {merged.name}" if merged else "" if customer.active else "inactive"
    places = [one.address for one in locations if one.customer_id == customer.id]
    return CustomerRow(
        name=customer.name,
        remark=remark,
        contacts=[one.value for one in contacts if one.customer_id == customer.id and one.active],
        places=[place_line(one) for one in places],
        tags=tag_names(titan, customer.tag_type_ids),
        memberships=[f"{one.name}, {one.status.lower()}" for one in memberships_of(titan, customer)],
        jobs=sum(job.customer_id == customer.id for job in titan.jobs.values()),
        balance=money(customer.balance),
    )


def _item_row(item: Item) -> ItemRow:
    accounts = (item.account, item.cost_of_sale_account, item.asset_account)
    return ItemRow(
        code=item.code,
        name=item.display_name or item.description,
        kind=type(item).__name__ + ("" if item.active else ", inactive"),
        price=money(item.price),
        accounts=" · ".join(filter(None, accounts)),
        is_inventory=item.is_inventory,
    )


def _hooks(store: Store) -> list[tuple[str, str, int, int]]:
    """Return address without its path (a token may be in it), status, deliveries taken and not yet taken."""
    rows = []
    for one in store.courier.endpoints.values():
        mine = [delivery for delivery in store.courier.deliveries.values() if delivery.endpoint.id == one.id]
        taken = sum(delivery.delivered_at is not None for delivery in mine)
        rows.append((urlsplit(one.url).netloc, one.status, taken, len(mine) - taken))
    return rows


def _order_row(order: Order, now: datetime) -> OrderRow:
    warehouse = WAREHOUSES.get(order.warehouse)
    delivery, shipped = order.delivery_time(), order.ship_time()
    is_delivered = delivery is not None and now >= delivery
    return OrderRow(
        number=order.number,
        po_number=order.po_number,
        parts=", ".join(f"{one.quantity}{TIMES}{one.part_number} ({one.make})" for one in order.lines),
        source=f"{warehouse.name} {warehouse.number}" if warehouse else "Ships from the maker",
        method=order.shipping_method,
        status="Delivered" if is_delivered else order.status(now),
        eta=order.eta.isoformat() if order.eta else "",
        ships=when(shipped),
        arrives=when(delivery),
        tracking=tracking_of(order) if shipped is not None and now >= shipped else "",
    )


def _part_row(part: StockedPart) -> PartRow:
    traits = {
        "discontinued": part.is_discontinued and not part.replaced_by,
        "ships from the maker": part.is_drop_ship_only,
        "hazardous": part.is_hazmat,
        "oversize": part.is_oversize,
    }
    remarks = [name for name, is_so in traits.items() if is_so]
    if part.replaced_by:
        remarks.append("replaced by " + " or ".join(number for _, number in part.replaced_by))
    return PartRow(
        number=part.number,
        make=part.make,
        description=part.description.capitalize(),
        price="" if part.is_discontinued else money(part.price),
        stock=[part.stock.get(number) for number in WAREHOUSES],
        remark=", ".join(remarks),
    )
