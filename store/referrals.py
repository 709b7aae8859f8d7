"""Referral links: which customer goes by which person of a campaign, what is under way, and why some have none.

A page of customers is one transaction for what is intended and one for what came of it (DESIGN section 3). Between
the two a person is `pending`, under the name of the sync that does it: another sync that finds it so looks first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import and_, bindparam, delete, func, or_, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from models.base import utc_now
from models.contact_sync import (
    Absent,
    Adopt,
    Conflict,
    Create,
    CustomerState,
    Decision,
    Draft,
    Gone,
    KeptLink,
    KnownLink,
    KnownUser,
    Later,
    Linked,
    Look,
    NotSent,
    Outcome,
    Refused,
    Share,
    Skip,
    SkippedCustomer,
    SkipReason,
    SyncCounts,
    Taken,
    Unchanged,
    Update,
    UserState,
)
from models.link_write_back import NotWritten, UnwrittenLink
from models.tables import ReferralCustomerRow, ReferralUserRow
from store.bulk import among, read_rows, write_rows
from store.contact_index import touch_in
from store.session import Store
from store.sql import changed, table_of, take_turn

Decide = Callable[[Draft | Skip, KnownLink | None, Mapping[str, KnownUser]], Decision]
"""decisions/referral_sync.py, decide_sync."""

_AT_ONCE = 500
"""Values in one statement: SQLite's older builds take no more than 999."""

_HOLDS = (CustomerState.LINKED.value, CustomerState.HELD.value)
"""States of a customer that goes by a person."""

_MAY_BE_MENDED = frozenset({SkipReason.REFUSED, SkipReason.EMAIL_TAKEN})
"""Why customers wait for a person in Referral Factory or ServiceTitan."""

_Item = TypeVar("_Item")


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
            return _Page(session, shop, campaign_id, run, self._now()).decide(page, decide)

        return await self._store.run(write)

    async def take_up(self, shop: str, campaign_id: int, run: str) -> int:
        """Let a sync come to whatever another one left without an answer; return how many customers that are."""
        left = and_(
            *_users(shop, campaign_id),
            col(ReferralUserRow.state) == UserState.PENDING.value,
            col(ReferralUserRow.run) != run,
        )

        def write(session: Session) -> int:
            take_turn(session, f"{shop}/referrals/{campaign_id}")
            owners = select(col(ReferralUserRow.owner)).where(left, col(ReferralUserRow.owner).is_not(None))
            keys = select(col(ReferralUserRow.email_key)).where(left)
            theirs = (*_customers(shop, campaign_id), col(ReferralCustomerRow.email_key).in_(keys))
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
            _Results(session, shop, campaign_id, self._now()).keep(told)

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

    async def links_of_email(self, shop: str, campaign_id: int, email_key: str) -> Sequence[KeptLink]:
        """Return the customers that go by a folded e-mail and have its link (RF-33)."""
        statement = _with_link(shop, campaign_id).where(col(ReferralCustomerRow.email_key) == email_key)
        return await self._store.read(lambda session: _links(session, statement))

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
            .where(*_customers(shop, campaign_id))
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
            found: set[int] = set()
            for some in _runs(wanted):
                statement = select(col(ReferralUserRow.user_id)).where(
                    *_users(shop, campaign_id),
                    col(ReferralUserRow.user_id).in_(some),
                    col(ReferralUserRow.was_there).is_(False),
                )
                found.update(number for number in session.scalars(statement) if number is not None)
            return frozenset(found)

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
                *_users(shop, campaign_id), col(ReferralUserRow.state) == UserState.REFUSED.value
            )
            changed(session, gone)
            unwritten = (*_customers(shop, campaign_id), col(ReferralCustomerRow.link_why) != "")
            whose = set(session.scalars(select(col(ReferralCustomerRow.customer)).where(*unwritten)))
            changed(session, update(ReferralCustomerRow).where(*unwritten).values(link_refused="", link_why=""))
            touch_in(session, shop, again)
            return len(again | whose)

        return await self._store.run(write)


