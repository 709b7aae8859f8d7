"""Memberships that the store sold become memberships in ServiceTitan, and the invoices of their sales are paid.

Source: CHECKLIST OI-63, OI-66; FACTS 2.9.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from connectors.servicetitan.accounting_schemas import Invoice, InvoiceLine
from connectors.servicetitan.memberships import DurationBilling, Membership, MembershipSale
from decisions.membership_terms import (
    MembershipUnit,
    OfferedType,
    SeenInvoice,
    SeenMembership,
    Term,
    check_type,
    find_sale,
    membership_payments,
    membership_units,
    payment_warning,
    term_of,
)
from models.errors import HeldError
from models.order_sync import CustomerAccount, MembershipSold
from models.store_order import StoreOrder
from models.tenant import PartChoices
from store.effect_rows import DONE
from store.effects import Codec
from tasks.house import House, open_house
from tasks.invoices import pay_once
from tasks.step import step

OPEN_STATUS: Final = "Pending"
"""Of an invoice that can still be changed; posted and exported ones cannot."""

_WAIT_S: Final = 60.0
"""How long one order waits for another that is selling to the same customer."""


def _load(kept: str) -> MembershipSold:
    _, membership, _, invoice = kept.split("/")
    return MembershipSold(membership=int(membership), invoice=int(invoice))


_SOLD: Final[Codec[MembershipSold]] = Codec(lambda sold: f"membership/{sold.membership}/invoice/{sold.invoice}", _load)
"""How the ledger keeps a sale: told apart from other records that may have the same numbers."""


@step("look up the memberships of {order.number}")
async def read_membership_terms(shop: str, order: StoreOrder) -> dict[MembershipUnit, int]:
    """Return the term of each membership that is still to be sold, before anything of the order is written (OI-66).

    Raises: HeldError for a membership type that is unknown or switched off, or when no single term fits the price;
    TransientError.
    """
    units = membership_units(order)
    async with open_house(shop) as house:
        sold = await _sold_before(house, order, units)
        left = [unit for unit in units if unit not in sold]
        return await _terms(house, order, left) if left else {}


@step("sell the memberships of {order.number}", looks_first=True)
async def sell_memberships(
    shop: str,
    order: StoreOrder,
    account: CustomerAccount,
    choices: PartChoices,
    terms: Mapping[MembershipUnit, int],
    *,
    look_first: bool = False,
) -> tuple[MembershipSold, ...]:
    """Sell what `membership_units` says, one call for each, at the `terms` that were read; return them in that order.

    Nothing on a membership names an order [spec]. So after a lost answer a membership of this customer and type, with
    an invoice over this sale task, counts as the one sold when it was made since the order was placed and no other sale
    of ours has it [inferred]; meanwhile no other order sells to the customer.
    Raises: RejectedError with ServiceTitan's words; TransientError; BusyError.
    """
    units = membership_units(order)
    async with open_house(shop) as house:
        sold = await _sold_before(house, order, units)
        left = [unit for unit in units if unit not in sold]
        if left:
            async with house.books.leases.hold(f"{house.shop.name}/memberships/{account.customer}", wait_s=_WAIT_S):
                for unit in left:
                    sale = _sale(house, account, choices, unit, terms[unit])
                    sold[unit] = await _sell(house, order, unit, sale, look_first=look_first)
        return tuple(sold[unit] for unit in units)


@step("pay the memberships of {order.number}", looks_first=True)
async def pay_memberships(
    shop: str,
    order: StoreOrder,
    account: CustomerAccount,
    choices: PartChoices,
    sold: Sequence[MembershipSold],
    *,
    look_first: bool = False,
) -> tuple[str, ...]:
    """Record on the invoice of each sale what the store collected for it, once, and return what to warn of (OI-63).

    The invoice shows what the buyer paid: where ServiceTitan's term costs something else, the line is given that price.
    One call reads the invoices; each payment is one more, and each price that differs is one, with a second reading.
    Nothing to do where the store collected nothing.
    Raises: HeldError when an invoice is gone, before the first payment; RejectedError with ServiceTitan's words;
    TransientError.
    """
    collected = membership_payments(order)
    if not collected:
        return ()
    type_id = choices.need("payment_type")
    async with open_house(shop) as house:
        made = dict(zip(membership_units(order), sold, strict=True))
        invoices = await _invoices(house, sold)
        priced = [await _price(house, order, u, invoices.get(one.invoice), collected[u]) for u, one in made.items()]
        if any(priced):
            invoices = await _invoices(house, sold)
        warnings = [payment_warning(one.invoice, _total(order, one, invoices), collected[u]) for u, one in made.items()]
        for unit, one in made.items():
            if collected[unit]:
                await pay_once(
                    house,
                    order,
                    f"{_effect(house, order, unit)}/payment",
                    invoice=one.invoice,
                    customer=account.customer,
                    amount=collected[unit],
                    type_id=type_id,
                    look_first=look_first,
                )
        return tuple(told for told in warnings if told)


async def _invoices(house: House, sold: Sequence[MembershipSold]) -> dict[int, Invoice]:
    rows = await house.servicetitan.list_invoices(one.invoice for one in sold)
    return {one.id: one for one in rows if one.active}


async def _price(
    house: House, order: StoreOrder, unit: MembershipUnit, invoice: Invoice | None, collected: Decimal
) -> bool:
    """Give the sale's line the price that was paid, once. False: it has it, or the line cannot be told for sure."""
    key = f"{_effect(house, order, unit)}/price"
    begun = await house.books.effects.status(key)
    if invoice is None or (begun is not None and begun.status == DONE):
        return False
    if begun is None and (invoice.total == collected or invoice.sync_status not in {"", OPEN_STATUS}):
        return False
    mine = [item for item in invoice.items if item.sku_id == unit.sale_task and item.quantity == 1]
    if len(mine) != 1:
        return False
    line = InvoiceLine(
        id=mine[0].id,
        sku_id=mine[0].sku_id,
        description=mine[0].description,
        quantity=mine[0].quantity,
        unit_price=mine[0].total + collected - invoice.total,
        skip_updating_membership_prices=True,
    )

    async def create() -> str:
        await house.servicetitan.write_invoice_line(invoice.id, line)
        return "priced"

    async def find() -> str | None:
        fresh = await house.servicetitan.list_invoices([invoice.id])
        is_priced = any(item.id == line.id and item.price == line.unit_price for one in fresh for item in one.items)
        return "priced" if is_priced else None

    await house.books.effects.once(key, create=create, find=find, wait_s=30)
    return True


