"""What came of a page's calls, on its way into the tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from sqlmodel import col

from models.contact_sync import (
    Absent,
    Adopt,
    Create,
    CustomerState,
    Draft,
    Gone,
    Linked,
    Look,
    NotSent,
    Outcome,
    Refused,
    SkipReason,
    Taken,
    Update,
    UserState,
)
from models.tables import ReferralCustomerRow, ReferralUserRow
from store.bulk import among
from store.referral_rows import HOLDS, Tables
from store.sql import changed


class Results(Tables):
    """What came of a page's calls, on its way into the tables."""

    def __init__(self, session: Session, shop: str, campaign_id: int, now: datetime) -> None:
        super().__init__(session, shop, campaign_id, now)
        self._user_rows: dict[str, dict[str, Any]] = {}
        self._customer_rows: dict[int, dict[str, Any]] = {}
        self._gone: set[str] = set()
        self._again: set[int] = set()

    def keep(self, outcomes: Sequence[Outcome]) -> None:
        """Take all outcomes, then write."""
        for outcome in outcomes:
            self._take(outcome)
        if self._gone:
            theirs = among(self.session, col(ReferralUserRow.email_key), sorted(self._gone))
            changed(self.session, delete(ReferralUserRow).where(*self.users(), theirs))
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
            col(ReferralCustomerRow.state).in_(HOLDS),
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
