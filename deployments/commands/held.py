"""`truckroll held list|retry`: what waits for a person, with the reason and the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments import talk
from deployments.commands.common import AsJson, OfShop, failed, iso, join_server, known_shop, short, usage, with_books
from models.errors import TruckrollError

if TYPE_CHECKING:
    from models.tables import HeldRow
    from store import Books

app = typer.Typer(help="Records that wait for a person: why, and what to do.", no_args_is_help=True)


@app.command("list")
def list_(
    shop: OfShop = None,
    process: Annotated[str | None, typer.Option(help="Only this process.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what is held, the longest first."""
    known_shop(shop)
    rows = with_books(lambda books: books.held.list(shop, process=process))
    if as_json:
        talk.print_json({"held": [as_object(row) for row in rows]})
        return
    if not rows:
        talk.out().print("Nothing is held.")
        return
    shown = talk.table("Held", "ID#", "Shop!", "Process!", "Record!", "Reason", "What to do", "Since!")
    for row in rows:
        talk.add(shown, row.id, row.shop, row.process, row.record, row.reason, row.fix, short(row.since, row.shop))
    talk.out().print(shown)
    talk.out().print("When it is mended: truckroll held retry ID")


@app.command()
def retry(
    ids: Annotated[list[int] | None, typer.Argument(help="The entries, as `truckroll held list` shows them.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that is held.")] = False,
    shop: OfShop = None,
    placed: Annotated[
        list[str] | None,
        typer.Option(help="For an order whose answer was lost: it was placed, under this number. Repeat for several."),
    ] = None,
    not_placed: Annotated[
        bool, typer.Option("--not-placed", help="For an order whose answer was lost: the distributor never got it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Release held records, so that the next pass takes them again."""
    if bool(ids) == everything:
        raise usage("Name the entries to retry, or say --all.")
    if placed and not_placed:
        raise usage("An order was placed or it was not: --placed and --not-placed exclude each other.")
    if (placed or not_placed) and (everything or len(ids or []) != 1):
        raise usage("--placed and --not-placed speak of one entry: name exactly one.")
    known_shop(shop)
    join_server()
    outcomes = with_books(lambda books: _retry(books, ids, shop, placed=tuple(placed or ()), not_placed=not_placed))
    if as_json:
        talk.print_json({"retried": outcomes})
    for outcome in outcomes:
        if "error" in outcome:
            talk.explain(TruckrollError(f"{outcome['id']}: {outcome['error']}", outcome["fix"]))
        elif not as_json:
            talk.out().print(f"{outcome['id']}: {outcome['words']}", markup=False)
    if not outcomes and not as_json:
        talk.out().print("Nothing is held.")
    if any("error" in outcome for outcome in outcomes):
        raise typer.Exit(talk.FAILED)


async def _retry(
    books: Books, ids: list[int] | None, shop: str | None, *, placed: tuple[str, ...], not_placed: bool
) -> list[dict[str, Any]]:
    from tasks.held import retry as release

    wanted = ids or [row.id for row in await books.held.list(shop) if row.id is not None]
    outcomes: list[dict[str, Any]] = []
    for held_id in wanted:
        try:
            words = await release(books, held_id, placed=placed, not_placed=not_placed)
        except TruckrollError as error:
            outcomes.append({"id": held_id, **failed(error)})
        else:
            outcomes.append({"id": held_id, "words": words})
    return outcomes


def as_object(row: HeldRow) -> dict[str, Any]:
    """Return a held record for programs."""
    return {
        "id": row.id,
        "shop": row.shop,
        "process": row.process,
        "record": row.record,
        "field": row.field,
        "reason": row.reason,
        "fix": row.fix,
        "since": iso(row.since),
        "times": row.times,
    }
