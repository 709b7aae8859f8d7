"""What the sandbox answers is valid against the vendors' contracts, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.specs import spec_query_names, spec_validator
from tests.sandbox.conftest import Shop, line

FILES = {
    "jpm": "jpm-v2",
    "crm": "crm-v2",
    "dispatch": "dispatch-v2",
    "settings": "settings-v2",
    "sales": "salestech-v2",
    "pricebook": "pricebook-v2",
    "equipmentsystems": "equipment-systems-v2",
    "forms": "forms-v2",
}

LISTS = [
    ("jpm", "/jobs"),
    ("jpm", "/jobs/custom-fields"),
    ("jpm", "/job-hold-reasons"),
    ("jpm", "/job-cancel-reasons"),
    ("jpm", "/job-types"),
    ("jpm", "/appointments"),
    ("crm", "/customers"),
    ("crm", "/customers/custom-fields"),
    ("crm", "/locations"),
    ("dispatch", "/appointment-assignments"),
    ("settings", "/technicians"),
    ("settings", "/business-units"),
    ("settings", "/tag-types"),
    ("sales", "/estimates"),
    ("sales", "/estimates/items"),
    ("pricebook", "/materials"),
    ("pricebook", "/equipment"),
    ("equipmentsystems", "/installed-equipment"),
    ("forms", "/forms"),
    ("forms", "/submissions"),
]

SAMPLES = {
    "ids": "71000001",
    "userIds": "9501",
    "appointmentIds": "1",
    "locationIds": "1",
    "formIds": "851",
    "tagTypeIds": "601",
    "estimateIds": "1",
    "costTypeIds": "1",
    "active": "Any",
    "jobStatus": "Scheduled",
    "appointmentStatus": "Scheduled",
    "status": "Any",
    "ownerType": "Job",
    "sort": "+Id",
    "orderByDirection": "desc",
    "page": "1",
    "pageSize": "10",
    "minDuration": "1",
    "maxDuration": "99999",
    "latitude": "33.5",
    "longitude": "-86.8",
    "totalGreater": "1",
    "totalLess": "10",
}
FLAGS = {
    "includeTotal", "hasUnusedAppointments", "unused", "isOtherDirectCost", "hasConditionalLogic", "hasTriggers",
    "excludeAccountingChangesFromModifiedDateRange",
}  # fmt: skip
TOGETHER = {"externalDataKey", "externalDataValues", "externalDataApplicationGuid"}


@pytest.fixture
async def busy(shop: Shop) -> Shop:
    """The demo shop after a day's work: every list has something to show."""
    await shop.people("/servicetitan/jobs/48213/diagnose", {"part_number": "WPW10348269", "vendor_part": "W10348269"})
    await shop.people("/servicetitan/jobs/48214/diagnose", {"part_number": "W10295370A", "as": "custom_field"})
    await shop.people(
        "/servicetitan/jobs/48215/diagnose", {"part_number": "WD15X10014", "as": "form", "model": "ADW1100N10WW"}
    )
    job = await shop.job()
    await shop.st("POST", "jpm", f"/jobs/{job['id']}/notes", json={"text": "Looked at it.", "pinToTop": True})
    await shop.st("PUT", "jpm", f"/jobs/{job['id']}/hold", json={"reasonId": 701, "memo": "pump"})
    shop.app.world.titan.equipment[1] = _furnace()
    return shop


def _furnace() -> Any:
    from datetime import UTC, datetime

    from sandbox.servicetitan.shop_records import Equipment

    made = datetime(2026, 1, 1, tzinfo=UTC)
    return Equipment(id=1, code="EQ-1", description="Dishwasher", created_on=made, modified_on=made)


def sample_of(name: str, base: str) -> str:
    """A value of the right form for a query parameter of that name."""
    if name in SAMPLES:
        return "Sold" if name == "status" and base == "sales" else SAMPLES[name]
    if name in FLAGS:
        return "true"
    if name.endswith(("Before", "OnOrAfter", "After")):
        return "2026-01-01T00:00:00Z"
    if name == "orderBy":
        return "Id" if base == "sales" else "id"
    if name.endswith("Id"):
        return "1"
    return "Normal" if name == "priority" else "text"


@pytest.mark.parametrize(("base", "path"), LISTS)
async def test_every_list_answers_as_its_spec_says(busy: Shop, base: str, path: str) -> None:
    reply = await busy.st("GET", base, path, params={"includeTotal": "true"})
    assert reply.status_code == 200, reply.text
    page = reply.json()
    spec_validator(FILES[base], "GET", path).validate(page)
    assert page["data"], "an empty list proves nothing"
    assert page["totalCount"] == len(page["data"])


@pytest.mark.parametrize(("base", "path"), LISTS)
async def test_every_query_parameter_of_the_spec_is_known_and_no_other(busy: Shop, base: str, path: str) -> None:
    for name in spec_query_names(FILES[base], "GET", path) - TOGETHER - {"owners"}:
        value = sample_of(name, base)
        if path.endswith("/custom-fields") and name == "sort":
            value = "+Name"
        if path == "/appointments" and name == "status":
            value = "Scheduled"
        reply = await busy.st("GET", base, path, params={name: value})
        assert reply.status_code == 200, f"{name}: {reply.text}"
    reply = await busy.st("GET", base, path, params={"surprise": "1"})
    assert reply.status_code == 400
    spec_validator(FILES[base], "GET", path, status=400).validate(reply.json())


