"""The events the tests send are what the vendor's specs say, and each is read."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from connectors.servicetitan.webhooks import RecordEvent, read_event
from models.shop import ServiceTitanSettings
from tests.connectors.cloud_events import TENANT, booking_updated, job_event, visit_event
from tests.connectors.doubles import GUID, ST, ST_TOKEN
from tests.contracts.specs import spec_schema_validator

BOOKING = booking_updated(990)
EVENTS = [
    pytest.param("crm-v2", "Crm.V2.Webhooks.BookingUpdatedWebhookPayload", BOOKING, "booking/990", id="booking"),
    *(
        pytest.param(
            "jpm-v2",
            f"Jpm.V2.Webhook.Job{what.title()}WebhookEvent",
            job_event(what, 48213, booking=990),
            "job/48213",
            id=f"job {what}",
        )
        for what in ("scheduled", "updated", "rescheduled", "completed")
    ),
    pytest.param("jpm-v2", "Jpm.V2.Webhook.JobAppointmentUpdatedWebhookEvent", visit_event(48213), "job/48213",
                 id="visit"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "schema", "event", "record"), EVENTS)
def test_every_event_of_the_contract_is_read(file: str, schema: str, event: dict[str, Any], record: str) -> None:
    spec_schema_validator(file, f"CloudEvent_Of_{schema}").validate(event)
    body = json.dumps(event).encode()
    shop = ServiceTitanSettings(
        api_url=ST,
        auth_url=ST_TOKEN,
        tenant_id=TENANT,
        app_key="x",  # type: ignore[arg-type]
        client_id="x",  # type: ignore[arg-type]
        client_secret="x",  # type: ignore[arg-type]
        external_data_guid=GUID,
        booking_provider=77,
        webhook_key="k",  # type: ignore[arg-type]
    )
    headers = {shop.webhook_signature_header: hmac.new(b"k", body, hashlib.sha256).hexdigest()}
    assert read_event(headers, body, shop) == RecordEvent("occurrence-1", event["type"], record)
