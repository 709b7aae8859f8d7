"""Referral links: which customer goes by which person of a campaign, what is under way, and why some have none.

A page of customers is one transaction for what is intended and one for what came of it (DESIGN section 3). Between
the two a person is `pending`, under the name of the sync that does it: another sync that finds it so looks first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, or_, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from models.base import utc_now
from models.contact_sync import (
    CustomerState,
    Decision,
    Draft,
    KeptLink,
    Outcome,
    Skip,
    SkippedCustomer,
    SkipReason,
    SyncCounts,
    UserState,
)
from models.link_write_back import NotWritten, UnwrittenLink
from models.tables import ReferralCustomerRow, ReferralUserRow
from store.bulk import among
from store.contact_index import touch_in
from store.referral_page import Decide, Page
from store.referral_results import Results
from store.referral_rows import HOLDS, THEIR_PERSON, customers_of, users_of
from store.session import Store
from store.sql import changed, table_of, take_turn

_MAY_BE_MENDED = frozenset({SkipReason.REFUSED, SkipReason.EMAIL_TAKEN})
"""Why customers wait for a person in Referral Factory or ServiceTitan."""


class Referrals:
    """The referral links of one store. A sync is one worker at a time on a campaign: it holds a lease on it."""

    def __init__(self, store: Store, *, now: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._now = now

    async def begin(
        self, shop: str, campaign_id: int, drafts: Iterable[Draft | Skip], decide: Decide, *, run: str
    ) -> tuple[Decision, ...]:
        """Decide a page of customers on what is known, and keep what is intended, in one transaction.

        `run` names this sync, unlike any other. Customers that need no call are done with this; what comes of the
        calls is told to `finish`.
        """
        page = list(drafts)

        def write(session: Session) -> tuple[Decision, ...]:
            take_turn(session, f"{shop}/referrals/{campaign_id}")
            return Page(session, shop, campaign_id, run, self._now()).decide(page, decide)

        return await self._store.run(write)

    async def take_up(self, shop: str, campaign_id: int, run: str) -> int:
        """Let a sync come to whatever another one left without an answer; return how many customers that are."""
        left = and_(
            *users_of(shop, campaign_id),
            col(ReferralUserRow.state) == UserState.PENDING.value,
            col(ReferralUserRow.run) != run,
        )

        def write(session: Session) -> int:
            take_turn(session, f"{shop}/referrals/{campaign_id}")
            owners = select(col(ReferralUserRow.owner)).where(left, col(ReferralUserRow.owner).is_not(None))
            keys = select(col(ReferralUserRow.email_key)).where(left)
            theirs = (*customers_of(shop, campaign_id), col(ReferralCustomerRow.email_key).in_(keys))
            whose = {number for number in session.scalars(owners) if number is not None}
            whose.update(session.scalars(select(col(ReferralCustomerRow.customer)).where(*theirs)))
            touch_in(session, shop, whose)
            return len(whose)

        return await self._store.run(write)

    async def finish(self, shop: str, campaign_id: int, outcomes: Iterable[Outcome]) -> None:
        """Keep what came of calls, in one transaction. A call that is not told of stays pending."""
        told = list(outcomes)
        if not told:
            return

        def write(session: Session) -> None:
            take_turn(session, f"{shop}/referrals/{campaign_id}")
            Results(session, shop, campaign_id, self._now()).keep(told)

        await self._store.run(write)

    async def counts(self, shop: str, campaign_id: int) -> SyncCounts:
        """Count the campaign's customers and persons as they stand."""
        return await self._store.read(lambda session: _counts(session, shop, campaign_id))

    async def links(
        self, shop: str, campaign_id: int, *, after: int = 0, limit: int = 500, customers: Iterable[int] = ()
    ) -> Sequence[KeptLink]:
        """Return a page of customers that have a link, by id, from the one behind `after`; of some only, if named."""
        statement = _with_link(shop, campaign_id).where(col(ReferralCustomerRow.customer) > after)
        if wanted := sorted(set(customers)):
            statement = statement.where(col(ReferralCustomerRow.customer).in_(wanted))
        return await self._store.read(lambda session: _links(session, statement.limit(limit)))

    async def links_to_write(
        self, shop: str, campaign_id: int, *, after: int = 0, limit: int = 500
    ) -> Sequence[KeptLink]:
        """Return a page of customers whose link is not yet in their custom field, by id; not those refused for good."""
        statement = _with_link(shop, campaign_id).where(col(ReferralCustomerRow.customer) > after, *_TO_WRITE)
        return await self._store.read(lambda session: _links(session, statement.limit(limit)))

    async def count_to_write(self, shop: str, campaign_id: int) -> int:
        """Count the customers whose link is to be written."""
        statement = _with_link(shop, campaign_id).where(*_TO_WRITE).order_by(None)
        counted = select(func.count()).select_from(statement.subquery())
        return await self._store.read(lambda session: session.execute(counted).scalar_one())

    async def unwritten(
        self, shop: str, campaign_id: int, *, after: int = 0, limit: int = 500
    ) -> Sequence[UnwrittenLink]:
        """Return a page of customers whose link could not be written into their custom field, each with the reason."""
        statement = _with_link(shop, campaign_id).where(
            col(ReferralCustomerRow.customer) > after,
            col(ReferralCustomerRow.link_written) != col(ReferralUserRow.url),
            col(ReferralCustomerRow.link_why) != "",
        )
        page = await self._store.read(lambda session: _links(session, statement.limit(limit)))
        return [UnwrittenLink(one.customer, one.link_why) for one in page]

    async def wrote(self, shop: str, campaign_id: int, links: Mapping[int, str]) -> None:
        """Keep which link was written into which customer's custom field; an empty one: it is to be written again."""
        if not links:
            return
        rows = table_of(ReferralCustomerRow).c
        statement = (
            update(table_of(ReferralCustomerRow))
            .where(rows.shop == shop, rows.campaign_id == campaign_id, rows.customer == bindparam("whose"))
            .values(link_written=bindparam("link"), link_refused="", link_why="")
        )
        values = [{"whose": customer, "link": link} for customer, link in sorted(links.items())]
        await self._store.run(lambda session: session.connection().execute(statement, values) and None)

    async def could_not_write(self, shop: str, campaign_id: int, failures: Iterable[NotWritten]) -> None:
        """Keep why links are not in their custom fields. One that was refused is not offered again."""
        values = [
            {"whose": one.customer, "because": one.why, "link": one.refused}
            for one in sorted(failures, key=lambda one: one.customer)
        ]
        if not values:
            return
        rows = table_of(ReferralCustomerRow).c
        statement = (
            update(table_of(ReferralCustomerRow))
            .where(rows.shop == shop, rows.campaign_id == campaign_id, rows.customer == bindparam("whose"))
            .values(link_refused=bindparam("link"), link_why=bindparam("because"))
        )
        await self._store.run(lambda session: session.connection().execute(statement, values) and None)

    async def write_again(self, shop: str, campaign_id: int) -> None:
        """Let every link of the campaign be written once more: it is another field that takes them."""
        again = (
            update(ReferralCustomerRow)
            .where(*customers_of(shop, campaign_id))
            .values(link_written="", link_refused="", link_why="")
        )
        await self._store.run(lambda session: changed(session, again))

    async def skipped(
        self, shop: str, campaign_id: int, *, after: int = 0, limit: int = 500
    ) -> Sequence[SkippedCustomer]:
        """Return a page of customers without a link, or with an old one, each with its reason, by id (RF-30)."""
        statement = _without_link(shop, campaign_id).where(col(ReferralCustomerRow.customer) > after).limit(limit)
        return await self._store.read(lambda session: [_skipped(row) for row in session.execute(statement)])

    async def ours(self, shop: str, campaign_id: int, user_ids: Iterable[int]) -> frozenset[int]:
        """Return which of these persons a sync made: they did not sign up by themselves (RF-D1)."""
        wanted = sorted(set(user_ids))

        def read(session: Session) -> frozenset[int]:
            statement = select(col(ReferralUserRow.user_id)).where(
                *users_of(shop, campaign_id),
                among(session, col(ReferralUserRow.user_id), wanted),
                col(ReferralUserRow.was_there).is_(False),
            )
            return frozenset(number for number in session.scalars(statement) if number is not None)

        return await self._store.read(read)

    async def forget_refusals(self, shop: str, campaign_id: int) -> int:
        """Let the next pass try again what was refused; return how many customers that are.

        Those are whom the program refused, who keep an old link because their new e-mail is another person's, and
        whose link ServiceTitan refused to take into a custom field.
        """

        def write(session: Session) -> int:
            take_turn(session, f"{shop}/referrals/{campaign_id}")
            left_out = session.execute(_without_link(shop, campaign_id)).all()
            again = {row.customer for row in left_out if _skipped(row).reason in _MAY_BE_MENDED}
            gone = delete(ReferralUserRow).where(
                *users_of(shop, campaign_id), col(ReferralUserRow.state) == UserState.REFUSED.value
            )
            changed(session, gone)
            unwritten = (*customers_of(shop, campaign_id), col(ReferralCustomerRow.link_why) != "")
            whose = set(session.scalars(select(col(ReferralCustomerRow.customer)).where(*unwritten)))
            changed(session, update(ReferralCustomerRow).where(*unwritten).values(link_refused="", link_why=""))
            touch_in(session, shop, again)
            return len(again | whose)

        return await self._store.run(write)


