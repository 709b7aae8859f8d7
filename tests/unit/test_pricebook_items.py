"""Which pricebook item stands for a SKU, and which items an invoice needs."""

from __future__ import annotations

from decimal import Decimal

import pytest

from decisions.invoicing import Account, ExtraSkus, ItemSettings, folded_sku, invoice_items, plan_invoice, split_cart
from decisions.pricebook_items import ListedItem, is_clear, item_for
from models.errors import HeldError
from tests.unit.orders import line, order

ON, OFF = True, False
SETTINGS = ItemSettings("Equipment", Account("Revenue"), Account("Cost"), Account("Inventory", "Inventory"))


def material(number: int, *, is_active: bool = ON, is_ours: bool = False) -> ListedItem:
    return ListedItem(number, "material", is_active=is_active, is_ours=is_ours)


@pytest.mark.parametrize(
    ("found", "chosen"),
    [
        pytest.param([], None, id="nowhere: one is made"),
        pytest.param([material(1)], 1, id="one"),
        pytest.param([ListedItem(4, "service", is_active=ON)], 4, id="of any type"),
        pytest.param([material(1, is_active=OFF), ListedItem(2, "equipment", is_active=ON)], 2, id="the active one"),
        pytest.param([material(1), material(2, is_ours=True)], 2, id="of several the one we made"),
        pytest.param([material(1), material(2, is_active=OFF, is_ours=True)], 1, id="ours is off, theirs is on"),
    ],
)
def test_the_item_for_a_sku(found: list[ListedItem], chosen: int | None) -> None:
    """OI-26, OI-28."""
    assert item_for("FLT-1", found) == chosen
    assert item_for("FLT-1", reversed(found)) == chosen


@pytest.mark.parametrize(
    ("found", "said"),
    [
        pytest.param(
            [material(2), material(1)],
            "SKU FLT-1 is 2 active pricebook items: material 1 and material 2.",
            id="several",
        ),
        pytest.param(
            [material(1, is_ours=True), material(2, is_ours=True), material(3)],
            "SKU FLT-1 is 2 active pricebook items: material 1 and material 2.",
            id="several of ours",
        ),
        pytest.param(
            [material(7, is_active=OFF, is_ours=True)],
            "SKU FLT-1 is in the pricebook, but switched off: material 7.",
            id="switched off",
        ),
    ],
)
def test_what_is_no_clear_item_is_held_with_its_ids(found: list[ListedItem], said: str) -> None:
    """OI-28, OI-70."""
    with pytest.raises(HeldError) as held:
        item_for("FLT-1\n", found)
    assert held.value.message == said
    assert "retry" in held.value.fix


def test_one_active_item_needs_no_further_look() -> None:
    """OI-28."""
    assert is_clear([material(1), material(2, is_active=OFF)])
    assert not is_clear([material(1), material(2)])
    assert not is_clear([material(1, is_active=OFF)])


def test_every_line_of_the_invoice_has_its_item() -> None:
    """OI-26, OI-27, OI-29: goods with the shop's settings, discount and shipping with an income account only."""
    bought = order(
        line(sku="A", is_taxable=True), line(id="2", sku=" a"), extra_discount=Decimal(1), shipping_total=Decimal(2)
    )
    (part,) = split_cart(bought)
    skus = ExtraSkus("Off", "Ship")
    items = invoice_items(part, [], SETTINGS, skus=skus)
    assert {folded_sku(item.sku) for item in items} == {
        folded_sku(one.sku) for one in plan_invoice(part, skus=skus).lines
    }
    assert [(item.sku, item.item_type, item.is_inventory, item.is_taxable) for item in items] == [
        ("A", "Equipment", True, True),
        ("Off", "Equipment", False, False),
        ("Ship", "Equipment", False, False),
    ]
    assert [(item.account, item.cost_of_sale_account, item.asset_account) for item in items[1:]] == [
        ("Revenue", "", "")
    ] * 2
    assert [item.sku for item in invoice_items(part, ["a", "SHIP"], SETTINGS, skus=skus)] == ["Off"]


def test_a_product_that_is_sold_under_the_shipping_sku_is_one_item() -> None:
    """OI-28."""
    (part,) = split_cart(order(line(sku="ship"), shipping_total=Decimal(2)))
    (item,) = invoice_items(part, [], SETTINGS, skus=ExtraSkus("Off", "Ship"))
    assert (item.sku, item.is_inventory) == ("ship", True)
