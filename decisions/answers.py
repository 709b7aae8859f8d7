"""Does an answer count, and what exactly was approved? The one door to an order (PL-10 to PL-16, PL-24)."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from decisions.offers import has_quantity, ships_from_maker
from decisions.part_numbers import same_part_number
from decisions.words import branch_label, listed, moment, one_line, to_cents
from models.approval import Accepted, Answer, ApprovalStatus, Offer, OfferedPart, OrderTerms, Refused
from models.part import BranchStock

_CURLY = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'"})


def same_name(one: str, other: str) -> bool:
    """Tell whether both spell one person's name, whatever case, spacing and accents. No name equals no name."""
    left, right = _name_key(one), _name_key(other)
    return bool(left) and left == right


def judge_answer(
    offer: Offer,
    answer: Answer,
    *,
    status: ApprovalStatus,
    now: datetime,
    expires_at: datetime,
    approvers: Sequence[str],
    tolerance: Decimal,
    max_quantity: int,
    decided_by: str = "",
) -> Accepted | Refused:
    """Decide whether the answer counts; if it approves, return the exact terms of the one order it allows.

    `approvers` empty means anyone with a name may answer. `tolerance` is a share of 1. `decided_by` names who answered
    before, for the refusal. Nothing is chosen for the person beyond what the question suggested (PL-16).
    """
    refused = _closed(status, now, expires_at, decided_by) or _not_allowed(answer.by, approvers)
    if refused is not None:
        return refused
    if answer.decision == "reject":
        return Accepted(terms=None)

    quantity = offer.quantity if answer.quantity is None else answer.quantity
    if not 1 <= quantity <= max_quantity:
        return Refused(
            why=f"A quantity of {quantity} cannot be approved.",
            fix=f"Give a whole number from 1 to {max_quantity}, or leave it as asked: {offer.quantity}.",
        )
    part = _chosen_part(offer, answer)
    if isinstance(part, Refused):
        return part
    row = _chosen_branch(part, answer.branch, quantity)
    if isinstance(row, Refused):
        return row
    return Accepted(
        terms=OrderTerms(
            make=part.part.make,
            part_number=part.part.number,
            quantity=quantity,
            unit_price=part.unit_price,
            price_ceiling=max(to_cents(part.unit_price * (1 + tolerance)), part.unit_price),
            branch=row.branch if row else "",
            ship_to=offer.ship_to,
            ship_method=offer.ship_method,
            accepts_backorder=row is not None and not has_quantity(row, quantity),
        )
    )


def _closed(status: ApprovalStatus, now: datetime, expires_at: datetime, decided_by: str) -> Refused | None:
    by = f" by {one_line(decided_by)}" if decided_by.strip() else ""
    match status:
        case ApprovalStatus.REQUESTED if now < expires_at:
            return None
        case ApprovalStatus.REQUESTED | ApprovalStatus.EXPIRED:
            return Refused(
                why=f"This question expired on {moment(expires_at, UTC)}; nothing was ordered.",
                fix="Diagnose the part again, or run `truckroll held retry`: a new question with fresh prices follows.",
            )
        case ApprovalStatus.VOID:
            return Refused(
                why="This question was withdrawn: the offer changed or the job ended.",
                fix="Answer the newest question on the job, if there is one.",
            )
        case ApprovalStatus.CONSUMED:
            return Refused(why=f"This was approved{by} and is already ordered.", fix="Nothing more to do.")
        case ApprovalStatus.APPROVED | ApprovalStatus.REJECTED:
            return Refused(
                why=f"This question was already answered{by}: {status.value}.", fix="The first answer counts."
            )


