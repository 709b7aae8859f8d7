"""Serve every process of every shop: `python -m deployments.serve [--shop NAME ...]`.

A Prefect Runner in this process takes runs as they come due, each in a process of its own. SIGTERM lets passes that
are under way finish first: a suspended question has no process and is not touched.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psutil

from deployments.home import Home, client_environment
from deployments.processes import PROCESSES, Process
from deployments.talk import explain
from models.errors import SettingsError, TruckrollError
from models.settings import HouseSettings
from models.shop import Shop, load_shop, shop_names

if TYPE_CHECKING:
    from uuid import UUID

    from prefect import Flow
    from prefect.client.orchestration import PrefectClient
    from prefect.deployments.runner import RunnerDeployment
    from prefect.runner import Runner

QUERY_SECONDS = 1.0
"""How often the runner looks for runs: a technician's answer is acted upon within seconds."""

RUNS_AT_ONCE = max(4, 2 * (os.cpu_count() or 1))
"""Processes at once, about 90 MB each. A suspended run needs none."""

FINISH_S = 25.0
"""How long passes under way may take to finish when the runner is told to stop."""

READY = "Serving"
"""The first word of the line that says the runner has begun."""

log = logging.getLogger("prefect.truckroll.serve")


def main() -> int:
    """Serve until told to stop. Exit code 2 when the configuration is wrong."""
    parser = argparse.ArgumentParser(description="Serve every process of every shop.")
    parser.add_argument("--shop", action="append", help="serve this shop only; may be given several times")
    wanted = parser.parse_args().shop
    try:
        shops = read_shops(wanted)
        api_url = os.environ.get("PREFECT_API_URL", "")
        if not api_url:
            raise SettingsError("PREFECT_API_URL is not set.", "Use `truckroll up`, which sets it and starts a server.")
        os.environ.update(client_environment(Home.current(), api_url))
        asyncio.run(serve(shops))
    except TruckrollError as error:
        return explain(error)
    return 0


def read_shops(names: list[str] | None = None) -> list[Shop]:
    """Read the named shop files, or all. Raises SettingsError for the first faulty one, and when there is none."""
    folder = HouseSettings().shops
    found = names or shop_names(folder)
    if not found:
        raise SettingsError(
            f"There is no shop file in {folder.resolve()}.",
            "Copy docs/shop.example.toml there and fill it in, or set TRUCKROLL_SHOPS; `truckroll demo` needs none.",
        )
    return [load_shop(name, folder) for name in found]


async def serve(shops: list[Shop]) -> None:
    """Deploy all processes of the shops and run what comes due, until SIGTERM or SIGINT."""
    from prefect.client.orchestration import get_client
    from prefect.runner import Runner

    runner = Runner(name="truckroll", query_seconds=QUERY_SECONDS, limit=RUNS_AT_ONCE, pause_on_shutdown=True)
    async with get_client() as client:
        ids: list[UUID] = []
        for shop in shops:
            for process in (one for one in PROCESSES if one.suits(shop)):
                deployment = build(process, shop)
                await _forget_missed(client, deployment.full_name)
                ids.append(await runner.aadd_deployment(deployment))
        await _pick_up_abandoned(client, ids)
        running = asyncio.create_task(runner.start())
        told = asyncio.Event()
        while not runner.started and not running.done():  # noqa: ASYNC110 - Prefect's runner has no event for it
            await asyncio.sleep(0.05)
        # After the runner's own handlers, which would cancel the passes under way.
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, told.set)
        print(f"{READY} {len(ids)} deployments for {', '.join(shop.name for shop in shops)}.", flush=True)
        stopping = asyncio.create_task(told.wait())
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
            raise TruckrollError("Prefect's runner ended by itself.", "`truckroll up` starts it again.")
        await _let_finish(runner, client, ids)
        await runner.astop()
        await running


def build(process: Process, shop: Shop) -> RunnerDeployment:
    """Return the deployment of a process for a shop; its name is the shop's: "parts-loop/demo"."""
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
    from prefect.deployments.runner import RunnerDeployment
    from prefect.flows import load_flow_from_entrypoint
    from prefect.schedules import Cron
    from prefect.types.entrypoint import EntrypointType

    flow: Flow[..., Any] = load_flow_from_entrypoint(process.entrypoint, use_placeholder_flow=False)
    schedule = Cron(process.cron, timezone=shop.timezone, slug=process.slug) if process.cron else None
    limit = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    deployment = RunnerDeployment.from_flow(
        flow,
        name=shop.name,
        schedule=schedule,
        concurrency_limit=limit if process.one_at_a_time else None,
        parameters=process.parameters(shop.name),
        description=process.description,
        tags=process.tags(shop.name),
        paused=False,
        enforce_parameter_schema=True,
        # By module: found wherever the runs' processes are started, since Truckroll is installed.
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    # Said aloud, so that a deployment made for a work pool before is served here from now on.
    deployment.work_pool_name = None
    deployment.work_queue_name = None
    return deployment


async def _forget_missed(client: PrefectClient, full_name: str) -> None:
    """Drop the passes that came due while nothing served them: one pass now does what all of them would have."""
    from prefect.exceptions import ObjectNotFound

    with suppress(ObjectNotFound):
        await client.pause_deployment((await client.read_deployment_by_name(full_name)).id)


async def _pick_up_abandoned(client: PrefectClient, ids: list[UUID]) -> None:
    """Settle runs whose process died with an earlier runner: else they say Running for ever, and hold their slot.

    A parts loop is scheduled again (its finished steps are read back from the ledger); a pass is closed as crashed,
    for its schedule comes again.
    """
    from prefect.client.schemas.filters import DeploymentFilter, FlowRunFilter
    from prefect.client.schemas.objects import StateType
    from prefect.states import Crashed, Scheduled

    runs = await client.read_flow_runs(
        deployment_filter=DeploymentFilter.model_validate({"id": {"any_": ids}}),
        flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": ["RUNNING", "PENDING"]}}}),
    )
    alive = _runs_with_a_process() if runs else set()
    for run in runs:
        if str(run.id) in alive:
            continue
        goes_on = "process:parts-loop" in run.tags
        if goes_on or run.state_type == StateType.PENDING:
            state: Any = Scheduled(name="Scheduled", message="Its process was gone: started again.")
        else:
            state = Crashed(message="Its process was gone when the runner started; the schedule comes again.")
        await client.set_flow_run_state(run.id, state, force=True)
        log.warning("Run %s (%s) had lost its process: now %s.", run.name, run.id, state.name)


def _runs_with_a_process() -> set[str]:
    """Return the ids of the runs that some process of this machine still works on."""
    found = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if run := process.environ().get("PREFECT__FLOW_RUN_ID"):
                found.add(run)
    return found


async def _let_finish(runner: Runner, client: PrefectClient, ids: list[UUID]) -> None:
    """Take nothing new, and give the passes under way time to end by themselves."""
    for deployment_id in ids:
        with suppress(Exception):  # a server that is gone must not keep the runner from stopping
            await client.pause_deployment(deployment_id)
    poller = getattr(runner, "_scheduled_run_poller", None)
    if poller is not None:
        poller.stopping = True
    me = psutil.Process()
    loop = asyncio.get_running_loop()
    until = loop.time() + FINISH_S
    while loop.time() < until and _is_working(me):  # noqa: ASYNC110 - other processes set no event
        await asyncio.sleep(0.2)


def _is_working(me: psutil.Process) -> bool:
    return any("prefect.engine" in _command(child) for child in me.children())


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


if __name__ == "__main__":
    sys.exit(main())