@dataclass
class _Tables:
    """A transaction on one campaign of one shop, and what it will write."""

    session: Session
    shop: str
    campaign_id: int
    now: datetime

    def users(self) -> tuple[Any, ...]:
        return _users(self.shop, self.campaign_id)

    def customers(self) -> tuple[Any, ...]:
        return _customers(self.shop, self.campaign_id)

    def put(self, model: type[Any], key: str, rows: Mapping[Any, dict[str, Any]]) -> None:
        """Write rows by their key; only the columns they name change where one is there already."""
        by_columns: dict[tuple[str, ...], list[tuple[Any, ...]]] = defaultdict(list)
        for of, row in sorted(rows.items()):
            by_columns[tuple(row)].append((of, *row.values()))
        for names, values in by_columns.items():
            fresh = {name: value for name, value in _FRESH[model].items() if name not in names}
            fixed = {"shop": self.shop, "campaign_id": self.campaign_id, "updated_at": self.now, **fresh}
            write_rows(
                self.session,
                model,
                (key, *names),
                values,
                fixed=fixed,
                key=("shop", "campaign_id", key),
                update=(*names, "updated_at"),
            )

    def touch(self, customers: set[int]) -> None:
        touch_in(self.session, self.shop, customers)


_FRESH: Mapping[type[Any], Mapping[str, Any]] = {
    ReferralUserRow: {
        "user_id": None,
        "code": "",
        "url": "",
        "first_name": "",
        "email": "",
        "owner": None,
        "digest": "",
        "run": "",
        "was_there": False,
        "why": "",
    },
    ReferralCustomerRow: {
        "email_key": "",
        "reason": "",
        "why": "",
        "link_written": "",
        "link_refused": "",
        "link_why": "",
    },
}
"""What a new row has where nothing is said."""


