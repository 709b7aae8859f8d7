"""The store's door: its key, its rate, and how it words a refusal (as a Laravel application would)."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from sandbox.contractor_commerce import PREFIX, TOKEN
from sandbox.contractor_commerce.state import Store
from sandbox.errors import RefusedError
from sandbox.tokens import bearer_of
from sandbox.world import world_of

MINUTE = timedelta(minutes=1)
USUAL_CALLS_PER_MINUTE = 60
NO_FIELD = "body"


def in_store_words(refusal: RefusedError) -> JSONResponse:
    """Word a refusal: `Error`, or `ValidationError` with an errors map for 422."""
    match refusal.status:
        case 400 | 422:
            errors = dict(refusal.errors) or {NO_FIELD: [refusal.title]}
            messages = [text for texts in errors.values() for text in texts]
            more = len(messages) - 1
            rest = f" (and {more} more error{'' if more == 1 else 's'})" if more else ""
            return JSONResponse({"message": messages[0] + rest, "errors": errors}, 422)
        case 429:
            headers = {"X-RateLimit-Limit": str(USUAL_CALLS_PER_MINUTE), "X-RateLimit-Remaining": "0"}
            if "retry_after" in refusal.errors:
                headers["Retry-After"] = refusal.errors["retry_after"][0]
            return JSONResponse({"message": "Too Many Attempts."}, 429, headers)
        case 500 | 502 | 503 | 504:
            return JSONResponse({"message": "Server Error"}, refusal.status)
        case status:
            return JSONResponse({"message": refusal.title}, status)


def store_of(request: Request) -> Store:
    """Return the store."""
    return world_of(request).store


TheStore = Annotated[Store, Depends(store_of)]


async def check_caller(request: Request, store: TheStore) -> None:
    """Let in only who has the store's key, the scope, and calls left in this minute.

    Raises: RefusedError 401, 403 or 429.
    """
    if bearer_of(request) != TOKEN:
        raise RefusedError(401, "Unauthenticated.")
    scope = request.url.path.removeprefix(PREFIX).strip("/").split("/")[0]
    if scope in store.switches.forbidden:
        raise RefusedError(403, "This action is unauthorized.")
    limit, now = store.switches.calls_per_minute, store.clock.now()
    while store.calls and store.calls[0] <= now - MINUTE:
        store.calls.popleft()
    if limit is not None and len(store.calls) >= limit:
        wait = max(1, round((store.calls[0] + MINUTE - now).total_seconds()))
        raise RefusedError(429, "Too Many Attempts.", {"retry_after": [str(wait)]})
    store.calls.append(now)


def api() -> APIRouter:
    """Return a router for some of the store's operations."""
    return APIRouter(prefix=PREFIX, dependencies=[Depends(check_caller)])
