"""ServiceTitan from a new customer to a paid invoice: contract shapes, strictness, state, feeds and switches."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.specs import spec_query_names, spec_validator
from tests.sandbox.conftest import Shop

GUID = "6f0c2f0e-9d1b-4c57-8c39-0b8f8a3f7d11"
FILES = {
    "crm": "crm-v2",
    "jpm": "jpm-v2",
    "pricebook": "pricebook-v2",
    "accounting": "accounting-v2",
    "marketing": "marketing-v2",
    "dispatch": "dispatch-v2",
}
ADDRESS = {"street": "12 Elm Street", "city": "Homewood", "state": "AL", "zip": "35209", "country": "USA"}


def external(key: str, value: str) -> dict[str, Any]:
    return {"applicationGuid": GUID, "externalData": [{"key": key, "value": value}]}


def search(key: str, value: str) -> dict[str, str]:
    return {"externalDataApplicationGuid": GUID, "externalDataKey": key, "externalDataValues": value}


def new_customer(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Lenora Pike",
        "address": ADDRESS,
        "locations": [{"name": "Lenora Pike", "address": ADDRESS, "tagTypeIds": [611]}],
        "contacts": [
            {"type": "Email", "value": "lenora.pike@example.com"},
            {"type": "MobilePhone", "value": "(205) 555-0171"},
        ],
        "tagTypeIds": [611],
        "externalData": external("buyer", "lenora.pike@example.com"),
    } | changes


def new_material(**changes: Any) -> dict[str, Any]:
    return {
        "code": "FLT-16X25X1-M8",
        "description": "16x25x1 MERV 8 filter, 4-pack",
        "price": 36.4,
        "cost": 17.25,
        "account": "Deferred Revenue",
        "costOfSaleAccount": "Cost of Goods Sold: Material",
        "assetAccount": "Inventory",
        "isInventory": True,
        "externalData": external("sku", "FLT-16X25X1-M8"),
    } | changes


def new_job(customer: Any, **changes: Any) -> dict[str, Any]:
    visit = {"start": "2026-12-01T14:00:00Z", "end": "2026-12-01T16:00:00Z", "technicianIds": [504]}
    return {
        "customerId": customer["id"],
        "locationId": customer["locations"][0]["id"],
        "businessUnitId": 302,
        "jobTypeId": 402,
        "campaignId": 1202,
        "priority": "Normal",
        "appointments": [visit],
        "tagTypeIds": [611],
        "externalData": external("order", "CC-300001"),
    } | changes


async def call(
    shop: Shop, method: str, base: str, path: str, body: Any = None, *, status: int = 200, **ids: Any
) -> Any:
    """Make one call; body and answer are held against the vendor's file, under the path as the file spells it."""
    if body is not None and status < 400:
        spec_validator(FILES[base], method, path, "request").validate(body)
    url = path
    for name, value in ids.items():
        url = url.replace("{" + name + "}", str(value))
    reply = await shop.st(method, base, url, json=body)
    assert reply.status_code == status, reply.text
    if not reply.content:
        return None
    spec_validator(FILES[base], method, path, status=min(status, 400)).validate(reply.json())
    return reply.json()


async def booked(shop: Shop) -> tuple[Any, Any, Any]:
    customer = await call(shop, "POST", "crm", "/customers", new_customer())
    material = await call(shop, "POST", "pricebook", "/materials", new_material(), status=201)
    return customer, material, await call(shop, "POST", "jpm", "/jobs", new_job(customer))


async def add_line(shop: Shop, job: Any, **line: Any) -> Any:
    body = {"description": "line", "quantity": 1} | line
    return await call(shop, "PATCH", "accounting", "/invoices/{invoiceId}/items", body, invoiceId=job["invoiceId"])


async def invoice_of(shop: Shop, job: Any) -> Any:
    reply = await shop.st("GET", "accounting", "/invoices", params={"ids": job["invoiceId"]})
    spec_validator("accounting-v2", "GET", "/invoices").validate(reply.json())
    [invoice] = reply.json()["data"]
    return invoice


