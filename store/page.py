"""`once` for a page of records: one transaction for the intents, one for the results."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from sqlmodel import Session

from store.batch import MAY_BE_WRITTEN, NOTHING_WRITTEN, Busy, Done, NotWritten, Outcome, Result, Unknown, Unresolved
from store.effect_rows import DONE, EffectRows, Page
from store.owner import Owner
from store.session import Store
from store.waiting import let_settle, renewed

Item = TypeVar("Item")

MOST_WRITES = 2
"""How often a record is written in one pass, when its answer is lost and looking finds nothing."""


@dataclass
class PageWriter(Generic[Item]):
    """One pass over one page."""

    store: Store
    rows: EffectRows
    settle_s: float
    items: Mapping[str, Item]
    create: Callable[[Mapping[str, Item]], Awaitable[Mapping[str, Outcome]]]
    find: Callable[[Mapping[str, Item]], Awaitable[Mapping[str, str | None]]] | None
    token: str = field(default_factory=lambda: Owner.current().claim())
    results: dict[str, Result] = field(default_factory=dict)
    doubted: set[str] = field(default_factory=set)
    """Keys that were in doubt at some time: they are never withdrawn, the next pass looks again."""

    async def write(self) -> dict[str, Result]:
        """Do what is not done, and return the result of every key."""
        page = await self._claim()
        self.results.update({key: Done(reference, was_done=True) for key, reference in page.done.items()})
        self.results.update(dict.fromkeys(page.taken, Busy()))
        self.results.update(dict.fromkeys(page.unresolved, Unresolved()))
        if page.fresh or page.in_doubt:
            await self._carry_out(page)
        return {key: self.results[key] for key in self.items}

    async def _claim(self) -> Page:
        keys = list(self.items)
        seen = await self.store.read(lambda session: self.rows.look(session, keys))
        done = {row.key: row.reference for row in seen if row.status == DONE}
        known = {row.key for row in seen}
        rest = [key for key in keys if key not in done]
        if not rest:  # the usual end of reading again what was read before: nothing is written
            return Page(done=done)

        def claim(session: Session) -> Page:
            return self.rows.claim_many(session, rest, self.token, can_find=self.find is not None, known=known)

        page = await self.store.run(claim)
        page.done.update(done)
        return page

    async def _carry_out(self, page: Page) -> None:
        mine = [*page.fresh, *page.in_doubt]

        async def renew() -> bool:
            return bool(await self.store.run(lambda session: self.rows.renew(session, mine, self.token)))

        try:
            async with renewed(renew, ttl_s=self.rows.lease.total_seconds()):
                await self._look_and_write(page.fresh, page.in_doubt, page.in_doubt_since)
        except BaseException:
            # Handed over before anything can interrupt: it runs to its end even when this task is canceled again.
            await self.store.run(lambda session: self.rows.let_go(session, mine, self.token))
            raise

    async def _look_and_write(self, to_write: list[str], in_doubt: list[str], since: datetime | None) -> None:
        for _ in range(MOST_WRITES):
            if in_doubt:
                to_write = [*to_write, *await self._look(in_doubt, since)]
            if not to_write:
                return
            in_doubt = await self._write(to_write)
            if not in_doubt:
                return
            to_write, since = [], self.rows.now()
        await self.store.run(lambda session: self.rows.let_go(session, in_doubt, self.token))

    async def _look(self, in_doubt: list[str], since: datetime | None) -> list[str]:
        """Look for what may have been written; return the keys that are surely not there and still ours."""
        assert self.find is not None
        self.doubted.update(in_doubt)
        await let_settle(since or self.rows.now(), self.settle_s, self.rows.now)
        looked = await self.find(self._pick(in_doubt))
        found = {key: reference for key in in_doubt if (reference := looked.get(key)) is not None}
        absent = [key for key in in_doubt if key in looked and key not in found]
        unseen = [key for key in in_doubt if key not in looked]

        def record(session: Session) -> bool:
            self.rows.finish_many(session, found)
            self.rows.let_go(session, unseen, self.token)
            return self.rows.renew(session, absent, self.token, attempts=1) == len(absent)

        still_ours = await self.store.run(record)
        self.results.update({key: Done(reference) for key, reference in found.items()})
        self.results.update({key: self.results.get(key, Unknown()) for key in unseen})
        if still_ours:
            return absent
        self.results.update(dict.fromkeys(absent, Busy()))
        return []

    async def _write(self, keys: list[str]) -> list[str]:
        """Write the records; return the keys whose outcome is unknown and may be looked for now."""
        outcomes = await self._outcomes(keys)
        done = {key: outcome.reference for key, outcome in outcomes.items() if isinstance(outcome, Done)}
        clean = [key for key, outcome in outcomes.items() if isinstance(outcome, NotWritten)]
        unknown = [key for key, outcome in outcomes.items() if isinstance(outcome, Unknown)]

        def record(session: Session) -> None:
            self.rows.finish_many(session, done)
            certain = [key for key in clean if key not in self.doubted]
            self.rows.withdraw(session, certain, self.token, keep_intent=False)
            self.rows.let_go(session, [key for key in clean if key in self.doubted], self.token)
            if self.find is None:
                self.rows.give_up(session, unknown, self.token)

        await self.store.run(record)
        self.results.update(outcomes)
        if self.find is None:
            self.results.update(dict.fromkeys(unknown, Unresolved()))
            return []
        return unknown

    async def _outcomes(self, keys: list[str]) -> dict[str, Outcome]:
        try:
            reported = await self.create(self._pick(keys))
        except NOTHING_WRITTEN as error:
            return dict.fromkeys(keys, NotWritten(error))
        except MAY_BE_WRITTEN as error:
            return dict.fromkeys(keys, Unknown(error))
        return {key: reported.get(key, Unknown()) for key in keys}

    def _pick(self, keys: Iterable[str]) -> dict[str, Item]:
        return {key: self.items[key] for key in keys}
