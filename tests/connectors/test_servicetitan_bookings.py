"""Bookings: made once, found again by our own key, every change seen, and only jobs that really name the booking."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx
from pydantic import ValidationError

from connectors.errors import AmbiguousWriteError, ContractError, NotFoundError, RejectedError, VendorError
from connectors.servicetitan.bookings_schemas import NewBooking
from connectors.servicetitan.client import ServiceTitan
from connectors.servicetitan.crm_schemas import NewContact
from tests.connectors.bookings import booking_row
from tests.connectors.doubles import NOW, ST, job_row, page

CRM = f"{ST}/crm/v2/tenant/7"
JPM = f"{ST}/jpm/v2/tenant/7"
BOOKINGS = f"{CRM}/booking-provider/77/bookings"
SINCE = datetime.fromisoformat(NOW)

BOOKING = NewBooking(
    source="Spring referrals",
    name="Robin Sample",
    summary="Referral",
    is_first_time_client=True,
    external_id="Qr090211",
    contacts=(NewContact(type="Email", value="robin@example.com"),),
)


async def test_only_what_was_set_is_sent(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    route = vendors.post(BOOKINGS).respond(json=booking_row())
    made = await st.create_booking(77, BOOKING)
    assert json.loads(route.calls[0].request.content) == {
        "source": "Spring referrals",
        "name": "Robin Sample",
        "summary": "Referral",
        "isFirstTimeClient": True,
        "externalId": "Qr090211",
        "contacts": [{"type": "Email", "value": "robin@example.com"}],
    }
    assert (made.id, made.status, made.external_id, made.job_id) == (77001, "New", "Qr090211", None)


@pytest.mark.parametrize("name", ["source", "name", "summary", "is_first_time_client", "external_id"])
def test_a_booking_without_a_field_the_vendor_demands_cannot_be_written_down(name: str) -> None:
    with pytest.raises(ValidationError, match="Field required"):
        NewBooking.model_validate(BOOKING.model_dump(exclude={name}))


async def test_a_booking_whose_answer_is_lost_was_sent_once_and_is_found_again(
    st: ServiceTitan, vendors: respx.MockRouter
) -> None:
    rows: list[dict[str, Any]] = []

    def take(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        rows.append(booking_row(externalId=body["externalId"]))
        raise httpx.ReadTimeout("lost")

    vendors.post(BOOKINGS).mock(side_effect=take)
    vendors.get(BOOKINGS).mock(side_effect=lambda _: httpx.Response(200, json=page(*rows)))
    with pytest.raises(AmbiguousWriteError) as caught:
        await st.create_booking(77, BOOKING)
    assert len(rows) == 1, "never repeated here: only the ledger may decide"
    assert [one.id for one in await st.list_bookings_by_external_id(77, "Qr090211")] == [77001]
    assert "robin@example.com" not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "meaning"),
    [
        pytest.param(httpx.Response(400), RejectedError, id="the provider is wrong, or a field"),
        pytest.param(httpx.Response(404), NotFoundError, id="there is no such provider"),
        pytest.param(httpx.Response(500), AmbiguousWriteError, id="it may have been made"),
        pytest.param(httpx.Response(200, json={"id": 1}), ContractError, id="made, and the answer is not one"),
    ],
)
async def test_what_a_failed_booking_means(
    st: ServiceTitan, vendors: respx.MockRouter, reply: httpx.Response, meaning: type[VendorError]
) -> None:
    route = vendors.post(BOOKINGS).mock(side_effect=[reply])
    with pytest.raises(VendorError) as caught:
        await st.create_booking(77, BOOKING)
    assert caught.type is meaning
    assert route.call_count == 1


async def test_a_refusal_names_the_field_and_nobody(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    refusal = {"title": "Robin Sample (robin@example.com) cannot be booked", "errors": {"campaignId": ["not active"]}}
    vendors.post(BOOKINGS).respond(400, json=refusal)
    with pytest.raises(RejectedError) as caught:
        await st.create_booking(77, BOOKING)
    assert "campaignId: not active" in str(caught.value)
    assert "Robin" not in str(caught.value)
    assert "@example.com" not in str(caught.value)


async def test_only_bookings_that_show_our_key_are_found(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    """A server that does not know the filter answers with everybody; one that trims gives ours back trimmed."""
    route = vendors.get(BOOKINGS).respond(
        json=page(
            booking_row(id=1, externalId="Qr09021"), booking_row(id=2, externalId=" Qr090211 "), booking_row(id=3)
        )
    )
    assert [one.id for one in await st.list_bookings_by_external_id(77, "Qr090211 ")] == [2, 3]
    assert route.calls[0].request.url.params["externalId"] == "Qr090211"


@pytest.mark.parametrize("blank", ["", "  "], ids=["empty", "blanks"])
async def test_a_blank_key_finds_nothing_and_asks_nothing(
    st: ServiceTitan, vendors: respx.MockRouter, blank: str
) -> None:
    route = vendors.get(BOOKINGS).respond(json=page(booking_row()))
    assert await st.list_bookings_by_external_id(77, blank) == ()
    assert not route.called


async def test_all_pages_are_looked_through_for_our_key(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    def bookings(request: httpx.Request) -> httpx.Response:
        number = int(request.url.params["page"])
        return httpx.Response(200, json=page(booking_row(id=number), has_more=number < 3))

    vendors.get(BOOKINGS).mock(side_effect=bookings)
    assert [one.id for one in await st.list_bookings_by_external_id(77, "Qr090211")] == [1, 2, 3]


async def test_no_booking_is_missed_while_bookings_change_under_the_reading(
    st: ServiceTitan, vendors: respx.MockRouter
) -> None:
    """RF-42: one that changes moves to the end and shifts the numbering of pages."""
    moments = {number: SINCE + timedelta(seconds=number) for number in range(1, 501)}
    asked: list[str] = []

    def bookings(request: httpx.Request) -> httpx.Response:
        query = request.url.params
        asked.append(query["sort"])
        since = datetime.fromisoformat(query["modifiedOnOrAfter"])
        if len(asked) == 2:
            moments[1] = SINCE + timedelta(hours=1)
        rows = [
            booking_row(id=number, modifiedOn=moment.isoformat(), status="Converted" if number == 1 else "New")
            for number, moment in sorted(moments.items(), key=lambda one: one[1])
            if moment >= since
        ]
        begin = (int(query["page"]) - 1) * 200
        return httpx.Response(200, json=page(*rows[begin : begin + 200], has_more=begin + 200 < len(rows)))

    vendors.get(BOOKINGS).mock(side_effect=bookings)
    seen = [booking.id async for rows in st.list_bookings(77, SINCE) for booking in rows]
    assert sorted(seen) == sorted([*range(1, 501), 1]), "each once, the changed one once more"
    assert set(asked) == {"+ModifiedOn"}


async def test_more_than_a_page_of_bookings_of_one_moment_are_all_read(
    st: ServiceTitan, vendors: respx.MockRouter
) -> None:
    def bookings(request: httpx.Request) -> httpx.Response:
        number = int(request.url.params["page"])
        rows = [booking_row(id=(number - 1) * 200 + n) for n in range(200 if number < 3 else 10)]
        return httpx.Response(200, json=page(*rows, has_more=number < 3))

    vendors.get(BOOKINGS).mock(side_effect=bookings)
    assert [booking.id async for rows in st.list_bookings(77, SINCE) for booking in rows] == list(range(410))


async def test_the_boundary_is_asked_for_inclusively_in_utc(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    route = vendors.get(BOOKINGS).respond(json=page())
    since = datetime.fromisoformat("2026-09-01T05:00:00.000001-05:00")
    assert [rows async for rows in st.list_bookings(77, since)] == []
    assert route.calls[0].request.url.params["modifiedOnOrAfter"] == "2026-09-01T10:00:00.000001Z"


async def test_one_booking_says_what_became_of_it(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    row = booking_row(status="Converted", jobId=48213, modifiedOn="2026-09-01T11:00:00.1234567Z")
    vendors.get(f"{BOOKINGS}/77001").respond(json=row)
    booking = await st.get_booking(77, 77001)
    assert (booking.status, booking.job_id) == ("Converted", 48213)
    assert booking.modified_on == datetime(2026, 9, 1, 11, 0, 0, 123456, tzinfo=UTC)


async def test_a_status_we_have_never_heard_of_is_read_as_it_is(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    vendors.get(f"{BOOKINGS}/77001").respond(json=booking_row(status="On Ice"))
    assert (await st.get_booking(77, 77001)).status == "On Ice"


async def test_a_booking_that_is_not_there_is_not_found(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    vendors.get(f"{BOOKINGS}/77001").respond(404)
    with pytest.raises(NotFoundError):
        await st.get_booking(77, 77001)


async def test_only_jobs_that_name_the_booking_are_its_jobs(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    """RF-D4: a server that does not know the filter answers with every job, and none of those may qualify anybody."""
    route = vendors.get(f"{JPM}/jobs").respond(
        json=page(
            job_row(id=1, bookingId=77001),
            job_row(id=2, bookingId=None),
            job_row(id=3, bookingId=77002),
            job_row(id=4, bookingId=77001),
        )
    )
    assert [job.id for job in await st.list_jobs_of_booking(77001)] == [1, 4]
    assert route.calls[0].request.url.params["bookingId"] == "77001"


async def test_a_job_tells_the_booking_it_came_from(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    vendors.get(f"{JPM}/jobs").respond(json=page(job_row(id=1, bookingId=77001), job_row(id=2, bookingId=None)))
    seen = [job.booking_id async for rows in st.list_jobs(SINCE) for job in rows]
    assert seen == [77001, None]


async def test_the_provider_tags_are_read_with_the_names_an_admin_gave(
    st: ServiceTitan, vendors: respx.MockRouter
) -> None:
    rows = (
        {"id": 77, "tagName": "Referral Factory", "description": "Referrals", "type": "V2Api", "active": True},
        {"id": 5102, "tagName": "Old website", "description": "", "type": "V1Api", "active": False},
    )
    vendors.get(f"{CRM}/booking-provider-tags").respond(json=page(*rows))
    tags = await st.list_booking_provider_tags()
    assert [(tag.id, tag.name, tag.active) for tag in tags] == [
        (77, "Referral Factory", True),
        (5102, "Old website", False),
    ]


@pytest.mark.parametrize("history", [None, []], ids=["null", "empty"])
async def test_a_job_without_a_history_has_none(
    st: ServiceTitan, vendors: respx.MockRouter, history: list[Any] | None
) -> None:
    vendors.get(f"{JPM}/jobs/48213/history").respond(json={"history": history})
    assert await st.list_job_history(48213) == ()


async def test_the_history_of_a_job_keeps_the_vendors_order_and_words(
    st: ServiceTitan, vendors: respx.MockRouter
) -> None:
    rows = [
        {"id": 2, "eventType": "Job Completed", "date": NOW, "usedSchedulingTool": "Manual", "memo": ""},
        {"id": 1, "eventType": "Job Booked", "date": NOW, "employeeId": 4, "usedSchedulingTool": "Manual", "memo": "x"},
    ]
    vendors.get(f"{JPM}/jobs/48213/history").respond(json={"history": rows})
    assert [(one.id, one.event_type, one.memo) for one in await st.list_job_history(48213)] == [
        (2, "Job Completed", ""),
        (1, "Job Booked", "x"),
    ]
