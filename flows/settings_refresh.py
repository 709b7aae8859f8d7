"""Settings refresh: each name in the shop file is looked up in ServiceTitan, and held while it is not there.

docs/processes/settings-refresh.md. Orders read the lists themselves; this pass tells people before an order needs them.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from decisions.choices import chosen_settings
from flows.access import AWAY, ORDERS, how_it_ended, may_move, note_away, note_back
from flows.running import finish
from models.report import RunReport
from tasks.drop_downs import hold_missing
from tasks.house import open_house
from tasks.tenant_lists import read_choices


@flow(name="settings-refresh", flow_run_name="settings refresh - {shop}")
async def settings_refresh(shop: str) -> State[Any]:
    """Read every drop-down of the store orders' settings, and look up each name the shop chose.

    Args:
        shop: The shop's name: the name of its file in the shops folder, without .toml.

    """
    report = RunReport(process="settings-refresh", shop=shop)
    async with open_house(shop, moves_between=ORDERS) as house:
        settings = house.shop.contractor_commerce
        if settings is None:
            report.add(
                "contractor_commerce", "skipped", "The shop file has no such section: there is nothing to look up."
            )
            return await finish(report)
        if not await may_move(house, report, *ORDERS):
            return await finish(report)
        # 1. The lists as they are now, against the last reading.
        try:
            choices = await read_choices(shop)
        except AWAY as error:
            await note_away(house, error)
            report.add(error.vendor or "ServiceTitan", how_it_ended(error), str(error))
            return await finish(report)
        # 2. Each name: found, or why not.
        chosen = chosen_settings(settings, choices)
        for one in chosen:
            if one.missing:
                report.add(one.path, "held", f"{one.missing.why} {one.missing.fix}")
            else:
                report.add(one.path, "found", one.name if one.id is None else f"{one.name} (id {one.id})")
        # 3. What is missing waits for a person; what is found again, or no longer asked for, is off the list.
        await hold_missing(house.books, shop, [one.missing for one in chosen if one.missing])
        await note_back(house, report, asked=["ServiceTitan"])
    return await finish(report)
