"""A page of customers on its way from drafts to decisions: what is intended is kept before any call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from models.contact_sync import (
    Adopt,
    Conflict,
    Create,
    CustomerState,
    Decision,
    Draft,
    KnownLink,
    KnownUser,
    Later,
    Look,
    Share,
    Skip,
    SkipReason,
    Unchanged,
    Update,
    UserState,
)
from models.tables import ReferralCustomerRow, ReferralUserRow
from store.bulk import among, read_rows
from store.referral_rows import HOLDS, Tables

Decide = Callable[[Draft | Skip, KnownLink | None, Mapping[str, KnownUser]], Decision]
"""decisions/referral_sync.py, decide_sync."""

LINK_COLUMNS = (
    col(ReferralCustomerRow.customer),
    col(ReferralCustomerRow.email_key),
    col(ReferralCustomerRow.state),
    col(ReferralCustomerRow.reason),
    col(ReferralCustomerRow.why),
)
USER_COLUMNS = (
    col(ReferralUserRow.email_key),
    col(ReferralUserRow.state),
    col(ReferralUserRow.user_id),
    col(ReferralUserRow.owner),
    col(ReferralUserRow.digest),
    col(ReferralUserRow.email),
    col(ReferralUserRow.why),
    col(ReferralUserRow.run),
)


class Page(Tables):
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
        """Decide on each customer, in their order, and write what follows."""
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
        for row in read_rows(self.session, select(*LINK_COLUMNS).where(*self.customers(), named)):
            self._links[row[0]] = KnownLink(row[0], row[1], CustomerState(row[2]), row[3], row[4])
        keys = {one.key for draft in drafts if isinstance(draft, Draft) for one in draft.emails}
        keys.update(link.key for link in self._links.values() if link.key)
        theirs = among(self.session, col(ReferralUserRow.email_key), keys)
        for person in read_rows(self.session, select(*USER_COLUMNS).where(*self.users(), theirs)):
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
        if not leaving:
            return
        statement = select(col(ReferralCustomerRow.email_key), col(ReferralCustomerRow.customer)).where(
            *self.customers(),
            among(self.session, col(ReferralCustomerRow.email_key), list(leaving)),
            col(ReferralCustomerRow.state).in_(HOLDS),
        )
        for key, customer in read_rows(self.session, statement):
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


def _stays(draft: Draft | Skip, key: str) -> bool:
    return isinstance(draft, Draft) and any(one.key == key for one in draft.emails)
