"""How the records of a page ended, and how a page is written record by record."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from models.errors import (
    AmbiguousWriteError,
    ContractError,
    RejectedError,
    SettingsError,
    TransientError,
    UnauthorizedError,
)

Item = TypeVar("Item")

NOTHING_WRITTEN = (TransientError, RejectedError, UnauthorizedError, SettingsError)
"""Raised by a write, these say that it did not happen."""

MAY_BE_WRITTEN = (AmbiguousWriteError, ContractError)
"""The answer was lost, or came and could not be read."""


@dataclass(frozen=True)
class Done:
    """Written, now or (`was_done`) earlier; `reference` is what the vendor calls it."""

    reference: str
    was_done: bool = False


@dataclass(frozen=True)
class NotWritten:
    """Surely not written. A later pass may try again; whether it should, the error says."""

    error: Exception


@dataclass(frozen=True)
class Unknown:
    """It may have been written: a later pass looks before it writes."""

    error: Exception | None = None


@dataclass(frozen=True)
class Unresolved:
    """It may have been written, and there is no way to look: a person must."""


@dataclass(frozen=True)
class Busy:
    """Another worker is writing it."""


Outcome = Done | NotWritten | Unknown
"""What a `create` may report of a record."""

Result = Done | NotWritten | Unknown | Unresolved | Busy


def one_by_one(
    create: Callable[[Item], Awaitable[str]], *, at_once: int = 16
) -> Callable[[Mapping[str, Item]], Awaitable[dict[str, Outcome]]]:
    """Make a page's `create` from one record's: at most `at_once` run together, and no record stops the others."""

    async def create_page(items: Mapping[str, Item]) -> dict[str, Outcome]:
        outcomes: dict[str, Outcome] = {}
        waiting = iter(items.items())

        async def work() -> None:
            for key, item in waiting:
                outcomes[key] = await _outcome(create, item)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(items))):
                group.create_task(work())
        return outcomes

    return create_page


async def _outcome(create: Callable[[Item], Awaitable[str]], item: Item) -> Outcome:
    try:
        return Done(await create(item))
    except NOTHING_WRITTEN as error:
        return NotWritten(error)
    except Exception as error:  # noqa: BLE001 - reported with the record; the others go on
        return Unknown(error)
