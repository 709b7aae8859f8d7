"""The tables of the store. Rows are built from validated models: a table model validates nothing.

Times are aware UTC (`UtcDateTime`), also on SQLite, which keeps no zone. Money is kept as text inside JSON columns.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, DateTime, Index, Text, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time: refuses naive ones on the way in, and gives aware ones back on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Raise `ValueError` for a naive time; write UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("The store takes aware times only.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give back an aware UTC time."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _when(*, nullable: bool = False, index: bool = False) -> Any:
    return Field(default=None, sa_column=Column(UtcDateTime(), nullable=nullable, index=index))


def _json(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(JSON(), nullable=nullable))


def _text(default: str = "") -> Any:
    return Field(default=default, sa_column=Column(Text(), nullable=False))


class EffectRow(SQLModel, table=True):
    """One external write: intended, done, or of unknown outcome. DESIGN section 3."""

    __tablename__ = "effects"

    key: str = Field(primary_key=True)
    status: str = Field(index=True)
    """attempting | ready (intended, nothing written yet) | done | unresolved"""
    reference: str = _text()
    """What the write returned: an id, or JSON."""
    owner: str = ""
    """Who holds the lease: host, process, its start time, and a token of this one claim. Empty: nobody."""
    lease_expires_at: datetime = _when()
    attempts: int = 0
    created_at: datetime = _when()
    updated_at: datetime = _when()


class LeaseRow(SQLModel, table=True):
    """Somebody is working on this; another worker waits or gives way."""

    __tablename__ = "leases"

    key: str = Field(primary_key=True)
    owner: str
    expires_at: datetime = _when()


class RateLimitRow(SQLModel, table=True):
    """One vendor credential's allowance, shared by every process that uses it. store/limits.py."""

    __tablename__ = "rate_limits"

    key: str = Field(primary_key=True)
    tat: float
    """Seconds since 1970 at which all calls granted so far have been paid for, at the steady rate."""


class CursorRow(SQLModel, table=True):
    """How far a reading of a vendor's changes has come. Moves only past records that are done or held."""

    __tablename__ = "cursors"

    shop: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: str = _text()
    updated_at: datetime = _when()


class HeldRow(SQLModel, table=True):
    """A record that cannot go on until a person looks."""

    __tablename__ = "held"
    __table_args__ = (UniqueConstraint("shop", "process", "record"),)

    id: int | None = Field(default=None, primary_key=True)
    shop: str
    process: str
    record: str
    field: str = ""
    reason: str = _text()
    fix: str = _text()
    since: datetime = _when()
    times: int = 1
    """How often it was held since it was last released."""
    released_at: datetime | None = _when(nullable=True)
    """None while held. Set by `held retry`, or when the record went through."""


