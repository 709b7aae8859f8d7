"""What happens in the demo, in order: parts are diagnosed, questions asked, answered, ordered, followed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx

from deployments.demo.prefect_runs import PrefectRuns
from deployments.demo.sandbox_api import SandboxApi
from deployments.demo.stage import SHOP, Stage
from deployments.supervisor import Supervisor
from models.approval import Answer, ApprovalStatus, Refused
from models.errors import TruckrollError
from models.request import Stage as Standing
from models.tables import ApprovalRow
from store import Books
from tasks.approvals import answer_question

T = TypeVar("T")

OVER = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
"""The types of states in which a run has ended."""

_LOOK_S = 0.4
_UNDER_WAY = timedelta(hours=1)
"""After leaving; parts arrive a working day later at the earliest."""


@dataclass(frozen=True)
class Diagnosis:
    """A part a technician finds broken."""

    job: str
    part_number: str
    words: str
    stock: dict[str, int] | None = None
    """Stock by branch set before, where the catalogue has another."""
    orders_part: str = ""
    """The part that is ordered in the end, where it is another one."""
    quantity: int = 1

    @property
    def ordered(self) -> str:
        """The number that must stand on the order."""
        return self.orders_part or self.part_number


DIAGNOSES = (
    Diagnosis("48213", "WPW10348269", "in stock at the nearest branch"),
    Diagnosis("48214", "W10295370A", "an old number: replaced by EDR1RXD1", orders_part="EDR1RXD1"),
    Diagnosis(
        "48215",
        "WD15X10014",
        "out of stock at the nearest branch, in stock at others",
        stock={"601": 0, "602": 5, "701": 3, "901": 2},
    ),
)


class StoppedEarlyError(TruckrollError):
    """The person pressed Ctrl-C while the demo was being set up or played."""


class Play:
    """One performance."""

    def __init__(self, stage: Stage, keeper: Supervisor, books: Books, api_url: str) -> None:
        self.stage = stage
        self.keeper = keeper
        self.books = books
        self.sandbox = SandboxApi(stage.sandbox_url)
        self.runs = PrefectRuns(api_url)

    @property
    def logs(self) -> Path:
        """Where the logs are."""
        return self.stage.home.logs

    def diagnose(self) -> None:
        """Let three technicians find three broken parts."""
        for one in DIAGNOSES:
            if one.stock is not None:
                self.sandbox.set_stock(one.part_number, one.stock)
            self.sandbox.diagnose(one.job, one.part_number, one.quantity)

    def ask(self) -> list[ApprovalRow]:
        """Start a look for diagnosed parts, and wait until every question stands and its run is suspended."""
        run = self.runs.create(f"diagnosis-watch/{SHOP}")

        def look() -> list[ApprovalRow] | None:
            nonlocal run
            questions = self.questions()
            if len(questions) == len(DIAGNOSES) and all(self.is_suspended(row) for row in questions):
                return questions
            kind, _ = self.runs.state(run)
            if len(questions) < len(DIAGNOSES) and kind == "CANCELLED":
                # The schedule's own pass was under way, and may have read before the last diagnosis.
                run = self.runs.create(f"diagnosis-watch/{SHOP}")
            return None

        return self.wait("three questions put to the technicians", 120, look)

    def questions(self) -> list[ApprovalRow]:
        """Return the open questions."""
        found = self._do(self.books.approvals.list(SHOP, statuses=[ApprovalStatus.REQUESTED]))
        return [row for row in found if row.kind == "part"]

    def approve(self, questions: Sequence[ApprovalRow]) -> None:
        """Answer every question as its assigned technician would: yes, as suggested. Raises TruckrollError."""
        for row in questions:
            self.answer(row, Answer(decision="approve", by=row.approvers[0], note="Approved in the demo.", via="demo"))

    def answer(self, row: ApprovalRow, answer: Answer) -> None:
        """Answer one question. Raises TruckrollError when the answer is refused."""
        outcome = self._do(answer_question(self.books, self.stage.shop(), row.id, answer))
        if isinstance(outcome, Refused):
            raise TruckrollError(f"{row.id} was refused: {outcome.why}", outcome.fix)

    def wait_until_ordered(self) -> None:
        """Wait until every request is ordered, and its run has ended: what there was to tell is told."""

        def look() -> bool | None:
            requests = self._do(self.books.requests.list(shop=SHOP))
            if any(request.stage in {Standing.HELD, Standing.UNRESOLVED} for request in requests):
                held = self._do(self.books.held.list(SHOP))
                raise TruckrollError("; ".join(f"{row.record} is held: {row.reason}" for row in held))
            ordered = [request for request in requests if request.stage == Standing.ORDERED]
            is_done = all(self.runs.state(request.flow_run_id)[0] in OVER for request in requests)
            return (len(ordered) == len(DIAGNOSES) and is_done) or None

        self.wait("three orders placed", 120, look)

    def follow(self) -> None:
        """Let time pass in the sandbox until all parts have left and none has arrived, and look at all open orders."""
        ships = [datetime.fromisoformat(order["ships_at"]) for order in self.sandbox.state()["marcone"]["orders"]]
        self.sandbox.advance(max(ships) + _UNDER_WAY - datetime.fromisoformat(self.sandbox.now()))
        run = self.runs.create(f"eta-watch/{SHOP}", {"shop": SHOP, "only_due": False})

        def passed() -> bool | None:
            nonlocal run
            kind, words = self.runs.state(run)
            if kind in {"FAILED", "CRASHED"}:
                raise TruckrollError(f"The ETA watch ended as {words}.", f"Logs: {self.stage.home.logs}")
            if kind == "CANCELLED":
                run = self.runs.create(f"eta-watch/{SHOP}", {"shop": SHOP, "only_due": False})
            return kind == "COMPLETED" or None

        self.wait("the ETA watch", 90, passed)

    def wait(self, what: str, seconds: float, look: Callable[[], T | None]) -> T:
        """Look until there is something. Raises TruckrollError when it takes too long; StoppedEarlyError on Ctrl-C."""
        until = time.monotonic() + seconds
        while True:
            self.keeper.watch()
            if self.keeper.is_told_to_stop:
                raise StoppedEarlyError("Stopped.")
            try:
                found = look()
            except httpx.TransportError:
                found = None  # a server that restarts is waited for
            if found is not None:
                return found
            if time.monotonic() > until:
                raise TruckrollError(
                    f"Waited {seconds:.0f} s in vain for {what}.", f"The logs are in {self.stage.home.logs}."
                )
            time.sleep(_LOOK_S)

    def is_suspended(self, row: ApprovalRow) -> bool:
        """Tell whether the question's run waits for the answer."""
        return bool(row.flow_run_id) and self.runs.state(row.flow_run_id)[0] == "PAUSED"

    @staticmethod
    def _do(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)
