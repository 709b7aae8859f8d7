"""A delivery of ServiceTitan is believed when the raw body's signature is right; then only the record's id is taken."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from connectors.servicetitan.webhooks import OtherEvent, RecordEvent, read_event, refuse_unread
from connectors.webhooks import Refusal
from models.errors import SettingsError
from models.shop import ServiceTitanSettings
from tests.connectors.cloud_events import TENANT, booking_updated, job_event, visit_event
from tests.connectors.doubles import GUID, ST, ST_TOKEN

KEY = "hmac-5ecret-servicetitan-of-32-letters"
HEADER = "x-servicetitan-signature"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ST_WEBHOOK_KEY", KEY)


def settings(**changes: Any) -> ServiceTitanSettings:
    given = {
        "api_url": ST,
        "auth_url": ST_TOKEN,
        "tenant_id": TENANT,
        "app_key": "${ST_APP_KEY}",
        "client_id": "${ST_CLIENT_ID}",
        "client_secret": "${ST_CLIENT_SECRET}",
        "external_data_guid": GUID,
        "booking_provider": 77,
        "webhook_key": "${ST_WEBHOOK_KEY}",
        **changes,
    }
    return ServiceTitanSettings.model_validate(given)


def as_sent(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode()


def digest(body: bytes, key: str = KEY) -> bytes:
    return hmac.new(key.encode(), body, hashlib.sha256).digest()


def read(event: dict[str, Any] | bytes, **changes: Any) -> RecordEvent | OtherEvent | Refusal:
    body = event if isinstance(event, bytes) else as_sent(event)
    return read_event({HEADER: digest(body).hex()}, body, settings(**changes))


def refusal(answer: RecordEvent | OtherEvent | Refusal) -> Refusal:
    assert isinstance(answer, Refusal), answer
    return answer


BODY = as_sent(booking_updated(990))
RIGHT = digest(BODY).hex()


def test_a_booking_that_changed_is_named_and_nothing_else_of_it_is_taken() -> None:
    found = read(BODY)
    assert found == RecordEvent("occurrence-1", "tn.crm.booking-updated", "booking/990")
    assert "Sample" not in repr(found)


@pytest.mark.parametrize("what", ["scheduled", "updated", "rescheduled", "completed"])
def test_a_job_that_changed_is_named(what: str) -> None:
    found = read(job_event(what, 48213, booking=990))
    assert found == RecordEvent("occurrence-1", f"tn.jpm.job-{what}", "job/48213")


def test_a_visit_that_changed_names_its_job() -> None:
    assert read(visit_event(48213)) == RecordEvent("occurrence-1", "tn.jpm.job-appointment-updated", "job/48213")


def test_a_job_whose_booking_is_not_told_is_read_all_the_same() -> None:
    event = job_event("updated", 48213, booking=990)
    del event["data"]["job"]["bookingId"]
    assert read(event) == RecordEvent("occurrence-1", "tn.jpm.job-updated", "job/48213")


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(job_event("updated", 48213, booking=None), id="a job that came from no booking"),
        pytest.param(booking_updated(990, bookingProviderId=78), id="a booking of another provider"),
        pytest.param({**booking_updated(990), "type": "tn.crm.lead-created", "data": {"lead": {}}}, id="a lead"),
        pytest.param({**booking_updated(990), "type": "tn.acc.invoice-updated", "data": {}}, id="an invoice"),
        pytest.param({**booking_updated(990), "type": "tn.jpm.jobs"}, id="a type that only begins alike"),
    ],
)
def test_events_about_other_things_are_answered_and_set_aside(event: dict[str, Any]) -> None:
    assert read(event) == OtherEvent(event["type"])


def test_without_a_provider_in_the_shop_file_every_booking_is_read() -> None:
    assert isinstance(read(booking_updated(990, bookingProviderId=78), booking_provider=None), RecordEvent)


def test_another_attempt_at_one_event_has_the_same_key() -> None:
    """The envelope's id may differ from one attempt to the next; userassignedid does not [spec]."""
    tries = [read({**booking_updated(990), "id": f"attempt-{n}"}) for n in (1, 2)]
    assert tries[0] == tries[1]


@pytest.mark.parametrize("event", [booking_updated(990), job_event("completed", 48213, booking=990)])
def test_an_event_of_another_tenant_is_refused(event: dict[str, Any]) -> None:
    """One app signs for all its tenants with one key."""
    event["data"]["tenantId"] = 7654321
    answer = refusal(read(event))
    assert answer.status == 422
    assert "7654321" not in answer.why


@pytest.mark.parametrize(
    ("encoding", "signature"),
    [
        pytest.param("hex", RIGHT, id="hex"),
        pytest.param("hex", RIGHT.upper(), id="hex in capitals"),
        pytest.param("hex", f"sha256={RIGHT}", id="hex with its method"),
        pytest.param("base64", base64.b64encode(digest(BODY)).decode(), id="base64"),
    ],
)
def test_header_and_encoding_are_settings(encoding: str, signature: str) -> None:
    chosen = settings(webhook_signature_header="X-Our-Hmac", webhook_signature_encoding=encoding)
    assert isinstance(read_event({"x-our-hmac": signature}, BODY, chosen), RecordEvent)
    assert refusal(read_event({HEADER: signature}, BODY, chosen)).status == 401


