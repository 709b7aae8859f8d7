"""What has to be so before store orders are written: connected, accounting confirmed, names found (OI-1, OI-6, OI-21).

Answers of people are kept: what was disconnected stays so, and who confirmed what is in the audit log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

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
from tasks.connecting import check_access
from tasks.drop_downs import PROCESS, keep_lists, read_lists
from tasks.house import House

_CONFIRMED = "accounting-confirmed"


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
