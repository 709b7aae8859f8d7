"""ServiceTitan's webhooks: CloudEvents as the specs have them, signed, retried, twice, late, swapped or lost."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from tests.contracts.specs import spec_schema_validator
from tests.sandbox.conftest import Shop
from tests.sandbox.ears import Ear, Heard, listening
from tests.sandbox.test_bookings import EVENING, OWN, crm, made, office

KEY = "0123456789abcdef0123456789abcdef"
ALL = [
    "tn.crm.booking-updated",
    "tn.jpm.job-scheduled",
    "tn.jpm.job-updated",
    "tn.jpm.job-completed",
    "tn.jpm.job-appointment-updated",
]
SCHEMAS = {
    "tn.crm.booking-updated": ("crm-v2", "CloudEvent_Of_Crm.V2.Webhooks.BookingUpdatedWebhookPayload"),
    "tn.jpm.job-scheduled": ("jpm-v2", "CloudEvent_Of_Jpm.V2.Webhook.JobScheduledWebhookEvent"),
    "tn.jpm.job-updated": ("jpm-v2", "CloudEvent_Of_Jpm.V2.Webhook.JobUpdatedWebhookEvent"),
    "tn.jpm.job-completed": ("jpm-v2", "CloudEvent_Of_Jpm.V2.Webhook.JobCompletedWebhookEvent"),
    "tn.jpm.job-appointment-updated": ("jpm-v2", "CloudEvent_Of_Jpm.V2.Webhook.JobAppointmentUpdatedWebhookEvent"),
}


@pytest.fixture
def ear() -> Iterator[Ear]:
    with listening() as one:
        yield one


async def subscribed(shop: Shop, ear: Ear, *types: str, **more: Any) -> Any:
    body = {"url": ear.url, "types": list(types) or ["tn.crm.booking-updated"], "key": KEY} | more
    return await shop.people("/servicetitan/webhooks", body)


async def switch(shop: Shop, **switches: Any) -> None:
    await shop.people("/servicetitan/switches", switches)


def event(one: Heard) -> dict[str, Any]:
    return dict(json.loads(one.body))


def told(heard: list[Heard]) -> list[tuple[str, str]]:
    """What happened and where the record then stood."""
    found = []
    for one in map(event, heard):
        data = one["data"]
        record = data.get("booking") or data.get("job") or data["appointment"]
        found.append((one["type"], record.get("status") or record.get("jobStatus")))
    return found


async def test_every_event_is_one_of_the_specs_and_signed_over_the_raw_body(shop: Shop, ear: Ear) -> None:
    await subscribed(shop, ear, *ALL)
    number = (await made(shop, name='Zoë <b>"/"</b>'))["id"]
    await office(shop, number, "accept")
    job = (await office(shop, number, "convert"))["jobs"][0]
    await ear.until(3)
    await shop.people(f"/servicetitan/jobs/{job['job_number']}", {"status": "InProgress"})
    await ear.until(4)
    await shop.people(f"/servicetitan/jobs/{job['job_number']}/complete")
    heard = await ear.until(7)
    assert sorted(told(heard[:3])) == [
        ("tn.crm.booking-updated", "Accepted"),
        ("tn.crm.booking-updated", "Converted"),
        ("tn.jpm.job-scheduled", "Scheduled"),
    ]
    assert told(heard[3:4]) == [("tn.jpm.job-updated", "InProgress")]
    assert sorted(told(heard[4:])) == [
        ("tn.jpm.job-appointment-updated", "Done"),
        ("tn.jpm.job-completed", "Completed"),
        ("tn.jpm.job-updated", "Completed"),
    ]
    for one in heard:
        file, schema = SCHEMAS[event(one)["type"]]
        spec_schema_validator(file, schema).validate(event(one))
        expected = hmac.new(KEY.encode(), one.body, hashlib.sha256).hexdigest()
        assert one.headers["x-servicetitan-signature"] == expected
        assert one.headers["content-type"].startswith("application/cloudevents+json")
        assert event(one)["source"] == "https://webhooks.servicetitan.io"
    assert len({event(one)["userassignedid"] for one in heard}) == len(heard)
    booked = next(event(one) for one in heard if event(one)["type"] == "tn.jpm.job-scheduled")
    assert booked["data"]["job"]["bookingId"] == number


async def test_a_new_booking_is_told_to_nobody(shop: Shop, ear: Ear) -> None:
    """There is no such event [spec]: only a poll finds what another channel made."""
    await subscribed(shop, ear, *ALL)
    number = (await made(shop))["id"]
    await anyio.sleep(0.1)
    assert ear.heard == []
    await crm(shop, "PATCH", f"{OWN}/{number}", json={"summary": "Referral, urgent"})
    assert told(await ear.until(1)) == [("tn.crm.booking-updated", "New")]


async def test_what_the_api_does_is_told_too(shop: Shop, ear: Ear) -> None:
    await subscribed(shop, ear, "tn.crm.booking-updated", "tn.jpm.job-updated")
    number = (await made(shop))["id"]
    await crm(shop, "POST", f"{OWN}/{number}/dismiss", json={})
    await ear.until(1)
    job = await shop.job()
    await shop.st("PUT", "jpm", f"/jobs/{job['id']}/hold", json={"reasonId": 701, "memo": ""})
    await ear.until(2)
    await shop.st("POST", "jpm", "/appointments", json={"jobId": job["id"], **EVENING})
    heard = await ear.until(3)
    assert told(heard) == [
        ("tn.crm.booking-updated", "Dismissed"),
        ("tn.jpm.job-updated", "Hold"),
        ("tn.jpm.job-updated", "Scheduled"),
    ]


@pytest.mark.parametrize("times", [2, 3])
async def test_an_event_that_comes_again_is_the_same_occurrence(shop: Shop, ear: Ear, times: int) -> None:
    await subscribed(shop, ear)
    await switch(shop, hooks_times=times)
    await office(shop, (await made(shop))["id"], "accept")
    heard = await ear.until(times)
    assert len({event(one)["userassignedid"] for one in heard}) == 1
    assert len({event(one)["id"] for one in heard}) == times, "the id of a delivery may differ [spec]"


async def deliveries_of(shop: Shop) -> list[dict[str, Any]]:
    return list((await shop.http.get("/_sandbox/servicetitan/webhooks/deliveries")).json()["deliveries"])


async def decided(shop: Shop) -> list[dict[str, Any]]:
    """Wait until no delivery is on its way."""
    with anyio.fail_after(20):
        while True:
            deliveries = await deliveries_of(shop)
            if all(one["outcome"] != "waiting" for one in deliveries):
                return deliveries
            await anyio.sleep(0.01)


async def waiting(shop: Shop, attempts: int) -> None:
    """Wait until the latest delivery was tried so often and waits for its next time."""
    with anyio.fail_after(20):
        while True:
            latest = (await deliveries_of(shop))[-1]
            if latest["attempts"] == attempts and latest["next_attempt_at"]:
                return
            await anyio.sleep(0.01)


async def test_what_nobody_took_is_tried_again_and_then_given_up(shop: Shop, ear: Ear) -> None:
    await subscribed(shop, ear)
    ear.answers = [500, 503, 200]
    await office(shop, (await made(shop))["id"], "accept")
    await waiting(shop, 1)
    await shop.people("/clock/advance", {"seconds": 8})
    await anyio.sleep(0.15)
    assert len(ear.heard) == 1
    await shop.people("/clock/advance", {"seconds": 3})
    await waiting(shop, 2)
    await shop.people("/clock/advance", {"seconds": 31})
    heard = await ear.until(3)
    assert len({event(one)["userassignedid"] for one in heard}) == 1
    ear.answers = [500] * 10
    await office(shop, (await made(shop))["id"], "accept")
    for attempts, wait_s in enumerate((11, 31, 61, 301), start=1):
        await waiting(shop, attempts)
        await shop.people("/clock/advance", {"seconds": wait_s})
    await ear.until(8)
    deliveries = await decided(shop)
    await shop.people("/clock/advance", {"hours": 5})
    await anyio.sleep(0.15)
    assert len(ear.heard) == 8
    assert [(one["outcome"], one["attempts"]) for one in deliveries] == [("sent", 3), ("failed", 5)]
    ear.answers = []
    await shop.people(f"/servicetitan/webhooks/deliveries/{deliveries[1]['number']}/replay")
    heard = await ear.until(9)
    assert event(heard[8])["userassignedid"] == event(heard[7])["userassignedid"]


@pytest.fixture
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine: the older event waits for the newer one."""
    monkeypatch.setattr("sandbox.courier.HELD_AT_MOST_S", 60)


