"""The application: two addresses, one to read and answer a question, one to say that it runs."""

from __future__ import annotations

import logging
from urllib.parse import parse_qs, urlsplit

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from deployments.web.change import change_page
from deployments.web.closing import (
    NOT_NOW,
    NOTHING_HERE,
    OPEN_AGAIN,
    TOO_LARGE,
    WENT_WRONG,
    Closing,
    closing,
    is_open,
)
from deployments.web.pages import Pages
from deployments.web.view import Said, question_page
from models.approval import ApprovalStatus, Offer, Refused
from models.base import ApprovalId, utc_now
from models.errors import TruckrollError
from models.order_change import KIND
from models.settings import HouseSettings
from models.shop import Shop, load_shop
from models.tables import ApprovalRow
from store import Books
from tasks.approvals import answer_question
from tasks.links import Links, Ticket, page_links

LARGEST_FORM = 16_384
"""Bytes; the form is a few hundred."""
_MOST_FIELDS = 20
_FORM = "application/x-www-form-urlencoded"

log = logging.getLogger("truckroll.web")


class ApprovalPage:
    """Shows questions to the people they were put to, and takes their answers."""

    def __init__(self, books: Books, settings: HouseSettings, links: Links) -> None:
        self._books = books
        self._settings = settings
        self._links = links
        self._pages = Pages()

    async def show(self, token: str) -> Response:
        """Show a question to the person of the link. Changes nothing: mail scanners open links."""
        found = await self._find(token)
        if found is None:
            return self._pages.words(NOTHING_HERE)
        ticket, row = found
        return await self._page(token, ticket, row)

    async def take(self, token: str, request: Request) -> Response:
        """Take an answer: to the ledger by way of the rules, like every other answer."""
        found = await self._find(token)
        if found is None:
            return self._pages.words(NOTHING_HERE)
        if not _is_from_here(request, self._links.base):
            return self._pages.words(OPEN_AGAIN)
        body = await _read_body(request)
        if body is None:
            return self._pages.words(TOO_LARGE)
        said = _read_form(request, body)
        if said is None or not self._links.is_form_nonce(token, said.nonce):
            return self._pages.words(OPEN_AGAIN)
        ticket, row = found
        if is_open(row, utc_now()):
            if row.kind == KIND:
                answer = said.decided(ticket.name)
            else:
                answer = said.answer(Offer.model_validate(row.offer), ticket.name)
            outcome = (
                answer
                if isinstance(answer, Refused)
                else await answer_question(self._books, self._shop(row), row.id, answer)
            )
            row = await self._books.approvals.get(ApprovalId(row.id)) or row
            if isinstance(outcome, Refused):
                return await self._page(token, ticket, row, said=said, refused=outcome)
            return await self._closed(row)
        return await self._closed(row, is_late=True)

    async def _page(
        self, token: str, ticket: Ticket, row: ApprovalRow, *, said: Said | None = None, refused: Refused | None = None
    ) -> Response:
        now, shop = utc_now(), self._shop(row)
        if row.kind == KIND and is_open(row, now):
            nonce = self._links.form_nonce(token)
            return self._pages.question(
                change_page(row, name=ticket.name, shop=shop.name, form_nonce=nonce, said=said, refused=refused)
            )
        request = await self._books.requests.get(row.request_id)
        if not is_open(row, now) or request is None:
            return await self._closed(row, is_late=said is not None)
        page = question_page(
            row,
            request,
            name=ticket.name,
            shop=shop.name,
            zone=shop.zone,
            most=shop.parts.max_quantity,
            now=now,
            form_nonce=self._links.form_nonce(token),
            what_moved=await self._what_moved(row),
            said=said,
            refused=refused,
        )
        return self._pages.question(page)

    async def _closed(self, row: ApprovalRow, *, is_late: bool = False) -> Response:
        """Say what became of the question; `is_late`: to somebody whose answer came after it."""
        newest = await self._books.approvals.newest(row.request_id)
        is_replaced = newest is not None and newest.revision > row.revision
        words = closing(row, zone=self._shop(row).zone, now=utc_now(), is_replaced=is_replaced)
        return self._pages.words(words, is_late=is_late)

    async def _find(self, token: str) -> tuple[Ticket, ApprovalRow] | None:
        ticket = self._links.read(token)
        if ticket is None:
            return None
        row = await self._books.approvals.get(ApprovalId(ticket.approval_id))
        return (ticket, row) if row is not None and ticket.opens(row) else None

    async def _what_moved(self, row: ApprovalRow) -> str:
        """Return why an earlier approval does not count any more; empty for a first question."""
        earlier = await self._books.approvals.list(row.shop, request_id=row.request_id, statuses=[ApprovalStatus.VOID])
        return next((each.closed_because for each in earlier if each.revision == row.revision - 1), "")

    def _shop(self, row: ApprovalRow) -> Shop:
        return load_shop(row.shop, self._settings.shops)

    async def refuse(self, error: HTTPException) -> Response:
        """Answer whatever is not served."""
        headers = dict(error.headers or {})
        return self._pages.words(NOTHING_HERE, status=error.status_code, headers=headers)

    async def fail(self, error: Exception) -> Response:
        """Answer when the house is at fault. The words stay here; the person is told what to do."""
        if isinstance(error, TruckrollError):
            log.error("%s", error)
        return self._pages.words(NOT_NOW if isinstance(error, TruckrollError) else WENT_WRONG)


def build_app(books: Books, settings: HouseSettings) -> FastAPI:
    """Return the application over open books. Raises SettingsError for a secret or an address that will not do."""
    page = ApprovalPage(books, settings, page_links(settings))
    app = FastAPI(title="Truckroll approvals", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)

    @app.get("/approve/{token}")
    async def show(token: str) -> Response:
        return await page.show(token)

    @app.post("/approve/{token}")
    async def take(token: str, request: Request) -> Response:
        return await page.take(token, request)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    async def refuse(_request: Request, error: Exception) -> Response:
        return await page.refuse(error) if isinstance(error, HTTPException) else await page.fail(error)

    for kind in (HTTPException, TruckrollError, Exception):
        app.add_exception_handler(kind, refuse)
    return app


def _is_from_here(request: Request, base: str) -> bool:
    """Tell whether a browser says that the form was sent from this very site. Programs that say nothing may send.

    A page elsewhere could make a browser send the form, but not without the browser naming that page.
    """
    here = {request.headers.get("host", "").lower(), urlsplit(base).netloc.lower()} - {""}
    site = request.headers.get("sec-fetch-site", "same-origin")
    sources = [source for name in ("origin", "referer") if (source := request.headers.get(name))]
    return site in {"same-origin", "none"} and all(urlsplit(source).netloc.lower() in here for source in sources)


async def _read_body(request: Request) -> bytes | None:
    """Return the body, or None when it is larger than any honest form."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_FORM:
            return None
    return body


def _read_form(request: Request, body: bytes) -> Said | None:
    """Return the form; None when it is none."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        return None
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None
    return Said.read({name: values[-1] for name, values in fields.items()})


__all__ = ["ApprovalPage", "Closing", "build_app"]
