"""ServiceTitan's memberships, services, adjustments and changes of customers: contract shapes, strictness, state."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.specs import spec_query_names, spec_validator
from tests.sandbox import test_books as books
from tests.sandbox.conftest import Shop

FILES = {"memberships": "memberships-v2", "pricebook": "pricebook-v2", "crm": "crm-v2", "accounting": "accounting-v2"}
SAMPLES = {
    "ids": "2101", "active": "Any", "duration": "12", "billingFrequency": "Monthly", "status": "Active", "page": "1",
    "pageSize": "10", "sort": "+Id", "searchText": "plan", "customerIds": "1,2",
}  # fmt: skip


async def call(
    shop: Shop, method: str, base: str, path: str, body: Any = None, *, status: int = 200, **ids: Any
) -> Any:
    """Make one call; body and answer are held against the vendor's file."""
    if body is not None and status < 400:
        spec_validator(FILES[base], method, path, "request").validate(body)
    reply = await shop.st(method, base, path.format(**ids), json=body)
    assert reply.status_code == status, reply.text
    spec_validator(FILES[base], method, path, status=min(status, 400)).validate(reply.json())
    return reply.json()


async def buyer(shop: Shop) -> tuple[int, int]:
    made = await shop.people(
        "/servicetitan/customers",
        {
            "name": "Lenora Pike",
            "locations": [{"street": "12 Elm Street", "city": "Homewood", "state": "AL", "zip": "35209"}],
        },
    )
    return made["customer_id"], made["location_ids"][0]


def sale(customer: int, location: int, **changes: Any) -> dict[str, Any]:
    return {
        "customerId": customer,
        "businessUnitId": 303,
        "saleTaskId": 2201,
        "durationBillingId": 2301,
        "locationId": location,
        "recurringServiceAction": "All",
    } | changes


async def test_a_sale_makes_a_membership_and_an_invoice_of_its_own(shop: Shop) -> None:
    """OI-66: the sale task is the invoice's only line; sent twice, the customer has two."""
    customer, location = await buyer(shop)
    sold = await call(shop, "POST", "memberships", "/memberships/sale", sale(customer, location))
    reply = await shop.st("GET", "accounting", "/invoices", params={"ids": sold["invoiceId"]})
    spec_validator("accounting-v2", "GET", "/invoices").validate(reply.json())
    [invoice] = reply.json()["data"]
    [line] = invoice["items"]
    assert (invoice["job"], invoice["total"], invoice["invoiceConfiguration"]) == (None, "21.00", "MembershipInvoice")
    assert (line["skuName"], line["type"], line["membershipTypeId"]) == ("MEM-CAHABA", "Service", 2101)
    assert invoice["membershipId"] == sold["customerMembershipId"]
    await call(shop, "POST", "memberships", "/memberships/sale", sale(customer, location))
    reply = await shop.st("GET", "memberships", "/memberships", params={"customerIds": str(customer)})
    spec_validator("memberships-v2", "GET", "/memberships").validate(reply.json())
    assert [row["membershipTypeId"] for row in reply.json()["data"]] == [2101, 2101]
    first = reply.json()["data"][0]
    assert (first["activatedFromId"], first["status"], first["locationId"]) == (line["id"], "Active", location)
    assert first["nextScheduledBillDate"] < first["to"]
    await call(shop, "GET", "memberships", "/memberships/{id}", id=first["id"])
    only_jobs = await shop.st("GET", "accounting", "/invoices", params={"invoiceConfigurations": "JobInvoice"})
    assert invoice["id"] not in {row["id"] for row in only_jobs.json()["data"]}
    listed = await shop.st("GET", "accounting", "/invoices", params={"jobNumber": "48213"})
    assert invoice["id"] not in {row["id"] for row in listed.json()["data"]}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"saleTaskId": 1701}, "saleTaskId", id="a service that sells no membership"),
        pytest.param({"saleTaskId": 9}, "id", id="no such sale task"),
        pytest.param({"durationBillingId": 2303}, "durationBillingId", id="terms of another membership"),
        pytest.param({"locationId": 9}, "id", id="no such location"),
        pytest.param({"recurringServiceAction": "Single"}, "recurringLocationId", id="one location, but which"),
        pytest.param({"recurringServiceAction": "Every"}, "recurringServiceAction", id="no such action"),
        pytest.param({"customerId": "1"}, "customerId", id="a number as text"),
        pytest.param({"memo": "x"}, "memo", id="an unknown field"),
    ],
)
async def test_a_sale_that_does_not_fit_together_leaves_no_trace(
    shop: Shop, changes: dict[str, Any], field: str
) -> None:
    customer, location = await buyer(shop)
    refused = await call(
        shop, "POST", "memberships", "/memberships/sale", sale(customer, location, **changes), status=400
    )
    assert field in refused["errors"]
    state = (await shop.state())["servicetitan"]
    assert not state["memberships"]
    assert all(invoice["configuration"] == "JobInvoice" for invoice in state["invoices"])