@pytest.mark.parametrize(
    ("base", "lists", "path"),
    [
        ("jpm", "/jobs", "/jobs/{id}"),
        ("jpm", "/jobs", "/jobs/{id}/notes"),
        ("jpm", "/jobs", "/jobs/{id}/history"),
        ("jpm", "/appointments", "/appointments/{id}"),
        ("crm", "/customers", "/customers/{id}"),
        ("crm", "/customers", "/customers/{id}/contacts"),
        ("crm", "/locations", "/locations/{id}"),
        ("settings", "/technicians", "/technicians/{id}"),
        ("sales", "/estimates", "/estimates/{id}"),
        ("pricebook", "/materials", "/materials/{id}"),
    ],
)
async def test_every_read_by_id_answers_as_its_spec_says(busy: Shop, base: str, lists: str, path: str) -> None:
    first = (await busy.st("GET", base, lists)).json()["data"][0]["id"]
    reply = await busy.st("GET", base, path.format(id=first))
    assert reply.status_code == 200, reply.text
    spec_validator(FILES[base], "GET", path).validate(reply.json())
    missing = await busy.st("GET", base, path.format(id=12345))
    assert missing.status_code == 404
    spec_validator(FILES[base], "GET", path, status=400).validate(missing.json())


async def test_every_write_answers_as_its_spec_says(busy: Shop) -> None:
    job = await busy.job("48214")
    visit = job["appointments"][0]
    day = {"start": "2026-12-01T15:00:00Z", "end": "2026-12-01T17:00:00Z"}
    writes = [
        ("PATCH", "/jobs/{id}", job["id"], {"customerPo": "7", "tagTypeIds": [601], "soldById": None}),
        ("POST", "/jobs/{id}/notes", job["id"], {"text": "note"}),
        ("POST", "/appointments", None, {"jobId": job["id"], **day, "technicianIds": [502]}),
        ("PATCH", "/appointments/{id}/reschedule", visit["id"], day),
        ("PUT", "/appointments/{id}/special-instructions", visit["id"], {"specialInstructions": "Parts: pump"}),
    ]
    for method, path, record, body in writes:
        spec_validator("jpm-v2", method, path, "request").validate(body)
        reply = await busy.st(method, "jpm", path.format(id=record), json=body)
        assert reply.status_code == 200, reply.text
        spec_validator("jpm-v2", method, path).validate(reply.json())
    for method, path, record, body in [
        ("PUT", "/appointments/{id}/hold", visit["id"], {"reasonId": 701, "memo": ""}),
        ("DELETE", "/appointments/{id}/hold", visit["id"], None),
        ("PUT", "/jobs/{id}/hold", job["id"], {"reasonId": 701, "memo": ""}),
        ("PUT", "/jobs/{id}/cancel", job["id"], {"reasonId": 751, "memo": ""}),
    ]:
        reply = await busy.st(method, "jpm", path.format(id=record), json=body)
        assert (reply.status_code, reply.content) == (200, b"")


def marcone_valid(path: str, body: Any, status: int = 200, method: str = "POST") -> None:
    spec_validator("marcone-contract", method, path, status=status, closed=True).validate(body)


async def test_marcone_answers_as_its_contract_says(shop: Shop) -> None:
    account = {"custNo": 100200}
    numbers = {"partNumber": "WR57X10051", "lookupType": "ByZipCode", "tntShipToZip": "35209"}
    address = {
        "name": "A",
        "address1": "1 Main St",
        "address2": "",
        "city": "Birmingham",
        "state": "AL",
        "zip": "35203",
    }
    placed = (await shop.order()).json()
    marcone_valid("/orders/purchaseorder", placed)
    order = placed["orderNumbers"][0]
    calls = [
        ("/parts/lookup", account | numbers),
        ("/parts/lookup", account | {"partNumber": "8270018"}),
        ("/parts/productlistlookup", account | {"items": [{"itemId": "279838"}]}),
        ("/orders/getshippingmethods", account | {"warehouseNumber": "601"}),
        ("/orders/validateaddress", account | address),
        ("/orders/cartorder", account | {"warehouseNumber": 601, "shipTo": address, "cartOrderItems": [line()]}),
        ("/orders/orderstatus", account | {"lookupType": "ByOrderNumber", "orderNumber": order}),
        ("/orders/trackpackage", account | {"trackingNumber": "775590000001"}),
    ]
    for path, body in calls:
        spec_validator("marcone-contract", "POST", path, "request", closed=True).validate(body)
        reply = await shop.marcone(path, body)
        assert reply.status_code == 200, reply.text
        marcone_valid(path, reply.json())
    miss = await shop.marcone("/parts/lookup", account | {"partNumber": "WDT750SAHZ0"})
    assert miss.status_code == 400
    assert "Part not found." in miss.text
    marcone_valid("/parts/lookup", miss.json(), 400)


@pytest.mark.parametrize("wrapper", ["orderResults", "orderInformation", "orders"])
@pytest.mark.parametrize("status_as", ["text", "object"])
@pytest.mark.parametrize("eta_on", ["none", "header", "items"])
async def test_every_reading_of_the_status_answer_is_within_the_contract(
    shop: Shop, wrapper: str, status_as: str, eta_on: str
) -> None:
    order = (await shop.order()).json()["orderNumbers"][0]
    await shop.people("/marcone/switches", {"status_wrapper": wrapper, "status_as": status_as, "eta_on": eta_on})
    await shop.people(f"/marcone/orders/{order}/backorder", {"eta": "2026-12-09"})
    reply = (await shop.marcone("/orders/orderstatus", {"custNo": 100200, "orderNumber": order})).json()
    marcone_valid("/orders/orderstatus", reply)
    result = reply[wrapper][0]
    shown = {"none": None, "header": result.get("eta"), "items": result["orderItems"][0].get("eta")}[eta_on]
    assert shown == (None if eta_on == "none" else "2026-12-09")
    assert "Backordered" in str(result["status"])
    assert isinstance(result["status"], str if status_as == "text" else dict)
