"""The application: an address per vendor and shop that takes deliveries, and one to say that it runs.

Answers have no words. A delivery is kept in the store before it is answered, and nobody is called meanwhile. What it
says is not believed: the pass reads the record it names from the vendor. docs/adr/0013-webhook-receiver.md and 0016.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from connectors.webhooks import Refusal
from deployments.hooks.sources import PROCESSES, PROGRAM, STORE, STRANGER, TENANT, Keeping, Sent, Source
from deployments.hooks.starter import Starter
from models.errors import TruckrollError
from models.settings import HouseSettings
from models.shop import Shop, load_shop, shop_names
from store import Books
from tasks.connections import is_connected

BODY_WITHIN_S = 5.0
KEPT_WITHIN_S = 4.0
"""Together under the 10 seconds the store waits for an answer (openapi.yaml, callback `event`) [inferred]."""

COME_AGAIN_S = 30
"""Told in Retry-After when nothing can be kept now."""

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Robots-Tag": "noindex, nofollow"}

log = logging.getLogger("truckroll.hooks")


class Receiver:
    """Takes deliveries for the shops of this house, or for those named."""

    def __init__(
        self, books: Books, settings: HouseSettings, starter: Starter, *, shops: Sequence[str] | None = None
    ) -> None:
        """`shops`: serve these only; None serves every shop that has a file."""
        self._books = books
        self._settings = settings
        self._starter = starter
        self._shops = shops

    def shops(self) -> list[str]:
        """Return the shops there are now. A name that is not among them never reaches the file system."""
        return [name for name in shop_names(self._settings.shops) if self._shops is None or name in self._shops]

    async def take(self, source: Source, shop: str, request: Request, *, token: str = "") -> Response:
        """Take one delivery. Whatever goes wrong on our side, the vendor is asked to come again."""
        if shop not in self.shops():
            return _answer(STRANGER.status)
        try:
            return await self._take(source, shop, request, token)
        except ClientDisconnect:
            return _answer(HTTPStatus.BAD_REQUEST)
        except TruckrollError as error:
            log.error("shop %s: a delivery was not taken: %s", shop, error)  # noqa: TRY400 - the words say it all
        except Exception as error:  # noqa: BLE001 - its words may hold what was sent: only its kind is told
            log.error("shop %s: a delivery could not be kept (%s).", shop, type(error).__name__)  # noqa: TRY400
        return _answer(HTTPStatus.SERVICE_UNAVAILABLE, retry_after_s=COME_AGAIN_S)

    async def _take(self, source: Source, name: str, request: Request, token: str) -> Response:
        shop = load_shop(name, self._settings.shops)
        query: bytes = request.scope.get("query_string", b"")
        sent = Sent(request.headers, token, query.decode("utf-8", "replace"))
        refused = source.refuse_unread(shop, sent)
        if refused is not None:
            return _refuse(name, source, refused)
        body = await _read_body(request, source.largest_body - len(query))
        if isinstance(body, HTTPStatus):
            return _answer(body)
        taken = source.read(shop, replace(sent, body=body))
        if isinstance(taken, Refusal):
            return _refuse(name, source, taken)
        return _answer(HTTPStatus.OK) if taken is None else await self._keep(source, shop, taken)

    async def _keep(self, source: Source, shop: Shop, keep: Keeping) -> Response:
        async with asyncio.timeout(KEPT_WITHIN_S):
            if not all([await is_connected(self._books, shop, section) for section in source.needs]):
                return _answer(HTTPStatus.OK)
            await keep(self._books, shop.name)
        self._starter.ring(shop.name, source.process)
        return _answer(HTTPStatus.ACCEPTED)


def build_app(
    books: Books, settings: HouseSettings, *, shops: Sequence[str] | None = None, starter: Starter | None = None
) -> FastAPI:
    """Return the application over open books. While it runs, so does the starter."""
    knock = starter or Starter(books)
    receiver = Receiver(books, settings, knock, shops=shops)

    @asynccontextmanager
    async def running(_app: FastAPI) -> AsyncIterator[None]:
        for shop in receiver.shops():
            for process in PROCESSES:
                knock.ring(shop, process)  # something may have been kept just before an earlier receiver ended
        work = asyncio.create_task(knock.work())
        yield
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False, lifespan=running)

    @app.post("/contractor-commerce/{shop}")
    async def store(shop: str, request: Request) -> Response:
        return await receiver.take(STORE, shop, request)

    @app.post("/contractor-commerce/{shop}/{token}")
    async def store_by_token(shop: str, token: str, request: Request) -> Response:
        return await receiver.take(STORE, shop, request, token=token)

    @app.api_route("/referral-factory/{shop}", methods=["GET", "POST"])
    async def program(shop: str, request: Request) -> Response:
        return await receiver.take(PROGRAM, shop, request)

    @app.post("/servicetitan/{shop}")
    async def tenant(shop: str, request: Request) -> Response:
        return await receiver.take(TENANT, shop, request)

    @app.get("/health")
    async def health() -> Response:
        return _answer(HTTPStatus.OK)

    async def nothing_here(_request: Request, _error: Exception) -> Response:
        return _answer(HTTPStatus.NOT_FOUND)

    app.add_exception_handler(HTTPException, nothing_here)
    return app


async def _read_body(request: Request, largest: int) -> bytes | HTTPStatus:
    """Return the body, or the status that refuses it: too large or too slow. Never holds more than is allowed."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for piece in request.stream():
                if len(body) + len(piece) > largest:
                    return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
                body += piece
    except TimeoutError:
        return HTTPStatus.REQUEST_TIMEOUT
    return bytes(body)


def _refuse(shop: str, source: Source, refusal: Refusal) -> Response:
    """Refuse; a shop that takes no deliveries looks like one that is not there."""
    log.warning("shop %s: a delivery was refused: %s (%s)", shop, refusal.why, source.section)
    is_hidden = refusal.status == HTTPStatus.FORBIDDEN
    return _answer(HTTPStatus.NOT_FOUND if is_hidden else refusal.status)


def _answer(status: int, *, retry_after_s: int | None = None) -> Response:
    headers = dict(_HEADERS)
    if status >= HTTPStatus.BAD_REQUEST:
        headers["Connection"] = "close"  # whatever is still being sent is not wanted
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    return Response(status_code=status, headers=headers)