@pytest.mark.parametrize(
    ("headers", "body", "encoding"),
    [
        pytest.param({}, BODY, "hex", id="no signature"),
        pytest.param({HEADER: " "}, BODY, "hex", id="a blank"),
        pytest.param({HEADER: digest(BODY, "another key").hex()}, BODY, "hex", id="another key"),
        pytest.param({HEADER: digest(BODY, "").hex()}, BODY, "hex", id="an empty key"),
        pytest.param({HEADER: RIGHT[:-2]}, BODY, "hex", id="cut short"),
        pytest.param({HEADER: RIGHT}, BODY.replace(b"990", b"991"), "hex", id="an altered body"),
        pytest.param({HEADER: RIGHT}, BODY + b"\n", "hex", id="a line more"),
        pytest.param({HEADER: base64.b64encode(digest(BODY)).decode()}, BODY, "hex", id="base64 for hex"),
        pytest.param({HEADER: RIGHT}, BODY, "base64", id="hex for base64"),
        pytest.param({HEADER: "signé"}, BODY, "hex", id="letters beyond ASCII"),
    ],
)
def test_a_forged_delivery_is_refused(headers: dict[str, str], body: bytes, encoding: str) -> None:
    answer = refusal(read_event(headers, body, settings(webhook_signature_encoding=encoding)))
    assert answer.status == 401
    assert KEY not in answer.why
    assert RIGHT not in answer.why


@pytest.mark.parametrize(
    ("headers", "changes", "status"),
    [
        pytest.param({}, {}, 401, id="no signature"),
        pytest.param({HEADER: "any"}, {}, None, id="some signature: the body is needed to judge it"),
        pytest.param({HEADER: RIGHT}, {"webhook_key": ""}, 403, id="no key set"),
        pytest.param({HEADER: RIGHT}, {"webhook_signature_header": ""}, 403, id="no header named"),
    ],
)
def test_what_needs_no_body_is_refused_before_one_is_read(
    headers: dict[str, str], changes: dict[str, str], status: int | None
) -> None:
    refused = refuse_unread(headers, settings(**changes))
    assert (refused.status if refused else None) == status


def test_a_key_that_is_not_in_the_environment_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never an empty key, which anyone could sign with."""
    monkeypatch.setenv("ST_WEBHOOK_KEY", "")
    with pytest.raises(SettingsError, match="ST_WEBHOOK_KEY"):
        read_event({HEADER: digest(BODY, "").hex()}, BODY, settings())


def without(event: dict[str, Any], *path: str) -> dict[str, Any]:
    inner = event
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return event


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"[" * 100_000, id="a very deep body"),
        pytest.param(b"1" * 10_000, id="a very long number"),
        pytest.param(as_sent(without(booking_updated(990), "userassignedid")), id="no userassignedid"),
        pytest.param(as_sent({**booking_updated(990), "userassignedid": "a\nb"}), id="a userassignedid of two lines"),
        pytest.param(as_sent({**booking_updated(990), "userassignedid": "a" * 201}), id="an endless userassignedid"),
        pytest.param(as_sent({**booking_updated(990), "userassignedid": "\x00"}), id="a zero byte"),
        pytest.param(as_sent({**booking_updated(990), "data": []}), id="data is a list"),
        pytest.param(as_sent(without(booking_updated(990), "data")), id="no data"),
        pytest.param(as_sent(without(booking_updated(990), "data", "tenantId")), id="no tenant"),
        pytest.param(as_sent(without(booking_updated(990), "data", "booking")), id="no booking"),
        pytest.param(as_sent(without(booking_updated(990), "data", "booking", "id")), id="a booking without an id"),
        pytest.param(as_sent(booking_updated(0)), id="booking 0"),
        pytest.param(as_sent(booking_updated(2**63)), id="a booking's id too large"),
        pytest.param(as_sent(without(job_event("updated", 1, booking=2), "data", "job")), id="no job"),
        pytest.param(as_sent(without(visit_event(1), "data", "appointment", "jobId")), id="a visit without its job"),
    ],
)
def test_a_body_that_is_no_event_is_refused_quietly(body: bytes) -> None:
    answer = refusal(read(body))
    assert answer.status == 400
    assert "Sample" not in answer.why


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
DATA = st.fixed_dictionaries(
    {},
    optional={
        "tenantId": JSON | st.just(TENANT),
        "booking": JSON | st.just({"id": 990}),
        "job": JSON | st.just({"id": 1}),
        "appointment": JSON | st.just({"jobId": 1}),
    },
)
KINDS = st.sampled_from(["tn.crm.booking-updated", "tn.jpm.job-updated", "tn.jpm.job-"]) | JSON
EVENTS = st.fixed_dictionaries({}, optional={"type": KINDS, "userassignedid": JSON, "data": DATA | JSON})


@effort(max_examples=300, deadline=None)
@given(st.binary(max_size=80) | (EVENTS | JSON).map(lambda event: json.dumps(event).encode()))
def test_whatever_is_signed_has_an_answer(body: bytes) -> None:
    answer = read_event({HEADER: digest(body).hex()}, body, settings(webhook_key=KEY))
    if isinstance(answer, RecordEvent):
        kind, _, number = answer.record.partition("/")
        assert kind in {"booking", "job"}
        assert int(number) > 0