def _not_allowed(by: str, approvers: Sequence[str]) -> Refused | None:
    allowed = [name for name in approvers if _name_key(name)]
    if not _name_key(by):
        return Refused(why="The answer names nobody.", fix="Give the name of the person who decides.")
    if not approvers or any(same_name(by, name) for name in allowed):
        return None
    if not allowed:
        return Refused(why="Nobody may answer this question.", fix="Assign a technician to the job.")
    return Refused(
        why=f"{one_line(by)} may not answer this question.",
        fix=f"It waits for {listed(one_line(name) for name in allowed)}.",
    )


def _chosen_part(offer: Offer, answer: Answer) -> OfferedPart | Refused:
    number, make = answer.part_number.strip(), answer.make.strip()
    if not offer.parts:
        return Refused(why="The question offers no part.", fix="Reject it, and diagnose the part again.")
    choices = f"Choose one of {listed(str(part.part) for part in offer.parts)}."
    if not number and not make:
        if offer.must_choose:
            return Refused(why="There is a choice to make, and the answer makes none.", fix=choices)
        return offer.parts[0]
    found = [
        part
        for part in offer.parts
        if (not number or same_part_number(part.part.number, number))
        and (not make or part.part.make.casefold() == make.casefold())
    ]
    said = " ".join(one_line(text) for text in (number, make) if text)
    match found:
        case [only]:
            return only
        case []:
            return Refused(why=_why_not_offered(offer, number, said), fix=choices)
        case _:
            return Refused(why=f"{said} names several of the parts on offer.", fix=f"Give number and make. {choices}")


def _why_not_offered(offer: Offer, number: str, said: str) -> str:
    for part in offer.parts:
        if number and any(same_part_number(old, number) for old in part.path[:-1]):
            return f"{said} was replaced by {part.part}, which needs its own yes."
    return f"{said} is not on offer."


def _chosen_branch(part: OfferedPart, wanted: str, quantity: int) -> BranchStock | Refused | None:
    """Return the branch to order from; None for a part that ships from the maker."""
    if ships_from_maker(part):
        if wanted.strip():
            return Refused(why=f"{part.part} ships from the maker, not from a branch.", fix="Leave the branch empty.")
        return None
    if not part.branches:
        return Refused(
            why=f"No branch lists {part.part}, so there is none to order it from.",
            fix="Reject the question, or wait and diagnose the part again.",
        )
    fitting = [row for row in part.branches if part.is_backordered or has_quantity(row, quantity)]
    if not fitting:
        return Refused(
            why=f"No branch has {quantity} of {part.part}.",
            fix=f"Approve fewer: {_stock_list(part.branches)}.",
        )
    fix = f"Choose one of {_stock_list(fitting)}."
    if not wanted.strip():
        if part.branches[0] in fitting:
            return part.branches[0]
        return Refused(why=f"{branch_label(part.branches[0])} has fewer than {quantity}.", fix=fix)
    found = _branches_named(part.branches, wanted)
    match found:
        case [only] if only in fitting:
            return only
        case [only]:
            return Refused(why=f"{branch_label(only)} has {max(only.available, 0)}, not {quantity}.", fix=fix)
        case []:
            return Refused(why=f"{one_line(wanted)} is no branch on offer for {part.part}.", fix=fix)
        case _:
            return Refused(why=f"{one_line(wanted)} names several branches.", fix=f"Give the branch's number. {fix}")


def _branches_named(rows: Sequence[BranchStock], wanted: str) -> list[BranchStock]:
    """By number first; a name only when no number fits."""
    key = _name_key(wanted)
    by_number = [row for row in rows if _name_key(row.branch) == key]
    return by_number or [row for row in rows if key in {_name_key(row.name), _name_key(branch_label(row))}]


def _stock_list(rows: Sequence[BranchStock]) -> str:
    return listed(f"{branch_label(row)} ({max(row.available, 0)} in stock)" for row in rows)


def _name_key(name: str) -> str:
    bare = "".join(
        sign for sign in unicodedata.normalize("NFKD", name.translate(_CURLY)) if not unicodedata.combining(sign)
    )
    return one_line(bare.casefold())
