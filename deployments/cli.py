"""The command `truckroll`. Imports nothing slow: each command fetches what it needs when it is called."""

from __future__ import annotations

from typing import Any

import httpx
import typer
from typer.core import TyperGroup

from deployments.commands import approvals, audit, connections, demo, fit, held, house, report, run, setup, status
from deployments.server import server_gone
from deployments.talk import explain
from models.errors import TruckrollError


class PlainWords(TyperGroup):
    """Says what went wrong, and what to do, instead of showing a traceback (unless TRUCKROLL_DEBUG=1)."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command. Every TruckrollError becomes words and an exit code."""
        try:
            return super().invoke(ctx)
        except TruckrollError as error:
            raise typer.Exit(explain(error)) from error
        except httpx.HTTPError as error:
            raise typer.Exit(explain(server_gone(error))) from error


app = typer.Typer(
    cls=PlainWords,
    help="The work between a home-service shop's systems.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("up")(house.up)
app.command("down")(house.down)
app.command("sandbox", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(house.sandbox)
app.command("check")(house.check)
app.command("fit")(fit.fit)
app.command("setup")(setup.setup)
app.command("connect")(connections.connect)
app.command("disconnect")(connections.disconnect)
app.command("run")(run.run)
app.add_typer(approvals.app, name="approvals")
app.add_typer(held.app, name="held")
app.command("status")(status.status)
app.add_typer(report.app, name="report")
app.command("audit")(audit.audit)


def main() -> None:
    """Run the command line."""
    app(prog_name="truckroll")


if __name__ == "__main__":
    main()
