"""From an order to jobs and an invoice: the parts of a cart, lines to the cent, items, tags, payment.

Source: contracts/contractor_commerce/CHECKLIST.md OI-19, OI-26 to OI-38, OI-43 to OI-49, OI-59, OI-60, OI-63, OI-66 and
the answers at its end; contracts/servicetitan/FACTS.md 2.3, 2.4, 2.8. Amounts are in the order's currency, to the cent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum
from typing import Literal

from models.store_order import LineKind, OrderState, PaymentState, Purchase, StoreLine, StoreOrder

_ZERO = Decimal(0)
_CENT = Decimal("0.01")
_INVENTORY = "inventory"


class PartKind(StrEnum):
    """Which settings a part of the cart follows (OI-19)."""

    PRODUCT = "product"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Part:
    """The part of an order that becomes one job. The parts' totals add up to the order's."""

    kind: PartKind
    lines: tuple[StoreLine, ...]
    discount: Decimal
    """All discounts: those of the lines, and this part's share of one on the whole order."""
    shipping: Decimal
    tax: Decimal

    @property
    def subtotal(self) -> Decimal:
        """Sum of quantity x unit price."""
        return sum((line.quantity * line.unit_price for line in self.lines), _ZERO)

    @property
    def total(self) -> Decimal:
        """What the buyer pays for this part."""
        return self.subtotal - self.discount + self.shipping + self.tax


class LineRole(StrEnum):
    """What an invoice line stands for."""

    ITEM = "item"
    DISCOUNT = "discount"
    SHIPPING = "shipping"


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line of the job's invoice. `unit_price` is negative on the discount's line."""

    role: LineRole
    sku: str
    description: str
    quantity: int
    unit_price: Decimal

    @property
    def total(self) -> Decimal:
        """Quantity x unit price."""
        return self.quantity * self.unit_price


@dataclass(frozen=True, slots=True)
class InvoicePlan:
    """The invoice of a product part. Tax is not a line: ServiceTitan keeps it on the invoice (FACTS 2.8, step 4)."""

    lines: tuple[InvoiceLine, ...]
    tax: Decimal

    @property
    def total(self) -> Decimal:
        """What ServiceTitan must show: equal to the part's total, to the cent (OI-29)."""
        return sum((line.total for line in self.lines), self.tax)


@dataclass(frozen=True, slots=True)
class ExtraSkus:
    """The pricebook items that stand for a discount and for shipping."""

    discount: str = "STORE-DISCOUNT"
    shipping: str = "STORE-SHIPPING"


@dataclass(frozen=True, slots=True)
class Account:
    """A general ledger account, as far as pricebook items need it: its name, and its class (its type's name)."""

    name: str
    account_class: str = ""


@dataclass(frozen=True, slots=True)
class ItemSettings:
    """What new pricebook items are made with (OI-33 to OI-37). None: the shop chose no such account."""

    item_type: Literal["Material", "Equipment"]
    account: Account | None = None
    cost_of_sale_account: Account | None = None
    asset_account: Account | None = None


@dataclass(frozen=True, slots=True)
class NewItem:
    """A pricebook item to create; accounts by name, empty for none (FACTS 2.4)."""

    sku: str
    name: str
    price: Decimal
    item_type: Literal["Material", "Equipment"]
    account: str
    cost_of_sale_account: str
    asset_account: str
    is_inventory: bool
    is_taxable: bool


@dataclass(frozen=True, slots=True)
class PaymentToRecord:
    """Money the store has, to be recorded on the invoice with the shop's payment type (OI-63)."""

    amount: Decimal


@dataclass(frozen=True, slots=True)
class MembershipSale:
    """One membership type sold on an order; `core` and `add_ons` are sale tasks with their counts."""

    membership_type_id: int
    core: tuple[int, int]
    add_ons: tuple[tuple[int, int], ...] = ()


