"""Settings refresh: each name in the shop file is looked up in ServiceTitan, and held while it is not there.

docs/processes/settings-refresh.md. Orders read the lists themselves; this pass tells people before an order needs them.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from decisions.choices import Chosen, chosen_settings
from flows.access import AWAY, note_away, note_back
from flows.running import finish
from models.report import RunReport
from models.tenant import MissingChoice
from tasks.drop_downs import PROCESS
from tasks.house import House, open_house
from tasks.tenant_lists import read_choices


@flow(name="settings-refresh", flow_run_name="settings refresh - {shop}")
async def settings_refresh(shop: str) -> State[Any]:
    """Read every drop-down of the store orders' settings, and look up each name the shop chose.

    Args:
        shop: The shop's name: the name of its file in the shops folder, without .toml.

    """
    report = RunReport(process="settings-refresh", shop=shop)
    async with open_house(shop) as house:
        settings = house.shop.contractor_commerce
        if settings is None:
            report.add(
                "contractor_commerce", "skipped", "The shop file has no such section: there is nothing to look up."
            )
            return await finish(report)
        # 1. The lists as they are now, against the last reading.
        try:
            choices = await read_choices(shop)
        except AWAY as error:
            await note_away(house, error)
            report.add(error.vendor or "ServiceTitan", "failed", str(error))
            return await finish(report)
        # 2. Each name: found, or held until somebody mends it.
        chosen = chosen_settings(settings, choices)
        for one in chosen:
            if one.missing:
                await _hold(house, one.missing)
                report.add(one.path, "held", f"{one.missing.why} {one.missing.fix}")
            else:
                report.add(one.path, "found", one.name if one.id is None else f"{one.name} (id {one.id})")
        # 3. What is found again, or no longer asked for, is off the list.
        await _release(house, chosen)
        await note_back(house, report, asked=["ServiceTitan"])
    return await finish(report)


async def _hold(house: House, missing: MissingChoice) -> None:
    await house.books.held.hold(
        house.shop.name, PROCESS, missing.setting, reason=missing.why, fix=missing.fix, field=missing.setting
    )


async def _release(house: House, chosen: tuple[Chosen, ...]) -> None:
    still_missing = {one.path for one in chosen if one.missing}
    for entry in await house.books.held.list(house.shop.name, process=PROCESS):
        if entry.record not in still_missing:
            await house.books.held.release(house.shop.name, PROCESS, entry.record)
