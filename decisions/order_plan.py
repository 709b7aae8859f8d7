"""Everything that will be written for one part of an order, decided before the first write.

What a setting or an arrival window lacks is found here, so that a held order leaves no half-made job (OI-31, OI-53).
Source: contracts/contractor_commerce/CHECKLIST.md OI-19, OI-30 to OI-63.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import tzinfo

from decisions.arrival import Slot, WindowHeld, arrival_window
from decisions.invoicing import (
    ExtraSkus,
    InvoicePlan,
    Part,
    PartKind,
    PaymentToRecord,
    completion_tag,
    part_tags,
    payment_for,
    plan_invoice,
    split_cart,
)
from decisions.job_text import job_summary
from decisions.membership_terms import membership_payments
from decisions.visits import Visit, plan_visit
from decisions.words import as_sentence
from models.errors import HeldError
from models.shop import ContractorCommerceSettings, ProductOrders, ServiceOrders
from models.store_order import StoreOrder
from models.tenant import OrderChoices, PartChoices

_TAGS = ("tag_one_time", "tag_subscription")


@dataclass(frozen=True, slots=True)
class Payment:
    """Money to record, and the payment type it is recorded as."""

    to_record: PaymentToRecord
    type_id: int


@dataclass(frozen=True, slots=True)
class PartPlan:
    """One part of the cart on its way to a job: every id is the tenant's."""

    part: Part
    choices: PartChoices
    tags: tuple[int, ...]
    """For customer and location (OI-43, OI-58)."""
    campaign: int
    business_unit: int
    job_type: int
    technician: int | None
    visit: Visit
    summary: str
    """Plain text."""
    invoice: InvoicePlan | None
    """None for services: their invoice is left as ServiceTitan makes it."""
    payment: Payment | None
    completed_tag: int | None
    """The tag the job gets now, because the store completed the order (OI-49)."""


def plan_order(
    order: StoreOrder, settings: ContractorCommerceSettings, choices: OrderChoices, zone: tzinfo
) -> tuple[PartPlan, ...]:
    """Plan the parts whose sync is on, products first. Raises HeldError that names the setting, or the window's fix."""
    return tuple(
        _plan(order, part, settings, choices.of(part.kind.value), zone)
        for part in split_cart(order)
        if _settings_of(part.kind, settings).enabled
    )


def all_tags(plans: Iterable[PartPlan]) -> tuple[int, ...]:
    """Return the tags of all parts, each once: customer and location carry them all (OI-46)."""
    return tuple(dict.fromkeys(tag for plan in plans for tag in plan.tags))


def _settings_of(kind: PartKind, settings: ContractorCommerceSettings) -> ProductOrders | ServiceOrders:
    return settings.products if kind is PartKind.PRODUCT else settings.services


def _plan(
    order: StoreOrder, part: Part, settings: ContractorCommerceSettings, choices: PartChoices, zone: tzinfo
) -> PartPlan:
    is_product = part.kind is PartKind.PRODUCT
    skus = ExtraSkus(settings.products.discount_sku, settings.products.shipping_sku)
    to_record = payment_for(order, part)
    if is_product:
        for account in ("account", "cost_of_sale_account", "asset_account"):
            choices.wanted(account)
    elif membership_payments(order):
        choices.need("payment_type")
    return PartPlan(
        part=part,
        choices=choices,
        tags=_tags(part, choices),
        campaign=choices.need("campaign"),
        business_unit=choices.need("business_unit"),
        job_type=choices.need("job_type"),
        technician=choices.wanted("technician"),
        visit=_visit(order, part, settings, choices, zone),
        summary=job_summary(order, part, zone),
        invoice=plan_invoice(part, skus=skus) if is_product else None,
        payment=Payment(to_record, choices.need("payment_type")) if to_record else None,
        completed_tag=choices.wanted("tag_completed") if completion_tag(order, part, "tag_completed") else None,
    )


def _tags(part: Part, choices: PartChoices) -> tuple[int, ...]:
    wanted = part_tags(part, one_time="tag_one_time", subscription="tag_subscription")
    found = [choices.wanted(setting) for setting in _TAGS if setting in wanted]
    return tuple(tag for tag in found if tag is not None)


def _visit(
    order: StoreOrder, part: Part, settings: ContractorCommerceSettings, choices: PartChoices, zone: tzinfo
) -> Visit:
    slots = [Slot(window.starts, window.ends) for window in choices.windows]
    is_on = _settings_of(part.kind, settings).arrival_windows
    arrival = arrival_window(order.requested_window, slots, is_on=is_on, zone=zone)
    if isinstance(arrival, WindowHeld):
        raise HeldError(as_sentence(arrival.why), arrival.fix, "requested_window")
    return plan_visit(
        order,
        arrival,
        zone=zone,
        starts=settings.visit_starts,
        length=settings.visit_length,
        starts_at=choices.visit_starts_at,
    )
