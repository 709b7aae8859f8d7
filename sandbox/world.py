"""Everything the sandbox remembers: one state per vendor, the clock, the mailbox, the faults, the requests."""

from __future__ import annotations

from typing import Literal

from fastapi import Request
from starlette.types import Scope

from sandbox.clock import Clock
from sandbox.contractor_commerce.seed import new_store
from sandbox.contractor_commerce.state import Store
from sandbox.faults import FaultBook
from sandbox.journal import Journal
from sandbox.mailbox import Mailbox
from sandbox.marcone.seed import new_marcone
from sandbox.marcone.state import Marcone
from sandbox.referral_factory.seed import new_program
from sandbox.referral_factory.state import Program
from sandbox.servicetitan.seed import new_titan
from sandbox.servicetitan.state import Titan

Seed = Literal["demo", "empty"]


class World:
    """The one place where state lives. A vendor added later gets its own attribute here."""

    clock: Clock
    titan: Titan
    marcone: Marcone
    store: Store
    program: Program
    seed: Seed

    def __init__(self, seed: Seed = "demo") -> None:
        self.clock = Clock()
        self.mailbox = Mailbox(self.clock)
        self.faults = FaultBook()
        self.journal = Journal()
        self._fill(seed)

    def reset(self, seed: Seed) -> None:
        """Begin again: vendors, clock, mails, requests and faults. Stalled requests go on."""
        self.faults.clear()
        self.store.courier.stop()
        self.program.courier.stop()
        self.titan.courier.stop()
        self.mailbox.clear()
        self.journal = Journal()
        self.clock.offset *= 0
        self._fill(seed)

    def _fill(self, seed: Seed) -> None:
        self.seed = seed
        self.titan = new_titan(self.clock, with_jobs=seed == "demo")
        self.marcone = new_marcone(self.clock)
        self.store = new_store(self.clock)
        self.program = new_program(self.clock, self.mailbox)


def put_world(scope: Scope, world: World) -> Scope:
    """Return a request's scope with its world in it."""
    return {**scope, "state": {**scope.get("state", {}), "world": world}}


def world_of(request: Request) -> World:
    """Return the world behind a request."""
    world = request.state.world
    assert isinstance(world, World)
    return world
