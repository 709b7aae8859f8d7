"""Questions put to technicians, as a pass of the parts loop puts them."""

from __future__ import annotations

from typing import Any

from models.tables import ApprovalRow
from store import Books


async def ask(books: Books, request_id: str, **question: Any) -> ApprovalRow:
    """Put a question in a transaction of its own: see `Approvals.ask_in`."""
    return await books.store.run(lambda session: books.approvals.ask_in(session, request_id, **question))
