"""The ServiceTitan stand-in: strict at the door, faithful about full lists, holds and external data."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import Shop

GUID = "6f0c2f0e-9d1b-4c57-8c39-0b8f8a3f7d11"
OTHER_GUID = "11111111-2222-3333-4444-555555555555"


async def fields_by_name(shop: Shop) -> dict[str, int]:
    rows = (await shop.st("GET", "jpm", "/jobs/custom-fields")).json()["data"]
    return {row["name"]: row["id"] for row in rows}


async def patch(shop: Shop, body: Any, number: str = "48213") -> Any:
    job = await shop.job(number)
    return await shop.st("PATCH", "jpm", f"/jobs/{job['id']}", json=body)


@pytest.mark.parametrize(
    ("headers", "tenant", "status"),
    [
        pytest.param({"ST-App-Key": ""}, "1234567", 401, id="no app key"),
        pytest.param({"ST-App-Key": "other"}, "1234567", 401, id="wrong app key"),
        pytest.param({"Authorization": ""}, "1234567", 401, id="no token"),
        pytest.param({"Authorization": "Bearer nonsense"}, "1234567", 401, id="wrong token"),
        pytest.param({}, "7654321", 404, id="wrong tenant"),
        pytest.param({}, "1234567", 200, id="all right"),
    ],
)
async def test_only_the_right_caller_gets_in(shop: Shop, headers: dict[str, str], tenant: str, status: int) -> None:
    right = {"Authorization": f"Bearer {shop.titan_token}", "ST-App-Key": "sandbox-app-key"}
    reply = await shop.http.get(f"/servicetitan/jpm/v2/tenant/{tenant}/jobs", headers=right | headers)
    assert reply.status_code == status


async def test_the_app_key_may_come_in_the_query(shop: Shop) -> None:
    reply = await shop.http.get(
        "/servicetitan/jpm/v2/tenant/1234567/jobs?servicetitanapplicationkey=sandbox-app-key",
        headers={"Authorization": f"Bearer {shop.titan_token}"},
    )
    assert reply.status_code == 200


async def test_a_token_ends_after_900_seconds_of_the_sandboxs_clock(shop: Shop) -> None:
    await shop.people("/clock/advance", {"seconds": 890})
    assert (await shop.st("GET", "jpm", "/jobs")).status_code == 200
    await shop.people("/clock/advance", {"seconds": 20})
    assert (await shop.st("GET", "jpm", "/jobs")).status_code == 401
    await shop.log_in()
    assert (await shop.st("GET", "jpm", "/jobs")).status_code == 200
    await shop.people("/tokens/expire", {"vendor": "servicetitan"})
    assert (await shop.st("GET", "jpm", "/jobs")).status_code == 401


async def test_a_mistyped_secret_is_an_invalid_client(shop: Shop) -> None:
    form = {"grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": "sandbox-secret "}
    reply = await shop.http.post("/servicetitan/connect/token", data=form)
    assert (reply.status_code, reply.json()) == (400, {"error": "invalid_client"})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({"status": "Hold"}, "status", id="unknown field"),
        pytest.param({"jobTypeId": "401"}, "jobTypeId", id="text for a number"),
        pytest.param({"jobTypeId": True}, "jobTypeId", id="truth for a number"),
        pytest.param({"customerPo": 7}, "customerPo", id="number for a text"),
        pytest.param({"summary": None}, "summary", id="null where none may be"),
        pytest.param({"customFields": [{"value": "x"}]}, "customFields.0.typeId", id="required field missing"),
        pytest.param({"customFields": [{"typeId": 1, "value": "x"}]}, "id", id="custom field nobody made"),
        pytest.param({"priority": "ASAP"}, "priority", id="unknown priority"),
        pytest.param(
            {"externalData": {"externalData": []}}, "externalData.applicationGuid", id="external data without guid"
        ),
        pytest.param(
            {"externalData": {"applicationGuid": GUID, "patchMode": "merge", "externalData": []}},
            "externalData.patchMode",
            id="mode in the wrong case",
        ),
    ],
)
async def test_a_wrong_body_is_refused_by_field_and_changes_nothing(shop: Shop, body: Any, field: str) -> None:
    before = await shop.job()
    reply = await patch(shop, body)
    assert reply.status_code == 400
    assert field in reply.json()["errors"]
    assert await shop.job() == before


async def test_a_body_that_is_not_json_is_refused(shop: Shop) -> None:
    job = await shop.job()
    path = f"/jobs/{job['id']}/notes"
    assert (await shop.st("POST", "jpm", path, data={"text": "x"})).status_code == 400
    broken = await shop.st("POST", "jpm", path, content=b"{", headers={"Content-Type": "application/json"})
    assert broken.status_code == 400


async def test_custom_fields_and_tags_are_full_lists(shop: Shop) -> None:
    field = await fields_by_name(shop)
    both = [{"typeId": field["Part status"], "value": "ordered"}, {"typeId": field["Part ETA"], "value": "2026-12-01"}]
    await patch(shop, {"customFields": both, "tagTypeIds": [601, 602]})
    reply = (await patch(shop, {"customFields": both[:1], "tagTypeIds": [602]})).json()
    assert [(one["name"], one["value"]) for one in reply["customFields"]] == [("Part status", "ordered")]
    assert reply["tagTypeIds"] == [602]
    untouched = (await patch(shop, {"customerPo": "5"})).json()
    assert untouched["customFields"] == reply["customFields"]
    assert untouched["tagTypeIds"] == [602]


async def test_external_data_is_replaced_by_default_and_merged_on_request(shop: Shop) -> None:
    def data(mode: str | None, guid: str = GUID, **pairs: str | None) -> Any:
        items = [{"key": key, "value": value} for key, value in pairs.items()]
        return {"externalData": {"patchMode": mode, "applicationGuid": guid, "externalData": items}}

    def shown(reply: Any) -> dict[str, str]:
        return {one["key"]: one["value"] for one in reply.json()["externalData"]}

    assert shown(await patch(shop, data(None, a="1", b="2"))) == {"a": "1", "b": "2"}
    assert shown(await patch(shop, data("Merge", b="3", c="4"))) == {"a": "1", "b": "3", "c": "4"}
    assert shown(await patch(shop, data("Merge", a=None))) == {"b": "3", "c": "4"}
    assert shown(await patch(shop, data("Replace", guid=OTHER_GUID, z="9"))) == {"z": "9"}
    assert shown(await patch(shop, data("Replace", d="5"))) == {"d": "5"}

    job = await shop.job()
    path = f"/jobs/{job['id']}"
    assert shown(await shop.st("GET", "jpm", path)) == {}
    assert shown(await shop.st("GET", "jpm", path, params={"externalDataApplicationGuid": OTHER_GUID})) == {"z": "9"}
    search = {"externalDataApplicationGuid": GUID, "externalDataKey": "d", "externalDataValues": "5,6"}
    found = (await shop.st("GET", "jpm", "/jobs", params=search)).json()["data"]
    assert [one["jobNumber"] for one in found] == ["48213"]
    half = await shop.st("GET", "jpm", "/jobs", params={"externalDataKey": "d"})
    assert half.status_code == 400


async def test_pages_hold_what_was_asked_and_say_whether_there_is_more(shop: Shop) -> None:
    numbers: list[str] = []
    for page in (1, 2, 3):
        answer = (await shop.st("GET", "jpm", "/jobs", params={"page": page, "pageSize": 2})).json()
        numbers += [one["jobNumber"] for one in answer["data"]]
        assert answer["hasMore"] is (page < 3)
        assert answer["totalCount"] is None
    assert numbers == ["48213", "48214", "48215", "48216", "48217"]
    for wrong in ({"page": "0"}, {"pageSize": "0"}, {"pageSize": "x"}, {"ids": ",".join(map(str, range(51)))}):
        assert (await shop.st("GET", "jpm", "/jobs", params=wrong)).status_code == 400
    newest = await shop.st("GET", "jpm", "/jobs", params={"sort": "-CreatedOn", "pageSize": 1})
    assert newest.json()["data"][0]["jobNumber"] == "48217"
    assert (await shop.st("GET", "jpm", "/jobs", params={"sort": "+Summary"})).status_code == 400


async def test_a_patched_job_is_found_by_its_modification_time(shop: Shop) -> None:
    await shop.people("/clock/advance", {"hours": 1})
    await shop.log_in()
    since = (await shop.people("/clock", method="GET"))["now"]
    empty = (await shop.st("GET", "jpm", "/jobs", params={"modifiedOnOrAfter": since})).json()
    assert empty["data"] == []
    await patch(shop, {"customerPo": "1"}, "48215")
    found = (await shop.st("GET", "jpm", "/jobs", params={"modifiedOnOrAfter": since})).json()["data"]
    assert [one["jobNumber"] for one in found] == ["48215"]


async def test_hold_takes_the_visits_along_and_the_way_back_is_the_visit(shop: Shop) -> None:
    job = await shop.job()
    visit = job["appointments"][0]["id"]
    assert (await shop.st("DELETE", "jpm", f"/appointments/{visit}/hold")).status_code == 409
    wrong = await shop.st("PUT", "jpm", f"/jobs/{job['id']}/hold", json={"reasonId": 1, "memo": ""})
    assert wrong.status_code == 400
    await shop.st("PUT", "jpm", f"/jobs/{job['id']}/hold", json={"reasonId": 701, "memo": "pump"})
    held = await shop.job()
    assert (held["jobStatus"], held["hold_reason"], held["hold_memo"]) == ("Hold", "Waiting for parts", "pump")
    assert held["appointments"][0]["status"] == "Hold"
    await shop.st("DELETE", "jpm", f"/appointments/{visit}/hold")
    free = await shop.job()
    assert (free["jobStatus"], free["appointments"][0]["status"]) == ("Scheduled", "Scheduled")
    assert [one["eventType"] for one in free["history"]][-2:] == ["Job On Hold", "Hold Removed"]


async def test_a_new_visit_takes_the_job_off_hold(shop: Shop) -> None:
    job = await shop.job()
    await shop.st("PUT", "jpm", f"/jobs/{job['id']}/hold", json={"reasonId": 701, "memo": ""})
    body = {"jobId": job["id"], "start": "2026-12-02T15:00:00Z", "end": "2026-12-02T17:00:00Z", "technicianIds": [503]}
    made = (await shop.st("POST", "jpm", "/appointments", json=body)).json()
    after = await shop.job()
    assert (after["jobStatus"], after["appointmentCount"], after["lastAppointmentId"]) == ("Scheduled", 2, made["id"])
    assigned = await shop.st("GET", "dispatch", "/appointment-assignments", params={"appointmentIds": str(made["id"])})
    assert [one["technicianName"] for one in assigned.json()["data"]] == ["Priya Nair"]
    backwards = body | {"end": "2026-12-01T15:00:00Z"}
    assert (await shop.st("POST", "jpm", "/appointments", json=backwards)).status_code == 400


async def test_a_canceled_job_can_be_neither_held_nor_canceled_again(shop: Shop) -> None:
    job = await shop.job()
    cancel = {"reasonId": 751, "memo": "changed their mind"}
    assert (await shop.st("PUT", "jpm", f"/jobs/{job['id']}/cancel", json=cancel)).status_code == 200
    assert (await shop.st("PUT", "jpm", f"/jobs/{job['id']}/cancel", json=cancel)).status_code == 400
    hold = await shop.st("PUT", "jpm", f"/jobs/{job['id']}/hold", json={"reasonId": 701, "memo": ""})
    assert hold.status_code == 400
    visit = job["appointments"][0]["id"]
    move = await shop.st("PATCH", "jpm", f"/appointments/{visit}/reschedule", json={"end": "2030-01-01T00:00:00Z"})
    assert move.status_code == 409


async def test_a_deleted_job_is_gone_everywhere(shop: Shop) -> None:
    job = await shop.job()
    await shop.people("/servicetitan/jobs/48213/delete")
    assert (await shop.st("GET", "jpm", f"/jobs/{job['id']}")).status_code == 404
    visits = (await shop.st("GET", "jpm", "/appointments", params={"jobId": str(job["id"])})).json()
    assert visits["data"] == []


@pytest.mark.parametrize("kind", ["estimate", "custom_field", "form"])
async def test_a_diagnosis_lands_where_the_shop_keeps_it(shop: Shop, kind: str) -> None:
    body = {"part_number": "W10295370A", "quantity": 2, "as": kind, "model": "WRS325SDHZ", "serial": "K1"}
    await shop.people("/servicetitan/jobs/48214/diagnose", body)
    job = await shop.job("48214")
    if kind == "estimate":
        item = (await shop.st("GET", "sales", "/estimates", params={"jobId": str(job["id"])})).json()["data"][0]
        assert item["status"]["name"] == "Sold"
        assert (item["items"][0]["sku"]["name"], item["items"][0]["qty"]) == ("W10295370A", 2)
        place = {"locationIds": str(job["locationId"])}
        stands = (await shop.st("GET", "equipmentsystems", "/installed-equipment", params=place)).json()["data"]
        assert [(one["model"], one["serialNumber"]) for one in stands] == [("WRS325SDHZ", "K1")]
    elif kind == "custom_field":
        values = {one["name"]: one["value"] for one in job["customFields"]}
        assert values == {
            "Part number": "W10295370A",
            "Part quantity": "2",
            "Model number": "WRS325SDHZ",
            "Serial number": "K1",
        }
    else:
        owner = {"owners[0].type": "Job", "owners[0].id": str(job["id"]), "ownerType": "Job", "formIds": "851"}
        found = (await shop.st("GET", "forms", "/submissions", params=owner)).json()["data"]
        texts = {unit["name"]: unit["value"] for unit in found[0]["units"][0]["units"]}
        assert (texts["Part number"], texts["Quantity"]) == ("W10295370A", "2")
        stranger = owner | {"owners[0].id": "1"}
        assert (await shop.st("GET", "forms", "/submissions", params=stranger)).json()["data"] == []


async def test_a_merged_customer_is_hidden_from_lists_and_readable_by_id(shop: Shop) -> None:
    job = await shop.job()
    customer = job["customerId"]
    await shop.people(f"/servicetitan/customers/{customer}", {"active": False, "mergedToId": 5, "doNotMail": True})
    listed = (await shop.st("GET", "crm", "/customers")).json()["data"]
    assert customer not in [one["id"] for one in listed]
    read = (await shop.st("GET", "crm", f"/customers/{customer}")).json()
    assert (read["active"], read["mergedToId"], read["doNotMail"]) == (False, 5, True)
    everyone = (await shop.st("GET", "crm", "/customers", params={"active": "Any"})).json()["data"]
    assert customer in [one["id"] for one in everyone]


async def test_an_item_can_be_taken_off_an_estimate(shop: Shop) -> None:
    made = await shop.people("/servicetitan/jobs/48213/diagnose", {"part_number": "279838"})
    await shop.people(f"/servicetitan/estimates/{made['estimate_id']}/remove-item")
    left = (await shop.st("GET", "sales", f"/estimates/{made['estimate_id']}")).json()
    assert (left["items"], left["subtotal"]) == ([], 0)


async def test_a_job_booked_by_hand_is_complete(shop: Shop) -> None:
    body = {"customer": "Nia Bell", "email": "nia.bell@example.com", "zip": "35203", "technician": "Luis Ortega"}
    made = await shop.people("/servicetitan/jobs", body)
    job = await shop.job(made["job_number"])
    assert (job["id"], job["customerId"], job["appointmentCount"]) == (made["job_id"], made["customer_id"], 1)
    contacts = (await shop.st("GET", "crm", f"/customers/{made['customer_id']}/contacts")).json()["data"]
    assert [one["value"] for one in contacts if one["type"] == "Email"] == ["nia.bell@example.com"]
    wrong = await shop.http.post("/_sandbox/servicetitan/jobs", json=body | {"technician": "Nobody"})
    assert wrong.status_code == 400
    assert "Dana Whitfield" in wrong.json()["error"]
