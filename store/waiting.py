"""Keeping a lease alive while its work goes on, and giving a vendor time to finish."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

log = logging.getLogger(__name__)


@asynccontextmanager
async def renewed(renew: Callable[[], Awaitable[bool]], *, ttl_s: float) -> AsyncIterator[None]:
    """Call `renew` three times per `ttl_s` until the block ends, or until it says that the lease is lost."""
    beating = asyncio.create_task(_beat(renew, ttl_s / 3))
    try:
        yield
    finally:
        beating.cancel()


async def let_settle(since: datetime, settle_s: float, now: Callable[[], datetime]) -> None:
    """Wait until `settle_s` seconds have passed since the answer was lost: the vendor may still be writing."""
    rest_s = settle_s - (now() - since).total_seconds()
    if rest_s > 0:
        await asyncio.sleep(min(rest_s, settle_s))


async def _beat(renew: Callable[[], Awaitable[bool]], every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        try:
            if not await renew():
                return
        except SQLAlchemyError:
            log.warning("A lease could not be renewed; trying again in %.0f s.", every_s, exc_info=True)
