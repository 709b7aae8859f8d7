"""Marcone's door: tokens, and how it words a refusal. Source: FACTS 3 and 12."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from sandbox.errors import RefusedError
from sandbox.marcone import CLIENT_ID, CLIENT_SECRET
from sandbox.marcone.state import Marcone, transaction_id
from sandbox.tokens import basic_of, bearer_of
from sandbox.world import world_of

PREFIX = "/marcone"


def in_marcone_words(refusal: RefusedError) -> JSONResponse:
    """Word a refusal as `Fault`: fields at fault are named in the text."""
    details = "; ".join(f"{name}: {', '.join(texts)}" for name, texts in refusal.errors.items())
    text = f"{refusal.title} {details}".strip()
    return JSONResponse({"transactionId": transaction_id(), "errorMessage": text}, refusal.status)


def marcone_of(request: Request) -> Marcone:
    """Return Marcone's state."""
    return world_of(request).marcone


TheMarcone = Annotated[Marcone, Depends(marcone_of)]


async def check_token(request: Request, marcone: TheMarcone) -> None:
    """Let in only who has a living token.

    Raises: RefusedError 401.
    """
    if not marcone.tokens.holds(bearer_of(request), marcone.clock.now()):
        raise RefusedError(401, "Unauthorized.")


def api(group: str) -> APIRouter:
    """Return a router for one group of operations, such as `orders`."""
    return APIRouter(prefix=f"{PREFIX}/{group}", dependencies=[Depends(check_token)])


tokens = APIRouter(prefix=PREFIX)


@tokens.post("/AccessToken")
async def issue_token(request: Request, marcone: TheMarcone) -> JSONResponse:
    """Answer the client-credentials grant: HTTP Basic, or client id and secret in the form."""
    form = await request.form()
    given = basic_of(request) or (form.get("client_id"), form.get("client_secret"))
    if form.get("grant_type") != "client_credentials":
        return JSONResponse({"error": "unsupported_grant_type"}, 400)
    if given != (CLIENT_ID, CLIENT_SECRET):
        return JSONResponse({"error": "invalid_client"}, 400)
    life_s = marcone.tokens.life_s = marcone.switches.token_expiry_s
    token = marcone.tokens.issue(marcone.clock.now())
    return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": life_s})
