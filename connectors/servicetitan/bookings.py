"""Bookings of a provider, and the jobs that come of them. Sources: crm-v2, jpm-v2 [spec]; FACTS section 4.

The provider is the id of a booking provider tag. With a wrong one every call fails; its status is not documented
[inferred: RejectedError, NotFoundError among them]. No operation accepts or converts a booking: people do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from connectors.servicetitan.api import Api
from connectors.servicetitan.bookings_schemas import (
    Booking,
    BookingProviderTag,
    JobHistory,
    JobHistoryEntry,
    NewBooking,
)
from connectors.servicetitan.schemas import Job


class BookingsApi(Api):
    """Bookings that we make, and what became of them."""

    async def create_booking(self, provider_id: int, booking: NewBooking) -> Booking:
        """Ask the office for a job. Nothing keeps the same one from being made twice: look by external id first.

        crm-v2 `POST /booking-provider/{booking_provider}/bookings`. Raises AmbiguousWriteError when the answer was
        lost; RejectedError for what the vendor refuses, a wrong provider too.
        """
        return await self._write_for(Booking, "POST", self._bookings_of(provider_id), "making a booking", booking)

    async def list_bookings_by_external_id(self, provider_id: int, external_id: str) -> tuple[Booking, ...]:
        """Find the provider's bookings that really show this external id; a blank finds none.

        crm-v2 `GET /booking-provider/{booking_provider}/bookings`.
        """
        wanted = external_id.strip()
        if not wanted:
            return ()
        found = await self._all(
            Booking, self._bookings_of(provider_id), "looking for bookings by our key", {"externalId": wanted}
        )
        return tuple(booking for booking in found if booking.external_id.strip() == wanted)

    def list_bookings(self, provider_id: int, modified_on_or_after: datetime) -> AsyncIterator[tuple[Booking, ...]]:
        """Yield pages of the provider's bookings changed since, oldest change first.

        crm-v2 `GET /booking-provider/{booking_provider}/bookings`.
        """
        return self._changes(
            Booking,
            self._bookings_of(provider_id),
            "reading changed bookings",
            modified_on_or_after,
            lambda booking: booking.modified_on,
            {"sort": "+ModifiedOn"},
        )

    async def get_booking(self, provider_id: int, booking_id: int) -> Booking:
        """Read one booking. crm-v2 `GET /booking-provider/{booking_provider}/bookings/{id}`. Raises NotFoundError."""
        return await self._get(
            Booking, f"{self._bookings_of(provider_id)}/{booking_id}", f"reading booking {booking_id}"
        )

    async def list_jobs_of_booking(self, booking_id: int) -> tuple[Job, ...]:
        """Read every job that names the booking as where it came from. jpm-v2 `GET /jobs`."""
        doing = f"reading the jobs of booking {booking_id}"
        jobs = await self._all(Job, self._path("jpm", "jobs"), doing, {"bookingId": booking_id})
        return tuple(job for job in jobs if job.booking_id == booking_id)

    async def list_booking_provider_tags(self) -> tuple[BookingProviderTag, ...]:
        """Read the booking provider tags, inactive ones too. crm-v2 `GET /booking-provider-tags`."""
        path = self._path("crm", "booking-provider-tags")
        return await self._all(BookingProviderTag, path, "reading the booking provider tags")

    async def list_job_history(self, job_id: int) -> tuple[JobHistoryEntry, ...]:
        """Read what happened to a job, in the vendor's order. jpm-v2 `GET /jobs/{id}/history`. Raises NotFoundError."""
        path = self._path("jpm", f"jobs/{job_id}/history")
        return (await self._get(JobHistory, path, f"reading the history of job {job_id}")).history

    def _bookings_of(self, provider_id: int) -> str:
        return self._path("crm", f"booking-provider/{provider_id}/bookings")
