"""Receive the vendors' events: `python -m deployments.hooks --host 127.0.0.1 --port 8720 [--shop NAME ...]`."""

from __future__ import annotations

import argparse
import sys

import uvicorn

from deployments.commands.common import join_server
from deployments.hooks.app import build_app
from deployments.hooks.child import PORT
from deployments.talk import explain
from models.errors import TruckrollError
from models.settings import HouseSettings
from store import Books

AT_ONCE = 100
"""Connections; the next is told to come again."""


def main() -> int:
    """Receive until told to stop. Exit code 2 when the configuration is wrong."""
    parser = argparse.ArgumentParser(description="Receive the vendors' events.")
    parser.add_argument("--host", default="127.0.0.1", help="where it listens; keep it behind a proxy with TLS")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--shop", action="append", help="serve this shop only; may be given several times")
    wanted = parser.parse_args()
    join_server()
    settings = HouseSettings()
    try:
        with Books.open(settings.database) as books:
            uvicorn.run(
                build_app(books, settings, shops=wanted.shop),
                host=wanted.host,
                port=wanted.port,
                # No access log: a path may hold a shop's token.
                access_log=False,
                server_header=False,
                log_level="warning",
                ws="none",
                limit_concurrency=AT_ONCE,
                timeout_keep_alive=5,
                timeout_graceful_shutdown=3,
            )
    except TruckrollError as error:
        return explain(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
