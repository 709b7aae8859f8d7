"""Bookings through the API: a provider's own, and the tenant's view. Source: crm-v2 [spec]; FACTS section 4.

No operation accepts or converts a booking: people do (`people_bookings.py`). Booking a job with `bookingId` converts
it [inferred].
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, Field

from sandbox.errors import RefusedError
from sandbox.servicetitan.bodies import NewContactBody
from sandbox.servicetitan.booking_records import Booking, BookingAddress, BookingContact, ProviderTag
from sandbox.servicetitan.door import TheTitan, api
from sandbox.servicetitan.order import changed_since
from sandbox.servicetitan.queries import Dates, Ids, PageQuery, Sorted, no_query, page_of, says, titan_query
from sandbox.servicetitan.state import Titan, found
from sandbox.strict import Id, StrictBody, read_body

router = api("crm")

Provider = Annotated[int, Path(alias="booking_provider")]
PROVIDED = "/booking-provider/{booking_provider}/bookings"
Priority = Literal["Low", "Normal", "High", "Urgent"]


class TagsQuery(Ids, Dates, Sorted):
    """Source: crm-v2 `GET /booking-provider-tags`."""

    name: str | None = None


class BookingsQuery(Ids, Dates, Sorted):
    """Source: crm-v2 `GET /bookings`: no filter by status, none by active."""

    external_id: str | None = None


class AddressBody(StrictBody):
    """Source: crm-v2 `AddressModel`."""

    street: str
    unit: str | None = None
    city: str
    state: str
    zip: str
    country: str


class NewBookingBody(StrictBody):
    """Source: crm-v2 `CreateBookingRequest`."""

    source: str
    name: str
    address: AddressBody | None = None
    contacts: list[NewContactBody] | None = None
    customer_type: str | None = None
    start: AwareDatetime | None = None
    summary: str
    campaign_id: int | None = None
    business_unit_id: int | None = None
    job_type_id: int | None = None
    priority: Priority | None = None
    is_first_time_client: bool
    uploaded_images: list[str] | None = None
    is_send_confirmation_email: bool | None = None
    external_id: str


class AddressPatch(AddressBody):
    """Source: crm-v2 `AddressPatchModel`: unlike in a create, the unit must be there."""

    unit: str


class BookingPatch(StrictBody):
    """Source: crm-v2 `UpdateBookingRequest`: nothing may be null, and there is no status in it."""

    source: str = ""
    name: str = ""
    address: AddressPatch = Field(
        default_factory=lambda: AddressPatch.model_construct(street="", unit="", city="", state="", zip="", country="")
    )
    customer_type: Literal["Residential", "Commercial"] = "Residential"
    start: AwareDatetime = datetime(2026, 1, 1, tzinfo=UTC)
    summary: str = ""
    campaign_id: int = 0
    business_unit_id: int = 0
    job_type_id: int = 0
    priority: Priority = "Normal"
    is_first_time_client: bool = False
    uploaded_images: list[str] = Field(default_factory=list)
    external_id: str = ""


class DismissBody(StrictBody):
    """Source: crm-v2 `DismissBookingModel`."""

    call_reason_id: int | None = None
    dismissing_memo: str | None = None


@router.get("/booking-provider-tags")
async def list_tags(request: Request, titan: TheTitan) -> JSONResponse:
    """List booking provider tags, inactive ones too: there is no filter."""
    query = titan_query(TagsQuery, request)
    rows = [one for one in titan.provider_tags.values() if query.admits(one) and says(query.name, one.tag_name)]
    return page_of(rows, query)


@router.get("/booking-provider-tags/{id}")
async def get_tag(request: Request, titan: TheTitan, tag_id: Id) -> JSONResponse:
    """Read one booking provider tag."""
    no_query(request)
    return JSONResponse(found(titan.provider_tags, tag_id, "Booking provider tag").wire())


@router.get("/bookings")
async def list_all(request: Request, titan: TheTitan) -> JSONResponse:
    """List every provider's bookings."""
    return _listed(request, titan, None)


@router.get("/bookings/{id}")
async def get_any(request: Request, titan: TheTitan, booking_id: Id) -> JSONResponse:
    """Read one booking of any provider."""
    no_query(request)
    return JSONResponse(found(titan.bookings, booking_id, "Booking").wire())


@router.get("/bookings/{id}/contacts")
async def list_any_contacts(request: Request, titan: TheTitan, booking_id: Id) -> JSONResponse:
    """List the contacts of a booking."""
    query = titan_query(PageQuery, request)
    return page_of(_contacts(titan, found(titan.bookings, booking_id, "Booking")), query)


@router.get(PROVIDED)
async def list_own(request: Request, titan: TheTitan, provider: Provider) -> JSONResponse:
    """List the provider's bookings."""
    return _listed(request, titan, provider_of(titan, provider))


@router.post(PROVIDED)
async def create(request: Request, titan: TheTitan, provider: Provider) -> JSONResponse:
    """Make a booking. Nothing keeps the same external id from being used twice."""
    no_query(request)
    tag = provider_of(titan, provider)
    body = await read_body(NewBookingBody, request)
    _check_new(titan, body)
    return JSONResponse(new_booking(titan, tag, body).wire())


@router.get(PROVIDED + "/{id}")
async def get_own(request: Request, titan: TheTitan, provider: Provider, booking_id: Id) -> JSONResponse:
    """Read one of the provider's bookings."""
    no_query(request)
    return JSONResponse(_own(titan, provider, booking_id).wire())


