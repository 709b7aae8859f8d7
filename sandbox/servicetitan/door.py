"""ServiceTitan's door: tokens, the app key, the tenant, and how it words a refusal. Source: FACTS 1.1, 1.4."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse

from sandbox.errors import RefusedError
from sandbox.servicetitan import APP_KEY, CLIENT_ID, CLIENT_SECRET, TENANT
from sandbox.servicetitan.queries import APP_KEY_PARAMETER
from sandbox.servicetitan.state import Titan
from sandbox.tokens import bearer_of
from sandbox.world import world_of

PREFIX = "/servicetitan"


def in_titan_words(refusal: RefusedError) -> JSONResponse:
    """Word a refusal as `ApiErrorResponse`."""
    answer = {
        "type": f"https://tools.ietf.org/html/rfc7231#status-{refusal.status}",
        "title": refusal.title,
        "status": refusal.status,
        "traceId": secrets.token_hex(8),
        "errors": dict(refusal.errors),
        "data": {},
    }
    return JSONResponse(answer, refusal.status)


def titan_of(request: Request) -> Titan:
    """Return the tenant's state."""
    return world_of(request).titan


TheTitan = Annotated[Titan, Depends(titan_of)]


async def check_caller(request: Request, tenant: Annotated[str, Path()]) -> None:
    """Let in only who has the app key, a living token and the right tenant.

    Raises: RefusedError 401 or 404.
    """
    world = world_of(request)
    key = request.headers.get("st-app-key") or request.query_params.get(APP_KEY_PARAMETER)
    if not key:
        raise RefusedError(401, "Application key not present, check ST-App-Key header value.")
    if key != APP_KEY:
        raise RefusedError(401, "Application key is not valid.")
    if not world.titan.tokens.holds(bearer_of(request), world.clock.now()):
        raise RefusedError(401, "The access token is missing, not valid, or expired.")
    if tenant != str(TENANT):
        raise RefusedError(404, "Tenant was not found.")


def api(base: str) -> APIRouter:
    """Return a router for one of the vendor's APIs, such as `jpm`."""
    return APIRouter(prefix=f"{PREFIX}/{base}/v2/tenant/{{tenant}}", dependencies=[Depends(check_caller)])


tokens = APIRouter(prefix=PREFIX)


@tokens.post("/connect/token")
async def issue_token(request: Request) -> JSONResponse:
    """Answer the OAuth 2 client-credentials grant."""
    world = world_of(request)
    form = await request.form()
    if form.get("grant_type") != "client_credentials":
        return JSONResponse({"error": "unsupported_grant_type"}, 400)
    if form.get("client_id") != CLIENT_ID or form.get("client_secret") != CLIENT_SECRET:
        return JSONResponse({"error": "invalid_client"}, 400)
    desk = world.titan.tokens
    answer = {
        "access_token": desk.issue(world.clock.now()),
        "expires_in": desk.life_s,
        "token_type": "Bearer",
        "scope": "tn.jpm.jobs:r tn.jpm.jobs:w",
    }
    return JSONResponse(answer)
