"""The state of one ServiceTitan tenant, and the few moves that touch several records at once."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.clock import Clock
from sandbox.errors import RefusedError
from sandbox.servicetitan import TOKEN_LIFE_S
from sandbox.servicetitan.booking_records import Booking, BookingContact, ProviderTag
from sandbox.servicetitan.membership_records import DurationBilling, Membership, MembershipType
from sandbox.servicetitan.money_records import (
    ZERO,
    ArrivalWindow,
    Campaign,
    GlAccount,
    Invoice,
    Payment,
    PaymentType,
    TaxZone,
    cents,
)
from sandbox.servicetitan.records import (
    Appointment,
    Assignment,
    Contact,
    Customer,
    Dated,
    HistoryItem,
    Job,
    Location,
    LocationContact,
    Note,
    Part,
    WithExternalData,
)
from sandbox.servicetitan.shop_records import (
    BusinessUnit,
    Equipment,
    Estimate,
    FieldType,
    Form,
    InstalledEquipment,
    Item,
    JobType,
    Material,
    Reason,
    Service,
    Submission,
    TagType,
    Technician,
)
from sandbox.servicetitan.switches import Switches
from sandbox.servicetitan.webhooks import TitanCourier
from sandbox.tokens import TokenDesk


@dataclass
class Titan:
    """All records by id. Ids and job numbers differ on purpose: mixing them up must show."""

    clock: Clock
    tokens: TokenDesk = field(default_factory=lambda: TokenDesk(TOKEN_LIFE_S))
    customers: dict[int, Customer] = field(default_factory=dict)
    contacts: dict[int, Contact] = field(default_factory=dict)
    locations: dict[int, Location] = field(default_factory=dict)
    location_contacts: dict[int, LocationContact] = field(default_factory=dict)
    jobs: dict[int, Job] = field(default_factory=dict)
    notes: dict[int, list[Note]] = field(default_factory=dict)
    history: dict[int, list[HistoryItem]] = field(default_factory=dict)
    appointments: dict[int, Appointment] = field(default_factory=dict)
    assignments: dict[int, Assignment] = field(default_factory=dict)
    estimates: dict[int, Estimate] = field(default_factory=dict)
    materials: dict[int, Material] = field(default_factory=dict)
    equipment: dict[int, Equipment] = field(default_factory=dict)
    services: dict[int, Service] = field(default_factory=dict)
    installed: dict[int, InstalledEquipment] = field(default_factory=dict)
    submissions: dict[int, Submission] = field(default_factory=dict)
    forms: dict[int, Form] = field(default_factory=dict)
    technicians: dict[int, Technician] = field(default_factory=dict)
    business_units: dict[int, BusinessUnit] = field(default_factory=dict)
    tag_types: dict[int, TagType] = field(default_factory=dict)
    job_types: dict[int, JobType] = field(default_factory=dict)
    hold_reasons: dict[int, Reason] = field(default_factory=dict)
    cancel_reasons: dict[int, Reason] = field(default_factory=dict)
    field_types: dict[int, FieldType] = field(default_factory=dict)
    """Custom fields of jobs."""
    customer_field_types: dict[int, FieldType] = field(default_factory=dict)
    invoices: dict[int, Invoice] = field(default_factory=dict)
    payments: dict[int, Payment] = field(default_factory=dict)
    gl_accounts: dict[int, GlAccount] = field(default_factory=dict)
    payment_types: dict[int, PaymentType] = field(default_factory=dict)
    tax_zones: dict[int, TaxZone] = field(default_factory=dict)
    campaigns: dict[int, Campaign] = field(default_factory=dict)
    arrival_windows: dict[int, ArrivalWindow] = field(default_factory=dict)
    membership_types: dict[int, MembershipType] = field(default_factory=dict)
    duration_billings: dict[int, DurationBilling] = field(default_factory=dict)
    memberships: dict[int, Membership] = field(default_factory=dict)
    provider_tags: dict[int, ProviderTag] = field(default_factory=dict)
    bookings: dict[int, Booking] = field(default_factory=dict)
    booking_contacts: dict[int, list[BookingContact]] = field(default_factory=dict)
    """By booking."""
    switches: Switches = field(default_factory=Switches)
    highest_number: int = 48300
    """Of the jobs booked so far."""
    changes: int = 0
    """How often a record was touched; the feeds keep their order until the next time."""
    feed_orders: dict[str, tuple[tuple[int, int], list[tuple[datetime, int]]]] = field(default_factory=dict)
    """Per feed: number of records and changes it was ordered at, then when and which record, in order."""
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(71_000_001))
    _visits: dict[int, list[Appointment]] = field(default_factory=dict)
    """By job: with thousands of jobs it would take too long to look through all."""
    _paid: dict[int, list[Payment]] = field(default_factory=dict)
    """By invoice, for the same reason."""

    def __post_init__(self) -> None:
        self.courier = TitanCourier(self.clock, lambda: self.switches)

    def new_id(self) -> int:
        """Return an id never used before, above 32 bits' comfortable reading."""
        return next(self._ids)

    def now(self) -> datetime:
        """Return the sandbox's present."""
        return self.clock.now()

    def job(self, job_id: int) -> Job:
        """Return the job.

        Raises: RefusedError 404.
        """
        job = found(self.jobs, job_id, "Job")
        assert isinstance(job, Job)
        return job

    def touch(self, record: Dated) -> None:
        """Bump the record's modification time, as any change does."""
        record.modified_on = self.now()
        self.changes += 1
        self.courier.changed(record)

    def log(self, job: Job, event: str, memo: str = "") -> None:
        """Add an entry to the job's history."""
        item = HistoryItem(id=self.new_id(), event_type=event, date=self.now(), memo=memo)
        self.history.setdefault(job.id, []).append(item)

    def visits(self, job: Job) -> list[Appointment]:
        """Return the job's active appointments, earliest first."""
        mine = [one for one in self._visits.get(job.id, []) if one.active]
        return sorted(mine, key=lambda one: (one.start, one.id))

    def add_visit(self, job: Job, start: datetime, end: datetime, technicians: list[int]) -> Appointment:
        """Book a visit. A job on hold becomes Scheduled again [inferred: FACTS 5.3]."""
        now = self.now()
        people = [found(self.technicians, one, "Technician", status=400) for one in technicians]
        visit = Appointment(
            id=self.new_id(),
            job_id=job.id,
            appointment_number=f"{job.job_number}-{job.appointment_count + 1}",
            start=start,
            end=end,
            customer_id=job.customer_id,
            created_on=now,
            modified_on=now,
        )
        self.appointments[visit.id] = visit
        self._visits.setdefault(job.id, []).append(visit)
        for technician in people:
            assignment = Assignment(
                id=self.new_id(),
                technician_id=technician.id,
                technician_name=technician.name,
                assigned_on=now,
                job_id=job.id,
                appointment_id=visit.id,
                created_on=now,
                modified_on=now,
            )
            self.assignments[assignment.id] = assignment
        job.appointment_count += 1
        ordered = self.visits(job)
        job.first_appointment_id, job.last_appointment_id = ordered[0].id, ordered[-1].id
        if job.job_status == "Hold":
            self.release(job)
        self.touch(job)
        self.log(job, "Appointment Booked", visit.appointment_number or "")
        return visit

    def account_named(self, name: str) -> GlAccount | None:
        """Return the account of this name, if there is one."""
        return next((one for one in self.gl_accounts.values() if one.name == name), None)

    def items(self) -> dict[int, Item]:
        """Return the pricebook: materials, equipment and services."""
        return {**self.materials, **self.equipment, **self.services}

    def open_invoice(self, job: Job) -> Invoice:
        """Make the job's own invoice: it exists as soon as the job does [docs:acct]."""
        now = self.now()
        invoice = Invoice(
            id=job.invoice_id,
            job_id=job.id,
            number=job.job_number,
            customer_id=job.customer_id,
            location_id=job.location_id,
            business_unit_id=job.business_unit_id,
            tax_zone_id=self.locations[job.location_id].tax_zone_id,
            invoiced_on=now,
            created_on=now,
            modified_on=now,
        )
        self.invoices[invoice.id] = invoice
        return invoice

    def tax_of(self, invoice: Invoice) -> Decimal:
        """Return the sales tax: what was written by hand, else the tax zone's rate on the taxable lines."""
        if invoice.tax_set is not None:
            return invoice.tax_set
        zone = self.tax_zones.get(invoice.tax_zone_id or 0)
        return cents(invoice.taxable_total * zone.rate) if zone else ZERO

    def total_of(self, invoice: Invoice) -> Decimal:
        """Return lines and tax."""
        return invoice.subtotal + self.tax_of(invoice)

    def splits_of(self, invoice: Invoice) -> list[tuple[Payment, Decimal]]:
        """Return the payments on the invoice, each with the part that goes to it."""
        return [
            (payment, split.amount)
            for payment in self._paid.get(invoice.id, [])
            for split in payment.splits
            if payment.active and split.invoice_id == invoice.id
        ]

    def keep_payment(self, payment: Payment) -> None:
        """Keep a payment that was just written down; its invoices know it."""
        self.payments[payment.id] = payment
        for number in dict.fromkeys(split.invoice_id for split in payment.splits):
            self._paid.setdefault(number, []).append(payment)

    def balance_of(self, invoice: Invoice) -> Decimal:
        """Return what is still to be paid."""
        return self.total_of(invoice) - sum((amount for _, amount in self.splits_of(invoice)), ZERO)

    def money_moved(self, invoice: Invoice) -> None:
        """Bring what hangs on the invoice's money up to date: its dates, the job's total, the customer's balance."""
        self.touch(invoice)
        payments = self.splits_of(invoice)
        is_paid = bool(payments) and self.balance_of(invoice) <= 0
        invoice.paid_on = max(one.paid_on for one, _ in payments) if is_paid else None
        job = self.jobs.get(invoice.job_id or 0)
        if job is not None and job.invoice_id == invoice.id and job.total != invoice.subtotal:
            job.total = invoice.subtotal
            self.touch(job)
        customer = self.customers.get(invoice.customer_id)
        if customer is not None:
            mine = [one for one in self.invoices.values() if one.customer_id == customer.id]
            customer.balance = sum((self.balance_of(one) for one in mine), ZERO)
            self.touch(customer)

    def hold(self, job: Job, reason_id: int, memo: str) -> None:
        """Put the job and its open appointments on hold."""
        found(self.hold_reasons, reason_id, "Hold reason", status=400)
        if job.job_status in {"Completed", "Canceled"}:
            raise RefusedError(400, f"Job {job.job_number} is {job.job_status} and cannot be put on hold.")
        job.job_status, job.hold_reason_id, job.hold_memo = "Hold", reason_id, memo
        self.touch(job)
        self.log(job, "Job On Hold", memo)
        for visit in self.visits(job):
            if visit.is_open:
                visit.status = "Hold"
                self.touch(visit)

    def release(self, job: Job) -> None:
        """Take the job off hold. Its appointments are not touched."""
        job.job_status, job.hold_reason_id, job.hold_memo = "Scheduled", None, ""
        self.touch(job)
        self.log(job, "Hold Removed")

    def cancel(self, job: Job, memo: str) -> None:
        """Cancel the job and its open appointments.

        Raises: RefusedError 400 when it is completed or canceled already.
        """
        if job.job_status in {"Completed", "Canceled"}:
            raise RefusedError(400, f"Job {job.job_number} is {job.job_status} and cannot be canceled.")
        job.job_status = "Canceled"
        self.touch(job)
        self.log(job, "Job Canceled", memo)
        for visit in self.visits(job):
            if visit.is_open:
                visit.status = "Canceled"
                self.touch(visit)

    def state(self) -> dict[str, Any]:
        """Return everything as JSON, for the people's side."""
        lists: dict[str, dict[int, Any]] = {
            "customers": self.customers,
            "contacts": self.contacts,
            "locations": self.locations,
            "location_contacts": self.location_contacts,
            "appointments": self.appointments,
            "assignments": self.assignments,
            "estimates": self.estimates,
            "materials": self.materials,
            "equipment": self.equipment,
            "services": self.services,
            "installed_equipment": self.installed,
            "forms": self.forms,
            "submissions": self.submissions,
            "technicians": self.technicians,
            "business_units": self.business_units,
            "tag_types": self.tag_types,
            "job_types": self.job_types,
            "hold_reasons": self.hold_reasons,
            "cancel_reasons": self.cancel_reasons,
            "custom_field_types": self.field_types,
            "customer_field_types": self.customer_field_types,
            "gl_accounts": self.gl_accounts,
            "payment_types": self.payment_types,
            "tax_zones": self.tax_zones,
            "campaigns": self.campaigns,
            "arrival_windows": self.arrival_windows,
            "payments": self.payments,
            "membership_types": self.membership_types,
            "duration_billings": self.duration_billings,
            "memberships": self.memberships,
            "booking_provider_tags": self.provider_tags,
        }
        shown: dict[str, Any] = {"jobs": [self.job_state(job) for job in self.jobs.values()]}
        for name, records in lists.items():
            shown[name] = [_shown(record) for record in records.values()]
        shown["invoices"] = [self.invoice_state(invoice) for invoice in self.invoices.values()]
        shown["bookings"] = [self.booking_state(one) for one in self.bookings.values()]
        shown["webhooks"] = [one.shown() for one in self.courier.subscriptions.values()]
        shown["webhook_deliveries"] = [one.shown() for one in self.courier.deliveries]
        shown["switches"] = self.switches.model_dump()
        return shown

    def invoice_state(self, invoice: Invoice) -> dict[str, Any]:
        """Return one invoice with its sums, for the people's side."""
        return {
            **invoice.wire(),
            "subtotal": f"{invoice.subtotal:.2f}",
            "tax": f"{self.tax_of(invoice):.2f}",
            "total": f"{self.total_of(invoice):.2f}",
            "balance": f"{self.balance_of(invoice):.2f}",
        }

    def booking_state(self, booking: Booking) -> dict[str, Any]:
        """Return one booking with what the vendor keeps beside it."""
        contacts = [one.wire() for one in self.booking_contacts.get(booking.id, [])]
        return {**booking.wire_with_active(), "contacts": contacts, "dismissing_memo": booking.dismissing_memo}

    def job_state(self, job: Job) -> dict[str, Any]:
        """Return one job with what the vendor keeps beside it."""
        reason = self.hold_reasons.get(job.hold_reason_id or 0)
        return {
            **job.wire(),
            "external_data": job.external,
            "hold_reason": reason.name if reason else None,
            "hold_memo": job.hold_memo,
            "notes": [note.wire() for note in self.notes.get(job.id, [])],
            "history": [item.wire() for item in self.history.get(job.id, [])],
            "appointments": [visit.wire() for visit in self.visits(job)],
        }


def _shown(record: Part) -> dict[str, Any]:
    if isinstance(record, Contact):
        return {**record.wire(), "customerId": record.customer_id, "active": record.active}
    if isinstance(record, LocationContact):
        return record.wire_of_feed()
    if isinstance(record, Service):
        shown = {"external_data": record.external, "membershipTypeId": record.membership_type_id}
        return {**record.wire(), **shown}
    if isinstance(record, WithExternalData):
        return {**record.wire(), "external_data": record.external}
    if isinstance(record, DurationBilling):
        return {**record.wire(), "membershipTypeId": record.membership_type_id}
    if isinstance(record, PaymentType):
        return {**record.wire(), "active": record.active, "isCash": record.is_cash}
    return record.wire()


def found(records: dict[int, Any], record_id: int, what: str, status: int = 404) -> Any:
    """Return the record.

    Raises: RefusedError with `status` when there is none.
    """
    if record_id not in records:
        raise RefusedError(status, f"{what} {record_id} was not found.", {"id": [f"{what} not found"]})
    return records[record_id]
