"""Invoices, payments and the lists that go with them. Source: accounting-v2 [spec]; FACTS 2.5, 2.8.

There is no GET of one invoice or payment: lists, by id. Nothing here is idempotent: after a lost answer re-read and
compare before repeating.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from connectors.http import Query
from connectors.servicetitan.accounting_schemas import (
    CreatedInvoice,
    CreatedPayment,
    GlAccount,
    Invoice,
    InvoiceLine,
    InvoicePatch,
    NewAdjustment,
    NewPayment,
    Payment,
    PaymentType,
)
from connectors.servicetitan.api import Api, as_utc_text
from connectors.wire import parse


class AccountingApi(Api):
    """The money side of a job."""

    async def list_invoices(self, ids: Iterable[int]) -> tuple[Invoice, ...]:
        """Read invoices with their lines. accounting-v2 `GET /invoices`."""
        return await self._by_ids(Invoice, self._path("accounting", "invoices"), "reading invoices", ids)

    async def list_customer_invoices(self, customer_id: int, *, created_since: datetime) -> tuple[Invoice, ...]:
        """Read the invoices a customer got since then, inactive ones too. accounting-v2 `GET /invoices`."""
        since = as_utc_text(created_since)
        query: Query = {"customerId": customer_id, "createdOnOrAfter": since, "activeState": "All"}
        doing = f"reading the invoices of customer {customer_id}"
        return await self._all(Invoice, self._path("accounting", "invoices"), doing, query)

    async def write_invoice_line(self, invoice_id: int, line: InvoiceLine) -> None:
        """Add or change one line; its answer is empty. accounting-v2 `PATCH /invoices/{invoiceId}/items`."""
        path = self._path("accounting", f"invoices/{invoice_id}/items")
        await self._write("PATCH", path, f"writing a line of invoice {invoice_id}", line)

    async def patch_invoice(self, invoice_id: int, patch: InvoicePatch) -> None:
        """Change an invoice's head; its answer is empty. accounting-v2 `PATCH /invoices/{id}`."""
        path = self._path("accounting", f"invoices/{invoice_id}")
        await self._write("PATCH", path, f"writing the head of invoice {invoice_id}", patch)

    async def list_adjustments(self, invoice_id: int) -> tuple[Invoice, ...]:
        """Read the active adjustment invoices of an invoice. accounting-v2 `GET /invoices`."""
        doing = f"reading the adjustments of invoice {invoice_id}"
        path = self._path("accounting", "invoices")
        found = await self._all(Invoice, path, doing, {"adjustmentToId": invoice_id, "activeState": "ActiveOnly"})
        return tuple(one for one in found if one.adjustment_to_id == invoice_id)

    async def create_adjustment_invoice(self, adjustment: NewAdjustment) -> int:
        """Make an invoice that adjusts another; list its adjustments before repeating it. Returns its id.

        accounting-v2 `POST /invoices`, whose answer is the bare id.
        """
        body = adjustment.wire()
        doing = f"adjusting invoice {adjustment.adjustment_to_id}"
        call = self._http.call(doing, is_write=True, body=body)
        made = await self._http.send("POST", self._path("accounting", "invoices"), call, body=body)
        return parse(CreatedInvoice, made, call).root

    async def create_payment(self, payment: NewPayment) -> CreatedPayment:
        """Record a payment; look by invoice before repeating it. accounting-v2 `POST /payments`."""
        on = ", ".join(str(split.invoice_id) for split in payment.splits)
        return await self._write_for(
            CreatedPayment,
            "POST",
            self._path("accounting", "payments"),
            f"recording a payment on invoice {on}",
            payment,
        )

    async def list_payments(self, invoice_ids: Iterable[int]) -> tuple[Payment, ...]:
        """Read the active payments on these invoices. accounting-v2 `GET /payments`."""
        path = self._path("accounting", "payments")
        return await self._by_ids(Payment, path, "reading payments", invoice_ids, name="appliedToInvoiceIds")

    async def list_gl_accounts(self) -> tuple[GlAccount, ...]:
        """Read all accounts, inactive ones too. accounting-v2 `GET /gl-accounts`."""
        path = self._path("accounting", "gl-accounts")
        return await self._all(GlAccount, path, "reading the accounts", {"active": "Any"})

    async def list_payment_types(self, *, also_inactive: bool = False) -> tuple[PaymentType, ...]:
        """Read the payment types; the rows do not say whether they are active. accounting-v2 `GET /payment-types`."""
        query = {"active": "Any" if also_inactive else "True"}
        return await self._all(
            PaymentType, self._path("accounting", "payment-types"), "reading the payment types", query
        )
