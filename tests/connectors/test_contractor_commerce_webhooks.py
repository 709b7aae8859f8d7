"""A delivery is believed when its signature, or the token in its address, is right; and never before."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from connectors.contractor_commerce.webhooks import OrderEvent, OtherEvent, read_event, refuse_unread
from connectors.webhooks import Refusal
from models.errors import SettingsError
from models.shop import ContractorCommerceSettings
from models.store_order import StoreOrder
from tests.connectors.doubles import CC, SECRETS
from tests.connectors.store_orders import AT, line_row, order_row

KEY = SECRETS["CC_WEBHOOK_SECRET"]
TOKEN = SECRETS["CC_PATH_TOKEN"]


def settings(**changes: Any) -> ContractorCommerceSettings:
    given = {"api_url": CC, "api_token": "${CC_TOKEN}", "webhook_secret": "${CC_WEBHOOK_SECRET}", **changes}
    return ContractorCommerceSettings.model_validate(given)


def by_path(**changes: Any) -> ContractorCommerceSettings:
    return settings(webhook_secret="", webhook_path_token="${CC_PATH_TOKEN}", **changes)


def event(**changes: Any) -> dict[str, Any]:
    return {
        "id": "evt_01",
        "type": "order.created",
        "api_version": "v1",
        "store_id": 41,
        "created_at": AT,
        "data": {"object": "order", "order": order_row(100201, version=4, customer_note="Zoë / 2nd door")},
        **changes,
    }


def body_of(what: dict[str, Any]) -> bytes:
    """As the sender writes it: slashes and letters beyond ASCII escaped, so it cannot be made again from the parts."""
    return json.dumps(what).replace("/", "\\/").encode()


def digest(body: bytes, key: str = KEY) -> bytes:
    return hmac.new(key.encode(), body, hashlib.sha256).digest()


BODY = body_of(event())
RIGHT = digest(BODY).hex()
STAMPED = f"t=1788256800,v1={digest(b'1788256800.' + BODY).hex()}"


def refusal(answer: OrderEvent | OtherEvent | Refusal) -> Refusal:
    assert isinstance(answer, Refusal), answer
    return answer


def test_a_signed_order_is_believed_and_read() -> None:
    found = read_event({"signature": RIGHT}, BODY, settings())
    assert isinstance(found, OrderEvent)
    assert (found.event_id, found.type, found.order_id, found.version) == ("evt_01", "order.created", "100201", 4)
    assert isinstance(found.order, StoreOrder)
    assert found.order.note == "Zoë / 2nd door"
    assert found.is_signed is True


@pytest.mark.parametrize(
    ("encoding", "signature"),
    [
        pytest.param("hex", RIGHT, id="hex"),
        pytest.param("hex", RIGHT.upper(), id="hex in capitals"),
        pytest.param("hex", f"sha256={RIGHT}", id="hex with its method"),
        pytest.param("base64", base64.b64encode(digest(BODY)).decode(), id="base64"),
        pytest.param("timestamped", STAMPED, id="with a time"),
        pytest.param("timestamped", STAMPED.replace("v1=", "v1=00, v1="), id="with a time, of two keys"),
    ],
)
def test_header_and_encoding_are_settings(encoding: str, signature: str) -> None:
    chosen = settings(webhook_signature_header="X-Store-Hmac", webhook_signature_encoding=encoding)
    assert isinstance(read_event({"x-store-hmac": signature}, BODY, chosen), OrderEvent)
    assert refusal(read_event({"Signature": signature}, BODY, chosen)).status == 401


def test_the_time_in_a_signature_is_not_judged() -> None:
    """A try that comes after 12 hours may carry the first one's signature; a repeat adds nothing (ADR 0013)."""
    stamped = f"t=1,v1={digest(b'1.' + BODY).hex()}"
    answer = read_event({"Signature": stamped}, BODY, settings(webhook_signature_encoding="timestamped"))
    assert isinstance(answer, OrderEvent)


@pytest.mark.parametrize(
    ("headers", "chosen", "token", "status"),
    [
        pytest.param({}, settings(), "", 401, id="no signature"),
        pytest.param({}, by_path(), "wrong", 404, id="a wrong token"),
        pytest.param({}, settings(webhook_secret=""), "", 403, id="no secret set"),
        pytest.param({"Signature": "any"}, settings(), "", None, id="some signature: the body is needed to judge it"),
        pytest.param({}, by_path(), TOKEN, None, id="the right token"),
    ],
)
def test_what_needs_no_body_is_refused_before_one_is_read(
    headers: dict[str, str], chosen: ContractorCommerceSettings, token: str, status: int | None
) -> None:
    refused = refuse_unread(headers, chosen, path_token=token)
    assert (refused.status if refused else None) == status


