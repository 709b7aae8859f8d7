"""What has to be so before store orders are written: connected, accounting confirmed, names found (OI-1, OI-6, OI-21).

Answers of people are kept: what was disconnected stays so, and who confirmed what is in the audit log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Literal, get_args

from connectors.contractor_commerce.auth import VENDOR as STORE
from connectors.servicetitan.auth import VENDOR as TENANT
from decisions.choices import same_name
from decisions.order_setup import (
    ACCOUNTING,
    QUICKBOOKS,
    accounting_line,
    advice_lines,
    connection_lines,
    neighbour_lines,
    setting_lines,
    uses_quickbooks,
)
from models.base import utc_now
from models.check import CheckLine, advice, found, wrong
from models.errors import SettingsError, TruckrollError
from models.shop import Shop
from store import Books
from tasks.drop_downs import PROCESS, keep_lists, read_lists
from tasks.house import House

Vendor = Literal["contractor_commerce", "referral_factory", "servicetitan"]
"""A section of the shop file that can be connected and disconnected."""

VENDORS: Final[tuple[Vendor, ...]] = get_args(Vendor)
_NAMES: Final[dict[Vendor, str]] = {
    "contractor_commerce": STORE,
    "referral_factory": "Referral Factory",
    "servicetitan": TENANT,
}
_DISCONNECTED = "disconnected"
_CONFIRMED = "accounting-confirmed"


async def is_connected(books: Books, shop: Shop, vendor: str) -> bool:
    """Tell whether a vendor's processes may write: the shop file has its section, and nobody disconnected it (OI-1)."""
    if getattr(shop, vendor, None) is None:
        return False
    return await books.cursors.get(shop.name, _connection(vendor)) != _DISCONNECTED


async def connect(house: House, vendor: Vendor, by: str) -> None:
    """Try the shop's credentials, and note the connection. Raises what the trial raised, and then notes nothing."""
    await check_access(house, vendor)
    await _note(house.books, house.shop, vendor, "connected", by)


async def disconnect(books: Books, shop: Shop, vendor: Vendor, by: str) -> None:
    """Note that the vendor's processes write nothing from now on. What is written stays."""
    await _note(books, shop, vendor, _DISCONNECTED, by)


async def check_access(house: House, vendor: Vendor) -> None:
    """Make one small reading with our credentials. Raises SettingsError and what the reading raised."""
    match vendor:
        case "contractor_commerce":
            await house.store.check_access()
        case "referral_factory":
            await house.referral_factory.check_access()
        case "servicetitan":
            await house.servicetitan.list_business_units()


async def accounting_is_confirmed(books: Books, shop: Shop) -> bool:
    """Tell whether product orders may be written: QuickBooks, or somebody confirmed this very system (OI-21)."""
    system = shop.need_contractor_commerce().accounting_system.strip()
    if uses_quickbooks(system):
        return True
    confirmed = await books.audit.list(shop=shop.name, process=PROCESS, record=ACCOUNTING, event=_CONFIRMED, limit=1)
    return bool(system) and any(same_name(row.detail["system"], system) for row in confirmed)


async def confirm_accounting(books: Books, shop: Shop, by: str) -> str:
    """Note in the audit log who confirmed that product orders suit the shop's accounting; return words for the person.

    Raises: SettingsError when the shop file does not say which system that is.
    """
    system = shop.need_contractor_commerce().accounting_system.strip()
    if not system:
        raise SettingsError(
            f"Shop {shop.name} does not say which accounting system it uses.", f"Write {ACCOUNTING} in the shop file."
        )
    if uses_quickbooks(system):
        return f"{QUICKBOOKS} needs no confirmation."
    await books.audit.append(shop.name, PROCESS, ACCOUNTING, _CONFIRMED, actor=by, detail={"system": system})
    return f"{by} confirmed that product orders suit {system}."


async def check_orders(house: House) -> list[CheckLine]:
    """Look at everything store orders need: both sides, each name, and what is doubtful (OI-6)."""
    settings = house.shop.need_contractor_commerce()
    lines = [await check_side(f"Online store {STORE}", lambda: check_access(house, "contractor_commerce"))]
    for vendor in VENDORS:
        if getattr(house.shop, vendor) is not None and not await is_connected(house.books, house.shop, vendor):
            fix = f"`truckroll connect {house.shop.name} {vendor}` connects it again."
            lines.append(wrong(f"Connection to {_NAMES[vendor]}", "It was disconnected: no order is written.", fix))
    lines += connection_lines(house.shop)
    if settings.products.enabled:
        is_confirmed = await accounting_is_confirmed(house.books, house.shop)
        lines.append(accounting_line(settings, is_confirmed=is_confirmed, shop=house.shop.name))
    return [*lines, *await _names(house), *neighbour_lines()]


async def _names(house: House) -> list[CheckLine]:
    settings = house.shop.need_contractor_commerce()
    what = f"Lists of {TENANT}"
    try:
        lists = await read_lists(house.servicetitan, utc_now())
    except TruckrollError as error:
        return [wrong(what, error.message, error.fix)]
    choices = await keep_lists(house.books, house.shop, lists)
    refused = [advice(f"{what}: {field.replace('_', ' ')}", words) for field, words in lists.refused.items()]
    return [found(what, "read"), *refused, *setting_lines(settings, choices), *advice_lines(settings, lists, choices)]


async def check_side(what: str, look: Callable[[], Awaitable[None]]) -> CheckLine:
    """Try one side on its own, so that a failure names it and the cause."""
    try:
        await look()
    except TruckrollError as error:
        return wrong(what, error.message, error.fix)
    return found(what, "answers with our credentials")


async def _note(books: Books, shop: Shop, vendor: Vendor, state: str, by: str) -> None:
    if getattr(shop, vendor) is None:
        raise SettingsError(
            f"Shop {shop.name} has no [{vendor}] section.", f"Add it to {shop.name}.toml, or run `truckroll setup`."
        )
    await books.cursors.set(shop.name, _connection(vendor), state)
    await books.audit.append(shop.name, PROCESS, vendor, state, actor=by)


def _connection(vendor: str) -> str:
    return f"connection/{vendor}"