def split_cart(order: StoreOrder) -> tuple[Part, ...]:
    """Split the cart into its product part and its service part, products first (OI-19, answers, "mixed cart").

    Shipping with its own discounts, and tax that is on no line, go with the first part; a discount on the whole order
    is shared by what the lines cost. A line of unknown kind is no product, so that no invoice is built of it; intake
    holds such an order.
    """
    groups = {
        PartKind.PRODUCT: tuple(line for line in order.lines if line.kind is LineKind.PRODUCT),
        PartKind.SERVICE: tuple(line for line in order.lines if line.kind is not LineKind.PRODUCT),
    }
    kinds = [kind for kind, lines in groups.items() if lines]
    costs = [sum((line.total for line in groups[kind]), _ZERO) for kind in kinds]
    left = order.discount_total - sum((line.discount_total for line in order.lines), _ZERO)
    off_shipping = _off_shipping(order, left, sum(costs, _ZERO))
    shares = allocate(left - off_shipping, costs)
    tax_left = order.tax_total - sum((line.tax_total for line in order.lines), _ZERO)
    return tuple(
        Part(
            kind=kind,
            lines=groups[kind],
            discount=sum((line.discount_total for line in groups[kind]), share + (off_shipping if first else _ZERO)),
            shipping=order.shipping_total if first else _ZERO,
            tax=sum((line.tax_total for line in groups[kind]), tax_left if first else _ZERO),
        )
        for kind, share, first in zip(kinds, shares, [True, False], strict=False)
    )


def _off_shipping(order: StoreOrder, left: Decimal, costs: Decimal) -> Decimal:
    """Return what of the order's own discounts is off the shipping: what is called so, or is more than the lines."""
    named = sum((discount.amount for discount in order.discounts if discount.kind == "shipping"), _ZERO)
    return min(max(named, left - costs, _ZERO), order.shipping_total, left)


def allocate(amount: Decimal, weights: Sequence[Decimal]) -> tuple[Decimal, ...]:
    """Share an amount of whole cents by weight, to the cent; the cents left over go where most was cut off.

    Nobody gets more than their weight while the amount is no more than the weights' sum. All weights zero: the first
    takes it all. Weights must not be negative.
    """
    whole = sum(weights, _ZERO)
    if not whole:
        return tuple(amount if at == 0 else _ZERO for at in range(len(weights)))
    exact = [amount * weight / whole for weight in weights]
    shares = [share.quantize(_CENT, rounding=ROUND_DOWN) for share in exact]
    left = int((amount - sum(shares, _ZERO)) / _CENT)
    most_cut = sorted(range(len(weights)), key=lambda at: (shares[at] - exact[at], at))
    for at in most_cut[:left]:
        shares[at] += _CENT
    return tuple(shares)


def plan_invoice(part: Part, *, skus: ExtraSkus = ExtraSkus()) -> InvoicePlan:
    """Write the product part as invoice lines: quantity and price of the order, then one discount, then shipping.

    Discounts have a line of their own: folded into the price of several pieces they would not come out to the cent.
    """
    lines = [
        InvoiceLine(LineRole.ITEM, line.sku.strip(), line.name, line.quantity, line.unit_price) for line in part.lines
    ]
    if part.discount:
        lines.append(InvoiceLine(LineRole.DISCOUNT, skus.discount, "Discount of the online store", 1, -part.discount))
    if part.shipping:
        lines.append(InvoiceLine(LineRole.SHIPPING, skus.shipping, "Shipping", 1, part.shipping))
    return InvoicePlan(tuple(lines), part.tax)


def folded_sku(sku: str) -> str:
    """Return a SKU as it is compared: without case and outer blanks."""
    return sku.strip().casefold()


def new_items(part: Part, present: Collection[str], settings: ItemSettings) -> tuple[NewItem, ...]:
    """Return the pricebook items to create: SKUs of the part that the pricebook lacks, each once (OI-26, OI-28).

    Items that exist are not in it: they are never rewritten (OI-38). SKUs compare without case and outer blanks.
    """
    known = {folded_sku(sku) for sku in present}
    items = []
    for line in part.lines:
        if folded_sku(line.sku) in known:
            continue
        known.add(folded_sku(line.sku))
        items.append(
            NewItem(
                sku=line.sku.strip(),
                name=line.name,
                price=line.unit_price,
                item_type=settings.item_type,
                account=_name(settings.account),
                cost_of_sale_account=_name(settings.cost_of_sale_account),
                asset_account=_name(settings.asset_account),
                is_inventory=is_inventory(settings.asset_account),
                is_taxable=line.is_taxable,
            )
        )
    return tuple(items)


