"""Webhook endpoints and deliveries. Source: openapi.yaml."""

from __future__ import annotations

import secrets
from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from sandbox.contractor_commerce.door import TheStore, api
from sandbox.contractor_commerce.pages import PageQuery, no_query, page_of, store_query
from sandbox.contractor_commerce.state import moment_of
from sandbox.contractor_commerce.webhooks import Endpoint
from sandbox.errors import RefusedError
from sandbox.strict import Id, QueryInt, read_body

router = api()

HERE = frozenset({"127.0.0.1", "localhost", "::1"})

EventType = Literal[
    "order.created",
    "order.updated",
    "order.completed",
    "order.cancelled",
    "order.refunded",
    "subscription.created",
    "subscription.renewed",
    "subscription.payment_failed",
    "subscription.cancelled",
    "lead.created",
]


class EndpointBody(BaseModel):
    """Source: openapi.yaml `WebhookEndpointCreate`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: str
    events: list[EventType] = Field(min_length=1)
    secret: str | None = Field(None, min_length=16)


class DeliveriesQuery(PageQuery):
    """Source: openapi.yaml `GET /webhook-deliveries`."""

    event_id: str | None = None
    endpoint_id: QueryInt | None = None


@router.get("/webhook-endpoints")
async def list_endpoints(request: Request, store: TheStore) -> JSONResponse:
    """List the registered addresses."""
    query = store_query(PageQuery, request)
    return page_of(request, store, query, [one.shown() for one in store.courier.endpoints.values()])


@router.post("/webhook-endpoints")
async def register(request: Request, store: TheStore) -> JSONResponse:
    """Register an address. The secret is shown this once.

    Raises: RefusedError 422; also for an address on another machine, which the real store would accept.
    """
    no_query(request)
    body = await read_body(EndpointBody, request)
    address = urlsplit(body.url)
    if address.scheme not in {"http", "https"} or not address.hostname:
        raise RefusedError(422, "The url field must be a valid URL.", {"url": ["The url field must be a valid URL."]})
    if address.hostname not in HERE:
        raise RefusedError(422, "Not here.", {"url": ["The sandbox delivers only to its own machine."]})
    secret = body.secret or secrets.token_hex(24)
    endpoint = Endpoint(store.new_id(), body.url, list(dict.fromkeys(body.events)), secret, store.now())
    store.courier.endpoints[endpoint.id] = endpoint
    return JSONResponse({"data": endpoint.shown() | {"secret": secret}}, 201)


@router.delete("/webhook-endpoints/{id}")
async def unregister(request: Request, store: TheStore, endpoint_id: Id) -> Response:
    """Stop deliveries to an address."""
    no_query(request)
    if store.courier.endpoints.pop(endpoint_id, None) is None:
        raise RefusedError(404, f"Webhook endpoint {endpoint_id} was not found.")
    return Response(status_code=204)


@router.get("/webhook-deliveries")
async def list_deliveries(request: Request, store: TheStore) -> JSONResponse:
    """List deliveries, oldest first."""
    query = store_query(DeliveriesQuery, request)
    rows = [
        one
        for one in store.courier.deliveries.values()
        if query.event_id in {None, one.event["id"]} and query.endpoint_id in {None, one.endpoint.id}
    ]
    places = {one.id: (moment_of(one.event["created_at"]), one.number) for one in rows}
    return page_of(request, store, query, [one.shown() for one in rows], lambda row: places[row["id"]])


@router.post("/webhook-deliveries/{delivery_id}/redeliver")
async def redeliver(request: Request, store: TheStore, delivery_id: Annotated[str, Path()]) -> JSONResponse:
    """Send one delivery again: same event id, new delivery id."""
    no_query(request)
    delivery = store.courier.deliveries.get(delivery_id)
    if delivery is None:
        raise RefusedError(404, f"Webhook delivery {delivery_id} was not found.")
    return JSONResponse({"data": store.courier.redeliver(delivery).shown()}, 202)
