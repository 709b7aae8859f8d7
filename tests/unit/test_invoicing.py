"""From an order to jobs and an invoice, to the cent."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisions.invoicing import (
    Account,
    ExtraSkus,
    InvoiceLine,
    ItemSettings,
    LineRole,
    PartKind,
    PaymentToRecord,
    allocate,
    completion_tag,
    is_inventory,
    membership_sales,
    new_items,
    part_tags,
    payment_for,
    plan_invoice,
    split_cart,
    with_tags,
)
from decisions.order_intake import Sync, decide_intake, faults
from models.store_order import Discount, LineKind, OrderState, PaymentState, Purchase, StoreLine, StoreOrder
from tests.unit.orders import line, order

SERVICE = line(id="2", kind=LineKind.SERVICE, sku="SVC-1", unit_price=Decimal("119.00"))
FILTER = line(tax_total=Decimal("3.44"))
STOCK = ItemSettings(
    "Material",
    Account("Deferred Revenue", "Other Current Liability"),
    Account("Cost of Goods Sold: Material", "Cost of Goods Sold"),
    Account("Inventory", "Inventory"),
)


def test_a_mixed_cart_is_split_and_each_part_has_its_money() -> None:
    """OI-19: shipping, and tax that is on no line, go with the products."""
    mixed = order(SERVICE, FILTER, shipping_total=Decimal("7.95"), extra_tax=Decimal("0.65"))
    product, service = split_cart(mixed)
    assert (product.kind, product.lines) == (PartKind.PRODUCT, (FILTER,))
    assert (service.kind, service.lines) == (PartKind.SERVICE, (SERVICE,))
    assert (product.shipping, product.tax) == (Decimal("7.95"), Decimal("4.09"))
    assert (product.total, service.total) == (Decimal("52.00"), Decimal("119.00"))


def test_a_cart_of_one_kind_is_one_part() -> None:
    """OI-19: a membership is a service."""
    assert [part.kind for part in split_cart(order())] == [PartKind.PRODUCT]
    (part,) = split_cart(order(SERVICE, line(kind=LineKind.MEMBERSHIP), shipping_total=Decimal("5.00")))
    assert (part.kind, part.shipping) == (PartKind.SERVICE, Decimal("5.00"))


def test_the_invoice_has_quantity_and_price_of_the_order() -> None:
    """OI-27, OI-29: then one line for all discounts, and one for shipping."""
    three = line(
        sku=" FLT-9 ",
        quantity=3,
        unit_price=Decimal("10.00"),
        discount_total=Decimal("1.00"),
        tax_total=Decimal("2.50"),
    )
    (part,) = split_cart(order(three, shipping_total=Decimal("7.95"), extra_discount=Decimal("4.00")))
    plan = plan_invoice(part, skus=ExtraSkus("D", "S"))
    assert plan.lines == (
        InvoiceLine(LineRole.ITEM, "FLT-9", "Filter", 3, Decimal("10.00")),
        InvoiceLine(LineRole.DISCOUNT, "D", "Discount of the online store", 1, Decimal("-5.00")),
        InvoiceLine(LineRole.SHIPPING, "S", "Shipping", 1, Decimal("7.95")),
    )
    assert (plan.tax, plan.total) == (Decimal("2.50"), Decimal("35.45"))


def test_free_shipping_and_no_discount_have_no_line() -> None:
    """OI-29."""
    (part,) = split_cart(order())
    assert [one.role for one in plan_invoice(part).lines] == [LineRole.ITEM]


_CENTS = st.integers(0, 200_000).map(lambda cents: Decimal(cents) / 100)
_SHARE = st.integers(0, 100)


@st.composite
def _lines(draw: st.DrawFn) -> StoreLine:
    quantity, price = draw(st.integers(1, 40)), draw(_CENTS)
    off = (quantity * price * draw(_SHARE) / 100).quantize(Decimal("0.01"), rounding="ROUND_DOWN")
    return line(
        id=str(draw(st.integers(1, 99))),
        kind=draw(st.sampled_from([LineKind.PRODUCT, LineKind.SERVICE])),
        quantity=quantity,
        unit_price=price,
        discount_total=off,
        tax_total=draw(_CENTS),
    )


@st.composite
def _orders(draw: st.DrawFn) -> StoreOrder:
    lines = draw(st.lists(_lines(), min_size=1, max_size=6))
    left = sum((one.total for one in lines), Decimal(0))
    off = (left * draw(_SHARE) / 100).quantize(Decimal("0.01"), rounding="ROUND_DOWN")
    return order(*lines, extra_discount=off, extra_tax=draw(_CENTS), shipping_total=draw(_CENTS))


@given(_orders())
def test_the_parts_add_up_to_the_order_and_the_invoice_to_its_part(bought: StoreOrder) -> None:
    """OI-29: to the cent, with discounts on lines and on the order, shipping and tax; and no part costs less than nothing."""
    assert isinstance(decide_intake(bought), Sync)
    parts = split_cart(bought)
    assert sum((part.total for part in parts), Decimal(0)) == bought.grand_total
    assert [one for part in parts for one in part.lines] == sorted(
        bought.lines, key=lambda one: one.kind is LineKind.SERVICE
    )
    for part in parts:
        assert part.total >= 0
        plan = plan_invoice(part)
        assert plan.total == part.total
        assert all(one.unit_price == one.unit_price.quantize(Decimal("0.01")) for one in plan.lines)


@given(_CENTS, st.lists(_CENTS, min_size=1, max_size=8))
def test_sharing_loses_no_cent_and_is_fair(amount: Decimal, weights: list[Decimal]) -> None:
    """OI-29."""
    shares = allocate(amount, weights)
    whole = sum(weights, Decimal(0))
    assert sum(shares, Decimal(0)) == amount
    if whole:
        for share, weight in zip(shares, weights, strict=True):
            assert abs(share - amount * weight / whole) < Decimal("0.01")
            assert share <= weight or amount > whole


def test_sharing_by_hand() -> None:
    """OI-29."""
    assert allocate(Decimal("10.00"), [Decimal(1)] * 3) == (Decimal("3.34"), Decimal("3.33"), Decimal("3.33"))
    assert allocate(Decimal("1.00"), [Decimal(0), Decimal(0)]) == (Decimal("1.00"), Decimal(0))
    assert allocate(Decimal("0.00"), []) == ()


def test_a_new_sku_is_an_item_with_the_shops_type_and_accounts() -> None:
    """OI-26, OI-33, OI-34, OI-35, OI-36, OI-37."""
    (part,) = split_cart(order(line(sku=" FLT-9 ", is_taxable=True)))
    (item,) = new_items(part, [], STOCK)
    assert (item.sku, item.name, item.price, item.item_type) == ("FLT-9", "Filter", Decimal("39.96"), "Material")
    assert (item.account, item.cost_of_sale_account) == ("Deferred Revenue", "Cost of Goods Sold: Material")
    assert (item.asset_account, item.is_inventory, item.is_taxable) == ("Inventory", True, True)
    (bare,) = new_items(part, [], ItemSettings("Equipment"))
    assert (bare.item_type, bare.account, bare.asset_account, bare.is_inventory) == ("Equipment", "", "", False)


def test_a_known_sku_is_reused_and_a_new_one_made_once() -> None:
    """OI-28, OI-38: also when a cart has the SKU twice, once of them subscribed."""
    cart = order(line(), line(sku="flt-1 "), line(sku="FLT-2"), line(sku="FLT-2", purchase=Purchase.SUBSCRIPTION))
    (part,) = split_cart(cart)
    assert [item.sku for item in new_items(part, ["FLT-1"], STOCK)] == ["FLT-2"]
    assert new_items(part, ["FLT-1", "FLT-2"], STOCK) == ()


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        (Account("Inventory", "Inventory"), True),
        (Account("Stock", "inventory"), True),
        (Account("Inventory", "Fixed Asset"), False),
        (Account("Inventory"), False),
        (None, False),
    ],
)
def test_the_class_of_the_asset_account_makes_an_inventory_item(account: Account | None, expected: bool) -> None:
    """OI-37: its class, not its name."""
    assert is_inventory(account) is expected


ONE, SUB = {"purchase": Purchase.ONE_TIME}, {"purchase": Purchase.SUBSCRIPTION}


@pytest.mark.parametrize(
    ("lines", "tags"),
    [
        pytest.param([line(**ONE)], ("once",), id="once"),
        pytest.param([line(**SUB)], ("again",), id="subscription"),
        pytest.param([line(**SUB), line(**ONE)], ("once", "again"), id="both"),
        pytest.param([line(kind=LineKind.SERVICE, **ONE)], ("once",), id="service once"),
        pytest.param([line(kind=LineKind.MEMBERSHIP, **ONE)], ("again",), id="membership"),
    ],
)
def test_tags_follow_how_it_was_bought(lines: list[StoreLine], tags: tuple[str, ...]) -> None:
    """OI-45, OI-46, OI-59, OI-60."""
    (part,) = split_cart(order(*lines))
    assert part_tags(part, one_time="once", subscription="again") == tags
    assert part_tags(part, one_time="", subscription="") == ()
    assert part_tags(part, one_time="same", subscription="same") == ("same",)


def test_tags_of_people_are_kept_and_none_is_there_twice() -> None:
    """OI-43, OI-47, OI-49: the list to write is the whole list."""
    assert with_tags([5, 3], [7, 3]) == (5, 3, 7)
    assert with_tags(with_tags([5, 3], [7]), [7]) == (5, 3, 7)


@pytest.mark.parametrize("state", list(OrderState))
def test_the_completion_tag_comes_when_the_store_completes(state: OrderState) -> None:
    """OI-49, OI-62: on product jobs only."""
    mixed = order(line(), SERVICE, state=state)
    product, service = split_cart(mixed)
    assert completion_tag(mixed, product, "done") == ("done" if state is OrderState.COMPLETED else "")
    assert completion_tag(mixed, service, "done") == ""


@pytest.mark.parametrize("state", list(PaymentState))
def test_only_money_the_store_has_is_recorded(state: PaymentState) -> None:
    """OI-63: the product part's total; nothing for a free order, and nothing on a service's invoice."""
    mixed = order(line(), SERVICE, payment_state=state)
    product, service = split_cart(mixed)
    assert payment_for(mixed, product) == (PaymentToRecord(Decimal("39.96")) if state is PaymentState.PAID else None)
    assert payment_for(mixed, service) is None
    free = order(line(discount_total=Decimal("39.96")), payment_state=state)
    (part,) = split_cart(free)
    assert payment_for(free, part) is None


def member(sku: str, task: int, quantity: int = 1, type_id: int = 7) -> StoreLine:
    return line(kind=LineKind.MEMBERSHIP, sku=sku, quantity=quantity, membership_type_id=type_id, sale_task_id=task)


@pytest.mark.parametrize(
    ("lines", "core", "add_ons"),
    [
        pytest.param([member("M", 1, 2)], (1, 2), (), id="several of one SKU"),
        pytest.param([member("M", 1), member("M", 1)], (1, 2), (), id="several of one SKU, on two lines"),
        pytest.param([member("TWO-SYSTEMS", 3)], (3, 1), (), id="a SKU per number of systems"),
        pytest.param([member("C", 1), member("A", 2, 2)], (1, 1), ((2, 2),), id="core and two add-ons"),
        pytest.param([member("C", 1), member("A", 2)], (1, 1), ((2, 1),), id="core and an add-on"),
    ],
)
def test_memberships_are_sold_three_ways(
    lines: list[StoreLine], core: tuple[int, int], add_ons: tuple[tuple[int, int], ...]
) -> None:
    """OI-66: the right membership and count."""
    (sale,) = membership_sales(order(*lines))
    assert (sale.membership_type_id, sale.core, sale.add_ons) == (7, core, add_ons)


def test_two_types_are_two_memberships_and_a_renewal_is_none() -> None:
    """OI-3, OI-66."""
    two = order(member("M", 1), member("N", 2, type_id=9), subscription_sequence=1)
    assert [sale.membership_type_id for sale in membership_sales(two)] == [7, 9]
    assert membership_sales(order(member("M", 1), subscription_sequence=2)) == ()
    assert membership_sales(order(line(), SERVICE)) == ()


def test_shipping_that_is_given_away_is_taken_off_the_part_that_carries_it() -> None:
    """OI-29, OI-19: all of the goods and the shipping off: no part of the cart costs less than nothing."""
    goods, work = line(id="1"), line(id="2", kind=LineKind.SERVICE, sku="SVC", unit_price=Decimal("60.00"))
    gift = order(
        goods,
        work,
        discounts=(Discount(kind="order", amount=Decimal("99.96")), Discount(kind="shipping", amount=Decimal("7.95"))),
        discount_total=Decimal("107.91"),
        shipping_total=Decimal("7.95"),
        grand_total=Decimal(0),
    )
    assert faults(gift) == ()
    assert [part.total for part in split_cart(gift)] == [Decimal(0), Decimal(0)]
