"""`truckroll approvals list|show|approve|reject`: questions put to technicians and to the office, and their answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from decisions.order_changes import headline
from decisions.words import branch_label, money
from deployments import talk
from deployments.commands.common import (
    AsJson,
    OfShop,
    errors_as_json,
    iso,
    join_server,
    known_shop,
    local,
    short,
    usage,
    with_books,
)
from models.approval import Answer, ApprovalStatus, Offer, OfferedPart, OrderTerms, Refused
from models.errors import TruckrollError
from models.order_change import KIND, OrderChange
from models.settings import HouseSettings
from models.shop import load_shop

if TYPE_CHECKING:
    from models.tables import ApprovalRow
    from store import Books
    from tasks.approvals import Settled

app = typer.Typer(help="Questions waiting for a technician or the office, and their answers.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="The question, as `truckroll approvals list` shows it.", metavar="ID")]
By = Annotated[str, typer.Option("--by", help="Who decides: the technician's name, or who in the office.")]
Note = Annotated[str, typer.Option("--note", help="A note, kept with the decision.")]


@app.command("list")
def list_(
    shop: OfShop = None,
    everything: Annotated[bool, typer.Option("--all", help="Also the ones that are answered or closed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the questions that wait for an answer."""
    known_shop(shop)
    statuses = None if everything else [ApprovalStatus.REQUESTED]
    rows = with_books(lambda books: books.approvals.list(shop, statuses=statuses))
    if as_json:
        talk.print_json({"approvals": [as_object(row) for row in rows]})
        return
    if not rows:
        talk.out().print("No question waits for an answer." if not everything else "No question was ever asked.")
        return
    talk.out().print(questions_table(rows))
    talk.out().print("Answer with: truckroll approvals approve ID --by NAME   (or reject; `show ID` has the details)")


@app.command()
def show(approval_id: Id, as_json: AsJson = False) -> None:
    """Show one question in full: price, stock by branch, warnings, and the answer if there is one."""
    with errors_as_json(as_json):
        row = with_books(lambda books: _get(books, approval_id))
    if as_json:
        talk.print_json(as_object(row))
        return
    from rich.markdown import Markdown

    console = talk.out()
    console.print(Markdown(row.question))
    console.print(f"\n{row.id}: {row.status}, asked {local(row.asked_at, row.shop)}, ", end="")
    if row.decided_at:
        console.print(f"{row.decision} by {row.decided_by} ({row.decided_via}) {local(row.decided_at, row.shop)}.")
    else:
        waits = "waits for its answer." if row.kind == KIND else f"expires {local(row.expires_at, row.shop)}."
        console.print(row.closed_because or waits, markup=False)
    if row.approvers and row.status == ApprovalStatus.REQUESTED:
        console.print(f"May be answered by: {', '.join(row.approvers)}.", markup=False)


@app.command()
def approve(
    approval_id: Id,
    by: By,
    quantity: Annotated[int | None, typer.Option(help="Another quantity than asked.")] = None,
    branch: Annotated[str, typer.Option(help="Another branch of the distributor, by its number.")] = "",
    part: Annotated[str, typer.Option(help="The part number, where the question leaves a choice.")] = "",
    make: Annotated[str, typer.Option(help="The make of that part, where the number names several.")] = "",
    note: Note = "",
    as_json: AsJson = False,
) -> None:
    """Approve: the part is ordered on the terms asked, or the ones given here; a changed store order as it stands."""
    answer = Answer(
        decision="approve",
        by=_name(by),
        part_number=part,
        make=make,
        quantity=quantity,
        branch=branch,
        note=note,
        via="command line",
    )
    _settle(approval_id, answer, as_json=as_json)


@app.command()
def reject(approval_id: Id, by: By, note: Note = "", as_json: AsJson = False) -> None:
    """Reject: the part is not ordered, and the job says so; of a changed store order nothing is written."""
    _settle(approval_id, Answer(decision="reject", by=_name(by), note=note, via="command line"), as_json=as_json)


def _settle(approval_id: str, answer: Answer, *, as_json: bool) -> None:
    join_server()
    with errors_as_json(as_json):
        row, outcome = with_books(lambda books: _answer(books, approval_id, answer))
    if isinstance(outcome, Refused):
        if as_json:
            talk.print_json({**as_object(row), "refused": True, "why": outcome.why, "fix": outcome.fix})
        talk.explain(TruckrollError(outcome.why, outcome.fix))
        raise typer.Exit(talk.FAILED)
    if as_json:
        talk.print_json({**as_object(outcome.row), "refused": False, "words": outcome.words})
    else:
        talk.out().print(f"{approval_id}: {outcome.words}", markup=False)


async def _answer(books: Books, approval_id: str, answer: Answer) -> tuple[ApprovalRow, Settled | Refused]:
    from tasks.approvals import answer_question

    row = await _get(books, approval_id)
    shop = load_shop(row.shop, HouseSettings().shops)
    return row, await answer_question(books, shop, approval_id, answer)


async def _get(books: Books, approval_id: str) -> ApprovalRow:
    row = await books.approvals.get(approval_id)
    if row is None:
        raise TruckrollError(f"There is no question {approval_id}.", "`truckroll approvals list` shows the open ones.")
    return row


