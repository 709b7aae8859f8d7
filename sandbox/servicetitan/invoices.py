"""Invoices and their lines. Source: accounting-v2, FACTS 2.8. Money is a string on read, a number on write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from operator import eq, gt, lt, ne
from typing import Annotated, Any, ClassVar, Literal

from fastapi import Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, Field

from sandbox.clock import as_wire
from sandbox.errors import RefusedError
from sandbox.servicetitan.door import TheTitan, api
from sandbox.servicetitan.money_records import Invoice, InvoiceLine, ReviewStatus, as_text
from sandbox.servicetitan.queries import (
    APP_KEY_PARAMETER,
    Dates,
    Ids,
    Sorted,
    among,
    is_or_any,
    no_query,
    page_of,
    within,
)
from sandbox.servicetitan.shop_records import Equipment, Item, Service
from sandbox.servicetitan.state import Titan, found
from sandbox.strict import Id, Number, QueryInt, QueryNumber, QueryTime, StrictBody, read_body, read_query

router = api("accounting")

REPEATABLE = ("statuses", "reviewStatuses", "assignedToIds", "invoiceConfigurations")
"""Parameters sent once per value [spec]."""

COMPARERS: Mapping[str, Callable[[Decimal, Decimal], bool]] = {"Equals": eq, "NotEquals": ne, "Greater": gt, "Less": lt}
"""How `balanceFilter.Comparer` compares the invoice's balance with the one that was sent."""


class InvoicesQuery(Ids, Dates, Sorted):
    """Source: accounting-v2 `GET /invoices`. There is no read by id."""

    sortable: ClassVar[frozenset[str]] = frozenset({"id", "created_on", "modified_on", "number"})

    active_state: Literal["ActiveOnly", "InactiveOnly", "All"] = "ActiveOnly"
    batch_id: QueryInt | None = None
    batch_number: QueryInt | None = None
    job_id: QueryInt | None = None
    job_number: str | None = None
    business_unit_id: QueryInt | None = None
    customer_id: QueryInt | None = None
    invoiced_on_or_after: QueryTime | None = None
    invoiced_on_before: QueryTime | None = None
    due_date_on_or_after: QueryTime | None = None
    due_date_before: QueryTime | None = None
    adjustment_to_id: QueryInt | None = None
    number: str | None = None
    total_greater: QueryNumber | None = None
    total_less: QueryNumber | None = None
    balance: QueryNumber | None = Field(None, alias="balanceFilter.Balance")
    comparer: Literal["Equals", "NotEquals", "Greater", "Less"] = Field("Equals", alias="balanceFilter.Comparer")
    custom_fields: str | None = Field(None, alias="customField.Fields")
    custom_operator: Literal["And", "Or"] | None = Field(None, alias="customField.Operator")
    order_by: str | None = None
    order_by_direction: Literal["asc", "ascending", "desc", "descending"] = "asc"

    def wants(self, one: Invoice, titan: Titan) -> bool:
        """Tell whether the invoice passes every filter. None here has a batch or custom fields."""
        job = titan.jobs.get(one.job_id or 0)
        return (
            self.admits(one)
            and (self.active_state == "All" or one.active == (self.active_state == "ActiveOnly"))
            and all(value is None for value in (self.batch_id, self.batch_number))
            and is_or_any(self.adjustment_to_id, one.adjustment_to_id)
            and self.custom_fields is None
            and is_or_any(self.job_id, one.job_id)
            and (self.job_number is None or (job is not None and job.job_number == self.job_number))
            and is_or_any(self.business_unit_id, one.business_unit_id)
            and is_or_any(self.customer_id, one.customer_id)
            and is_or_any(self.number, one.number)
            and within(one, "invoiced_on", self, "invoiced_on_or_after", "invoiced_on_before")
            and within(one, "due_date", self, "due_date_on_or_after", "due_date_before")
            and (self.total_greater is None or titan.total_of(one) > self.total_greater)
            and (self.total_less is None or titan.total_of(one) < self.total_less)
            and (self.balance is None or COMPARERS[self.comparer](titan.balance_of(one), self.balance))
        )


