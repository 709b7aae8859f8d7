"""The index of a tenant's customers, contacts and locations: it tells, without a call, who a buyer can be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from sqlmodel import col

from models.person import IndexEntry, KnownCustomer, customers_of
from models.tables import ContactIndexRow, ContactKeyRow
from store.session import Store
from store.sql import changed, insert_into, insert_new, take_turn

_AT_ONCE = 500
"""Values in one statement: SQLite's older builds take no more than 999."""

_RECORD = {"name", "address", "merged_into", "email", "phone"}

_Item = TypeVar("_Item")


class ContactIndex:
    """The index of one store. An entry is the newest that was told of a record; putting it again changes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, shop: str, entries: Iterable[IndexEntry]) -> None:
        """Keep a page of entries in one transaction. Of two about one record, the later counts."""
        newest = _newest(entries)
        if newest:
            await self._store.run(lambda session: _put(session, shop, newest))

    async def replace(self, shop: str, customers: Iterable[int], entries: Iterable[IndexEntry]) -> None:
        """Keep what was just read of these customers, whole: whatever else stood there of them is gone."""
        newest, whose = _newest(entries), sorted(set(customers))

        def write(session: Session) -> None:
            _forget(session, shop, whose)
            _put(session, shop, newest)

        await self._store.run(write)

    async def knows(self, shop: str, source: str) -> bool:
        """Tell whether a record is in the index."""
        return await self._store.read(lambda session: session.get(ContactIndexRow, (shop, source)) is not None)

    async def candidates(self, shop: str, keys: Iterable[str]) -> tuple[KnownCustomer, ...]:
        """Return every customer that holds one of the keys, and those they were merged into, with all they have.

        A contact that was removed leads nowhere. Ordered by id.
        """
        wanted = sorted(set(keys))
        return await self._store.read(lambda session: customers_of(_of_holders(session, shop, wanted)))


def _newest(entries: Iterable[IndexEntry]) -> list[IndexEntry]:
    """Return the last entry of each record, in one order for all workers: no deadlock."""
    return [entry for _, entry in sorted({entry.source: entry for entry in entries}.items())]


def _put(session: Session, shop: str, entries: Sequence[IndexEntry]) -> None:
    take_turn(session, f"{shop}/contact-index")
    for some in _runs(entries):
        sources = [entry.source for entry in some]
        changed(
            session,
            delete(ContactKeyRow).where(col(ContactKeyRow.shop) == shop, col(ContactKeyRow.source).in_(sources)),
        )
    _upsert(session, [_row(shop, entry) for entry in entries])
    insert_new(
        session,
        ContactKeyRow,
        [
            {"shop": shop, "key": key, "source": entry.source, "customer": entry.customer}
            for entry in entries
            for key in sorted(set(entry.keys))
        ],
    )


def _upsert(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    insert = insert_into(session, ContactIndexRow)
    told = {name: insert.excluded[name] for name in ("customer", "record", "is_active")}
    session.connection().execute(insert.on_conflict_do_update(index_elements=["shop", "source"], set_=told), list(rows))


def _forget(session: Session, shop: str, customers: Sequence[int]) -> None:
    take_turn(session, f"{shop}/contact-index")
    for some in _runs(customers):
        rows = select(col(ContactIndexRow.source)).where(*_of(shop, some))
        keys = delete(ContactKeyRow).where(col(ContactKeyRow.shop) == shop, col(ContactKeyRow.source).in_(rows))
        changed(session, keys)
        changed(session, delete(ContactIndexRow).where(*_of(shop, some)))


def _of_holders(session: Session, shop: str, keys: Sequence[str]) -> list[IndexEntry]:
    entries: list[IndexEntry] = []
    read: set[int] = set()
    fresh = _holders(session, shop, keys)
    while fresh:
        more = _entries_of(session, shop, sorted(fresh))
        entries += more
        read |= fresh
        fresh = {int(entry.merged_into) for entry in more if entry.merged_into} - read
    return entries


def _holders(session: Session, shop: str, keys: Sequence[str]) -> set[int]:
    found: set[int] = set()
    for some in _runs(keys):
        statement = select(col(ContactKeyRow.customer)).where(
            col(ContactKeyRow.shop) == shop, col(ContactKeyRow.key).in_(some)
        )
        found.update(session.scalars(statement))
    return found


def _entries_of(session: Session, shop: str, customers: Sequence[int]) -> list[IndexEntry]:
    entries: list[IndexEntry] = []
    for some in _runs(customers):
        statement = select(ContactIndexRow).where(*_of(shop, some)).order_by(col(ContactIndexRow.source))
        entries += [_entry(row) for row in session.scalars(statement)]
    return entries


def _of(shop: str, customers: Sequence[int]) -> tuple[Any, ...]:
    return (col(ContactIndexRow.shop) == shop, col(ContactIndexRow.customer).in_(customers))


def _row(shop: str, entry: IndexEntry) -> dict[str, Any]:
    return {
        "shop": shop,
        "source": entry.source,
        "customer": entry.customer,
        "record": entry.model_dump(mode="json", include=_RECORD, exclude_defaults=True),
        "is_active": entry.is_active,
    }


def _entry(row: ContactIndexRow) -> IndexEntry:
    return IndexEntry(source=row.source, customer=row.customer, is_active=row.is_active, **row.record)


def _runs(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    return (items[at : at + _AT_ONCE] for at in range(0, len(items), _AT_ONCE))
