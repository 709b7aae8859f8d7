"""Which lead's reward is due, and which was issued: the program names the recipient of a reward, not the lead.

So the rewards of one recipient are laid on that person's qualified leads one by one, the earliest lead first, and the
issued rewards before the due ones [inferred]. Source: contracts/referral_factory/FACTS.md section 6.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rewards:
    """How many rewards each recipient has."""

    due: Mapping[int, int]
    issued: Mapping[int, int]


def reward_state(lead: int, referrer: int | None, rewards: Rewards, places: Counter[int]) -> str:
    """Return "due", "issued" or nothing, for one qualified lead.

    Leads come in the order of their ids; `places` counts on from lead to lead. Where both get something, what is still
    due counts.
    """
    states = []
    for recipient in {lead, referrer} - {None}:
        assert recipient is not None
        place = places[recipient]
        places[recipient] += 1
        issued = rewards.issued.get(recipient, 0)
        if place < issued:
            states.append("issued")
        elif place < issued + rewards.due.get(recipient, 0):
            states.append("due")
    return "due" if "due" in states else "issued" if states else ""
