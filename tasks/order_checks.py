"""What has to be so before store orders are written: connected, accounting confirmed, names found (OI-1, OI-6, OI-21).

Answers of people are kept: what was disconnected stays so, and who confirmed what is in the audit log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from connectors.contractor_commerce.auth import VENDOR as STORE
from connectors.servicetitan.auth import VENDOR as TENANT
from connectors.webhooks import UNSET
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
from models.section import Secret
from models.shop import ContractorCommerceSettings, Shop
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
    lines += [*connection_lines(house.shop), *_event_lines(settings)]
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


def _event_lines(settings: ContractorCommerceSettings) -> list[CheckLine]:
    """Say by what the receiver knows the store: a signature, a token in the address, or both, and then both must fit.

    A secret whose variable is not set is a fault, no advice: every delivery is turned away until it is. Where the file
    names neither, `connection_lines` says so.
    """
    lines: list[CheckLine] = []
    if settings.webhook_secret != UNSET:
        lines.append(_signature_line(settings))
    if settings.webhook_path_token != UNSET:
        words = "the store's events are received, at the address that ends in it"
        lines.append(check_secret("contractor_commerce.webhook_path_token", settings.webhook_path_token, words))
    return lines


def _signature_line(settings: ContractorCommerceSettings) -> CheckLine:
    header = settings.webhook_signature_header.strip()
    if not header:
        words = "not set, while webhook_secret is: every event of the store is turned away"
        fix = 'Write the name of the header that carries the signature, such as "Signature".'
        return wrong("contractor_commerce.webhook_signature_header", words, fix)
    words = f"the store's events are received, signed in the header {header} ({settings.webhook_signature_encoding})"
    return check_secret("contractor_commerce.webhook_secret", settings.webhook_secret, words)


def check_secret(what: str, secret: Secret, words: str) -> CheckLine:
    """Look whether a secret's variable is set; `words` say what it is good for then."""
    try:
        secret.reveal()
    except SettingsError as error:
        return wrong(what, error.message, error.fix)
    return found(what, words)


async def check_side(what: str, look: Callable[[], Awaitable[None]]) -> CheckLine:
    """Try one side on its own, so that a failure names it and the cause."""
    try:
        await look()
    except TruckrollError as error:
        return wrong(what, error.message, error.fix)
    return found(what, "answers with our credentials")