class LineBody(StrictBody):
    """Source: accounting-v2 `InvoiceItemUpdateRequest`: with an id that line changes, without one a line is added."""

    sku_id: int | None = None
    sku_name: str | None = None
    technician_id: int | None = None
    description: str
    quantity: Number
    unit_price: Number | None = None
    cost: Number | None = None
    is_add_on: bool | None = None
    signature: str | None = None
    technician_acknowledgement_signature: str | None = None
    installed_on: AwareDatetime | None = None
    inventory_warehouse_name: str | None = None
    skip_updating_membership_prices: bool | None = None
    item_group_name: str | None = None
    item_group_root_id: int | None = None
    inventory_location_id: int | None = None
    duration_billing_id: int | None = None
    budget_code_id: int | None = None
    id: int | None = None


class PaymentMark(StrictBody):
    """Source: accounting-v2 `PaymentSettlementUpdateRequest`."""

    id: int
    settlement_status: Literal["NotSettled", "Settled"] | None = None
    settlement_date: AwareDatetime | None = None


class InvoiceHead(StrictBody):
    """What an adjustment's create and an invoice's change have in common."""

    number: str | None = None
    type_id: int | None = None
    invoiced_on: AwareDatetime | None = None
    subtotal: Number | None = None
    tax: Number | None = None
    tax_zone_id: int | None = None
    summary: str | None = None
    royalty_status: Literal["Pending", "Sent", "Failed"] | None = None
    royalty_date: AwareDatetime | None = None
    royalty_sent_on: AwareDatetime | None = None
    royalty_memo: str | None = None
    export_id: str | None = None
    review_status: ReviewStatus | None = None
    assigned_to_id: int | None = None
    budget_code_id: int | None = None
    items: list[LineBody] | None = None


class AdjustmentBody(InvoiceHead):
    """Source: accounting-v2 `AdjustmentInvoiceCreateRequest`."""

    adjustment_to_id: int


class InvoicePatch(InvoiceHead):
    """Source: accounting-v2 `InvoiceUpdateRequest`."""

    due_date: str | None = None
    payments: list[PaymentMark] | None = None


@router.get("/invoices")
async def list_invoices(request: Request, titan: TheTitan) -> JSONResponse:
    """List invoices, each with its lines."""
    query = read_query(InvoicesQuery, request, frozenset({APP_KEY_PARAMETER, *REPEATABLE}))
    many = _repeated(request)
    rows = [
        one
        for one in among(titan.invoices, query.ids)
        if (one.job_id is None or one.job_id in titan.jobs)
        and query.wants(one, titan)
        and (not many["statuses"] or one.status in many["statuses"])
        and (not many["reviewStatuses"] or one.review_status in many["reviewStatuses"])
        and (not many["assignedToIds"] or str(one.assigned_to_id) in many["assignedToIds"])
        and (not many["invoiceConfigurations"] or one.configuration in many["invoiceConfigurations"])
    ]
    return page_of(rows, query, lambda one: shown(titan, one))


@router.post("/invoices")
async def create_adjustment(request: Request, titan: TheTitan) -> JSONResponse:
    """Create an invoice that corrects another one; the answer is its id, nothing else. Sent twice, there are two."""
    no_query(request)
    body = await read_body(AdjustmentBody, request)
    corrected = found(titan.invoices, body.adjustment_to_id, "Invoice", status=400)
    assert isinstance(corrected, Invoice)
    if corrected.adjustment_to_id is not None:
        raise RefusedError(400, "An adjustment cannot be adjusted.", {"adjustmentToId": ["is an adjustment"]})
    number = titan.new_id()
    before = [one for one in titan.invoices.values() if one.adjustment_to_id == corrected.id]
    invoice = Invoice(
        id=number,
        job_id=corrected.job_id,
        number=f"{corrected.number}-A{len(before) + 1}",
        customer_id=corrected.customer_id,
        location_id=corrected.location_id,
        business_unit_id=corrected.business_unit_id,
        configuration=corrected.configuration,
        adjustment_to_id=corrected.id,
        tax_zone_id=corrected.tax_zone_id,
        invoiced_on=titan.now(),
        created_on=titan.now(),
        modified_on=titan.now(),
    )
    _write_head(titan, invoice, body)
    titan.invoices[invoice.id] = invoice
    titan.money_moved(invoice)
    return JSONResponse(invoice.id)


@router.patch("/invoices/{id}/items")
async def write_line(request: Request, titan: TheTitan, invoice_id: Id) -> Response:
    """Add or change one line. No body in the answer, not even the line's id; sent twice, the line is there twice."""
    no_query(request)
    body = await read_body(LineBody, request)
    invoice = _open_invoice(titan, invoice_id)
    _keep(titan, invoice, [body])
    return Response(status_code=200)


