"""Faults people switch on: refusals, lost answers, cut connections, hanging servers."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from pydantic import Field

from sandbox.strict import PeopleBody

Kind = Literal["status", "rate_limit", "lost_answer", "drop_before", "stall_before", "stall_after", "delay"]


class FaultBody(PeopleBody):
    """A fault to arm. `match` is `METHOD /path`, with `*` for anything."""

    match: str = Field(pattern=r"^\S+ /.*$")
    kind: Kind
    status: int = Field(500, ge=400, le=599)
    retry_after: int | None = None
    seconds: float = Field(1.0, ge=0, le=600)
    times: int | None = Field(1, ge=1)
    """How many requests it strikes; null: every one."""
    skip: int = Field(0, ge=0)
    """How many matching requests it lets pass first."""


@dataclass
class Fault:
    """An armed fault and what it has done so far."""

    number: int
    rule: FaultBody
    to_skip: int = 0
    fired: int = 0
    stalling: int = 0
    cleared: asyncio.Event = field(default_factory=asyncio.Event)

    def remaining(self) -> int | None:
        """Return how many more requests it strikes; None: every one."""
        return None if self.rule.times is None else self.rule.times - self.fired

    def shown(self) -> dict[str, Any]:
        """Return the fault as people read it."""
        return {
            "id": self.number,
            **self.rule.model_dump(),
            "remaining": self.remaining(),
            "fired": self.fired,
            "stalling": self.stalling,
        }


class FaultBook:
    """The faults armed now, oldest first; the first that matches strikes."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._numbers = itertools.count(1)

    def arm(self, rule: FaultBody) -> Fault:
        """Add a fault."""
        fault = Fault(next(self._numbers), rule, to_skip=rule.skip)
        self._faults.append(fault)
        return fault

    def strike(self, method: str, path: str) -> Fault | None:
        """Return the fault that hits this request, counting it; None when it goes through."""
        for fault in self._faults:
            if fault.remaining() == 0 or not fnmatchcase(f"{method} {path}", fault.rule.match):
                continue
            if fault.to_skip:
                fault.to_skip -= 1
                continue
            fault.fired += 1
            return fault
        return None

    def shown(self) -> list[dict[str, Any]]:
        """Return every fault, also the spent ones."""
        return [fault.shown() for fault in self._faults]

    def clear(self) -> None:
        """Forget all faults; requests they hold up go on."""
        for fault in self._faults:
            fault.cleared.set()
        self._faults.clear()
