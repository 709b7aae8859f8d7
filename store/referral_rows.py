"""The rows of a campaign's contact sync: how its persons and customers are selected, and written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_
from sqlalchemy.orm import Session
from sqlmodel import col

from models.contact_sync import (
    CustomerState,
)
from models.tables import ReferralCustomerRow, ReferralUserRow
from store.bulk import write_rows
from store.contact_index import touch_in

HOLDS = (CustomerState.LINKED.value, CustomerState.HELD.value)
"""States of a customer that goes by a person."""

THEIR_PERSON = and_(
    col(ReferralUserRow.shop) == col(ReferralCustomerRow.shop),
    col(ReferralUserRow.campaign_id) == col(ReferralCustomerRow.campaign_id),
    col(ReferralUserRow.email_key) == col(ReferralCustomerRow.email_key),
)


def users_of(shop: str, campaign_id: int) -> tuple[Any, ...]:
    """Select the persons of a campaign."""
    return (col(ReferralUserRow.shop) == shop, col(ReferralUserRow.campaign_id) == campaign_id)


def customers_of(shop: str, campaign_id: int) -> tuple[Any, ...]:
    """Select the customers of a campaign."""
    return (col(ReferralCustomerRow.shop) == shop, col(ReferralCustomerRow.campaign_id) == campaign_id)


@dataclass
class Tables:
    """A transaction on one campaign of one shop, and what it will write."""

    session: Session
    shop: str
    campaign_id: int
    now: datetime

    def users(self) -> tuple[Any, ...]:
        """Select the persons."""
        return users_of(self.shop, self.campaign_id)

    def customers(self) -> tuple[Any, ...]:
        """Select the customers."""
        return customers_of(self.shop, self.campaign_id)

    def put(self, model: type[Any], key: str, rows: Mapping[Any, dict[str, Any]]) -> None:
        """Write rows by their key; only the columns they name change where one is there already."""
        by_columns: dict[tuple[str, ...], list[tuple[Any, ...]]] = defaultdict(list)
        for of, row in sorted(rows.items()):
            by_columns[tuple(row)].append((of, *row.values()))
        for names, values in by_columns.items():
            fresh = {name: value for name, value in FRESH[model].items() if name not in names}
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
        """Let these customers come again."""
        touch_in(self.session, self.shop, customers)


FRESH: Mapping[type[Any], Mapping[str, Any]] = {
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
