"""Waiting for a person inside a run: suspended, with a typed form; after a reboot it still waits.

Never `pause_flow_run`: a paused run that loses its process goes to Running for ever (PREFECT.md 1.1).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

from prefect.context import FlowRunContext
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.logging import get_run_logger
from pydantic import ValidationError

from decisions.order_changes import change_form_markdown
from decisions.questions import form_markdown
from models.approval import Answer, ApprovalStatus, Offer, Refused
from models.job import DiagnosedPart
from models.order_change import OrderChange
from models.tables import ApprovalRow
from tasks.approvals import answer_question
from tasks.forms import change_form, decision_form, read_change_form, read_form
from tasks.house import House


@dataclass(frozen=True)
class Form:
    """How a question is shown in Prefect, and how what was filled in is read."""

    show: Callable[[str], type[RunInput]]
    """Given why the last answer was not taken, or nothing."""
    read: Callable[[RunInput], Answer]


async def wait_for_technician(house: House, question: ApprovalRow) -> ApprovalRow:
    """Suspend the run until the part's question is answered: see `wait_for_answer`."""
    offer = Offer.model_validate(question.offer)
    request = await house.books.requests.get(question.request_id)
    if request is None:
        return question

    def show(refused: str) -> type[RunInput]:
        return decision_form(
            offer,
            question.approvers,
            max_quantity=house.shop.parts.max_quantity,
            description=form_markdown(
                offer,
                job_number=question.job_number,
                customer_name=request.customer_name,
                diagnosed=DiagnosedPart.model_validate(request.diagnosis),
                expires_at=question.expires_at,
                zone=house.shop.zone,
                because=refused,
            ),
        )

    return await wait_for_answer(house, question, Form(show, lambda said: read_form(said, offer)))


async def wait_for_office(house: House, question: ApprovalRow) -> ApprovalRow:
    """Suspend the run until the question about a store order is answered: see `wait_for_answer`."""
    change = OrderChange.model_validate(question.offer)

    def show(refused: str) -> type[RunInput]:
        return change_form(question.approvers, description=change_form_markdown(change, because=refused))

    return await wait_for_answer(house, question, Form(show, read_change_form))


async def wait_for_answer(house: House, question: ApprovalRow, form: Form) -> ApprovalRow:
    """Suspend the run until its question is answered, and return the question as it then stands.

    The ledger is read first: an answer given on the command line needs no form. An answer from Prefect's own form is
    written to the ledger before anything else happens. A resume without a usable answer (a forced state, a name that
    may not approve) asks again, under a new key, with the reason on top.
    """
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or run.deployment_id is None:
        return question  # Prefect suspends only runs of a deployment; the question stays open in the ledger
    refused = ""
    while question.status == ApprovalStatus.REQUESTED:
        key = _form_key(question, str(run.id), run.run_count, again=bool(refused))
        shown = form.show(refused)
        await house.books.approvals.set_run(
            question.id, str(run.id), key, form_schema=json.dumps(shown.model_json_schema())
        )
        try:
            said = await _suspend(wait_for_input=shown, key=key, timeout=None)
        except ValidationError:
            refused = "the run was resumed without an answer."
        else:
            outcome = await answer_question(house.books, house.shop, question.id, form.read(said), resume=False)
            refused = f"{outcome.why} {outcome.fix}" if isinstance(outcome, Refused) else ""
        question = await house.books.approvals.get(question.id) or question
        if refused:
            get_run_logger().warning("Question %s: %s", question.id, refused)
    return question


_suspend = cast("Callable[..., Awaitable[RunInput]]", suspend_flow_run)
"""In an async flow it is awaited; its type says otherwise."""


def _form_key(question: ApprovalRow, run_id: str, run_count: int, *, again: bool) -> str:
    """Return the form's key: the same over a resume, another one for each new asking.

    Lowercase letters, digits and dashes only: another character suspends the run for good (PREFECT.md 1.3).
    """
    first = f"approve-r{question.revision}-{run_count}-1"
    known = question.form_key if question.flow_run_id == run_id else ""
    if not known or not known.startswith(f"approve-r{question.revision}-{run_count}-"):
        return first
    if not again:
        return known
    stem, _, count = known.rpartition("-")
    return f"{stem}-{int(count) + 1}"
