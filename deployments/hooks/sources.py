"""The vendors that send word, each with how its deliveries are checked, read and kept: one row of a table.

The receiver does the same for all of them (deployments/hooks/app.py); what differs stands here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from connectors.contractor_commerce import webhooks as store
from connectors.referral_factory import webhooks as program
from connectors.servicetitan import webhooks as tenant
from connectors.webhooks import Refusal
from models.connection import Vendor
from models.shop import Shop
from store import Books

LARGEST_BODY: Final = 1_000_000
"""Bytes; an order with a hundred lines is some 60,000."""
LARGEST_PERSON: Final = 100_000
"""Bytes; a hook of the referral program is the fields of one person."""
STRANGER: Final = Refusal(HTTPStatus.NOT_FOUND, "The address is nobody's.")

ORDERS: Final = "order-to-invoice"
BOOKINGS: Final = "booking-to-reward"


@dataclass(frozen=True, slots=True)
class Sent:
    """A delivery as it came. `token` is the end of its address, `query` what follows the question mark."""

    headers: Mapping[str, str]
    token: str = ""
    query: str = ""
    body: bytes = b""


Keeping = Callable[[Books, str], Awaitable[bool]]
"""Keeps one delivery for a shop, once."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where deliveries come from. `section` is the one of the shop file, and the vendor in the books."""

    section: Vendor
    process: str
    """What is started when something is kept."""
    largest_body: int
    """Bytes."""
    refuse_unread: Callable[[Shop, Sent], Refusal | None]
    """Refuses what needs no body to be refused. Raises SettingsError when a secret's variable is not set."""
    read: Callable[[Shop, Sent], Keeping | Refusal | None]
    """Checks and reads; None: about something else, answered and forgotten. Raises SettingsError, as above."""
    waits: Callable[[Books, str], Awaitable[bool]]
    """Tells whether something of the shop waits for a pass."""
    needs: tuple[Vendor, ...]
    """Connections without which nothing is kept: a late delivery is ignored (RF-67)."""


def _refuse_store(shop: Shop, sent: Sent) -> Refusal | None:
    settings = shop.contractor_commerce
    return STRANGER if settings is None else store.refuse_unread(sent.headers, settings, path_token=sent.token)


def _read_store(shop: Shop, sent: Sent) -> Keeping | Refusal | None:
    event = store.read_event(sent.headers, sent.body, shop.need_contractor_commerce(), path_token=sent.token)
    match event:
        case Refusal():
            return event
        case store.OtherEvent():
            return None
        case store.OrderEvent(event_id=event_id, order_id=order_id, type=kind):
            return lambda books, name: books.store_events.keep(name, event_id, order_id=order_id, kind=kind)


async def _store_waits(books: Books, shop: str) -> bool:
    return bool(await books.store_events.waiting(shop, limit=1))


def _refuse_program(shop: Shop, sent: Sent) -> Refusal | None:
    settings = shop.referral_factory
    return STRANGER if settings is None else program.refuse_unread(sent.headers, settings)


def _read_program(shop: Shop, sent: Sent) -> Keeping | Refusal | None:
    event = program.read_event(sent.headers, sent.body, shop.need_referral_factory(), query=sent.query)
    match event:
        case Refusal():
            return event
        case program.OtherEvent():
            return None
        case program.ReferralEvent():
            return lambda books, name: books.hook_events.keep(
                name,
                "referral_factory",
                event.event_id,
                kind=event.kind,
                record=event.record,
                campaign_id=event.campaign_id,
                is_news_again=True,
            )


def _refuse_tenant(shop: Shop, sent: Sent) -> Refusal | None:
    settings = shop.servicetitan
    return STRANGER if settings is None else tenant.refuse_unread(sent.headers, settings)


def _read_tenant(shop: Shop, sent: Sent) -> Keeping | Refusal | None:
    event = tenant.read_event(sent.headers, sent.body, shop.need_servicetitan())
    match event:
        case Refusal():
            return event
        case tenant.OtherEvent():
            return None
        case tenant.RecordEvent(event_id=event_id, kind=kind, record=record):
            return lambda books, name: books.hook_events.keep(name, "servicetitan", event_id, kind=kind, record=record)


def _waits(vendor: str) -> Callable[[Books, str], Awaitable[bool]]:
    async def waits(books: Books, shop: str) -> bool:
        return bool(await books.hook_events.waiting(shop, vendor, limit=1))

    return waits


STORE: Final = Source(
    "contractor_commerce",
    ORDERS,
    LARGEST_BODY,
    _refuse_store,
    _read_store,
    _store_waits,
    ("contractor_commerce",),
)
PROGRAM: Final = Source(
    "referral_factory",
    BOOKINGS,
    LARGEST_PERSON,
    _refuse_program,
    _read_program,
    _waits("referral_factory"),
    ("referral_factory", "servicetitan"),
)
TENANT: Final = Source(
    "servicetitan",
    BOOKINGS,
    LARGEST_BODY,
    _refuse_tenant,
    _read_tenant,
    _waits("servicetitan"),
    ("referral_factory", "servicetitan"),
)
SOURCES: Final = (STORE, PROGRAM, TENANT)
PROCESSES: Final = tuple(dict.fromkeys(source.process for source in SOURCES))
"""What may be started for a shop."""


async def is_waited_for(books: Books, shop: str, process: str) -> bool:
    """Tell whether something waits for a pass of the process."""
    for source in SOURCES:
        if source.process == process and await source.waits(books, shop):
            return True
    return False
