"""Payments: money that was received elsewhere is written down here. Source: accounting-v2, FACTS 2.8."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar, Literal

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, Field

from sandbox.clock import as_wire
from sandbox.errors import RefusedError
from sandbox.servicetitan.door import TheTitan, api
from sandbox.servicetitan.money_records import ZERO, Invoice, Payment, PaymentSplit, PostStatus, as_text
from sandbox.servicetitan.queries import Dates, Ids, Sorted, among, is_or_any, no_query, page_of, titan_query, within
from sandbox.servicetitan.state import Titan, found
from sandbox.strict import Number, QueryIdList, QueryInt, QueryNumber, QueryTime, StrictBody, read_body

router = api("accounting")


class PaymentsQuery(Ids, Dates, Sorted):
    """Source: accounting-v2 `GET /payments`."""

    sortable: ClassVar[frozenset[str]] = frozenset({"id", "created_on", "modified_on"})

    active_state: Literal["ActiveOnly", "InactiveOnly", "All"] = "ActiveOnly"
    applied_to_invoice_ids: QueryIdList | None = None
    applied_to_reference_number: str | None = None
    batch_id: QueryInt | None = None
    batch_number: QueryInt | None = None
    business_unit_ids: QueryIdList | None = None
    customer_id: QueryInt | None = None
    custom_fields: str | None = Field(None, alias="customField.Fields")
    custom_operator: Literal["And", "Or"] | None = Field(None, alias="customField.Operator")
    deposit_ids: QueryIdList | None = None
    paid_on_after: QueryTime | None = None
    paid_on_before: QueryTime | None = None
    statuses: str | None = None
    total_greater: QueryNumber | None = None
    total_less: QueryNumber | None = None
    transaction_type: Literal["Undefined", "JournalEntry", "ReceivePayment"] | None = None

    def wants(self, one: Payment, titan: Titan) -> bool:
        """Tell whether the payment passes every filter. No payment here has a batch, a deposit or custom fields."""
        invoices = {split.invoice_id for split in one.splits}
        units = {titan.invoices[invoice_id].business_unit_id for invoice_id in invoices}
        return (
            self.admits(one)
            and (self.active_state == "All" or one.active == (self.active_state == "ActiveOnly"))
            and (self.applied_to_invoice_ids is None or bool(invoices & set(self.applied_to_invoice_ids)))
            and (
                self.applied_to_reference_number is None
                or any(split.invoice_number == self.applied_to_reference_number for split in one.splits)
            )
            and (self.business_unit_ids is None or bool(units & set(self.business_unit_ids)))
            and all(value is None for value in (self.batch_id, self.batch_number, self.deposit_ids))
            and self.custom_fields is None
            and is_or_any(self.customer_id, one.customer_id)
            and within(one, "paid_on", self, "paid_on_after", "paid_on_before")
            and (self.statuses is None or one.status in [word.strip() for word in self.statuses.split(",")])
            and (self.total_greater is None or one.amount > self.total_greater)
            and (self.total_less is None or one.amount < self.total_less)
            and self.transaction_type in {None, "ReceivePayment"}
        )


class SplitBody(StrictBody):
    """Source: accounting-v2 `PaymentSplitApiModel`."""

    amount: Number | None = None
    invoice_id: int | None = None
    invoice_number: str | None = None


class PaymentBody(StrictBody):
    """Source: accounting-v2 `PaymentCreateRequest`; without splits the payment is on no invoice."""

    amount: Number | None = None
    auth_code: str | None = None
    check_number: str | None = None
    customer_id: int | None = None
    export_id: str | None = None
    memo: str | None = None
    paid_on: AwareDatetime | None = None
    splits: list[SplitBody] | None = None
    status: PostStatus | None = None
    type_id: int


@router.post("/payments")
async def create_payment(request: Request, titan: TheTitan) -> JSONResponse:
    """Write a payment down. Nothing keeps the same one from being written twice."""
    no_query(request)
    body = await read_body(PaymentBody, request)
    if not found(titan.payment_types, body.type_id, "Payment type", status=400).active:
        raise RefusedError(400, "The payment type is not active.", {"typeId": ["not active"]})
    splits = [_split(titan, one) for one in body.splits or []]
    amount = body.amount if body.amount is not None else sum((one.amount for one in splits), ZERO)
    if amount <= 0:
        raise RefusedError(400, "A payment is of more than nothing.", {"amount": ["must be positive"]})
    if splits and sum(one.amount for one in splits) != amount:
        raise RefusedError(400, "The splits do not add up to the amount.", {"splits": ["do not add up"]})
    invoices = [titan.invoices[one.invoice_id] for one in splits]
    payment = Payment(
        id=titan.new_id(),
        type_id=body.type_id,
        amount=amount,
        customer_id=_payer(titan, body, invoices),
        paid_on=body.paid_on or titan.now(),
        splits=splits,
        memo=body.memo,
        check_number=body.check_number,
        auth_code=body.auth_code,
        export_id=body.export_id,
        status=body.status or "Pending",
        created_on=titan.now(),
        modified_on=titan.now(),
    )
    titan.keep_payment(payment)
    for invoice in invoices:
        titan.money_moved(invoice)
    return JSONResponse(_created(payment))


@router.get("/payments")
async def list_payments(request: Request, titan: TheTitan) -> JSONResponse:
    """List payments; `total` and `typeId` are strings here [spec]."""
    query = titan_query(PaymentsQuery, request)
    rows = [one for one in titan.payments.values() if query.wants(one, titan)]
    return page_of(rows, query, lambda one: _shown(titan, one))


def _split(titan: Titan, sent: SplitBody) -> PaymentSplit:
    if sent.amount is None or sent.amount == 0:
        raise RefusedError(400, "A split needs an amount.", {"splits.amount": ["must be set"]})
    for invoice in among(titan.invoices, None if sent.invoice_id is None else [sent.invoice_id]):
        if invoice.id == sent.invoice_id or (sent.invoice_id is None and invoice.number == sent.invoice_number):
            return PaymentSplit(amount=sent.amount, invoice_id=invoice.id, invoice_number=invoice.number)
    raise RefusedError(400, "There is no such invoice.", {"splits.invoiceId": ["not found"]})


def _payer(titan: Titan, body: PaymentBody, invoices: list[Invoice]) -> int | None:
    payers = {invoice.customer_id for invoice in invoices}
    if body.customer_id is None:
        return next(iter(payers), None)
    found(titan.customers, body.customer_id, "Customer", status=400)
    if payers - {body.customer_id}:
        raise RefusedError(400, "The invoice belongs to another customer.", {"customerId": ["wrong customer"]})
    return body.customer_id


def _created(payment: Payment) -> dict[str, Any]:
    return {
        "active": payment.active,
        "authCode": payment.auth_code,
        "checkNumber": payment.check_number,
        "customerId": payment.customer_id,
        "exportId": payment.export_id,
        "id": payment.id,
        "memo": payment.memo,
        "paidOn": as_wire(payment.paid_on),
        "splits": [split.wire() for split in payment.splits],
        "status": payment.status,
        "transactionStatus": "Success",
        "typeId": payment.type_id,
    }


def _shown(titan: Titan, payment: Payment) -> dict[str, Any]:
    customer = titan.customers.get(payment.customer_id or 0)
    applied = sum((split.amount for split in payment.splits), Decimal(0))
    units = [titan.business_units[titan.invoices[one.invoice_id].business_unit_id] for one in payment.splits]
    return {
        "active": payment.active,
        "appliedTo": [
            {
                "appliedAmount": as_text(split.amount),
                "appliedBy": "office",
                "appliedId": payment.id,
                "appliedOn": as_wire(payment.created_on),
                "appliedTo": split.invoice_id,
                "appliedToReferenceNumber": split.invoice_number,
            }
            for split in payment.splits
        ],
        "authCode": payment.auth_code,
        "batch": None,
        "businessUnit": {"id": units[0].id, "name": units[0].name} if units else None,
        "checkNumber": payment.check_number,
        "createdBy": "office",
        "createdOn": as_wire(payment.created_on),
        "customer": {"id": customer.id, "name": customer.name} if customer else None,
        "customFields": [],
        "date": as_wire(payment.paid_on),
        "deposit": None,
        "generalLedgerAccount": None,
        "id": payment.id,
        "memo": payment.memo,
        "modifiedOn": as_wire(payment.modified_on),
        "referenceNumber": str(payment.id),
        "refundedPaymentId": None,
        "syncStatus": payment.status,
        "total": as_text(payment.amount),
        "type": titan.payment_types[payment.type_id].name,
        "typeId": str(payment.type_id),
        "unappliedAmount": as_text(payment.amount - applied),
    }
