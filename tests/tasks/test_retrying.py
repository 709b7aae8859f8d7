"""Which failures a task repeats."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from models.errors import (
    AmbiguousWriteError,
    BusyError,
    LimitOverrunError,
    RateLimitedError,
    RejectedError,
    TransientError,
    TruckrollError,
)
from tasks.retrying import is_transient, is_unsettled

ANY: Any = SimpleNamespace()


@pytest.mark.parametrize(
    ("error", "is_repeated", "is_repeated_looking"),
    [
        pytest.param(TransientError("away"), True, True, id="away"),
        pytest.param(RateLimitedError("later"), True, True, id="a pause"),
        pytest.param(LimitOverrunError("not today"), False, False, id="no call goes out for a day"),
        pytest.param(AmbiguousWriteError("lost"), False, True, id="a lost answer"),
        pytest.param(BusyError("busy"), False, True, id="another is at it"),
        pytest.param(RejectedError("no"), False, False, id="refused"),
    ],
)
def test_what_may_be_repeated_is_and_a_day_without_calls_is_told_at_once(
    error: TruckrollError, is_repeated: bool, is_repeated_looking: bool
) -> None:
    state: Any = SimpleNamespace(data=error)
    assert is_transient(ANY, ANY, state) is is_repeated
    assert is_unsettled(ANY, ANY, state) is is_repeated_looking
