"""Which orders may be written side by side: those of different buyers. One buyer's orders go one after the other.

Two orders of one new buyer at the same moment would both find nobody, and make two customers (OI-67).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def lanes(items: Sequence[tuple[Item, Iterable[Hashable]]]) -> tuple[tuple[Item, ...], ...]:
    """Put items that share a key into one lane, in the order given; lanes stand in the order of their first item.

    An item without keys has a lane of its own.
    """
    lane_of: dict[Hashable, int] = {}
    found: dict[int, list[int]] = {}
    for at, (_, keys) in enumerate(items):
        mine = list(keys)
        joined = sorted({lane_of[key] for key in mine if key in lane_of})
        lane = joined[0] if joined else at
        members = sorted(one for other in joined for one in found.pop(other))
        found[lane] = [*members, at]
        for key, other in lane_of.items():
            if other in joined:
                lane_of[key] = lane
        lane_of.update(dict.fromkeys(mine, lane))
    return tuple(tuple(items[at][0] for at in found[lane]) for lane in sorted(found))
