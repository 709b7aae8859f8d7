"""`truckroll up|down|sandbox|check`: running the house, and looking whether it can run."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from deployments import children, talk
from deployments.commands.common import AsJson, usage, with_books
from deployments.home import Home, client_environment
from deployments.processes import PROCESSES
from deployments.supervisor import Child, Supervisor, bring_down
from models.errors import SettingsError
from models.settings import HouseSettings
from models.shop import load_shop, shop_names

if TYPE_CHECKING:
    from models.check import CheckLine

RUNNER_PATIENCE_S = 45.0
"""The runner lets passes under way finish: deployments/serve.py, FINISH_S."""

SANDBOX_PORT = 8700
SMTP_PORT = 8725


def up(
    shop: Annotated[list[str] | None, typer.Option(help="Serve this shop only; may be given several times.")] = None,
    port: Annotated[int | None, typer.Option(help="Prefect's port, if this home has no server yet.")] = None,
    page_port: Annotated[int | None, typer.Option(help="The approval page's port; 8710, or a free one.")] = None,
    hooks_port: Annotated[int | None, typer.Option(help="The port events come to; 8720, or a free one.")] = None,
) -> None:
    """Run the house in the foreground: Prefect's server, and every process of every shop. Ctrl-C stops it all."""
    from deployments.hooks.child import NOT_RECEIVED, hooks_process
    from deployments.serve import read_shops
    from deployments.web.child import page_process

    shops = read_shops(shop)
    home = Home.current()
    with Supervisor(home, say=talk.say) as keeper:
        server = keeper.use_server(port)
        names = [one.name for one in shops]
        page = page_process(home, server.api_url, port=page_port)
        keeper.add(page.child)
        hooks = hooks_process(home, server.api_url, shops, port=hooks_port)
        if hooks is not None:
            keeper.add(hooks.child)
        keeper.add(runner(home, server.api_url, names, page.environment))
        talk.say(f"[bold]Prefect[/] {server.ui_url}   shops: {', '.join(names)}   logs: {home.logs}")
        for process in (one for one in PROCESSES if any(one.suits(shop) for shop in shops)):
            talk.say(f"  {process.name}: {process.when}. {process.description}")
        talk.say(page.words)
        for words in hooks.words if hooks else (NOT_RECEIVED,):
            talk.say(words)
        talk.say("Ctrl-C stops everything started here.")
        keeper.keep()


def runner(home: Home, api_url: str, shops: list[str], env: Mapping[str, str] | None = None) -> Child:
    """Return the process that serves the shops."""
    named = [part for shop in shops for part in ("--shop", shop)]
    return Child(
        "the runner",
        [sys.executable, "-m", "deployments.serve", *named],
        home.logs / "serve.log",
        env={**client_environment(home, api_url), **(env or {})},
        patience_s=RUNNER_PATIENCE_S,
    )


def down() -> None:
    """Stop `truckroll up`, and the Prefect server this home started."""
    if not bring_down(Home.current(), say=talk.say):
        talk.say("Nothing of this home runs.")


def sandbox(
    ctx: typer.Context,
    host: Annotated[str, typer.Option(help="Where it listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Its port; another is taken when this one is in use.")] = SANDBOX_PORT,
    smtp_port: Annotated[int, typer.Option("--smtp-port", help="Its mailbox's port.")] = SMTP_PORT,
) -> None:
    """Run the stand-in vendors: the same contracts over real HTTP, with state. See also `python -m sandbox --help`."""
    chosen, mail = children.free_port(port), children.free_port(smtp_port)
    for wanted, taken, what in ((port, chosen, "sandbox"), (smtp_port, mail, "mailbox")):
        if wanted != taken:
            talk.say(f"Port {wanted} is in use: the {what} takes {taken}. Shop files must name it.")
    talk.say(f"[bold]Sandbox[/] http://{host}:{chosen}   mailbox: {host}:{mail}   Ctrl-C stops it.")
    address = ["--host", host, "--port", str(chosen), "--smtp-port", str(mail)]
    try:
        done = subprocess.run([sys.executable, "-m", "sandbox", *address, *ctx.args], check=False)  # noqa: S603
    except KeyboardInterrupt:
        raise typer.Exit(talk.DONE) from None
    raise typer.Exit(abs(done.returncode))


def check(
    shop: Annotated[str | None, typer.Argument(help="The shop; all of them when left out.")] = None,
    confirm_accounting: Annotated[
        bool,
        typer.Option(
            "--confirm-accounting", help="Product orders suit the shop's accounting, though it is not QuickBooks."
        ),
    ] = False,
    by: Annotated[str, typer.Option(help="Who confirms it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Look whether a shop can run: its file, its secrets, access to each side, the names it uses."""
    folder = HouseSettings().shops
    if confirm_accounting and not (shop and by.strip()):
        raise usage("--confirm-accounting needs the shop, and --by with the name of who confirms it.")
    names = [shop] if shop else shop_names(folder)
    if not names:
        raise SettingsError(f"There is no shop file in {folder.resolve()}.", "`truckroll setup` writes one by asking.")
    if confirm_accounting:
        _confirm(names[0], by.strip())
    lines = [(name, line) for name in names for line in _check(name)]
    if as_json:
        talk.print_json({"checks": [_as_object(name, line) for name, line in lines]})
    else:
        shown = talk.table("Checks", "Shop!", "!", "What!", "Found", "What to do")
        for name, line in lines:
            talk.add(shown, name, "NO" if line.kind == "no" else line.kind, line.what, line.words, line.fix)
        talk.out().print(shown)
    if not all(line.ok for _, line in lines):
        raise typer.Exit(talk.FAILED)


def _confirm(name: str, by: str) -> None:
    from tasks.order_checks import confirm_accounting

    shop = load_shop(name, HouseSettings().shops)
    talk.say(escape(with_books(lambda books: confirm_accounting(books, shop, by))))


def _check(name: str) -> list[CheckLine]:
    from tasks.checks import check_shop

    return asyncio.run(check_shop(name))


def _as_object(shop: str, line: CheckLine) -> dict[str, Any]:
    return {
        "shop": shop,
        "ok": line.ok,
        "kind": line.kind,
        "what": line.what,
        "words": line.words,
        "fix": line.fix,
    }
