"""Selling memberships. Source: memberships-v2, FACTS 2.9.

A sale makes a membership and an invoice of its own, with the sale task as its only line. Which service is a sale task
is shown by no read [spec].
"""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from sandbox.errors import RefusedError
from sandbox.servicetitan.door import TheTitan, api
from sandbox.servicetitan.membership_records import (
    MONTHS,
    DurationBilling,
    Frequency,
    Membership,
    MembershipStatus,
    MembershipType,
)
from sandbox.servicetitan.money_records import Invoice, InvoiceLine
from sandbox.servicetitan.queries import (
    APP_KEY_PARAMETER,
    Active,
    ActiveOnly,
    Dates,
    Ids,
    Sorted,
    is_or_any,
    no_query,
    page_of,
    titan_query,
)
from sandbox.servicetitan.shop_records import Service
from sandbox.servicetitan.state import Titan, found
from sandbox.strict import Id, QueryBool, QueryIdList, QueryInt, StrictBody, read_body, read_query

router = api("memberships")


class TypesQuery(Ids, Dates, ActiveOnly, Sorted):
    """Source: memberships-v2 `GET /membership-types`."""

    duration: QueryInt | None = None
    billing_frequency: Frequency | None = None
    include_duration_billing: QueryBool = False
    include_discounts: QueryBool = False
    include_recurring_services: QueryBool = False
    include_tags: QueryBool = False

    def wants(self, one: MembershipType, titan: Titan) -> bool:
        """Tell whether the type passes every filter; one way it is sold must fit duration and frequency."""
        if not self.admits(one):
            return False
        return (self.duration is None and self.billing_frequency is None) or any(
            is_or_any(self.duration, terms.duration) and is_or_any(self.billing_frequency, terms.billing_frequency)
            for terms in _terms_of(titan, one.id)
        )


class TermsQuery(BaseModel):
    """Source: memberships-v2 `GET /membership-types/{id}/duration-billing-items`; no paging."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)

    active: Active | None = None


class MembershipsQuery(Ids, Dates, ActiveOnly, Sorted):
    """Source: memberships-v2 `GET /memberships`."""

    customer_ids: QueryIdList | None = None
    status: MembershipStatus | None = None
    duration: QueryInt | None = None
    billing_frequency: Frequency | None = None


class SaleBody(StrictBody):
    """Source: memberships-v2 `MembershipSaleInvoiceCreateRequest`."""

    customer_id: int
    business_unit_id: int
    sale_task_id: int
    duration_billing_id: int
    location_id: int | None = None
    recurring_service_action: Literal["None", "Single", "All"]
    recurring_location_id: int | None = None


@router.get("/membership-types")
async def list_types(request: Request, titan: TheTitan) -> JSONResponse:
    """List membership types."""
    query = titan_query(TypesQuery, request)

    def shown(one: MembershipType) -> dict[str, Any]:
        terms = [item.entry() for item in _terms_of(titan, one.id) if item.active]
        return {
            **one.wire(),
            "durationBilling": terms if query.include_duration_billing else None,
            "discounts": [] if query.include_discounts else None,
            "recurringServices": [] if query.include_recurring_services else None,
            "tagTypeIds": [] if query.include_tags else None,
        }

    return page_of([one for one in titan.membership_types.values() if query.wants(one, titan)], query, shown)


@router.get("/membership-types/{id}")
async def get_type(request: Request, titan: TheTitan, type_id: Id) -> JSONResponse:
    """Read one membership type."""
    no_query(request)
    return JSONResponse(found(titan.membership_types, type_id, "Membership type").wire())


@router.get("/membership-types/{id}/duration-billing-items")
async def list_terms(request: Request, titan: TheTitan, type_id: Id) -> JSONResponse:
    """List the ways a type is sold; alone among the lists this is a bare array [spec]."""
    wanted = read_query(TermsQuery, request, frozenset({APP_KEY_PARAMETER})).active or "True"
    found(titan.membership_types, type_id, "Membership type")
    rows = [one for one in _terms_of(titan, type_id) if wanted == "Any" or one.active == (wanted == "True")]
    return JSONResponse([one.wire() for one in rows])


@router.get("/memberships")
async def list_memberships(request: Request, titan: TheTitan) -> JSONResponse:
    """List what customers have."""
    query = titan_query(MembershipsQuery, request)
    rows = [
        one
        for one in titan.memberships.values()
        if query.admits(one)
        and (query.customer_ids is None or one.customer_id in query.customer_ids)
        and is_or_any(query.status, one.status)
        and is_or_any(query.duration, one.duration)
        and is_or_any(query.billing_frequency, one.billing_frequency)
    ]
    return page_of(rows, query)


@router.get("/memberships/{id}")
async def get_membership(request: Request, titan: TheTitan, membership_id: Id) -> JSONResponse:
    """Read one customer's membership."""
    no_query(request)
    return JSONResponse(found(titan.memberships, membership_id, "Membership").wire())


