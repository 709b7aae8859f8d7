"""The contact sync, a page of customers at a time: read what changed, decide, call, keep.

A page's intents are kept before its first call and its results after them, so that a sync killed anywhere goes on with
what it knows: a call whose answer nobody kept is looked for, never repeated (DESIGN section 3). Source: CHECKLIST
RF-30, RF-31, RF-40, RF-D3.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from connectors.referral_factory.client import ReferralFactory
from decisions.contact_map import ContactMap, draft_of, plan_mapping, unknown_labels
from decisions.referral_sync import TAKEN_FIX, TAKEN_WHY, decide_sync
from models.contact_sync import (
    Absent,
    Adopt,
    Call,
    Create,
    Gone,
    Linked,
    Look,
    Mark,
    NotSent,
    Outcome,
    Refused,
    Taken,
    Update,
)
from models.errors import (
    AmbiguousWriteError,
    ContractError,
    HeldError,
    NotFoundError,
    VendorError,
)
from models.referral import Campaign, Created, RefusedUser, UserChange
from models.shop import CampaignSettings, ReferralFactorySettings
from store import Books
from tasks.house import House, open_house
from tasks.step import step

PROCESS = "contact-sync"

PAGE = 500
"""Customers of a page: half a minute to a minute under the vendor's limit."""

IN_FLIGHT = 32
"""Calls under way at once; the vendor's limit bounds them, and some take more than 25 seconds (FACTS section 8)."""

KEPT_EVERY = 100
"""Results kept together: so many answers at most are looked for again after a kill."""


@dataclass(frozen=True)
class PageDone:
    """What became of one page."""

    customers: int
    created: int = 0
    changed: int = 0
    adopted: int = 0
    refused: int = 0
    unknown: int = 0
    """Calls without an answer: looked for by the next sync."""
    is_last: bool = False


@step("look at campaign {campaign_id}")
async def check_campaign(shop: str, campaign_id: int) -> Campaign:
    """Read the campaign the sync is for. Raises: HeldError when it is gone or lacks a field that is mapped."""
    async with open_house(shop) as house:
        return await read_campaign(house, campaign_id)


async def get_campaign(house: House, campaign_id: int) -> Campaign:
    """Read a campaign. Raises HeldError when the program has none of this id."""
    try:
        return await house.referral_factory.get_campaign(campaign_id)
    except NotFoundError:
        raise HeldError(
            f"Referral Factory has no campaign {campaign_id}.",
            "Correct the campaign's id in the shop file, or take the campaign out.",
            "referral_factory.campaigns.id",
        ) from None


async def read_campaign(house: House, campaign_id: int) -> Campaign:
    """Read a campaign, and compare its fields with the shop's map: see `check_campaign`. Raises SettingsError too."""
    mapping = plan_mapping(campaign_settings(house, campaign_id).contact_sync)
    campaign = await get_campaign(house, campaign_id)
    faults = unknown_labels(mapping, campaign.fields)
    if faults:
        raise HeldError(
            f"The map of campaign {campaign_id} does not fit: {' '.join(faults)}",
            "Correct [referral_factory.campaigns.contact_sync.map], or add the field to the campaign.",
            "referral_factory.campaigns.contact_sync.map",
        )
    return campaign


@step("sync page {number} of campaign {campaign_id}")
async def sync_page(shop: str, campaign_id: int, number: int, run: str) -> PageDone:  # noqa: ARG001  named in the task run
    """Take the next page of changed customers to its end. The mark moves only past a page that is done.

    `run` names this sync, unlike any other: what another one left unanswered is looked for first.
    Raises: TransientError, UnauthorizedError and RejectedError when the program takes nobody; what was done is kept.
    """
    async with open_house(shop) as house:
        mapping = plan_mapping(campaign_settings(house, campaign_id).contact_sync)
        books, mark = house.books, await read_mark(house, campaign_id, mapping)
        page = await books.contact_index.changed(shop, mark, limit=PAGE)
        if not page.customers:
            return PageDone(0, is_last=True)
        drafts = [draft_of(customer, mapping) for customer in page.customers]
        decisions = await books.referrals.begin(shop, campaign_id, drafts, decide_sync, run=run)
        calls = [one for one in decisions if isinstance(one, Create | Adopt | Update | Look)]
        caller = _Caller(house, campaign_id)
        await caller.make(calls)
        # Whose answer is missing comes again: the next sync looks for it.
        await books.contact_index.touch(shop, caller.unanswered)
        await _keep_mark(house, campaign_id, mapping, page.mark)
        return PageDone(len(page.customers), is_last=len(page.customers) < PAGE, **caller.counted())


def campaign_settings(house: House, campaign_id: int) -> CampaignSettings:
    """Return a campaign's section of the shop file. Raises HeldError when there is none."""
    for campaign in referral_settings(house).campaigns:
        if campaign.id == campaign_id:
            return campaign
    raise HeldError(f"The shop file has no campaign {campaign_id}.", "Add it.", "referral_factory.campaigns.id")


def referral_settings(house: House) -> ReferralFactorySettings:
    """Return [referral_factory]. Raises SettingsError when the shop file has none."""
    return house.shop.need_referral_factory()


async def read_mark(house: House, campaign_id: int, mapping: ContactMap) -> Mark:
    """Return how far the sync is; the beginning when the map is another than it was: then everybody counts."""
    kept = await house.books.cursors.get(house.shop.name, _cursor(campaign_id)) or ""
    fingerprint, _, text = kept.partition(" ")
    return Mark.of(text) if fingerprint == mapping.fingerprint else Mark()


