"""The index of a tenant's customers, contacts and locations: it tells, without a call, who a buyer can be.

It also tells which customers changed since somebody last looked. Every transaction that changes something of a shop
takes the next number while the others wait, so numbers become visible in their order: who has read up to one number
has missed nothing below it, whoever wrote at the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import and_, delete, func, literal, select, tuple_
from sqlalchemy.orm import Session
from sqlmodel import col

from models.contact_sync import ChangedPage, Mark, SourceContact, SourceCustomer
from models.person import LOCATION_CONTACT, IndexEntry, IndexRow, KnownCustomer, customers_of
from models.tables import ContactChangeRow, ContactIndexRow, ContactKeyRow
from store.bulk import among, read_rows, write_rows
from store.session import Store
from store.sql import changed, take_turn

_AT_ONCE = 500
"""Values in one statement: SQLite's older builds take no more than 999."""

_Kept = tuple[int, bool, dict[str, Any]]
"""Whose a record is, whether it is in use, and what it says."""

_Item = TypeVar("_Item")


class ContactIndex:
    """The index of one store. An entry is the newest that was told of a record; putting it again changes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, shop: str, entries: Iterable[IndexEntry]) -> None:
        """Keep a page of entries in one transaction. Of two about one record, the later counts."""
        await self.put_rows(shop, (entry.row() for entry in entries))

    async def put_rows(self, shop: str, rows: Iterable[IndexRow]) -> None:
        """Keep a page of entries, as `put` does."""
        newest = _newest(rows)
        if newest:
            await self._store.run(lambda session: _put(session, shop, newest))

    async def put_location_contacts(self, shop: str, entries: Iterable[IndexEntry], gone: Iterable[str]) -> None:
        """Keep a page of locations' contacts and forget, by source, those that lead nowhere. No sync cares."""
        newest, dropped = _newest(entry.row() for entry in entries), sorted(set(gone))

        def write(session: Session) -> None:
            take_turn(session, f"{shop}/contact-index")
            if dropped:
                changed(session, delete(ContactKeyRow).where(*_keys_of(session, shop, dropped)))
                changed(session, delete(ContactIndexRow).where(*_named(session, shop, dropped)))
            if newest:
                _put(session, shop, newest)

        if newest or dropped:
            await self._store.run(write)

    async def replace(self, shop: str, customers: Iterable[int], entries: Iterable[IndexEntry]) -> None:
        """Keep what was just read of these customers, whole: whatever else stood there of them is gone.

        Contacts of their locations are not read with them, and stay.
        """
        newest, whose = _newest(entry.row() for entry in entries), sorted(set(customers))

        def write(session: Session) -> None:
            take_turn(session, f"{shop}/contact-index")
            before = _kept(session, [_of(shop, some) for some in _runs(whose)])
            _forget(session, shop, whose)
            _put(session, shop, newest, before)
            touch_in(session, shop, _gone(before, newest))

        await self._store.run(write)

    async def knows(self, shop: str, source: str) -> bool:
        """Tell whether a record is in the index."""
        return await self._store.read(lambda session: session.get(ContactIndexRow, (shop, source)) is not None)

    async def owners(self, shop: str, locations: Iterable[int]) -> dict[int, int]:
        """Return whose these locations are, by location; one that is not in the index is left out."""
        wanted = sorted(set(locations))
        return await self._store.read(lambda session: _owners(session, shop, wanted))

    async def candidates(self, shop: str, keys: Iterable[str]) -> tuple[KnownCustomer, ...]:
        """Return every customer that holds one of the keys, and those they were merged into, with all they have.

        A contact that was removed leads nowhere. A location's contact leads to whose the location is now: one that
        changes hands takes its contacts along, though their feed does not tell. Ordered by id.
        """
        wanted = sorted(set(keys))
        return await self._store.read(lambda session: customers_of(_of_holders(session, shop, wanted)))

    async def changed(self, shop: str, since: Mark, *, limit: int = 500) -> ChangedPage:
        """Return the next page of customers that changed since the mark, with all their contacts: one query.

        A customer that changes again while pages are read comes again, at the end. Locations change no customer.
        """
        return await self._store.read(lambda session: _changed_page(session, shop, since, limit))

    async def waiting(self, shop: str, since: Mark) -> int:
        """Count the customers that changed since the mark."""
        statement = select(func.count()).select_from(ContactChangeRow).where(*_after(shop, since))
        return await self._store.read(lambda session: session.execute(statement).scalar_one())


