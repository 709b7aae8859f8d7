"""Filling a question's form for a person who answered elsewhere. Kept apart from the form: it needs no Prefect."""

from __future__ import annotations

from typing import Any

from decisions.questions import form_choices
from models.approval import Offer, OrderTerms
from models.order_change import KIND
from models.tables import ApprovalRow

ANSWERED_ELSEWHERE = "see the ledger"


def fill_form(row: ApprovalRow) -> dict[str, Any]:
    """Return form values that satisfy the server's schema for a question that is closed.

    The resumed run reads the ledger, never this. What the terms leave open keeps the form's own default.
    """
    approvers = row.approvers
    filled: dict[str, Any] = {
        "decision": "approve" if row.decision == "approve" else "reject",
        "approved_by": row.decided_by if row.decided_by in approvers else (approvers or [ANSWERED_ELSEWHERE])[0],
        "note": ANSWERED_ELSEWHERE,
    }
    if row.terms is None or row.kind == KIND:
        return filled
    terms = OrderTerms.model_validate(row.terms)
    choices = form_choices(Offer.model_validate(row.offer))
    parts = [each.label for each in choices.parts if (each.number, each.make) == (terms.part_number, terms.make)]
    branches = [each.label for each in choices.branches if each.branch == terms.branch]
    filled["quantity"] = terms.quantity
    filled |= {"part": parts[0]} if parts else {}
    filled |= {"branch": branches[0]} if branches else {}
    return filled