async def test_from_a_new_customer_to_a_paid_invoice(shop: Shop) -> None:
    customer, material, job = await booked(shop)
    assert [one["type"] for one in customer["contacts"]] == ["Email", "MobilePhone"]
    assert (material["isInventory"], material["generalLedgerAccountId"]) == (True, 1401)
    empty = await invoice_of(shop, job)
    assert (empty["total"], empty["items"], empty["job"]["id"]) == ("0.00", [], job["id"])
    assert await add_line(shop, job, skuId=material["id"], quantity=3, unitPrice=36.4) is None
    await add_line(shop, job, skuName="FLT-16X25X1-M8", description="Discount", unitPrice=-5)
    await call(shop, "PATCH", "accounting", "/invoices/{id}", {"tax": 10.42}, id=job["invoiceId"])
    invoice = await invoice_of(shop, job)
    assert [line["total"] for line in invoice["items"]] == ["109.20", "-5.00"]
    assert invoice["items"][0]["assetAccount"]["name"] == "Inventory"
    assert (invoice["subTotal"], invoice["salesTax"], invoice["total"]) == ("104.20", "10.42", "114.62")
    payment = {
        "typeId": 1501,
        "amount": 114.62,
        "customerId": customer["id"],
        "splits": [{"invoiceId": job["invoiceId"], "amount": 114.62}],
    }
    made = await call(shop, "POST", "accounting", "/payments", payment)
    paid = await invoice_of(shop, job)
    assert paid["balance"] == "0.00"
    assert paid["paidOn"]
    listed = await shop.st("GET", "accounting", "/payments", params={"appliedToInvoiceIds": job["invoiceId"]})
    spec_validator("accounting-v2", "GET", "/payments").validate(listed.json())
    [row] = listed.json()["data"]
    assert (row["id"], row["total"], row["typeId"], row["type"]) == (
        made["id"],
        "114.62",
        "1501",
        "Contractor Commerce",
    )
    read = (await shop.st("GET", "jpm", f"/jobs/{job['id']}")).json()
    assert read["total"] == 104.2
    for times, expected in ((1, 200), (2, 409)):
        done = {"completedOn": "2026-11-01T12:00:00Z"}
        reply = await shop.st("PUT", "jpm", f"/jobs/{job['id']}/complete", json=done)
        assert (reply.status_code, times) == (expected, times)


async def test_a_line_changes_by_its_id_and_goes_when_deleted(shop: Shop) -> None:
    _, material, job = await booked(shop)
    await add_line(shop, job, skuId=material["id"])
    await add_line(shop, job, skuId=material["id"])
    first, second = (await invoice_of(shop, job))["items"]
    assert first["id"] != second["id"], "sent twice, there twice"
    await add_line(shop, job, id=first["id"], quantity=2, unitPrice=1.5)
    await shop.st("DELETE", "accounting", f"/invoices/{job['invoiceId']}/items/{second['id']}")
    assert (await invoice_of(shop, job))["total"] == "3.00"
    await shop.people(f"/servicetitan/invoices/{job['invoiceId']}", {"status": "Posted"})
    reply = await shop.st(
        "PATCH", "accounting", f"/invoices/{job['invoiceId']}/items", json={"description": "x", "quantity": 1}
    )
    assert reply.status_code == 400


