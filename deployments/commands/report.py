"""`truckroll report`: what the store sold beside what ServiceTitan invoices; referral links, who signed up, parts."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from decisions.funnel import in_words, standing_of
from decisions.words import money
from deployments import talk
from deployments.commands.common import AsJson, iso, short, usage, with_books
from deployments.commands.report_parts import parts
from deployments.commands.rows import day_of, write_rows
from models.base import utc_now
from models.errors import SettingsError
from models.settings import HouseSettings
from models.shop import Shop, load_shop

if TYPE_CHECKING:
    from rich.table import Table

    from decisions.order_report import OrderLine, OrderReport
    from models.booking import Funnel
    from store import Books

_DAYS = 30
_PAGE = 500

app = typer.Typer(invoke_without_command=True)
app.command()(parts)


@app.callback()
def report(
    ctx: typer.Context,
    shop: Annotated[str, typer.Option(help="The shop, by the name of its file.")] = "",
    since: Annotated[
        str | None, typer.Option(help="The first day, such as 2026-11-01; 30 days ago when left out.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="The last day; today when left out.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Also write every order to this file.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show every order, not only those that differ.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare what the store sold in a period with ServiceTitan's invoices now. Also: `parts`, `links`, `referrals`."""
    if ctx.invoked_subcommand is not None:
        return
    if not shop:
        raise usage("Name the shop: --shop NAME.")
    found = load_shop(shop, HouseSettings().shops)
    today = utc_now().astimezone(found.zone).date()
    first, last = day_of(since, "--since", today - timedelta(days=_DAYS)), day_of(until, "--until", today)
    if last < first:
        raise usage("--until is before --since.")
    result = asyncio.run(_read(found, first, last))
    if csv is not None:
        write_rows([_line(line) for line in result.lines], csv)
    if as_json:
        talk.print_json(_as_object(shop, first, last, result))
        return
    _show(shop, first, last, result, everything=everything)


