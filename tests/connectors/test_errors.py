"""From an answer, or none, to what the caller does next."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as some
from pyreqwest import exceptions as reqwest

from connectors.errors import (
    AmbiguousWriteError,
    Call,
    ContractError,
    NotFoundError,
    RateLimitedError,
    RejectedError,
    TransientError,
    UnauthorizedError,
    VendorError,
    from_answer,
    from_exception,
    private_values,
    retry_after_s,
    unreadable,
    vendors_words,
)

READ = Call("ServiceTitan", "reading job 5", is_write=False, credentials="ST_CLIENT_ID and ST_CLIENT_SECRET")
WRITE = Call("Marcone", "placing order TR-1", is_write=True, credentials="MARCONE_CLIENT_SECRET")


def over_reqwest(kind: type[reqwest.DetailedPyreqwestError], *causes: str) -> reqwest.DetailedPyreqwestError:
    return kind("", {"causes": [{"message": one} for one in ("for url (http://h/?email=robin@example.com)", *causes)]})


@pytest.mark.parametrize(
    ("failure", "read_means", "write_means"),
    [
        pytest.param(httpx.ConnectError(""), TransientError, TransientError, id="connection refused: nothing was sent"),
        pytest.param(httpx.ConnectTimeout(""), TransientError, TransientError, id="connect timeout: nothing was sent"),
        pytest.param(httpx.ReadTimeout(""), TransientError, AmbiguousWriteError, id="no answer in time"),
        pytest.param(httpx.WriteTimeout(""), TransientError, AmbiguousWriteError, id="sending took too long"),
        pytest.param(httpx.PoolTimeout(""), TransientError, TransientError, id="no connection free"),
        pytest.param(httpx.ReadError(""), TransientError, AmbiguousWriteError, id="dropped while reading"),
        pytest.param(httpx.WriteError(""), TransientError, AmbiguousWriteError, id="dropped while sending"),
        pytest.param(httpx.RemoteProtocolError(""), TransientError, AmbiguousWriteError, id="hung up"),
        pytest.param(httpx.ProxyError(""), TransientError, AmbiguousWriteError, id="proxy failed"),
        pytest.param(over_reqwest(reqwest.ConnectError, "client error (Connect)", "refused"), TransientError, TransientError, id="reqwest: refused"),
        pytest.param(over_reqwest(reqwest.ConnectTimeoutError, "client error (Connect)", "timed out"), TransientError, TransientError, id="reqwest: connect timeout"),
        pytest.param(over_reqwest(reqwest.ConnectTimeoutError, "operation timed out"), TransientError, AmbiguousWriteError, id="reqwest: nothing in time"),
        pytest.param(over_reqwest(reqwest.ConnectTimeoutError, "client error (SendRequest)", "timed out (os error 110)"), TransientError, AmbiguousWriteError, id="reqwest: network gone"),
        pytest.param(over_reqwest(reqwest.PoolTimeoutError), TransientError, TransientError, id="reqwest: no connection free"),
        pytest.param(over_reqwest(reqwest.BuilderError), TransientError, TransientError, id="reqwest: no address"),
        pytest.param(over_reqwest(reqwest.ConnectError, "client error (SendRequest)", "closed"), TransientError, AmbiguousWriteError, id="reqwest: hung up"),
        pytest.param(over_reqwest(reqwest.ReadTimeoutError, "timed out"), TransientError, AmbiguousWriteError, id="reqwest: no answer in time"),
        pytest.param(over_reqwest(reqwest.ReadError, "reset"), TransientError, AmbiguousWriteError, id="reqwest: dropped while reading"),
        pytest.param(over_reqwest(reqwest.WriteError, "reset"), TransientError, AmbiguousWriteError, id="reqwest: dropped while sending"),
        pytest.param(over_reqwest(reqwest.BodyDecodeError, "end of file"), TransientError, AmbiguousWriteError, id="reqwest: cut off"),
        pytest.param(TimeoutError(), TransientError, AmbiguousWriteError, id="our own deadline"),
    ],
)  # fmt: skip
def test_a_missing_answer_tells_the_caller_what_to_do(
    failure: Exception, read_means: type[VendorError], write_means: type[VendorError]
) -> None:
    for call, means in ((READ, read_means), (WRITE, write_means)):
        error = from_exception(call, failure)
        assert type(error) is means
        assert call.vendor in str(error)
        assert call.doing in str(error)
        assert "@" not in str(error)
        assert error.fix


@pytest.mark.parametrize(
    ("status", "read_means", "write_means"),
    [
        pytest.param(400, RejectedError, RejectedError, id="bad request"),
        pytest.param(401, UnauthorizedError, UnauthorizedError, id="credentials refused"),
        pytest.param(403, RejectedError, RejectedError, id="not allowed"),
        pytest.param(404, NotFoundError, NotFoundError, id="not there"),
        pytest.param(409, RejectedError, RejectedError, id="conflict"),
        pytest.param(422, RejectedError, RejectedError, id="not valid"),
        pytest.param(429, RateLimitedError, RateLimitedError, id="too many calls: nothing was done, also by a write"),
        pytest.param(
            500, TransientError, AmbiguousWriteError, id="a write may have happened before the server fell over"
        ),
        pytest.param(502, TransientError, AmbiguousWriteError, id="bad gateway"),
        pytest.param(504, TransientError, AmbiguousWriteError, id="gateway timeout"),
        pytest.param(302, RejectedError, RejectedError, id="a redirect is not followed"),
    ],
)
@pytest.mark.parametrize(
    "body", [None, {"title": "No", "errors": {}}, {"errorMessage": "No"}], ids=["empty", "ServiceTitan", "Marcone"]
)
def test_a_status_tells_the_caller_what_to_do(
    status: int, read_means: type[VendorError], write_means: type[VendorError], body: Any
) -> None:
    for call, means in ((READ, read_means), (WRITE, write_means)):
        error = from_answer(call, status, {}, body)
        assert type(error) is means
        assert call.vendor in str(error)
        assert call.doing in str(error)
        assert error.fix
        assert error.status == status


def test_a_success_is_no_error() -> None:
    assert from_answer(READ, 200, {}, {}) is None
    assert from_answer(WRITE, 201, {}, None) is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(
            {
                "title": "Validation failed",
                "errors": {"reasonId": ["is unknown", "is inactive"], "memo": ["is required"]},
            },
            "Validation failed; reasonId: is unknown, is inactive; memo: is required",
            id="ServiceTitan problem: title, then errors by field",
        ),
        pytest.param({"title": "Bad", "errors": None}, "Bad", id="errors null"),
        pytest.param(
            {"title": "Bad", "errors": {"": ["Job is closed"]}}, "Bad; Job is closed", id="an error of no field"
        ),
        pytest.param({"error": "d", "reason": "c", "message": "b", "errorMessage": "a"}, "a", id="errorMessage first"),
        pytest.param({"error": "d", "reason": "c", "message": "b"}, "b", id="then message"),
        pytest.param({"error": "d", "reason": "c", "errorMessage": " "}, "c", id="then reason"),
        pytest.param({"error": "invalid_client"}, "invalid_client", id="then error"),
        pytest.param(["what"], "", id="a list says nothing"),
        pytest.param(None, "", id="nothing"),
        pytest.param({"errorMessage": "x" * 999}, "x" * 297 + "...", id="shortened"),
    ],
)
def test_the_vendors_own_words_are_kept(body: Any, words: str) -> None:
    assert vendors_words(body) == words


NOW = datetime(2026, 9, 1, 10, 0, 0, tzinfo=UTC)
TITLE = {"status": 429, "title": "Rate limit is exceeded. Try again in 50 seconds."}


@pytest.mark.parametrize(
    ("headers", "body", "pause"),
    [
        pytest.param({"Retry-After": "7"}, TITLE, 7.0, id="header in seconds wins"),
        pytest.param({"retry-after": "Tue, 01 Sep 2026 10:00:30 GMT"}, TITLE, 30.0, id="header as a date"),
        pytest.param({"Retry-After": "Tue, 01 Sep 2026 09:00:00 GMT"}, None, 0.0, id="a date gone by: now"),
        pytest.param({"Retry-After": "-5"}, None, 0.0, id="never negative"),
        pytest.param({}, TITLE, 50.0, id="ServiceTitan's title"),
        pytest.param({"Retry-After": "soon"}, TITLE, 50.0, id="an unreadable header falls back to the title"),
        pytest.param({}, {"title": "Slow down"}, None, id="no wish"),
        pytest.param({}, None, None, id="no body"),
    ],
)  # fmt: skip
def test_a_429_names_its_pause(headers: dict[str, str], body: Any, pause: float | None) -> None:
    assert retry_after_s(headers, body, NOW) == pause
    error = from_answer(READ, 429, headers, body, NOW)
    assert isinstance(error, RateLimitedError)
    assert error.retry_after_s == pause


def test_refused_credentials_name_what_to_look_at() -> None:
    assert "ST_CLIENT_SECRET" in from_answer(READ, 401, {}, None).fix  # type: ignore[union-attr]
    no_key = from_answer(READ, 401, {}, {"title": "Application key not present, check ST-App-Key header value."})
    assert "app_key" in no_key.fix  # type: ignore[union-attr]


def test_a_customers_data_from_our_request_is_not_quoted() -> None:
    sent = {
        "shipTo": {"name": "Robin Sample", "address1": "12 Elm St", "state": "AL"},
        "items": [{"text": "call 555-0142"}],
    }
    call = Call("Marcone", "placing order TR-1", is_write=True, private=private_values(sent))
    echo = {
        "errorMessage": "No carrier for ROBIN SAMPLE, 12 Elm St (robin@example.com); part WPW10348269; call 555-0142"
    }
    error = from_answer(call, 400, {}, echo)
    assert error is not None
    text = f"{error} {error!r} {error.words}"
    assert "WPW10348269" in text
    for private in ("robin sample", "elm st", "robin@example.com", "555-0142"):
        assert private not in text.casefold()


def test_a_first_name_is_not_quoted_and_cuts_no_word_in_two() -> None:
    """Contact sync sends first names, and a refusal of one person is shown in Prefect's table."""
    sent = {"campaign_id": 1001, "first_name": "Ann", "email": "ann@example.com", "notify": False}
    call = Call("Referral Factory", "adding a user", is_write=True, body=sent)
    error = from_answer(call, 422, {}, {"message": "ann (ann@example.com) cannot be added"})
    assert error is not None
    assert error.words == "[...] ([...]) cannot be added"


def test_an_unreadable_answer_names_fields_and_warns_of_a_write() -> None:
    assert type(unreadable(READ, "id (missing)")) is ContractError
    assert "id (missing)" in str(unreadable(READ, "id (missing)"))
    assert "may well have happened" in str(unreadable(WRITE, "orderNumbers (missing)"))


@given(status=some.integers(300, 599), is_write=some.booleans(), text=some.text(max_size=50))
def test_every_refusal_is_exactly_one_error_that_travels(status: int, is_write: bool, text: str) -> None:
    error = from_answer(Call("V", "doing", is_write=is_write), status, {}, {"errorMessage": text})
    assert error is not None
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (str(again), again.words, again.status) == (str(error), error.words, status)
