"""Watching for diagnosed parts: each becomes one part request, and each request its own run of the parts loop.

docs/processes/diagnosis-watch.md. The cursor moves only past diagnoses that are in the store.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.access import AWAY, PARTS, how_it_ended, may_move, note_away
from flows.parts_loop import follow_all
from flows.running import finish
from flows.starting import start_runs
from flows.telling import tell_the_rest
from models.report import RunReport
from models.request import Stage
from tasks.diagnosis import find_diagnosed_parts
from tasks.house import open_house


@flow(name="diagnosis-watch", flow_run_name="diagnosis watch - {shop}")
async def diagnosis_watch(shop: str) -> State[Any]:
    """Find the parts technicians diagnosed since the last look, and take each to its question.

    As a scheduled deployment it starts a run of `parts-loop` for each, where the technician is waited for. In the
    foreground (`truckroll run diagnosis-watch`) it takes each request to its question itself.

    Args:
        shop: The shop's name: the name of its file in the shops folder, without .toml.

    """
    report = RunReport(process="diagnosis-watch", shop=shop)
    async with open_house(shop, moves_between=PARTS) as house:
        if not await may_move(house, report, *PARTS):
            return await finish(report)
        # 1. and 2. What changed since the last look; one request for each diagnosis.
        try:
            await find_diagnosed_parts(shop)
        except AWAY as error:
            await note_away(house, error)
            report.add("diagnosis", how_it_ended(error), str(error))
        # 3. A run of the parts loop for each; in the foreground the loop itself, up to the question.
        found = await house.books.requests.list(shop=shop, stages=[Stage.FOUND])
        has_followed = not await start_runs(house, found, report)
        if has_followed:
            await follow_all(house, [request.id for request in found], report)
        # 4. What still waits to be told.
        asked = [house.platform.name, *([house.distributor.name] if has_followed and report.items else [])]
        await tell_the_rest(house, report, asked=asked)
    return await finish(report)
