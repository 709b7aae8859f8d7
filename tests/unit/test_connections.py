"""The steps of a connection, as a table: which step goes from where to where, and which is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from decisions.connections import (
    SUPPORT,
    Already,
    Move,
    Refused,
    Rival,
    approve,
    ask_access,
    connect_at_once,
    disconnect,
    finalise,
    missing_values,
    pending_words,
    read_booking_provider,
    read_tenant_id,
    refuse_rivals,
    why_shut,
)
from models.connection import Connection, ConnectionState, Moved, Proof

AT = datetime(2026, 11, 30, 15, 0, tzinfo=UTC)
LATER = AT + timedelta(hours=3)
OURS, ANOTHER = 1234567, 7654321
PROOF = Proof(tenant_id=OURS, booking_provider=77, seen=("tenant 1234567 answers",))
NOT, PENDING, READY, CONNECTED, DISCONNECTED = (
    ConnectionState.NOT_CONNECTED,
    ConnectionState.PENDING,
    ConnectionState.READY,
    ConnectionState.CONNECTED,
    ConnectionState.DISCONNECTED,
)


def standing(state: ConnectionState) -> Connection | None:
    if state is NOT:
        return None
    return Connection(state=state, tenant_id=OURS, asked_at=AT, changed_at=AT, by="Dana Whitfield")


def take(step: str, now: Connection | None, tenant: int = OURS) -> Move:
    at: dict[str, Any] = {"at": LATER, "by": "Kim Sample"}
    match step:
        case "ask":
            return ask_access(now, tenant, **at)
        case "approve":
            return approve(now, **at)
        case "finalise":
            return finalise(now, PROOF.model_copy(update={"tenant_id": tenant}), **at)
        case _:
            return disconnect(now, **at)


TABLE: dict[tuple[ConnectionState, str], ConnectionState | type[Already | Refused]] = {
    (NOT, "ask"): PENDING,
    (NOT, "approve"): Refused,
    (NOT, "finalise"): Refused,
    (NOT, "disconnect"): DISCONNECTED,
    (PENDING, "ask"): Already,
    (PENDING, "approve"): READY,
    (PENDING, "finalise"): Refused,
    (PENDING, "disconnect"): DISCONNECTED,
    (READY, "ask"): Already,
    (READY, "approve"): Already,
    (READY, "finalise"): CONNECTED,
    (READY, "disconnect"): DISCONNECTED,
    (CONNECTED, "ask"): Already,
    (CONNECTED, "approve"): Already,
    (CONNECTED, "finalise"): CONNECTED,
    (CONNECTED, "disconnect"): DISCONNECTED,
    (DISCONNECTED, "ask"): PENDING,
    (DISCONNECTED, "approve"): Refused,
    (DISCONNECTED, "finalise"): Refused,
    (DISCONNECTED, "disconnect"): Already,
}


@pytest.mark.parametrize(("state", "step"), TABLE, ids=str)
def test_each_step_leads_where_the_guide_says(state: ConnectionState, step: str) -> None:
    """RF-16, RF-19, RF-24, RF-25, RF-66: no jump from pending to connected; a second submit is none."""
    expected = TABLE[state, step]
    move = take(step, standing(state))
    if isinstance(expected, ConnectionState):
        assert isinstance(move, Moved)
        assert (move.connection.state, move.connection.by, move.connection.changed_at) == (
            expected,
            "Kim Sample",
            LATER,
        )
    else:
        assert type(move) is expected
        assert getattr(move, "why", "")


def test_the_table_has_every_step_from_every_state() -> None:
    assert set(TABLE) == set(
        product((NOT, PENDING, READY, CONNECTED, DISCONNECTED), ("ask", "approve", "finalise", "disconnect"))
    )


@pytest.mark.parametrize("state", [PENDING, READY, CONNECTED])
@pytest.mark.parametrize("step", ["ask", "finalise"])
def test_a_second_tenant_is_refused(state: ConnectionState, step: str) -> None:
    """RF-12: one ServiceTitan account at a time; a request that waits counts."""
    if (state, step) == (PENDING, "finalise"):
        assert isinstance(take(step, standing(state), ANOTHER), Refused)
        return
    move = take(step, standing(state), ANOTHER)
    assert isinstance(move, Refused)
    assert str(OURS) in move.why
    assert str(ANOTHER) in move.why
    assert "disconnect" in move.fix


def test_after_disconnecting_another_tenant_may_be_asked_for() -> None:
    """RF-12."""
    move = take("ask", standing(DISCONNECTED), ANOTHER)
    assert isinstance(move, Moved)
    assert move.connection.tenant_id == ANOTHER


@pytest.mark.parametrize(
    ("state", "events"),
    [
        (NOT, ["access-requested", "access-approved", "connected"]),
        (PENDING, ["access-approved", "connected"]),
        (READY, ["connected"]),
        (CONNECTED, ["credentials-renewed"]),
        (DISCONNECTED, ["access-requested", "access-approved", "connected"]),
    ],
)
def test_all_at_once_takes_every_step_that_is_left(state: ConnectionState, events: list[str]) -> None:
    """RF-19, RF-24, RF-25: with the proof in hand, and none is left out."""
    steps = connect_at_once("servicetitan", standing(state), PROOF, at=LATER, by="Kim Sample")
    assert not isinstance(steps, Refused)
    assert [step.event for step in steps] == events
    last = steps[-1].connection
    assert (last.state, last.tenant_id, last.booking_provider) == (CONNECTED, OURS, 77)


def test_all_at_once_needs_a_tenant_and_the_same_one() -> None:
    """RF-12, RF-14."""
    no_tenant = PROOF.model_copy(update={"tenant_id": None})
    assert isinstance(connect_at_once("servicetitan", None, no_tenant, at=AT, by=""), Refused)
    another = PROOF.model_copy(update={"tenant_id": ANOTHER})
    assert isinstance(connect_at_once("servicetitan", standing(CONNECTED), another, at=AT, by=""), Refused)


def test_a_vendor_that_asks_no_permission_is_connected_with_the_proof_alone() -> None:
    """RF-25."""
    steps = connect_at_once(
        "referral_factory", standing(DISCONNECTED), Proof(seen=("the token is taken",)), at=AT, by=""
    )
    assert not isinstance(steps, Refused)
    assert [(step.event, step.connection.state) for step in steps] == [("connected", CONNECTED)]


@pytest.mark.parametrize(
    ("said", "id_"),
    [("1234567", 1234567), ("  1234567\t", 1234567), ("9223372036854775807", 9223372036854775807)],
)
def test_a_tenant_id_is_trimmed(said: str, id_: int) -> None:
    """RF-14."""
    assert read_tenant_id(said) == id_


@pytest.mark.parametrize(
    "said",
    [
        "",
        "   ",
        "12 34",
        "12a",
        "-5",
        "0",
        "+7",
        "1.5",
        "1_000",
        "\u0661\u0662",
        "\u00b2",
        "9" * 19,
        "1" * 5000,
        "1234567;",
    ],
)
def test_what_is_no_tenant_id_is_refused_with_where_it_is_found(said: str) -> None:
    """RF-14, RF-15."""
    with pytest.raises(ValueError, match=r"top right of Settings .* > Integrations > API Application Access"):
        read_tenant_id(said)


@pytest.mark.parametrize("said", ["", " ", "tag", "7 7", "-1"])
def test_what_is_no_booking_provider_is_refused(said: str) -> None:
    """RF-20, RF-22."""
    with pytest.raises(ValueError, match=r"booking provider|digits"):
        read_booking_provider(said)


@pytest.mark.parametrize("has_id", [True, False])
@pytest.mark.parametrize("has_secret", [True, False])
@pytest.mark.parametrize("provider", [77, None])
@pytest.mark.parametrize("needs_provider", [True, False])
def test_each_missing_value_is_named(
    *, has_id: bool, has_secret: bool, provider: int | None, needs_provider: bool
) -> None:
    """RF-20, RF-22: a shop without a referral program makes no bookings, and may leave the provider out."""
    missing = missing_values(
        client_id="cid" if has_id else " ",
        client_secret="word" if has_secret else "",
        booking_provider=provider,
        needs_provider=needs_provider,
    )
    assert ("Client ID" in missing) is not has_id
    assert ("Client Secret" in missing) is not has_secret
    assert ("Booking Provider value" in missing) is (needs_provider and provider is None)


@pytest.mark.parametrize("hours", [0, 1, 23, 25, 24 * 30])
def test_a_request_waits_as_long_as_it_takes_and_says_whom_to_write_to(hours: int) -> None:
    """RF-17, RF-18, RF-S7: nothing times out; both times the vendor names are said, and when it is late."""
    words = " ".join(pending_words("northside", standing(PENDING) or Connection(), AT + timedelta(hours=hours)))
    assert "24 hours" in words
    assert "1 to 2 business days" in words
    assert SUPPORT in words
    assert ("longer than stated" in words) is (hours > 24)


def test_what_is_ready_says_where_the_values_are() -> None:
    """RF-15, RF-21, RF-22, RF-23."""
    words = " ".join(pending_words("northside", standing(READY) or Connection(), LATER))
    for part in ("Connect New App", "permissions", "booking provider tag", "Allow Access", "Edit"):
        assert part in words
    assert pending_words("northside", standing(CONNECTED) or Connection(), LATER) == ()


@pytest.mark.parametrize(
    ("kept", "is_shut"),
    [
        pytest.param(None, False, id="nobody ran connect: the shop file connects"),
        pytest.param(standing(PENDING), True, id="pending"),
        pytest.param(standing(READY), True, id="ready to finalise"),
        pytest.param(standing(CONNECTED), False, id="connected"),
        pytest.param(standing(DISCONNECTED), True, id="disconnected"),
        pytest.param(Connection.of("connected"), False, id="connected, as it was kept before"),
        pytest.param(Connection.of("disconnected"), True, id="disconnected, as it was kept before"),
        pytest.param(Connection.of("{"), True, id="unreadable is shut"),
    ],
)
def test_data_moves_only_where_it_is_connected(kept: Connection | None, *, is_shut: bool) -> None:
    """RF-19, RF-67."""
    assert bool(why_shut("servicetitan", "northside", kept, OURS)) is is_shut


def test_a_shop_file_that_names_another_tenant_than_was_connected_moves_nothing() -> None:
    """RF-12: also when somebody edits the file."""
    assert str(ANOTHER) in why_shut("servicetitan", "northside", standing(CONNECTED), ANOTHER)
    assert why_shut("referral_factory", "northside", standing(CONNECTED), None) == ""


def test_one_program_takes_one_tenant() -> None:
    """RF-12."""
    assert refuse_rivals(OURS, []) is None
    assert refuse_rivals(OURS, [Rival("eastside", OURS)]) is None
    assert refuse_rivals(None, [Rival("eastside", ANOTHER)]) is None
    refused = refuse_rivals(OURS, [Rival("eastside", ANOTHER)])
    assert refused is not None
    assert "eastside" in refused.why
    assert refused.fix.startswith("`truckroll disconnect eastside")


def test_what_is_kept_reads_back_the_same_and_holds_no_secret() -> None:
    """RF-20."""
    kept = standing(READY) or Connection()
    assert Connection.of(kept.text()) == kept
    assert set(json.loads(kept.text())) == {"state", "tenant_id", "asked_at", "changed_at", "by"}
