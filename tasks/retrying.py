"""Which failures a task repeats. One failure, one retrier: the connector waits out a 429 and repeats a read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.errors import AmbiguousWriteError, BusyError, LimitOverrunError, TransientError

if TYPE_CHECKING:
    from prefect import Task
    from prefect.client.schemas.objects import State, TaskRun

RETRY_DELAYS_S: list[float] = [1, 5, 15]
"""A vendor that is away for longer than this is left to the next scheduled pass."""


def is_transient(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001
    """Repeat what decided nothing: nothing was written, so writing again is safe.

    Not where no call goes out for hours: that is told at once.
    """
    return isinstance(state.data, TransientError) and not isinstance(state.data, LimitOverrunError)


def is_unsettled(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Also repeat after a lost answer: only for steps that look before they write again."""
    return is_transient(task, run, state) or isinstance(state.data, AmbiguousWriteError | BusyError)
