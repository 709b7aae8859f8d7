"""Every call to ServiceTitan that booking-to-reward makes, by the operation it is in the vendor's specs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from connectors.servicetitan.bookings_schemas import NewBooking
from connectors.servicetitan.client import ServiceTitan
from connectors.servicetitan.crm_schemas import NewAddress, NewContact

PROVIDER = 5101
SINCE = datetime(2026, 9, 1, 10, 0, tzinfo=UTC)
PROVIDED = "/booking-provider/{booking_provider}/bookings"

BOOKING = NewBooking(
    source="Spring referrals",
    name="Robin Sample",
    summary="Referral",
    is_first_time_client=True,
    external_id="Qr090211",
    contacts=(NewContact(type="Email", value="robin@example.com"),),
)
FULL_BOOKING = NewBooking(
    **BOOKING.model_dump(exclude={"contacts"}, exclude_unset=True),
    address=NewAddress(street="12 Elm St", unit="4", city="Birmingham", state="AL", zip="35203", country="USA"),
    contacts=(*BOOKING.contacts, NewContact(type="MobilePhone", value="2055550101", memo="Referred by Dana")),
    customer_type="Residential",
    start=SINCE,
    campaign_id=5,
    business_unit_id=3,
    job_type_id=4,
    priority="Normal",
    is_send_confirmation_email=False,
)


async def _drain(pages: AsyncIterator[Any]) -> None:
    async for _ in pages:
        pass


BOOKING_CALLS: dict[str, Callable[[ServiceTitan], Awaitable[Any]]] = {
    f"crm-v2 POST {PROVIDED}": lambda st: st.create_booking(PROVIDER, BOOKING),
    f"crm-v2 POST {PROVIDED} (with everything)": lambda st: st.create_booking(PROVIDER, FULL_BOOKING),
    f"crm-v2 GET {PROVIDED}": lambda st: _drain(st.list_bookings(PROVIDER, SINCE)),
    f"crm-v2 GET {PROVIDED} (by external id)": lambda st: st.list_bookings_by_external_id(PROVIDER, "Qr090211"),
    f"crm-v2 GET {PROVIDED}/{{id}}": lambda st: st.get_booking(PROVIDER, 77001),
    "crm-v2 GET /export/locations/contacts": lambda st: _drain(st.export_location_contacts("t1", recent=True)),
    "crm-v2 GET /locations (by id)": lambda st: st.list_locations_by_id([12, 13]),
    "crm-v2 GET /booking-provider-tags": lambda st: st.list_booking_provider_tags(),
    "jpm-v2 GET /jobs (of a booking)": lambda st: st.list_jobs_of_booking(77001),
    "jpm-v2 GET /jobs/{id}/history": lambda st: st.list_job_history(48213),
}
