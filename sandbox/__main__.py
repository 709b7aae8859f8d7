"""Start the sandbox: `python -m sandbox --host 127.0.0.1 --port 8700 --smtp-port 8725 --seed demo`."""

from __future__ import annotations

import argparse
import socket
import sys

import uvicorn

from sandbox.app import MailPort, create_app


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped. Return 0, or 2 when a port is taken."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="Stand-in vendors over real HTTP.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8700, help="HTTP port; 0 takes a free one")
    parser.add_argument("--smtp-port", type=int, default=8725, help="mailbox port; 0 for no mailbox")
    parser.add_argument("--seed", choices=("demo", "empty"), default="demo")
    chosen = parser.parse_args(arguments)
    try:
        listener = _listen(chosen.host, chosen.port)
        if chosen.smtp_port:
            _listen(chosen.host, chosen.smtp_port).close()
    except OSError as taken:
        sys.stderr.write(f"The sandbox cannot listen on {chosen.host}: {taken}. Choose other ports.\n")
        return 2
    mail = MailPort(chosen.host, chosen.smtp_port) if chosen.smtp_port else None
    config = uvicorn.Config(
        create_app(chosen.seed, mail), log_level="warning", access_log=False, timeout_graceful_shutdown=1
    )
    port = listener.getsockname()[1]
    mails = f", mails on port {chosen.smtp_port}" if mail else ""
    listener.listen()  # a client that reads the next line may call at once: it waits instead of being refused
    sys.stdout.write(f"Sandbox: http://{chosen.host}:{port}/{mails}\n")
    sys.stdout.flush()
    uvicorn.Server(config).run(sockets=[listener])
    return 0


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as taken:
        listener.close()
        raise OSError(taken.errno, f"port {port}: {taken.strerror}") from taken
    listener.set_inheritable(False)
    return listener


if __name__ == "__main__":
    sys.exit(main())
