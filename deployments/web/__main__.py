"""Serve the approval page: `python -m deployments.web --host 127.0.0.1 --port 8710`."""

from __future__ import annotations

import argparse
import sys

import uvicorn

from deployments.commands.common import join_server
from deployments.talk import explain
from deployments.web.app import build_app
from deployments.web.child import PORT
from models.errors import TruckrollError
from models.settings import HouseSettings
from store import Books


def main() -> int:
    """Serve until told to stop. Exit code 2 when the configuration is wrong."""
    parser = argparse.ArgumentParser(description="Serve the approval page.")
    parser.add_argument("--host", default="127.0.0.1", help="where it listens; keep it behind a proxy with TLS")
    parser.add_argument("--port", type=int, default=PORT)
    wanted = parser.parse_args()
    join_server()
    settings = HouseSettings()
    try:
        with Books.open(settings.database) as books:
            app = build_app(books, settings)
            # No access log: the path holds a link, and a link answers in its owner's name.
            uvicorn.run(
                app, host=wanted.host, port=wanted.port, access_log=False, server_header=False, log_level="warning"
            )
    except TruckrollError as error:
        return explain(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
