"""The invoice of a product job: its lines, its tax, its total to the cent, its payment.

Source: CHECKLIST OI-27, OI-29, OI-63; accounting-v2 [spec]; servicetitan FACTS 2.8. Money is in the order's currency.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Final

from connectors.servicetitan.accounting_schemas import InvoiceLine as LineToWrite
from connectors.servicetitan.accounting_schemas import InvoicePatch, NewPayment, PaymentSplit
from connectors.servicetitan.texts import as_html, plain
from decisions.invoice_check import ShownInvoice, ShownLine, differences, is_line_there
from decisions.invoicing import InvoiceLine, InvoicePlan, folded_sku
from decisions.words import listed, money
from models.errors import HeldError, RejectedError
from models.store_order import StoreOrder
from store.effects import ID
from tasks.house import House, open_house
from tasks.step import step

_WRITTEN: Final = "written"
"""What the ledger keeps of a write whose answer is empty."""


@step("build the {kind} invoice of {order.number}", looks_first=True)
async def build_invoice(
    shop: str,
    order: StoreOrder,
    kind: str,
    invoice: int,
    plan: InvoicePlan,
    items: dict[str, int],
    *,
    look_first: bool = False,
) -> Decimal:
    """Write the planned lines and the tax, and return the invoice's total as ServiceTitan shows it (OI-29).

    `look_first`: the job was there already, so its lines may be too: each is looked for before it is written.
    Raises: HeldError when the invoice is closed, or comes to another total; RejectedError with ServiceTitan's words;
    TransientError.
    """
    async with open_house(shop) as house:
        await write_lines(house, order, kind, invoice, plan, items, look_first=look_first)
        return await settle_invoice(house, order, kind, invoice, plan)


async def write_lines(
    house: House,
    order: StoreOrder,
    kind: str,
    invoice: int,
    plan: InvoicePlan,
    items: dict[str, int],
    *,
    look_first: bool = False,
) -> None:
    """Write the planned lines, one call each, each once; what people put on the invoice stays.

    The answer of such a write is empty, so after a lost one the invoice is read and its lines are counted.
    Raises: HeldError when the invoice is closed; RejectedError with ServiceTitan's words; TransientError.
    """
    lines = [_shown_as(line, items) for line in plan.lines]
    for at in range(len(lines)):
        try:
            async with _held_when_closed(house, order, invoice):
                await _write_line(house, order, kind, invoice, lines, at, look_first=look_first)
        except RejectedError as refused:
            raise HeldError(
                f"ServiceTitan takes no line of {lines[at].sku} (item {lines[at].sku_id}) on invoice {invoice}: "
                f"{refused.words or refused.message}",
                "Look at that item in the pricebook, such as whether it is switched off; then retry.",
                "lines",
            ) from refused


async def settle_invoice(house: House, order: StoreOrder, kind: str, invoice: int, plan: InvoicePlan) -> Decimal:
    """Write the order's tax, then read the invoice's total, which must be the planned one to the cent (OI-29).

    The store's tax counts, not the one that ServiceTitan works out. A tax that somebody changes afterwards is not
    written over. Returns the total as read. Raises: HeldError that names every difference; TransientError.
    """
    if plan.tax:
        await _set_tax(house, order, kind, invoice, plan.tax)
    shown = await _read(house, order, invoice)
    if not plan.tax and shown.tax and shown.is_open:
        await _set_tax(house, order, kind, invoice, plan.tax)
        shown = await _read(house, order, invoice)
    if shown.total != plan.total:
        raise _wrong_total(order, shown, plan)
    return shown.total


@step("record the payment of {order.number}", looks_first=True)
async def record_payment(
    shop: str,
    order: StoreOrder,
    kind: str,
    invoice: int,
    customer: int,
    amount: Decimal,
    type_id: int,
    *,
    look_first: bool = False,
) -> int:
    """Record on the invoice what the store collected, and return the payment's id (OI-63). Nothing is charged.

    Repeatable: after a lost answer, or with `look_first`, it is looked for among the invoice's payments, by type,
    amount and memo.
    Raises: RejectedError with ServiceTitan's words; TransientError.
    """
    async with open_house(shop) as house:
        return await pay_once(
            house,
            order,
            f"{_prefix(house, order, kind)}/payment",
            invoice=invoice,
            customer=customer,
            amount=amount,
            type_id=type_id,
            look_first=look_first,
        )


async def pay_once(
    house: House,
    order: StoreOrder,
    key: str,
    *,
    invoice: int,
    customer: int,
    amount: Decimal,
    type_id: int,
    look_first: bool = False,
) -> int:
    """Record one payment of an order, under the ledger's key, and return its id: see `record_payment`."""
    memo = f"Online store order {order.number}"

    async def create() -> int:
        payment = NewPayment(
            type_id=type_id,
            amount=amount,
            paid_on=order.paid_at or order.created_at,
            splits=(PaymentSplit(invoice_id=invoice, amount=amount),),
            customer_id=customer,
            memo=memo,
        )
        return (await house.servicetitan.create_payment(payment)).id

    async def find() -> int | None:
        there = await house.servicetitan.list_payments([invoice])
        same = [one.id for one in there if (one.type_id, one.total, one.memo.strip()) == (type_id, amount, memo)]
        return min(same, default=None)

    return await house.books.effects.once(key, create=create, find=find, codec=ID, wait_s=30, look_first=look_first)


