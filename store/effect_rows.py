"""The life of an effect row, one step per function, each inside the caller's transaction.

absent -> attempting -> done; or -> ready (intended, surely not written); or -> unresolved (only a person can tell).
An `attempting` row whose lease is over is in doubt: somebody began, and nobody knows how it ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, delete, select, update
from sqlalchemy.orm import Session as AnySession
from sqlmodel import Session, col

from models.tables import EffectRow
from store.owner import is_dead
from store.sql import changed, insert_new, table_of

log = logging.getLogger(__name__)

ATTEMPTING, READY, DONE, UNRESOLVED = "attempting", "ready", "done", "unresolved"


@dataclass(frozen=True)
class Finished:
    """It was done before; this is what the write returned."""

    reference: str


@dataclass(frozen=True)
class Taken:
    """A live worker has it."""


@dataclass(frozen=True)
class NeedsPerson:
    """It may have been written, and there is no way to look."""


@dataclass(frozen=True)
class Mine:
    """Ours to do. `in_doubt_since`: an earlier attempt's outcome is unknown, so look first."""

    in_doubt_since: datetime | None


Claim = Finished | Taken | NeedsPerson | Mine


@dataclass
class Page:
    """What became of the claims of many keys."""

    done: dict[str, str] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)
    in_doubt: list[str] = field(default_factory=list)
    in_doubt_since: datetime | None = None
    """The latest of them."""