@router.delete("/invoices/{id}/items/{item_id}")
async def delete_line(
    request: Request, titan: TheTitan, invoice_id: Id, item_id: Annotated[int, Path(alias="item_id")]
) -> Response:
    """Take a line off."""
    no_query(request)
    invoice = _open_invoice(titan, invoice_id)
    if all(line.id != item_id for line in invoice.lines):
        raise RefusedError(400, f"The invoice has no item {item_id}.", {"itemId": ["not found"]})
    invoice.lines = [line for line in invoice.lines if line.id != item_id]
    titan.money_moved(invoice)
    return Response(status_code=200)


@router.patch("/invoices/{id}")
async def patch_invoice(request: Request, titan: TheTitan, invoice_id: Id) -> Response:
    """Change an invoice. A subtotal that is not the sum of the lines is refused [inferred]. No body in the answer."""
    no_query(request)
    body = await read_body(InvoicePatch, request)
    invoice = _open_invoice(titan, invoice_id)
    due = _day(body.due_date) if body.due_date is not None else None
    for mark in body.payments or []:
        found(titan.payments, mark.id, "Payment", status=400)
    _write_head(titan, invoice, body)
    if due is not None:
        invoice.due_date = due
    titan.money_moved(invoice)
    return Response(status_code=200)


def shown(titan: Titan, one: Invoice) -> dict[str, Any]:
    """Return the invoice as `InvoiceResponse`."""
    job, unit = titan.jobs.get(one.job_id or 0), titan.business_units[one.business_unit_id]
    customer, location = titan.customers[one.customer_id], titan.locations[one.location_id]
    kind = titan.job_types[job.job_type_id].name if job else None
    address = {"street", "unit", "city", "state", "zip", "country"}
    zone = titan.tax_zones.get(one.tax_zone_id or 0)
    return {
        "id": one.id,
        "syncStatus": one.status,
        "budgetCodeId": None,
        "referenceNumber": one.number,
        "invoiceDate": as_wire(one.invoiced_on),
        "dueDate": as_wire(one.due_date) if one.due_date else None,
        "subTotal": as_text(one.subtotal),
        "salesTax": as_text(titan.tax_of(one)),
        "salesTaxCode": {"id": zone.id, "name": zone.name, "taxRate": float(zone.rate)} if zone else None,
        "taxZoneId": one.tax_zone_id,
        "total": as_text(titan.total_of(one)),
        "balance": as_text(titan.balance_of(one)),
        "invoiceType": None,
        "customer": {"id": customer.id, "name": customer.name},
        "customerAddress": customer.address.model_dump(include=address),
        "location": {"id": location.id, "name": location.name},
        "locationAddress": location.address.model_dump(include=address),
        "businessUnit": {"id": unit.id, "name": unit.name},
        "termName": "Due Upon Receipt",
        "createdBy": "office",
        "batch": None,
        "depositedOn": None,
        "createdOn": as_wire(one.created_on),
        "modifiedOn": as_wire(one.modified_on),
        "adjustmentToId": one.adjustment_to_id,
        "job": {"id": job.id, "number": job.job_number, "type": kind} if job else None,
        "projectId": None,
        "royalty": None,
        "employeeInfo": None,
        "commissionEligibilityDate": None,
        "sentStatus": "NotSent",
        "reviewStatus": one.review_status,
        "assignedTo": None,
        "summary": one.summary,
        "items": [line.shown(place) for place, line in enumerate(one.lines, 1)],
        "customFields": [],
        "active": one.active,
        "discountTotal": as_text(one.subtotal * 0),
        "importId": None,
        "exportId": one.export_id,
        "materialSkuId": None,
        "membershipId": one.membership_id,
        "paidOn": as_wire(one.paid_on) if one.paid_on else None,
        "invoiceConfiguration": one.configuration,
    }


def _write_head(titan: Titan, invoice: Invoice, body: InvoiceHead) -> None:
    """Write what was sent on the invoice; nothing is kept until all is accepted."""
    if body.tax_zone_id is not None:
        found(titan.tax_zones, body.tax_zone_id, "Tax zone", status=400)
    lines = _merged(titan, invoice, body.items or [])
    if body.subtotal is not None and body.subtotal != sum(line.total for line in lines):
        raise RefusedError(400, "The subtotal is not the sum of the items.", {"subtotal": ["does not add up"]})
    invoice.lines = lines
    for name in ("number", "invoiced_on", "tax_zone_id", "summary", "export_id", "review_status", "assigned_to_id"):
        if getattr(body, name) is not None:
            setattr(invoice, name, getattr(body, name))
    if body.tax is not None:
        invoice.tax_set = body.tax


