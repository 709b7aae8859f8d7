"""Marcone as it stands when the sandbox starts: the catalogue in stock, no orders."""

from __future__ import annotations

from decimal import Decimal

from sandbox.clock import Clock
from sandbox.marcone.catalog import ROWS, Row
from sandbox.marcone.state import Marcone, StockedPart


def new_marcone(clock: Clock) -> Marcone:
    """Return a Marcone with the whole catalogue."""
    return Marcone(clock, parts={part.key: part for part in map(_stocked, ROWS)})


def _stocked(row: Row) -> StockedPart:
    return StockedPart(
        make=row.make,
        number=row.number,
        description=row.description,
        price=row.net,
        stock=dict(row.stock),
        is_discontinued="discontinued" in row.traits,
        is_drop_ship_only="drop_ship_only" in row.traits,
        is_hazmat="hazmat" in row.traits,
        is_oversize="oversize" in row.traits,
        core=Decimal("40.00") if row.number == "W10595568" else None,
        replaced_by=list(row.replaced_by),
    )
