"""`truckroll run PROCESS --shop S`: one whole pass in the foreground, seen in Prefect like any other."""

from __future__ import annotations

import difflib
from typing import Annotated, Any

import httpx
import typer

from deployments import talk
from deployments.commands.common import AsJson, failed
from deployments.home import Home
from deployments.processes import NAMES, PROCESSES
from deployments.server import server_gone, use_server
from models.errors import SettingsError, TruckrollError
from models.report import RunReport
from models.settings import HouseSettings
from models.shop import load_shop
from tasks.interpreter import while_loading

_HELP = "; ".join(f"{process.name}: {process.description}" for process in PROCESSES)


def run(
    process: Annotated[str, typer.Argument(help=_HELP, metavar="PROCESS")],
    shop: Annotated[str, typer.Option(help="The shop, by the name of its file.")],
    as_json: AsJson = False,
) -> None:
    """Run one whole pass of a process for a shop, and say how every record ended."""
    try:
        report = _pass(process, shop)
    except TruckrollError as error:
        if not as_json:
            raise
        code = talk.explain(error)
        talk.print_json(_stopped(process, shop, error))
        raise typer.Exit(code) from error
    if as_json:
        talk.print_json(report.as_json())
    else:
        _show(report)
    raise typer.Exit(talk.FAILED if report.counts()["failed"] else talk.DONE)


def _pass(process: str, shop: str) -> RunReport:
    if process not in NAMES:
        near = difflib.get_close_matches(process, NAMES, n=1)
        raise SettingsError(
            f"There is no process {process}.",
            f"Did you mean {near[0]}?" if near else f"The processes are {', '.join(NAMES)}.",
        )
    load_shop(shop, HouseSettings().shops)
    use_server(Home.current(), say=talk.say)
    # Prefect reads its settings when it is imported: not before the server is known.
    with while_loading():
        import uvloop

        from flows.running import flow_of, run_process

        flow_of(process)
    try:
        return uvloop.run(run_process(process, shop, [f"shop:{shop}", f"process:{process}"]))
    except httpx.HTTPError as error:
        raise server_gone(error) from error


def _show(report: RunReport) -> None:
    console = talk.out()
    if report.items:
        shown = talk.table("", "Record!", "Outcome!", "Why")
        for item in report.items:
            talk.add(shown, item.id, item.outcome.replace("_", " "), item.reason)
        console.print(shown)
    console.print(f"{report.process} of {report.shop}: {report.in_words()} ({report.seconds:.1f} s).")


def _stopped(process: str, shop: str, error: TruckrollError) -> dict[str, Any]:
    """Return the object of a pass that did not take place, or broke off: same keys, and the reason."""
    report = RunReport(process=process, shop=shop)
    report.add(process, "failed", str(error))
    return report.as_json() | failed(error)