_TO_WRITE = (
    col(ReferralCustomerRow.link_written) != col(ReferralUserRow.url),
    col(ReferralCustomerRow.link_refused) != col(ReferralUserRow.url),
)


def _with_link(shop: str, campaign_id: int) -> Any:
    return (
        select(
            col(ReferralCustomerRow.customer),
            col(ReferralUserRow.user_id),
            col(ReferralUserRow.code),
            col(ReferralUserRow.url),
            col(ReferralUserRow.first_name),
            col(ReferralUserRow.email),
            col(ReferralCustomerRow.link_written),
            col(ReferralCustomerRow.link_why),
        )
        .join(ReferralUserRow, THEIR_PERSON)
        .where(
            *customers_of(shop, campaign_id),
            col(ReferralCustomerRow.state).in_(HOLDS),
            col(ReferralUserRow.url) != "",
        )
        .order_by(col(ReferralCustomerRow.customer))
    )


def _links(session: Session, statement: Any) -> list[KeptLink]:
    return [KeptLink(*row) for row in session.execute(statement)]


def _without_link(shop: str, campaign_id: int) -> Any:
    """Select who was left out or held, and who goes by a person the program refused."""
    refused = col(ReferralUserRow.state) == UserState.REFUSED.value
    return (
        select(
            col(ReferralCustomerRow.customer),
            col(ReferralCustomerRow.state),
            col(ReferralCustomerRow.reason),
            col(ReferralCustomerRow.why),
            col(ReferralUserRow.why).label("refusal"),
        )
        .outerjoin(ReferralUserRow, THEIR_PERSON)
        .where(
            *customers_of(shop, campaign_id),
            or_(col(ReferralCustomerRow.state) != CustomerState.LINKED.value, refused),
        )
        .order_by(col(ReferralCustomerRow.customer))
    )


