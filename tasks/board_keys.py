"""How the writing of a job's board is named: in the effect ledger, and on the held list. Needs no Prefect."""

from __future__ import annotations

JOB_BOARD = "job-board"
"""The held list of what a job platform refused to write."""


def board_key(shop: str, job: str, event: str) -> str:
    """Return the ledger's key of one event's board."""
    return f"{shop}/job/{job}/board/{event}"