def touch_in(session: Session, shop: str, customers: Iterable[int]) -> None:
    """Count the customers as changed, within the caller's transaction: its last step, for others wait until its end."""
    whose = sorted(set(customers))
    if not whose:
        return
    take_turn(session, f"{shop}/contact-index")
    newest = select(func.coalesce(func.max(col(ContactChangeRow.seq)), 0)).where(col(ContactChangeRow.shop) == shop)
    seq = session.execute(newest).scalar_one() + 1
    write_rows(
        session,
        ContactChangeRow,
        ("customer",),
        [(customer,) for customer in whose],
        fixed={"shop": shop, "seq": seq},
        key=("shop", "customer"),
        update=("seq",),
    )


def _newest(entries: Iterable[IndexRow]) -> list[IndexRow]:
    """Return the last entry of each record, in one order for all workers: no deadlock."""
    newest = {entry.source: entry for entry in entries}
    return [newest[source] for source in sorted(newest)]


def _put(session: Session, shop: str, rows: Sequence[IndexRow], before: Mapping[str, _Kept] | None = None) -> None:
    """Write what is told anew; feeds tell much that is as it was. `before` is what the caller has just taken away."""
    take_turn(session, f"{shop}/contact-index")
    known = _kept(session, [_named(session, shop, [row.source for row in rows])])
    fresh = [row for row in rows if known.get(row.source) != _as_kept(row)]
    again = [row.source for row in fresh if row.source in known]
    if again:
        changed(session, delete(ContactKeyRow).where(*_keys_of(session, shop, again)))
    _upsert(session, shop, fresh)
    _add_keys(session, shop, fresh)
    touch_in(session, shop, _touched(fresh, {**(before or {}), **known}))


def _touched(fresh: Iterable[IndexRow], before: Mapping[str, _Kept]) -> set[int]:
    """Return whose own record or contacts are others now: of both customers, where a record moved."""
    touched: set[int] = set()
    for row in fresh:
        if _counts(row.source) and (old := before.get(row.source)) != _as_kept(row):
            touched.add(row.customer)
            if old is not None:
                touched.add(old[0])
    return touched


def _gone(before: Mapping[str, _Kept], rows: Iterable[IndexRow]) -> set[int]:
    """Return whose records were taken away and are not told again."""
    told = {row.source for row in rows}
    return {kept[0] for source, kept in before.items() if source not in told and _counts(source)}


def _as_kept(row: IndexRow) -> _Kept:
    return (row.customer, row.is_active, row.record)


def _kept(session: Session, wheres: Sequence[tuple[Any, ...]]) -> dict[str, _Kept]:
    rows = [row for where in wheres for row in read_rows(session, _RECORDS.where(*where))]
    return {source: (customer, bool(is_active), record) for customer, source, is_active, record in rows}


def _counts(source: str) -> bool:
    """Tell whether a record counts for a sync: a customer's own and a contact's do."""
    return not source.startswith("location/")


_RECORDS = select(
    col(ContactIndexRow.customer),
    col(ContactIndexRow.source),
    col(ContactIndexRow.is_active),
    col(ContactIndexRow.record),
)


def _changed_page(session: Session, shop: str, since: Mark, limit: int) -> ChangedPage:
    changes = (
        select(col(ContactChangeRow.seq), col(ContactChangeRow.customer))
        .where(*_after(shop, since))
        .order_by(col(ContactChangeRow.seq), col(ContactChangeRow.customer))
        .limit(limit)
        .subquery()
    )
    theirs = and_(
        col(ContactIndexRow.shop) == shop,
        col(ContactIndexRow.customer) == changes.c.customer,
        col(ContactIndexRow.source).not_like("location/%"),
    )
    statement = select(
        changes.c.seq,
        changes.c.customer,
        col(ContactIndexRow.source),
        col(ContactIndexRow.is_active),
        col(ContactIndexRow.record),
    ).join_from(changes, ContactIndexRow, theirs, isouter=True)
    rows = sorted(read_rows(session, statement), key=lambda row: row[:2])
    if not rows:
        return ChangedPage((), since)
    return ChangedPage(tuple(_sources(row[1:] for row in rows).values()), Mark(rows[-1][0], rows[-1][1]))


def _after(shop: str, since: Mark) -> tuple[Any, ...]:
    place = tuple_(col(ContactChangeRow.seq), col(ContactChangeRow.customer))
    return (col(ContactChangeRow.shop) == shop, place > tuple_(literal(since.seq), literal(since.customer)))


def _sources(rows: Iterable[Any]) -> dict[int, SourceCustomer]:
    """Put customers together from (customer, source, is_active, record), in the order of the rows."""
    own: dict[int, tuple[bool, dict[str, Any]]] = {}
    contacts: dict[int, list[SourceContact]] = {}
    for customer, source, is_active, record in rows:
        theirs = contacts.setdefault(customer, [])
        if source is None:
            continue
        kind, _, ref = source.partition("/")
        if kind == "customer":
            own[customer] = (is_active, record)
        elif is_active:
            theirs.append(
                SourceContact(
                    int(ref), record.get("email", ""), record.get("phone", ""), record.get("takes_marketing", True)
                )
            )
    return {customer: _source(customer, own.get(customer), theirs) for customer, theirs in contacts.items()}


