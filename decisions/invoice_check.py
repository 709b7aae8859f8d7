"""Whether ServiceTitan's invoice is the planned one, and in what it differs. Source: CHECKLIST OI-27, OI-29."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from decisions.invoicing import InvoicePlan, folded_sku
from decisions.words import money, one_line

_OPEN = {"", "pending"}


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line as ServiceTitan shows it. `description` is plain text."""

    sku_id: int | None
    sku: str
    description: str
    quantity: Decimal
    unit_price: Decimal


@dataclass(frozen=True, slots=True)
class ShownInvoice:
    """An invoice as ServiceTitan shows it, US dollars."""

    number: str
    status: str
    """Pending, Posted or Exported (FACTS section 6)."""
    lines: tuple[ShownLine, ...]
    tax: Decimal
    total: Decimal

    @property
    def is_open(self) -> bool:
        """Whether it may still be changed: once posted it is closed."""
        return self.status.strip().casefold() in _OPEN


def is_line_there(lines: Sequence[ShownLine], at: int, shown: Sequence[ShownLine]) -> bool:
    """Tell whether line `at` of those to write is on the invoice, when all before it are.

    Lines have no name of ours, so they are counted: the invoice must have one more of this line than were written
    before it.
    """
    wanted = _compared(lines[at])
    before = sum(_compared(line) == wanted for line in lines[:at])
    return sum(_compared(line) == wanted for line in shown) > before


def differences(plan: InvoicePlan, shown: ShownInvoice) -> tuple[str, ...]:
    """Say line by line in what the invoice is not the planned one, the tax last; empty when nothing differs."""
    planned = [_Billed(folded_sku(line.sku), Decimal(line.quantity), line.unit_price, line.sku) for line in plan.lines]
    there = [_Billed(folded_sku(line.sku), line.quantity, line.unit_price, line.sku) for line in shown.lines]
    said = [f"lacks {line.said()}" for line in _left_over(planned, there)]
    said += [f"has {line.said()} that is not of the order" for line in _left_over(there, planned)]
    if shown.tax != plan.tax:
        said.append(f"has a tax of {money(shown.tax)} instead of {money(plan.tax)}")
    return tuple(said)


@dataclass(frozen=True, slots=True)
class _Billed:
    """A line by what it costs; descriptions may be reworded."""

    folded: str
    quantity: Decimal
    unit_price: Decimal
    sku: str = field(compare=False)

    def said(self) -> str:
        name = one_line(self.sku) or "an item without code"
        return f"{self.quantity.normalize():f} x {name} at {money(self.unit_price)}"


def _left_over(these: Sequence[_Billed], those: Sequence[_Billed]) -> list[_Billed]:
    """Return which of these have no partner among those."""
    rest = list(those)
    left = []
    for line in these:
        if line in rest:
            rest.remove(line)
        else:
            left.append(line)
    return left


def _compared(line: ShownLine) -> tuple[int | None, str, Decimal, Decimal]:
    return (line.sku_id, " ".join(line.description.split()), line.quantity, line.unit_price)