@pytest.mark.parametrize(
    ("headers", "body", "encoding"),
    [
        pytest.param({}, BODY, "hex", id="no signature"),
        pytest.param({"Signature": ""}, BODY, "hex", id="an empty signature"),
        pytest.param({"Signature": digest(BODY, "another key").hex()}, BODY, "hex", id="another key"),
        pytest.param({"Signature": digest(BODY, "").hex()}, BODY, "hex", id="an empty key"),
        pytest.param({"Signature": RIGHT[:-2]}, BODY, "hex", id="cut short"),
        pytest.param({"Signature": RIGHT}, BODY.replace(b"51.35", b"51.36"), "hex", id="an altered body"),
        pytest.param({"Signature": RIGHT}, BODY + b" ", "hex", id="a blank more"),
        pytest.param({"Signature": RIGHT}, json.dumps(json.loads(BODY)).encode(), "hex", id="a body written anew"),
        pytest.param({"Signature": base64.b64encode(digest(BODY)).decode()}, BODY, "hex", id="base64 for hex"),
        pytest.param({"Signature": RIGHT}, BODY, "base64", id="hex for base64"),
        pytest.param({"Signature": RIGHT}, BODY, "timestamped", id="hex for one with a time"),
        pytest.param({"Signature": STAMPED.replace("1788", "1789", 1)}, BODY, "timestamped", id="another time"),
        pytest.param({"Signature": f"t=,v1={digest(b'.' + BODY).hex()}"}, BODY, "timestamped", id="no time"),
        pytest.param({"Signature": "signé"}, BODY, "hex", id="letters beyond ASCII"),
        pytest.param({"Signature": "t=\ud800"}, BODY, "timestamped", id="a lone surrogate as the time"),
    ],
)
def test_anything_but_the_right_signature_is_refused(headers: dict[str, str], body: bytes, encoding: str) -> None:
    answer = refusal(read_event(headers, body, settings(webhook_signature_encoding=encoding)))
    assert answer.status == 401
    assert KEY not in answer.why
    assert RIGHT not in answer.why


def test_the_token_in_the_path_serves_where_the_store_signs_nothing() -> None:
    found = read_event({}, BODY, by_path(), path_token=TOKEN)
    assert isinstance(found, OrderEvent)
    assert found.is_signed is False, "whoever has the address can write the body: ask the store for the order"


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN.upper(), "é"])
def test_a_wrong_token_is_an_address_that_is_not_there(token: str) -> None:
    assert refusal(read_event({"Signature": RIGHT}, BODY, by_path(), path_token=token)).status == 404


@pytest.mark.parametrize(
    ("headers", "token", "taken"),
    [({"Signature": RIGHT}, TOKEN, True), ({}, TOKEN, False), ({"Signature": RIGHT}, "wrong", False)],
    ids=["both right", "no signature", "wrong token"],
)
def test_with_both_secrets_set_both_must_be_right(headers: dict[str, str], token: str, taken: bool) -> None:
    both = settings(webhook_path_token="${CC_PATH_TOKEN}")
    assert isinstance(read_event(headers, BODY, both, path_token=token), OrderEvent) is taken


def test_with_neither_secret_set_nothing_is_taken() -> None:
    nothing = settings(webhook_secret="")
    answer = refusal(read_event({"Signature": digest(BODY, "").hex()}, BODY, nothing))
    assert answer.status == 403
    assert "webhook_secret" in answer.why


def test_a_secret_that_is_not_in_the_environment_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never an empty key, which anyone could sign with."""
    monkeypatch.setenv("CC_WEBHOOK_SECRET", "")
    with pytest.raises(SettingsError, match="CC_WEBHOOK_SECRET"):
        read_event({"Signature": digest(BODY, "").hex()}, BODY, settings())


def test_a_redelivery_has_the_same_event_id() -> None:
    """Headers that differ on each attempt do not count; the id in the body is what the signature vouches for."""
    tries = [
        read_event(
            {
                "Signature": RIGHT,
                "X-Concom-Delivery-Id": f"dlv_{n}",
                "X-Concom-Attempt": str(n),
                "X-Concom-Event-Id": f"{n}",
            },
            BODY,
            settings(),
        )
        for n in (1, 2)
    ]
    assert [one.event_id for one in tries if isinstance(one, OrderEvent)] == ["evt_01", "evt_01"]


@pytest.mark.parametrize("kind", ["lead", "subscription"])
def test_events_about_other_things_are_taken_and_set_aside(kind: str) -> None:
    body = body_of(event(type=f"{kind}.created", data={"object": kind, kind: {"id": 1}}))
    assert read_event({"Signature": digest(body).hex()}, body, settings()) == OtherEvent("evt_01", f"{kind}.created")


def test_an_order_that_cannot_be_read_is_still_named() -> None:
    """So that it is asked for, and held under its own number, rather than lost."""
    sent = order_row(100201, version=5, line_items=[line_row(kind="gift_card")])
    body = body_of(event(data={"object": "order", "order": sent}))
    found = read_event({"Signature": digest(body).hex()}, body, settings())
    assert isinstance(found, OrderEvent)
    assert (found.order_id, found.version, found.order) == ("100201", 5, None)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b'"order"', id="a word"),
        pytest.param(b"[" * 100_000, id="a very deep body"),
        pytest.param(b"1" * 10_000, id="a very long number"),
        pytest.param(body_of({"type": "order.created", "data": {"object": "order"}}), id="no event id"),
        pytest.param(body_of(event(id="")), id="an empty event id"),
        pytest.param(body_of(event(id="e" * 201)), id="an endless event id"),
        pytest.param(body_of(event(id="evt\n01")), id="an event id of two lines"),
        pytest.param(body_of(event(data={"object": "order", "order": {"id": "9" * 201}})), id="an endless order id"),
        pytest.param(body_of(event(data={"object": "order"})), id="no order"),
        pytest.param(body_of(event(data={"object": "order", "order": {"id": None}})), id="an order without an id"),
        pytest.param(body_of(event(data=[])), id="data is a list"),
    ],
)
def test_a_body_that_is_no_event_is_refused_quietly(body: bytes) -> None:
    assert refusal(read_event({"Signature": digest(body).hex()}, body, settings())).status == 400