def _source(customer: int, own: tuple[bool, dict[str, Any]] | None, contacts: list[SourceContact]) -> SourceCustomer:
    contacts.sort(key=lambda contact: contact.id)
    if own is None:
        return SourceCustomer(customer, is_read=False, contacts=tuple(contacts))
    is_active, record = own
    return SourceCustomer(
        customer,
        name=record.get("name", ""),
        customer_type=record.get("customer_type", ""),
        is_active=bool(is_active),
        merged_into=record.get("merged_into", ""),
        do_not_mail=record.get("do_not_mail", False),
        address=record.get("address"),
        custom_fields=tuple((name, value) for name, value in record.get("custom_fields", ())),
        contacts=tuple(contacts),
    )


def _upsert(session: Session, shop: str, rows: Sequence[IndexRow]) -> None:
    values = [(row.source, row.customer, row.is_active, row.record) for row in rows]
    columns = ("source", "customer", "is_active", "record")
    write_rows(
        session, ContactIndexRow, columns, values, fixed={"shop": shop}, key=("shop", "source"), update=columns[1:]
    )


def _add_keys(session: Session, shop: str, rows: Sequence[IndexRow]) -> None:
    values = [(key, row.source, row.customer) for row in rows for key in row.keys]
    columns = ("key", "source", "customer")
    write_rows(session, ContactKeyRow, columns, values, fixed={"shop": shop}, key=("shop", "key", "source"))


def _named(session: Session, shop: str, sources: Sequence[str]) -> tuple[Any, ...]:
    return (col(ContactIndexRow.shop) == shop, among(session, col(ContactIndexRow.source), sources))


def _keys_of(session: Session, shop: str, sources: Sequence[str]) -> tuple[Any, ...]:
    return (col(ContactKeyRow.shop) == shop, among(session, col(ContactKeyRow.source), sources))


def _forget(session: Session, shop: str, customers: Sequence[int]) -> None:
    take_turn(session, f"{shop}/contact-index")
    for some in _runs(customers):
        theirs = (*_of(shop, some), col(ContactIndexRow.source).not_like(f"{LOCATION_CONTACT}%"))
        rows = select(col(ContactIndexRow.source)).where(*theirs)
        keys = delete(ContactKeyRow).where(col(ContactKeyRow.shop) == shop, col(ContactKeyRow.source).in_(rows))
        changed(session, keys)
        changed(session, delete(ContactIndexRow).where(*theirs))


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
    at_locations: dict[str, int] = {}
    for some in _runs(keys):
        statement = select(col(ContactKeyRow.source), col(ContactKeyRow.customer)).where(
            col(ContactKeyRow.shop) == shop, col(ContactKeyRow.key).in_(some)
        )
        for source, customer in session.execute(statement):
            if source.startswith(LOCATION_CONTACT):
                at_locations[source] = customer
            else:
                found.add(customer)
    return found | _whose(session, shop, at_locations) if at_locations else found


def _whose(session: Session, shop: str, contacts: Mapping[str, int]) -> set[int]:
    """Return whose the locations of these contacts are now; of one that is not in the index, whose it was."""
    told = _kept(session, [_named(session, shop, list(contacts))])
    places = {source: record["location"] for source, (_, _, record) in told.items()}
    owners = _owners(session, shop, set(places.values()))
    # One that is told no more was removed since its key was read.
    return {owners.get(places[source], customer) for source, customer in contacts.items() if source in places}


def _owners(session: Session, shop: str, locations: Iterable[int]) -> dict[int, int]:
    statement = select(col(ContactIndexRow.source), col(ContactIndexRow.customer)).where(
        *_named(session, shop, [f"location/{one}" for one in locations])
    )
    return {int(source.partition("/")[2]): customer for source, customer in session.execute(statement)}


def _entries_of(session: Session, shop: str, customers: Sequence[int]) -> list[IndexEntry]:
    entries: list[IndexEntry] = []
    for some in _runs(customers):
        statement = select(ContactIndexRow).where(*_of(shop, some)).order_by(col(ContactIndexRow.source))
        entries += [_entry(row) for row in session.scalars(statement)]
    return entries


def _of(shop: str, customers: Sequence[int]) -> tuple[Any, ...]:
    return (col(ContactIndexRow.shop) == shop, col(ContactIndexRow.customer).in_(customers))


def _entry(row: ContactIndexRow) -> IndexEntry:
    return IndexEntry(source=row.source, customer=row.customer, is_active=row.is_active, **row.record)


def _runs(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    return (items[at : at + _AT_ONCE] for at in range(0, len(items), _AT_ONCE))