@app.command()
def links(
    shop: Annotated[str, typer.Option(help="The shop, by the name of its file.")],
    campaign: Annotated[int, typer.Option(help="The campaign, by its id.")],
    skipped: Annotated[bool, typer.Option("--skipped", help="Customers without a link, and why.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write them to this file instead.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show every customer's referral link in a campaign, or who has none and why."""
    found = load_shop(shop, HouseSettings().shops)
    rows = with_books(lambda books: _skipped(books, shop, campaign) if skipped else _links(books, shop, campaign))
    if not rows:
        _need_campaign(found, campaign)
    if csv is not None:
        write_rows(rows, csv)
    elif as_json:
        talk.print_json({"shop": shop, "campaign": campaign, "skipped" if skipped else "links": rows})
    elif rows:
        shown = talk.table("", *(f"{name}!" for name in rows[0]))
        for row in rows:
            talk.add(shown, *row.values())
        talk.out().print(shown)
    if not as_json:
        talk.out().print(f"{len(rows):,} customers {'without a link' if skipped else 'with a link'}.")


@app.command()
def referrals(
    shop: Annotated[str, typer.Option(help="The shop, by the name of its file.")],
    campaign: Annotated[int | None, typer.Option(help="One campaign only, by its id.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write them to this file instead.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show who signed up in the referral campaigns: booking, job, status, whether qualified, and the reward."""
    found = load_shop(shop, HouseSettings().shops)
    rows, funnels = with_books(lambda books: _referrals(books, shop, campaign))
    if campaign is not None and not rows:
        _need_campaign(found, campaign)
    if csv is not None:
        write_rows(rows, csv)
    elif as_json:
        talk.print_json({"shop": shop, "referrals": rows, "funnels": [asdict(one) for one in funnels]})
    elif rows:
        talk.out().print(_referral_table(rows))
    if not as_json:
        for one in funnels:
            talk.out().print(f"Campaign {one.campaign_id}, {in_words(one)}.")
        if not funnels:
            talk.out().print("Nobody has signed up yet.")


def _referral_table(rows: list[dict[str, Any]]) -> Table:
    """Return what fits a screen: numbers with their statuses."""
    shown = talk.table("", "Campaign!", "Person!", "Stage!", "Booking", "Job", "Qualified", "Why")
    for row in rows:
        booking = f"{row['booking']} {row['booking status']}"
        jobs = zip(row["job"].split(", "), row["job status"].split(", "), strict=True)
        job = ", ".join(f"{number} {status}" for number, status in jobs)
        qualified = ", ".join(filter(None, (row["qualified"], row["reward"] and f"reward {row['reward']}")))
        talk.add(
            shown, row["campaign"], f"{row['kind']} {row['person']}", row["stage"], booking, job, qualified, row["why"]
        )
    return shown


def _need_campaign(shop: Shop, campaign: int) -> None:
    """Raise SettingsError where the shop file does not have the campaign: a slip of the finger is no empty list."""
    known = [one.id for one in shop.need_referral_factory().campaigns]
    if campaign not in known:
        there = f"Name one of its file: {', '.join(map(str, known))}." if known else "There is none in its file."
        raise SettingsError(f"Shop {shop.name} has no campaign {campaign}.", there)


async def _referrals(books: Books, shop: str, campaign: int | None) -> tuple[list[dict[str, Any]], list[Funnel]]:
    rows: list[dict[str, Any]] = []
    while page := await books.referred.page(
        shop, campaign_id=campaign, after=rows[-1]["person"] if rows else 0, limit=_PAGE
    ):
        rows += [{"campaign": row.campaign_id, **standing_of(row)} for row in page]
    return rows, [one for one in await books.referred.funnels(shop) if campaign in {None, one.campaign_id}]


async def _links(books: Books, shop: str, campaign: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while page := await books.referrals.links(shop, campaign, after=rows[-1]["customer"] if rows else 0, limit=_PAGE):
        rows += [
            {
                "customer": one.customer,
                "first name": one.first_name,
                "email": one.email,
                "link": one.url,
                "in ServiceTitan": "yes" if one.link_written == one.url else one.link_why or "no",
            }
            for one in page
        ]
    return rows


async def _skipped(books: Books, shop: str, campaign: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while page := await books.referrals.skipped(shop, campaign, after=rows[-1]["customer"] if rows else 0, limit=_PAGE):
        rows += [{"customer": one.customer, "reason": one.reason.value, "why": one.why} for one in page]
    return rows


async def _read(shop: Shop, first: date, last: date) -> OrderReport:
    from tasks.house import open_house
    from tasks.order_report import read_order_report

    begin, end = (datetime.combine(day, time(), shop.zone) for day in (first, last + timedelta(days=1)))
    async with open_house(shop.name) as house:
        return await read_order_report(house, begin, end)


def _show(shop: str, first: date, last: date, result: OrderReport, *, everything: bool) -> None:
    console = talk.out()
    lines = result.lines if everything else result.differences
    if lines:
        shown = talk.table("", "Order!", "Placed!", "Stage", "Sold#", "Invoiced#", "Difference#", "Job!", "Why")
        for line in lines:
            invoiced = "" if line.invoiced is None else money(line.invoiced)
            cells = (line.number, short(line.placed_at, shop), line.stage.value, money(line.sold), invoiced)
            talk.add(shown, *cells, money(line.difference), line.job, line.words)
        console.print(shown)
    services = sum((line.services for line in result.lines), Decimal(0))
    console.print(
        f"{shop}, {first} to {last}: {len(result.lines)} orders; products sold {money(result.sold)}, "
        f"invoiced {money(result.invoiced)}, difference {money(result.invoiced - result.sold)} "
        f"in {len(result.differences)} orders. Services sold: {money(services)}, invoiced by ServiceTitan itself."
    )


def _as_object(shop: str, first: date, last: date, result: OrderReport) -> dict[str, Any]:
    return {
        "shop": shop,
        "since": str(first),
        "until": str(last),
        "sold": str(result.sold),
        "invoiced": str(result.invoiced),
        "difference": str(result.invoiced - result.sold),
        "orders": [_line(line) for line in result.lines],
    }


def _line(line: OrderLine) -> dict[str, Any]:
    return {
        "order": line.number,
        "placed_at": iso(line.placed_at),
        "stage": line.stage.value,
        "sold": str(line.sold),
        "services": str(line.services),
        "refunded": str(line.refunded),
        "invoiced": None if line.invoiced is None else str(line.invoiced),
        "difference": str(line.difference),
        "job": line.job,
        "words": line.words,
    }
