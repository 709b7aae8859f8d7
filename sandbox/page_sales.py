"""Store orders on the page, each beside what became of it in ServiceTitan: customer, jobs, invoices, memberships."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation

from sandbox.contractor_commerce.state import Json
from sandbox.page_parts import TIMES, InvoiceBox, invoice_box, money, place_line, tag_names, visit_line, when
from sandbox.servicetitan.records import Customer, Job
from sandbox.servicetitan.state import Titan

SUMS = (("discount_total", "Discount"), ("shipping_total", "Shipping"), ("tax_total", "Tax"))


@dataclass
class JobSide:
    """One job of the order."""

    number: str
    status: str
    kind: str
    visits: list[str]
    technicians: str
    tags: str
    invoice: InvoiceBox | None


@dataclass
class MembershipSide:
    """A membership the customer has."""

    name: str
    status: str
    invoice: InvoiceBox | None


@dataclass
class CustomerSide:
    """The customer the order's jobs belong to."""

    name: str
    contacts: list[str]
    places: list[str]
    tags: str
    memberships: list[MembershipSide] = field(default_factory=list)


@dataclass
class SaleCard:
    """One order of the store as the page shows it."""

    number: str
    version: int
    buyer: str
    contacts: list[str]
    place: str
    lines: list[tuple[str, str]]
    sums: list[tuple[str, str]]
    total: str
    refunded: str
    status: str
    payment: str
    wish: str
    customer: CustomerSide | None
    jobs: list[JobSide]


def sale_card(titan: Titan, order: Json) -> SaleCard:
    """Show an order, also one that was pushed broken on purpose."""
    buyer, place = order["customer"], order.get("service_address") or {}
    jobs = [job for job in titan.jobs.values() if _is_of(job, order)]
    customer = titan.customers.get(jobs[0].customer_id) if jobs else None
    window = order.get("requested_window")
    return SaleCard(
        number=str(order.get("number", order["id"])),
        version=order["version"],
        buyer=" ".join(filter(None, (buyer.get("first_name"), buyer.get("last_name")))) or "nobody named",
        contacts=[str(buyer[name]) for name in ("email", "phone") if buyer.get(name)],
        place=", ".join(filter(None, (place.get("line1"), place.get("line2"), place.get("city"), place.get("zip")))),
        lines=[(_line_words(line), _sum(line.get("quantity"), line.get("unit_price"))) for line in _lines(order)],
        sums=[(words, _sum(1, order.get(name))) for name, words in SUMS if _sum(1, order.get(name)) != "$0.00"],
        total=f"{order.get('grand_total', '')} {order.get('currency', '')}",
        refunded="" if _sum(1, order.get("refunded_total")) == "$0.00" else _sum(1, order.get("refunded_total")),
        status=str(order.get("status", "")),
        payment=str(order.get("payment_status", "")).replace("_", " "),
        wish=_window(window) if isinstance(window, dict) else "",
        customer=_customer_side(titan, customer) if customer else None,
        jobs=[_job_side(titan, job) for job in jobs],
    )


def _is_of(job: Job, order: Json) -> bool:
    """Tell whether the job's external data or purchase order number name the order."""
    names = {str(order.get("number", order["id"])), str(order["id"])}
    return job.customer_po in names or any(
        names & set(value.split("/")) for kept in job.external.values() for value in kept.values()
    )


def _customer_side(titan: Titan, customer: Customer) -> CustomerSide:
    places = [one.address for one in titan.locations.values() if one.customer_id == customer.id]
    return CustomerSide(
        name=customer.name,
        contacts=[one.value for one in titan.contacts.values() if one.customer_id == customer.id and one.active],
        places=[place_line(one) for one in places],
        tags=tag_names(titan, customer.tag_type_ids),
        memberships=memberships_of(titan, customer),
    )


def memberships_of(titan: Titan, customer: Customer) -> list[MembershipSide]:
    """Return what the customer has, each with the invoice of its sale."""
    sales = {one.membership_id: one for one in titan.invoices.values() if one.membership_id}
    return [
        MembershipSide(
            name=titan.membership_types[one.membership_type_id].name,
            status=one.status,
            invoice=invoice_box(titan, sales.get(one.id)),
        )
        for one in titan.memberships.values()
        if one.customer_id == customer.id
    ]


def _job_side(titan: Titan, job: Job) -> JobSide:
    names = dict.fromkeys(one.technician_name for one in titan.assignments.values() if one.job_id == job.id)
    return JobSide(
        number=job.job_number,
        status=job.job_status,
        kind=titan.job_types[job.job_type_id].name,
        visits=[visit_line(titan, one) for one in titan.visits(job)],
        technicians=", ".join(names),
        tags=tag_names(titan, job.tag_type_ids),
        invoice=invoice_box(titan, titan.invoices.get(job.invoice_id)),
    )


def _lines(order: Json) -> list[Json]:
    return [line for line in order.get("line_items") or [] if isinstance(line, dict)]


def _line_words(line: Json) -> str:
    renewed = " (subscription)" if line.get("purchase_type") == "subscription" else ""
    return f"{line.get('quantity')}{TIMES}{line.get('name')}{renewed}"


def _window(window: Json) -> str:
    """Return the wished arrival window, on the clock it was written with; as it is where an order is broken."""
    start, end = str(window.get("start", "")), str(window.get("end", ""))
    try:
        return f"{when(datetime.fromisoformat(start))} to {datetime.fromisoformat(end):%H:%M}"
    except ValueError:
        return f"{start} {end}".strip()


def _sum(quantity: object, price: object) -> str:
    """Return quantity times price; nothing where an order is broken."""
    try:
        return money(Decimal(str(quantity)) * Decimal(str(price)))
    except InvalidOperation:
        return ""