@router.patch(PROVIDED + "/{id}")
async def change(request: Request, titan: TheTitan, provider: Provider, booking_id: Id) -> JSONResponse:
    """Change a booking."""
    no_query(request)
    booking = _own(titan, provider, booking_id)
    body = await read_body(BookingPatch, request)
    changes = {name: getattr(body, name) for name in BookingPatch.model_fields if body.sent(name)}
    _check_texts(changes)
    _check_references(titan, changes)
    if body.sent("address"):
        changes["address"] = BookingAddress(**body.address.model_dump())
    for name, value in changes.items():
        setattr(booking, name, value)
    titan.touch(booking)
    return JSONResponse(booking.wire())


@router.get(PROVIDED + "/{id}/contacts")
async def list_own_contacts(request: Request, titan: TheTitan, provider: Provider, booking_id: Id) -> JSONResponse:
    """List the contacts of one of the provider's bookings."""
    query = titan_query(PageQuery, request)
    return page_of(_contacts(titan, _own(titan, provider, booking_id)), query)


@router.post(PROVIDED + "/{id}/dismiss")
async def dismiss_own(request: Request, titan: TheTitan, provider: Provider, booking_id: Id) -> Response:
    """Dismiss a booking. No body in the answer."""
    no_query(request)
    booking = _own(titan, provider, booking_id)
    body = await read_body(DismissBody, request)
    if body.call_reason_id is not None:
        raise RefusedError(400, "The sandbox keeps no call reasons.", {"callReasonId": ["not found"]})
    dismiss(titan, booking, None, body.dismissing_memo or "")
    return Response(status_code=200)


def provider_of(titan: Titan, provider: int) -> ProviderTag:
    """Return the active tag that is this provider. Raise RefusedError, with the switched status, when there is none."""
    tag = titan.provider_tags.get(provider)
    if tag is None or not tag.active:
        wrong = {"booking_provider": ["not found"]}
        raise RefusedError(titan.switches.wrong_provider, f"Booking provider {provider} was not found.", wrong)
    return tag


def new_booking(titan: Titan, tag: ProviderTag, body: NewBookingBody) -> Booking:
    """Keep a new booking with its contacts. One without a start starts now [inferred]: it must have one [spec]."""
    now = titan.now()
    fields = body.model_dump(exclude={"contacts", "start"})
    booking = Booking(
        id=titan.new_id(),
        start=body.start or now,
        booking_provider_id=tag.id,
        created_on=now,
        modified_on=now,
        **fields,
    )
    titan.bookings[booking.id] = booking
    titan.booking_contacts[booking.id] = [
        BookingContact(
            id=titan.new_id(), type=one.type, value=one.value, memo=one.memo or "", created_on=now, modified_on=now
        )
        for one in body.contacts or []
    ]
    return booking


def dismiss(titan: Titan, booking: Booking, reason_id: int | None, memo: str) -> None:
    """Dismiss the booking. Raise RefusedError 400 when it was converted or dismissed already [inferred]."""
    if booking.status in {"Converted", "Dismissed"}:
        raise RefusedError(400, f"Booking {booking.id} is {booking.status} and cannot be dismissed.")
    booking.status, booking.dismissing_reason_id, booking.dismissing_memo = "Dismissed", reason_id, memo
    titan.touch(booking)


def _listed(request: Request, titan: Titan, tag: ProviderTag | None) -> JSONResponse:
    query = titan_query(BookingsQuery, request)
    rows = [
        one
        for one in changed_since(titan, "bookings", titan.bookings, query.modified_on_or_after)
        if (tag is None or one.booking_provider_id == tag.id)
        and (query.external_id is None or one.external_id == query.external_id)
        and one.active
        and query.admits(one)
    ]
    return page_of(rows, query)


def _own(titan: Titan, provider: int, booking_id: int) -> Booking:
    tag = provider_of(titan, provider)
    booking = titan.bookings.get(booking_id)
    if booking is None or booking.booking_provider_id != tag.id:
        raise RefusedError(404, f"Booking {booking_id} was not found.", {"id": ["Booking not found"]})
    return booking


def _contacts(titan: Titan, booking: Booking) -> list[BookingContact]:
    return titan.booking_contacts.get(booking.id, [])


def _check_new(titan: Titan, body: NewBookingBody) -> None:
    sent = body.model_dump()
    _check_texts(sent)
    _check_references(titan, sent)
    if body.customer_type not in {None, "Residential", "Commercial"}:
        raise RefusedError(400, "Unknown customer type.", {"customerType": ["must be Residential or Commercial"]})
    if any(not one.value.strip() for one in body.contacts or []):
        raise RefusedError(400, "A contact needs a value.", {"contacts.value": ["must not be empty"]})
    if body.address is None and not any(one.type != "Fax" for one in body.contacts or []):
        # Optional in the schema, and needed in practice [docs:crm].
        raise RefusedError(400, "A booking needs an address, or a phone or an e-mail.", {"contacts": ["none usable"]})


def _check_texts(sent: dict[str, Any]) -> None:
    for name in ("source", "name", "summary", "external_id"):
        if name in sent and not sent[name].strip():
            raise RefusedError(400, f"A booking needs its {name}.", {name: ["must not be empty"]})


def _check_references(titan: Titan, sent: dict[str, Any]) -> None:
    known: dict[str, dict[int, Any]] = {
        "campaign_id": titan.campaigns,
        "business_unit_id": titan.business_units,
        "job_type_id": titan.job_types,
    }
    for name, records in known.items():
        number = sent.get(name)
        if number is not None and not found(records, number, name, status=400).active:
            raise RefusedError(400, f"{name} {number} is not active.", {name: ["not active"]})
