"""The notes a job gets, one per event. The marker in the last line tells a note that is already there.

Events that can come again (an ETA, a shipment) carry the board's revision in their marker, questions their own.
Source: CHECKLIST PL-4, PL-11, PL-15, PL-19, PL-22, PL-27, PL-28, PL-32, PL-59, PL-60. Plain text, no markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from decisions.board import eta_text
from decisions.words import branch_label, days, listed, moment, money, one_line, sentence
from models.approval import Offer, OfferedPart, OrderTerms
from models.base import ApprovalId, RequestId
from models.job import BoardNote
from models.part import Eta, Substitution


def marker(request: RequestId, event: str, tag: str = "") -> str:
    """Return the marker line, such as `[truckroll demo-48213-1 asked r1]`."""
    return f"[truckroll {' '.join(word for word in (request, event, tag) if word)}]"


def asked_note(
    request: RequestId,
    approval: ApprovalId,
    offer: Offer,
    *,
    revision: int,
    expires_at: datetime,
    zone: tzinfo,
    approvers: Sequence[str] = (),
    because: Sequence[str] = (),
    link: str = "",
) -> BoardNote:
    """Tell the match result and how to approve it. `because`: what moved since the last question."""
    who = listed(approvers) if approvers else "anyone in the shop"
    lines = [
        "A part waits for approval; nothing is ordered yet."
        if not because
        else "The offer changed after the approval, which no longer counts; nothing is ordered.",
        *(f"- {one_line(reason)}" for reason in because),
        *(line for part in offer.parts for line in _part_lines(part, offer.quantity)),
        f"Ship to {offer.ship_to.one_line()} by {offer.ship_method}.",
        f"Quoted {moment(offer.quoted_at, zone)}, US dollars, the account's own price, without freight.",
        *(f"Note: {warning}" for warning in offer.warnings),
        f"To answer ({who}), until {moment(expires_at, zone)}:",
        *([f"- {link}"] if link else []),
        f"- truckroll approvals approve {approval} --by NAME",
        f"- truckroll approvals reject {approval} --by NAME",
    ]
    return _note(marker(request, "asked", f"r{revision}"), lines)


def ordered_note(
    request: RequestId,
    terms: OrderTerms,
    *,
    attempt: int,
    order_numbers: Sequence[str],
    po_number: str,
    decided_by: str,
    decided_at: datetime,
    zone: tzinfo,
    distributor: str = "Marcone",
) -> BoardNote:
    """Tell what was ordered, from where, on whose word."""
    source = f"branch {terms.branch}" if terms.branch else "the maker"
    what = f"{terms.quantity} x {terms.part_number} ({terms.make}) at {money(terms.unit_price)} each"
    lines = [
        f"Ordered from {distributor}: {what} from {source}.",
        f"Order {listed(order_numbers, 'and')}, our PO {po_number}.",
        f"Approved by {one_line(decided_by)} on {moment(decided_at, zone)}.",
        f"Ships to {terms.ship_to.one_line()} by {terms.ship_method}.",
    ]
    if terms.accepts_backorder:
        lines.append("The branch was short when it was approved: expect a backorder.")
    return _note(marker(request, "ordered", f"a{attempt}"), lines)


def rejected_note(request: RequestId, *, revision: int, by: str, said: str = "") -> BoardNote:
    """Tell that a person said no (PL-15)."""
    lines = [f"Not ordered: rejected by {one_line(by)}."]
    if said.strip():
        lines.append(f"They said: {said.strip()}")
    return _note(marker(request, "rejected", f"r{revision}"), lines)


def expired_note(request: RequestId, *, revision: int, expires_at: datetime, zone: tzinfo) -> BoardNote:
    """Tell that nobody answered in time (PL-15)."""
    lines = [
        f"Not ordered: nobody answered the question until {moment(expires_at, zone)}.",
        "To ask again with fresh prices: truckroll held retry, or diagnose the part again.",
    ]
    return _note(marker(request, "expired", f"r{revision}"), lines)


def unavailable_note(request: RequestId, *, revision: int, why: str, fix: str) -> BoardNote:
    """Tell that the part is gone for good (PL-22)."""
    return _note(marker(request, "unavailable", f"b{revision}"), ["No longer available.", sentence(why), sentence(fix)])


def not_found_note(request: RequestId, *, revision: int, why: str, fix: str) -> BoardNote:
    """Tell that the distributor does not know the number, which is no outage (PL-19)."""
    return _note(marker(request, "not-found", f"b{revision}"), ["Part not found.", sentence(why), sentence(fix)])


def held_note(request: RequestId, *, revision: int, why: str, fix: str) -> BoardNote:
    """Tell that the request waits for a person, and for what (PL-59)."""
    lines = ["The part cannot go on by itself.", sentence(why), f"To do: {sentence(fix)}"]
    return _note(marker(request, "held", f"b{revision}"), lines)


def unresolved_note(
    request: RequestId, *, attempt: int, po_number: str, part_number: str, distributor: str = "Marcone"
) -> BoardNote:
    """Tell that an order's answer was lost (PL-60): it is looked up by a person, never repeated blindly."""
    lines = [
        f"It is not known whether the order for {part_number} reached {distributor}; it is not sent again by itself.",
        f"To do: ask {distributor} whether there is an order with PO {po_number}, then see truckroll held list.",
    ]
    return _note(marker(request, "unresolved", f"a{attempt}"), lines)


