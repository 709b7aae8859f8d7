"""What Truckroll remembers: effects, cursors, held work, audit, part requests, approvals and orders.

Sessions over the tables in models/tables/; knows nothing of vendors or Prefect. `Books` has all of it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

from models.base import utc_now
from store.approvals import Approvals
from store.audit import Audit
from store.connections import Connections
from store.contact_index import ContactIndex
from store.cursors import Cursors
from store.effects import Effects
from store.held import Held
from store.hook_events import HookEvents
from store.leases import Leases
from store.orders import Orders
from store.outbox import Outbox
from store.part_histories import PartHistories
from store.referrals import Referrals
from store.referred import Referred
from store.requests import Requests
from store.session import Store
from store.store_orders import StoreEvents, StoreOrders
from store.tenant_lists import KeptLists

__all__ = ["Books", "Store"]


class Books:
    """The books of this installation: one database, opened once, and everything kept in it.

    `with Books.open(url) as books:` closes them at the end. They may be used from several event loops and tasks.
    """

    def __init__(
        self, store: Store, *, lease_s: float = 120, settle_s: float = 1.0, now: Callable[[], datetime] = utc_now
    ) -> None:
        """`lease_s` and `settle_s`: see `Effects`. `now` is the clock for what is stamped here."""
        self.store = store
        self.effects = Effects(store, lease_s=lease_s, settle_s=settle_s, now=now)
        self.leases = Leases(store, now=now)
        self.cursors = Cursors(store, now=now)
        self.connections = Connections(store, now=now)
        self.held = Held(store, now=now)
        self.audit = Audit(store, now=now)
        self.requests = Requests(store, now=now)
        self.approvals = Approvals(store, now=now)
        self.orders = Orders(store, now=now)
        self.outbox = Outbox(store)
        self.part_histories = PartHistories(store)
        self.store_orders = StoreOrders(store, now=now)
        self.store_events = StoreEvents(store, now=now)
        self.hook_events = HookEvents(store, now=now)
        self.tenant_lists = KeptLists()
        self.contact_index = ContactIndex(store)
        self.referrals = Referrals(store, now=now)
        self.referred = Referred(store, now=now)

    @classmethod
    def open(
        cls, url: str, *, lease_s: float = 120, settle_s: float = 1.0, now: Callable[[], datetime] = utc_now
    ) -> Books:
        """Open the database, bring its tables up to date, and return the books. Raises SettingsError."""
        return cls(Store.open(url), lease_s=lease_s, settle_s=settle_s, now=now)

    def close(self) -> None:
        """Finish what is under way, and close the database."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