class AuditRow(SQLModel, table=True):
    """One decision or effect: what was read, which rule fired, what was written, who said so."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_shop_record", "shop", "record"),)

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = _when(index=True)
    shop: str
    process: str
    record: str
    event: str
    """A short word: found, matched, asked, answered, ordered, published, told, eta-changed, held, ..."""
    actor: str = ""
    """The person, or the flow run."""
    detail: dict[str, Any] = _json()


class PartRequestRow(SQLModel, table=True):
    """One diagnosed part on one job, from diagnosis to arrival."""

    __tablename__ = "part_requests"
    __table_args__ = (
        UniqueConstraint("shop", "source_key"),
        UniqueConstraint("shop", "job", "ordinal"),
        Index("ix_part_requests_shop_stage", "shop", "stage"),
    )

    id: str = Field(primary_key=True)
    shop: str
    job: str
    job_number: str
    ordinal: int
    """Counts the requests of one job from 1; part of the PO number."""
    source_key: str
    diagnosis: dict[str, Any] = _json()
    """The DiagnosedPart as read."""
    stage: str
    """See models/request.py, Stage."""
    stage_words: str = _text()
    """For people: why it is there."""
    revision: int = 0
    """The number of questions asked so far."""
    board_revision: int = 0
    flow_run_id: str = ""
    part_number: str = ""
    """What was ordered, or is on offer."""
    make: str = ""
    description: str = _text()
    quantity: int = 0
    unit_price: str = ""
    branch: str = ""
    po_number: str = ""
    eta: str = ""
    """ISO date, or empty."""
    eta_basis: str = ""
    line_state: str = ""
    """Where the order stands, its parts combined: models/part.py, LineState."""
    told: str = _text()
    """A digest of what job and customer were last told; equal means there is nothing to tell (PL-33)."""
    changes: int = 0
    """How often they were told something new since the order."""
    customer_name: str = _text()
    technicians: list[str] = _json()
    technician_emails: list[str] = _json()
    substituted_by: str = ""
    """The part the distributor ships instead, once people were told of it."""
    created_at: datetime = _when()
    updated_at: datetime = _when()


class ApprovalRow(SQLModel, table=True):
    """One question and its answer. The truth about the gate; Prefect only shows it. DESIGN section 5."""

    __tablename__ = "approvals"
    __table_args__ = (
        UniqueConstraint("request_id", "revision"),
        Index("ix_approvals_shop_status", "shop", "status"),
    )

    id: str = Field(primary_key=True)
    kind: str = Field(default="part", sa_column_kwargs={"server_default": "part"})
    """part: may this part be ordered? | order_change: what becomes of a written order that changed in the store?"""
    shop: str
    request_id: str
    """The part request, or the store order: `store_orders.request_id`."""
    revision: int
    job: str
    job_number: str
    status: str
    """See models/approval.py, ApprovalStatus."""
    offer: dict[str, Any] = _json()
    question: str = _text()
    """The question in Markdown, as it was shown."""
    approvers: list[str] = _json()
    """Names that may answer; empty means anyone."""
    nonce: str
    asked_at: datetime = _when()
    expires_at: datetime = _when(index=True)
    reminded: int = 0
    """How many reminders have gone out."""
    flow_run_id: str = ""
    form_key: str = ""
    """The key of the Prefect form that shows this question."""
    form_schema: str = _text()
    """The form's JSON schema, to mend a run whose form was never stored (PREFECT.md 1.4)."""
    decision: str = ""
    decided_by: str = ""
    decided_via: str = ""
    decided_at: datetime | None = _when(nullable=True)
    note: str = _text()
    terms: dict[str, Any] | None = _json(nullable=True)
    digest: str = ""
    closed_because: str = _text()
    """Why it expired or became void."""
    consumed_at: datetime | None = _when(nullable=True)
    po_number: str = ""
    """The one order it was consumed for."""


