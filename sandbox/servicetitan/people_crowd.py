"""Filling ServiceTitan with customers by the thousand, and changing or merging some of them at random."""

from __future__ import annotations

import asyncio
import gc
from random import Random

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import Field, field_validator

from sandbox.servicetitan.crowd import SHARES, Change, Crowd, change_some, enough, generate, merge_some
from sandbox.servicetitan.door import TheTitan
from sandbox.strict import PeopleBody, read_body

router = APIRouter(prefix="/_sandbox/servicetitan/generate")


class GenerateBody(PeopleBody):
    """How many, and how many of them are trouble; the same seed makes the same people."""

    customers: int = Field(ge=1, le=1_000_000)
    seed: int = 1
    shares: dict[str, float] = Field(default_factory=dict)
    """Instead of the usual ones, by trait; a trait left out keeps its usual share."""
    locations: bool = False

    @field_validator("shares")
    @classmethod
    def _known(cls, shares: dict[str, float]) -> dict[str, float]:
        both = SHARES | shares
        if both.keys() != SHARES.keys() or min(both.values()) < 0 or sum(both.values()) > 1:
            raise ValueError(f"shares of {', '.join(SHARES)}, together at most 1")
        return both


class SomeBody(PeopleBody):
    """How many, chosen by the seed."""

    count: int = Field(ge=1)
    seed: int = 1


class ChangeBody(SomeBody):
    """What changes; any: name, e-mail or phone."""

    what: Change = "any"


@router.post("")
async def fill(request: Request, titan: TheTitan) -> JSONResponse:
    """Enter customers; answers the ids of those with a trait."""
    body = await read_body(GenerateBody, request)
    crowd, shares = Crowd(), body.shares or SHARES
    work = generate(titan, crowd, body.customers, Random(body.seed), shares, with_locations=body.locations)  # noqa: S311
    gc.disable()  # nothing made here is garbage, and looking for it takes most of the time
    try:
        for _ in work:
            await asyncio.sleep(0)
    finally:
        gc.enable()
    counts = {trait: len(ids) for trait, ids in crowd.traits.items()}
    plain = crowd.customers - sum(counts.values())
    answer = {"customers": crowd.customers, "first_id": crowd.first_id, "last_id": crowd.last_id}
    return JSONResponse(answer | {"counts": counts | {"plain": plain}, "traits": crowd.traits})


@router.post("/change")
async def change(request: Request, titan: TheTitan) -> JSONResponse:
    """Change some customers at random; answers who and what."""
    body = await read_body(ChangeBody, request)
    enough(titan, body.count)
    return JSONResponse({"changed": change_some(titan, body.count, Random(body.seed), body.what)})  # noqa: S311


@router.post("/merge")
async def merge(request: Request, titan: TheTitan) -> JSONResponse:
    """Merge some customers at random into others; answers who and into whom."""
    body = await read_body(SomeBody, request)
    enough(titan, 2 * body.count)
    return JSONResponse({"merged": merge_some(titan, body.count, Random(body.seed))})  # noqa: S311