async def test_tax_follows_zone_and_sku_until_it_is_written_by_hand(shop: Shop) -> None:
    customer, material, job = await booked(shop)
    free = await call(shop, "POST", "pricebook", "/materials", new_material(code="SHIPPING", taxable=False), status=201)
    await add_line(shop, job, skuId=material["id"], unitPrice=10.05)
    await add_line(shop, job, skuId=free["id"], unitPrice=7.95)
    assert (await invoice_of(shop, job))["salesTax"] == "0.00"
    await call(shop, "PATCH", "accounting", "/invoices/{id}", {"taxZoneId": 1601}, id=job["invoiceId"])
    assert (await invoice_of(shop, job))["salesTax"] == "1.01"
    await call(shop, "PATCH", "accounting", "/invoices/{id}", {"tax": 0.99}, id=job["invoiceId"])
    assert (await invoice_of(shop, job))["total"] == "18.99"
    wrong = await shop.st("PATCH", "accounting", f"/invoices/{job['invoiceId']}", json={"subtotal": 1})
    assert wrong.status_code == 400
    balances = {one["id"]: one["balance"] for one in (await shop.state())["servicetitan"]["customers"]}
    assert balances[customer["id"]] == 18.99


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"customerId": 1}, id="unknown customer"),
        pytest.param({"locationId": 1}, id="unknown location"),
        pytest.param({"businessUnitId": 1}, id="unknown business unit"),
        pytest.param({"businessUnitId": 303}, id="job type of another business unit"),
        pytest.param({"jobTypeId": 1}, id="unknown job type"),
        pytest.param({"campaignId": 1}, id="unknown campaign"),
        pytest.param({"priority": "Soon"}, id="unknown priority"),
        pytest.param({"tagTypeIds": [1]}, id="unknown tag"),
        pytest.param({"appointments": []}, id="no appointment"),
        pytest.param(
            {"appointments": [{"start": "2026-12-01T14:00:00Z", "end": "2026-12-01T13:00:00Z"}]}, id="ends first"
        ),
        pytest.param({"customerId": "3"}, id="a text is no number"),
        pytest.param({"technicianId": 504}, id="a field the contract does not have"),
    ],
)
async def test_a_wrong_job_is_refused_and_leaves_no_trace(shop: Shop, change: dict[str, Any]) -> None:
    customer, _, job = await booked(shop)
    before = await shop.state()
    await call(shop, "POST", "jpm", "/jobs", new_job(customer) | change, status=400)
    after = await shop.state()
    for name in ("jobs", "invoices", "appointments"):
        assert after["servicetitan"][name] == before["servicetitan"][name]
    found = await shop.st("GET", "jpm", "/jobs", params=search("order", "CC-300001"))
    assert [one["id"] for one in found.json()["data"]] == [job["id"]]


async def test_an_arrival_window_must_be_one_the_shop_has(shop: Shop) -> None:
    customer, _, _ = await booked(shop)

    async def book(start: str | None, end: str | None, *, status: int) -> None:
        visit = new_job(customer)["appointments"][0] | {"arrivalWindowStart": start, "arrivalWindowEnd": end}
        await call(shop, "POST", "jpm", "/jobs", new_job(customer, appointments=[visit]), status=status)

    morning = ("2026-12-01T08:00:00-06:00", "2026-12-01T12:00:00-06:00")
    await book(*morning, status=200)
    await book("2026-12-01T18:00:00Z", "2026-12-01T22:00:00Z", status=200)
    await book("2026-12-01T08:00:00Z", "2026-12-01T12:00:00Z", status=400)
    await book(morning[0], None, status=400)
    await shop.people("/servicetitan/switches", {"windows_required": True})
    await book(None, None, status=400)
    await shop.people(
        "/servicetitan/arrival-windows", {"windows": [["09:00", "11:30"]], "business_units": ["HVAC Service"]}
    )
    rows = (await shop.st("GET", "dispatch", "/arrival-windows")).json()["data"]
    assert [(one["start"], one["duration"], one["businessUnitIds"]) for one in rows] == [("09:00", "02:30", [303])]
    await book("2026-12-01T15:00:00Z", "2026-12-01T17:30:00Z", status=400)
    await shop.people("/servicetitan/switches", {"window_duration": "end"})
    assert (await shop.st("GET", "dispatch", "/arrival-windows")).json()["data"][0]["duration"] == "11:30"
    await shop.people("/servicetitan/arrival-windows", {"windows": []})
    await book(*morning, status=400)


async def test_customers_are_found_by_key_phone_and_address_and_not_when_inactive(shop: Shop) -> None:
    customer, _, _ = await booked(shop)
    for query in (
        search("buyer", "lenora.pike@example.com"),
        {"phone": "+1 205.555.0171"},
        {"name": "lenora", "street": "elm", "zip": "35209"},
        {"ids": str(customer["id"])},
    ):
        rows = (await shop.st("GET", "crm", "/customers", params=query)).json()["data"]
        assert [one["id"] for one in rows] == [customer["id"]], query
    places = await shop.st("GET", "crm", "/locations", params={"customerId": customer["id"]})
    assert [one["tagTypeIds"] for one in places.json()["data"]] == [[611]]
    await shop.people(f"/servicetitan/customers/{customer['id']}/deactivate")
    for active, count in (("True", 0), ("Any", 1)):
        query = {"phone": "2055550171", "active": active}
        assert len((await shop.st("GET", "crm", "/customers", params=query)).json()["data"]) == count


