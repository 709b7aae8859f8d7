"""`truckroll status`: where every shop stands, on one page."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from decisions.funnel import in_words
from deployments import talk
from deployments.commands.common import AsJson, OfShop, iso, join_server, known_shop, local, with_books
from deployments.home import Home
from deployments.passes import last_passes
from deployments.server import Server
from deployments.supervisor import standing
from models.approval import ApprovalStatus
from models.booking import Funnel
from models.connection import NAMES
from models.errors import SettingsError
from models.settings import HouseSettings
from models.shop import load_shop, shop_names

if TYPE_CHECKING:
    from models.tables import PartOrderRow, PartRequestRow
    from store import Books


def status(shop: OfShop = None, as_json: AsJson = False) -> None:
    """Show, for each shop, what is under way, open part orders with their ETA, what is held, and the last passes."""
    known_shop(shop)
    server = join_server()
    names = [shop] if shop else shop_names(HouseSettings().shops)
    shops = with_books(lambda books: _read(books, names, server))
    body = {
        "shops": shops,
        "server": {"api_url": server.api_url, "ui_url": server.ui_url} if server else None,
        "up": standing(Home.current()) is not None,
        "home": str(Home.current().root),
    }
    if as_json:
        talk.print_json(body)
    else:
        _show(body)


async def _read(books: Books, names: list[str], server: Server | None) -> list[dict[str, Any]]:
    return [await _shop(books, name, server) for name in names]


async def _shop(books: Books, name: str, server: Server | None) -> dict[str, Any]:
    requests = {row.id: row for row in await books.requests.list(shop=name)}
    orders = await books.orders.list_open(name)
    open_questions = await books.approvals.list(name, statuses=[ApprovalStatus.REQUESTED])
    passes = await last_passes(server, name) if server else []
    return {
        "shop": name,
        "connections": await _connections(books, name),
        "requests": dict(Counter(row.stage for row in requests.values())),
        "store_orders": await books.store_orders.stages(name),
        "referrals": [asdict(one) for one in await books.referred.funnels(name)],
        "questions": len(open_questions),
        "open_orders": [_order(order, requests.get(order.request_id)) for order in orders],
        "held": len(await books.held.list(name)),
        "last_passes": [{**asdict(one), "at": iso(one.at)} for one in passes],
    }


async def _connections(books: Books, name: str) -> list[dict[str, Any]]:
    """Return where each connection stands; none for a shop whose file cannot be read."""
    from tasks.connections import standings

    try:
        shop = load_shop(name, HouseSettings().shops)
    except SettingsError:
        return []
    return [
        {
            "vendor": one.vendor,
            "name": NAMES[one.vendor],
            "state": one.state.value,
            "moves": one.moves,
            "tenant_id": one.connection.tenant_id if one.connection else None,
            "booking_provider": one.connection.booking_provider if one.connection else None,
            "asked_at": iso(one.connection.asked_at) if one.connection else None,
            "since": iso(one.connection.changed_at) if one.connection else None,
            "by": one.connection.by if one.connection else "",
            "words": list(one.words),
        }
        for one in await standings(books, shop)
    ]


def _order(order: PartOrderRow, request: PartRequestRow | None) -> dict[str, Any]:
    return {
        "order_number": order.order_number,
        "po_number": order.po_number,
        "request": order.request_id,
        "job": (request.job_number or request.job) if request else "",
        "part_number": request.part_number if request else "",
        "quantity": request.quantity if request else None,
        "branch": order.branch,
        "state": order.state,
        "words": order.words,
        "eta": order.eta or (request.eta if request else ""),
        "eta_basis": order.eta_basis or (request.eta_basis if request else ""),
        "tracking": order.tracking,
        "looked_at": iso(order.looked_at),
    }


def _show(body: dict[str, Any]) -> None:
    console = talk.out()
    server = body["server"]
    runs = "`truckroll up` runs" if body["up"] else "`truckroll up` does not run: nothing comes by itself"
    console.print(f"{runs}. Prefect: {server['ui_url'] if server else 'no server runs'}. Home: {escape(body['home'])}")
    if not body["shops"]:
        console.print("There is no shop file yet: copy docs/shop.example.toml into the shops folder.")
    for shop in body["shops"]:
        _show_shop(shop)


def _show_shop(shop: dict[str, Any]) -> None:
    console = talk.out()
    stages = ", ".join(f"{count} {stage}" for stage, count in sorted(shop["requests"].items())) or "none"
    sold = ", ".join(f"{count} {stage}" for stage, count in sorted(shop["store_orders"].items()))
    store = f"; store orders: {sold}" if sold else ""
    console.print(f"\n[bold]{shop['shop']}[/]  part requests: {stages}{store}")
    _show_connections(shop)
    for one in shop["referrals"]:
        console.print(f"  campaign {one['campaign_id']}, {in_words(Funnel(**one))}", markup=False)
    held = f"[yellow]{shop['held']} held[/] (truckroll held list)" if shop["held"] else "nothing held"
    console.print(f"  {shop['questions']} waiting for an answer (truckroll approvals list), {held}")
    if shop["open_orders"]:
        orders = talk.table("", "Order!", "Job!", "Part", "Qty#", "Branch", "State", "ETA")
        for order in shop["open_orders"]:
            eta = f"{order['eta']} ({order['eta_basis']})" if order["eta"] else "no date yet"
            cells = (order["order_number"], order["job"], order["part_number"], order["quantity"], order["branch"])
            talk.add(orders, *cells, order["state"], eta)
        console.print(orders)
    for one in shop["last_passes"]:
        at = local(_moment(one["at"]), shop["shop"])
        console.print(f"  {one['process']}: {one['state']} {at} {one['words']}".rstrip(), markup=False)


def _show_connections(shop: dict[str, Any]) -> None:
    """Say in one line where each connection stands, and below it what a person should know of one that is shut."""
    console = talk.out()
    states = [f"{one['name']} {one['state'].replace('_', ' ')}" for one in shop["connections"]]
    if states:
        console.print(f"  connections: {', '.join(states)}", markup=False)
    for one in shop["connections"]:
        if not one["moves"]:
            for words in one["words"]:
                console.print(f"    {one['name']}: {words}", markup=False)


def _moment(written: str | None) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(written) if written else None