def _name(by: str) -> str:
    if not by.strip():
        raise usage("--by needs the name of the person who decides.")
    return by.strip()


def as_object(row: ApprovalRow) -> dict[str, Any]:
    """Return a question for programs. Decided: the approved terms; open: the suggestion, or nothing to choose from.

    What only a part has is empty in the question about a changed store order, whose own facts stand under `change`.
    """
    return {
        "id": row.id,
        "kind": row.kind,
        "shop": row.shop,
        "job": row.job_number or row.job,
        "job_id": row.job,
        "request": row.request_id,
        "revision": row.revision,
        **(_change_facts(row) if row.kind == KIND else _part_facts(row)),
        "status": row.status,
        "asked_at": iso(row.asked_at),
        "expires_at": iso(row.expires_at),
        "question": row.question,
        "approvers": row.approvers,
        "decision": row.decision,
        "decided_by": row.decided_by,
        "decided_at": iso(row.decided_at),
        "note": row.note,
        "closed_because": row.closed_because,
        "po_number": row.po_number,
        "flow_run_id": row.flow_run_id,
    }


def _part_facts(row: ApprovalRow) -> dict[str, Any]:
    offer = Offer.model_validate(row.offer)
    return {
        **_terms(row, offer),
        "ship_to_zip": offer.ship_to.zip,
        "must_choose": offer.must_choose,
        "choices": [_choice(part) for part in offer.parts],
    }


def _change_facts(row: ApprovalRow) -> dict[str, Any]:
    change = OrderChange.model_validate(row.offer)
    empty = dict.fromkeys(("part_number", "make", "description", "unit_price", "branch", "ship_to_zip"), "")
    return {
        **empty,
        "quantity": None,
        "must_choose": False,
        "choices": [],
        "order": change.number,
        "change": {
            "what": change.what,
            "amount": str(change.amount),
            "version": change.version,
            "jobs": [job.model_dump(mode="json") for job in change.jobs],
            "edits": list(change.edits),
            "remarks": list(change.remarks),
            "cancel": [job.number for job in change.terms.cancel],
            "adjust": [one.model_dump(mode="json") for one in change.terms.adjust],
        },
    }


def _terms(row: ApprovalRow, offer: Offer) -> dict[str, Any]:
    if row.terms is not None:
        terms = OrderTerms.model_validate(row.terms)
        named = [part for part in offer.parts if (part.part.make, part.part.number) == (terms.make, terms.part_number)]
        return {
            "part_number": terms.part_number,
            "make": terms.make,
            "description": named[0].part.description if named else "",
            "quantity": terms.quantity,
            "unit_price": str(terms.unit_price),
            "branch": terms.branch,
        }
    if offer.must_choose or not offer.parts:
        empty = dict.fromkeys(("part_number", "make", "description", "unit_price", "branch"), "")
        return {**empty, "quantity": offer.quantity}
    first = offer.parts[0]
    return {
        "part_number": first.part.number,
        "make": first.part.make,
        "description": first.part.description,
        "quantity": offer.quantity,
        "unit_price": str(first.unit_price),
        "branch": first.branches[0].branch if first.branches else "",
    }


def _choice(part: OfferedPart) -> dict[str, Any]:
    return {
        "part_number": part.part.number,
        "make": part.part.make,
        "description": part.part.description,
        "unit_price": str(part.unit_price),
        "branches": [branch.model_dump(mode="json") for branch in part.branches],
        "warnings": list(part.warnings),
    }


def questions_table(rows: Sequence[ApprovalRow]) -> Any:
    """Return the questions as a table for people."""
    shown = talk.table("Questions", "ID!", "Job!", "About", "Qty#", "Each#", "Branch", "Status!", "Asked!", "Expires!")
    for row in rows:
        cells = _change_cells(row) if row.kind == KIND else _part_cells(row)
        talk.add(
            shown, row.id, row.job_number or row.job, *cells[:4], row.status, short(row.asked_at, row.shop), cells[4]
        )
    return shown


def _part_cells(row: ApprovalRow) -> tuple[object, ...]:
    offer = Offer.model_validate(row.offer)
    part, each, branch = _in_words(row, offer)
    quantity = OrderTerms.model_validate(row.terms).quantity if row.terms else offer.quantity
    return part, quantity, each, branch, short(row.expires_at, row.shop)


def _change_cells(row: ApprovalRow) -> tuple[object, ...]:
    change = OrderChange.model_validate(row.offer)
    return f"order {change.number}: {headline(change)}", "", "", "", "waits"


def _in_words(row: ApprovalRow, offer: Offer) -> tuple[str, str, str]:
    if row.terms is not None:
        terms = OrderTerms.model_validate(row.terms)
        return f"{terms.part_number} ({terms.make})", money(terms.unit_price), terms.branch
    if offer.must_choose:
        return "choose: " + " or ".join(str(part.part) for part in offer.parts), "", ""
    first = offer.parts[0]
    branch = branch_label(first.branches[0]) if first.branches else "ships from the maker"
    return f"{first.part} {first.part.description}".strip(), money(first.unit_price), branch
