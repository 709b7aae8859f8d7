"""One Referral Factory account: campaigns, people, rewards, the gate, and what it sends out."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.clock import Clock, as_day
from sandbox.errors import RefusedError
from sandbox.mailbox import Mailbox
from sandbox.referral_factory.gate import Gate
from sandbox.referral_factory.hooks import Courier
from sandbox.referral_factory.letters import Postman
from sandbox.referral_factory.records import LEAD, Campaign, Json, Kind, Reward, User
from sandbox.referral_factory.switches import Switches

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz0123456789"
CODES = len(LETTERS) ** 8
STEP = 5_915_587_277
"""A prime that divides no power of the alphabet's size: numbers become codes one to one, and look random."""


@dataclass
class Program:
    """All records by id."""

    clock: Clock
    mailbox: Mailbox
    campaigns: dict[int, Campaign] = field(default_factory=dict)
    users: dict[int, User] = field(default_factory=dict)
    by_code: dict[str, User] = field(default_factory=dict)
    rewards: dict[int, Reward] = field(default_factory=dict)
    switches: Switches = field(default_factory=Switches)
    gate: Gate = field(default_factory=Gate)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(90_001))

    def __post_init__(self) -> None:
        self.postman = Postman(self.clock, self.mailbox)
        self.courier = Courier(self.clock, lambda: self.switches)

    def new_id(self) -> int:
        """Return an id never used before."""
        return next(self._ids)

    def now(self) -> datetime:
        """Return the sandbox's present."""
        return self.clock.now()

    def today(self) -> str:
        """Return the day as the API writes dates: bare."""
        return as_day(self.clock.now())

    def add(self, campaign: Campaign, kind: Kind, first_name: str, email: str, source: str, **more: Any) -> User:
        """Keep a new person. Nobody is told yet."""
        number, now = self.new_id(), self.clock.now()
        day, joined = as_day(now), now.timestamp()
        user = User(number, campaign.id, first_name, email, code_of(number), source, kind, day, joined, **more)
        self.users[number] = self.by_code[user.code] = campaign.members[email.casefold()] = user
        return user

    def remove(self, user: User) -> None:
        """Delete a person: the link is dead, leads lose their attribution, what was due is gone."""
        del self.users[user.id], self.by_code[user.code]
        self.campaigns[user.campaign_id].members.pop(user.email.casefold(), None)
        for one in self.users.values():
            if one.referrer_id == user.id:
                one.referrer_id = None
        self.rewards = {key: one for key, one in self.rewards.items() if one.issued_at or one.recipient_id != user.id}

    def remove_campaign(self, campaign: Campaign) -> None:
        """Delete a campaign with everybody in it."""
        del self.campaigns[campaign.id]
        self.courier.forget(campaign.id)
        for user in campaign.members.values():
            del self.users[user.id], self.by_code[user.code]

    def user(self, identifier: str) -> User:
        """Return the person of this id or code; an e-mail finds nobody.

        Raises: RefusedError 404.
        """
        user = self.users.get(int(identifier)) if is_number(identifier) else None
        user = user or self.by_code.get(identifier)
        if user is None:
            raise RefusedError(404, "User not found.")
        return user

    def campaign(self, identifier: str) -> Campaign:
        """Return the campaign of this id or code.

        Raises: RefusedError 404.
        """
        for one in self.campaigns.values():
            if identifier in {str(one.id), one.code}:
                return one
        raise RefusedError(404, "Campaign not found.")

    def shown(self, user: User) -> Json:
        """Return `User` as the API does."""
        return user.wire(self.reach(user.id, user.reach))

    def reach(self, record_id: int, count: int) -> int | str:
        """Return a reach as a number or a text: the vendor does both."""
        how = self.switches.reach_as
        return str(count) if how == "text" or (how == "mixed" and record_id % 2 == 0) else count

    def analytics(self) -> tuple[Counter[int], Counter[int]]:
        """Return leads and qualified leads per referrer's id."""
        leads = [one for one in self.users.values() if one.kind == LEAD and one.referrer_id is not None]
        counts = Counter(one.referrer_id for one in leads if one.referrer_id is not None)
        qualified = Counter(one.referrer_id for one in leads if one.qualified_at and one.referrer_id is not None)
        return counts, qualified

    def tick(self) -> None:
        """Send the reminders that have come due by the clock."""
        self.postman.remind(self.campaigns, self.users.values())

    def state(self) -> Json:
        """Return everything as JSON, for the people's side; never the token."""
        return {
            "campaigns": [
                one.wire(self.reach(one.id, 0)) | {"mails": one.mails, "users": len(one.members)}
                for one in self.campaigns.values()
            ],
            "users": [self.shown(one) for one in self.users.values()],
            "due_rewards": [one.due() for one in self.rewards.values() if not one.issued_at],
            "issued_rewards": [one.issued() for one in self.rewards.values() if one.issued_at],
            "hooks": [one.shown() for one in self.courier.hooks.values()],
            "hook_deliveries": [one.shown() for one in self.courier.deliveries],
            "switches": self.switches.model_dump(),
            **self.gate.shown(),
        }


def code_of(number: int) -> str:
    """Return the code of a person's id: 8 letters and digits, never the same twice."""
    rest, letters = number * STEP % CODES, []
    for _ in range(8):
        rest, place = divmod(rest, len(LETTERS))
        letters.append(LETTERS[place])
    return "".join(letters)


def is_number(text: str) -> bool:
    """Tell whether a path's identifier is an id."""
    return text.isascii() and text.isdigit() and len(text) < 19
