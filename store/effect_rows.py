"""The life of an effect row, one step per function, each inside the caller's transaction.

absent -> attempting -> done; or -> ready (intended, surely not written); or -> unresolved (only a person can tell).
An `attempting` row whose lease is over is in doubt: somebody began, and nobody knows how it ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session as AnySession
from sqlmodel import Session, col

from models.tables import EffectRow
from store.owner import is_dead
from store.sql import changed, insert_new

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

    def withdraw(self, session: Session, key: str, token: str, *, keep_intent: bool) -> None:
        """Nothing was written: as if it had not begun, save that an intent, once recorded, is not repeated."""
        if keep_intent:
            self._set(session, key, {"status": READY, "owner": "", "updated_at": self.now()}, token)
        else:
            changed(session, delete(EffectRow).where(*_held(key, token)))

    def let_go(self, session: Session, key: str, token: str) -> None:
        """End the lease with the outcome unknown, so that the next worker looks at once."""
        now = self.now()
        self._set(session, key, {"owner": "", "lease_expires_at": now, "updated_at": now}, token)

    def give_up(self, session: Session, key: str, token: str) -> None:
        """Leave it to a person."""
        self._set(session, key, {"status": UNRESOLVED, "owner": "", "updated_at": self.now()}, token)

    def renew(self, session: Session, key: str, token: str, *, attempts: int = 0) -> bool:
        """Lengthen the lease, if it is still ours; tell whether it is. `attempts` counts one more try."""
        values: dict[str, Any] = {"lease_expires_at": self.now() + self.lease}
        if attempts:
            values["attempts"] = EffectRow.attempts + attempts
        return self._set(session, key, values, token)

    @staticmethod
    def _set(session: Session, key: str, values: Mapping[str, Any], token: str) -> bool:
        return changed(session, update(EffectRow).where(*_held(key, token)).values(**values)) > 0

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

    def _is_held(self, row: EffectRow) -> bool:
        return bool(row.owner) and row.lease_expires_at > self.now() and not is_dead(row.owner)


def _held(key: str, token: str) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions under which the effect is this claim's."""
    return col(EffectRow.key) == key, col(EffectRow.owner) == token, col(EffectRow.status) == ATTEMPTING
