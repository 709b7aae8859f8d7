"""Bookings on the page: who asked, where it stands with the office, and the jobs that came of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from sandbox.page_parts import when
from sandbox.servicetitan.booking_records import Booking
from sandbox.servicetitan.records import Job
from sandbox.servicetitan.state import Titan

BOOKINGS_SHOWN = 50


@dataclass
class BookingRow:
    """One booking as the page shows it."""

    number: int
    external_id: str
    name: str
    contacts: list[str]
    source: str
    provider: str
    status: str
    customer: str
    jobs: list[tuple[str, str]]
    """Number and status."""
    changed: str


def booking_content(titan: Titan) -> dict[str, Any]:
    """Return what the page shows of the bookings, the latest first, and of who hears about them."""
    latest = list(islice(reversed(titan.bookings.values()), BOOKINGS_SHOWN))
    jobs: dict[int, list[Job]] = {one.id: [] for one in latest}
    for job in titan.jobs.values():
        if job.booking_id in jobs:
            jobs[job.booking_id].append(job)
    return {
        "bookings": [_row(titan, one, jobs[one.id]) for one in latest],
        "booking_count": len(titan.bookings),
        "booking_hooks": _hooks(titan),
    }


def _row(titan: Titan, booking: Booking, jobs: list[Job]) -> BookingRow:
    tag = titan.provider_tags.get(booking.booking_provider_id)
    customer = titan.customers.get(jobs[0].customer_id) if jobs else None
    return BookingRow(
        number=booking.id,
        external_id=booking.external_id,
        name=booking.name + ("" if booking.is_first_time_client else " (known customer)"),
        contacts=[one.value for one in titan.booking_contacts.get(booking.id, [])],
        source=booking.source,
        provider=tag.tag_name if tag else str(booking.booking_provider_id),
        status=booking.status,
        customer=customer.name if customer else "",
        jobs=[(one.job_number, one.job_status) for one in jobs],
        changed=when(booking.modified_on),
    )


def _hooks(titan: Titan) -> list[tuple[str, str, int, int]]:
    """Return address without its path, events, deliveries taken and not taken."""
    taken: Counter[int] = Counter()
    others: Counter[int] = Counter()
    for delivery in titan.courier.deliveries:
        (taken if delivery.outcome == "sent" else others)[delivery.subscription.id] += 1
    return [
        (urlsplit(one.url).netloc, ", ".join(one.types), taken[one.id], others[one.id])
        for one in titan.courier.subscriptions.values()
    ]
