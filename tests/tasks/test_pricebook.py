"""The pricebook items an order needs: found under any type, or made once for all orders."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from connectors.servicetitan.external import ExternalKey, external_value
from connectors.servicetitan.schemas import PricebookItem
from decisions.invoicing import split_cart
from models.errors import HeldError, RejectedError
from models.store_order import LineKind, StoreOrder
from models.tenant import MissingChoice, OfferedAccount, PartChoices
from tasks.pricebook import SKU_KEY, ensure_items, forget_items
from tests.tasks.conftest import GUID, Counter, a_shop
from tests.tasks.money import ACCOUNTS, lose, product_choices, product_part, short
from tests.unit.orders import line, order

OURS = ExternalKey(GUID, SKU_KEY)
BY_CODE = ["GET materials", "GET equipment", "GET services"]
BY_KEY = ["GET materials", "GET equipment"]


async def ensure(counter: Counter, bought: StoreOrder, choices: PartChoices | None = None) -> dict[str, int]:
    return await ensure_items.fn("demo", bought, product_part(bought), choices or product_choices())


async def pricebook(counter: Counter, code: str) -> list[tuple[str, PricebookItem]]:
    """Return every item under the code, with its type."""
    st = counter.st
    found = [
        *(("material", one) for one in await st.list_materials_by_code(code)),
        *(("equipment", one) for one in await st.list_equipment_by_code(code)),
        *(("service", one) for one in await st.list_services_by_code(code)),
    ]
    await counter.calls()
    return found


async def test_a_new_sku_becomes_an_item_with_the_shops_type_and_accounts(counter: Counter) -> None:
    """OI-26, OI-33, OI-34, OI-35, OI-36, OI-37: looked for by code and by our key, then made in one call."""
    bought = order(line(sku=" FLT-9 ", name="Filter <b>9</b> & more", is_taxable=True))
    items = await ensure(counter, bought)
    calls = short(await counter.calls())
    assert calls == [*BY_CODE, *BY_KEY, "POST materials"]
    ((kind, made),) = await pricebook(counter, "FLT-9")
    assert items == {"flt-9": made.id}
    assert (kind, made.code, made.display_name, made.price) == (
        "material",
        "FLT-9",
        "Filter <b>9</b> & more",
        Decimal("39.96"),
    )
    assert made.description == "Filter &lt;b&gt;9&lt;/b&gt; &amp; more"
    assert (made.account, made.cost_of_sale_account, made.asset_account) == (
        "Deferred Revenue",
        "Cost of Goods Sold: Material",
        "Inventory",
    )
    assert (made.is_inventory, made.taxable) == (True, True)


async def test_the_item_type_is_the_shops_for_later_skus_only(counter: Counter) -> None:
    """OI-33: what was made as a material stays one."""
    await ensure(counter, order(line(sku="A-1")))
    counter.use(a_shop(products={"invoice_item_type": "Equipment"}))
    items = await ensure(counter, order(line(sku="A-1"), line(id="2", sku="B-1")))
    assert [kind for kind, _ in await pricebook(counter, "A-1")] == ["material"]
    assert [(kind, one.id) for kind, one in await pricebook(counter, "B-1")] == [("equipment", items["b-1"])]


@pytest.mark.parametrize(
    ("accounts", "is_inventory"),
    [
        pytest.param(
            {**ACCOUNTS, "asset_account": OfferedAccount(id=1406, name="Prepaid Supplies")}, False, id="other"
        ),
        pytest.param({}, False, id="no accounts chosen"),
        pytest.param(ACCOUNTS, True, id="inventory class"),
    ],
)
async def test_the_class_of_the_asset_account_makes_an_inventory_item(
    counter: Counter, accounts: dict[str, OfferedAccount], is_inventory: bool
) -> None:
    """OI-36, OI-37."""
    await ensure(counter, order(), product_choices(accounts=accounts))
    ((_, made),) = await pricebook(counter, "FLT-1")
    assert made.is_inventory is is_inventory
    assert made.asset_account == (accounts["asset_account"].name if accounts else "")


async def test_a_sku_met_before_costs_no_call_and_its_item_is_not_rewritten(counter: Counter) -> None:
    """OI-28, OI-38: also under other accounts, another price, another case."""
    first = await ensure(counter, order(line(sku="FLT-1", unit_price=Decimal("10.00"))))
    (before,) = await pricebook(counter, "FLT-1")
    other = {**ACCOUNTS, "account": OfferedAccount(id=1402, name="Revenue")}
    again = await ensure(
        counter,
        order(line(sku="flt-1 ", unit_price=Decimal("12.00")), id="2", number="CC-2"),
        product_choices(accounts=other),
    )
    assert await counter.calls() == []
    assert again == first
    assert [before] == await pricebook(counter, "FLT-1")


@pytest.mark.parametrize("kind", ["material", "equipment", "service"])
async def test_an_item_of_any_type_under_the_sku_is_used_as_it_is(counter: Counter, kind: str) -> None:
    """OI-28, OI-38: whatever the case of its code, and though it has another price and no accounts."""
    theirs = await counter.tell("/servicetitan/pricebook", kind=kind, code="flt-x1", name="Ours", price="1.00")
    await counter.tell("/servicetitan/pricebook", kind="material", code="FLT-X1-LONG", name="FLT-X1 and more")
    await counter.calls()
    items = await ensure(counter, order(line(sku="FLT-X1")))
    assert items == {"flt-x1": theirs["id"]}
    assert short(await counter.calls()) == BY_CODE
    ((_, found),) = await pricebook(counter, "FLT-X1")
    assert (found.code, found.price, found.account) == ("flt-x1", Decimal("1.00"), "")


async def test_our_item_is_found_under_a_new_code(counter: Counter) -> None:
    """OI-28: our external data names the SKU it was made for."""
    items = await ensure(counter, order())
    await counter.tell("/servicetitan/pricebook", kind="material", code="FLT-1", new_code="SHOP-77")
    await forget_items(counter.books, "demo", order())
    await counter.calls()
    assert await ensure(counter, order()) == items
    assert short(await counter.calls()) == [*BY_CODE, *BY_KEY]


async def test_an_item_that_is_switched_off_holds_until_it_is_on_again(counter: Counter) -> None:
    """OI-28, OI-70: the hold names SKU and item."""
    theirs = await counter.tell("/servicetitan/pricebook", kind="equipment", code="FLT-1", active=False)
    for _ in range(2):
        with pytest.raises(HeldError, match=f"SKU FLT-1 .* switched off: equipment {theirs['id']}") as held:
            await ensure(counter, order())
        assert "retry" in held.value.fix
    await counter.tell("/servicetitan/pricebook", kind="equipment", code="FLT-1", active=True)
    assert await ensure(counter, order()) == {"flt-1": theirs["id"]}


async def test_an_inactive_namesake_of_an_active_item_does_not_matter(counter: Counter) -> None:
    """OI-28."""
    await counter.tell("/servicetitan/pricebook", kind="service", code="FLT-1", active=False)
    theirs = await counter.tell("/servicetitan/pricebook", kind="material", code="FLT-1")
    assert await ensure(counter, order()) == {"flt-1": theirs["id"]}


async def test_several_active_items_of_one_code_are_a_question(counter: Counter) -> None:
    """OI-28, OI-70: the hold lists them."""
    one = await counter.tell("/servicetitan/pricebook", kind="material", code="FLT-1")
    two = await counter.tell("/servicetitan/pricebook", kind="service", code="flt-1")
    with pytest.raises(HeldError, match=f"material {one['id']} and service {two['id']}"):
        await ensure(counter, order())
    await counter.tell("/servicetitan/pricebook", kind="service", code="flt-1", active=False)
    assert await ensure(counter, order()) == {"flt-1": one["id"]}


async def test_an_account_that_cannot_be_used_holds_a_new_sku_but_not_a_known_one(counter: Counter) -> None:
    """OI-25, OI-34: nothing is made without the account the shop chose."""
    missing = MissingChoice(setting="contractor_commerce.products.account", why="There is no Revenu.", fix="Mend it.")
    accounts = {name: account for name, account in ACCOUNTS.items() if name != "account"}
    choices = product_choices(accounts=accounts, missing={"account": missing})
    with pytest.raises(HeldError, match="There is no Revenu"):
        await ensure(counter, order(), choices)
    assert await pricebook(counter, "FLT-1") == []
    items = await ensure(counter, order())
    assert await ensure(counter, order(), choices) == items


async def test_discount_and_shipping_are_items_but_no_goods(counter: Counter) -> None:
    """OI-29, OI-37: not inventory, not taxable, an income account only."""
    bought = order(line(sku="FLT-1", is_taxable=True), extra_discount=Decimal("1.00"), shipping_total=Decimal("7.95"))
    items = await ensure(counter, bought)
    assert list(items) == ["flt-1", "store-discount", "store-shipping"]
    for sku in ("STORE-DISCOUNT", "STORE-SHIPPING"):
        ((kind, made),) = await pricebook(counter, sku)
        assert (kind, made.id) == ("material", items[sku.lower()])
        assert (made.is_inventory, made.taxable, made.price) == (False, False, Decimal(0))
        assert (made.account, made.cost_of_sale_account, made.asset_account) == ("Deferred Revenue", "", "")


async def test_services_and_memberships_need_no_items(counter: Counter) -> None:
    """OI-62."""
    bought = order(line(kind=LineKind.SERVICE), line(id="2", kind=LineKind.MEMBERSHIP))
    (part,) = split_cart(bought)
    assert await ensure_items.fn("demo", bought, part, product_choices()) == {}
    assert await counter.calls() == []


async def test_two_orders_with_one_new_sku_at_once_make_one_item(counter: Counter) -> None:
    """OI-28, OI-67: the others wait, and look nothing up."""
    orders = [order(line(sku=sku), id=str(at), number=f"CC-{at}") for at, sku in enumerate(["N-1", "n-1", " N-1 "] * 2)]
    found = await asyncio.gather(*(ensure(counter, one) for one in orders))
    assert len({tuple(one.items()) for one in found}) == 1
    calls = short(await counter.calls())
    assert calls == [*BY_CODE, *BY_KEY, "POST materials"]
    assert len(await pricebook(counter, "N-1")) == 1


@pytest.mark.parametrize("item_type", ["Material", "Equipment"])
async def test_an_item_whose_answer_was_lost_is_found_and_not_made_again(counter: Counter, item_type: str) -> None:
    """OI-28, OI-67."""
    counter.use(a_shop(products={"invoice_item_type": item_type}))
    await lose(counter, "POST /pricebook/*")
    items = await ensure(counter, order())
    ((kind, made),) = await pricebook(counter, "FLT-1")
    assert (kind, items) == (item_type.lower(), {"flt-1": made.id})


async def test_a_refused_item_leaves_nothing_behind(counter: Counter) -> None:
    """OI-70: an account that ServiceTitan does not know is refused in its own words, and goes through once mended."""
    await counter.tell("/servicetitan/settings", kind="gl_account", name="Deferred Revenue", active=False)
    with pytest.raises(RejectedError, match="no active account Deferred Revenue"):
        await ensure(counter, order())
    await counter.tell("/servicetitan/settings", kind="gl_account", name="Deferred Revenue", active=True)
    await ensure(counter, order())
    assert len(await pricebook(counter, "FLT-1")) == 1


async def test_an_item_deleted_in_servicetitan_is_looked_up_again_on_retry(counter: Counter) -> None:
    """OI-25, OI-70: switched off, it holds with its id; gone under this code, it is the one now there."""
    bought = order(line(sku="FLT-1"), shipping_total=Decimal("7.95"))
    await counter.tell("/servicetitan/pricebook", kind="material", code="FLT-1")
    before = await ensure(counter, bought)
    await counter.tell("/servicetitan/pricebook", kind="material", code="FLT-1", active=False)
    assert await ensure(counter, bought) == before
    await forget_items(counter.books, "demo", bought)
    with pytest.raises(HeldError, match=f"material {before['flt-1']}"):
        await ensure(counter, bought)
    await counter.tell("/servicetitan/pricebook", kind="material", code="FLT-1", new_code="OLD-1")
    after = await ensure(counter, bought)
    assert after["flt-1"] != before["flt-1"]
    assert after["store-shipping"] == before["store-shipping"]
    assert [one.id for _, one in await pricebook(counter, "FLT-1")] == [after["flt-1"]]


@pytest.mark.parametrize(
    "sku",
    [
        pytest.param("FLT,16x25", id="comma"),
        pytest.param("FLT 50% off", id="per cent"),
        pytest.param("FLT%2C16", id="looks encoded"),
        pytest.param("Größe-Ø/½″ 🏠", id="unicode"),
        pytest.param("STRASSE", id="folds to what another spelling folds to"),
        pytest.param("_%'; DROP TABLE effects --", id="signs of databases"),
        pytest.param("L" * 240, id="longer than the search takes"),
    ],
)
async def test_odd_skus_are_made_once_and_found_again(counter: Counter, sku: str) -> None:
    """OI-28, OI-71: as typed, with a name as typed, also when the answer is lost."""
    bought = order(line(sku=sku, name="Zoë's <filter>, 4″ 🏠"))
    await lose(counter, "POST /pricebook/*")
    items = await ensure(counter, bought)
    await forget_items(counter.books, "demo", bought)
    assert await ensure(counter, bought) == items
    ((_, made),) = await pricebook(counter, sku)
    assert (made.code, made.display_name) == (sku, "Zoë's <filter>, 4″ 🏠")
    values: list[Any] = [external_value(sku.strip().casefold())]
    assert [one.id for one in await counter.st.list_materials_by_external_data(OURS, values)] == [made.id]
