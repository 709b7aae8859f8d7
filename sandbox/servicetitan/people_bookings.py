"""The people's side of bookings and of webhooks: the office, and whoever sets up the developer portal."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from sandbox.courier import check_here
from sandbox.errors import RefusedError
from sandbox.servicetitan.bodies import NewContactBody
from sandbox.servicetitan.booking_records import Booking, ProviderTag
from sandbox.servicetitan.bookings import NewBookingBody, dismiss, new_booking, provider_of
from sandbox.servicetitan.door import TheTitan
from sandbox.servicetitan.office_bookings import ConvertBody, accept, convert
from sandbox.servicetitan.state import Titan, found
from sandbox.servicetitan.webhooks import EventType, Subscription
from sandbox.strict import PeopleBody, read_body

router = APIRouter(prefix="/_sandbox/servicetitan")

DISMISS_REASON = 1801
USUAL: tuple[EventType, ...] = ("tn.crm.booking-updated", "tn.jpm.job-updated", "tn.jpm.job-completed")
"""What an address hears unless it says otherwise."""


class TagBody(PeopleBody):
    """A booking provider tag, by name; an unknown name is added."""

    name: str
    new_name: str | None = None
    active: bool | None = None


class CallerBody(PeopleBody):
    """Bookings that another channel of this provider took in; `name` and `e-mail` are made up where not given."""

    provider: int
    count: int = Field(1, ge=1, le=20_000)
    external_ids: list[str] | None = None
    """One booking each; `count` is not asked then."""
    name: str = "Web Visitor"
    email: str | None = None
    source: str = "Website"
    summary: str = "Asked to be called back."


class DismissBody(PeopleBody):
    """Why the office does not take it."""

    memo: str = ""


class WebhookBody(PeopleBody):
    """An address as it is set up in the developer portal."""

    url: str
    types: list[EventType] = Field(default_factory=lambda: list(USUAL), min_length=1)
    key: str | None = Field(None, min_length=32, max_length=64)
    """The HMAC key [docs: 32 to 64 letters]; none: unsigned."""
    header: str = Field("x-servicetitan-signature", pattern=r"^[A-Za-z0-9-]+$")
    encoding: Literal["hex", "base64"] = "hex"
    content_type: str = "application/cloudevents+json; charset=utf-8"


@router.post("/booking-provider-tags")
async def change_tag(request: Request, titan: TheTitan) -> JSONResponse:
    """Add, rename, activate or deactivate a booking provider tag; answers it."""
    body = await read_body(TagBody, request)
    tag = next((one for one in titan.provider_tags.values() if one.tag_name == body.name), None)
    if tag is None:
        now = titan.now()
        tag = ProviderTag(id=titan.new_id(), tag_name=body.name, created_on=now, modified_on=now)
        titan.provider_tags[tag.id] = tag
    tag.tag_name = body.new_name or tag.tag_name
    tag.active = tag.active if body.active is None else body.active
    titan.touch(tag)
    return JSONResponse(tag.wire())


@router.post("/bookings")
async def take_in(request: Request, titan: TheTitan) -> JSONResponse:
    """Take in bookings that no partner of ours made; answers their ids."""
    body = await read_body(CallerBody, request)
    tag = provider_of(titan, body.provider)
    keys = body.external_ids or [f"web-{titan.new_id()}" for _ in range(body.count)]
    made = [new_booking(titan, tag, _said(body, key)) for key in keys]
    return JSONResponse({"booking_ids": [one.id for one in made]})


@router.post("/bookings/{booking_id}/accept")
async def accept_booking(titan: TheTitan, booking_id: int) -> JSONResponse:
    """Take the booking on."""
    booking = _booking(titan, booking_id)
    accept(titan, booking)
    return JSONResponse(titan.booking_state(booking))


@router.post("/bookings/{booking_id}/convert")
async def convert_booking(request: Request, titan: TheTitan, booking_id: int) -> JSONResponse:
    """Book one job, or several, from the booking; answers their ids and numbers and the customer."""
    booking = _booking(titan, booking_id)
    order = await read_body(ConvertBody, request) if await request.body() else ConvertBody()
    jobs = convert(titan, booking, order)
    made: dict[str, Any] = {
        "booking_id": booking.id,
        "customer_id": jobs[0].customer_id,
        "location_id": jobs[0].location_id,
        "jobs": [{"job_id": one.id, "job_number": one.job_number} for one in jobs],
    }
    return JSONResponse(made)


@router.post("/bookings/{booking_id}/dismiss")
async def dismiss_booking(request: Request, titan: TheTitan, booking_id: int) -> JSONResponse:
    """Dismiss the booking."""
    booking = _booking(titan, booking_id)
    body = await read_body(DismissBody, request) if await request.body() else DismissBody()
    dismiss(titan, booking, DISMISS_REASON, body.memo)
    return JSONResponse(titan.booking_state(booking))


@router.post("/bookings/{booking_id}/delete")
async def delete_booking(titan: TheTitan, booking_id: int) -> JSONResponse:
    """Make the booking inactive: lists forget it, the export feed tells."""
    booking = _booking(titan, booking_id)
    booking.active = False
    titan.touch(booking)
    return JSONResponse(titan.booking_state(booking))


@router.post("/webhooks")
async def subscribe(request: Request, titan: TheTitan) -> JSONResponse:
    """Set up an address for events. The real service wants https; here any address on this machine, and no other."""
    body = await read_body(WebhookBody, request)
    check_here(body.url)
    subscription = Subscription(id=titan.courier.new_id(), **body.model_dump())
    titan.courier.subscriptions[subscription.id] = subscription
    return JSONResponse(subscription.shown())


@router.post("/webhooks/{webhook_id}/remove")
async def unsubscribe(titan: TheTitan, webhook_id: int) -> JSONResponse:
    """Take an address away; what is on its way to it is dropped."""
    if titan.courier.subscriptions.pop(webhook_id, None) is None:
        raise RefusedError(404, f"Webhook {webhook_id} was not found.")
    return JSONResponse({"removed": webhook_id})


@router.get("/webhooks/deliveries")
async def deliveries(titan: TheTitan) -> JSONResponse:
    """Return the deliveries, oldest first."""
    return JSONResponse({"deliveries": [one.shown() for one in titan.courier.deliveries]})


@router.post("/webhooks/deliveries/{number}/replay")
async def replay(titan: TheTitan, number: int) -> JSONResponse:
    """Send an event once more, as the portal's replay does: the same occurrence."""
    delivery = next((one for one in titan.courier.deliveries if one.number == number), None)
    if delivery is None:
        raise RefusedError(404, f"Delivery {number} was not found.")
    return JSONResponse(titan.courier.replay(delivery).shown())


def _booking(titan: Titan, booking_id: int) -> Booking:
    booking = found(titan.bookings, booking_id, "Booking")
    assert isinstance(booking, Booking)
    return booking


def _said(body: CallerBody, key: str) -> NewBookingBody:
    email = body.email or f"{''.join(one for one in key.lower() if one.isalnum())}@example.com"
    return NewBookingBody.model_validate(
        {
            "source": body.source,
            "name": body.name,
            "summary": body.summary,
            "isFirstTimeClient": True,
            "externalId": key,
            "contacts": [NewContactBody(type="Email", value=email)],
        }
    )
