"""The ServiceTitan connector and the sandbox, each written from the contracts alone: the way of a booking."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from connectors.errors import AmbiguousWriteError, RejectedError
from connectors.limits import Unlimited
from connectors.servicetitan.bookings_schemas import Booking, NewBooking
from connectors.servicetitan.client import ServiceTitan
from connectors.servicetitan.crm_schemas import NewAddress, NewContact
from connectors.servicetitan.webhooks import RecordEvent, read_event
from connectors.tokens import TokenStore
from connectors.webhooks import Refusal
from models.shop import ServiceTitanSettings
from sandbox.app import create_app
from tests.connectors.doubles import GUID
from tests.sandbox.ears import Ear, listening

HOUSE = "http://127.0.0.1:8700"
PROVIDER = 77
KEY = "0123456789abcdef0123456789abcdef"

SETTINGS = ServiceTitanSettings.model_validate(
    {
        "api_url": f"{HOUSE}/servicetitan",
        "auth_url": f"{HOUSE}/servicetitan/connect/token",
        "tenant_id": 1234567,
        "app_key": "sandbox-app-key",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "external_data_guid": GUID,
        "booking_provider": PROVIDER,
        "webhook_key": KEY,
    }
)
BOOKING = NewBooking(
    source="Spring referrals",
    name="Robin Sample",
    summary="Referral",
    is_first_time_client=True,
    external_id="Qr090211",
    contacts=(NewContact(type="Email", value="robin@example.com"),),
)


@dataclass
class House:
    """A sandbox in this process, the connector talking to it, and the office."""

    people: httpx.AsyncClient
    st: ServiceTitan

    async def tell(self, path: str, **body: Any) -> Any:
        reply = await self.people.post(f"/_sandbox{path}", json=body)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def office(self, booking: Booking, what: str, **order: Any) -> Any:
        return await self.tell(f"/servicetitan/bookings/{booking.id}/{what}", **order)

    async def changed(self, since: datetime) -> list[tuple[int, str]]:
        return [(one.id, one.status) async for rows in self.st.list_bookings(PROVIDER, since) for one in rows]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    network = httpx.ASGITransport(app=create_app())
    async with (
        httpx.AsyncClient(transport=network, base_url=HOUSE) as people,
        ServiceTitan.from_settings(SETTINGS, limiter=Unlimited(), transport=network, tokens=TokenStore()) as st,
    ):
        yield House(people, st)


@pytest.fixture
def ear() -> Iterator[Ear]:
    with listening() as one:
        yield one


async def test_a_booking_made_with_everything_is_found_again(house: House) -> None:
    full = BOOKING.model_copy(
        update={
            "address": NewAddress(street="12 Elm St", city="Birmingham", state="AL", zip="35203", country="USA"),
            "customer_type": "Residential",
            "start": datetime(2026, 12, 5, 15, tzinfo=UTC),
            "campaign_id": 1201,
            "business_unit_id": 301,
            "job_type_id": 401,
            "priority": "High",
            "is_send_confirmation_email": False,
        }
    )
    made = await house.st.create_booking(PROVIDER, full)
    assert (made.status, made.job_id, made.booking_provider_id, made.campaign_id) == ("New", None, PROVIDER, 1201)
    assert await house.st.list_bookings_by_external_id(PROVIDER, "Qr090211") == (made,)
    assert await house.st.get_booking(PROVIDER, made.id) == made
    assert PROVIDER in {tag.id for tag in await house.st.list_booking_provider_tags() if tag.active}


async def test_a_booking_whose_answer_was_lost_is_there_once(house: House) -> None:
    """RF-41."""
    await house.tell("/faults", match="POST /servicetitan/*/bookings", kind="lost_answer")
    with pytest.raises(AmbiguousWriteError):
        await house.st.create_booking(PROVIDER, BOOKING)
    assert len(await house.st.list_bookings_by_external_id(PROVIDER, "Qr090211")) == 1


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_a_wrong_provider_is_a_refusal_whatever_its_status(house: House, status: int) -> None:
    """RF-S6."""
    await house.tell("/servicetitan/switches", wrong_provider=status)
    with pytest.raises(RejectedError):
        await house.st.create_booking(4242, BOOKING)
    with pytest.raises(RejectedError):
        await house.st.list_bookings_by_external_id(4242, "Qr090211")


async def test_what_the_office_does_is_seen_as_changes_since(house: House) -> None:
    """RF-42, RF-43."""
    first = await house.st.create_booking(PROVIDER, BOOKING)
    second = await house.st.create_booking(PROVIDER, BOOKING.model_copy(update={"external_id": "Qr090212"}))
    await house.office(first, "accept")
    since = (await house.st.get_booking(PROVIDER, first.id)).modified_on
    assert await house.changed(since) == [(first.id, "Accepted")]
    await house.office(second, "dismiss")
    told = await house.office(first, "convert", jobs=2)
    assert await house.changed(since) == [(second.id, "Dismissed"), (first.id, "Converted")]
    jobs = await house.st.list_jobs_of_booking(first.id)
    assert [job.id for job in jobs] == [one["job_id"] for one in told["jobs"]]
    assert {job.booking_id for job in jobs} == {first.id}
    assert (await house.st.get_booking(PROVIDER, first.id)).job_id == jobs[0].id
    number = jobs[0].job_number
    for status in ("Completed", "InProgress"):
        await house.tell(f"/servicetitan/jobs/{number}", status=status)
    events = [entry.event_type for entry in await house.st.list_job_history(jobs[0].id)]
    assert events[-2:] == ["Job Completed", "Job Reopened: InProgress"]
    seen = [job async for rows in house.st.list_jobs(since) for job in rows if job.booking_id == first.id]
    assert {(job.id, job.job_status) for job in seen} == {(jobs[0].id, "InProgress"), (jobs[1].id, "Scheduled")}


async def test_a_thousand_bookings_of_one_moment_and_later_ones_are_all_read_once(house: House) -> None:
    keys = [f"key-{place}" for place in range(1000)]
    ids = (await house.tell("/servicetitan/bookings", provider=PROVIDER, external_ids=keys))["booking_ids"]
    since = (await house.st.get_booking(PROVIDER, ids[0])).modified_on
    assert sorted(number for number, _ in await house.changed(since)) == ids
    assert await house.changed(since + timedelta(days=1)) == []


async def test_a_webhook_is_read_by_the_connector_and_a_forged_one_is_not(house: House, ear: Ear) -> None:
    types = ["tn.crm.booking-updated", "tn.jpm.job-completed", "tn.jpm.job-appointment-updated"]
    await house.tell("/servicetitan/webhooks", url=ear.url, types=types, key=KEY)
    booking = await house.st.create_booking(PROVIDER, BOOKING)
    job = (await house.office(booking, "convert"))["jobs"][0]
    await ear.until(1)
    await house.tell(f"/servicetitan/jobs/{job['job_number']}/complete")
    heard = await ear.until(3)
    events = [read_event(one.headers, one.body, SETTINGS) for one in heard]
    assert all(isinstance(one, RecordEvent) for one in events), events
    records = [one.record for one in events if isinstance(one, RecordEvent)]
    assert records == [f"booking/{booking.id}", f"job/{job['job_id']}", f"job/{job['job_id']}"]
    await house.tell("/servicetitan/switches", hooks_wrong_signature=True)
    await house.tell(f"/servicetitan/bookings/{booking.id}/convert")
    forged = (await ear.until(4))[3]
    assert isinstance(read_event(forged.headers, forged.body, SETTINGS), Refusal)