def invoice_items(
    part: Part, present: Collection[str], settings: ItemSettings, *, skus: ExtraSkus = ExtraSkus()
) -> tuple[NewItem, ...]:
    """Return the pricebook items to create so that every line of `plan_invoice` has one, each SKU once (OI-26, OI-27).

    Those of a discount and of shipping are no goods: neither inventory nor taxable, and with an income account only.
    """
    items = {folded_sku(item.sku): item for item in new_items(part, present, settings)}
    known = {folded_sku(sku) for sku in present}
    for line in plan_invoice(part, skus=skus).lines:
        if line.role is LineRole.ITEM or folded_sku(line.sku) in known:
            continue
        extra = NewItem(
            sku=line.sku.strip(),
            name=line.description,
            price=_ZERO,
            item_type=settings.item_type,
            account=_name(settings.account),
            cost_of_sale_account="",
            asset_account="",
            is_inventory=False,
            is_taxable=False,
        )
        items.setdefault(folded_sku(line.sku), extra)
    return tuple(items.values())


def is_inventory(asset_account: Account | None) -> bool:
    """Tell whether items with this asset account are inventory items: by its class, not by its name (OI-37)."""
    return asset_account is not None and asset_account.account_class.strip().casefold() == _INVENTORY


def part_tags(part: Part, *, one_time: str, subscription: str) -> tuple[str, ...]:
    """Return the tags for customer and location by how things were bought (OI-45, OI-46, OI-59, OI-60).

    A membership counts as a subscription. A tag the shop has not chosen is left out.
    """
    subscribed = [line.kind is LineKind.MEMBERSHIP or line.purchase is Purchase.SUBSCRIPTION for line in part.lines]
    wanted = [one_time if not all(subscribed) else "", subscription if any(subscribed) else ""]
    return tuple(dict.fromkeys(tag for tag in wanted if tag))


def completion_tag(order: StoreOrder, part: Part, tag: str) -> str:
    """Return the tag the job gets now, or empty: products only, once the store completed the order (OI-49, OI-62)."""
    return tag if part.kind is PartKind.PRODUCT and order.state is OrderState.COMPLETED else ""


def with_tags(present: Sequence[int], wanted: Iterable[int]) -> tuple[int, ...]:
    """Return the full list to write: what people put there is kept, nothing is there twice (OI-43, OI-47, OI-49)."""
    return tuple(dict.fromkeys([*present, *wanted]))


def payment_for(order: StoreOrder, part: Part) -> PaymentToRecord | None:
    """Return the payment for the part's invoice; none for nothing to pay, none while the store has no money (OI-63).

    Only products have an invoice of ours: the one of a service is left as ServiceTitan makes it (answers, "service").
    """
    if part.kind is not PartKind.PRODUCT or order.payment_state is not PaymentState.PAID or not part.total:
        return None
    return PaymentToRecord(part.total)


def membership_sales(order: StoreOrder) -> tuple[MembershipSale, ...]:
    """Return the memberships to sell, in the order's order (OI-66). A renewal is a charge, not another sale (OI-3).

    Lines of one membership type with other sale tasks are add-ons to the first of them [inferred]. Lines without a link
    are left out: intake holds such an order.
    """
    if order.subscription_sequence is not None and order.subscription_sequence > 1:
        return ()
    sold: dict[int, dict[int, int]] = {}
    for line in order.lines:
        if line.kind is LineKind.MEMBERSHIP and line.membership_type_id and line.sale_task_id:
            tasks = sold.setdefault(line.membership_type_id, {})
            tasks[line.sale_task_id] = tasks.get(line.sale_task_id, 0) + line.quantity
    return tuple(_sale(type_id, tasks) for type_id, tasks in sold.items())


def _sale(type_id: int, tasks: dict[int, int]) -> MembershipSale:
    core, *add_ons = tasks.items()
    return MembershipSale(type_id, core, tuple(add_ons))


def _name(account: Account | None) -> str:
    return account.name if account else ""
