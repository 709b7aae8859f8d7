"""Is a shop set up for store orders? What is wrong, what is doubtful, what the vendor of the store advises.

Source: contracts/contractor_commerce/CHECKLIST.md OI-6, OI-20 to OI-25, OI-30 to OI-32, OI-40, OI-44, OI-50 to OI-58,
OI-63 to OI-65.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, get_args
from uuid import UUID

from decisions.choices import (
    Kind,
    chosen_settings,
    enabled_kinds,
    path_of,
    same_name,
    section_of,
)
from decisions.words import listed
from models.check import CheckLine, advice, found, wrong
from models.section import Secret
from models.shop import ContractorCommerceSettings, Shop
from models.tenant import OrderChoices, TenantLists

QUICKBOOKS: Final = "QuickBooks"
ACCOUNTING: Final = "contractor_commerce.accounting_system"

OWN_ITEMS: Final[Mapping[str, str]] = {
    "campaign": "A campaign of its own is recommended, so that store orders can be tracked alone.",
    "business_unit": "An item made only for store orders is recommended.",
    "job_type": "An item made only for store orders is recommended.",
    "technician": "An item made only for store orders is recommended.",
    "tag_one_time": "New tags for this use are recommended, so that a tag always means a store order.",
    "tag_subscription": "New tags for this use are recommended, so that a tag always means a store order.",
    "tag_completed": "New tags for this use are recommended, so that a tag always means a store order.",
    "account": "An item made only for store orders is recommended.",
    "cost_of_sale_account": "An item made only for store orders is recommended.",
    "asset_account": "An account of the inventory class makes new parts inventory items.",
}
"""What the vendor of the store recommends beside each list (OI-23, OI-40, OI-44, OI-51, OI-55)."""

WITHOUT: Final[Mapping[str, str]] = {
    "technician": "visits are assigned to nobody",
    "tag_one_time": "one-time orders tag nobody",
    "tag_subscription": "subscription orders tag nobody",
    "tag_completed": "jobs of completed store orders get no tag",
    "account": "new pricebook items carry no account",
    "cost_of_sale_account": "new pricebook items carry no cost of sale account",
    "asset_account": "new pricebook items carry no asset account and are no inventory items",
    "cancel_reason": "a job cannot be canceled from here when its store order is",
}
"""What follows when a setting that may be empty is empty."""

NEIGHBOURS: Final = ("Bookings", "Equipment", "Estimates (BETA)", "Pricebook (BETA)")
"""The other tabs of the store's own ServiceTitan integration (OI-65)."""

_SHARED_HINTS = ("campaign", "tag_one_time", "tag_subscription")


def uses_quickbooks(accounting_system: str) -> bool:
    """Tell whether the answer is QuickBooks, however it is written and whichever of its editions (OI-21)."""
    return "".join(accounting_system.casefold().split()).startswith(QUICKBOOKS.casefold())


def setting_lines(settings: ContractorCommerceSettings, choices: OrderChoices) -> list[CheckLine]:
    """Say of each kind of orders whether it is on, and of each of its settings whether its name can be used.

    Of a kind that is off: in one line, what has to be settled before it is switched on (OI-6).
    """
    lines: list[CheckLine] = []
    on = enabled_kinds(settings)
    for kind in get_args(Kind):
        what, switch = f"{kind.capitalize()} orders", path_of(kind, "enabled")
        if kind in on:
            lines.append(found(what, "switched on"))
            continue
        left = [one.path for one in chosen_settings(settings, choices, kinds=[kind]) if one.missing]
        before = f" Before that, settle {listed(left, 'and')}." if left else ""
        lines.append(
            advice(what, f"switched off: the store's {kind} orders are left alone", f"{switch} = true.{before}")
        )
    for one in chosen_settings(settings, choices):
        if one.missing:
            lines.append(wrong(one.path, one.missing.why, one.missing.fix))
        else:
            lines.append(found(one.path, one.name if one.id is None else f"{one.name} (id {one.id})"))
    return [*lines, *_empty(settings)]


def advice_lines(settings: ContractorCommerceSettings, lists: TenantLists, choices: OrderChoices) -> list[CheckLine]:
    """Say what is worth a look: arrival windows, items in two uses, the payment type's label."""
    return [
        *_window_advice(settings, choices),
        *_items_in_two_uses(settings),
        *_payment_advice(settings, lists, choices),
    ]


def connection_lines(shop: Shop) -> list[CheckLine]:
    """Say what the connection of a shop with [contractor_commerce] lacks, as far as its file shows (OI-64, OI-73)."""
    tenant, store = shop.servicetitan, shop.need_contractor_commerce()
    lines: list[CheckLine] = []
    if tenant is not None:
        lines.append(_guid(tenant.external_data_guid))
        lines.append(_booking_provider(tenant.booking_provider))
    if not _is_set(store.webhook_secret) and not _is_set(store.webhook_path_token):
        lines.append(
            advice(
                "contractor_commerce.webhook_secret",
                "neither a webhook secret nor a path token: the store cannot tell of new orders, they come by the poll",
                "Agree on one with the vendor and write webhook_secret or webhook_path_token.",
            )
        )
    if store.orders_since is None:
        lines.append(
            advice(
                "contractor_commerce.orders_since",
                "not set: the first pass takes in every order the store ever had",
                "Write the day from which on orders are taken in, such as orders_since = 2026-10-01.",
            )
        )
    return lines


