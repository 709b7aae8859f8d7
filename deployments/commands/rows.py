"""What the reports share: days as people write them, and tables as files."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from deployments.commands.common import usage


def day_of(written: str | None, option: str, otherwise: date) -> date:
    """Read the day an option names, such as 2026-11-01. Raises typer.BadParameter."""
    if written is None:
        return otherwise
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise usage(f"{option} {written} is no day: write it as 2026-11-01.") from None


def write_rows(rows: list[dict[str, Any]], path: Path) -> None:
    """Write a table. Text that a spreadsheet would run as a formula is written as text (OI-71)."""
    import pandas as pd

    def harmless(cell: Any) -> Any:
        is_formula = (isinstance(cell, str) and cell.startswith(("=", "+", "@", "\t"))) or _is_odd(cell)
        return f"'{cell}" if is_formula else cell

    pd.DataFrame(rows).map(harmless).to_csv(path, index=False)


def _is_odd(cell: Any) -> bool:
    """Tell text that begins with a minus and is no amount."""
    return isinstance(cell, str) and cell.startswith("-") and not cell[1:].replace(".", "", 1).isdigit()