async def test_a_location_or_a_type_that_cannot_be_sold_to_is_refused(shop: Shop) -> None:
    customer, _ = await buyer(shop)
    _, elsewhere = await buyer(shop)
    refused = await call(shop, "POST", "memberships", "/memberships/sale", sale(customer, elsewhere), status=400)
    assert refused["errors"]["locationId"]
    await shop.people("/servicetitan/membership-types", {"name": "Cahaba care plan", "active": False})
    refused = await call(
        shop, "POST", "memberships", "/memberships/sale", sale(customer, elsewhere) | {"locationId": None}, status=400
    )
    assert "not active" in refused["title"]


async def test_the_terms_of_a_type_are_a_bare_list(shop: Shop) -> None:
    made = await shop.people(
        "/servicetitan/membership-types",
        {
            "name": "Comfort plan",
            "id": 7001,
            "terms": [
                {"id": 7101, "sale_price": "19.00"},
                {"sale_price": "15.00", "billing_price": "12.00", "duration": None, "active": False},
            ],
            "sale_tasks": [{"id": 8001, "code": "MEM-COMFORT", "name": "Comfort plan, one system"}],
        },
    )
    assert (made["membership_type_id"], made["sale_task_ids"], made["duration_billing_ids"][0]) == (7001, [8001], 7101)
    path = "/membership-types/{id}/duration-billing-items"
    [only] = await call(shop, "GET", "memberships", path, id=7001)
    assert (only["id"], only["salePrice"], only["billingPrice"], only["duration"]) == (7101, 19.0, 19.0, 12)
    every = await shop.st("GET", "memberships", path.format(id=7001), params={"active": "Any"})
    assert [row["active"] for row in every.json()] == [True, False]
    assert (await shop.st("GET", "memberships", path.format(id=7001), params={"page": "1"})).status_code == 400
    assert (await shop.st("GET", "memberships", path.format(id=9))).status_code == 404
    await call(shop, "GET", "memberships", "/membership-types/{id}", id=7001)
    again = await shop.http.post("/_sandbox/servicetitan/membership-types", json={"name": "Other", "id": 7001})
    assert again.status_code == 400
    extra = {"includeDurationBilling": "true", "includeTags": "true", "includeDiscounts": "true"}
    reply = await shop.st("GET", "memberships", "/membership-types", params={"billingFrequency": "Annual", **extra})
    spec_validator("memberships-v2", "GET", "/membership-types").validate(reply.json())
    assert [row["name"] for row in reply.json()["data"]] == ["Cahaba care plan"]
    assert [way["salePrice"] for way in reply.json()["data"][0]["durationBilling"]] == [21.0, 229.0]


@pytest.mark.parametrize(
    ("base", "path"),
    [("memberships", "/membership-types"), ("memberships", "/memberships"), ("pricebook", "/services")],
)
async def test_every_query_parameter_of_the_spec_is_known_and_no_other(shop: Shop, base: str, path: str) -> None:
    together = {"externalDataKey", "externalDataValues", "externalDataApplicationGuid"}
    for name in spec_query_names(FILES[base], "GET", path) - together:
        value = SAMPLES.get(name) or ("true" if name.startswith(("include", "calculate")) else "2026-01-01T00:00:00Z")
        reply = await shop.st("GET", base, path, params={name: value})
        assert reply.status_code == 200, f"{name}: {reply.text}"
        spec_validator(FILES[base], "GET", path).validate(reply.json())
    assert (await shop.st("GET", base, path, params={"surprise": "1"})).status_code == 400


async def test_services_are_found_made_and_changed_like_materials(shop: Shop) -> None:
    """OI-28, OI-38: the pricebook may hold a SKU as a service."""
    reply = await shop.st("GET", "pricebook", "/services", params={"searchText": "tune"})
    assert [row["code"] for row in reply.json()["data"]] == ["SVC-COOL-TUNE", "SVC-HEAT-TUNE"]
    body = {"code": "FLT-1", "description": "Filter", "price": 12.5, "externalData": books.external("sku", "flt-1")}
    made = await call(shop, "POST", "pricebook", "/services", body, status=201)
    found = await shop.st("GET", "pricebook", "/services", params=books.search("sku", "flt-1"))
    assert [row["id"] for row in found.json()["data"]] == [made["id"]]
    changed = await call(shop, "PATCH", "pricebook", "/services/{id}", {"active": False}, id=made["id"])
    assert (changed["active"], changed["price"]) == (False, 12.5)
    assert (await shop.st("PATCH", "pricebook", f"/services/{made['id']}", json={"code": None})).status_code == 400
    await call(shop, "GET", "pricebook", "/services/{id}", id=made["id"])
    unknown = {"code": "FLT-2", "description": "Filter", "assetAccount": "Inventory"}
    await call(shop, "POST", "pricebook", "/services", unknown, status=400)