async def test_tags_contacts_and_locations_are_added(shop: Shop) -> None:
    customer, _, _ = await booked(shop)
    tags = await call(shop, "POST", "crm", "/customers/{id}/tags/{tagTypeId}", id=customer["id"], tagTypeId=612)
    assert tags["tagTypeIds"] == [611, 612]
    again = await shop.st("POST", "crm", f"/customers/{customer['id']}/tags/612")
    assert again.status_code == 409
    for expected in (200, 404):
        gone = await shop.st("DELETE", "crm", f"/customers/{customer['id']}/tags/612")
        assert gone.status_code == expected
    contact = {"type": "Phone", "value": "205-555-0188", "memo": "work"}
    await call(shop, "POST", "crm", "/customers/{id}/contacts", contact, id=customer["id"])
    place = {"customerId": customer["id"], "name": "Rental", "address": ADDRESS | {"unit": "3"}}
    location = await call(shop, "POST", "crm", "/locations", place)
    await call(shop, "POST", "crm", "/locations/{id}/tags/{tagTypeId}", id=location["id"], tagTypeId=611)
    unknown = await shop.st("POST", "crm", "/locations", json=place | {"customerId": 1})
    assert unknown.status_code == 409


@pytest.mark.parametrize(
    "change",
    [{"name": " "}, {"locations": []}, {"address": ADDRESS | {"street": ""}}, {"tagTypeIds": [1]}, {"email": "a@example.com"},
     {"contacts": [{"type": "Email", "value": ""}]}, {"contacts": [{"type": "Letter", "value": "x"}]}],
)  # fmt: skip
async def test_a_wrong_customer_is_refused_and_leaves_no_trace(shop: Shop, change: dict[str, Any]) -> None:
    before = (await shop.state())["servicetitan"]
    await call(shop, "POST", "crm", "/customers", new_customer() | change, status=400)
    after = (await shop.state())["servicetitan"]
    assert all(after[name] == before[name] for name in ("customers", "contacts", "locations"))


async def test_a_merged_customer_points_to_the_one_that_stays(shop: Shop) -> None:
    old, _, job = await booked(shop)
    other = await call(shop, "POST", "crm", "/customers", new_customer(name="L. Pike"))
    await shop.people(f"/servicetitan/customers/{old['id']}/merge", {"into": other["id"]})
    read = (await shop.st("GET", "crm", f"/customers/{old['id']}")).json()
    assert (read["active"], read["mergedToId"]) == (False, other["id"])
    assert (await shop.st("GET", "jpm", f"/jobs/{job['id']}")).json()["customerId"] == other["id"]


async def test_the_new_contact_model_knows_people_by_guid_or_does_not(shop: Shop) -> None:
    customer, _, _ = await booked(shop)
    query = {"type": "Email", "value": "Lenora.Pike@example.com"}
    reply = await shop.st("GET", "crm", "/contacts/contact-methods", params=query)
    spec_validator("crm-v2", "GET", "/contacts/contact-methods").validate(reply.json())
    [method] = reply.json()["data"]
    path = f"/contacts/{method['contactId']}/relationships"
    reply = await shop.st("GET", "crm", path, params={"typeSlug": "customer"})
    spec_validator("crm-v2", "GET", "/contacts/{contactId}/relationships").validate(reply.json())
    assert [one["relatedEntityId"] for one in reply.json()["data"]] == [customer["id"]]
    unknown = "/contacts/00000000-0000-0000-0000-000000000000/relationships"
    assert (await shop.st("GET", "crm", unknown)).status_code == 409
    assert (await shop.st("GET", "crm", "/contacts/7/relationships")).status_code == 404
    counts = (await shop.http.get("/_sandbox/counts")).json()
    assert counts["GET /servicetitan/crm/v2/tenant/{tenant}/contacts/{id}/relationships"] == 3
    await shop.people("/servicetitan/switches", {"hidden_contacts": [customer["contacts"][0]["id"]]})
    assert (await shop.st("GET", "crm", "/contacts/contact-methods", params=query)).json()["data"] == []
    classic = (await shop.st("GET", "crm", f"/customers/{customer['id']}/contacts")).json()["data"]
    assert len(classic) == 2, "the classic contact is still there"
    await shop.people("/servicetitan/switches", {"contacts_forbidden": True})
    assert (await shop.st("GET", "crm", "/contacts/contact-methods", params=query)).status_code == 403


