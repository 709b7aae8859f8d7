"""Rewards: dashboard, due, issued; issue and cancel. Source: openapi.yaml."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Literal, NamedTuple

from fastapi import Request
from fastapi.responses import JSONResponse

from sandbox.errors import RefusedError
from sandbox.referral_factory.door import TheProgram, api
from sandbox.referral_factory.joining import issue
from sandbox.referral_factory.pages import PageQuery, no_query, page_of
from sandbox.referral_factory.records import Json, Metric, Reward
from sandbox.referral_factory.searching import Fields, fits, read_search
from sandbox.referral_factory.state import Program
from sandbox.strict import read_query

router = api()
Shelf = Literal["dashboard", "due", "issued"]


class Total(NamedTuple):
    """What one reward definition came to."""

    id: int
    coupon: str
    pieces: int
    total: float


FIELDS: dict[str, Fields] = {
    "dashboard": {"id": attrgetter("id")},
    "due": {"id": attrgetter("id"), "reward_id": attrgetter("rule.id"), "recipient_id": attrgetter("recipient_id")},
    "issued": {"id": attrgetter("id"), "reward_id": attrgetter("rule.id"), "recipient_id": attrgetter("recipient_id")},
}


@router.get("/rewards/{shelf}/{metric}")
async def list_rewards(request: Request, program: TheProgram, shelf: Shelf, metric: Metric) -> JSONResponse:
    """List rewards of one metric."""
    query = read_query(PageQuery, request)
    return page_of(request, query, _rows(program, shelf, metric), _shown(shelf, metric), newest_first=False)


@router.post("/rewards/{shelf}/{metric}/search")
async def search_rewards(request: Request, program: TheProgram, shelf: Shelf, metric: Metric) -> JSONResponse:
    """Search rewards of one metric."""
    no_query(request)
    filters = await read_search(request, FIELDS[shelf])
    rows = [one for one in _rows(program, shelf, metric) if fits(filters, FIELDS[shelf], one)]
    return page_of(request, PageQuery(per_page=250), rows, _shown(shelf, metric), newest_first=False)


@router.post("/rewards/issue/{identifier}")
async def issue_reward(request: Request, program: TheProgram, identifier: int) -> JSONResponse:
    """Issue a due reward; a second time it is 404, for it is due no more."""
    no_query(request)
    earned = due_reward(program, identifier)
    issue(program, earned)
    return JSONResponse({"data": earned.issued()})


@router.post("/rewards/cancel/{identifier}")
async def cancel_reward(request: Request, program: TheProgram, identifier: int) -> JSONResponse:
    """Cancel a due reward."""
    no_query(request)
    del program.rewards[due_reward(program, identifier).id]
    return JSONResponse({"message": "The reward is cancelled."})


def due_reward(program: Program, identifier: int) -> Reward:
    """Return the reward that is due.

    Raises: RefusedError 404.
    """
    earned = program.rewards.get(identifier)
    if earned is None or earned.issued_at is not None:
        raise RefusedError(404, "Reward not found.")
    return earned


def _rows(program: Program, shelf: Shelf, metric: Metric) -> list[Any]:
    earned = [one for one in program.rewards.values() if one.rule.metric == metric]
    match shelf:
        case "due":
            return [one for one in earned if one.issued_at is None]
        case "issued":
            return [one for one in earned if one.issued_at is not None]
        case _:
            rules = {one.rule.id: one.rule for one in earned}
            mine = {number: [one for one in earned if one.rule.id == number] for number in rules}
            return [
                Total(number, rule.coupon, len(mine[number]), float(sum(one.total for one in mine[number])))
                for number, rule in rules.items()
            ]


def _shown(shelf: Shelf, metric: Metric) -> Callable[[Any], Json]:
    match shelf:
        case "due":
            return Reward.due
        case "issued":
            return Reward.issued
        case _:
            return lambda one: (
                {"id": one.id, "coupon": one.coupon}
                if metric == "coupon"
                else {"id": one.id, "count": one.pieces, "total": one.total}
            )
