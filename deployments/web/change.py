"""What the page shows of a question about a store order that changed, and what it says once that is answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from http import HTTPStatus

from decisions.order_changes import TITLES, headline, left_for_the_office, will_be_done
from decisions.order_intake import Change
from decisions.words import money, one_line, sentence
from deployments.web.view import LONGEST_NOTE, Said, when
from models.approval import ApprovalStatus, Refused
from models.order_change import OrderChange
from models.tables import ApprovalRow


@dataclass(frozen=True)
class ChangePage:
    """One question, for one person."""

    title: str
    order: str
    headline: str
    why: str
    said: str
    name: str
    shop: str
    jobs: list[tuple[str, str]]
    edits: list[str]
    warnings: list[str]
    done: list[str]
    left: list[str]
    note: str
    form_nonce: str
    longest_note: int = LONGEST_NOTE
    refused: Refused | None = None


def change_page(
    row: ApprovalRow,
    *,
    name: str,
    shop: str,
    form_nonce: str,
    said: Said | None = None,
    refused: Refused | None = None,
) -> ChangePage:
    """Build the page of an open question. `said` and `refused`: the answer that was not taken, and why."""
    change = OrderChange.model_validate(row.offer)
    return ChangePage(
        title=TITLES[Change(change.what)],
        order=one_line(change.number),
        headline=headline(change),
        why=sentence(change.why),
        said=sentence(change.said),
        name=one_line(name),
        shop=shop,
        jobs=[(f"Job {one_line(one.number)}", f"{one_line(one.status)}{_invoice(one.total)}") for one in change.jobs],
        edits=[one_line(words) for words in change.edits],
        warnings=[one_line(words) for words in change.remarks],
        done=[one_line(words) for words in will_be_done(change)],
        left=[one_line(words) for words in left_for_the_office(change)],
        note=said.note if said else "",
        form_nonce=form_nonce,
        refused=refused,
    )


def _invoice(total: Decimal | None) -> str:
    return "" if total is None else f", its invoice comes to {money(total)}"


@dataclass(frozen=True)
class Ended:
    """What is said of a question that takes no answer any more."""

    title: str
    tone: str
    lines: tuple[str, ...]
    status: HTTPStatus


def change_ended(row: ApprovalRow, *, zone: tzinfo, now: datetime, is_replaced: bool) -> Ended:
    """Say what became of a question, and what happens next. `is_replaced`: a newer question was put."""
    change = OrderChange.model_validate(row.offer)
    order, what = f"Order {one_line(change.number)}", headline(change)
    newer = ("A newer question was asked about this order: answer that one.",) if is_replaced else ()
    word = "Rejected" if row.decision == "reject" else "Approved"
    at = f" on {when(row.decided_at, zone, now)}" if row.decided_at else ""
    who = f"{word} by {one_line(row.decided_by)}{at}: {what}."
    match ApprovalStatus(row.status):
        case ApprovalStatus.APPROVED | ApprovalStatus.CONSUMED:
            then = sentence(row.closed_because) if row.closed_because else "Next: it is carried out, within minutes."
            return Ended(f"{order}: approved", "good", (who, then, *newer), HTTPStatus.OK)
        case ApprovalStatus.REJECTED:
            note = (f"Note: {row.note}",) if row.note else ()
            nothing = "Nothing is written; the sale stays as it is."
            return Ended(f"{order}: rejected", "mute", (who, *note, nothing, *newer), HTTPStatus.OK)
        case _:
            was = (who, "That does not count any more.") if row.decided_at else ()
            lines = (*was, sentence(row.closed_because), "Nothing is written on it.", *newer)
            return Ended(f"{order}: this question was withdrawn", "mute", lines, HTTPStatus.GONE)
