"""The contract's 40 sample orders, one after the other: each has the outcome that its `expect` states."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from decisions.arrival import Arrival, ArrivesIn, Slot, WindowHeld, arrival_window
from decisions.invoicing import (
    Account,
    ItemSettings,
    MembershipSale,
    NewItem,
    Part,
    PartKind,
    completion_tag,
    membership_sales,
    new_items,
    part_tags,
    payment_for,
    plan_invoice,
    split_cart,
)
from decisions.matching import Match, Matched, NeedsReview, NewCustomer, match_customer
from decisions.order_intake import Hold, Ignore, Intake, Propose, Reason, Seen, Sync, Wait, decide_intake, like_orders
from models.person import KnownCustomer, KnownLocation
from models.store_order import StoreOrder
from tests.unit.orders import SAMPLES, address_of, sample_directory, sample_file, sample_order

ZONE = ZoneInfo("America/Phoenix")
NUMBERS = range(1, 41)

pytestmark = pytest.mark.skipif(
    not SAMPLES.exists(), reason=f"the contract's samples are not here: {SAMPLES} (set TRUCKROLL_CONTRACTS)"
)


@dataclass
class Outcome:
    """What the rules say to one sample."""

    expect: dict[str, Any]
    order: StoreOrder
    intake: Intake
    match: Match
    parts: tuple[Part, ...]
    arrivals: tuple[Arrival, ...]
    tags: list[str]
    items: tuple[NewItem, ...]

    @property
    def holds(self) -> list[str]:
        """Why a person must look; empty when nobody must."""
        why = [self.intake.why] if isinstance(self.intake, Hold) else []
        why += [self.intake.change.value] if isinstance(self.intake, Propose) else []
        if isinstance(self.intake, Sync):
            why += [self.match.why] if isinstance(self.match, NeedsReview) else []
            why += [one.why for one in self.arrivals if isinstance(one, WindowHeld)]
        return why

    @property
    def warnings(self) -> list[str]:
        told = [*self.intake.warnings] if isinstance(self.intake, Sync) else []
        return told if isinstance(self.match, NeedsReview) else [*told, *self.match.warnings]

    @property
    def sync(self) -> str:
        if self.holds:
            return "hold"
        if not isinstance(self.intake, Sync):
            return "none"
        return " and ".join("job+invoice" if part.kind is PartKind.PRODUCT else "job" for part in self.parts)


@cache
def outcomes() -> dict[int, Outcome]:
    """Feed the samples by number; what each writes is known to the next."""
    directory, seen, earlier, found = sample_directory(), {}, [], {}
    for row in sample_file()["orders"]:
        order = sample_order(row["order"])
        outcome = _outcome(row["expect"], order, directory, seen.get(order.id), earlier)
        if outcome.sync.startswith("job"):
            seen[order.id] = Seen(order.version, is_settled=True, is_synced=True, written=order)
            earlier.append(order)
            if isinstance(outcome.match, NewCustomer):
                directory.append(_created(f"created by n {row['n']}", order))
        found[row["n"]] = outcome
    return found


def _outcome(
    expect: dict[str, Any],
    order: StoreOrder,
    directory: list[KnownCustomer],
    seen: Seen | None,
    earlier: list[StoreOrder],
) -> Outcome:
    settings = {**sample_file()["settings"], **expect.get("run_with", {})}
    slots = [
        Slot(*(time.fromisoformat(at) for at in span.split("-"))) for span in settings["servicetitan_arrival_windows"]
    ]
    parts = split_cart(order)
    own = [settings[f"{part.kind.value}_orders"] for part in parts]
    tags = [
        tag
        for part, its in zip(parts, own, strict=True)
        for tag in (
            *part_tags(part, one_time=its["tag_one_time"], subscription=its["tag_subscription"]),
            completion_tag(order, part, its.get("job_tag_on_completion", "")),
        )
        if tag
    ]
    product = settings["product_orders"]
    items = ItemSettings(
        product["invoice_item_type"],
        Account(product["account"], "Other Current Liability"),
        Account(product["cost_of_sale_account"], "Cost of Goods Sold"),
        Account(product["asset_account"], "Inventory"),
    )
    return Outcome(
        expect=expect,
        order=order,
        intake=decide_intake(order, seen=seen, alike=like_orders(order, earlier)),
        match=match_customer(order.buyer, order.service_address, directory),
        parts=parts,
        arrivals=tuple(
            arrival_window(order.requested_window, slots, is_on=its["arrival_windows"], zone=ZONE) for its in own
        ),
        tags=tags,
        items=tuple(
            item
            for part in parts
            if part.kind is PartKind.PRODUCT
            for item in new_items(part, settings["pricebook_skus_present"], items)
        ),
    )


def _created(ref: str, order: StoreOrder) -> KnownCustomer:
    buyer = order.buyer
    place = KnownLocation(id=f"{ref}, location", address=address_of(order.service_address))
    return KnownCustomer(
        id=ref,
        name=f"{buyer.first_name} {buyer.last_name}",
        emails=(buyer.email,),
        phones=(buyer.phone,),
        locations=(place,),
    )


@pytest.mark.parametrize("number", NUMBERS)
def test_each_sample_is_synced_held_or_left_as_stated(number: int) -> None:
    """OI-2, OI-3, OI-19, OI-67, OI-69, OI-70: and a hold says what the sample says."""
    outcome = outcomes()[number]
    assert outcome.sync == outcome.expect["sync"]
    assert bool(outcome.holds) is ("hold" in outcome.expect)
    assert any(why.startswith(outcome.expect.get("hold", "")) for why in outcome.holds) is bool(outcome.holds)
    assert isinstance(outcome.intake, Wait) is ("wait" in outcome.expect)
    repeats = {"duplicate_of": Reason.DUPLICATE, "stale_version_of": Reason.STALE}
    for field, reason in repeats.items():
        is_so = isinstance(outcome.intake, Ignore) and outcome.intake.reason is reason
        assert is_so is (field in outcome.expect)


@pytest.mark.parametrize("number", NUMBERS)
def test_each_sample_finds_the_customer_that_is_stated(number: int) -> None:
    """OI-4, OI-8, OI-9, OI-10, OI-12, OI-13, OI-14, OI-15, OI-16, OI-17, OI-18: by the key, tie-break and location stated."""
    outcome = outcomes()[number]
    if not isinstance(outcome.intake, Sync | Propose):
        assert outcome.sync in {"hold", "none"}
        return
    match outcome.match:
        case Matched() as found:
            assert outcome.expect["match"] == found.by.value
            assert outcome.expect["customer"] == found.customer
            assert outcome.expect["location"] == ("new" if found.location is None else "existing")
            assert outcome.expect.get("tie_break") == (found.tie_break and found.tie_break.value)
        case NewCustomer():
            assert (outcome.expect["match"], outcome.expect["customer"]) == ("none", "new")
        case NeedsReview() as question:
            assert outcome.expect["customer"] is None
            assert outcome.expect["match"] == (question.by and question.by.value)


@pytest.mark.parametrize("number", NUMBERS)
def test_each_sample_is_warned_of_what_is_stated_and_nothing_else(number: int) -> None:
    """OI-11, OI-15, OI-18, OI-68."""
    outcome = outcomes()[number]
    if outcome.holds or outcome.sync == "none":
        return
    wanted = outcome.expect.get("warn", "").replace("looks like n 1", "looks like CC-100201")
    told = [warning for warning in outcome.warnings if "tie_break" not in outcome.expect or wanted]
    assert bool(told) is bool(wanted)
    assert not wanted or wanted in told
    if "tie_break" in outcome.expect:
        assert outcome.warnings


@pytest.mark.parametrize("number", NUMBERS)
def test_each_sample_is_tagged_as_stated(number: int) -> None:
    """OI-45, OI-46, OI-49, OI-59, OI-60, OI-62."""
    outcome = outcomes()[number]
    if outcome.sync.startswith("job"):
        assert sorted(outcome.tags) == sorted(outcome.expect["tags"])


@pytest.mark.parametrize("number", NUMBERS)
def test_each_sample_comes_out_to_the_cent(number: int) -> None:
    """OI-7, OI-19, OI-29, OI-63: parts, invoice and payment add up to the order's own total."""
    outcome = outcomes()[number]
    assert sum((part.total for part in outcome.parts), Decimal(0)) == outcome.order.grand_total
    assert (len(outcome.parts) == 2) is outcome.expect.get("split", False)
    for part in outcome.parts:
        if part.kind is not PartKind.PRODUCT or not outcome.sync.startswith("job"):
            continue
        assert plan_invoice(part).total == part.total
        payment = payment_for(outcome.order, part)
        assert (payment is None) is (outcome.expect.get("payment") == "none")
        assert payment is None or payment.amount == part.total


