"""The pricebook items an order's invoice needs: found, or made once. Source: CHECKLIST OI-26 to OI-28, OI-33 to OI-38.

An item belongs to its SKU, not to an order: its entry in the ledger is shared by all orders of the shop.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from connectors.servicetitan.external import ExternalKey, external_value
from connectors.servicetitan.pricebook_schemas import NewEquipment, NewMaterial
from connectors.servicetitan.schemas import PricebookItem
from connectors.servicetitan.texts import as_html
from decisions.invoicing import (
    Account,
    ExtraSkus,
    ItemSettings,
    NewItem,
    Part,
    PartKind,
    folded_sku,
    invoice_items,
    plan_invoice,
    split_cart,
)
from decisions.pricebook_items import ListedItem, is_clear, item_for
from models.shop import ProductOrders
from models.store_order import StoreOrder
from models.tenant import PartChoices
from store import Books
from store.effects import ID
from tasks import house as front_door
from tasks.house import House, open_house
from tasks.step import step

SKU_KEY: Final = "truckroll-sku"
"""The key of our external data on pricebook items: the folded SKU."""

_ACCOUNTS: Final = ("account", "cost_of_sale_account", "asset_account")

_WAIT_S: Final = 60.0
"""How long one order waits for another that is making the same item."""


@step("find or make the items of {order.number}", looks_first=True)
async def ensure_items(shop: str, order: StoreOrder, part: Part, choices: PartChoices) -> dict[str, int]:  # noqa: ARG001  named in the task run
    """Return the pricebook id for every line of the part's invoice, by folded SKU (`decisions.invoicing.folded_sku`).

    A SKU met before costs no call. A new one is looked for by code among materials, equipment and services, then by our
    external data, and made when it is nowhere; what is there is used as it is, never rewritten (OI-28, OI-38).
    A part of services needs no items (OI-62).
    Raises: HeldError for a SKU that is ambiguous or switched off in the pricebook, or an account setting that cannot be
    used; RejectedError with ServiceTitan's words; TransientError.
    """
    if part.kind is not PartKind.PRODUCT:
        return {}
    async with open_house(shop) as house:
        products = house.shop.need_contractor_commerce().products
        skus = extra_skus(products)
        wanted = _skus_of(part, skus)
        known = await _known(house.books, house.shop.name, wanted)
        if len(known) == len(wanted):
            return known
        settings = _item_settings(products, choices)
        made = {
            folded_sku(item.sku): await _find_or_make(house, item)
            for item in invoice_items(part, known, settings, skus=skus)
        }
        return {**known, **made}


async def known_items(house: House, part: Part) -> dict[str, int] | None:
    """Return what `ensure_items` would, where every SKU of the part was met before; None where one is new."""
    if part.kind is not PartKind.PRODUCT:
        return {}
    wanted = _skus_of(part, extra_skus(house.shop.need_contractor_commerce().products))
    known = await _known(house.books, house.shop.name, wanted)
    return known if len(known) == len(wanted) else None


async def forget_items(books: Books, shop: str, order: StoreOrder) -> None:
    """Have the order's SKUs looked up again by the next pass: a person says that ServiceTitan's pricebook changed.

    For `held retry`: an item deleted or switched off there since is then found missing, and made or held for.
    Raises: SettingsError.
    """
    skus = extra_skus(front_door.read_settings(shop).need_contractor_commerce().products)
    for part in split_cart(order):
        if part.kind is PartKind.PRODUCT:
            for sku in _skus_of(part, skus):
                await books.effects.look_again(item_effect(shop, sku))


def extra_skus(products: ProductOrders) -> ExtraSkus:
    """Return the SKUs of an invoice's discount and shipping lines."""
    return ExtraSkus(products.discount_sku, products.shipping_sku)


def item_effect(shop: str, sku: str) -> str:
    """Return the ledger's key of a SKU's item."""
    return f"{shop}/pricebook/{folded_sku(sku)}"


def _skus_of(part: Part, skus: ExtraSkus) -> tuple[str, ...]:
    return tuple(dict.fromkeys(folded_sku(line.sku) for line in plan_invoice(part, skus=skus).lines))


async def _known(books: Books, shop: str, skus: Iterable[str]) -> dict[str, int]:
    effects = {item_effect(shop, sku): sku for sku in skus}
    done = await books.effects.references(effects)
    return {sku: ID.load(done[effect]) for effect, sku in effects.items() if effect in done}


def _item_settings(products: ProductOrders, choices: PartChoices) -> ItemSettings:
    """Return what new items are made with. Raises: HeldError that names the account setting."""
    account, cost_of_sale, asset = (_account(choices, setting) for setting in _ACCOUNTS)
    return ItemSettings(products.invoice_item_type, account, cost_of_sale, asset)


def _account(choices: PartChoices, setting: str) -> Account | None:
    if choices.wanted(setting) is None:
        return None
    chosen = choices.accounts[setting]
    return Account(chosen.name, chosen.account_class)


async def _find_or_make(house: House, item: NewItem) -> int:
    ours = ExternalKey(house.shop.need_servicetitan().external_data_guid, SKU_KEY)

    async def find() -> int | None:
        return item_for(item.sku, await _look(house, ours, item.sku))

    async def create() -> int:
        return await _make(house, ours, item)

    return await house.books.effects.once(
        item_effect(house.shop.name, item.sku), create=create, find=find, codec=ID, wait_s=_WAIT_S, look_first=True
    )


async def _look(house: House, ours: ExternalKey, sku: str) -> list[ListedItem]:
    """Look by code, then, where that leaves a doubt, for what we made: somebody may have changed its code since."""
    st = house.servicetitan
    found = [
        *_listed("material", await st.list_materials_by_code(sku)),
        *_listed("equipment", await st.list_equipment_by_code(sku)),
        *_listed("service", await st.list_services_by_code(sku)),
    ]
    if is_clear(found):
        return found
    values = [external_value(folded_sku(sku))]
    made = [
        *_listed("material", await st.list_materials_by_external_data(ours, values), is_ours=True),
        *_listed("equipment", await st.list_equipment_by_external_data(ours, values), is_ours=True),
    ]
    return [*made, *(item for item in found if item.id not in {one.id for one in made})]


def _listed(
    item_type: Literal["material", "equipment", "service"], rows: Iterable[PricebookItem], *, is_ours: bool = False
) -> list[ListedItem]:
    return [ListedItem(row.id, item_type, is_active=row.active, is_ours=is_ours) for row in rows]


async def _make(house: House, ours: ExternalKey, item: NewItem) -> int:
    name = item.name.strip() or item.sku
    fields = {
        "code": item.sku,
        "display_name": name,
        "description": as_html(name),
        "price": item.price,
        "taxable": item.is_taxable,
        "is_inventory": item.is_inventory,
        "account": item.account or None,
        "cost_of_sale_account": item.cost_of_sale_account or None,
        "asset_account": item.asset_account or None,
        "external_data": ours.holding(external_value(folded_sku(item.sku))),
    }
    if item.item_type == "Material":
        return (await house.servicetitan.create_material(NewMaterial.model_validate(fields))).id
    return (await house.servicetitan.create_equipment(NewEquipment.model_validate(fields))).id