class _Page(_Tables):
    """One page of customers on its way from drafts to decisions."""

    def __init__(self, session: Session, shop: str, campaign_id: int, run: str, now: datetime) -> None:
        super().__init__(session, shop, campaign_id, now)
        self._run = run
        self._known: dict[str, KnownUser] = {}
        self._links: dict[int, KnownLink] = {}
        self._holders: dict[str, set[int]] = {}
        self._user_rows: dict[str, dict[str, Any]] = {}
        self._customer_rows: dict[int, dict[str, Any]] = {}
        self._again: set[int] = set()

    def decide(self, drafts: Sequence[Draft | Skip], decide: Decide) -> tuple[Decision, ...]:
        self._read(drafts)
        decisions: list[Decision] = []
        for draft in drafts:
            link = self._links.get(draft.customer)
            if link is not None:
                link = replace(link, is_shared=bool(self._others(link)))
            decision = decide(draft, link, self._known)
            self._intend(decision, link)
            decisions.append(decision)
        self.put(ReferralUserRow, "email_key", self._user_rows)
        self.put(ReferralCustomerRow, "customer", self._customer_rows)
        self.touch(self._again)
        return tuple(decisions)

    def _read(self, drafts: Sequence[Draft | Skip]) -> None:
        named = among(self.session, col(ReferralCustomerRow.customer), [draft.customer for draft in drafts])
        for row in read_rows(self.session, select(*_LINK_COLUMNS).where(*self.customers(), named)):
            self._links[row[0]] = KnownLink(row[0], row[1], CustomerState(row[2]), row[3], row[4])
        keys = {one.key for draft in drafts if isinstance(draft, Draft) for one in draft.emails}
        keys.update(link.key for link in self._links.values() if link.key)
        theirs = among(self.session, col(ReferralUserRow.email_key), keys)
        for person in read_rows(self.session, select(*_USER_COLUMNS).where(*self.users(), theirs)):
            self._known[person[0]] = self._user(*person)
        self._read_holders(drafts)

    def _user(
        self,
        key: str,
        state: str,
        user_id: int | None,
        owner: int | None,
        digest: str,
        email: str,
        why: str,
        run: str,
    ) -> KnownUser:
        kept = UserState(state)
        mine = kept is UserState.PENDING and run == self._run
        return KnownUser(key, kept, user_id, owner, digest, email, why, mine)

    def _read_holders(self, drafts: Sequence[Draft | Skip]) -> None:
        """Read who goes by the e-mails that customers of this page leave; those who leave with them do not count."""
        leaving: dict[str, set[int]] = defaultdict(set)
        for draft in drafts:
            link = self._links.get(draft.customer)
            if link is not None and link.key and not _stays(draft, link.key):
                leaving[link.key].add(draft.customer)
        for some in _runs(sorted(leaving)):
            statement = select(col(ReferralCustomerRow.email_key), col(ReferralCustomerRow.customer)).where(
                *self.customers(),
                col(ReferralCustomerRow.email_key).in_(some),
                col(ReferralCustomerRow.state).in_(_HOLDS),
            )
            for key, customer in self.session.execute(statement):
                if customer not in leaving[key]:
                    self._holders.setdefault(key, set()).add(customer)

    def _others(self, link: KnownLink) -> set[int]:
        return self._holders.get(link.key, set())

    def _intend(self, decision: Decision, link: KnownLink | None) -> None:
        match decision:
            case Create(draft) | Adopt(draft):
                self._intend_user(draft, user_id=None)
                self._go_by(draft, link)
            case Update(draft, user_id, moved_from):
                self._intend_user(draft, user_id=user_id)
                if moved_from:
                    self._hold_still(moved_from)
                else:
                    self._go_by(draft, link)
            case Look(_, key, _):
                self._hold_still(key)
            case Share(draft):
                self._share(draft, link)
            case Unchanged(draft, owns):
                self._leave_alone(draft, link, owns=owns)
            case Later(draft):
                self._again.add(draft.customer)
            case Conflict(draft, _, why, _):
                self._say(draft.customer, link, CustomerState.HELD, SkipReason.EMAIL_TAKEN, why)
            case Skip():
                self._skip(decision, link)

    def _intend_user(self, draft: Draft, *, user_id: int | None) -> None:
        self._user_rows[draft.key] = {
            "user_id": user_id,
            "owner": draft.customer,
            "first_name": draft.first_name,
            "email": draft.email,
            "state": UserState.PENDING.value,
            "run": self._run,
            "why": "",
        }
        self._known[draft.key] = KnownUser(
            draft.key, UserState.PENDING, user_id, draft.customer, email=draft.email, is_in_flight=True
        )

    def _hold_still(self, key: str) -> None:
        """Keep others from changing the person while it is on its way to another e-mail, or is looked for."""
        kept = self._user_rows.get(key, {})
        self._user_rows[key] = {**kept, "state": UserState.PENDING.value, "run": self._run}
        self._known[key] = replace(self._known[key], state=UserState.PENDING, is_in_flight=True)

    def _share(self, draft: Draft, link: KnownLink | None) -> None:
        owner = self._known[draft.key].owner
        if owner is not None and draft.customer < owner:
            self._again.add(draft.customer)  # the person is to go by this customer's name, once it is there
        self._go_by(draft, link)

    def _leave_alone(self, draft: Draft, link: KnownLink | None, *, owns: bool) -> None:
        known = self._known[draft.key]
        if owns and known.owner != draft.customer:
            self._own(draft.key, draft.customer)
        self._go_by(draft, link)

    def _go_by(self, draft: Draft, link: KnownLink | None) -> None:
        self._go_by_key(draft.customer, draft.key, link)

    def _go_by_key(self, customer: int, key: str, link: KnownLink | None) -> None:
        if link is not None and (link.key, link.state) == (key, CustomerState.LINKED):
            return
        if link is not None and link.key != key:
            self._give_up(link)
        self._customer_rows[customer] = {
            "email_key": key,
            "state": CustomerState.LINKED.value,
            "reason": "",
            "why": "",
        }

    def _skip(self, skip: Skip, link: KnownLink | None) -> None:
        if skip.key:
            self._go_by_key(skip.customer, skip.key, link)
            return
        state = CustomerState.HELD if skip.reason is SkipReason.REFUSED else CustomerState.SKIPPED
        if link is not None and link.state is CustomerState.LINKED and state is CustomerState.SKIPPED:
            self._give_up(link)
        self._say(skip.customer, link, state, skip.reason, skip.why)

    def _say(self, customer: int, link: KnownLink | None, state: CustomerState, reason: SkipReason, why: str) -> None:
        if link is not None and (link.state, link.reason, link.why) == (state, reason.value, why):
            return
        self._customer_rows[customer] = {
            "state": state.value,
            "reason": reason.value,
            "why": why,
        }

    def _give_up(self, link: KnownLink) -> None:
        """Name the person after the next of those who stay with it, who comes again for that."""
        known = self._known.get(link.key)
        if known is None or known.owner != link.customer:
            return
        heir = min(self._others(link), default=None)
        self._own(link.key, heir)
        if heir is not None:
            self._again.add(heir)

    def _own(self, key: str, owner: int | None) -> None:
        kept = self._user_rows.get(key, {"state": self._known[key].state.value})
        self._user_rows[key] = {**kept, "owner": owner}
        self._known[key] = replace(self._known[key], owner=owner)


