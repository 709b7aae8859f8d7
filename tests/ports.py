"""Ports for the servers that tests start."""

from __future__ import annotations

import random
import socket

_BELOW_THE_SYSTEMS_OWN = range(20_000, 32_000)
"""The system takes its callers' ports from 32768 on: a server that is down for a while finds its own still free."""


def free_port() -> int:
    """Return a port that nobody listens on; whoever asks at the same time gets another."""
    for port in random.SystemRandom().sample(_BELOW_THE_SYSTEMS_OWN, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("No port is free.")