@dataclass(frozen=True)
class EffectRows:
    """The steps, for one lease length and one clock."""

    lease: timedelta
    now: Callable[[], datetime]

    def claim(
        self, session: Session, key: str, token: str, *, can_find: bool, intent: Callable[[Session], None] | None
    ) -> Claim:
        """Take the effect, if it is free. A new one runs `intent` in the same transaction, which may refuse it."""
        if insert_new(session, EffectRow, [self._new(key, token)]):
            if intent is not None:
                intent(session)
            return Mine(in_doubt_since=None)
        row = session.scalars(select(EffectRow).where(col(EffectRow.key) == key).with_for_update()).one_or_none()
        if row is None:  # withdrawn by another worker this very moment
            return Taken()
        if row.status == DONE:
            return Finished(row.reference)
        if row.status == ATTEMPTING and self._is_held(row):
            return Taken()
        if row.status != READY and not can_find:
            row.status, row.owner = UNRESOLVED, ""
            return NeedsPerson()
        in_doubt_since = None if row.status == READY else row.updated_at
        row.attempts += row.status == READY
        row.status, row.owner = ATTEMPTING, token
        row.updated_at, row.lease_expires_at = self.now(), self.now() + self.lease
        return Mine(in_doubt_since)

    def claim_many(self, session: Session, keys: Sequence[str], token: str, *, can_find: bool, known: set[str]) -> Page:
        """Take those effects that are free. `known`: keys that were seen to have a row already."""
        absent = sorted(key for key in keys if key not in known)  # one order for all workers: no deadlock
        page = Page()
        if insert_new(session, EffectRow, [self._new(key, token) for key in absent]) == len(absent) == len(keys):
            page.fresh = list(keys)
            return page
        again: list[str] = []
        for row in self.look(session, keys, lock=True):
            if row.owner == token:
                page.fresh.append(row.key)
            elif row.status == DONE:
                page.done[row.key] = row.reference
            elif row.status == ATTEMPTING and self._is_held(row):
                page.taken.append(row.key)
            elif row.status == READY:
                page.fresh.append(row.key)
                again.append(row.key)
            elif can_find:
                page.in_doubt.append(row.key)
                page.in_doubt_since = max(page.in_doubt_since or row.updated_at, row.updated_at)
            else:
                page.unresolved.append(row.key)
        self._set(session, page.unresolved, {"status": UNRESOLVED, "owner": ""})
        mine = {"status": ATTEMPTING, "owner": token, "lease_expires_at": self.now() + self.lease}
        self._set(session, [*again, *page.in_doubt], {**mine, "updated_at": self.now()})
        seen = {*page.done, *page.taken, *page.unresolved, *page.fresh, *page.in_doubt}
        page.taken.extend(key for key in keys if key not in seen)  # withdrawn by another worker this very moment
        return page

    @staticmethod
    def look(session: Session, keys: Iterable[str], *, lock: bool = False) -> Sequence[Row[Any]]:
        """Read what a claim needs to know of many rows."""
        effects = table_of(EffectRow).c
        statement = (
            select(
                effects.key,
                effects.status,
                effects.reference,
                effects.owner,
                effects.lease_expires_at,
                effects.updated_at,
            )
            .where(effects.key.in_(list(keys)))
            .order_by(effects.key)
        )
        return session.execute(statement.with_for_update() if lock else statement).all()

    def finish(self, session: AnySession, key: str, reference: str) -> str:
        """Note the write as done, whoever holds the lease by now; return the reference that counts."""
        row = session.scalars(select(EffectRow).where(col(EffectRow.key) == key).with_for_update()).one_or_none()
        if row is None:
            row = EffectRow.model_validate(self._new(key, ""))
            session.add(row)
        if row.status == DONE:
            if row.reference != reference:
                log.error("%s was written twice: its lease was lost while its write went on.", key)
            return row.reference
        row.status, row.reference, row.owner, row.updated_at = DONE, reference, "", self.now()
        return reference

    def finish_many(self, session: Session, done: Mapping[str, str]) -> None:
        """Note many writes as done."""
        if not done:
            return
        effects = table_of(EffectRow)
        statement = (
            update(effects)
            .where(effects.c.key == bindparam("its_key"), effects.c.status != DONE)
            .values(status=DONE, reference=bindparam("its_reference"), owner="", updated_at=self.now())
        )
        rows = [{"its_key": key, "its_reference": done[key]} for key in sorted(done)]
        if session.connection().execute(statement, rows).rowcount != len(rows):
            for key in sorted(done):
                self.finish(session, key, done[key])

    def withdraw(self, session: Session, keys: Iterable[str], token: str, *, keep_intent: bool) -> None:
        """Nothing was written: as if it had not begun, save that an intent, once recorded, is not repeated."""
        if keep_intent:
            self._set(session, keys, {"status": READY, "owner": "", "updated_at": self.now()}, token)
        else:
            mine = (col(EffectRow.owner) == token, col(EffectRow.status) == ATTEMPTING)
            changed(session, delete(EffectRow).where(col(EffectRow.key).in_(list(keys)), *mine))

    def let_go(self, session: Session, keys: Iterable[str], token: str) -> None:
        """End the lease with the outcome unknown, so that the next worker looks at once."""
        now = self.now()
        self._set(session, keys, {"owner": "", "lease_expires_at": now, "updated_at": now}, token)

    def give_up(self, session: Session, keys: Iterable[str], token: str) -> None:
        """Leave it to a person."""
        self._set(session, keys, {"status": UNRESOLVED, "owner": "", "updated_at": self.now()}, token)

    def renew(self, session: Session, keys: Sequence[str], token: str, *, attempts: int = 0) -> int:
        """Lengthen the lease, if it is still ours; return how many are. `attempts` counts one more try."""
        values: dict[str, Any] = {"lease_expires_at": self.now() + self.lease}
        if attempts:
            values["attempts"] = EffectRow.attempts + attempts
        return self._set(session, keys, values, token)

    def _set(self, session: Session, keys: Iterable[str], values: Mapping[str, Any], token: str | None = None) -> int:
        wanted = list(keys)
        if not wanted:
            return 0
        statement = update(EffectRow).where(col(EffectRow.key).in_(wanted)).values(**values)
        if token is not None:
            statement = statement.where(col(EffectRow.owner) == token, col(EffectRow.status) == ATTEMPTING)
        return changed(session, statement)

    def _new(self, key: str, token: str) -> dict[str, Any]:
        now = self.now()
        return {
            "key": key,
            "status": ATTEMPTING,
            "reference": "",
            "owner": token,
            "lease_expires_at": now + self.lease,
            "attempts": 1,
            "created_at": now,
            "updated_at": now,
        }

    def _is_held(self, row: EffectRow | Row[Any]) -> bool:
        return bool(row.owner) and row.lease_expires_at > self.now() and not is_dead(row.owner)