def _repeated(request: Request) -> dict[str, list[str]]:
    allowed = {
        "statuses": {"Pending", "Posted", "Exported"},
        "reviewStatuses": set(ReviewStatus.__args__),  # type: ignore[attr-defined]
        "invoiceConfigurations": {
            "JobInvoice", "ProjectInvoice", "CounterSales", "MembershipInvoice", "InterestChargeInvoice",
            "ARImportInvoice",
        },
    }  # fmt: skip
    many = {name: request.query_params.getlist(name) for name in REPEATABLE}
    for name, values in many.items():
        wrong = [one for one in values if (one not in allowed[name] if name in allowed else not one.isdigit())]
        if wrong:
            raise RefusedError(400, "One or more validation errors occurred.", {name: [f"unknown value {wrong[0]}"]})
    return many


def _open_invoice(titan: Titan, invoice_id: int) -> Invoice:
    invoice = found(titan.invoices, invoice_id, "Invoice", status=400)
    assert isinstance(invoice, Invoice)
    if invoice.status != "Pending":
        raise RefusedError(400, f"Invoice {invoice.number} is {invoice.status} and cannot be changed.")
    return invoice


def _keep(titan: Titan, invoice: Invoice, sent: list[LineBody]) -> None:
    invoice.lines = _merged(titan, invoice, sent)
    titan.money_moved(invoice)


def _merged(titan: Titan, invoice: Invoice, sent: list[LineBody]) -> list[InvoiceLine]:
    """Return the lines as they will be; nothing is kept until all are accepted."""
    lines = {line.id: line for line in invoice.lines}
    for one in sent:
        if one.id is not None and one.id not in lines:
            raise RefusedError(400, f"The invoice has no item {one.id}.", {"id": ["not found"]})
        before = lines.get(one.id) if one.id is not None else None
        line = _line(titan, one, before)
        lines[line.id] = line
    return list(lines.values())


def _line(titan: Titan, sent: LineBody, before: InvoiceLine | None) -> InvoiceLine:
    sku = _sku(titan, sent, before)
    if sent.technician_id is not None:
        found(titan.technicians, sent.technician_id, "Technician", status=400)
    for name in ("item_group_root_id", "inventory_location_id", "duration_billing_id", "budget_code_id"):
        if getattr(sent, name) is not None:
            raise RefusedError(400, "The sandbox keeps no such record.", {name: ["not found"]})
    price = before.price if before else sku.price
    accounts = (sku.account, sku.cost_of_sale_account, sku.asset_account)
    income, cost_of_sale, asset = (titan.account_named(name) if name else None for name in accounts)
    return InvoiceLine(
        id=before.id if before else titan.new_id(),
        sku_id=sku.id,
        sku_name=sku.code,
        sku_type=_kind_of(sku),
        display_name=sku.display_name,
        description=sent.description,
        quantity=sent.quantity,
        price=sent.unit_price if sent.unit_price is not None else price,
        cost=sent.cost if sent.cost is not None else sku.cost,
        inventory=sku.is_inventory,
        taxable=bool(sku.taxable),
        add_on=bool(sent.is_add_on),
        technician_id=sent.technician_id,
        accounts=(income, cost_of_sale, asset),
        created_on=before.created_on if before else titan.now(),
        modified_on=titan.now(),
    )


def _kind_of(sku: Item) -> Literal["Service", "Material", "Equipment"]:
    if isinstance(sku, Service):
        return "Service"
    return "Equipment" if isinstance(sku, Equipment) else "Material"


def _sku(titan: Titan, sent: LineBody, before: InvoiceLine | None) -> Item:
    """Return the line's pricebook item, by id or by code; an unchanged line keeps its own."""
    items = titan.items()
    wanted = sent.sku_id if sent.sku_id is not None or sent.sku_name is not None or before is None else before.sku_id
    named = [one for one in items.values() if one.active and one.code == sent.sku_name] if sent.sku_name else []
    item = items.get(wanted) if wanted is not None else next(iter(named), None)
    if item is None or not item.active:
        raise RefusedError(400, "There is no such active pricebook item.", {"skuId": ["not found"]})
    return item


def _day(text: str) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise RefusedError(400, "One or more validation errors occurred.", {"dueDate": ["not a date"]}) from None
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
