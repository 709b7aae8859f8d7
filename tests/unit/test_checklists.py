"""docs/checklists.md says the truth: every item is there, every test it names exists, nothing is done without one."""

from __future__ import annotations

import ast
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "checklists.md"
CONTRACTS = Path(os.environ.get("TRUCKROLL_CONTRACTS", ROOT.parent / "shared" / "contracts"))
ITEMS = 61
"""The parts checklist counts so many, whether or not the contract is at hand."""

_ROW = re.compile(
    r"^\| (?P<item>(?:PL|OI|RF)-[DS]?\d+) \| (?P<words>[^|]+) \| (?P<status>[^|]+) \| (?P<proof>[^|]*) \|$",
    re.MULTILINE,
)
_RANGE = re.compile(
    r"^\| (?P<kind>[A-Z]+-[A-Z]?)(?P<first>\d+) to (?P=kind)(?P<last>\d+) \| (?P<status>[^|]+) \|$", re.MULTILINE
)
_TEST = re.compile(r"`(tests/[\w/]+\.py::test_\w+)`")
_NAMED = re.compile(r"\b(PL|OI|RF)-([DS]?\d+)\b|_(pl|oi|rf)_?([ds]?\d+)(?=_|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    """One line of the page."""

    item: str
    words: str
    status: str
    proof: str

    @property
    def tests(self) -> list[str]:
        return _TEST.findall(self.proof)


@cache
def rows() -> list[Row]:
    return [Row(**found.groupdict()) for found in _ROW.finditer(PAGE.read_text(encoding="utf-8"))]


def rows_of(prefix: str) -> list[str]:
    return [row.item for row in rows() if row.item.startswith(f"{prefix}-")]


@cache
def known_tests() -> dict[str, set[str]]:
    """Every test function, and the items its name or docstring names."""
    found: dict[str, set[str]] = {}
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                named = _NAMED.findall(f"{node.name} {ast.get_docstring(node) or ''}")
                found[f"{file.relative_to(ROOT).as_posix()}::{node.name}"] = {
                    f"{(kind or short).upper()}-{(one or other).upper()}" for kind, one, short, other in named
                }
    return found


def items_of(contract: str, pattern: str) -> set[str]:
    file = CONTRACTS / contract / "CHECKLIST.md"
    if not file.exists():
        pytest.skip(f"the contract's checklist is not here: {file} (set TRUCKROLL_CONTRACTS)")
    return set(re.findall(pattern, file.read_text(encoding="utf-8")))


def test_every_item_has_its_row_once_and_in_order() -> None:
    """PL-1 to PL-61."""
    assert rows_of("PL") == [f"PL-{number}" for number in range(1, ITEMS + 1)]
    every_line = re.findall(r"^\| (?:PL|OI|RF)-.*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    ranges = _RANGE.findall(PAGE.read_text(encoding="utf-8"))
    assert len(every_line) == len(rows()) + len(ranges)


def test_the_contracts_items_are_these() -> None:
    """The page lists what the contract lists, no more and no less."""
    assert items_of("marcone", r"\bPL-\d+\b") == set(rows_of("PL"))


def _place(item: str) -> tuple[str, int]:
    """The letter that some numbers have, and the number."""
    number = item.partition("-")[2]
    return number.rstrip("0123456789"), int(number.lstrip("DS"))


@pytest.mark.parametrize(("contract", "prefix"), [("contractor_commerce", "OI"), ("referral_factory", "RF")])
def test_the_other_checklists_are_listed_by_row_or_range(contract: str, prefix: str) -> None:
    """Every item has a row of its own, in order, or lies in exactly one range, which names the issue."""
    wanted = items_of(contract, rf"\b{prefix}-[A-Z]?\d+\b")
    own = rows_of(prefix)
    assert own == sorted(own, key=_place)
    listed = own + [
        f"{found['kind']}{number}"
        for found in _RANGE.finditer(PAGE.read_text(encoding="utf-8"))
        if found["kind"].startswith(prefix)
        for number in range(int(found["first"]), int(found["last"]) + 1)
    ]
    assert len(listed) == len(set(listed))
    assert set(listed) == wanted
    for found in _RANGE.finditer(PAGE.read_text(encoding="utf-8")):
        assert re.match(r"not yet \(issues? \d", found["status"])


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.item)
def test_a_row_says_what_is_proven_and_what_is_missing(row: Row) -> None:
    """Done has a test; partly has a test and says what is missing; not yet says what is missing. All tests exist."""
    assert row.words.strip()
    missing = _TEST.sub("", row.proof).replace("<br>", " ").strip(" .")
    match row.status:
        case "done":
            assert row.tests
            assert not missing, missing
        case "partly":
            assert row.tests
            assert missing
        case "not yet":
            assert missing
        case other:
            pytest.fail(f"{row.item} is {other!r}: done, partly or not yet")
    assert len(row.tests) == len(set(row.tests))
    unknown = [test for test in row.tests if test not in known_tests()]
    assert unknown == []


def test_a_test_that_names_an_item_is_listed_with_it() -> None:
    """Else the page would not show what proves it. The message has the line to add."""
    listed = {row.item: row.tests for row in rows()}
    here = Path(__file__).relative_to(ROOT).as_posix()
    absent = [
        f"{item}: `{test}`"
        for test, items in known_tests().items()
        if not test.startswith(f"{here}::")
        for item in sorted(items)
        if test not in listed.get(item, [])
    ]
    assert absent == [], "add to docs/checklists.md:\n" + "\n".join(absent)
