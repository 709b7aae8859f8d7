"""Whether ServiceTitan's invoice is the planned one."""

from __future__ import annotations

from decimal import Decimal

import pytest

from decisions.invoice_check import ShownInvoice, ShownLine, differences, is_line_there
from decisions.invoicing import InvoiceLine, InvoicePlan, LineRole


def shown(sku: str = "A", quantity: str = "1", price: str = "5.00", description: str = "Filter") -> ShownLine:
    return ShownLine(ord(sku[0]), sku, description, Decimal(quantity), Decimal(price))


def invoice(*lines: ShownLine, tax: str = "0", status: str = "Pending") -> ShownInvoice:
    total = sum((one.quantity * one.unit_price for one in lines), Decimal(tax))
    return ShownInvoice("1001", status, lines, Decimal(tax), total)


def plan(*lines: tuple[str, int, str], tax: str = "0") -> InvoicePlan:
    return InvoicePlan(
        tuple(InvoiceLine(LineRole.ITEM, sku, "Filter", count, Decimal(price)) for sku, count, price in lines),
        Decimal(tax),
    )


@pytest.mark.parametrize(
    ("there", "at", "is_there"),
    [
        pytest.param([], 0, False, id="nothing there"),
        pytest.param([shown()], 0, True, id="there"),
        pytest.param([shown(price="5")], 0, True, id="amounts compare, not their writing"),
        pytest.param([shown(description=" Filter  ")], 0, True, id="blanks do not count"),
        pytest.param([shown(description="Theirs")], 0, False, id="another description is theirs"),
        pytest.param([shown("B")], 0, False, id="another item"),
        pytest.param([shown(quantity="2")], 0, False, id="another quantity"),
        pytest.param([shown(), shown("B")], 2, False, id="the first of two equal ones only"),
        pytest.param([shown(), shown("B"), shown()], 2, True, id="both of two equal ones"),
    ],
)
def test_lines_are_counted(there: list[ShownLine], at: int, is_there: bool) -> None:
    """OI-27, OI-67: the first and the third to write are equal."""
    assert is_line_there([shown(), shown("B"), shown()], at, there) is is_there


@pytest.mark.parametrize(
    ("planned", "there", "said"),
    [
        pytest.param(plan(("A", 1, "5.00")), invoice(shown("a")), (), id="the same, in another case"),
        pytest.param(plan(("A", 2, "5.00")), invoice(shown(description="reworded", quantity="2")), (), id="reworded"),
        pytest.param(
            plan(("A", 2, "5.00"), ("B", 1, "-1.00")),
            invoice(shown("B", price="-1.00")),
            ("lacks 2 x A at $5.00",),
            id="lacks one",
        ),
        pytest.param(
            plan(("A", 1, "5.00")),
            invoice(shown(), shown(), shown("C", "0.5", "8.00")),
            ("has 1 x A at $5.00 that is not of the order", "has 0.5 x C at $8.00 that is not of the order"),
            id="has more",
        ),
        pytest.param(
            plan(("A", 1, "5.00")),
            invoice(shown(price="6.00")),
            ("lacks 1 x A at $5.00", "has 1 x A at $6.00 that is not of the order"),
            id="another price",
        ),
        pytest.param(
            plan(("A", 1, "5.00"), tax="1.00"),
            invoice(shown(), tax="0.98"),
            ("has a tax of $0.98 instead of $1.00",),
            id="another tax",
        ),
    ],
)
def test_every_difference_is_said(planned: InvoicePlan, there: ShownInvoice, said: tuple[str, ...]) -> None:
    """OI-29."""
    assert differences(planned, there) == said


def test_a_line_without_a_code_has_a_name() -> None:
    """OI-29."""
    blank = ShownLine(None, "", "Labor", Decimal(10), Decimal(1))
    assert differences(plan(), invoice(blank)) == ("has 10 x an item without code at $1.00 that is not of the order",)


@pytest.mark.parametrize(
    ("status", "is_open"), [("Pending", True), ("", True), ("pending", True), ("Posted", False), ("Exported", False)]
)
def test_a_posted_invoice_is_closed(status: str, is_open: bool) -> None:
    """OI-29."""
    assert invoice(status=status).is_open is is_open
