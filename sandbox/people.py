"""The people's side of the sandbox itself: state, reset, clock, faults, requests, mails, tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from sandbox.clock import as_wire
from sandbox.faults import FaultBody
from sandbox.journal import KEPT
from sandbox.strict import PeopleBody, read_body
from sandbox.world import World, world_of

router = APIRouter(prefix="/_sandbox")


class ResetBody(PeopleBody):
    """What to begin again with."""

    seed: Literal["demo", "empty"] = "demo"


class AdvanceBody(PeopleBody):
    """How far to move the clock forward."""

    hours: float = Field(0, ge=0)
    days: float = Field(0, ge=0)
    seconds: float = Field(0, ge=0)


class JournalBody(PeopleBody):
    """How many requests are kept for reading, the latest."""

    kept: int = Field(ge=0, le=KEPT)


class ExpireBody(PeopleBody):
    """Whose tokens end; none named: everyone's."""

    vendor: Literal["servicetitan", "marcone"] | None = None


@router.get("/health")
async def health(request: Request) -> JSONResponse:
    """Answer that the sandbox is up."""
    return JSONResponse({"status": "ok", "seed": world_of(request).seed})


@router.get("/state")
async def state(request: Request) -> JSONResponse:
    """Return everything."""
    return JSONResponse(state_of(world_of(request)))


@router.post("/reset")
async def reset(request: Request) -> JSONResponse:
    """Begin again."""
    body = await read_body(ResetBody, request) if await request.body() else ResetBody()
    world = world_of(request)
    world.reset(body.seed)
    return JSONResponse({"seed": world.seed})


@router.get("/requests")
async def requests(request: Request) -> JSONResponse:
    """Return the vendor requests in order."""
    return JSONResponse({"requests": world_of(request).journal.entries()})


@router.post("/requests")
async def limit_requests(request: Request) -> JSONResponse:
    """Keep fewer requests for reading; the counts go on."""
    body = await read_body(JournalBody, request)
    world_of(request).journal.keep(body.kept)
    return JSONResponse({"kept": body.kept})


@router.get("/counts")
async def counts(request: Request) -> JSONResponse:
    """Return how often each operation was called."""
    return JSONResponse(world_of(request).journal.counts())


@router.get("/clock")
async def clock(request: Request) -> JSONResponse:
    """Return the sandbox's present."""
    return JSONResponse(_clock_of(world_of(request)))


@router.post("/clock/advance")
async def advance(request: Request) -> JSONResponse:
    """Move the clock forward."""
    body = await read_body(AdvanceBody, request)
    world = world_of(request)
    world.clock.advance(timedelta(days=body.days, hours=body.hours, seconds=body.seconds))
    world.program.tick()
    return JSONResponse(_clock_of(world))


@router.get("/faults")
async def list_faults(request: Request) -> JSONResponse:
    """Return every fault armed since the last clearing, how often it struck, and how many requests hang in it."""
    return JSONResponse({"faults": world_of(request).faults.shown()})


@router.post("/faults")
async def arm_fault(request: Request) -> JSONResponse:
    """Arm a fault."""
    rule = await read_body(FaultBody, request)
    return JSONResponse(world_of(request).faults.arm(rule).shown())


@router.delete("/faults")
async def clear_faults(request: Request) -> JSONResponse:
    """Forget all faults; what hangs goes on."""
    world_of(request).faults.clear()
    return JSONResponse({"faults": []})


@router.get("/mailbox")
async def mailbox(request: Request) -> JSONResponse:
    """Return the mails received."""
    world_of(request).program.tick()
    return JSONResponse({"mails": world_of(request).mailbox.mails})


@router.delete("/mailbox")
async def empty_mailbox(request: Request) -> JSONResponse:
    """Throw all mails away."""
    world_of(request).mailbox.clear()
    return JSONResponse({"mails": []})


@router.post("/tokens/expire")
async def expire_tokens(request: Request) -> JSONResponse:
    """End tokens at once."""
    body = await read_body(ExpireBody, request) if await request.body() else ExpireBody()
    world = world_of(request)
    desks = {"servicetitan": world.titan.tokens, "marcone": world.marcone.tokens}
    ended = {name: desk.expire_all() for name, desk in desks.items() if body.vendor in {None, name}}
    return JSONResponse({"expired": ended})


def state_of(world: World) -> dict[str, Any]:
    """Return everything as JSON."""
    return {
        "seed": world.seed,
        "clock": _clock_of(world),
        "servicetitan": world.titan.state(),
        "marcone": world.marcone.state(),
        "contractor_commerce": world.store.state(),
        "referral_factory": world.program.state(),
        "mailbox": world.mailbox.mails,
        "faults": world.faults.shown(),
        "counts": world.journal.counts(),
    }


def _clock_of(world: World) -> dict[str, Any]:
    return {"now": as_wire(world.clock.now()), "offset_s": world.clock.offset.total_seconds()}
