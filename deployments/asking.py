"""Asking the person at the terminal: a text, yes or no, one of a list. Questions go to stderr, like all talk."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.markup import escape

from decisions.choices import nearest_first, same_name
from deployments import talk
from models.tenant import Offered

MOST_SHOWN = 15
NONE = "0"

_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_LONGEST = 64


def text(question: str, default: str = "", *, check: Callable[[str], str] | None = None) -> str:
    """Ask until `check` takes the answer; Enter takes the default. `check` returns what was meant, or says why not."""
    while True:
        said = str(typer.prompt(question, default=default, show_default=bool(default), err=True)).strip()
        try:
            return check(said) if check else said
        except ValueError as error:
            talk.say(f"  [red]{escape(str(error))}[/]")


def yes(question: str, *, default: bool) -> bool:
    """Ask for yes or no; Enter takes the default."""
    return typer.confirm(question, default=default, err=True)


def variable(question: str, default: str, *, optional: bool = False) -> str:
    """Ask for the name of the environment variable that holds a secret; return the reference for the shop file.

    What is typed is never repeated: it could be the secret itself.
    """

    def check(said: str) -> str:
        if optional and not said:
            return ""
        if not _VARIABLE.fullmatch(said) or len(said) > _LONGEST:
            raise ValueError("Write the name of an environment variable, such as ST_APP_KEY: never the secret itself.")
        return said

    said = text(f"{question}: in which environment variable", default, check=check)
    if said and not os.environ.get(said):
        talk.say("  That variable is not set here: set it for the process that runs Truckroll.")
    return f"${{{said}}}" if said else ""


def whole_number(said: str) -> str:
    """Take a whole number above zero."""
    if not (said.isascii() and said.isdigit() and int(said) > 0):
        raise ValueError("Write a whole number.")
    return said


def number_or_none(said: str) -> str:
    """Take a whole number, or nothing."""
    return "" if said in {"", NONE} else whole_number(said)


def address(said: str) -> str:
    """Take a web address."""
    if not re.fullmatch(r"https?://[^\s/]\S*", said):
        raise ValueError("Write an address such as https://api.example.com.")
    return said


def time_zone(said: str) -> str:
    """Take the name of a time zone."""
    try:
        return ZoneInfo(said).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("Write a time zone such as America/Chicago.") from error


def choice(question: str, entries: Sequence[Offered], *, hint: str = "", current: str = "", advice: str = "") -> str:
    """Offer the active entries, the nearest to `current` or else to `hint` first; return the chosen name, or nothing.

    A number chooses, a part of a name looks for it, Enter keeps `current`, or chooses none where there is none.
    """
    talk.say(f"\n[bold]{escape(question)}[/]" + (f"\n  {escape(advice)}" if advice else ""))
    offered = nearest_first(current or hint, entries)
    if not offered:
        talk.say("  ServiceTitan offers none here. Write the name it will have, or Enter for none.")
        return text("  Name", current)
    while True:
        _show(offered)
        enter = f'Enter: "{current}"; {NONE}: none' if current else "Enter: none"
        said = str(
            typer.prompt(f"  Number, or part of a name ({enter})", default="", show_default=False, err=True)
        ).strip()
        if not said:
            return current
        if said == NONE:
            return ""
        if said.isascii() and said.isdigit() and int(said) <= min(len(offered), MOST_SHOWN):
            return offered[int(said) - 1].name
        named = [one.name for one in offered if same_name(one.name, said)]
        if named:
            return named[0]
        offered = nearest_first(said, entries)


def _show(offered: Sequence[Offered]) -> None:
    for place, one in enumerate(offered[:MOST_SHOWN], start=1):
        talk.say(f"  {place:>3}  {escape(one.name)}")
    if len(offered) > MOST_SHOWN:
        talk.say(f"       and {len(offered) - MOST_SHOWN} more: write a part of the name to look for it")
