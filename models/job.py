"""A job as the parts loop sees it, whatever platform keeps it. Source: contracts/job_platforms/PORT.md."""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime

from models.address import Address
from models.base import DomainModel, JobRef


class JobState(StrEnum):
    """What a job's status means to us. ServiceTitan's words: FACTS section 6."""

    OPEN = "open"
    ON_HOLD = "on hold"
    DONE = "done"
    CANCELED = "canceled"
    GONE = "gone"  # deleted, or merged into another


class Technician(DomainModel):
    """A person assigned to the job."""

    id: str
    name: str
    email: str = ""


class Contact(DomainModel):
    """How the customer may be told. Consent is the platform's, and is respected."""

    name: str
    emails: tuple[str, ...] = ()
    may_message: bool = True
    why_not: str = ""
    """In words, when `may_message` is false: "customer is marked do-not-mail"."""


class Visit(DomainModel):
    """An appointment of the job."""

    id: str
    starts_at: AwareDatetime
    status: str
    special_instructions: str = ""
    is_ahead: bool = True
    """Neither done nor canceled."""


class JobView(DomainModel):
    """One job: where, for whom, by whom, in which state."""

    ref: JobRef
    number: str
    state: JobState
    status_words: str
    """The platform's own word for the status."""
    customer_name: str
    address: Address
    technicians: tuple[Technician, ...] = ()
    contact: Contact
    visits: tuple[Visit, ...] = ()
    url: str = ""
    modified_at: AwareDatetime | None = None


class Appliance(DomainModel):
    """What is being repaired, as far as the platform knows it."""

    model: str = ""
    serial: str = ""
    manufacturer: str = ""


class DiagnosedPart(DomainModel):
    """A part a technician put on a job, and where it was found."""

    model_config = DomainModel.model_config | {"extra": "ignore"}  # the store keeps what earlier versions wrote

    job: JobRef
    job_number: str = ""
    source_key: str
    """Unique and stable within the shop: the same diagnosis read twice has the same key."""
    source_words: str
    """For people: "estimate 8812, item 55"."""
    numbers: tuple[str, ...]
    """Part numbers to try, best first, as typed. Empty when the diagnosis has none."""
    description: str = ""
    quantity: str = "1"
    """As typed: a rule decides whether it is a quantity."""
    appliance: Appliance = Appliance()
    asks_model: bool = False
    """The shop has a field for the model number there, so an empty one is missing (PL-18)."""


class DiagnosisPlace(DomainModel):
    """Where parts are diagnosed, read whole: a part that was found there before and is not now was taken out."""

    prefix: str
    """How the keys of its parts begin, and no others."""
    words: str
    """For people: "estimate 8812 (Dismissed)"."""


class Diagnoses(DomainModel):
    """One page of diagnosed parts, and how far the reading has come."""

    parts: tuple[DiagnosedPart, ...]
    places: tuple[DiagnosisPlace, ...] = ()
    """All that was read whole on this page, also where nothing is diagnosed any more."""
    watermark: AwareDatetime | None = None
    """The latest modification time seen; None when the page was empty."""


class BoardLine(DomainModel):
    """One part of the job, with everything people on the job need to know about it."""

    request_id: str
    part_number: str
    description: str = ""
    quantity: int = 1
    status: str
    """In words, short: "awaiting approval", "ordered", "backordered"."""
    unit_price: str = ""
    branch: str = ""
    order_numbers: tuple[str, ...] = ()
    eta: str = ""
    """ISO date first, then where it comes from: "2026-10-03 (Marcone)"; or "no date yet"."""


class BoardNote(DomainModel):
    """A note to add to the job, once: the marker in its text is how it is recognised again."""

    marker: str
    text: str


class Hold(StrEnum):
    """What this board does with the job's hold."""

    PLACE = "place"
    RELEASE = "release"
    LEAVE = "leave"


class Board(DomainModel):
    """The whole truth about the parts of one job, for one idempotent write. Source: PORT.md, `publish`."""

    job: JobRef
    revision: int
    """Counts up with each change; the platform keeps the last one written."""
    lines: tuple[BoardLine, ...]
    status: str
    """The job's "Part status" in one line."""
    eta: str
    """The job's "Part ETA" in one line; ISO date first so that it sorts."""
    note: BoardNote | None = None
    hold: Hold = Hold.LEAVE
    hold_memo: str = ""
    visit_line: str | None = None
    """A line kept in the next visit's special instructions, after `Parts:`; None leaves them alone."""


class NotLanded(DomainModel):
    """A part of a board the platform could not take: told, never silently dropped."""

    what: str
    why: str
    fix: str


class PublishReport(DomainModel):
    """What landed where."""

    landed: tuple[str, ...] = ()
    not_landed: tuple[NotLanded, ...] = ()
