"""Bookings: strict bodies, a provider's own list, what the office does with them, and the jobs that come of them."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from tests.contracts.specs import spec_query_names, spec_validator
from tests.sandbox.conftest import Shop

PROVIDER = 77
OWN = f"/booking-provider/{PROVIDER}/bookings"
PROVIDED = "/booking-provider/{booking_provider}/bookings"
BODY: dict[str, Any] = {
    "source": "Spring referrals",
    "name": "Robin Sample",
    "summary": "Referral",
    "isFirstTimeClient": True,
    "externalId": "Qr090211",
    "contacts": [{"type": "Email", "value": "robin@example.com"}],
}
ADDRESS = {"street": "12 Elm St", "unit": "4", "city": "Birmingham", "state": "AL", "zip": "35203", "country": "USA"}
FULL = BODY | {
    "address": ADDRESS,
    "contacts": [*BODY["contacts"], {"type": "MobilePhone", "value": "2055550101", "memo": "evenings"}],
    "customerType": "Residential",
    "start": "2026-12-05T15:00:00Z",
    "campaignId": 1201,
    "businessUnitId": 301,
    "jobTypeId": 401,
    "priority": "High",
    "uploadedImages": [],
    "isSendConfirmationEmail": False,
}
EVENING = {"start": "2026-12-05T15:00:00Z", "end": "2026-12-05T17:00:00Z"}


async def crm(shop: Shop, method: str, path: str, **more: Any) -> httpx.Response:
    return await shop.st(method, "crm", path, **more)


async def made(shop: Shop, **changes: Any) -> dict[str, Any]:
    reply = await crm(shop, "POST", OWN, json=BODY | changes)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


async def booking(shop: Shop, number: int) -> dict[str, Any]:
    return dict((await crm(shop, "GET", f"{OWN}/{number}")).json())


async def listed(shop: Shop, path: str = OWN, **query: Any) -> list[dict[str, Any]]:
    reply = await crm(shop, "GET", path, params=query)
    assert reply.status_code == 200, reply.text
    return list(reply.json()["data"])


async def office(shop: Shop, number: int, what: str, **order: Any) -> Any:
    return await shop.people(f"/servicetitan/bookings/{number}/{what}", order)


# The API.


@pytest.mark.parametrize("body", [BODY, FULL], ids=["the least", "everything"])
async def test_a_booking_is_made_and_read_as_the_spec_says(shop: Shop, body: dict[str, Any]) -> None:
    spec_validator("crm-v2", "POST", PROVIDED, "request").validate(body)
    reply = await crm(shop, "POST", OWN, json=body)
    assert reply.status_code == 200, reply.text
    told = reply.json()
    spec_validator("crm-v2", "POST", PROVIDED).validate(told)
    assert (told["status"], told["jobId"], told["bookingProviderId"]) == ("New", None, PROVIDER)
    assert {name: told[name] for name in body if name not in {"contacts", "start"}} == {
        name: value for name, value in body.items() if name not in {"contacts", "start"}
    }
    for path in (f"{OWN}/{told['id']}", f"/bookings/{told['id']}"):
        assert (await crm(shop, "GET", path)).json() == told
    for path in (f"{OWN}/{told['id']}/contacts", f"/bookings/{told['id']}/contacts"):
        contacts = (await crm(shop, "GET", path)).json()
        spec_validator("crm-v2", "GET", "/bookings/{id}/contacts").validate(contacts)
        assert [one["value"] for one in contacts["data"]] == [one["value"] for one in body["contacts"]]


@pytest.mark.parametrize(
    "changes",
    [
        *({name: None} for name in ("source", "name", "summary", "isFirstTimeClient", "externalId")),
        *({name: " "} for name in ("source", "name", "summary", "externalId")),
        {"isFirstTimeClient": "true"},
        {"contacts": None},
        {"contacts": [{"type": "Fax", "value": "2055550101"}]},
        {"contacts": [{"type": "Email", "value": " "}]},
        {"contacts": [{"type": "E-mail", "value": "robin@example.com"}]},
        {"address": {**ADDRESS, "country": None}},
        {"customerType": "Household"},
        {"priority": "Soon"},
        {"campaignId": 1},
        {"businessUnitId": "301"},
        {"jobTypeId": 99},
        {"start": "tomorrow"},
        {"status": "Converted"},
        {"customFields": []},
    ],
    ids=str,
)
async def test_what_the_spec_or_the_guide_does_not_allow_is_refused_and_leaves_no_trace(
    shop: Shop, changes: dict[str, Any]
) -> None:
    reply = await crm(shop, "POST", OWN, json=BODY | changes)
    assert reply.status_code == 400, reply.text
    spec_validator("crm-v2", "POST", PROVIDED, status=400).validate(reply.json())
    assert await listed(shop) == []


@pytest.mark.parametrize("left_out", ["source", "name", "summary", "isFirstTimeClient", "externalId"])
async def test_a_mandatory_field_left_out_is_refused(shop: Shop, left_out: str) -> None:
    body = {name: value for name, value in BODY.items() if name != left_out}
    assert (await crm(shop, "POST", OWN, json=body)).status_code == 400


async def test_an_address_alone_is_enough(shop: Shop) -> None:
    assert (await made(shop, contacts=[], address=ADDRESS))["address"] == ADDRESS


@pytest.mark.parametrize("provider", ["4242", "5103", "referrals"], ids=["unknown", "inactive", "a name"])
async def test_a_wrong_provider_makes_everything_fail(shop: Shop, provider: str) -> None:
    """RF-S6."""
    path = f"/booking-provider/{provider}/bookings"
    number = (await made(shop))["id"]
    for method, rest in (("POST", ""), ("GET", ""), ("GET", f"/{number}")):
        reply = await crm(shop, method, path + rest, json=BODY if method == "POST" else None)
        assert reply.status_code == 400, reply.text
    assert len(await listed(shop)) == 1


@pytest.mark.parametrize("status", [403, 404])
async def test_how_a_wrong_provider_is_refused_is_a_switch(shop: Shop, status: int) -> None:
    await shop.people("/servicetitan/switches", {"wrong_provider": status})
    assert (await crm(shop, "POST", "/booking-provider/4242/bookings", json=BODY)).status_code == status


async def test_a_provider_sees_its_own_bookings_and_the_tenant_sees_all(shop: Shop) -> None:
    ours = await made(shop)
    other = (await shop.people("/servicetitan/bookings", {"provider": 5102}))["booking_ids"][0]
    assert [one["id"] for one in await listed(shop)] == [ours["id"]]
    assert [one["id"] for one in await listed(shop, "/bookings")] == [ours["id"], other]
    assert (await crm(shop, "GET", f"{OWN}/{other}")).status_code == 404
    assert (await crm(shop, "POST", f"{OWN}/{other}/dismiss", json={})).status_code == 404
    assert (await crm(shop, "GET", f"/bookings/{other}")).status_code == 200


async def test_an_external_id_is_looked_for_exactly_and_may_be_there_twice(shop: Shop) -> None:
    first, second = await made(shop), await made(shop)
    await made(shop, externalId="Qr0902110")
    assert [one["id"] for one in await listed(shop, externalId="Qr090211")] == [first["id"], second["id"]]
    assert await listed(shop, externalId="qr090211") == []


async def test_modified_on_or_after_is_inclusive_and_sorted_as_asked(shop: Shop) -> None:
    ids = [(await made(shop, externalId=f"key-{place}"))["id"] for place in range(5)]
    await office(shop, ids[1], "accept")
    changed = await booking(shop, ids[1])
    rows = await listed(shop, modifiedOnOrAfter=(await booking(shop, ids[3]))["modifiedOn"], sort="+ModifiedOn")
    assert [one["id"] for one in rows] == [ids[3], ids[4], ids[1]]
    assert [one["id"] for one in await listed(shop, modifiedOnOrAfter=changed["modifiedOn"])] == [ids[1]]
    assert await listed(shop, modifiedOnOrAfter=changed["modifiedOn"], modifiedBefore=changed["modifiedOn"]) == []


async def test_lists_answer_every_parameter_of_the_spec_and_no_other(shop: Shop) -> None:
    await made(shop)
    for path, spec in ((OWN, PROVIDED), ("/bookings", "/bookings"), ("/booking-provider-tags",) * 2):
        for name in spec_query_names("crm-v2", "GET", spec):
            value = {"ids": "1", "page": "1", "pageSize": "10", "includeTotal": "true", "sort": "-CreatedOn"}.get(
                name, "2026-01-01T00:00:00Z" if name.endswith(("Before", "OnOrAfter")) else "text"
            )
            reply = await crm(shop, "GET", path, params={name: value})
            assert reply.status_code == 200, f"{name}: {reply.text}"
            spec_validator("crm-v2", "GET", spec).validate(reply.json())
        assert (await crm(shop, "GET", path, params={"status": "New"})).status_code == 400


async def test_the_provider_tags_are_listed_as_an_admin_made_them(shop: Shop) -> None:
    tags = await listed(shop, "/booking-provider-tags")
    assert [(one["id"], one["tagName"], one["active"]) for one in tags] == [
        (77, "Referral Factory", True),
        (5102, "Website", True),
        (5103, "Old website", False),
    ]
    assert (await crm(shop, "GET", "/booking-provider-tags/77")).json() == tags[0]
    assert (await crm(shop, "GET", "/booking-provider-tags/1")).status_code == 404
    await shop.people("/servicetitan/booking-provider-tags", {"name": "Referral Factory", "active": False})
    assert (await crm(shop, "POST", OWN, json=BODY)).status_code == 400


async def test_a_booking_is_changed_but_neither_its_status_nor_its_contacts(shop: Shop) -> None:
    number = (await made(shop))["id"]
    change = {"summary": "Referral, call after five", "address": ADDRESS, "priority": "Urgent", "campaignId": 1201}
    spec_validator("crm-v2", "PATCH", PROVIDED + "/{id}", "request").validate(change)
    reply = await crm(shop, "PATCH", f"{OWN}/{number}", json=change)
    spec_validator("crm-v2", "PATCH", PROVIDED + "/{id}").validate(reply.json())
    assert {name: (await booking(shop, number))[name] for name in change} == change
    unit_missing = {name: value for name, value in ADDRESS.items() if name != "unit"}
    refused: tuple[dict[str, Any], ...] = (
        {"status": "Accepted"},
        {"contacts": []},
        {"isSendConfirmationEmail": True},
        {"summary": None},
        {"summary": ""},
        {"jobTypeId": 1},
        {"address": unit_missing},
    )
    for wrong in refused:
        assert (await crm(shop, "PATCH", f"{OWN}/{number}", json=wrong)).status_code == 400, wrong


async def test_a_booking_is_dismissed_once_and_not_when_it_is_a_job(shop: Shop) -> None:
    first, second = (await made(shop))["id"], (await made(shop))["id"]
    reply = await crm(shop, "POST", f"{OWN}/{first}/dismiss", json={"dismissingMemo": "changed her mind"})
    assert (reply.status_code, reply.content) == (200, b"")
    assert (await booking(shop, first))["status"] == "Dismissed"
    assert (await crm(shop, "POST", f"{OWN}/{first}/dismiss", json={})).status_code == 400
    await office(shop, second, "convert")
    assert (await crm(shop, "POST", f"{OWN}/{second}/dismiss", json={})).status_code == 400


async def test_the_feed_tells_every_change_and_what_is_gone(shop: Shop) -> None:
    await shop.people("/servicetitan/switches", {"feed_lag_s": 0})
    first, second = (await made(shop))["id"], (await made(shop))["id"]
    page = (await crm(shop, "GET", "/export/bookings")).json()
    spec_validator("crm-v2", "GET", "/export/bookings").validate(page)
    assert [one["id"] for one in page["data"]] == [first, second]
    await office(shop, first, "accept")
    await office(shop, second, "delete")
    page = (await crm(shop, "GET", "/export/bookings", params={"from": page["continueFrom"]})).json()
    assert [(one["id"], one["status"], one["active"]) for one in page["data"]] == [
        (first, "Accepted", True),
        (second, "New", False),
    ]
    assert [one["id"] for one in await listed(shop)] == [first], "a list holds none that is gone"


# The office.


async def test_the_office_accepts_and_converts_a_booking_for_a_new_customer(shop: Shop) -> None:
    number = (await made(shop, **FULL))["id"]
    await office(shop, number, "accept")
    assert (await booking(shop, number))["status"] == "Accepted"
    told = await office(shop, number, "convert")
    job = (await shop.st("GET", "jpm", f"/jobs/{told['jobs'][0]['job_id']}")).json()
    spec_validator("jpm-v2", "GET", "/jobs/{id}").validate(job)
    assert (job["bookingId"], job["jobStatus"], job["priority"]) == (number, "Scheduled", "High")
    after = await booking(shop, number)
    assert (after["status"], after["jobId"]) == ("Converted", job["id"])
    customer = (await crm(shop, "GET", f"/customers/{job['customerId']}")).json()
    assert (customer["name"], customer["address"]["street"]) == ("Robin Sample", "12 Elm St")
    contacts = await listed(shop, f"/customers/{job['customerId']}/contacts")
    assert [one["value"] for one in contacts] == ["robin@example.com", "2055550101"]


async def test_a_booking_becomes_several_jobs_of_one_customer_at_once_or_later(shop: Shop) -> None:
    number = (await made(shop))["id"]
    told = await office(shop, number, "convert", jobs=2)
    later = await office(shop, number, "convert")
    jobs = (await shop.st("GET", "jpm", "/jobs", params={"bookingId": number})).json()["data"]
    assert [one["id"] for one in jobs] == [one["job_id"] for one in told["jobs"] + later["jobs"]]
    assert {one["customerId"] for one in jobs} == {told["customer_id"]}
    assert (await booking(shop, number))["jobId"] == jobs[0]["id"]
    assert (await shop.st("GET", "jpm", "/jobs", params={"bookingId": 4242})).json()["data"] == []


async def test_a_booking_is_converted_for_a_customer_who_is_there_and_makes_no_second_one(shop: Shop) -> None:
    known = await listed(shop, "/customers", name="Harriet Colvin")
    number = (await made(shop))["id"]
    before = len(await listed(shop, "/customers", pageSize=500))
    told = await office(shop, number, "convert", customer_id=known[0]["id"])
    assert told["customer_id"] == known[0]["id"]
    assert len(await listed(shop, "/customers", pageSize=500)) == before
    reply = await shop.http.post(f"/_sandbox/servicetitan/bookings/{number}/convert", json={"customer_id": 4242})
    assert reply.status_code == 400


async def test_a_dismissed_booking_can_still_be_booked(shop: Shop) -> None:
    number = (await made(shop))["id"]
    await office(shop, number, "dismiss", memo="no answer")
    dismissed = await booking(shop, number)
    assert (dismissed["status"], dismissed["dismissingReasonId"]) == ("Dismissed", 1801)
    refused = await shop.http.post(f"/_sandbox/servicetitan/bookings/{number}/accept", json={})
    assert refused.status_code == 400
    await office(shop, number, "convert")
    assert (await booking(shop, number))["status"] == "Converted"


async def test_booking_a_job_with_the_bookings_id_converts_it(shop: Shop) -> None:
    number = (await made(shop))["id"]
    customer = (await listed(shop, "/customers", name="Harriet Colvin"))[0]["id"]
    location = (await listed(shop, "/locations", customerId=customer))[0]["id"]
    job = {
        "customerId": customer,
        "locationId": location,
        "businessUnitId": 301,
        "jobTypeId": 401,
        "campaignId": 1201,
        "priority": "Normal",
        "appointments": [EVENING],
    }
    wrong = await shop.st("POST", "jpm", "/jobs", json=job | {"bookingId": 4242})
    assert wrong.status_code == 400
    reply = await shop.st("POST", "jpm", "/jobs", json=job | {"bookingId": number})
    assert reply.status_code == 200, reply.text
    assert reply.json()["bookingId"] == number
    after = await booking(shop, number)
    assert (after["status"], after["jobId"]) == ("Converted", reply.json()["id"])


async def test_a_job_is_completed_reopened_and_canceled_and_its_history_tells(shop: Shop) -> None:
    number = (await made(shop))["id"]
    told = (await office(shop, number, "convert"))["jobs"][0]
    for status in ("Dispatched", "InProgress", "Completed", "InProgress", "Canceled", "Scheduled"):
        job = await shop.people(f"/servicetitan/jobs/{told['job_number']}", {"status": status})
        assert job["jobStatus"] == status
        assert (job["completedOn"] is not None) == (status == "Completed")
    history = (await shop.st("GET", "jpm", f"/jobs/{told['job_id']}/history")).json()
    spec_validator("jpm-v2", "GET", "/jobs/{id}/history").validate(history)
    assert [one["eventType"] for one in history["history"]] == [
        "Job Booked",
        "Appointment Booked",
        "Job Dispatched",
        "Job InProgress",
        "Job Completed",
        "Job Reopened: InProgress",
        "Job Canceled",
        "Job Reopened: Scheduled",
    ]
    assert (await booking(shop, number))["status"] == "Converted"


# Many.


async def test_five_thousand_bookings_and_their_jobs_answer_what_changed_without_delay(shop: Shop) -> None:
    keys = [f"key-{place}" for place in range(5000)]
    ids = (await shop.people("/servicetitan/bookings", {"provider": PROVIDER, "external_ids": keys}))["booking_ids"]
    last = await booking(shop, ids[-1])
    for number in ids[:3]:
        await office(shop, number, "convert")
    changed = [ids[-1], *ids[:3]]
    start = time.monotonic()
    for _ in range(20):
        rows = await listed(shop, modifiedOnOrAfter=last["modifiedOn"], sort="+ModifiedOn")
        assert [one["id"] for one in rows] == changed
        assert len(await listed(shop, externalId="key-4999")) == 1
    assert time.monotonic() - start < 20 * 2 * 0.1
