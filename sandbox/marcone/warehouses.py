"""The warehouses, what they ship with, and how long it takes. All invented; the numbers 601 and 901 are seen ones."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """A way to ship. WILL CALL has id 4, the carriers' ids are those of the old SOAP service (FACTS 11)."""

    id: int
    name: str
    carrier: str
    cost: str
    """US dollars per order."""
    is_air: bool = False


FEDEX_GROUND = Method(20, "FedEx Ground", "FedEx", "9.50")
FEDEX_HOME = Method(21, "FedEx Ground Residential", "FedEx", "11.25")
FEDEX_OVERNIGHT = Method(22, "FedEx Standard Overnight", "FedEx", "38.00", is_air=True)
FEDEX_SECOND_DAY = Method(23, "FedEx Second Day", "FedEx", "24.00", is_air=True)
UPS_GROUND = Method(15, "UPS Ground", "UPS", "9.80")
UPS_NEXT_DAY = Method(2, "UPS Next Day Air", "UPS", "39.00", is_air=True)
UPS_SECOND_DAY = Method(3, "UPS 2nd Day", "UPS", "25.00", is_air=True)
LTL = Method(9, "LTL", "Freight", "115.00")
WILL_CALL = Method(4, "WILL CALL", "Pickup", "0.00")

FAST_DAYS = {FEDEX_OVERNIGHT.name: 1, UPS_NEXT_DAY.name: 1, FEDEX_SECOND_DAY.name: 2, UPS_SECOND_DAY.name: 2}


@dataclass(frozen=True)
class Warehouse:
    """A branch. `place` is latitude and longitude."""

    number: str
    name: str
    place: tuple[float, float]
    methods: tuple[Method, ...]


WAREHOUSES = {
    one.number: one
    for one in (
        Warehouse("601", "Birmingham", (33.5, -86.8), (FEDEX_GROUND, FEDEX_HOME, FEDEX_OVERNIGHT, LTL, WILL_CALL)),
        Warehouse("602", "Atlanta", (33.7, -84.4), (FEDEX_GROUND, FEDEX_HOME, FEDEX_OVERNIGHT, FEDEX_SECOND_DAY)),
        Warehouse("701", "Dallas", (32.8, -96.8), (FEDEX_GROUND, UPS_GROUND, UPS_NEXT_DAY, UPS_SECOND_DAY, LTL)),
        Warehouse("901", "St. Louis", (38.6, -90.2), (FEDEX_GROUND, UPS_GROUND, UPS_SECOND_DAY, WILL_CALL)),
    )
}

# Where a ZIP code roughly is, by its first two digits, else by its first.
PLACES = {
    "35": (33.5, -86.8), "36": (32.4, -86.3), "30": (33.7, -84.4), "31": (32.1, -83.0), "32": (30.3, -81.7),
    "33": (26.7, -80.5), "34": (27.5, -81.8), "37": (36.0, -86.0), "38": (35.1, -89.5), "39": (32.3, -90.0),
    "63": (38.6, -90.2), "75": (32.8, -96.8), "76": (32.8, -97.4), "77": (29.8, -95.4),
    "0": (42.0, -72.0), "1": (41.0, -75.5), "2": (37.5, -78.5), "3": (33.0, -84.5), "4": (40.0, -84.0),
    "5": (44.0, -93.0), "6": (39.5, -92.5), "7": (33.0, -95.5), "8": (39.5, -108.0), "9": (38.5, -120.5),
}  # fmt: skip


def transit_days(warehouse: Warehouse, zip_code: str) -> int:
    """Return business days by ground: 1 within 150 km, then one more for every further 500 km, at most 6."""
    there = PLACES.get(zip_code[:2]) or PLACES.get(zip_code[:1]) or PLACES["6"]
    km = math.dist((0.0, 0.0), (111 * (there[0] - warehouse.place[0]), 92 * (there[1] - warehouse.place[1])))
    return min(6, 1 + math.ceil(max(0.0, km - 150) / 500))


def method_named(warehouse: Warehouse, name: str) -> Method | None:
    """Return the warehouse's method of that exact name, or None."""
    return next((one for one in warehouse.methods if one.name == name), None)