def _total(order: StoreOrder, sold: MembershipSold, invoices: Mapping[int, Invoice]) -> Decimal:
    if sold.invoice not in invoices:
        raise HeldError(
            f"ServiceTitan shows no active invoice {sold.invoice}, which the sale of membership {sold.membership} of "
            f"{order.number} made.",
            "Look at the customer's invoices in ServiceTitan, and make it active again; then retry.",
            "invoice",
        )
    return invoices[sold.invoice].total


def _effect(house: House, order: StoreOrder, unit: MembershipUnit) -> str:
    name = f"{unit.membership_type}/{unit.sale_task}/{unit.at}"
    return f"{house.shop.name}/order/{order.id}/service/membership/{name}"


async def _sold_before(
    house: House, order: StoreOrder, units: tuple[MembershipUnit, ...]
) -> dict[MembershipUnit, MembershipSold]:
    sold = {}
    for unit in units:
        row = await house.books.effects.status(_effect(house, order, unit))
        if row is not None and row.status == DONE:
            sold[unit] = _SOLD.load(row.reference)
    return sold


async def _terms(house: House, order: StoreOrder, units: list[MembershipUnit]) -> dict[MembershipUnit, int]:
    """Return the term of each, all found before the first is sold."""
    types = [OfferedType(one.id, one.name, one.active) for one in await house.servicetitan.list_membership_types()]
    for unit in units:
        check_type(order, unit, types)
    offered = {
        number: [_term(one) for one in await house.servicetitan.list_duration_billings(number)]
        for number in sorted({unit.membership_type for unit in units})
    }
    return {unit: term_of(order, unit, offered[unit.membership_type]) for unit in units}


def _term(row: DurationBilling) -> Term:
    return Term(row.id, row.duration, row.billing_frequency, row.sale_price, row.billing_price, row.active)


def _sale(
    house: House, account: CustomerAccount, choices: PartChoices, unit: MembershipUnit, term: int
) -> MembershipSale:
    """Return the sale. Recurring services go to the order's location only where a single one is wanted [spec]."""
    recurring = house.shop.need_contractor_commerce().services.recurring_services
    return MembershipSale(
        customer_id=account.customer,
        business_unit_id=choices.need("business_unit"),
        sale_task_id=unit.sale_task,
        duration_billing_id=term,
        recurring_service_action=recurring,
        location_id=account.location,
        recurring_location_id=account.location if recurring == "Single" else None,
    )


async def _sell(
    house: House, order: StoreOrder, unit: MembershipUnit, sale: MembershipSale, *, look_first: bool
) -> MembershipSold:
    async def create() -> MembershipSold:
        made = await house.servicetitan.sell_membership(sale)
        return MembershipSold(membership=made.customer_membership_id, invoice=made.invoice_id)

    async def find() -> MembershipSold | None:
        return await _find(house, order, unit, sale)

    return await house.books.effects.once(
        _effect(house, order, unit), create=create, find=find, codec=_SOLD, wait_s=_WAIT_S, look_first=look_first
    )


async def _find(house: House, order: StoreOrder, unit: MembershipUnit, sale: MembershipSale) -> MembershipSold | None:
    tenant = house.servicetitan
    there = [
        one for one in await tenant.list_memberships([sale.customer_id]) if _may_be_sold_by(order, unit, sale, one)
    ]
    if not there:
        return None
    invoices = await tenant.list_customer_invoices(sale.customer_id, created_since=order.created_at)
    pairs = [MembershipSold(membership=one.id, invoice=its.id) for one in there for its in invoices]
    claimed = await house.books.effects.known(house.shop.name, map(_SOLD.dump, pairs))
    others = [_SOLD.load(one) for one in claimed]
    memberships, taken = {one.membership for one in others}, {one.invoice for one in others}
    found = find_sale(
        unit.sale_task,
        [SeenMembership(one.id, one.activated_from_id) for one in there if one.id not in memberships],
        [SeenInvoice(one.id, {item.id: item.sku_id for item in one.items}) for one in invoices if one.id not in taken],
    )
    return MembershipSold(membership=found[0], invoice=found[1]) if found else None


def _may_be_sold_by(order: StoreOrder, unit: MembershipUnit, sale: MembershipSale, membership: Membership) -> bool:
    return (
        membership.membership_type_id == unit.membership_type
        and membership.location_id in {None, sale.location_id}
        and membership.created_on >= order.created_at
    )
