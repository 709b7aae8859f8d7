"""People who signed up in a campaign: each one's booking, its jobs, and whether it is qualified."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from models.base import utc_now
from models.booking import FOLLOWED, FollowedJob, Funnel, ReferralStage
from models.referral import ReferralUser
from models.tables import ReferredRow
from store.session import Store
from store.sql import changes_for, insert_new

_FIXED = frozenset({"shop", "user_id", "campaign_id", "created_at"})
_AT_ONCE = 500
"""Values in one statement: SQLite's older builds take no more than 999."""
_OPEN = (ReferralStage.NEW.value, ReferralStage.HELD.value)
"""Stages in which a change of the person in the program still counts."""
_CLAIMS = (ReferralStage.HELD.value, ReferralStage.IGNORED.value, ReferralStage.GONE.value)
"""Stages in which a person has no booking and will get none by itself: the e-mail is free for another campaign."""


class Referred:
    """The referred people of one store. The key is the user's id: an e-mail in two campaigns is two people."""

    def __init__(self, store: Store, *, now: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._now = now

    async def take_in(self, shop: str, people: Iterable[tuple[ReferralUser, str]]) -> int:
        """Keep people with their folded e-mail; return how many are new. One that is known is taken in once (RF-41).

        Whoever is not booked yet is kept as the program tells it now.
        """
        page = {user.id: (user, key) for user, key in people}

        def write(session: Session) -> int:
            fresh = [self._fresh(shop, user, key) for user, key in page.values()]
            known = {row.user_id: row for row in _rows(session, shop, page)}
            made = insert_new(session, ReferredRow, [one for one in fresh if one["user_id"] not in known])
            for row in known.values():
                user, key = page[row.user_id]
                person = user.model_dump(mode="json")
                if row.stage in _OPEN and row.person != person:
                    row.person, row.email_key, row.updated_at = person, key, self._now()
                    if row.stage == ReferralStage.HELD.value:
                        row.stage, row.why = ReferralStage.NEW.value, "It was changed in Referral Factory."
            session.flush()
            return made

        return await self._store.run(write)

    def _fresh(self, shop: str, user: ReferralUser, key: str) -> dict[str, Any]:
        return {
            "shop": shop,
            "user_id": user.id,
            "campaign_id": user.campaign_id,
            "kind": user.kind.value,
            "email_key": key,
            "person": user.model_dump(mode="json"),
            "stage": ReferralStage.NEW.value,
            "why": "",
            "external_id": "",
            "booking": None,
            "booking_status": "",
            "job": None,
            "is_existing": False,
            "customers": [],
            "jobs": [],
            "job_fields": [],
            "is_confirmed": False,
            "qualified_at": None,
            "qualified_by": "",
            "reward": "",
            "created_at": self._now(),
            "updated_at": self._now(),
        }

    async def get(self, shop: str, user_id: int) -> ReferredRow | None:
        """Return one person."""
        return await self._store.read(lambda session: session.get(ReferredRow, (shop, user_id)))

    async def due(self, shop: str, *, after: int = 0, limit: int = 200) -> Sequence[ReferredRow]:
        """Return a page of people to be booked, in the order in which they signed up."""
        statement = _of(shop).where(col(ReferredRow.stage) == ReferralStage.NEW.value, col(ReferredRow.user_id) > after)
        statement = statement.order_by(col(ReferredRow.user_id)).limit(limit)
        return await self._store.read(lambda session: session.scalars(statement).all())

    async def to_qualify(self, shop: str, *, after: int = 0, limit: int = 200) -> Sequence[ReferredRow]:
        """Return a page of leads that are to be qualified, and are not yet, by id."""
        statement = _of(shop).where(
            col(ReferredRow.qualified_by) != "",
            col(ReferredRow.qualified_at).is_(None),
            col(ReferredRow.stage).in_([stage.value for stage in FOLLOWED]),
            col(ReferredRow.user_id) > after,
        )
        statement = statement.order_by(col(ReferredRow.user_id)).limit(limit)
        return await self._store.read(lambda session: session.scalars(statement).all())

    async def qualified(self, shop: str, *, after: int = 0, limit: int = 500) -> Sequence[ReferredRow]:
        """Return a page of qualified leads, by id."""
        statement = _of(shop).where(col(ReferredRow.qualified_at).is_not(None), col(ReferredRow.user_id) > after)
        statement = statement.order_by(col(ReferredRow.user_id)).limit(limit)
        return await self._store.read(lambda session: session.scalars(statement).all())

    async def has_reward_open(self, shop: str, *, since: datetime | None = None) -> bool:
        """Tell whether a qualified lead's reward is not known to be issued; with `since`, of one qualified since."""
        statement = _of(shop).where(col(ReferredRow.qualified_at).is_not(None), col(ReferredRow.reward) != "issued")
        if since is not None:
            statement = statement.where(col(ReferredRow.qualified_at) >= since)
        return await self._store.read(lambda session: session.scalars(statement.limit(1)).first() is not None)

    async def of_records(
        self, shop: str, *, bookings: Iterable[int] = (), jobs: Iterable[int] = ()
    ) -> Sequence[ReferredRow]:
        """Return the people whose booking, or the job it names, is among these (RF-D4): never by e-mail."""
        wanted = [(col(ReferredRow.booking), sorted(set(bookings))), (col(ReferredRow.job), sorted(set(jobs)))]

        def read(session: Session) -> list[ReferredRow]:
            found: dict[int, ReferredRow] = {}
            for column, numbers in wanted:
                for at in range(0, len(numbers), _AT_ONCE):
                    statement = _of(shop).where(column.in_(numbers[at : at + _AT_ONCE]))
                    found |= {row.user_id: row for row in session.scalars(statement)}
            return [found[number] for number in sorted(found)]

        return await self._store.read(read)

    async def followed(self, shop: str, *, after: int = 0, limit: int = 500) -> Sequence[ReferredRow]:
        """Return a page of people whose booking is followed, by id."""
        statement = _of(shop).where(
            col(ReferredRow.stage).in_([stage.value for stage in FOLLOWED]),
            col(ReferredRow.booking).is_not(None),
            col(ReferredRow.user_id) > after,
        )
        statement = statement.order_by(col(ReferredRow.user_id)).limit(limit)
        return await self._store.read(lambda session: session.scalars(statement).all())

    async def oldest_followed(self, shop: str) -> datetime | None:
        """Return when the first of the people was taken in whose booking is followed; None when none is."""
        statement = (
            select(col(ReferredRow.created_at))
            .where(
                col(ReferredRow.shop) == shop,
                col(ReferredRow.stage).in_([stage.value for stage in FOLLOWED]),
                col(ReferredRow.booking).is_not(None),
            )
            .order_by(col(ReferredRow.created_at))
            .limit(1)
        )
        return await self._store.read(lambda session: session.scalars(statement).one_or_none())

    async def rival(self, row: ReferredRow) -> ReferredRow | None:
        """Return who of another campaign has the same e-mail, and a booking or an earlier sign-up; None: nobody."""
        statement = (
            _of(row.shop)
            .where(
                col(ReferredRow.email_key) == row.email_key,
                col(ReferredRow.campaign_id) != row.campaign_id,
                or_(
                    col(ReferredRow.booking).is_not(None),
                    col(ReferredRow.stage).not_in(_CLAIMS) & (col(ReferredRow.user_id) < row.user_id),
                ),
            )
            .order_by(col(ReferredRow.user_id))
            .limit(1)
        )
        return await self._store.read(lambda session: session.scalars(statement).one_or_none())

    def with_external_id_in(self, session: Session, row: ReferredRow, external_id: str) -> ReferredRow | None:
        """Return who else is booked, or was to be, under this external id, within the caller's transaction."""
        statement = _of(row.shop).where(
            col(ReferredRow.external_id) == external_id, col(ReferredRow.user_id) != row.user_id
        )
        found: ReferredRow | None = session.scalars(statement.limit(1)).first()
        return found

    async def update(self, shop: str, user_id: int, **changes: Any) -> ReferredRow:
        """Change columns, and return the fresh row."""
        return await self._store.run(lambda session: self.update_in(session, shop, user_id, **changes))

    def update_in(self, session: Session, shop: str, user_id: int, **changes: Any) -> ReferredRow:
        """Change columns within the caller's transaction. Raises TypeError for a column that is not there or fixed."""
        values = changes_for(ReferredRow, changes, fixed=_FIXED)
        row = session.get_one(ReferredRow, (shop, user_id), with_for_update=True, populate_existing=True)
        for name, value in {"updated_at": self._now(), **values}.items():
            setattr(row, name, value)
        session.flush()
        return row

    def held_in(self, session: Session, shop: str, user_id: int) -> ReferredRow | None:
        """Return a person who is held, within the caller's transaction; None: it is not."""
        row = session.get(ReferredRow, (shop, user_id), with_for_update=True)
        return row if row is not None and row.stage == ReferralStage.HELD else None

    async def page(
        self, shop: str, *, campaign_id: int | None = None, after: int = 0, limit: int = 500, newest: bool = False
    ) -> Sequence[ReferredRow]:
        """Return a page of everybody, or of one campaign, by id; with `newest` the last ones, the newest first."""
        statement = _of(shop).where(col(ReferredRow.user_id) > after)
        if campaign_id is not None:
            statement = statement.where(col(ReferredRow.campaign_id) == campaign_id)
        by = col(ReferredRow.user_id).desc() if newest else col(ReferredRow.user_id)
        return await self._store.read(lambda session: session.scalars(statement.order_by(by).limit(limit)).all())

    async def funnels(self, shop: str) -> tuple[Funnel, ...]:
        """Count the people of each campaign and kind by how far they came."""
        columns = (
            col(ReferredRow.campaign_id),
            col(ReferredRow.kind),
            col(ReferredRow.stage),
            col(ReferredRow.booking).is_not(None),
            func.coalesce(col(ReferredRow.job), 0) > 0,
            col(ReferredRow.qualified_at).is_not(None),
            col(ReferredRow.reward),
        )
        statement = select(*columns, func.count()).where(col(ReferredRow.shop) == shop).group_by(*columns)
        return _funnels(await self._store.read(lambda session: session.execute(statement).all()))


def jobs_of(row: ReferredRow) -> tuple[FollowedJob, ...]:
    """Return the jobs a person's booking became."""
    return tuple(FollowedJob.model_validate(one) for one in row.jobs)


def person_of(row: ReferredRow) -> ReferralUser:
    """Return the person as the program told it."""
    return ReferralUser.model_validate(row.person)


def _of(shop: str) -> Any:
    return select(ReferredRow).where(col(ReferredRow.shop) == shop)


def _rows(session: Session, shop: str, user_ids: Iterable[int]) -> list[ReferredRow]:
    wanted = sorted(user_ids)
    return [
        row
        for at in range(0, len(wanted), _AT_ONCE)
        for row in session.scalars(_of(shop).where(col(ReferredRow.user_id).in_(wanted[at : at + _AT_ONCE])))
    ]


def _funnels(rows: Iterable[Any]) -> tuple[Funnel, ...]:
    counted: dict[tuple[int, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for campaign_id, kind, stage, is_booked, is_job, is_qualified, reward, number in rows:
        steps = {
            "signed_up": True,
            "booked": is_booked,
            "jobs": is_job,
            "qualified": is_qualified,
            "rewards_due": reward == "due",
            "rewards_issued": reward == "issued",
            "held": stage == ReferralStage.HELD,
            "ignored": stage == ReferralStage.IGNORED,
            "dismissed": stage == ReferralStage.DISMISSED,
        }
        for step, is_reached in steps.items():
            counted[campaign_id, kind][step] += number if is_reached else 0
    return tuple(
        Funnel(campaign_id=campaign_id, kind=kind, **counts) for (campaign_id, kind), counts in sorted(counted.items())
    )
