"""What Python does beside the work, set for loading, for ending, and for a pass that makes objects by the million.

The search for garbage: nothing a sync makes for a page goes in circles, it is gone when the page is. Looking for
circles among it, and among everything Prefect has loaded, took a fifth of the time.

Turns: an answer comes in on the network's thread, which needs the interpreter for a moment to say so. With Python's
turns of 5 ms it waited longer for that than the vendor took to answer, and a fifth of the throughput was gone.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

SELDOM: Final = (20_000, 50, 100)
"""Instead of Python's 700, 10, 10: objects more than before, until it looks among the young; and rounds, the older."""

TURN_S: Final = 0.0005
"""How long one thread may keep the interpreter from another that waits for it."""


@dataclass(frozen=True)
class _Settings:
    collect_at: tuple[int, int, int]
    turn_s: float


@contextmanager
def while_loading() -> Iterator[None]:
    """Search for no garbage: modules make objects by the hundred thousand, and all of them stay. It took a fifth."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def until_the_end() -> Iterator[None]:
    """Leave everything to the system when the program ends: looking through it for garbage took most of a second."""
    try:
        yield
    finally:
        gc.freeze()


_before: list[_Settings] = []
"""What was set before, once for each pass that is under way."""


@contextmanager
def for_a_busy_pass() -> Iterator[None]:
    """Search for garbage seldom, leave out what is there now, and let threads take short turns. Passes may overlap."""
    if not _before:
        gc.freeze()
        _before.append(_Settings(gc.get_threshold(), sys.getswitchinterval()))
    else:
        _before.append(_before[0])
    gc.set_threshold(*SELDOM)
    sys.setswitchinterval(TURN_S)
    try:
        yield
    finally:
        before = _before.pop()
        if not _before:
            gc.set_threshold(*before.collect_at)
            sys.setswitchinterval(before.turn_s)
            gc.unfreeze()
