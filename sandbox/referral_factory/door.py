"""The program's door: token, rate and late answers for every call under `/api/v2`, and the wording of refusals.

It stands before the application's own routing, so that a create, which a benchmark sends by the ten thousand, costs
little more than its bytes.
"""

from __future__ import annotations

import asyncio
import json
from contextvars import ContextVar
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.errors import RefusedError
from sandbox.referral_factory import API
from sandbox.referral_factory.joining import create_user
from sandbox.referral_factory.new_user import read_new_user
from sandbox.referral_factory.state import Program
from sandbox.world import World, world_of

JSON_KIND = b"application/json"
USERS = API + "/users"
AS_TEXT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

ERROR_ITEMS: ContextVar[str] = ContextVar("error_items", default="objects")
"""How this call's refusal words its fields."""


class Door:
    """Lets calls to the API in."""

    def __init__(self, app: ASGIApp, world: World) -> None:
        self.app = app
        self.world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call, or pass it on to the routes."""
        program = self.world.program
        ERROR_ITEMS.set(program.switches.error_items)
        if program.gate.is_slow(program.switches):
            send = _late(send, program.switches.slow_s)
        try:
            headers = dict(scope["headers"])
            _check(program, headers)
            if scope["path"] != USERS or scope["method"] != "POST":
                await self.app(scope, receive, send)
                return
            status, answer = _create(program, scope, headers, await _body(receive))
        except RefusedError as refusal:
            await in_program_words(refusal)(scope, receive, send)
            return
        length = str(len(answer)).encode()
        kinds = [(b"content-type", JSON_KIND), (b"content-length", length)]
        await send({"type": "http.response.start", "status": status, "headers": kinds})
        await send({"type": "http.response.body", "body": answer})


def in_program_words(refusal: RefusedError) -> JSONResponse:
    """Word a refusal: `Error`, or `ValidationError` where fields are named."""
    status, message = refusal.status, refusal.title
    match status:
        case 429:
            headers = {"X-RateLimit-Remaining": "0"}
            if "retry_after" in refusal.errors:
                headers["Retry-After"] = refusal.errors["retry_after"][0]
            return JSONResponse({"code": 429, "message": "Too Many Attempts."}, 429, headers)
        case 400 | 422 if refusal.errors:
            message = message if status == 422 else "Validation errors in your request"
            return JSONResponse({"code": 422, "message": message, "errors": _items(refusal)}, 422)
        case _:
            return JSONResponse({"code": status, "message": message}, status)


def program_of(request: Request) -> Program:
    """Return the account."""
    return world_of(request).program


TheProgram = Annotated[Program, Depends(program_of)]


def api() -> APIRouter:
    """Return a router for some of the API's operations; the door has let the call in already."""
    return APIRouter(prefix=API)


def _check(program: Program, headers: dict[bytes, bytes]) -> None:
    scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    program.gate.admit(token.strip() if scheme.lower() == "bearer" else "", program.clock.now(), program.switches)
    if JSON_KIND not in headers.get(b"accept", b""):
        raise RefusedError(406, "Not Acceptable: send Accept: application/json.")


def _create(program: Program, scope: Scope, headers: dict[bytes, bytes], body: bytes) -> tuple[int, bytes]:
    kind = headers.get(b"content-type", b"")
    if not kind.startswith(JSON_KIND):
        wrong = {"Content-Type": ["The body must be sent as application/json."]}
        raise RefusedError(422, "Validation errors in your request", wrong)
    if scope["query_string"]:
        raise RefusedError(422, "Validation errors in your request", {"query": ["There are no query parameters."]})
    user, outcome = create_user(program, read_new_user(body))
    is_new = outcome == "created" or (outcome == "same" and program.switches.duplicate == "same_201")
    return 201 if is_new else 200, AS_TEXT({"data": program.shown(user)}).encode()


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body = bytes(message.get("body", b""))
    while message.get("more_body", False):
        message = await receive()
        body += message.get("body", b"")
    return body


def _items(refusal: RefusedError) -> dict[str, list[str]] | dict[str, list[dict[str, str]]]:
    if ERROR_ITEMS.get() == "strings":
        return {field: list(texts) for field, texts in refusal.errors.items()}
    return {field: [{"field": field, "message": text} for text in texts] for field, texts in refusal.errors.items()}


def _late(send: Send, seconds: float) -> Send:
    """Return a `send` that holds the answer back; the work is done by then."""

    async def wait_and_send(message: Message) -> None:
        if message["type"] == "http.response.start":
            await asyncio.sleep(seconds)
        await send(message)

    return wait_and_send
