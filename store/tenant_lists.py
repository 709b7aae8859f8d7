"""The tenant's drop-downs as they were last read: what a name meant then, should it vanish or change."""

from __future__ import annotations

from sqlalchemy.orm import Session

from models.tables import TenantListsRow
from models.tenant import TenantLists
from store.sql import insert_new


class KeptLists:
    """The lists of each shop's tenant, within the caller's transaction."""

    def locked(self, session: Session, shop: str) -> TenantLists | None:
        """Return the lists as last kept, and let nobody else change them before the transaction ends."""
        return _read(session.get(TenantListsRow, shop, with_for_update=True, populate_existing=True))

    def put_in(self, session: Session, shop: str, lists: TenantLists) -> bool:
        """Keep the lists. False: a later reading is there already, and stays."""
        written = lists.model_dump(mode="json")
        if insert_new(session, TenantListsRow, [{"shop": shop, "lists": written, "read_at": lists.read_at}]):
            return True
        row = session.get_one(TenantListsRow, shop, with_for_update=True, populate_existing=True)
        if row.read_at > lists.read_at:
            return False
        row.lists, row.read_at = written, lists.read_at
        session.flush()
        return True


def _read(row: TenantListsRow | None) -> TenantLists | None:
    return None if row is None else TenantLists.model_validate(row.lists)
