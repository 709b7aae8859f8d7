"""What has to be told of one event: to the job, to the customer, to the shop. Written with the event, sent after it."""

from __future__ import annotations

from models.base import DomainModel
from models.job import BoardNote, Hold


class Letter(DomainModel):
    """A message to people, ready to send. `to` are mail addresses; the shop's ops addresses need none."""

    subject: str
    body: str
    to: tuple[str, ...] = ()


class Outgoing(DomainModel):
    """One event's tellings. `key` is unique: the same event is told once."""

    key: str
    event: str
    """A word for the audit log: asked, ordered, delayed, ..."""
    note: BoardNote | None = None
    hold: Hold = Hold.LEAVE
    customer: Letter | None = None
    personal: tuple[Letter, ...] = ()
    """One letter a person: each may carry that person's own link, so nobody else gets it."""
    office: Letter | None = None
    """To the shop's ops addresses, and to the addresses in `to`."""