@router.post("/memberships/sale")
async def sell(request: Request, titan: TheTitan) -> JSONResponse:
    """Sell a membership. Sent twice, the customer has it twice, with two invoices."""
    no_query(request)
    body = await read_body(SaleBody, request)
    task, terms = _check_sale(titan, body)
    places = [one.id for one in titan.locations.values() if one.customer_id == body.customer_id and one.active]
    now = titan.now()
    line = _sale_line(titan, task, terms)
    membership = Membership(
        id=titan.new_id(),
        follow_up_on=now,
        from_=now,
        to=_months_later(now, terms.duration) if terms.duration is not None else None,
        next_scheduled_bill_date=_next_bill(now, terms),
        billing_frequency=terms.billing_frequency,
        duration=terms.duration,
        business_unit_id=body.business_unit_id,
        customer_id=body.customer_id,
        membership_type_id=terms.membership_type_id,
        activated_from_id=line.id,
        location_id=body.location_id,
        recurring_location_id=body.recurring_location_id,
        created_on=now,
        modified_on=now,
    )
    number = titan.new_id()
    invoice = Invoice(
        id=number,
        job_id=None,
        number=str(number),
        customer_id=body.customer_id,
        location_id=body.location_id or body.recurring_location_id or places[0],
        business_unit_id=body.business_unit_id,
        configuration="MembershipInvoice",
        membership_id=membership.id,
        invoiced_on=now,
        lines=[line],
        created_on=now,
        modified_on=now,
    )
    titan.memberships[membership.id] = membership
    titan.invoices[invoice.id] = invoice
    titan.money_moved(invoice)
    return JSONResponse({"invoiceId": invoice.id, "customerMembershipId": membership.id})


def _terms_of(titan: Titan, type_id: int) -> list[DurationBilling]:
    return [one for one in titan.duration_billings.values() if one.membership_type_id == type_id]


def _check_sale(titan: Titan, body: SaleBody) -> tuple[Service, DurationBilling]:
    """Refuse what is not there, not active or does not belong together; return sale task and terms."""
    for name, number, records in (
        ("customer", body.customer_id, titan.customers),
        ("businessUnit", body.business_unit_id, titan.business_units),
    ):
        if not found(records, number, name, status=400).active:
            raise RefusedError(400, f"{name} {number} is not active.", {f"{name}Id": ["not active"]})
    task: Service = found(titan.services, body.sale_task_id, "Sale task", status=400)
    if task.membership_type_id is None or not task.active:
        raise RefusedError(400, f"Service {task.code} is no active sale task.", {"saleTaskId": ["no sale task"]})
    terms: DurationBilling = found(titan.duration_billings, body.duration_billing_id, "Duration/billing", status=400)
    if terms.membership_type_id != task.membership_type_id or not terms.active:
        raise RefusedError(
            400, "The sale task's membership is not sold like this.", {"durationBillingId": ["of another membership"]}
        )
    if not titan.membership_types[terms.membership_type_id].active:
        raise RefusedError(400, "The membership type is not active.", {"saleTaskId": ["not active"]})
    _check_places(titan, body)
    return task, terms


def _check_places(titan: Titan, body: SaleBody) -> None:
    for name in ("location_id", "recurring_location_id"):
        number = getattr(body, name)
        if number is None:
            continue
        if found(titan.locations, number, "Location", status=400).customer_id != body.customer_id:
            raise RefusedError(400, "The location belongs to another customer.", {to_camel(name): ["wrong customer"]})
    if body.recurring_service_action == "Single" and body.recurring_location_id is None:
        raise RefusedError(400, "Which location gets the visits?", {"recurringLocationId": ["must be set"]})


def _sale_line(titan: Titan, task: Service, terms: DurationBilling) -> InvoiceLine:
    now = titan.now()
    income = titan.account_named(task.account) if task.account else None
    return InvoiceLine(
        id=titan.new_id(),
        sku_id=task.id,
        sku_name=task.code,
        sku_type="Service",
        display_name=task.display_name,
        description=task.description,
        quantity=Decimal(1),
        price=terms.sale_price,
        cost=task.cost,
        inventory=False,
        taxable=task.taxable,
        membership_type_id=terms.membership_type_id,
        accounts=(income, None, None),
        created_on=now,
        modified_on=now,
    )


def _next_bill(now: datetime, terms: DurationBilling) -> datetime | None:
    every = MONTHS.get(terms.billing_frequency)
    return _months_later(now, every) if every else None


def _months_later(moment: datetime, months: int) -> datetime:
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))
