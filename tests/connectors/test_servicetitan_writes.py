"""Every write to ServiceTitan: sent once, found again when its answer was lost, refused in words that name no buyer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
import respx

from connectors.errors import AmbiguousWriteError, RejectedError
from connectors.servicetitan.accounting_schemas import InvoiceLine, InvoicePatch, NewPayment, PaymentSplit
from connectors.servicetitan.booking_schemas import NewJob, NewVisit
from connectors.servicetitan.client import ServiceTitan
from connectors.servicetitan.crm_schemas import NewAddress, NewContact, NewCustomer, NewLocation, NewPlace
from connectors.servicetitan.external import ExternalKey
from connectors.servicetitan.memberships import MembershipSale
from connectors.servicetitan.pricebook_schemas import NewEquipment, NewMaterial
from tests.connectors.doubles import GUID, NOW, ST, job_row, page

OURS = ExternalKey(GUID, "truckroll-order")
CRM = f"{ST}/crm/v2/tenant/7"
JPM = f"{ST}/jpm/v2/tenant/7"
BOOKS = f"{ST}/accounting/v2/tenant/7"
PRICES = f"{ST}/pricebook/v2/tenant/7"
ADDRESS = NewAddress(street="12 Elm St", city="Birmingham", state="AL", zip="35203", country="USA")
AT = datetime(2026, 9, 1, 13, 0, tzinfo=UTC)
HELD = OURS.holding("demo/CC-1")

CUSTOMER = NewCustomer(
    name="Robin Sample",
    type="Residential",
    address=ADDRESS,
    locations=(NewPlace(name="Robin Sample", address=ADDRESS),),
    contacts=(NewContact(type="MobilePhone", value="2055550101"),),
    external_data=HELD,
)
JOB = NewJob(
    customer_id=11,
    location_id=12,
    business_unit_id=3,
    job_type_id=4,
    campaign_id=5,
    priority="Normal",
    appointments=(NewVisit(start=AT, end=AT + timedelta(hours=4), technician_ids=(31,)),),
    external_data=HELD,
)
LINE = InvoiceLine(sku_id=900, description="Filter", quantity=Decimal(1), unit_price=Decimal("39.96"))
PAYMENT = NewPayment(
    type_id=6, amount=Decimal("51.35"), paid_on=AT, splits=(PaymentSplit(invoice_id=70, amount=Decimal("51.35")),)
)


@dataclass(frozen=True)
class Write:
    """A write, the address it goes to, and how to see whether it happened."""

    do: Callable[[ServiceTitan], Awaitable[Any]]
    method: str
    url: str
    look: Callable[[ServiceTitan], Awaitable[tuple[Any, ...]]]
    look_url: str
    row: Callable[[Any], dict[str, Any]]


def invoice(*items: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"id": 70, "total": "0.00", "items": list(items), **changes}


async def customers_tagged(st: ServiceTitan) -> tuple[Any, ...]:
    return tuple(one for one in await st.list_customers([11]) if 81 in one.tag_type_ids)


async def locations_tagged(st: ServiceTitan) -> tuple[Any, ...]:
    return tuple(one for one in await st.list_locations(11) if 81 in one.tag_type_ids)


async def lines_of(st: ServiceTitan) -> tuple[Any, ...]:
    (found,) = await st.list_invoices([70])
    return tuple(one for one in found.items if (one.sku_id, one.price) == (900, Decimal("39.96")))


async def taxed_invoices(st: ServiceTitan) -> tuple[Any, ...]:
    return tuple(one for one in await st.list_invoices([70]) if one.sales_tax == Decimal("3.44"))


async def payments_on(st: ServiceTitan) -> tuple[Any, ...]:
    return tuple(one for one in await st.list_payments([70]) if one.total == Decimal("51.35"))


async def jobs_tagged(st: ServiceTitan) -> tuple[Any, ...]:
    job = await st.get_job(48213)
    return (job,) if job.tag_type_ids == (83, 84) else ()


async def canceled_jobs(st: ServiceTitan) -> tuple[Any, ...]:
    job = await st.get_job(48213)
    return (job,) if job.job_status == "Canceled" else ()


WRITES: dict[str, Write] = {
    "a customer": Write(
        lambda st: st.create_customer(CUSTOMER), "POST", f"{CRM}/customers",
        lambda st: st.list_customers_by_external_data(OURS, ["demo/CC-1"]), f"{CRM}/customers",
        lambda body: {"id": 11, "name": body["name"], "externalData": body["externalData"]["externalData"]},
    ),
    "a contact": Write(
        lambda st: st.add_customer_contact(11, CUSTOMER.contacts[0]), "POST", f"{CRM}/customers/11/contacts",
        lambda st: st.list_contacts_of([11]), f"{CRM}/customers/contacts",
        lambda body: {"id": 1, "customerId": 11, **body},
    ),
    "a customer's tag": Write(
        lambda st: st.tag_customer(11, 81), "POST", f"{CRM}/customers/11/tags/81",
        customers_tagged, f"{CRM}/customers", lambda _: {"id": 11, "tagTypeIds": [5, 81]},
    ),
    "a location": Write(
        lambda st: st.create_location(
            NewLocation(customer_id=11, name="Robin Sample", address=ADDRESS, external_data=HELD)
        ), "POST", f"{CRM}/locations",
        lambda st: st.list_locations_by_external_data(OURS, ["demo/CC-1"]), f"{CRM}/locations",
        lambda body: {"id": 12, "customerId": 11, "externalData": body["externalData"]["externalData"]},
    ),
    "a location's tag": Write(
        lambda st: st.tag_location(12, 81), "POST", f"{CRM}/locations/12/tags/81",
        locations_tagged, f"{CRM}/locations", lambda _: {"id": 12, "customerId": 11, "tagTypeIds": [81]},
    ),
    "a material": Write(
        lambda st: st.create_material(NewMaterial(code="FLT-1", description="Filter", external_data=HELD)),
        "POST", f"{PRICES}/materials",
        lambda st: st.list_materials_by_external_data(OURS, ["demo/CC-1"]), f"{PRICES}/materials",
        lambda body: {"id": 900, "code": body["code"], "externalData": body["externalData"]["externalData"]},
    ),
    "a piece of equipment": Write(
        lambda st: st.create_equipment(NewEquipment(code="TST-1", description="T", external_data=HELD)),
        "POST", f"{PRICES}/equipment",
        lambda st: st.list_equipment_by_external_data(OURS, ["demo/CC-1"]), f"{PRICES}/equipment",
        lambda body: {"id": 901, "code": body["code"], "externalData": body["externalData"]["externalData"]},
    ),
    "a job": Write(
        lambda st: st.create_job(JOB), "POST", f"{JPM}/jobs",
        lambda st: st.list_jobs_by_external_data(OURS, ["demo/CC-1"]), f"{JPM}/jobs",
        lambda body: job_row(invoiceId=70, externalData=body["externalData"]["externalData"]),
    ),
    "a job's tags": Write(
        lambda st: st.set_job_tags(48213, [84, 83, 84]), "PATCH", f"{JPM}/jobs/48213",
        jobs_tagged, f"{JPM}/jobs/48213", lambda body: job_row(tagTypeIds=body["tagTypeIds"]),
    ),
    "the end of a job": Write(
        lambda st: st.cancel_job(48213, reason_id=75, memo="x"), "PUT", f"{JPM}/jobs/48213/cancel",
        canceled_jobs, f"{JPM}/jobs/48213", lambda _: job_row(jobStatus="Canceled"),
    ),
    "a membership": Write(
        lambda st: st.sell_membership(
            MembershipSale(
                customer_id=11, business_unit_id=3, sale_task_id=8802, duration_billing_id=5, recurring_service_action="All"
            )
        ), "POST", f"{ST}/memberships/v2/tenant/7/memberships/sale",
        lambda st: st.list_memberships([11]), f"{ST}/memberships/v2/tenant/7/memberships",
        lambda body: {"id": 9, "customerId": body["customerId"], "membershipTypeId": 4401, "createdOn": NOW},
    ),
    "an invoice line": Write(
        lambda st: st.write_invoice_line(70, LINE), "PATCH", f"{BOOKS}/invoices/70/items",
        lines_of, f"{BOOKS}/invoices",
        lambda body: invoice({"id": 5, "skuId": body["skuId"], "quantity": "1", "price": str(body["unitPrice"])}),
    ),
    "the head of an invoice": Write(
        lambda st: st.patch_invoice(70, InvoicePatch(tax=Decimal("3.44"))), "PATCH", f"{BOOKS}/invoices/70",
        taxed_invoices, f"{BOOKS}/invoices", lambda body: invoice(salesTax=str(body["tax"])),
    ),
    "a payment": Write(
        lambda st: st.create_payment(PAYMENT), "POST", f"{BOOKS}/payments",
        payments_on, f"{BOOKS}/payments",
        lambda body: {
            "id": 8, "typeId": "6", "total": "51.35", "appliedTo": [{"appliedTo": 70, "appliedAmount": "51.35"}]
        },
    ),
}  # fmt: skip


@dataclass
class Memory:
    """A server that does the write, then loses its answer; and shows what it did when asked."""

    router: respx.MockRouter
    write: Write
    rows: list[dict[str, Any]] = field(default_factory=list)
    writes: int = 0

    def __post_init__(self) -> None:
        self.router.route(method=self.write.method, url=self.write.url).mock(side_effect=self._take)
        self.router.route(method="GET", url__startswith=self.write.look_url).mock(side_effect=self._show)

    def _take(self, request: httpx.Request) -> httpx.Response:
        self.writes += 1
        self.rows.append(self.write.row(json.loads(request.content or b"null")))
        raise httpx.ReadTimeout("lost")

    def _show(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/jobs/48213"):
            return httpx.Response(200, json=self.rows[-1])
        return httpx.Response(200, json=page(*self.rows))


@pytest.mark.parametrize("what", WRITES)
async def test_a_write_whose_answer_is_lost_was_sent_once_and_is_found_again(
    st: ServiceTitan, vendors: respx.MockRouter, what: str
) -> None:
    write = WRITES[what]
    memory = Memory(vendors, write)
    with pytest.raises(AmbiguousWriteError) as caught:
        await write.do(st)
    assert memory.writes == 1, "never repeated here: only the ledger may decide"
    assert len(await write.look(st)) == 1
    assert "2055550101" not in str(caught.value)


@pytest.mark.parametrize("what", WRITES)
async def test_a_refused_write_says_the_vendors_words_and_nothing_of_the_buyer(
    st: ServiceTitan, vendors: respx.MockRouter, what: str
) -> None:
    write = WRITES[what]
    words = "Robin Sample at 12 Elm St (2055550101, robin@example.com): the campaign is not active"
    refusal = {"title": words, "status": 400, "errors": {"campaignId": ["not active"]}}
    route = vendors.route(method=write.method, url=write.url).respond(400, json=refusal)
    with pytest.raises(RejectedError) as caught:
        await write.do(st)
    assert route.call_count == 1
    assert "campaignId: not active" in str(caught.value)
    if what == "a customer":
        for private in ("Robin", "Elm", "2055550101", "@example.com"):
            assert private not in str(caught.value)