async def read_feed(shop: Shop, path: str, token: str = "", **query: Any) -> tuple[list[Any], str]:
    rows: list[Any] = []
    while True:
        reply = await shop.st("GET", "crm", path, params=query | {"from": token})
        assert reply.status_code == 200, reply.text
        spec_validator("crm-v2", "GET", path).validate(reply.json())
        rows += reply.json()["data"]
        token = reply.json()["continueFrom"]
        if not reply.json()["hasMore"]:
            return rows, token


async def test_export_feeds_go_on_from_their_token_and_lag(shop: Shop) -> None:
    await shop.people("/servicetitan/switches", {"feed_page_size": 3})
    customer, _, _ = await booked(shop)
    assert (await read_feed(shop, "/export/customers"))[0] == [], "changes show up late"
    recent, token = await read_feed(shop, "/export/customers", includeRecentChanges="true")
    assert len({one["id"] for one in recent}) == len((await shop.state())["servicetitan"]["customers"])
    assert (await read_feed(shop, "/export/customers", token))[0] == [], "still recent"
    await pass_time(shop)
    settled, token = await read_feed(shop, "/export/customers", token)
    assert {one["id"] for one in settled} == {one["id"] for one in recent}, "what was recent comes again"
    await shop.people(f"/servicetitan/customers/{customer['id']}/deactivate")
    await pass_time(shop)
    changed, _ = await read_feed(shop, "/export/customers", token)
    assert [(one["id"], one["active"]) for one in changed] == [(customer["id"], False)]
    for wrong in (token, "nonsense"):
        reply = await shop.st("GET", "crm", "/export/customers/contacts", params={"from": wrong})
        assert reply.status_code == 400


async def pass_time(shop: Shop) -> None:
    """Let the feeds' lag pass; access tokens end on the way."""
    await shop.people("/clock/advance", {"seconds": 901})
    await shop.log_in()


async def test_the_contacts_feed_shows_removed_contacts(shop: Shop) -> None:
    customer, _, _ = await booked(shop)
    contact = customer["contacts"][0]["id"]
    await shop.people(f"/servicetitan/contacts/{contact}/remove")
    rows, _ = await read_feed(shop, "/export/customers/contacts", includeRecentChanges="true")
    [row] = [one for one in rows if one["id"] == contact]
    assert (row["active"], row["customerId"], row["type"]) == (False, customer["id"], "Email")
    listed = (await shop.st("GET", "crm", "/customers/contacts", params={"customerIds": customer["id"]})).json()
    spec_validator("crm-v2", "GET", "/customers/contacts").validate(listed)
    assert [one["type"] for one in listed["data"]] == ["MobilePhone"]


@pytest.mark.parametrize("kind", ["materials", "equipment"])
async def test_pricebook_items_are_found_by_key_and_change_only_as_told(shop: Shop, kind: str) -> None:
    item = await call(shop, "POST", "pricebook", f"/{kind}", new_material(), status=201)
    twice = await call(shop, "POST", "pricebook", f"/{kind}", new_material(), status=201)
    assert twice["id"] != item["id"], "codes are not unique"
    await shop.people("/servicetitan/switches", {"unique_codes": True})
    await call(shop, "POST", "pricebook", f"/{kind}", new_material(), status=400)
    path = f"/{kind}" + "/{id}"
    changed = await call(shop, "PATCH", "pricebook", path, {"price": 40.5}, id=item["id"])
    assert (changed["price"], changed["cost"], changed["account"]) == (40.5, 17.25, "Deferred Revenue")
    found = await shop.st("GET", "pricebook", f"/{kind}", params=search("sku", "FLT-16X25X1-M8"))
    assert {one["id"] for one in found.json()["data"]} == {item["id"], twice["id"]}
    for wrong in ({"account": "No such account"}, {"price": "40.5"}, {"price": None}, {"categories": [5]}, {"x": 1}):
        reply = await shop.st("PATCH", "pricebook", f"/{kind}/{item['id']}", json=wrong)
        assert reply.status_code == 400, wrong


