"""The store's invented catalogue: filters, services, memberships; and the buyers who order when nobody is named."""

from __future__ import annotations

from typing import Any

from sandbox.clock import Clock
from sandbox.contractor_commerce.state import Json, Store

OPENED = "2026-01-05T14:00:00Z"

FILTERS = (
    ("FLT-16X25X1-M8", 16, 25, 1, 8, 4, "36.40", "32.76"),
    ("FLT-20X20X1-M11", 20, 20, 1, 11, 4, "44.80", "40.32"),
    ("FLT-20X25X4-M11", 20, 25, 4, 11, 2, "61.25", "55.13"),
    ("FLT-14X20X1-M8", 14, 20, 1, 8, 6, "47.94", "43.15"),
)
"""SKU, width, height, depth in inches, MERV, pack size, price, subscription price in US dollars."""

GOODS = (
    ("HUM-PANEL-10", "Humidifier water panel", "19.75", "17.78"),
    ("UVC-LAMP-14", "UV-C replacement lamp, 14 in", "84.50", None),
)
SERVICES = (
    ("SVC-COOL-TUNE", "Cooling tune-up", "service", "119.00"),
    ("SVC-HEAT-TUNE", "Heating tune-up", "service", "109.00"),
    ("SVC-DRYER-VENT", "Dryer vent cleaning", "service", "139.00"),
    ("MEM-CAHABA", "Cahaba care plan, one system", "membership", "21.00"),
    ("MEM-CORE", "Cahaba home plan, first system", "membership", "25.00"),
    ("MEM-ADDON", "Cahaba home plan, further system", "membership", "9.00"),
)
LINKS = {"MEM-CAHABA": (2101, 2201), "MEM-CORE": (2102, 2202), "MEM-ADDON": (2102, 2203)}
"""Membership type and sale task in ServiceTitan, by SKU."""
BUYERS: tuple[Json, ...] = (
    {
        "first_name": "Lenora", "last_name": "Pike", "email": "lenora.pike@example.com", "phone": "(205) 555-0171",
        "line1": "318 Vulcan Terrace", "city": "Birmingham", "state": "AL", "zip": "35205",
    },
    {
        "first_name": "Amos", "last_name": "Guthrie", "email": "amos.guthrie@example.com", "phone": "205-555-0172",
        "line1": "4406 Patton Creek Road", "city": "Hoover", "state": "AL", "zip": "35244",
    },
    {
        "first_name": "Inez", "last_name": "Baptiste", "email": "inez.baptiste@example.com", "phone": "+1 205 555 0173",
        "line1": "12 Edgewood Boulevard", "line2": "#2A", "city": "Homewood", "state": "AL", "zip": "35209",
    },
)  # fmt: skip


def new_store(clock: Clock) -> Store:
    """Return the store with its catalogue and no order yet."""
    store = Store(clock)
    for place, (sku, width, height, depth, merv, pack, price, renewal) in enumerate(FILTERS):
        spec = {
            "nominal_width_in": width,
            "nominal_height_in": height,
            "nominal_depth_in": depth,
            "merv": merv,
            "pack_size": pack,
        }
        name = f"{width}x{height}x{depth} MERV {merv} filter, {pack}-pack"
        store.products[101 + place] = product(101 + place, sku, name, price, renewal, filter=spec)
    for place, (sku, name, price, by_subscription) in enumerate(GOODS):
        store.products[121 + place] = product(121 + place, sku, name, price, by_subscription)
    for place, (sku, name, kind, price) in enumerate(SERVICES):
        is_membership = kind == "membership"
        store.services[201 + place] = {
            "id": 201 + place,
            "sku": sku,
            "name": name,
            "description": None,
            "kind": kind,
            "price": price,
            "purchase_types": ["subscription"] if is_membership else ["one_time", "subscription"],
            "scheduling_url": "https://shop.example.com/schedule" if is_membership else None,
            "terms_document": "https://shop.example.com/terms/care-plan" if is_membership else None,
            "servicetitan": _link(sku),
            "active": True,
            "created_at": OPENED,
            "updated_at": OPENED,
        }
    return store


def _link(sku: str) -> Json | None:
    if sku not in LINKS:
        return None
    membership_type, sale_task = LINKS[sku]
    return {"membership_type_id": membership_type, "sale_task_id": sale_task}


def product(product_id: int, sku: str, name: str, price: str, subscription_price: str | None, **more: Any) -> Json:
    """Return a product record."""
    return {
        "id": product_id,
        "sku": sku,
        "name": name,
        "description": None,
        "brand": None,
        "category": "Filters" if "filter" in more else "Parts",
        "price": price,
        "subscription_price": subscription_price,
        "cost": None,
        "purchase_types": ["one_time"] if subscription_price is None else ["one_time", "subscription"],
        "fulfillment_method": "dropship",
        "taxable": True,
        "active": True,
        "filter": None,
        "created_at": OPENED,
        "updated_at": OPENED,
    } | more