def once_cursor(campaign_id: int) -> str:
    """Name the cursor of a sync that was to run once, and has: it keeps the map's fingerprint (RF-39)."""
    return f"{_cursor(campaign_id)}/once"


async def sync_once_more(books: Books, shop: str, campaign_id: int) -> None:
    """Let a sync that was to run once, and has, run again: somebody asked for it."""
    if await books.cursors.get(shop, once_cursor(campaign_id)):
        await books.cursors.set(shop, once_cursor(campaign_id), "")


def campaign_of(record: str) -> int | None:
    """Return the campaign of an entry of this process on the held list: "campaign 1001", "campaign 1001 customers"."""
    word, _, rest = record.partition(" ")
    number = rest.partition(" ")[0]
    return int(number) if word == "campaign" and number.isdigit() else None


async def has_begun(house: House, campaign_id: int) -> bool:
    """Tell whether a page of the campaign was ever synced."""
    return await house.books.cursors.get(house.shop.name, _cursor(campaign_id)) is not None


async def _keep_mark(house: House, campaign_id: int, mapping: ContactMap, mark: Mark) -> None:
    await house.books.cursors.set(house.shop.name, _cursor(campaign_id), f"{mapping.fingerprint} {mark.text()}")


def _cursor(campaign_id: int) -> str:
    return f"referral_factory/{campaign_id}/contacts"


@dataclass
class _Caller:
    """Makes a page's calls, many at once, and keeps their results as they come."""

    house: House
    campaign_id: int
    outcomes: list[Outcome] = field(default_factory=list)
    made: dict[str, int] = field(default_factory=dict)
    unanswered: list[int] = field(default_factory=list)
    """Customers whose call may or may not have been carried out."""
    stopped_by: VendorError | None = None

    async def make(self, calls: Iterable[Call]) -> None:
        """Make the calls. Raises what stops everybody, once what was answered is kept."""
        waiting = iter(calls)
        async with asyncio.TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(self._work(waiting))
        await self._keep()
        if self.stopped_by is not None:
            raise self.stopped_by

    def counted(self) -> dict[str, int]:
        return {**self.made, "unknown": len(self.unanswered)}

    async def _work(self, waiting: Iterator[Call]) -> None:
        for call in waiting:
            if self.stopped_by is not None:
                self.outcomes.append(NotSent(call))
                continue
            try:
                self._count(await _answer(self.house.referral_factory, self.campaign_id, call))
            except (AmbiguousWriteError, ContractError):
                self.unanswered.append(call.draft.customer)
            except VendorError as error:
                self.stopped_by = error
                self.outcomes.append(NotSent(call))
            if len(self.outcomes) >= KEPT_EVERY:
                await self._keep()

    def _count(self, outcome: Outcome) -> None:
        match outcome:
            case Linked(Update()):
                kind = "changed"
            case Linked(_, _, was_there):
                kind = "adopted" if was_there else "created"
            case Refused() | Taken():
                kind = "refused"
            case _:
                kind = ""
        if kind:
            self.made[kind] = self.made.get(kind, 0) + 1
        self.outcomes.append(outcome)

    async def _keep(self) -> None:
        kept, self.outcomes = self.outcomes, []
        await self.house.books.referrals.finish(self.house.shop.name, self.campaign_id, kept)


async def _answer(program: ReferralFactory, campaign_id: int, call: Call) -> Outcome:
    """Make one call and say what came of it. Nobody is notified: the connector never asks for it (RF-31)."""
    match call:
        case Create(draft):
            return _made(call, await program.create_referrer(draft.new_referrer(campaign_id)))
        case Adopt(draft):
            found = await program.find_user(campaign_id, draft.email)
            if found is not None:
                return Linked(call, found, was_there=True)
            return _made(call, await program.create_referrer(draft.new_referrer(campaign_id)))
        case Look(_, _, email):
            found = await program.find_user(campaign_id, email)
            return Linked(call, found, was_there=True) if found is not None else Absent(call)
        case Update(draft, user_id):
            change = UserChange(first_name=draft.first_name, email=draft.email, meta=draft.meta or None)
            try:
                changed = await program.update_user(user_id, change)
            except NotFoundError:
                return Gone(call)
            if isinstance(changed, RefusedUser):
                return Taken(call, TAKEN_WHY, TAKEN_FIX) if changed.is_taken else Refused(call, changed.why)
            return Linked(call, changed)


def _made(call: Create | Adopt, answer: Created | RefusedUser) -> Outcome:
    if isinstance(answer, RefusedUser):
        return Refused(call, answer.why)
    return Linked(call, answer.user, was_there=answer.was_there)


class Pace:
    """How fast a sync goes, and how long it has to go."""

    def __init__(self, total: int) -> None:
        """`total`: customers that wait at the beginning."""
        self._total = total
        self._began = time.monotonic()
        self.done = 0

    def add(self, customers: int) -> None:
        """Count customers that are done."""
        self.done += customers

    @property
    def percent(self) -> float:
        """Of those that waited at the beginning."""
        return min(100.0, 100 * self.done / self._total) if self._total else 100.0

    def in_words(self) -> str:
        """Say where it stands, such as "1,500 of 10,000 customers, 9.8 a second, 14 min to go"."""
        passed_s = max(time.monotonic() - self._began, 0.001)
        rate = self.done / passed_s
        left = max(self._total - self.done, 0)
        to_go = f", {_span(left / rate)} to go" if rate and left else ""
        return f"{self.done:,} of {self._total:,} customers, {rate:.1f} a second{to_go}"


def _span(seconds: float) -> str:
    if seconds < 90:  # noqa: PLR2004  a minute and a half is the last that is said in seconds
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"  # noqa: PLR2004  two hours likewise
