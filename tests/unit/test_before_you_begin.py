"""The guide for the time before the set-up: every hand-off is marked, and the steps come in their order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flows.running import PASSES

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "before-you-begin.md"


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading, its own heading left out."""
    section = PAGE.read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


HANDED_OVER = [row for row in rows("Write down how it goes today") if row[2] == "yes"]


def test_every_step_of_today_is_marked_as_hand_off_or_none() -> None:
    """PL-45: written down as steps, with who does it and where."""
    today = rows("Write down how it goes today")
    assert len(today) > 8
    for step, who, hand_off, ours in today:
        assert step
        assert who
        assert hand_off in {"yes", "no"}
        assert ours.startswith(("stays", "by itself: "))
        assert hand_off == "yes" or ours.startswith("stays"), "what is no hand-off is not taken over"
    assert len(HANDED_OVER) > 6


@pytest.mark.parametrize("row", HANDED_OVER, ids=lambda row: row[0])
def test_every_hand_off_names_the_process_that_takes_it_over_or_why_it_stays(row: list[str]) -> None:
    """PL-45: marked for automation, by a process that there is."""
    ours = row[3]
    named = set(re.findall(r"\[([a-z-]+)\]", ours))
    assert named <= set(PASSES)
    assert bool(named) == ours.startswith("by itself")
    assert named or ours.removeprefix("stays").startswith(": ")


def test_the_set_up_steps_are_in_their_order_and_each_says_when_it_passes() -> None:
    """PL-48: map, access, identification, match, approval, date, notification, pilot."""
    steps = rows("The order of the set-up")
    words = ["map", "access", "identification", "match", "approval", "date", "notification", "pilot"]
    assert [step for step, *_ in steps] == [f"{number}. {word}" for number, word in enumerate(words, start=1)]
    assert all(todo and passes for _, todo, passes in steps)