class _Results(_Tables):
    """What came of a page's calls, on its way into the tables."""

    def __init__(self, session: Session, shop: str, campaign_id: int, now: datetime) -> None:
        super().__init__(session, shop, campaign_id, now)
        self._user_rows: dict[str, dict[str, Any]] = {}
        self._customer_rows: dict[int, dict[str, Any]] = {}
        self._gone: set[str] = set()
        self._again: set[int] = set()

    def keep(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            self._take(outcome)
        for some in _runs(sorted(self._gone)):
            changed(self.session, delete(ReferralUserRow).where(*self.users(), _email_in(some)))
        self.put(ReferralUserRow, "email_key", self._user_rows)
        self.put(ReferralCustomerRow, "customer", self._customer_rows)
        self.touch(self._again)

    def _take(self, outcome: Outcome) -> None:
        match outcome:
            case Linked(Look() as call, user, was_there):
                self._user_rows[call.key] = {**self._link(user.id, user.code, user.url), "was_there": was_there}
                self._again.add(call.draft.customer)
            case Linked(Update() as call, user):
                self._link_draft(call.draft, self._link(user.id, user.code, user.url))
                self._leave_old(call)
            case Linked(call, user, was_there):
                self._link_draft(call.draft, {**self._link(user.id, user.code, user.url), "was_there": was_there})
            case Refused(call, why):
                self._refuse(call, why)
            case Taken(call, why):
                self._leave_to_another(call, why)
            case Gone(call):
                self._forget_person(call)
            case Absent(call):
                self._gone.add(call.key)
                self._again.add(call.draft.customer)
            case NotSent(call):
                # Whatever else was intended may have been written by an earlier sync: it stays pending.
                self._gone.update([call.draft.key] if isinstance(call, Create) else [])
                self._again.add(call.draft.customer)

    def _link(self, user_id: int, code: str, url: str) -> dict[str, Any]:
        return {
            "user_id": user_id,
            "code": code,
            "url": url,
            "state": UserState.LINKED.value,
            "digest": "",
            "run": "",
            "why": "",
        }

    def _link_draft(self, draft: Draft, row: dict[str, Any]) -> None:
        self._user_rows[draft.key] = {**row, "digest": draft.digest()}

    def _leave_old(self, call: Update) -> None:
        """Forget the person's other e-mails. Who goes by one of them all the same comes again."""
        old = self._emails_of(call.user_id) - {call.draft.key}
        self._gone |= old
        self._again |= self._holders(old) - {call.draft.customer}
        if call.moved_from:
            self._customer_rows[call.draft.customer] = {
                "email_key": call.draft.key,
                "state": CustomerState.LINKED.value,
                "reason": "",
                "why": "",
            }

    def _forget_person(self, call: Update) -> None:
        """Forget a person that is not there any more. Who went by it comes again, and gets a new one."""
        old = self._emails_of(call.user_id)
        self._gone |= old
        self._again |= self._holders(old) | {call.draft.customer}

    def _emails_of(self, user_id: int) -> set[str]:
        statement = select(col(ReferralUserRow.email_key)).where(*self.users(), col(ReferralUserRow.user_id) == user_id)
        return set(self.session.scalars(statement))

    def _holders(self, keys: set[str]) -> set[int]:
        statement = select(col(ReferralCustomerRow.customer)).where(
            *self.customers(),
            col(ReferralCustomerRow.email_key).in_(sorted(keys)),
            col(ReferralCustomerRow.state).in_(_HOLDS),
        )
        return set(self.session.scalars(statement)) if keys else set()

    def _refuse(self, call: Create | Adopt | Update, why: str) -> None:
        draft = call.draft
        if isinstance(call, Update) and not call.moved_from:
            # The person stays as it was; the same change is not sent again.
            self._user_rows[draft.key] = {
                "state": UserState.LINKED.value,
                "digest": draft.digest(),
                "run": "",
                "why": why,
            }
            return
        self._user_rows[draft.key] = {
            "user_id": None,
            "state": UserState.REFUSED.value,
            "digest": draft.digest(),
            "run": "",
            "why": why,
        }
        if isinstance(call, Update):
            self._stay(call, SkipReason.REFUSED, why)

    def _leave_to_another(self, call: Update, why: str) -> None:
        self._gone.add(call.draft.key)
        if call.moved_from:
            self._stay(call, SkipReason.EMAIL_TAKEN, why)
        else:  # it was another customer's move that is finished here: this one goes by whoever has the e-mail
            self._again.add(call.draft.customer)

    def _stay(self, call: Update, reason: SkipReason, why: str) -> None:
        """Leave the person at its old e-mail, and the customer with it."""
        self._user_rows[call.moved_from] = {
            "state": UserState.LINKED.value,
            "run": "",
        }
        self._customer_rows[call.draft.customer] = {
            "state": CustomerState.HELD.value,
            "reason": reason.value,
            "why": why,
        }


_LINK_COLUMNS = (
    col(ReferralCustomerRow.customer),
    col(ReferralCustomerRow.email_key),
    col(ReferralCustomerRow.state),
    col(ReferralCustomerRow.reason),
    col(ReferralCustomerRow.why),
)
_USER_COLUMNS = (
    col(ReferralUserRow.email_key),
    col(ReferralUserRow.state),
    col(ReferralUserRow.user_id),
    col(ReferralUserRow.owner),
    col(ReferralUserRow.digest),
    col(ReferralUserRow.email),
    col(ReferralUserRow.why),
    col(ReferralUserRow.run),
)
_TO_WRITE = (
    col(ReferralCustomerRow.link_written) != col(ReferralUserRow.url),
    col(ReferralCustomerRow.link_refused) != col(ReferralUserRow.url),
)
_THEIR_PERSON = and_(
    col(ReferralUserRow.shop) == col(ReferralCustomerRow.shop),
    col(ReferralUserRow.campaign_id) == col(ReferralCustomerRow.campaign_id),
    col(ReferralUserRow.email_key) == col(ReferralCustomerRow.email_key),
)


def _users(shop: str, campaign_id: int) -> tuple[Any, ...]:
    return (col(ReferralUserRow.shop) == shop, col(ReferralUserRow.campaign_id) == campaign_id)


def _customers(shop: str, campaign_id: int) -> tuple[Any, ...]:
    return (col(ReferralCustomerRow.shop) == shop, col(ReferralCustomerRow.campaign_id) == campaign_id)


def _email_in(keys: Sequence[str]) -> Any:
    return col(ReferralUserRow.email_key).in_(keys)


def _stays(draft: Draft | Skip, key: str) -> bool:
    return isinstance(draft, Draft) and any(one.key == key for one in draft.emails)


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
        .join(ReferralUserRow, _THEIR_PERSON)
        .where(
            *_customers(shop, campaign_id),
            col(ReferralCustomerRow.state).in_(_HOLDS),
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
        .outerjoin(ReferralUserRow, _THEIR_PERSON)
        .where(
            *_customers(shop, campaign_id),
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
        .outerjoin(ReferralUserRow, _THEIR_PERSON)
        .where(*_customers(shop, campaign_id))
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
    persons = select(func.count()).where(*_users(shop, campaign_id), col(ReferralUserRow.url) != "")
    return SyncCounts(linked, waiting, dict(skipped), session.execute(persons).scalar_one())


def _runs(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    return (items[at : at + _AT_ONCE] for at in range(0, len(items), _AT_ONCE))
