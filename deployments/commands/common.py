"""What the commands share: the store for one command, the shops' zones, the server if there is one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from decisions.words import moment
from deployments import talk
from deployments.home import Home, client_environment
from deployments.server import Server, answers, recorded
from models.errors import SettingsError, TruckrollError
from models.settings import HouseSettings
from models.shop import load_shop

if TYPE_CHECKING:
    from store import Books

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
OfShop = Annotated[str | None, typer.Option("--shop", help="Only this shop.")]


def with_books(work: Callable[[Books], Awaitable[T]]) -> T:
    """Open this installation's store, do the work, close it."""
    from store import Books

    async def go() -> T:
        with Books.open(HouseSettings().database) as books:
            return await work(books)

    return asyncio.run(go())


def known_shop(name: str | None) -> str | None:
    """Return the shop's name when it has a readable file, so that a slip is not an empty answer."""
    if name is not None:
        load_shop(name, HouseSettings().shops)
    return name


def zone_of(shop: str) -> tzinfo:
    """Return the shop's time zone; UTC when its file cannot be read any more."""
    try:
        return load_shop(shop, HouseSettings().shops).zone
    except SettingsError:
        return UTC


def local(at: datetime | None, shop: str) -> str:
    """Write a moment in the shop's zone."""
    return moment(at, zone_of(shop)) if at else ""


def short(at: datetime, shop: str) -> str:
    """Write a moment in the shop's zone for a narrow column, such as "Nov 24 09:49"."""
    return at.astimezone(zone_of(shop)).strftime("%b %d %H:%M")


def iso(at: datetime | None) -> str | None:
    """Write a moment for programs: ISO with its offset, in UTC."""
    return at.astimezone(UTC).isoformat() if at else None


def join_server() -> Server | None:
    """Make this process a client of the server that runs, if one does. Starts none."""
    home = Home.current()
    named = os.environ.get("PREFECT_API_URL", "").rstrip("/")
    server = Server(named) if named and answers(named) else None if named else recorded(home)
    if server is not None:
        os.environ.update(client_environment(home, server.api_url))
    return server


def usage(words: str) -> typer.BadParameter:
    """Return the error of a wrong combination of options: exit code 2."""
    return typer.BadParameter(words)


@contextmanager
def errors_as_json(as_json: bool) -> Iterator[None]:
    """Print an error that ends the command as one object too, for programs. Its words and exit code stay."""
    try:
        yield
    except TruckrollError as error:
        if as_json:
            talk.print_json(failed(error))
        raise


def failed(error: TruckrollError) -> dict[str, str]:
    """Return an error for programs."""
    return {"error": error.message or type(error).__name__, "fix": error.fix}