def _skipped(row: Any) -> SkippedCustomer:
    if row.state == CustomerState.LINKED.value:
        return SkippedCustomer(row.customer, SkipReason.REFUSED, row.refusal)
    return SkippedCustomer(row.customer, SkipReason(row.reason), row.why, is_held=row.state == CustomerState.HELD.value)


def _counts(session: Session, shop: str, campaign_id: int) -> SyncCounts:
    joined = (
        select(
            col(ReferralCustomerRow.state),
            col(ReferralCustomerRow.reason),
            func.coalesce(col(ReferralUserRow.state), ""),
            func.count(),
        )
        .outerjoin(ReferralUserRow, THEIR_PERSON)
        .where(*customers_of(shop, campaign_id))
        .group_by(col(ReferralCustomerRow.state), col(ReferralCustomerRow.reason), col(ReferralUserRow.state))
    )
    linked, waiting, skipped = 0, 0, defaultdict[SkipReason, int](int)
    for state, reason, person, number in session.execute(joined):
        if state != CustomerState.LINKED.value:
            skipped[SkipReason(reason)] += number
        elif person == UserState.REFUSED.value:
            skipped[SkipReason.REFUSED] += number
        elif person == UserState.LINKED.value:
            linked += number
        else:
            waiting += number
    persons = select(func.count()).where(*users_of(shop, campaign_id), col(ReferralUserRow.url) != "")
    return SyncCounts(linked, waiting, dict(skipped), session.execute(persons).scalar_one())
