"""From parts that were found to the offer a technician decides on, and whether an approved offer still holds.

Source: contracts/marcone/FACTS.md sections 5 to 7; CHECKLIST PL-12, PL-13, PL-16 and PL-23 to PL-26.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from decisions.chain import Choice, NoLongerAvailable, NotFound, Resolved, Tangled
from decisions.part_numbers import same_part_number
from decisions.words import branch_label, days, listed, money
from models.address import Address
from models.approval import Offer, OfferedPart, OrderTerms
from models.job import Appliance
from models.part import BranchStock, Candidate

Methods = Mapping[str, Sequence[str]]
"""The names of the shipping methods each branch offers, by branch number; a branch nobody asked is left out."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The fresh quote is what was approved: order it."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The approval does not hold any more (PL-12): ask again, and say why."""

    reasons: tuple[str, ...]


def make_offer(
    resolved: Resolved,
    *,
    quantity: int,
    ship_to: Address,
    ship_method: str,
    appliance: Appliance = Appliance(),  # noqa: B008  frozen: one instance serves all calls
    methods_by_branch: Methods | None = None,
) -> Offer:
    """Build the offer. It is as old as the oldest quote in it."""
    methods = methods_by_branch or {}
    warnings = list(resolved.warnings)
    if resolved.must_choose:
        warnings.insert(0, f"Choose the part: {resolved.because}")
    if not appliance.model:
        warnings.append("The job names no model number: check that the part fits before you approve.")
    return Offer(
        quantity=quantity,
        parts=tuple(_offered(choice, quantity, ship_method, methods) for choice in resolved.choices),
        must_choose=resolved.must_choose,
        ship_to=ship_to,
        ship_method=ship_method,
        quoted_at=min(choice.candidate.quoted_at for choice in resolved.choices),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def moved(
    terms: OrderTerms,
    fresh: Offer | NotFound | NoLongerAvailable | Tangled,
    tolerance: Decimal,
    *,
    methods: Sequence[str] | None = None,
) -> Unchanged | Moved:
    """Compare what was approved with a fresh quote. `tolerance` is a share of 1; `methods` are the approved branch's.

    Within tolerance the approved terms go out unchanged; anything else is a new question (PL-12, PL-13).
    """
    if not isinstance(fresh, Offer):
        return Moved((f"{terms.part_number} cannot be ordered any more: {fresh.why}",))
    reasons = [*_ship_reasons(terms, fresh, methods)]
    now = _same_part(terms, fresh)
    if now is None:
        others = listed(f"{part.part}" for part in fresh.parts)
        reasons.insert(0, f"{terms.part_number} ({terms.make}) is not on offer any more; now it is {others}.")
    else:
        reasons = [*_price_reasons(terms, now, tolerance), *_branch_reasons(terms, now), *reasons]
    return Moved(tuple(reasons)) if reasons else Unchanged()


def has_quantity(stock: BranchStock, quantity: int) -> bool:
    """Tell whether this branch can send the whole quantity by itself."""
    return stock.available >= quantity


def ships_from_maker(part: OfferedPart) -> bool:
    """Tell whether the part has no branch because it comes from the maker (FACTS section 7, drop ship)."""
    return not part.branches and not part.is_backordered


def replaced_words(path: Sequence[str]) -> str:
    """Say which numbers led to this part (PL-21); empty when none did."""
    return f"{path[0]} was replaced: {' → '.join(path)}." if len(path) > 1 else ""


def _offered(choice: Choice, quantity: int, ship_method: str, methods: Methods) -> OfferedPart:
    candidate = choice.candidate
    branches = () if candidate.is_drop_ship_only else _ordered(candidate.stock, quantity, ship_method, methods)
    # What is discontinued is never backordered: nothing more comes, so only what is there can be approved.
    can_wait = not candidate.is_drop_ship_only and not candidate.is_discontinued
    is_backordered = can_wait and not any(has_quantity(row, quantity) for row in branches)
    warnings = [
        *_path_warnings(choice),
        *choice.warnings,
        *_stock_warnings(candidate, branches, quantity),
        *_method_warnings(branches, ship_method, methods),
        *_handling_warnings(candidate),
    ]
    return OfferedPart(
        part=candidate.part,
        unit_price=candidate.unit_price,
        list_price=candidate.list_price,
        core_charge=candidate.core_charge or None,
        path=choice.path,
        branches=branches,
        warnings=tuple(dict.fromkeys(warnings)),
        is_backordered=is_backordered,
    )


def _ordered(
    stock: Sequence[BranchStock], quantity: int, ship_method: str, methods: Methods
) -> tuple[BranchStock, ...]:
    """Best first: has the quantity, ships as the shop wants, is near, has much, then by number."""

    def rank(row: BranchStock) -> tuple[bool, bool, bool, int, int, str]:
        return (
            not has_quantity(row, quantity),
            not _offers(methods, row.branch, ship_method),
            row.transit_days is None,
            row.transit_days or 0,
            -row.available,
            row.branch,
        )

    return tuple(sorted(stock, key=rank))


def _offers(methods: Methods, branch: str, ship_method: str) -> bool:
    """Tell whether the branch ships so. One that nobody asked is taken to; ordering asks again."""
    known = methods.get(branch)
    return known is None or _has_method(known, ship_method)


def _has_method(methods: Sequence[str], ship_method: str) -> bool:
    wanted = " ".join(ship_method.casefold().split())
    return any(" ".join(method.casefold().split()) == wanted for method in methods)


def _path_warnings(choice: Choice) -> list[str]:
    said = replaced_words(choice.path)
    return [said] if said else []


def _stock_warnings(candidate: Candidate, branches: Sequence[BranchStock], quantity: int) -> list[str]:
    """PL-23 and PL-26: distant and missing stock is said before the approval."""
    if candidate.is_drop_ship_only:
        return ["Ships from the maker, not from a branch: expect it to take longer."]
    if not branches:
        return ["No branch lists this part: it cannot be ordered from a branch as it stands."]
    suggested = branches[0]
    in_all = sum(max(row.available, 0) for row in branches)
    if not has_quantity(suggested, quantity):
        if in_all == 0:
            return ["No branch has it now: it would be backordered, with no date known."]
        most = max(row.available for row in branches)
        rest = "the rest will never come" if candidate.is_discontinued else "more would be backordered, with no date"
        return [f"No branch has {quantity}: the most is {most} at one branch, {in_all} in all; {rest}."]
    nearer = [
        row
        for row in branches
        if row.transit_days is not None
        and (suggested.transit_days is None or row.transit_days < suggested.transit_days)
        and not has_quantity(row, quantity)
    ]
    if not nearer:
        return []
    nearest = min(nearer, key=lambda row: (row.transit_days or 0, row.branch))
    has = f"has {nearest.available} of {quantity}" if nearest.available > 0 else "has none"
    away, suggestion = days(nearest.transit_days), f"{branch_label(suggested)}, {days(suggested.transit_days)}"
    return [f"{branch_label(nearest)}, {away} away, {has}; suggested {suggestion}."]


def _method_warnings(branches: Sequence[BranchStock], ship_method: str, methods: Methods) -> list[str]:
    if not branches or _offers(methods, branches[0].branch, ship_method):
        return []
    known = listed(methods[branches[0].branch], "and") or "nothing"
    return [f"{branch_label(branches[0])} does not ship by {ship_method}; it offers {known}."]


def _handling_warnings(candidate: Candidate) -> list[str]:
    warnings = []
    if candidate.is_hazmat:
        warnings.append("Hazardous material: some shipping methods are closed to it.")
    if candidate.is_oversize:
        warnings.append("Oversize: freight costs more and takes longer.")
    if candidate.core_charge:
        warnings.append(f"Core charge {money(candidate.core_charge)} each, refunded when the old part goes back.")
    return warnings


def _same_part(terms: OrderTerms, fresh: Offer) -> OfferedPart | None:
    for offered in fresh.parts:
        same_make = offered.part.make.casefold() == terms.make.casefold()
        if same_make and same_part_number(offered.part.number, terms.part_number):
            return offered
    return None


def _price_reasons(terms: OrderTerms, now: OfferedPart, tolerance: Decimal) -> list[str]:
    floor = terms.unit_price * (1 - tolerance)
    if floor <= now.unit_price <= terms.price_ceiling:
        return []
    way = "rose" if now.unit_price > terms.unit_price else "fell"
    return [f"The price {way} from {money(terms.unit_price)} to {money(now.unit_price)} each."]


def _branch_reasons(terms: OrderTerms, now: OfferedPart) -> list[str]:
    """PL-24: the branch shown at approval is the branch ordered from, so it must still be able to send it."""
    if not terms.branch:
        return [] if ships_from_maker(now) else ["It no longer ships from the maker: a branch must be chosen."]
    row = next((row for row in now.branches if row.branch == terms.branch), None)
    if row is None:
        if terms.accepts_backorder and now.is_backordered:
            return []
        return [f"Branch {terms.branch} no longer lists the part."]
    if has_quantity(row, terms.quantity) or terms.accepts_backorder:
        return []
    return [f"{branch_label(row)} had the {terms.quantity} approved and now has {max(row.available, 0)}."]


def _ship_reasons(terms: OrderTerms, fresh: Offer, methods: Sequence[str] | None) -> list[str]:
    reasons = []
    if not fresh.ship_to.same_place(terms.ship_to):
        reasons.append(f"The ship-to address was {terms.ship_to.one_line()} and is now {fresh.ship_to.one_line()}.")
    if not _has_method([fresh.ship_method], terms.ship_method):
        reasons.append(f"The ship method was {terms.ship_method} and is now {fresh.ship_method}.")
    elif methods is not None and not _has_method(methods, terms.ship_method):
        offers = listed(methods, "and") or "nothing"
        reasons.append(f"Branch {terms.branch} no longer ships by {terms.ship_method}; it offers {offers}.")
    return reasons
