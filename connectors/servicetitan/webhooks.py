"""Is this delivery from ServiceTitan, of this tenant, and which record changed? Pure: bytes in, one answer out.

Source: contracts/servicetitan/FACTS.md 1.7; the bodies are the specs' `CloudEvent_Of_*` schemas [spec]. That the raw
body is signed with HMAC-SHA256 is documented, header and encoding are what public clients use [docs:3p-client], so
both are settings. Of what is told only the record's id is kept: a pass reads the record again. The event of a job
lacks half its fields anyway [spec].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import Field, ValidationError

from connectors.webhooks import LARGEST_ID, UNSET, Refusal, header_of, is_name, is_signature
from connectors.wire import VendorModel, decode, faulty_fields
from models.shop import ServiceTitanSettings

BOOKING_UPDATED: Final = "tn.crm.booking-updated"
JOB: Final = "tn.jpm.job-"
"""How the types of the five events of a job begin [spec]."""


class _Booking(VendorModel):
    """crm-v2 `Crm.V2.Webhooks.BookingUpdatedEventBase`, as far as it is used."""

    id: int = Field(gt=0, le=LARGEST_ID)
    booking_provider_id: int | None = None


class _Job(VendorModel):
    """jpm-v2 `Jpm.V2.Webhook.Job`, as far as it is used."""

    id: int = Field(gt=0, le=LARGEST_ID)


class _Visit(VendorModel):
    """jpm-v2 `Jpm.V2.Webhook.JobAppointment`, as far as it is used."""

    job_id: int = Field(gt=0, le=LARGEST_ID)


class _Data(VendorModel):
    """What every event of ours is about: one of the three, and whose it is."""

    tenant_id: int
    booking: _Booking | None = None
    job: _Job | None = None
    appointment: _Visit | None = None

    @property
    def job_id(self) -> int | None:
        """The job an event of a job names, be it by one of its visits."""
        if self.job is not None:
            return self.job.id
        return None if self.appointment is None else self.appointment.job_id


class _Envelope(VendorModel):
    """A CloudEvent, structured. `id` may differ from one attempt to the next, `userassignedid` does not [spec]."""

    type: str
    event_id: str = Field(alias="userassignedid")
    data: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecordEvent:
    """A booking or a job changed. Answer 2xx, and read it before anything is done."""

    event_id: str
    """The same on every delivery of one event: the key to drop repeats by."""
    kind: str
    """The event's type."""
    record: str
    """What to read, booking/ID or job/ID: models/tables/deliveries.py, HookEventRow."""


@dataclass(frozen=True, slots=True)
class OtherEvent:
    """An event about something else, or a record that came from no booking of ours. Answer 2xx."""

    kind: str


def is_taking_events(settings: ServiceTitanSettings) -> bool:
    """Tell whether the shop file sets the key the vendor signs with; without one no delivery is taken."""
    return settings.webhook_key != UNSET and bool(settings.webhook_signature_header.strip())


def refuse_unread(headers: Mapping[str, str], settings: ServiceTitanSettings) -> Refusal | None:
    """Refuse what can be refused before its body is read; None: read on. `read_event` looks at this too."""
    if not is_taking_events(settings):
        return Refusal(403, "The shop file sets no [servicetitan] webhook_key with its webhook_signature_header.")
    if not _signature(headers, settings):
        return Refusal(401, f"The delivery has no {settings.webhook_signature_header} header.")
    return None


def read_event(
    headers: Mapping[str, str], body: bytes, settings: ServiceTitanSettings
) -> RecordEvent | OtherEvent | Refusal:
    """Check a delivery over its raw bytes, then read it. Raises SettingsError when the key's variable is not set."""
    refused = refuse_unread(headers, settings)
    if refused is not None:
        return refused
    key, encoding = settings.webhook_key.reveal(), settings.webhook_signature_encoding
    if not is_signature(_signature(headers, settings), body, key, encoding):
        header = settings.webhook_signature_header
        return Refusal(401, f"The {header} header does not fit the body, the key and the encoding.")
    return _read(body, settings)


def _signature(headers: Mapping[str, str], settings: ServiceTitanSettings) -> str:
    return header_of(headers, settings.webhook_signature_header.strip())


def _read(body: bytes, settings: ServiceTitanSettings) -> RecordEvent | OtherEvent | Refusal:
    try:
        event = _Envelope.model_validate(decode(body))
    except ValidationError as error:
        return Refusal(400, f"The body is no event: {faulty_fields(error)}.")
    except (ValueError, RecursionError):
        return Refusal(400, "The body is not JSON.")
    if not is_name(event.event_id) or not is_name(event.type):
        return Refusal(400, "The event's userassignedid or type is no name.")
    if event.type != BOOKING_UPDATED and not event.type.startswith(JOB):
        return OtherEvent(event.type)
    try:
        data = _Data.model_validate(event.data)
    except ValidationError as error:
        return Refusal(400, f"The event's data cannot be read: {faulty_fields(error)}.")
    if data.tenant_id != settings.tenant_id:
        return Refusal(422, "The event is about another tenant than the shop's.")
    if event.type == BOOKING_UPDATED:
        return _booking(event, data, settings)
    return _job(event, data)


def _booking(event: _Envelope, data: _Data, settings: ServiceTitanSettings) -> RecordEvent | OtherEvent | Refusal:
    if data.booking is None:
        return Refusal(400, "The event names no booking.")
    provider, ours = data.booking.booking_provider_id, settings.booking_provider
    if provider is not None and ours is not None and provider != ours:
        return OtherEvent(event.type)
    return RecordEvent(event.event_id, event.type, f"booking/{data.booking.id}")


def _job(event: _Envelope, data: _Data) -> RecordEvent | OtherEvent | Refusal:
    if data.job_id is None:
        return Refusal(400, "The event names no job.")
    told = event.data.get("job")
    if isinstance(told, dict) and "bookingId" in told and told["bookingId"] is None:
        # It says that it came from no booking: most jobs of a tenant do not, and none of those is followed.
        return OtherEvent(event.type)
    return RecordEvent(event.event_id, event.type, f"job/{data.job_id}")
