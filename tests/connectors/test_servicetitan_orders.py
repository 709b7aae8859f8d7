"""What order-to-invoice asks of ServiceTitan: finding without guessing, money to the cent, nothing private said."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
import respx
from pydantic import ValidationError

from connectors.errors import ContractError, NotFoundError, RejectedError, VendorError
from connectors.servicetitan.accounting_schemas import InvoiceLine, NewPayment
from connectors.servicetitan.booking_schemas import NewJob, NewVisit
from connectors.servicetitan.client import ServiceTitan
from connectors.servicetitan.crm_schemas import NewCustomer, NewLocation
from connectors.servicetitan.external import ExternalKey, external_value
from connectors.servicetitan.pricebook_schemas import NewEquipment, NewMaterial
from connectors.servicetitan.schemas import JobPatch
from connectors.servicetitan.texts import as_html, plain
from tests.connectors.doubles import GUID, NOW, ST, job_row, page

OURS = ExternalKey(GUID, "truckroll-order")
MARK = [{"key": "truckroll-order", "value": "demo/CC-1"}]
CRM = f"{ST}/crm/v2/tenant/7"
JPM = f"{ST}/jpm/v2/tenant/7"
BOOKS = f"{ST}/accounting/v2/tenant/7"
PRICES = f"{ST}/pricebook/v2/tenant/7"
AT = datetime(2026, 9, 1, 13, 0, tzinfo=UTC)

JOB = NewJob(
    customer_id=11,
    location_id=12,
    business_unit_id=3,
    job_type_id=4,
    campaign_id=5,
    priority="Normal",
    appointments=(NewVisit(start=AT, end=AT + timedelta(hours=4), technician_ids=(31,)),),
    external_data=OURS.holding("demo/CC-1"),
)


async def test_only_records_that_show_our_value_are_found(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    """A server that does not know the filter answers with everybody."""
    vendors.get(f"{CRM}/customers").respond(
        json=page(
            {"id": 1, "name": "No mark"},
            {"id": 2, "externalData": [{"key": "another-key", "value": "demo/CC-1"}]},
            {"id": 3, "externalData": [{"key": "truckroll-order", "value": "demo/CC-11"}]},
            {"id": 4, "active": False, "mergedToId": 9, "externalData": MARK},
        )
    )
    found = await st.list_customers_by_external_data(OURS, ["demo/CC-1"])
    assert [(one.id, one.active, one.merged_to_id) for one in found] == [(4, False, 9)]


async def test_values_are_asked_for_fifty_at_a_time(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    route = vendors.get(f"{PRICES}/materials").respond(json=page())
    await st.list_materials_by_external_data(OURS, [f"SKU-{n}" for n in range(120)])
    assert [len(call.request.url.params["externalDataValues"].split(",")) for call in route.calls] == [50, 50, 20]
    assert {call.request.url.params["active"] for call in route.calls} == {"Any"}


@pytest.mark.parametrize("text", ["12x12x1, 4-pack", "100%,", "a%2Cb", "plain", " outer blanks "])
def test_a_value_with_a_comma_is_written_so_that_it_is_found(text: str) -> None:
    assert "," not in external_value(text)
    OURS.holding(external_value(text))


def test_different_texts_stay_different_values() -> None:
    texts = ["a,b", "a%2Cb", "a%252Cb", "ab"]
    assert len({external_value(text) for text in texts}) == len(texts)


async def test_a_value_with_a_comma_is_never_sent(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    """It would be looked for in two halves, found in none, and the record made a second time."""
    with pytest.raises(ValueError, match="comma"):
        await st.list_materials_by_external_data(OURS, ["a,b"])
    with pytest.raises(ValueError, match="comma"):
        OURS.holding("a,b")


HIDING: dict[str, Callable[[ServiceTitan], Awaitable[Any]]] = {
    "customers by our key": lambda st: st.list_customers_by_external_data(OURS, ["demo/CC-1"]),
    "customers by phone": lambda st: st.list_customers_by_phone("2055550101"),
    "customers by address": lambda st: st.list_customers_by_address(street="12 Elm St"),
    "customers by id": lambda st: st.list_customers([11]),
    "locations of a customer": lambda st: st.list_locations(11),
    "locations by our key": lambda st: st.list_locations_by_external_data(OURS, ["demo/CC-1"]),
    "materials by code": lambda st: st.list_materials_by_code("FLT-1"),
    "equipment by our key": lambda st: st.list_equipment_by_external_data(OURS, ["demo/CC-1"]),
    "campaigns": lambda st: st.list_campaigns(),
    "job types": lambda st: st.list_job_types(),
    "business units": lambda st: st.list_all_business_units(),
    "tag types": lambda st: st.list_tag_types(),
    "technicians": lambda st: st.list_all_technicians(),
    "accounts": lambda st: st.list_gl_accounts(),
}


@pytest.mark.parametrize("what", HIDING)
async def test_inactive_and_merged_records_are_asked_for_too(
    st: ServiceTitan, vendors: respx.MockRouter, what: str
) -> None:
    """Lists hide them by default: one that is there but switched off would be made a second time (FACTS 7.1, 7.3)."""
    route = vendors.get(url__startswith=ST).respond(json=page())
    await HIDING[what](st)
    assert [call.request.url.params["active"] for call in route.calls] == ["Any"]


BLANK: dict[str, Callable[[ServiceTitan, str], Awaitable[Any]]] = {
    "our key": lambda st, blank: st.list_customers_by_external_data(OURS, [blank]),
    "phone": lambda st, blank: st.list_customers_by_phone(blank),
    "name and address": lambda st, blank: st.list_customers_by_address(name=blank, street=blank, zip_code=blank),
    "contact method": lambda st, blank: st.list_contact_methods("Email", blank),
    "code of a material": lambda st, blank: st.list_materials_by_code(blank),
    "code of equipment": lambda st, blank: st.list_equipment_by_code(blank),
}


@pytest.mark.parametrize("blank", ["", "  "], ids=["empty", "blanks"])
@pytest.mark.parametrize("what", BLANK)
async def test_a_blank_finds_nobody_rather_than_everybody(
    st: ServiceTitan, vendors: respx.MockRouter, what: str, blank: str
) -> None:
    route = vendors.route(url__startswith=ST).respond(json=page({"id": 1, "contactId": "x", "type": "Email"}))
    del route
    assert await BLANK[what](st, blank) == ()
    assert [call for call in vendors.calls if "/tenant/" in call.request.url.path] == []


async def test_the_terms_of_a_membership_are_a_bare_list(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    url = f"{ST}/memberships/v2/tenant/7/membership-types/4401/duration-billing-items"
    term = {
        "id": 5,
        "duration": 12,
        "billingFrequency": "Monthly",
        "salePrice": 19.0,
        "billingPrice": 19,
        "active": True,
    }
    route = vendors.get(url).respond(json=[term, {**term, "id": 6, "duration": None, "active": False}])
    found = await st.list_duration_billings(4401)
    assert [(one.id, one.duration, one.sale_price, one.active) for one in found] == [
        (5, 12, Decimal(19), True),
        (6, None, Decimal(19), False),
    ]
    route.respond(json={"data": []})
    with pytest.raises(ContractError):
        await st.list_duration_billings(4401)


async def test_a_code_is_compared_whole_since_the_search_is_partial(
    st: ServiceTitan, vendors: respx.MockRouter
) -> None:
    route = vendors.get(f"{PRICES}/materials").respond(
        json=page({"id": 1, "code": "FLT-1"}, {"id": 2, "code": "FLT-16"}, {"id": 3, "code": "flt-1", "active": False})
    )
    assert [one.id for one in await st.list_materials_by_code("FLT-1 ")] == [1, 3]
    assert route.calls[0].request.url.params["searchText"] == "FLT-1"
    await st.list_materials_by_code("x" * 300)
    assert len(route.calls[1].request.url.params["searchText"]) == 200


async def test_the_newer_contact_model_leads_to_the_customer(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    contact = "0b8f8a3f-7d11-4c57-8c39-6f0c2f0e9d1b"
    methods = vendors.get(f"{CRM}/contacts/contact-methods").respond(
        json=page({"id": "m", "contactId": contact, "type": "Email", "value": "robin@example.com"})
    )
    related = vendors.get(f"{CRM}/contacts/{contact}/relationships").respond(
        json=page({"id": "r", "relatedEntityId": 11, "typeName": "Customer", "typeSlug": "customer"})
    )
    found = await st.list_contact_methods("Email", "robin@example.com")
    assert found is not None
    assert methods.calls[0].request.url.params["value"] == "robin@example.com"
    customers = await st.list_contact_customers(found[0].contact_id)
    assert customers is not None
    assert [one.related_entity_id for one in customers] == [11]
    assert related.calls[0].request.url.params["typeSlug"] == "customer"


@pytest.mark.parametrize(
    ("status", "meaning"),
    [(403, None), (404, NotFoundError), (409, RejectedError), (400, RejectedError)],
    ids=["not allowed", "unknown", "unknown, said otherwise", "a wrong question"],
)
async def test_an_access_that_does_not_cover_contacts_is_an_answer(
    st: ServiceTitan, vendors: respx.MockRouter, status: int, meaning: type[VendorError] | None
) -> None:
    """Only those operations document a 403 (FACTS 1.4): the next route is taken."""
    vendors.get(f"{CRM}/contacts/contact-methods").respond(status, json={"title": "x"})
    vendors.get(f"{CRM}/contacts/c/relationships").respond(status, json={"title": "x"})
    for ask in (lambda: st.list_contact_methods("Email", "robin@example.com"), lambda: st.list_contact_customers("c")):
        if meaning is None:
            assert await ask() is None
        else:
            with pytest.raises(VendorError) as caught:
                await ask()
            assert caught.type is meaning


@pytest.mark.parametrize(
    ("ask", "url", "private"),
    [
        (lambda st: st.list_customers_by_phone("205-555-0101"), f"{CRM}/customers", "205-555-0101"),
        (lambda st: st.list_customers_by_address(name="Robin Sample", street="12 Elm St"), f"{CRM}/customers", "Robin Sample"),
        (lambda st: st.list_contact_methods("MobilePhone", "2055550101"), f"{CRM}/contacts/contact-methods", "2055550101"),
        (lambda st: st.list_customers_by_external_data(OURS, ["2055550101"]), f"{CRM}/customers", "2055550101"),
    ],
    ids=["phone", "name", "contact value", "our value"],
)  # fmt: skip
async def test_what_was_looked_for_is_not_quoted_in_an_error(
    st: ServiceTitan, vendors: respx.MockRouter, ask: Callable[[ServiceTitan], Awaitable[Any]], url: str, private: str
) -> None:
    vendors.get(url).respond(400, json={"title": f"The value '{private}' is not valid."})
    with pytest.raises(RejectedError) as caught:
        await ask(st)
    assert private not in str(caught.value)
    assert "is not valid" in str(caught.value)


@pytest.mark.parametrize("status", [200, 400, 500])
async def test_what_was_looked_for_is_not_logged(
    st: ServiceTitan, vendors: respx.MockRouter, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """Also not by httpx, which logs whole addresses."""
    caplog.set_level(logging.DEBUG)
    vendors.route(url__startswith=CRM).respond(status, json=page())
    with contextlib.suppress(VendorError):
        await st.list_customers_by_phone("2055550101")
    with contextlib.suppress(VendorError):
        await st.list_contact_methods("Email", "robin@example.com")
    assert "/customers" in caplog.text
    assert "2055550101" not in caplog.text
    assert "robin" not in caplog.text


async def test_a_feed_is_followed_by_its_token_and_shows_what_lists_hide(
    st: ServiceTitan, vendors: respx.MockRouter
) -> None:
    row = {"id": 1, "customerId": 11, "type": "Email", "value": "robin@example.com", "active": True, "modifiedOn": NOW}
    route = vendors.get(f"{CRM}/export/customers/contacts").mock(
        side_effect=[
            httpx.Response(200, json={"hasMore": True, "continueFrom": "t1", "data": [row]}),
            httpx.Response(200, json={"hasMore": False, "continueFrom": "t2", "data": [{**row, "active": False}]}),
        ]
    )
    found = [one async for one in st.export_customer_contacts("2026-09-01", recent=True)]
    assert [[row.active for row in one.data] for one in found] == [[True], [False]]
    assert found[-1].continue_from == "t2", "kept for the next time"
    assert [dict(call.request.url.params) for call in route.calls] == [
        {"from": "2026-09-01", "includeRecentChanges": "true"},
        {"from": "t1", "includeRecentChanges": "true"},
    ]


async def test_a_feed_from_the_beginning_sends_no_token(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    route = vendors.get(f"{CRM}/export/customers").respond(
        json={"hasMore": False, "continueFrom": "t1", "data": [{"id": 4, "active": False, "mergedToId": 9}]}
    )
    (found,) = [one async for one in st.export_customers()]
    assert [(one.id, one.active, one.merged_to_id) for one in found.data] == [(4, False, 9)]
    assert dict(route.calls[0].request.url.params) == {}


async def test_a_feed_that_does_not_move_is_not_read_for_ever(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    route = vendors.get(f"{CRM}/export/customers").respond(json={"hasMore": True, "continueFrom": "t", "data": []})
    with pytest.raises(ContractError, match="continueFrom"):
        async for _ in st.export_customers():
            pass
    assert route.call_count == 2


async def test_money_is_read_from_text_and_written_as_a_number(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    vendors.get(f"{BOOKS}/invoices").respond(
        json=page(
            {
                "id": 70,
                "referenceNumber": "48213",
                "subTotal": "47.91",
                "salesTax": "3.44",
                "total": "51.35",
                "balance": "0.00",
                "job": {"id": 48213, "number": "48213"},
                "items": [
                    {
                        "id": 5,
                        "skuId": 900,
                        "quantity": "2",
                        "price": "19.98",
                        "cost": None,
                        "total": "39.96",
                        "type": "Material",
                    }
                ],
            }
        )
    )
    (found,) = await st.list_invoices([70])
    assert (found.number, found.sub_total, found.sales_tax) == ("48213", Decimal("47.91"), Decimal("3.44"))
    assert (found.total, found.balance) == (Decimal("51.35"), Decimal("0.00"))
    assert (found.items[0].quantity, found.items[0].price, found.items[0].total) == (
        Decimal(2),
        Decimal("19.98"),
        Decimal("39.96"),
    )
    line = vendors.patch(f"{BOOKS}/invoices/70/items").respond(200)
    await st.write_invoice_line(
        70, InvoiceLine(description="Discount", quantity=Decimal(1), unit_price=Decimal("-0.10"))
    )
    assert line.calls[0].request.content == b'{"description":"Discount","quantity":1,"unitPrice":-0.10}'


async def test_an_invoice_without_a_total_is_not_taken_for_zero(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    vendors.get(f"{BOOKS}/invoices").respond(json=page({"id": 70, "total": None}))
    with pytest.raises(ContractError, match="total"):
        await st.list_invoices([70])


async def test_a_job_is_booked_with_its_visit_in_utc_and_knows_its_invoice(
    st: ServiceTitan, vendors: respx.MockRouter
) -> None:
    zone = datetime.fromisoformat("2026-09-01T08:00:00-05:00")
    route = vendors.post(f"{JPM}/jobs").respond(json=job_row(invoiceId=70, tagTypeIds=[83]))
    visit = NewVisit(start=zone, end=zone + timedelta(hours=4), technician_ids=(31,))
    job = await st.create_job(JOB.model_copy(update={"appointments": (visit,)}))
    assert (job.invoice_id, job.tag_type_ids) == (70, (83,))
    sent = json.loads(route.calls[0].request.content)
    assert sent["appointments"] == [
        {"start": "2026-09-01T13:00:00Z", "end": "2026-09-01T17:00:00Z", "technicianIds": [31]}
    ]
    assert "tagTypeIds" not in sent, "only what was set travels"


def test_a_time_without_an_offset_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ValidationError):
        NewVisit(start=datetime(2026, 9, 1, 8, 0), end=AT)


@pytest.mark.parametrize(
    "model", [NewCustomer, NewLocation, NewJob, NewMaterial, NewEquipment, InvoiceLine, NewPayment]
)
def test_a_misspelt_field_is_an_error_here(model: type[Any]) -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        model(colour="red")


def test_null_never_travels() -> None:
    """The vendor refuses null where it means "leave as it is" (FACTS 7.5)."""
    line = InvoiceLine(id=None, description="x", quantity=Decimal(1), unit_price=None)
    assert line.wire() == {"description": "x", "quantity": Decimal(1)}
    assert JobPatch(external_data=None, tag_type_ids=()).wire() == {"tagTypeIds": ()}


@pytest.mark.parametrize(
    ("written", "hours"),
    [("09:00", 9), ("09:00:00", 9), ("04:00:00.0000000", 4), ("1.00:00:00", 24), ("PT4H", 4)],
)
async def test_arrival_windows_are_read_in_every_form_of_a_time_span(
    st: ServiceTitan, vendors: respx.MockRouter, written: str, hours: int
) -> None:
    vendors.get(f"{ST}/dispatch/v2/tenant/7/arrival-windows").respond(
        json=page({"id": 1, "start": "08:00", "duration": written, "businessUnitIds": [3], "active": False})
    )
    (found,) = await st.list_arrival_windows()
    assert (found.start, found.duration) == (timedelta(hours=8), timedelta(hours=hours))
    assert found.active is False


def test_what_a_buyer_typed_is_shown_and_never_run() -> None:
    typed = "<script>alert('x')</script>\nA & B"
    assert "<script" not in as_html(typed)
    assert plain(as_html(typed)) == "<script>alert('x')</script> A & B"