@pytest.mark.parametrize(
    "change",
    [{"typeId": 1}, {"amount": 3}, {"amount": 0}, {"customerId": 1}, {"splits": [{"invoiceId": 1, "amount": 5}]}, {"typeId": "1501"}],
)  # fmt: skip
async def test_a_wrong_payment_is_refused(shop: Shop, change: dict[str, Any]) -> None:
    _, _, job = await booked(shop)
    payment = {"typeId": 1501, "amount": 5, "splits": [{"invoiceId": job["invoiceId"], "amount": 5}]}
    await call(shop, "POST", "accounting", "/payments", payment | change, status=400)
    assert (await shop.state())["servicetitan"]["payments"] == []


LISTS = [
    ("accounting", "/invoices"),
    ("accounting", "/payments"),
    ("accounting", "/gl-accounts"),
    ("accounting", "/payment-types"),
    ("accounting", "/tax-zones"),
    ("marketing", "/campaigns"),
    ("dispatch", "/arrival-windows"),
]
SAMPLES = {"ids": "1", "active": "Any", "activeState": "All", "statuses": "Posted", "reviewStatuses": "OnHold",
           "invoiceConfigurations": "JobInvoice", "source": "PublicApi", "transactionType": "ReceivePayment",
           "balanceFilter.Balance": "0", "balanceFilter.Comparer": "Greater", "customField.Operator": "And",
           "sort": "+Id", "orderByDirection": "desc", "totalGreater": "1.5", "totalLess": "10", "page": "1",
           "pageSize": "10", "includeTotal": "true", "isIntacctGroup": "true", "isIntacctBankAccount": "true",
           "batchNumber": "1"}  # fmt: skip


@pytest.mark.parametrize(("base", "path"), LISTS)
async def test_the_lists_answer_and_filter_as_their_specs_say(shop: Shop, base: str, path: str) -> None:
    _, material, job = await booked(shop)
    await add_line(shop, job, skuId=material["id"], unitPrice=5)
    split = {"invoiceId": job["invoiceId"], "amount": 5}
    await call(shop, "POST", "accounting", "/payments", {"typeId": 1501, "splits": [split]})
    reply = await shop.st("GET", base, path)
    spec_validator(FILES[base], "GET", path).validate(reply.json())
    assert reply.json()["data"], "an empty list proves nothing"
    for name in spec_query_names(FILES[base], "GET", path):
        value = SAMPLES.get(name)
        if value is None:
            is_time = name.endswith(("Before", "OnOrAfter", "After"))
            value = "2026-01-01T00:00:00Z" if is_time else "1" if name.endswith(("Id", "Ids")) else "text"
        reply = await shop.st("GET", base, path, params={name: value})
        assert reply.status_code == 200, f"{name}: {reply.text}"
    assert (await shop.st("GET", base, path, params={"surprise": "1"})).status_code == 400


async def test_the_shop_has_what_its_store_needs_and_people_change_it(shop: Shop) -> None:
    accounts = await shop.st("GET", "accounting", "/gl-accounts", params={"names": "Inventory,Deferred Revenue"})
    assert {one["name"]: one["subtype"] for one in accounts.json()["data"]} == {
        "Inventory": "Inventory",
        "Deferred Revenue": None,
    }
    for base, path, name in (
        ("marketing", "/campaigns", "Contractor Commerce"),
        ("settings", "/business-units", "Online Store"),
        ("settings", "/technicians", "Store Dispatch"),
        ("jpm", "/job-types", "Filter Order"),
    ):
        rows = (await shop.st("GET", base, path, params={"name": name})).json()["data"]
        assert [one["name"] for one in rows] == [name]
    await shop.people("/servicetitan/settings", {"kind": "campaign", "name": "Contractor Commerce", "active": False})
    assert (await shop.st("GET", "marketing", "/campaigns", params={"name": "Contractor"})).json()["data"] == []
    await shop.people("/servicetitan/settings", {"kind": "tag_type", "name": "Fresh"})
    assert "Fresh" in (await shop.st("GET", "settings", "/tag-types")).text
    configuration = (await shop.st("GET", "dispatch", "/arrival-windows/configuration")).json()
    spec_validator("dispatch-v2", "GET", "/arrival-windows/configuration").validate(configuration)
    customer = await call(shop, "POST", "crm", "/customers", new_customer())
    await call(shop, "POST", "jpm", "/jobs", new_job(customer), status=400)
