"""Everything sent to ServiceTitan is valid against the vendor's own specs: path, query names, body, answer read."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import respx
from jsonschema import ValidationError  # type: ignore[import-untyped]

from connectors.servicetitan.client import ServiceTitan
from connectors.servicetitan.external import ExternalDataItem, ExternalDataUpdate
from connectors.servicetitan.job_platform import ServiceTitanJobs
from connectors.servicetitan.schemas import CustomFieldValue, JobPatch
from models.job import BoardNote, Hold
from models.shop import PartsSettings
from tests.connectors.bookings import booking_row
from tests.connectors.doubles import FIELD_TYPES, GUID, ST, board, job_row, page, visit_row
from tests.contracts.booking_calls import BOOKING_CALLS
from tests.contracts.order_calls import ORDER_CALLS
from tests.contracts.specs import spec_path, spec_query_names, spec_query_validator, spec_validator

SINCE = datetime(2026, 9, 1, 10, 0, 0, 123456, tzinfo=UTC)

FILES = {
    "jpm": "jpm-v2",
    "crm": "crm-v2",
    "dispatch": "dispatch-v2",
    "settings": "settings-v2",
    "sales": "salestech-v2",
    "pricebook": "pricebook-v2",
    "equipmentsystems": "equipment-systems-v2",
    "forms": "forms-v2",
    "accounting": "accounting-v2",
    "marketing": "marketing-v2",
    "memberships": "memberships-v2",
}
"""Path prefix to spec; the bases do not follow from the file names (FACTS 1.2)."""


async def drain(pages: AsyncIterator[Any]) -> None:
    async for _ in pages:
        pass


def patch() -> JobPatch:
    return JobPatch(
        custom_fields=(CustomFieldValue(type_id=1, value="ordered"), CustomFieldValue(type_id=9)),
        external_data=ExternalDataUpdate(
            patch_mode="Merge",
            application_guid=GUID,
            external_data=(ExternalDataItem(key="truckroll-board", value="3/abc"),),
        ),
    )


CALLS: dict[str, Callable[[ServiceTitan], Awaitable[Any]]] = {
    **ORDER_CALLS,
    **BOOKING_CALLS,
    "jpm-v2 GET /jobs": lambda st: drain(st.list_jobs(SINCE)),
    "jpm-v2 GET /jobs/{id}": lambda st: st.get_job(48213, external_data_guid=GUID),
    "jpm-v2 PATCH /jobs/{id}": lambda st: st.patch_job(48213, patch()),
    "jpm-v2 GET /jobs/{id}/notes": lambda st: st.list_job_notes(48213),
    "jpm-v2 POST /jobs/{id}/notes": lambda st: st.add_job_note(48213, "Ordered."),
    "jpm-v2 PUT /jobs/{id}/hold": lambda st: st.hold_job(48213, reason_id=70, memo="Waiting"),
    "jpm-v2 GET /job-hold-reasons": lambda st: st.list_hold_reasons(),
    "jpm-v2 GET /jobs/custom-fields": lambda st: st.list_job_custom_fields(),
    "jpm-v2 GET /appointments": lambda st: st.list_appointments(48213),
    "jpm-v2 DELETE /appointments/{id}/hold": lambda st: st.remove_appointment_hold(501),
    "jpm-v2 PUT /appointments/{id}/special-instructions": lambda st: st.set_special_instructions(501, "Parts: x"),
    "dispatch-v2 GET /appointment-assignments": lambda st: st.list_assignments(48213),
    "settings-v2 GET /technicians": lambda st: st.list_technicians([31]),
    "settings-v2 GET /business-units": lambda st: st.list_business_units(),
    "crm-v2 GET /customers/{id}": lambda st: st.get_customer(11),
    "crm-v2 GET /customers/{id}/contacts": lambda st: st.list_customer_contacts(11),
    "crm-v2 GET /locations/{id}": lambda st: st.get_location(12),
    "salestech-v2 GET /estimates": lambda st: drain(st.list_estimates(SINCE)),
    "pricebook-v2 GET /materials": lambda st: st.list_materials([900]),
    "pricebook-v2 GET /equipment": lambda st: st.list_equipment([900]),
    "equipment-systems-v2 GET /installed-equipment": lambda st: st.list_installed_equipment([12]),
    "forms-v2 GET /forms": lambda st: st.list_forms("Appliance diagnosis"),
    "forms-v2 GET /submissions": lambda st: drain(st.list_submissions(3, SINCE)),
}


def check(request: httpx.Request) -> str:
    """Check one request against the spec of its path and return the operation it is."""
    found = re.fullmatch(r"/servicetitan/(\w+)/v2/tenant/7(/.*)", request.url.path)
    assert found, request.url.path
    file = FILES[found.group(1)]
    rest = spec_path(file, request.method, found.group(2))
    unknown = set(request.url.params) - spec_query_names(file, request.method, rest)
    assert not unknown, f"{file} {request.method} {rest} knows no query {unknown}"
    for name, value in request.url.params.multi_items():
        spec_query_validator(file, request.method, rest, name).validate(as_written(value))
    if request.content:
        spec_validator(file, request.method, rest, kind="request").validate(json.loads(request.content))
        assert request.headers["content-type"] == "application/json"
    return f"{file} {request.method} {rest}"


def as_written(value: str) -> Any:
    """Return a query value as the spec types it: everything is text, numbers and yes or no are also themselves."""
    return int(value) if value.isdigit() else {"true": True, "false": False}.get(value, value)


ANSWERS: tuple[tuple[str, Any], ...] = (
    (r"POST .*/(customers|locations|jobs|payments|materials|equipment)", {**job_row(), "typeId": 1, "customerId": 11}),
    (r"\w+ .*/booking-provider/5101/bookings/77001", booking_row()),
    (r"POST .*/booking-provider/5101/bookings", booking_row()),
    (r"GET .*/jobs/48213/history", {"history": None}),
    (r"GET .*/export/.*", {"hasMore": False, "continueFrom": "t2", "data": []}),
    (r"POST .*/memberships/sale", {"invoiceId": 70, "customerMembershipId": 9}),
    (r"GET .*/duration-billing-items", []),
    (r"PUT .*/cancel", None),
    (r"POST .*/invoices", 71),
    (r"GET .*/configuration", {"configuration": "StartTimeOfArrivalWindow"}),
    (r"\w+ .*/jobs/48213", job_row()),
    (r"\w+ .*/hold", None),
    (r"PUT .*/special-instructions", visit_row(501)),
    (r"(GET|PATCH) .*/(customers|locations)/\d+", {"id": 11, "name": "Robin Sample", "customerId": 11}),
    (r"GET .*/appointments", page(visit_row(501, status="Hold"))),
    (r"GET .*/custom-fields", page(*FIELD_TYPES)),
    (r"GET .*/job-hold-reasons", page({"id": 70, "name": "Waiting for parts", "active": True})),
)
"""Answers by method and path; anything else is an empty page."""


def answer(request: httpx.Request) -> httpx.Response:
    asked = f"{request.method} {request.url.path}"
    for known, body in ANSWERS:
        if re.fullmatch(known, asked):
            return httpx.Response(200) if body is None else httpx.Response(200, json=body)
    return httpx.Response(200, json=page())


@pytest.mark.parametrize("operation", CALLS)
async def test_every_call_is_one_the_spec_knows(st: ServiceTitan, vendors: respx.MockRouter, operation: str) -> None:
    route = vendors.route(url__startswith=ST).mock(side_effect=answer)
    await CALLS[operation](st)
    assert [check(call.request) for call in route.calls] == [operation.partition(" (")[0]]


@pytest.mark.parametrize(
    ("query", "fault"),
    [("active=true", "True is not valid"), ("phone=205&colour=red", "colour"), ("page=two", "two")],
    ids=["an unknown choice", "an unknown name", "no number"],
)
async def test_a_query_the_spec_does_not_know_would_be_seen(query: str, fault: str) -> None:
    request = httpx.Request("GET", f"{ST}/crm/v2/tenant/7/customers?{query}")
    with pytest.raises((AssertionError, ValidationError), match=fault):
        check(request)


@pytest.mark.parametrize("hold", list(Hold))
async def test_a_published_board_sends_only_valid_bodies(
    st: ServiceTitan, vendors: respx.MockRouter, hold: Hold
) -> None:
    route = vendors.route(url__startswith=ST).mock(side_effect=answer)
    jobs = ServiceTitanJobs(st, PartsSettings(), GUID)
    await jobs.publish(
        board(note=BoardNote(marker="[m]", text="x [m]"), hold=hold, hold_memo="w", visit_line="Pump"), look_first=True
    )
    sent = [check(call.request) for call in route.calls]
    assert "jpm-v2 PATCH /jobs/{id}" in sent
    assert "jpm-v2 POST /jobs/{id}/notes" in sent
    assert "jpm-v2 PUT /appointments/{id}/special-instructions" in sent
    assert ("jpm-v2 PUT /jobs/{id}/hold" in sent) is (hold is Hold.PLACE)
    assert ("jpm-v2 DELETE /appointments/{id}/hold" in sent) is (hold is Hold.RELEASE)
