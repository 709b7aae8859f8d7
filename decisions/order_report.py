"""Does what the store sold agree with what ServiceTitan invoices? Order by order, for a period.

Source: contracts/contractor_commerce/CHECKLIST.md OI-7. Amounts are in the order's currency, to the cent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from decisions.invoicing import PartKind, split_cart
from models.order_sync import OrderStage, WrittenPart
from models.store_order import StoreOrder

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One order. `sold` is its product part, which alone is invoiced by us; `services` is the rest."""

    number: str
    placed_at: datetime
    stage: OrderStage
    sold: Decimal
    services: Decimal
    refunded: Decimal
    invoiced: Decimal | None
    """What ServiceTitan's invoice shows now; None while there is none."""
    job: str
    words: str

    @property
    def difference(self) -> Decimal:
        """Invoiced less sold; the whole sale while it is not invoiced."""
        return (self.invoiced or _ZERO) - self.sold


@dataclass(frozen=True, slots=True)
class OrderReport:
    """All orders of the period that were sold: what was ignored, such as a test order, is not in it."""

    lines: tuple[OrderLine, ...]

    @property
    def sold(self) -> Decimal:
        """Products sold in the store."""
        return sum((line.sold for line in self.lines), _ZERO)

    @property
    def invoiced(self) -> Decimal:
        """What ServiceTitan's invoices of them show."""
        return sum((line.invoiced or _ZERO for line in self.lines), _ZERO)

    @property
    def differences(self) -> tuple[OrderLine, ...]:
        """The orders whose invoice is not what was sold, or is not there."""
        return tuple(line for line in self.lines if line.difference)


def report_line(
    order: StoreOrder, stage: OrderStage, words: str, parts: Iterable[WrittenPart], totals: Mapping[int, Decimal]
) -> OrderLine:
    """Put one order beside its invoice. `totals` are the invoices' by id, as ServiceTitan shows them now."""
    sums = {part.kind: part.total for part in split_cart(order)}
    written = [part for part in parts if part.kind == "product"]
    found = [totals[part.invoice] for part in written if part.invoice is not None and part.invoice in totals]
    return OrderLine(
        number=order.number,
        placed_at=order.created_at,
        stage=stage,
        sold=sums.get(PartKind.PRODUCT, _ZERO),
        services=sums.get(PartKind.SERVICE, _ZERO),
        refunded=order.refunded_total,
        invoiced=sum(found, _ZERO) if found else None,
        job=written[0].number if written else "",
        words=words,
    )