def _prefix(house: House, order: StoreOrder, kind: str) -> str:
    return f"{house.shop.name}/order/{order.id}/{kind}"


def _shown_as(line: InvoiceLine, items: dict[str, int]) -> ShownLine:
    """Return how the line will look on the invoice; an empty name is shown as the SKU."""
    return ShownLine(
        sku_id=items[folded_sku(line.sku)],
        sku=line.sku,
        description=line.description.strip() or line.sku,
        quantity=Decimal(line.quantity),
        unit_price=line.unit_price,
    )


async def _write_line(
    house: House, order: StoreOrder, kind: str, invoice: int, lines: list[ShownLine], at: int, *, look_first: bool
) -> None:
    line = lines[at]

    async def create() -> str:
        await house.servicetitan.write_invoice_line(
            invoice,
            LineToWrite(
                sku_id=line.sku_id,
                description=as_html(line.description),
                quantity=line.quantity,
                unit_price=line.unit_price,
                skip_updating_membership_prices=True,  # a member's price must not change what the buyer has paid
            ),
        )
        return _WRITTEN

    async def find() -> str | None:
        shown = await _read(house, order, invoice)
        return _WRITTEN if is_line_there(lines, at, shown.lines) else None

    key = f"{_prefix(house, order, kind)}/line/{at + 1}"
    await house.books.effects.once(key, create=create, find=find, wait_s=30, look_first=look_first)


async def _set_tax(house: House, order: StoreOrder, kind: str, invoice: int, tax: Decimal) -> None:
    async def create() -> str:
        await house.servicetitan.patch_invoice(invoice, InvoicePatch(tax=tax))
        return _WRITTEN

    async def find() -> str | None:
        return _WRITTEN if (await _read(house, order, invoice)).tax == tax else None

    async with _held_when_closed(house, order, invoice):
        await house.books.effects.once(f"{_prefix(house, order, kind)}/tax", create=create, find=find, wait_s=30)


async def _read(house: House, order: StoreOrder, invoice: int) -> ShownInvoice:
    """Read the invoice. Raises: HeldError when it is not there any more."""
    found = next(iter(await house.servicetitan.list_invoices([invoice])), None)
    if found is None:
        raise HeldError(
            f"ServiceTitan shows no active invoice {invoice}, which the job of {order.number} had.",
            "Look at the job's invoice in ServiceTitan, and make it active again; then retry.",
            "invoice",
        )
    return ShownInvoice(
        number=found.number or str(found.id),
        status=found.sync_status,
        lines=tuple(
            ShownLine(item.sku_id, item.sku_name, plain(item.description), item.quantity, item.price)
            for item in found.items
        ),
        tax=found.sales_tax,
        total=found.total,
    )


@asynccontextmanager
async def _held_when_closed(house: House, order: StoreOrder, invoice: int) -> AsyncIterator[None]:
    """Where ServiceTitan refuses a write because the invoice is posted, say so, and what can be done."""
    try:
        yield
    except RejectedError:
        shown = await _read(house, order, invoice)
        if shown.is_open:
            raise
        raise HeldError(
            f"Invoice {shown.number} of {order.number} is {shown.status} in ServiceTitan before it was complete: "
            "it cannot be changed any more.",
            "Complete it there by an adjustment, or open it again; then retry.",
            "invoice",
        ) from None


def _wrong_total(order: StoreOrder, shown: ShownInvoice, plan: InvoicePlan) -> HeldError:
    said = listed(differences(plan, shown), "and") or "its lines are those of the order, yet they do not add up"
    closed = "" if shown.is_open else f", and is {shown.status}"
    return HeldError(
        f"Invoice {shown.number} of {order.number} comes to {money(shown.total)} in ServiceTitan instead of "
        f"{money(plan.total)}{closed}: it {said}.",
        f"Correct the invoice in ServiceTitan so that it comes to {money(plan.total)}, then retry."
        if shown.is_open
        else f"Correct it in ServiceTitan by an adjustment; the order's total is {money(plan.total)}.",
        "invoice.total",
    )