@pytest.mark.usefixtures("_patience")
@pytest.mark.parametrize("times", [1, 2])
async def test_an_older_event_comes_after_a_newer_one(shop: Shop, ear: Ear, times: int) -> None:
    await subscribed(shop, ear)
    number = (await made(shop))["id"]
    await switch(shop, hooks_out_of_order=True, hooks_times=times)
    await office(shop, number, "accept")
    await office(shop, number, "convert")
    statuses = [status for _, status in told(await ear.until(1 + times))]
    assert statuses == ["Converted", *["Accepted"] * times]
    shop.app.world.titan.courier.stop()


async def test_the_last_event_of_all_comes_although_none_follows(shop: Shop, ear: Ear) -> None:
    await subscribed(shop, ear)
    await switch(shop, hooks_out_of_order=True)
    await office(shop, (await made(shop))["id"], "accept")
    assert told(await ear.until(1)) == [("tn.crm.booking-updated", "Accepted")]


async def test_events_come_late_or_never(shop: Shop, ear: Ear) -> None:
    await subscribed(shop, ear)
    await switch(shop, hooks_lost=True)
    await office(shop, (await made(shop))["id"], "accept")
    await switch(shop, hooks_lost=False, hooks_off=True)
    await office(shop, (await made(shop))["id"], "accept")
    await switch(shop, hooks_off=False, hooks_late_s=3600)
    await office(shop, (await made(shop))["id"], "dismiss")
    await anyio.sleep(0.15)
    assert ear.heard == []
    outcomes = [one["outcome"] for one in (await shop.state())["servicetitan"]["webhook_deliveries"]]
    assert outcomes == ["lost", "waiting"]
    await shop.people("/clock/advance", {"hours": 2})
    assert told(await ear.until(1)) == [("tn.crm.booking-updated", "Dismissed")]


