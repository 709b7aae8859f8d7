"""One whole pass of a process in the foreground, and the final state of a pass."""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Sequence
from typing import Any

from prefect import Flow, get_client
from prefect.artifacts import acreate_table_artifact
from prefect.client.schemas.objects import State
from prefect.flow_engine import run_flow_async
from prefect.states import Completed, Failed, Pending

from models.errors import SettingsError, TruckrollError
from models.report import GROUP_OF, RunReport

MOST_NAMED = 20
"""Records the final state names; the table has them all."""

PASSES = {
    "diagnosis-watch": "flows.diagnosis_watch:diagnosis_watch",
    "parts-loop": "flows.parts_loop:parts_pass",
    "eta-watch": "flows.eta_watch:eta_watch",
    "reconcile": "flows.reconcile:reconcile",
    "order-to-invoice": "flows.order_to_invoice:order_to_invoice",
    "contact-sync": "flows.contact_sync:contact_sync",
    "booking-to-reward": "flows.booking_to_reward:booking_to_reward",
    "order-change": "flows.order_change:changes_pass",
    "settings-refresh": "flows.settings_refresh:settings_refresh",
}
"""The flow behind `truckroll run PROCESS`. Each later process adds its own."""


def flow_of(process: str) -> Flow[..., Any]:
    """Load the flow behind a process. Raises SettingsError when there is none."""
    if process not in PASSES:
        raise SettingsError(f"There is no process {process}.", f"The processes are {', '.join(sorted(PASSES))}.")
    module, name = PASSES[process].split(":")
    flow: Flow[..., Any] = getattr(importlib.import_module(module), name)
    return flow


async def run_process(process: str, shop: str, tags: Sequence[str] = ()) -> RunReport:
    """Run one pass of a process for a shop, seen in Prefect like any other run.

    `tags` are the run's own, as a deployment's are. By `prefect.tags` its tasks would have them too, and each task of a
    tagged one asks the server, before it begins, whether a limit of such a tag lets it.

    Raises: what stopped the whole pass (SettingsError, UnauthorizedError, ...); single records never do.
    """
    flow = flow_of(process)
    began = time.monotonic()
    async with get_client() as client:
        run = await client.create_flow_run(flow, parameters={"shop": shop}, state=Pending(), tags=tags)
    state = await run_flow_async(flow, flow_run=run, parameters={"shop": shop}, return_type="state")
    assert isinstance(state, State)
    report = await state.aresult(raise_on_failure=False)
    if isinstance(report, BaseException):
        raise report
    if not isinstance(report, RunReport):
        raise TypeError(f"{process} ended as {state.name} without a report: {state.message}")
    report.seconds = time.monotonic() - began
    return report


async def finish(report: RunReport, *, for_people: Sequence[str] = ("failed",)) -> State[RunReport]:
    """Show the pass as a table artifact and give the honest final state.

    Failed when a record ended in one of the groups `for_people`, and then it names them.
    """
    if report.items:
        await acreate_table_artifact(
            key=f"{report.process}-{report.shop}",
            table=_table(report),
            description=f"{report.process} of {report.shop}: {report.in_words()}",
        )
    waiting = [item.id for item in report.items if GROUP_OF.get(item.outcome, "done") in for_people]
    if waiting:
        return Failed(message=f"{report.in_words()}; see {_some(waiting)}", data=report)
    return Completed(message=report.in_words(), data=report)


def _table(report: RunReport) -> list[dict[str, str]]:
    """Every row has every column: Prefect takes the columns from the first."""
    columns = dict.fromkeys(heading for item in report.items for heading in item.facts)
    return [
        {
            "record": item.id,
            "outcome": item.outcome.replace("_", " "),
            **{heading: item.facts.get(heading, "") for heading in columns},
            "why": item.reason,
        }
        for item in report.items
    ]


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMED])
    return shown if len(names) <= MOST_NAMED else f"{shown} and {len(names) - MOST_NAMED} more"


class _KnownErrors(logging.Filter):
    """Leaves the traceback out of the log where the error's own text says what happened and what to do."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, TruckrollError):
            record.exc_info = record.exc_text = None
        return True


for _logger in ("prefect.flow_runs", "prefect.task_runs"):
    logging.getLogger(_logger).addFilter(_KnownErrors())
