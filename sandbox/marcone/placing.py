"""How Marcone turns wanted lines into orders: substitution, warehouse, method, stock. Source: FACTS 6 and 7."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sandbox.clock import SATURDAY
from sandbox.errors import RefusedError
from sandbox.marcone import HOME_WAREHOUSE
from sandbox.marcone.lookup import NOT_FOUND
from sandbox.marcone.state import Marcone, Order, OrderLine, StockedPart
from sandbox.marcone.warehouses import FAST_DAYS, FEDEX_GROUND, WAREHOUSES, Warehouse, method_named, transit_days

DROP_SHIP = ""
"""The "warehouse" of parts that ship from their maker."""
DROP_SHIP_TRANSIT = 4


class DeclinedError(Exception):
    """The order is declined: HTTP 200, no order numbers, this reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class Wanted:
    """A line as the client sent it."""

    make: str
    number: str
    quantity: int
    reference: str
    warehouse: str


@dataclass
class ResolvedLine:
    """A line that can be placed: which part, from where, how much of it is missing there."""

    part: StockedPart
    quantity: int
    reference: str
    warehouse: str
    backordered: int
    substitution: dict[str, str] | None


def resolve(marcone: Marcone, items: list[Wanted], default_warehouse: str, method: str | None) -> list[ResolvedLine]:
    """Check every line before any is placed.

    Raises: DeclinedError; RefusedError 400 for an unknown part.
    """
    taken: dict[tuple[str, str, str], int] = {}
    lines: list[ResolvedLine] = []
    for item in items:
        ordered = marcone.find(item.number, item.make)
        if not ordered:
            raise RefusedError(400, NOT_FOUND)
        part = _shipped_part(marcone, ordered[0])
        substitution = None
        if part is not ordered[0]:
            substitution = {
                "make": ordered[0].make,
                "partNumber": ordered[0].number,
                "subMake": part.make,
                "subPartNumber": part.number,
            }
        warehouse = _warehouse_for(part, item.warehouse or default_warehouse)
        _check_method(part, warehouse, method)
        missing = 0
        if warehouse is not None:
            spot = (*part.key, warehouse.number)
            free = max(0, part.stock.get(warehouse.number, 0) - taken.get(spot, 0))
            taken[spot] = taken.get(spot, 0) + item.quantity
            missing = max(0, item.quantity - free)
        number = warehouse.number if warehouse else DROP_SHIP
        lines.append(ResolvedLine(part, item.quantity, item.reference, number, missing, substitution))
    return lines


def _shipped_part(marcone: Marcone, part: StockedPart) -> StockedPart:
    """Return what would be shipped: Marcone may send a newer number without asking (FACTS 6)."""
    switch = marcone.switches.substitute.get(part.number)
    if switch is not None:
        substitute = marcone.parts.get(switch)
        if substitute is None:
            raise DeclinedError(f"{part.number} is not available.")
        return substitute
    seen: set[tuple[str, str]] = set()
    while part.is_discontinued and part.total == 0:
        successors = [marcone.parts[key] for key in part.replaced_by if key in marcone.parts]
        if len(successors) != 1 or part.key in seen:
            raise DeclinedError(f"{part.number} is discontinued.")
        seen.add(part.key)
        part = successors[0]
    return part


def _warehouse_for(part: StockedPart, wanted: str) -> Warehouse | None:
    """Return the shipping warehouse; None: it ships from the maker. A blank falls to the account's home warehouse."""
    if part.is_drop_ship_only:
        return None
    if wanted and wanted not in WAREHOUSES:
        raise DeclinedError(f"Warehouse {wanted} does not exist.")
    if not wanted and part.stock.get(HOME_WAREHOUSE, 0) <= 0:
        raise DeclinedError(f"{part.number} is a non-stock part at warehouse {HOME_WAREHOUSE}.")
    return WAREHOUSES[wanted or HOME_WAREHOUSE]


def _check_method(part: StockedPart, warehouse: Warehouse | None, name: str | None) -> None:
    if name is None or warehouse is None:
        return
    method = method_named(warehouse, name)
    if method is None:
        raise DeclinedError(f"Shipping method {name} is not available at warehouse {warehouse.number}.")
    if method.is_air and (part.is_hazmat or part.is_oversize):
        raise DeclinedError(f"{part.number} cannot ship by {name}.")


def place(
    marcone: Marcone, lines: list[ResolvedLine], po_number: str, method: str, ship_to: dict[str, str]
) -> list[str]:
    """Write the orders, one per shipping warehouse, and take the stock; return their numbers."""
    groups: dict[str, list[ResolvedLine]] = {}
    for line in lines:
        groups.setdefault(line.warehouse, []).append(line)
    parcels = list(groups.items())
    if marcone.switches.split:
        parcels = [parcel for warehouse, group in parcels for parcel in _halves(warehouse, group)]
    return [_write(marcone, group, warehouse, po_number, method, ship_to) for warehouse, group in parcels]


def _halves(warehouse: str, group: list[ResolvedLine]) -> list[tuple[str, list[ResolvedLine]]]:
    """Split a parcel in two: by lines, or one line by pieces; a single piece stays whole."""
    if len(group) > 1:
        return [(warehouse, group[:1]), (warehouse, group[1:])]
    line = group[0]
    if line.quantity == 1:
        return [(warehouse, group)]
    first_count = line.quantity // 2
    late = min(line.backordered, line.quantity - first_count)
    first = ResolvedLine(line.part, first_count, line.reference, warehouse, line.backordered - late, line.substitution)
    rest = ResolvedLine(line.part, line.quantity - first_count, line.reference, warehouse, late, line.substitution)
    return [(warehouse, [first]), (warehouse, [rest])]


def _write(
    marcone: Marcone, group: list[ResolvedLine], warehouse: str, po_number: str, method: str, ship_to: dict[str, str]
) -> str:
    now = marcone.clock.now()
    place_from = WAREHOUSES.get(warehouse)
    days = transit_days(place_from, ship_to["zip"]) if place_from else DROP_SHIP_TRANSIT
    picks_from = now
    while picks_from.weekday() >= SATURDAY:
        picks_from = (picks_from + timedelta(days=1)).replace(hour=13, minute=0)
    order = Order(
        number=marcone.new_order_number(),
        po_number=po_number,
        warehouse=warehouse,
        shipping_method=method or FEDEX_GROUND.name,
        ship_to=ship_to,
        lines=[],
        placed_at=now,
        picks_from=picks_from,
        transit_days=min(days, FAST_DAYS.get(method, days)),
        is_drop_ship=place_from is None,
    )
    for line in group:
        if place_from is not None:
            line.part.stock[warehouse] = line.part.stock.get(warehouse, 0) - (line.quantity - line.backordered)
        order.lines.append(
            OrderLine(
                line.part.make, line.part.number, line.quantity, line.reference, line.part.price, line.backordered
            )
        )
    marcone.orders[order.number] = order
    return order.number