def neighbour_lines() -> list[CheckLine]:
    """Name the features that are not part of Orders; switching Orders on does not switch them on (OI-65)."""
    words = "off: a feature of its own, which Orders does not switch on"
    return [advice(name, words) for name in NEIGHBOURS]


def accounting_line(settings: ContractorCommerceSettings, *, is_confirmed: bool, shop: str) -> CheckLine:
    """Say whether product orders may be written as far as accounting goes (OI-21)."""
    system = settings.accounting_system.strip()
    if uses_quickbooks(system):
        return found(ACCOUNTING, system)
    if is_confirmed:
        return found(ACCOUNTING, f"{system}, and somebody confirmed that product orders suit it")
    if not system:
        return wrong(
            ACCOUNTING, "It is not said which accounting system the shop uses.", f"Write {ACCOUNTING} in the shop file."
        )
    return wrong(
        ACCOUNTING,
        f'The product feature presumes {QUICKBOOKS}, and this shop uses "{system}". Product orders are kept back.',
        "Ask your success manager at Contractor Commerce; when it is settled: "
        f"`truckroll check {shop} --confirm-accounting --by NAME`.",
    )


def _is_set(secret: Secret) -> bool:
    return bool(secret.variable or secret.reveal())


def _empty(settings: ContractorCommerceSettings) -> Iterator[CheckLine]:
    for kind in enabled_kinds(settings):
        section = section_of(settings, kind)
        for setting, follows in WITHOUT.items():
            if hasattr(section, setting) and not getattr(section, setting).strip():
                yield advice(path_of(kind, setting), f"not set: {follows}")
    if enabled_kinds(settings) and not settings.cancel_reason.strip():
        yield advice(path_of("product", "cancel_reason"), f"not set: {WITHOUT['cancel_reason']}")


def _window_advice(settings: ContractorCommerceSettings, choices: OrderChoices) -> Iterator[CheckLine]:
    for kind in enabled_kinds(settings):
        if choices.of(kind).windows and not section_of(settings, kind).arrival_windows:
            path = path_of(kind, "arrival_windows")
            words = "off, while ServiceTitan has arrival windows"
            yield advice(path, words, f"Who uses arrival windows is advised to switch this on: {path} = true.")


def _items_in_two_uses(settings: ContractorCommerceSettings) -> Iterator[CheckLine]:
    products, services = settings.products, settings.services
    if len(enabled_kinds(settings)) == len(get_args(Kind)):
        for setting in _SHARED_HINTS:
            name = getattr(products, setting).strip()
            if name and same_name(name, getattr(services, setting)):
                words = f'"{name}" is used for product and for service orders: they cannot be told apart by it'
                yield advice(path_of("service", setting), words, OWN_ITEMS[setting])
    for kind in enabled_kinds(settings):
        section = section_of(settings, kind)
        if section.tag_one_time.strip() and same_name(section.tag_one_time, section.tag_subscription):
            words = f'"{section.tag_one_time.strip()}" stands for one-time and for subscription orders alike'
            yield advice(path_of(kind, "tag_subscription"), words, OWN_ITEMS["tag_subscription"])


def _payment_advice(
    settings: ContractorCommerceSettings, lists: TenantLists, choices: OrderChoices
) -> Iterator[CheckLine]:
    chosen = choices.products.ids.get("payment_type")
    if not settings.products.enabled or chosen is None:
        return
    name = next((one.name for one in lists.payment_types if one.id == chosen), settings.payment_type)
    yield advice(
        path_of("product", "payment_type"),
        f'whether "{name}" carries the attribute Cash is not shown by ServiceTitan\'s API',
        "Look in ServiceTitan under Settings > Payment Types: it must, because the store collects the money.",
    )


def _guid(guid: str) -> CheckLine:
    what = "servicetitan.external_data_guid"
    try:
        UUID(guid)
    except ValueError:
        return wrong(
            what,
            "It is no GUID: nothing we write could be found again.",
            "Write a fresh one, once and for ever: `truckroll setup` offers one.",
        )
    return found(what, "set")


def _booking_provider(provider: int | None) -> CheckLine:
    what = "servicetitan.booking_provider"
    if provider is not None:
        return found(what, f"id {provider}")
    return advice(
        what,
        "not set: orders do without it, bookings do not",
        "Make one in ServiceTitan under Settings > Integrations > Booking Provider Tags, and write its id.",
    )
