"""What the page says of a question that takes no answer any more: who answered, and what happens next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from http import HTTPStatus

from decisions.questions import total
from decisions.words import branch_label, money, one_line, sentence
from deployments.web.change import change_ended
from deployments.web.view import when
from models.approval import ApprovalStatus, Offer, OrderTerms
from models.order_change import KIND
from models.tables import ApprovalRow


@dataclass(frozen=True)
class Closing:
    """A page of words. `tone`: good, bad or mute."""

    title: str
    tone: str
    lines: tuple[str, ...]
    status: HTTPStatus = HTTPStatus.OK


NOTHING_HERE = Closing(
    "There is nothing here",
    "mute",
    ("Open the link in your mail again, just as it stands there. If it is cut in two lines, put them together.",),
    HTTPStatus.NOT_FOUND,
)
OPEN_AGAIN = Closing(
    "That did not come from this page",
    "bad",
    ("Nothing was recorded.", "Open the link in your mail again, and answer there."),
    HTTPStatus.FORBIDDEN,
)
TOO_LARGE = Closing(
    "That was too much", "bad", ("Nothing was recorded.", "Go back, and write a shorter note."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
)  # fmt: skip
NOT_NOW = Closing(
    "The page cannot be shown now",
    "bad",
    ("Open the link in your mail again in a few minutes. If this stays, tell the office.",),
    HTTPStatus.SERVICE_UNAVAILABLE,
)
WENT_WRONG = Closing(
    "Something went wrong here",
    "bad",
    ("Open the link in your mail again: it shows whether your answer arrived. If this stays, tell the office.",),
    HTTPStatus.INTERNAL_SERVER_ERROR,
)


def is_open(row: ApprovalRow, now: datetime) -> bool:
    """Tell whether a question still takes an answer."""
    return row.status == ApprovalStatus.REQUESTED and now < row.expires_at


def closing(row: ApprovalRow, *, zone: tzinfo, now: datetime, is_replaced: bool) -> Closing:
    """Say what became of a question, and what happens next. `is_replaced`: a newer question was put."""
    if row.kind == KIND:
        ended = change_ended(row, zone=zone, now=now, is_replaced=is_replaced)
        return Closing(ended.title, ended.tone, ended.lines, ended.status)
    newer = ("A newer question was asked about this job: answer that one.",) if is_replaced else ()
    job = f"Job {one_line(row.job_number or row.job)}"
    match ApprovalStatus(row.status):
        case ApprovalStatus.APPROVED:
            return Closing(f"{job}: approved", "good", (_who(row, zone, now), *_terms(row), *_NEXT, *newer))
        case ApprovalStatus.CONSUMED:
            said = (f"It has gone to the order desk as PO {one_line(row.po_number)}.", _SEE_JOB)
            return Closing(f"{job}: approved", "good", (_who(row, zone, now), *_terms(row), *said, *newer))
        case ApprovalStatus.REJECTED:
            note = (f"Note: {row.note}",) if row.note else ()
            nothing = "Nothing is ordered. The job shows who said no, and stays on hold until the office decides."
            return Closing(f"{job}: rejected", "mute", (_who(row, zone, now), *note, nothing, *newer))
        case ApprovalStatus.VOID:
            was = (_who(row, zone, now), "That does not count any more.") if row.decided_at else ()
            return Closing(
                f"{job}: this question was withdrawn",
                "mute",
                (*was, sentence(row.closed_because), "Nothing is ordered on it.", *newer),
                HTTPStatus.GONE,
            )
        case _:
            ask = () if is_replaced else ("Is the part still needed? Tell the office: they can ask again.",)
            lines = (f"It could be answered until {when(row.expires_at, zone, now)}.", "Nothing was ordered on it.")
            return Closing(f"{job}: too late to answer", "mute", (*lines, *ask, *newer), HTTPStatus.GONE)


_SEE_JOB = "The job shows the order number, and when the part is expected."
_NEXT = (
    "Next: price and stock are looked up once more, and the part is ordered. That takes a minute or so.",
    "If price or stock moved by then, nothing is ordered and you get a new question.",
    _SEE_JOB,
)


def _who(row: ApprovalRow, zone: tzinfo, now: datetime) -> str:
    word = "Rejected" if row.decision == "reject" else "Approved"
    at = f" on {when(row.decided_at, zone, now)}" if row.decided_at else ""
    return f"{word} by {one_line(row.decided_by)}{at}."


def _terms(row: ApprovalRow) -> tuple[str, ...]:
    """Say what exactly was approved."""
    if row.terms is None:
        return ()
    terms, offer = OrderTerms.model_validate(row.terms), Offer.model_validate(row.offer)
    part = next(each for each in offer.parts if (each.part.make, each.part.number) == (terms.make, terms.part_number))
    branch = next((branch_label(each) for each in part.branches if each.branch == terms.branch), terms.branch)
    source = f"from {branch}" if branch else "from the maker"
    price = f"{money(terms.unit_price)} each, {money(total(part, terms.quantity))} in all before freight"
    waits = ("The branch is short of it for now: the order waits for stock.",) if terms.accepts_backorder else ()
    return (f"{terms.quantity} x {one_line(str(part.part))} {source}, {price}.", *waits)
