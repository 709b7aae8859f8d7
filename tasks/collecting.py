"""Python's search for garbage, held back while a pass makes objects by the million.

Nothing a sync makes for a page goes in circles: it is gone when the page is. Looking for circles among it, and among
everything Prefect has loaded, took a fifth of the time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SELDOM: Final = (20_000, 50, 100)
"""Instead of Python's 700, 10, 10: objects more than before, until it looks among the young; and rounds, the older."""

_held_back: list[tuple[int, int, int]] = []
"""What was set before, once for each pass that is under way."""


@contextmanager
def few_collections() -> Iterator[None]:
    """Leave what is there now out of the search, and search the rest seldom. Passes may overlap."""
    if not _held_back:
        gc.freeze()
    _held_back.append(gc.get_threshold() if not _held_back else _held_back[0])
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        before = _held_back.pop()
        if not _held_back:
            gc.set_threshold(*before)
            gc.unfreeze()
