"""Orders, products, services, subscriptions and leads: read only. Source: openapi.yaml."""

from __future__ import annotations

from typing import Literal

from fastapi import Request
from fastapi.responses import JSONResponse

from sandbox.contractor_commerce.door import TheStore, api
from sandbox.contractor_commerce.pages import SinceQuery, no_query, page_of, store_query
from sandbox.contractor_commerce.state import found
from sandbox.strict import Id, QueryBool

router = api()


class OrdersQuery(SinceQuery):
    """Source: openapi.yaml `GET /orders`. `customer_email` is exact but for case."""

    order_type: Literal["product", "service", "mixed"] | None = None
    purchase_type: Literal["one_time", "subscription", "mixed"] | None = None
    status: Literal["pending", "processing", "completed", "cancelled"] | None = None
    customer_email: str | None = None


class ServicesQuery(SinceQuery):
    """Source: openapi.yaml `GET /services`."""

    active: QueryBool | None = None


class ProductsQuery(ServicesQuery):
    """Source: openapi.yaml `GET /products`."""

    sku: str | None = None


class SubscriptionsQuery(SinceQuery):
    """Source: openapi.yaml `GET /subscriptions`."""

    status: str | None = None


@router.get("/orders")
async def list_orders(request: Request, store: TheStore) -> JSONResponse:
    """List orders."""
    query = store_query(OrdersQuery, request)
    rows = [
        one
        for one in store.orders.values()
        if all(
            getattr(query, name) is None or one.get(name) == getattr(query, name)
            for name in ("order_type", "purchase_type", "status")
        )
        and (
            query.customer_email is None
            or (one["customer"].get("email") or "").strip().casefold() == query.customer_email.strip().casefold()
        )
    ]
    return page_of(request, store, query, rows)


@router.get("/orders/{id}")
async def get_order(request: Request, store: TheStore, order_id: Id) -> JSONResponse:
    """Read one order."""
    no_query(request)
    return JSONResponse({"data": store.order(order_id)})


@router.get("/products")
async def list_products(request: Request, store: TheStore) -> JSONResponse:
    """List products."""
    query = store_query(ProductsQuery, request)
    rows = [
        one
        for one in store.products.values()
        if query.active in {None, one["active"]} and query.sku in {None, one["sku"]}
    ]
    return page_of(request, store, query, rows)


@router.get("/products/{id}")
async def get_product(request: Request, store: TheStore, product_id: Id) -> JSONResponse:
    """Read one product."""
    no_query(request)
    return JSONResponse({"data": found(store.products, product_id, "Product")})


@router.get("/services")
async def list_services(request: Request, store: TheStore) -> JSONResponse:
    """List services and memberships."""
    query = store_query(ServicesQuery, request)
    rows = [one for one in store.services.values() if query.active in {None, one["active"]}]
    return page_of(request, store, query, rows)


@router.get("/services/{id}")
async def get_service(request: Request, store: TheStore, service_id: Id) -> JSONResponse:
    """Read one service."""
    no_query(request)
    return JSONResponse({"data": found(store.services, service_id, "Service")})


@router.get("/subscriptions")
async def list_subscriptions(request: Request, store: TheStore) -> JSONResponse:
    """List subscriptions."""
    query = store_query(SubscriptionsQuery, request)
    rows = [one for one in store.subscriptions.values() if query.status in {None, one["status"]}]
    return page_of(request, store, query, rows)


@router.get("/subscriptions/{id}")
async def get_subscription(request: Request, store: TheStore, subscription_id: Id) -> JSONResponse:
    """Read one subscription."""
    no_query(request)
    return JSONResponse({"data": found(store.subscriptions, subscription_id, "Subscription")})


@router.get("/leads")
async def list_leads(request: Request, store: TheStore) -> JSONResponse:
    """List leads."""
    query = store_query(SinceQuery, request)
    return page_of(request, store, query, store.leads.values())


@router.get("/leads/{id}")
async def get_lead(request: Request, store: TheStore, lead_id: Id) -> JSONResponse:
    """Read one lead."""
    no_query(request)
    return JSONResponse({"data": found(store.leads, lead_id, "Lead")})
