"""Memberships that the store sold become memberships in ServiceTitan. Source: CHECKLIST OI-66; FACTS 2.9."""

from __future__ import annotations

from typing import Final

from connectors.servicetitan.memberships import DurationBilling, Membership, MembershipSale
from decisions.membership_terms import MembershipUnit, OfferedType, Term, check_type, membership_units, term_of
from models.order_sync import CustomerAccount
from models.store_order import StoreOrder
from models.tenant import PartChoices
from store.effect_rows import DONE
from store.effects import Codec
from tasks.house import House, open_house
from tasks.step import step

_WAIT_S: Final = 60.0
"""How long one order waits for another that is selling to the same customer."""

_SOLD: Final[Codec[int]] = Codec(lambda membership: f"membership/{membership}", lambda kept: int(kept.split("/")[1]))
"""How the ledger keeps a membership: told apart from other records that may have the same number."""


@step("sell the memberships of {order.number}", looks_first=True)
async def sell_memberships(
    shop: str, order: StoreOrder, account: CustomerAccount, choices: PartChoices
) -> tuple[int, ...]:
    """Sell what `membership_sales` says, one call for each piece, and return the customer's new memberships (OI-66).

    Nothing on a membership names an order [spec]. So after a lost answer a membership of this customer and type counts
    as the one sold when it was made since the order was placed and no other sale of ours has it [inferred]; meanwhile
    no other order sells to the customer.
    Raises: HeldError for a membership type that is unknown or switched off, or when no single term fits the price;
    RejectedError with ServiceTitan's words; TransientError; BusyError.
    """
    units = membership_units(order)
    async with open_house(shop) as house:
        sold = await _sold_before(house, order, units)
        left = [unit for unit in units if unit not in sold]
        if left:
            async with house.books.leases.hold(f"{house.shop.name}/memberships/{account.customer}", wait_s=_WAIT_S):
                terms = await _terms(house, order, left)
                for unit in left:
                    sale = _sale(house, account, choices, unit, terms[unit])
                    sold[unit] = await _sell(house, order, unit, sale)
        return tuple(sold[unit] for unit in units)


def _effect(house: House, order: StoreOrder, unit: MembershipUnit) -> str:
    name = f"{unit.membership_type}/{unit.sale_task}/{unit.at}"
    return f"{house.shop.name}/order/{order.id}/service/membership/{name}"


async def _sold_before(house: House, order: StoreOrder, units: tuple[MembershipUnit, ...]) -> dict[MembershipUnit, int]:
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


async def _sell(house: House, order: StoreOrder, unit: MembershipUnit, sale: MembershipSale) -> int:
    async def create() -> int:
        return (await house.servicetitan.sell_membership(sale)).customer_membership_id

    async def find() -> int | None:
        there = await house.servicetitan.list_memberships([sale.customer_id])
        likely = [one.id for one in there if _may_be_sold_by(order, unit, sale, one)]
        claimed = await house.books.effects.known(house.shop.name, [_SOLD.dump(one) for one in likely])
        return min((one for one in likely if _SOLD.dump(one) not in claimed), default=None)

    return await house.books.effects.once(
        _effect(house, order, unit), create=create, find=find, codec=_SOLD, wait_s=_WAIT_S
    )


def _may_be_sold_by(order: StoreOrder, unit: MembershipUnit, sale: MembershipSale, membership: Membership) -> bool:
    return (
        membership.membership_type_id == unit.membership_type
        and membership.location_id in {None, sale.location_id}
        and membership.created_on >= order.created_at
    )