class PartOrderRow(SQLModel, table=True):
    """One order number of the distributor. A purchase order that was split has several."""

    __tablename__ = "part_orders"
    __table_args__ = (
        UniqueConstraint("shop", "order_number"),
        Index("ix_part_orders_shop_open", "shop", "is_open", "next_look_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    shop: str
    request_id: str = Field(index=True)
    order_number: str
    po_number: str
    branch: str = ""
    ordered_on: str = ""
    """ISO date in the shop's zone."""
    transit_days: int | None = None
    state: str
    """See models/part.py, LineState."""
    words: str = _text()
    eta: str = ""
    eta_basis: str = ""
    tracking: list[str] = _json()
    invoice_number: str = ""
    is_open: bool = True
    looks: int = 0
    looked_at: datetime | None = _when(nullable=True)
    next_look_at: datetime = _when()


class OutboxRow(SQLModel, table=True):
    """What has to be told of an event. Written in the event's own transaction, so no crash can lose it."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_shop_told", "shop", "told_at"),)

    id: int | None = Field(default=None, primary_key=True)
    shop: str
    request_id: str = Field(index=True)
    job: str
    job_number: str
    key: str = Field(unique=True)
    outgoing: dict[str, Any] = _json()
    """See models/outgoing.py, Outgoing."""
    created_at: datetime = _when()
    told_at: datetime | None = _when(nullable=True)


class StoreOrderRow(SQLModel, table=True):
    """One order of the online store, at its newest version, and how far it is in ServiceTitan."""

    __tablename__ = "store_orders"
    __table_args__ = (
        UniqueConstraint("request_id"),
        Index("ix_store_orders_due", "shop", "stage", "ordered_at"),
        Index("ix_store_orders_ordered", "shop", "ordered_at"),
    )

    shop: str = Field(primary_key=True)
    order_id: str = Field(primary_key=True)
    number: str
    """What people call it, such as CC-100234."""
    request_id: str
    """What its questions refer to: shop/order/id."""
    version: int
    order: dict[str, Any] = _json()
    """The StoreOrder at this version."""
    stage: str
    """See models/order_sync.py, OrderStage."""
    stage_words: str = _text()
    settled_version: int | None = None
    """The newest version that is done with: written, ignored or put to a person."""
    written: dict[str, Any] | None = _json(nullable=True)
    """The version whose writing was begun: what later versions are compared with."""
    ignored: str = ""
    """Why the settled version was not written: decisions/order_intake.py, Reason. Empty when it was."""
    is_cancel_asked: bool = False
    """A person was asked what becomes of a canceled order."""
    refund_asked: str = "0"
    """The refunds a person was asked about, in the order's currency."""
    customer: int | None = Field(default=None, sa_type=BigInteger)
    location: int | None = Field(default=None, sa_type=BigInteger)
    matched_by: str = ""
    """The rule that found the customer, or "new"."""
    warnings: list[str] = _json()
    parts: list[dict[str, Any]] = _json()
    """WrittenPart each: job, invoice and total."""
    settings_version: str = ""
    """Which settings it was written with: OrderChoices.version (OI-72)."""
    ordered_at: datetime = _when()
    changed_at: datetime = _when()
    created_at: datetime = _when()
    updated_at: datetime = _when()


class StoreOrderPrintRow(SQLModel, table=True):
    """A fingerprint of a store order at its newest version: orders that may be one bought twice share one (OI-68)."""

    __tablename__ = "store_order_prints"
    __table_args__ = (Index("ix_store_order_prints_order", "shop", "order_id"),)

    shop: str = Field(primary_key=True)
    fingerprint: str = Field(primary_key=True)
    """See decisions/order_intake.py, `fingerprints`."""
    order_id: str = Field(primary_key=True)


class StoreEventRow(SQLModel, table=True):
    """A delivery of the store that says an order changed. Kept before it is answered; the next pass reads the order."""

    __tablename__ = "store_events"
    __table_args__ = (Index("ix_store_events_waiting", "shop", "handled_at"),)

    shop: str = Field(primary_key=True)
    event_id: str = Field(primary_key=True)
    order_id: str
    kind: str
    received_at: datetime = _when()
    handled_at: datetime | None = _when(nullable=True)


class ContactIndexRow(SQLModel, table=True):
    """One customer, contact or location of the tenant, as its feed last told: what a buyer is looked up in."""

    __tablename__ = "contact_index"
    __table_args__ = (Index("ix_contact_index_customer", "shop", "customer"),)

    shop: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    """customer/ID, contact/ID, location/ID or location/contact-ID."""
    customer: int = Field(sa_type=BigInteger)
    record: dict[str, Any] = _json()
    is_active: bool = True


class ContactKeyRow(SQLModel, table=True):
    """A key a buyer can be found by, and where it stands. Keys are folded: decisions/people.py."""

    __tablename__ = "contact_keys"
    __table_args__ = (Index("ix_contact_keys_source", "shop", "source"),)

    shop: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    customer: int = Field(sa_type=BigInteger)


class TenantListsRow(SQLModel, table=True):
    """A tenant's drop-downs as last read."""

    __tablename__ = "tenant_lists"

    shop: str = Field(primary_key=True)
    lists: dict[str, Any] = _json()
    """TenantLists."""
    read_at: datetime = _when()


class ContactChangeRow(SQLModel, table=True):
    """When a customer, or a contact of it, last changed in the contact index: what a sync goes through."""

    __tablename__ = "contact_changes"
    __table_args__ = (Index("ix_contact_changes_seq", "shop", "seq", "customer"),)

    shop: str = Field(primary_key=True)
    customer: int = Field(primary_key=True, sa_type=BigInteger)
    seq: int = Field(sa_type=BigInteger)
    """Counts the shop's transactions that changed something: a later one has the higher number."""


class ReferralUserRow(SQLModel, table=True):
    """One person of a referral campaign, known by e-mail. Several customers may share it."""

    __tablename__ = "referral_users"
    __table_args__ = (Index("ix_referral_users_user", "shop", "campaign_id", "user_id"),)

    shop: str = Field(primary_key=True)
    campaign_id: int = Field(primary_key=True, sa_type=BigInteger)
    email_key: str = Field(primary_key=True)
    """The e-mail folded: decisions/people.py."""
    user_id: int | None = Field(default=None, sa_type=BigInteger)
    code: str = ""
    url: str = _text()
    """The personal link. Empty: there is none yet."""
    first_name: str = _text()
    email: str = _text()
    """As it was sent."""
    owner: int | None = Field(default=None, sa_type=BigInteger)
    """The customer whose name the person goes by: of several, the lowest id."""
    digest: str = ""
    """Of what was last sent: equal means there is nothing to send. models/contact_sync.py, Draft."""
    state: str
    """See models/contact_sync.py, UserState."""
    run: str = ""
    """The sync that has a call under way. One that another sync left behind is of unknown outcome."""
    was_there: bool = False
    """The campaign had this e-mail before the sync came."""
    why: str = _text()
    """What the program said when it refused."""
    updated_at: datetime = _when()


class ReferralCustomerRow(SQLModel, table=True):
    """A customer in a campaign's contact sync: the e-mail it goes by, or why it has no link."""

    __tablename__ = "referral_customers"
    __table_args__ = (
        Index("ix_referral_customers_email", "shop", "campaign_id", "email_key"),
        Index("ix_referral_customers_state", "shop", "campaign_id", "state", "customer"),
    )

    shop: str = Field(primary_key=True)
    campaign_id: int = Field(primary_key=True, sa_type=BigInteger)
    customer: int = Field(primary_key=True, sa_type=BigInteger)
    email_key: str = ""
    """Of the person in the campaign; kept when the customer is left out later, so that its link can come back."""
    state: str
    """See models/contact_sync.py, CustomerState."""
    reason: str = ""
    """See models/contact_sync.py, SkipReason. Empty: linked."""
    why: str = _text()
    link_written: str = _text()
    """The link that was written into the customer's custom field."""
    link_refused: str = Field(default="", sa_column=Column(Text(), nullable=False, server_default=""))
    """The link ServiceTitan refused to write there: it is not sent again until somebody says so."""
    link_why: str = Field(default="", sa_column=Column(Text(), nullable=False, server_default=""))
    """Why the link is not in the field."""
    updated_at: datetime = _when()


class HookEventRow(SQLModel, table=True):
    """A delivery of a vendor that says a record changed. Kept before it is answered; the next pass reads the record."""

    __tablename__ = "hook_events"
    __table_args__ = (Index("ix_hook_events_waiting", "shop", "vendor", "handled_at"),)

    shop: str = Field(primary_key=True)
    vendor: str = Field(primary_key=True)
    """The section of the shop file: referral_factory or servicetitan."""
    event_id: str = Field(primary_key=True)
    """The vendor's own, or a digest of what it says where the vendor gives none."""
    kind: str
    record: str
    """What to read: user/ID, code/CODE, booking/ID or job/ID. Never the person's data."""
    campaign_id: int | None = Field(default=None, sa_type=BigInteger)
    received_at: datetime = _when()
    handled_at: datetime | None = _when(nullable=True)


class ReferredRow(SQLModel, table=True):
    """A person who signed up in a campaign: a lead, or a referrer of its own accord. One person, one booking."""

    __tablename__ = "referred"
    __table_args__ = (
        Index("ix_referred_stage", "shop", "campaign_id", "stage"),
        Index("ix_referred_email", "shop", "email_key"),
        Index("ix_referred_booking", "shop", "booking"),
        Index("ix_referred_job", "shop", "job"),
        Index("ix_referred_external_id", "shop", "external_id"),
    )

    shop: str = Field(primary_key=True)
    user_id: int = Field(primary_key=True, sa_type=BigInteger)
    """In Referral Factory: an e-mail in two campaigns is two users."""
    campaign_id: int = Field(sa_type=BigInteger)
    kind: str
    """person_invited (a lead) or person_referring (a referrer)."""
    email_key: str = _text()
    """The e-mail folded: decisions/people.py."""
    person: dict[str, Any] = _json()
    """ReferralUser, as last read."""
    stage: str
    """See models/booking.py, ReferralStage."""
    why: str = _text()
    external_id: str = ""
    """The booking's, as it was sent."""
    booking: int | None = Field(default=None, sa_type=BigInteger)
    booking_status: str = ""
    job: int | None = Field(default=None, sa_type=BigInteger)
    """The job the booking itself names; `jobs` has all of them."""
    is_existing: bool = False
    """ServiceTitan knew the e-mail when the person was taken in."""
    customers: list[Any] = _json()
    """Ids of the customers that have the e-mail."""
    jobs: list[Any] = _json()
    """FollowedJob, by id."""
    job_fields: list[Any] = _json()
    """Name and value of the job's custom fields that are filled in once there is a job (RF-57)."""
    is_confirmed: bool = False
    """A person said that this booking is to be made although another campaign has the e-mail too."""
    qualified_at: datetime | None = _when(nullable=True)
    """When the program confirmed that the lead is qualified."""
    qualified_by: str = ""
    """What qualified it: the job and its status, or "Referral Factory" when it was so without us."""
    reward: str = ""
    """"", due or issued: of the lead or its referrer, as the program last told."""
    created_at: datetime = _when()
    updated_at: datetime = _when()
