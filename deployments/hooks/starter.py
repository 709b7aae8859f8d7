"""Has a pass of a process started soon after its vendor said something; the schedule comes anyway.

What waits stands in the store, not here: a pass takes it whoever started it, and nothing is lost when Prefect is away.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

import httpx

from deployments.hooks.sources import is_waited_for
from models.base import utc_now
from store import Books
from tasks.prefect_api import PrefectApi, prefect_api

QUIET_S: Final = 2.0
"""How long the first delivery waits for others: a burst is one pass."""
AGAIN_S: Final = 20.0
"""After a start nothing is looked at for so long. A pass takes about that, with the start of its process."""
LOOKS: Final = 6
"""After so many a shop whose deliveries still wait is left to the schedule. Each comes twice as late as the last."""

log = logging.getLogger("truckroll.hooks")


@dataclass
class _Watch:
    """When a shop's process is looked at, and what was started of it. Seconds of the monotonic clock."""

    look_at: float | None = None
    looks: int = 0
    """Looks since the last delivery that found something waiting."""
    not_before: float = 0.0
    run: str = ""


class Starter:
    """One per process, in the background: `work` is its loop, `ring` says that a delivery was kept."""

    def __init__(
        self,
        books: Books,
        *,
        prefect: Callable[[], AbstractAsyncContextManager[PrefectApi | None]] = prefect_api,
        quiet_s: float = QUIET_S,
        again_s: float = AGAIN_S,
    ) -> None:
        self._books = books
        self._prefect = prefect
        self._quiet_s = quiet_s
        self._again_s = again_s
        self._watches: dict[tuple[str, str], _Watch] = {}
        self._rang = asyncio.Event()

    def ring(self, shop: str, process: str) -> None:
        """Have the shop's process looked at soon. Returns at once."""
        one = self._watches.setdefault((shop, process), _Watch())
        soon = max(time.monotonic() + self._quiet_s, one.not_before)
        one.look_at = soon if one.look_at is None else min(one.look_at, soon)
        one.looks = 0
        self._rang.set()

    async def work(self) -> None:
        """Look at each shop's processes when their time comes, until canceled."""
        while True:
            self._rang.clear()
            for (shop, process), one in list(self._watches.items()):
                if one.look_at is not None and one.look_at <= time.monotonic():
                    await self._look(shop, process, one)
            await self._sleep()

    async def _sleep(self) -> None:
        moments = [one.look_at for one in self._watches.values() if one.look_at is not None]
        try:
            async with asyncio.timeout(max(0.0, min(moments) - time.monotonic()) if moments else None):
                await self._rang.wait()
        except TimeoutError:
            return

    async def _look(self, name: str, process: str, one: _Watch) -> None:
        """Start a pass when deliveries wait and none of ours is on its way; then look again, later each time."""
        one.look_at = None
        later = time.monotonic() + self._again_s * 2**one.looks
        try:
            if not await is_waited_for(self._books, name, process):
                return
            await self._start(name, process, one)
        except httpx.HTTPError as error:
            log.warning("shop %s: Prefect did not start a pass (%s).", name, type(error).__name__)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other shops are served, and this one later
            log.error("shop %s: no pass could be started (%s).", name, type(error).__name__)  # noqa: TRY400
        one.looks += 1
        if one.looks >= LOOKS:
            log.warning(
                "shop %s: deliveries for %s still wait; the next pass of the schedule takes them.", name, process
            )
            return
        one.look_at = max(later if one.look_at is None else min(one.look_at, later), one.not_before)

    async def _start(self, name: str, process: str, one: _Watch) -> None:
        async with self._prefect() as api:
            if api is None:
                log.warning("shop %s: Prefect does not answer; the pass starts later.", name)
                return
            state = await api.read_state(one.run) if one.run else None
            if state is not None and not state.is_over:
                return
            deployment = await api.find_deployment(f"{process}/{name}")
            if deployment is None:
                log.warning("shop %s: nothing serves %s here.", name, process)
                return
            one.run = await api.start_run(
                deployment,
                name="a vendor sent word",
                parameters={"shop": name},
                # Two receivers that hear of one burst start one pass.
                idempotency_key=f"{name}/{process}/word/{utc_now().timestamp() // self._again_s:.0f}",
                tags=[f"shop:{name}", f"process:{process}"],
            )
            one.not_before = time.monotonic() + self._again_s
