"""One whole pass of a process in the foreground, and the final state of a pass."""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from prefect.artifacts import acreate_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from models.errors import SettingsError, TruckrollError
from models.report import RunReport

PASSES = {
    "diagnosis-watch": "flows.diagnosis_watch:diagnosis_watch",
    "parts-loop": "flows.parts_loop:parts_pass",
    "eta-watch": "flows.eta_watch:eta_watch",
    "reconcile": "flows.reconcile:reconcile",
}
"""The flow behind `truckroll run PROCESS`. Each later process adds its own."""


async def run_process(process: str, shop: str) -> RunReport:
    """Run one pass of a process for a shop, seen in Prefect like any other run.

    Raises: what stopped the whole pass (SettingsError, UnauthorizedError, ...); single records never do.
    """
    if process not in PASSES:
        raise SettingsError(f"There is no process {process}.", f"The processes are {', '.join(sorted(PASSES))}.")
    module, name = PASSES[process].split(":")
    run: Callable[..., Awaitable[State[Any]]] = getattr(importlib.import_module(module), name)
    began = time.monotonic()
    state = await run(shop, return_state=True)
    report = await state.aresult(raise_on_failure=False)
    if isinstance(report, BaseException):
        raise report
    if not isinstance(report, RunReport):
        raise TypeError(f"{process} ended as {state.name} without a report: {state.message}")
    report.seconds = time.monotonic() - began
    return report


async def finish(report: RunReport) -> State[RunReport]:
    """Show the pass as a table artifact and give the honest final state: Failed when a record failed."""
    if report.items:
        await acreate_table_artifact(
            key=f"{report.process}-{report.shop}",
            table=[{"record": item.id, "outcome": item.outcome, "why": item.reason} for item in report.items],
            description=f"{report.process} of {report.shop}: {report.in_words()}",
        )
    counts = report.counts()
    if counts["failed"]:
        failed = ", ".join(item.id for item in report.items if item.outcome == "failed")
        return Failed(message=f"{report.in_words()}; see {failed}", data=report)
    return Completed(message=report.in_words(), data=report)


class _KnownErrors(logging.Filter):
    """Leaves the traceback out of the log where the error's own text says what happened and what to do."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, TruckrollError):
            record.exc_info = record.exc_text = None
        return True


for _logger in ("prefect.flow_runs", "prefect.task_runs"):
    logging.getLogger(_logger).addFilter(_KnownErrors())