@pytest.mark.parametrize("number", NUMBERS)
def test_each_sample_creates_the_items_that_are_stated(number: int) -> None:
    """OI-26, OI-28, OI-33, OI-37: against the pricebook as the settings list it."""
    outcome = outcomes()[number]
    skus = {line.sku for part in outcome.parts if part.kind is PartKind.PRODUCT for line in part.lines}
    new = [item.sku for item in outcome.items]
    assert set(new) == skus - set(sample_file()["settings"]["pricebook_skus_present"])
    assert len(new) == len(set(new))
    assert all(item.item_type == "Material" and item.is_inventory for item in outcome.items)
    stated = {f"create {sku}" for sku in new} | {f"reuse {sku}" for sku in skus - set(new)}
    stated.add(f"create {len(new)}, reuse {len(skus) - len(new)}")
    assert outcome.expect.get("pricebook", f"create {len(new)}, reuse {len(skus) - len(new)}") in stated


def _in_words(sale: MembershipSale) -> str:
    """Say what was sold as the samples do."""
    added = sum(count for _, count in sale.add_ons)
    if added:
        return f"core + {added} add-on{'' if added == 1 else 's'}"
    return f"quantity {sale.core[1]} of one SKU"


@pytest.mark.parametrize("number", NUMBERS)
def test_each_sample_has_the_window_and_the_membership_that_are_stated(number: int) -> None:
    """OI-30, OI-52, OI-53, OI-66."""
    outcome = outcomes()[number]
    windows = [one.slot.said() for one in outcome.arrivals if isinstance(one, ArrivesIn)]
    if "arrival_window" in outcome.expect:
        assert windows == [outcome.expect["arrival_window"]]
    assert bool(windows) is (outcome.order.requested_window is not None and number != 40)
    said = [_in_words(sale) for sale in membership_sales(outcome.order)]
    assert said == [outcome.expect["membership"]] if "membership" in outcome.expect else not said


def test_every_sample_was_fed() -> None:
    """OI-2."""
    assert list(outcomes()) == list(NUMBERS)