async def test_the_office_enters_and_switches_off_pricebook_items(shop: Shop) -> None:
    words = {"kind": "equipment", "code": "FLT-9", "name": "Filter", "price": "12.50", "taxable": False}
    made = await shop.people("/servicetitan/pricebook", words)
    assert (made["displayName"], made["description"], made["price"]) == ("Filter", "Filter", 12.5)
    off = await shop.people("/servicetitan/pricebook", {"kind": "equipment", "code": "FLT-9", "active": False})
    assert (off["id"], off["active"]) == (made["id"], False)


async def test_an_adjustment_corrects_an_invoice_and_leaves_it_as_it_is(shop: Shop) -> None:
    """OI-70: the answer is a bare id; sent twice, there are two."""
    _, material, job = await books.booked(shop)
    await books.add_line(shop, job, skuId=material["id"], quantity=2, unitPrice=36.4)
    body = {
        "adjustmentToId": job["invoiceId"],
        "summary": "Refund of store order CC-1",
        "items": [{"skuId": material["id"], "description": "Refund", "quantity": 1, "unitPrice": -36.4}],
        "tax": -3.64,
    }
    number = await call(shop, "POST", "accounting", "/invoices", body)
    reply = await shop.st("GET", "accounting", "/invoices", params={"adjustmentToId": job["invoiceId"]})
    spec_validator("accounting-v2", "GET", "/invoices").validate(reply.json())
    [row] = reply.json()["data"]
    assert (row["id"], row["total"], row["adjustmentToId"]) == (number, "-40.04", job["invoiceId"])
    assert (row["job"]["id"], row["customer"]["id"]) == (job["id"], job["customerId"])
    assert (await books.invoice_of(shop, job))["total"] == "72.80"
    assert (await shop.st("GET", "jpm", f"/jobs/{job['id']}")).json()["total"] == 72.8
    customer = (await shop.st("GET", "crm", f"/customers/{job['customerId']}")).json()
    assert customer["balance"] == pytest.approx(32.76)
    await call(shop, "POST", "accounting", "/invoices", body)
    again = await shop.st("GET", "accounting", "/invoices", params={"adjustmentToId": job["invoiceId"]})
    assert len(again.json()["data"]) == 2
    await call(shop, "POST", "accounting", "/invoices", {"adjustmentToId": 9}, status=400)
    await call(shop, "POST", "accounting", "/invoices", {"adjustmentToId": number}, status=400)
    await call(shop, "POST", "accounting", "/invoices", body | {"subtotal": 1}, status=400)
    await call(shop, "POST", "accounting", "/invoices", {"summary": "of what?"}, status=400)


async def test_customers_and_locations_are_changed_field_by_field(shop: Shop) -> None:
    customer, location = await buyer(shop)
    changed = await call(
        shop,
        "PATCH",
        "crm",
        "/customers/{id}",
        {"doNotMail": True, "tagTypeIds": [601], "externalData": books.external("buyer", "lenora")},
        id=customer,
    )
    assert (changed["name"], changed["doNotMail"], changed["tagTypeIds"]) == ("Lenora Pike", True, [601])
    assert changed["externalData"] == [{"key": "buyer", "value": "lenora"}]
    moved = {"street": "9 Oak", "unit": "", "city": "Hoover", "state": "AL", "zip": "35244", "country": "USA"}
    place = await call(shop, "PATCH", "crm", "/locations/{id}", {"address": moved, "active": False}, id=location)
    assert (place["address"]["street"], place["active"], place["customerId"]) == ("9 Oak", False, customer)
    for path, body in (
        (f"/customers/{customer}", {"name": None}),
        (f"/customers/{customer}", {"address": moved}),
        (f"/customers/{customer}", {"tagTypeIds": [9]}),
        (f"/locations/{location}", {"customerId": 9}),
        (f"/locations/{location}", {"surprise": 1}),
    ):
        assert (await shop.st("PATCH", "crm", path, json=body)).status_code == 400, body
    feed = await shop.st("GET", "crm", "/export/locations", params={"includeRecentChanges": "true"})
    assert {row["id"]: row["active"] for row in feed.json()["data"]}[location] is False


async def test_a_merged_customer_takes_its_memberships_along(shop: Shop) -> None:
    customer, location = await buyer(shop)
    stays, _ = await buyer(shop)
    await call(shop, "POST", "memberships", "/memberships/sale", sale(customer, location))
    await shop.people(f"/servicetitan/customers/{customer}/merge", {"into": stays})
    reply = await shop.st("GET", "memberships", "/memberships", params={"customerIds": str(stays)})
    assert len(reply.json()["data"]) == 1