async def test_the_signature_can_be_base64_elsewhere_wrong_or_missing(shop: Shop, ear: Ear) -> None:
    hook = await subscribed(shop, ear, header="X-Shop-Signature", encoding="base64")
    assert KEY not in json.dumps(hook)
    await office(shop, (await made(shop))["id"], "accept")
    (first,) = await ear.until(1)
    right = base64.b64encode(hmac.new(KEY.encode(), first.body, hashlib.sha256).digest()).decode()
    assert first.headers["x-shop-signature"] == right
    await switch(shop, hooks_wrong_signature=True)
    await office(shop, (await made(shop))["id"], "accept")
    second = (await ear.until(2))[1]
    right = base64.b64encode(hmac.new(KEY.encode(), second.body, hashlib.sha256).digest()).decode()
    assert second.headers["x-shop-signature"] != right
    await shop.people(f"/servicetitan/webhooks/{hook['id']}/remove")
    await subscribed(shop, ear, key=None)
    await office(shop, (await made(shop))["id"], "accept")
    third = (await ear.until(3))[2]
    assert not any("signature" in name for name in third.headers)
    assert KEY not in json.dumps(await shop.state())


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "https://hooks.example.com/x"},
        {"url": "http://127.0.0.1.example.com/x"},
        {"url": "ftp://127.0.0.1/x"},
        {"key": "too short"},
        {"types": ["tn.crm.booking-created"]},
        {"types": []},
        {"encoding": "rot13"},
    ],
    ids=str,
)
async def test_an_address_elsewhere_or_an_event_there_is_not_is_refused(
    shop: Shop, ear: Ear, wrong: dict[str, Any]
) -> None:
    body = {"url": ear.url, "types": ["tn.crm.booking-updated"], "key": KEY} | wrong
    assert (await shop.http.post("/_sandbox/servicetitan/webhooks", json=body)).status_code == 400


async def test_an_address_nobody_answers_at_is_noted_as_not_taken(shop: Shop, ear: Ear) -> None:
    await subscribed(shop, ear, url="http://127.0.0.1:1/hooks")
    await office(shop, (await made(shop))["id"], "accept")
    await waiting(shop, 1)
    (delivery,) = await deliveries_of(shop)
    assert (delivery["outcome"], delivery["status"]) == ("waiting", None)


async def test_beginning_again_forgets_who_listens(shop: Shop, ear: Ear) -> None:
    await subscribed(shop, ear)
    await switch(shop, hooks_late_s=3600)
    await office(shop, (await made(shop))["id"], "accept")
    await shop.people("/reset")
    await shop.people("/clock/advance", {"hours": 2})
    await shop.log_in()
    await office(shop, (await made(shop))["id"], "accept")
    await anyio.sleep(0.15)
    assert ear.heard == []
