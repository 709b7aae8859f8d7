"""The sandbox as one application: vendors under their prefixes, people under `/_sandbox`, a page at `/`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from sandbox import page, people
from sandbox.contractor_commerce import PREFIX as STORE_PREFIX
from sandbox.contractor_commerce import endpoints, reading
from sandbox.contractor_commerce import people as store_people
from sandbox.contractor_commerce.door import in_store_words
from sandbox.edge import Edge, is_stranger
from sandbox.errors import RefusedError, Wording, in_people_words
from sandbox.mailbox import open_smtp
from sandbox.marcone import door as marcone_door
from sandbox.marcone import lookup, orders, tracking
from sandbox.marcone import people as marcone_people
from sandbox.referral_factory import API as PROGRAM_API
from sandbox.referral_factory import PREFIX as PROGRAM_PREFIX
from sandbox.referral_factory import campaigns, inbound, rewards, users
from sandbox.referral_factory import people as program_people
from sandbox.referral_factory.door import Door, in_program_words
from sandbox.servicetitan import (
    accounting,
    appointments,
    booking,
    bookings,
    contact_model,
    crm,
    crm_changes,
    crm_writes,
    feeds,
    invoices,
    jobs,
    lists,
    location_contacts,
    memberships,
    pricebook,
    reference,
    sales,
)
from sandbox.servicetitan import door as titan_door
from sandbox.servicetitan import people as titan_people
from sandbox.servicetitan import people_bookings as titan_bookings
from sandbox.servicetitan import people_crowd as titan_crowd
from sandbox.servicetitan import people_customers as titan_customers
from sandbox.servicetitan import people_fields as titan_fields
from sandbox.servicetitan import people_pricebook as titan_pricebook
from sandbox.servicetitan import people_setup as titan_setup
from sandbox.world import Seed, World, put_world

VENDORS: tuple[tuple[str, Wording], ...] = (
    (titan_door.PREFIX, titan_door.in_titan_words),
    (marcone_door.PREFIX, marcone_door.in_marcone_words),
    (STORE_PREFIX, in_store_words),
    (PROGRAM_PREFIX, in_program_words),
)
"""Each vendor's prefix and how it words a refusal. A vendor added later is one line here and its routers below."""

ROUTERS = (
    titan_door.tokens,
    jobs.router,
    appointments.router,
    booking.router,
    bookings.router,
    appointments.dispatch,
    lists.dispatch,
    lists.marketing,
    crm.router,
    crm_writes.router,
    crm_changes.router,
    contact_model.router,
    location_contacts.router,
    feeds.crm,
    feeds.pricebook,
    reference.settings,
    reference.jpm,
    reference.pricebook,
    pricebook.router,
    reference.equipmentsystems,
    reference.forms,
    sales.router,
    invoices.router,
    accounting.router,
    lists.accounting,
    memberships.router,
    marcone_door.tokens,
    lookup.router,
    orders.router,
    tracking.router,
    reading.router,
    endpoints.router,
    users.router,
    campaigns.router,
    rewards.router,
    inbound.router,
    people.router,
    store_people.router,
    program_people.router,
    titan_bookings.router,
    titan_crowd.router,
    titan_customers.router,
    titan_fields.router,
    location_contacts.people,
    titan_people.router,
    titan_setup.router,
    titan_pricebook.router,
    marcone_people.router,
    page.router,
)


@dataclass(frozen=True)
class MailPort:
    """Where the mailbox listens."""

    host: str
    port: int


class SandboxApp:
    """One world and its edge, outermost, so that a cut connection is really cut. The routes are every sandbox's."""

    def __init__(self, world: World, mail: MailPort | None) -> None:
        self.world = world
        self._mail = mail
        self._edge = Edge(self._serve, world, VENDORS)
        self._door = Door(self._route, world)
        self._life = Starlette(lifespan=self._live)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection: the vendors through the edge, the people's side only to this machine."""
        if scope["type"] != "http":
            await self._life(scope, receive, send)
        elif is_stranger(scope) and not any(scope["path"].startswith(prefix + "/") for prefix, _ in VENDORS):
            await in_people_words(RefusedError(403, "This side answers only to its own machine."))(scope, receive, send)
        else:
            await self._edge(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer without the edge."""
        if scope["path"].startswith(PROGRAM_API + "/"):
            await self._door(scope, receive, send)
        else:
            await self._route(scope, receive, send)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the routes alone."""
        await _routes()(put_world(scope, self.world), receive, send)

    @asynccontextmanager
    async def _live(self, _life: Starlette) -> AsyncIterator[None]:
        world, mail = self.world, self._mail
        server = await open_smtp(world.mailbox, mail.host, mail.port) if mail else None
        try:
            yield
        finally:
            world.store.courier.stop()
            world.program.courier.stop()
            world.titan.courier.stop()
            if server is not None:
                server.close()


def create_app(seed: Seed = "demo", mail: MailPort | None = None) -> SandboxApp:
    """Return a sandbox with fresh state. `mail` opens the mailbox's SMTP port while the application runs."""
    return SandboxApp(World(seed), mail)


@cache
def _routes() -> FastAPI:
    """Return the routes, once: what FastAPI works out for each at its first request takes a tenth of a second."""
    app = FastAPI(title="Truckroll sandbox", docs_url=None, redoc_url=None, openapi_url=None)
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(RequestValidationError, _bad_path)
    app.add_exception_handler(HTTPException, _no_such_route)
    return app


def _worded(request: Request, refusal: RefusedError) -> Response:
    path = request.url.path
    wording = next((word for prefix, word in VENDORS if path.startswith(prefix + "/")), in_people_words)
    return wording(refusal)


async def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, RefusedError)
    return _worded(request, refusal)


async def _bad_path(request: Request, wrong: Exception) -> Response:
    assert isinstance(wrong, RequestValidationError)
    errors = {str(one["loc"][-1]): [str(one["msg"])] for one in wrong.errors()}
    return _worded(request, RefusedError(400, "The address is not well formed.", errors))


async def _no_such_route(request: Request, missing: Exception) -> Response:
    assert isinstance(missing, HTTPException)
    return _worded(
        request, RefusedError(missing.status_code, f"{request.method} {request.url.path}: {missing.detail}.")
    )
