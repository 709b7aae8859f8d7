"""Talking to the person at the terminal: tables and plain words, results on stdout and talk on stderr."""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.errors import SettingsError, TruckrollError

DONE = 0
FAILED = 1
MISUSED = 2
STOPPED = 130


_WIDE = 140
"""Columns where nobody looks at a terminal: a log, a pipe."""


def out() -> Console:
    """Return the console of results: stdout."""
    return Console(width=None if sys.stdout.isatty() else _WIDE, soft_wrap=True, highlight=False)


def err() -> Console:
    """Return the console of talk: stderr."""
    return Console(stderr=True, soft_wrap=True, highlight=False)


def say(words: str) -> None:
    """Say something on stderr; `words` may carry rich markup."""
    err().print(words)


def print_json(body: dict[str, Any]) -> None:
    """Print one object on one line of stdout, for programs."""
    print(json.dumps(body, ensure_ascii=False, default=str), flush=True)


def table(title: str, *columns: str) -> Table:
    """Return an empty table. A column whose name ends in "#" holds numbers, one in "!" is never broken."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=SIMPLE_HEAD)
    for column in columns:
        made.add_column(
            column.rstrip("#!"),
            justify="right" if column.endswith("#") else "left",
            no_wrap=column.endswith(("#", "!")),
            overflow="fold",
        )
    return made


def add(to: Table, *cells: object) -> None:
    """Add a row; brackets in the cells stay brackets."""
    to.add_row(*(escape(str(cell)) for cell in cells))


def explain(error: TruckrollError) -> int:
    """Say what happened and what to do. Returns the exit code."""
    if os.environ.get("TRUCKROLL_DEBUG") == "1":
        traceback.print_exception(error)
    console = err()
    console.print(f"[bold red]What happened:[/] {escape(error.message or type(error).__name__)}")
    if error.fix:
        console.print(f"[bold]What to do:[/] {escape(error.fix)}")
    return exit_code(error)


def exit_code(error: TruckrollError) -> int:
    """Return 2 when the configuration is wrong, 1 for everything else."""
    return MISUSED if isinstance(error, SettingsError) else FAILED