def substitution_note(
    request: RequestId, substitution: Substitution, *, revision: int, distributor: str = "Marcone"
) -> BoardNote:
    """Tell that another part is coming than the one ordered (PL-13)."""
    lines = [
        f"{distributor} ships another part: {substitution.shipped} instead of {substitution.ordered}.",
        f"To do: check that it fits before the visit; if it does not, call {distributor} to stop or return it.",
    ]
    return _note(marker(request, "substituted", f"b{revision}"), lines)


def eta_note(
    request: RequestId, *, revision: int, was: Eta, now: Eta, words: str = "", distributor: str = "Marcone"
) -> BoardNote:
    """Tell that the date moved; the old one stays readable here (PL-28)."""
    lines = [
        f"Expected date was {eta_text(was, distributor=distributor)}, now {eta_text(now, distributor=distributor)}.",
        sentence(words),
    ]
    return _note(marker(request, "eta", f"b{revision}"), lines)


def backordered_note(
    request: RequestId, *, revision: int, eta: Eta, words: str = "", distributor: str = "Marcone"
) -> BoardNote:
    """Tell of a backorder with the date, or that there is none (PL-27)."""
    lines = [f"Backordered at {distributor}: {eta_text(eta, distributor=distributor)}.", sentence(words)]
    return _note(marker(request, "backordered", f"b{revision}"), lines)


def shipped_note(
    request: RequestId, *, revision: int, tracking: Sequence[str], eta: Eta, distributor: str = "Marcone"
) -> BoardNote:
    """Tell that the part is on its way."""
    parcels = f"Tracking {listed(tracking, 'and')}." if tracking else "No tracking number yet."
    lines = [f"Shipped. {parcels}", f"Expected: {eta_text(eta, distributor=distributor)}."]
    return _note(marker(request, "shipped", f"b{revision}"), lines)


def delivered_note(request: RequestId, *, revision: int, words: str = "") -> BoardNote:
    """Tell that the part is there."""
    return _note(marker(request, "delivered", f"b{revision}"), ["The part has arrived.", sentence(words)])


def canceled_note(request: RequestId, *, revision: int, why: str) -> BoardNote:
    """Tell that the request ended because its job, or its order, did."""
    return _note(marker(request, "canceled", f"b{revision}"), ["The part request ended.", sentence(why)])


def _note(mark: str, lines: Sequence[str]) -> BoardNote:
    return BoardNote(marker=mark, text="\n".join([*(line for line in lines if line), mark]))


def _part_lines(part: OfferedPart, quantity: int) -> list[str]:
    description = f" {one_line(part.part.description)}" if part.part.description else ""
    lines = [f"{quantity} x {part.part}{description}: {money(part.unit_price)} each."]
    lines += [
        f"- {branch_label(row)}: {max(row.available, 0)} in stock, {days(row.transit_days)}" for row in part.branches
    ]
    return lines + [f"- {warning}" for warning in part.warnings]
