"""From an answer, or its absence, to exactly one error, named by what the caller does next.

Pure functions of (was it a write?, status, headers, body) or of an exception. Nothing here sends, waits or logs.
Source of the rules: DESIGN section 4; contracts/servicetitan/FACTS 1.3 and 1.4; contracts/marcone/FACTS section 12.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx
from pyreqwest.exceptions import BuilderError, DetailedPyreqwestError, PoolTimeoutError

from models.errors import (
    AmbiguousWriteError,
    ContractError,
    NotFoundError,
    RateLimitedError,
    RejectedError,
    TransientError,
    UnauthorizedError,
    VendorError,
)

__all__ = [
    "AmbiguousWriteError",
    "Call",
    "ContractError",
    "NotFoundError",
    "RateLimitedError",
    "RejectedError",
    "TransientError",
    "UnauthorizedError",
    "VendorError",
    "all_texts",
    "from_answer",
    "from_exception",
    "private_values",
    "retry_after_s",
    "unreadable",
    "vendors_words",
]

MAX_WORDS: Final = 300
"""Characters of a vendor's own words that are kept."""

_WORD_FIELDS: Final = ("errorMessage", "message", "reason", "error")
"""Marcone, in this order (contract, `Fault`)."""

_PERSONAL: Final = frozenset(
    {
        "name", "first_name", "address1", "address2", "street", "unit", "city", "zip", "email", "text", "memo",
        "summary", "specialinstructions", "reference", "value", "phone", "searchtext", "externaldatavalues",
    }
)  # fmt: skip
"""Fields of our own requests and filters that may hold a customer's data; vendors like to quote what they refuse."""

_PAUSE = re.compile(r"try again in (\d+(?:\.\d+)?)\s*s", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


@dataclass(frozen=True)
class Call:
    """One call, as errors speak of it."""

    vendor: str
    doing: str
    """What it was for, in words: "reading job 48213"."""
    is_write: bool
    credentials: str = ""
    """The settings and variables to look at when the vendor refuses us."""
    private: tuple[str, ...] = ()
    """Values that must not be quoted in an error, beside those of the body."""
    body: Any = field(default=None, repr=False, compare=False)
    """What is sent. Looked through for private values only when there is an error to tell."""
    is_missing: Callable[[int, Any], bool] | None = None
    """How this vendor says "there is no such record" other than by 404; asked with status and body."""


def from_exception(call: Call, error: Exception) -> VendorError:
    """Classify a call that ended without an answer.

    A refused or timed-out connection sent nothing, so also a write may simply be repeated. Anything later than that
    leaves a write open: it may have happened.
    """
    kind = _kind_of(error)
    if _was_never_sent(error):
        return TransientError(
            f"{call.vendor} could not be reached while {call.doing} ({kind}): nothing was sent.",
            _WAIT.format(call.vendor),
            call.vendor,
            call.doing,
        )
    return _unanswered(call, f"{call.vendor} gave no answer while {call.doing} ({kind})", None, "")


def from_answer(
    call: Call, status: int, headers: Mapping[str, str], body: Any, now: datetime | None = None
) -> VendorError | None:
    """Classify an answer; None when it is a 2xx. `body` is the decoded JSON, or None."""
    if httpx.codes.is_success(status):
        return None
    words = _without_private(vendors_words(body), call.private + private_values(call.body))
    said = f': "{words}"' if words else "."
    at = (call.vendor, call.doing, words, status)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        pause = retry_after_s(headers, body, now)
        wish = "" if pause is None else f" for {pause:g} seconds"
        return RateLimitedError(
            f"{call.vendor} asks for a pause{wish} while {call.doing}; nothing was done.",
            "Truckroll waits by itself; if this lasts, lower the number of calls in the shop file.",
            *at,
            retry_after_s=pause,
        )
    if httpx.codes.is_server_error(status) or status == httpx.codes.REQUEST_TIMEOUT:
        return _unanswered(call, f"{call.vendor} failed with {status} while {call.doing}{said}", status, words)
    if status == httpx.codes.UNAUTHORIZED:
        return UnauthorizedError(
            f"{call.vendor} refused our credentials while {call.doing}{said}", _credentials_fix(call, words), *at
        )
    if status == httpx.codes.NOT_FOUND or (call.is_missing is not None and call.is_missing(status, body)):
        return NotFoundError(
            f"{call.vendor} found nothing while {call.doing}{said}", "Check that the record is still there.", *at
        )
    if httpx.codes.is_redirect(status):
        return RejectedError(
            f"{call.vendor} answered {status}, another address, while {call.doing}.",
            "Check the address in the shop file; a redirect is not followed.",
            *at,
        )
    return RejectedError(f"{call.vendor} refused while {call.doing} ({status}){said}", _rejected_fix(status), *at)


def unreadable(call: Call, fields: str) -> ContractError:
    """Build the error for an answer that does not fit the contract. `fields` names fields, never values."""
    after = " It was a write and may well have happened: look before repeating it." if call.is_write else ""
    return ContractError(
        f"{call.vendor}'s answer cannot be read while {call.doing}: {fields}.{after}",
        "Report this: either the vendor changed its format, or the address in the shop file is another service.",
        call.vendor,
        call.doing,
    )


def retry_after_s(headers: Mapping[str, str], body: Any, now: datetime | None = None) -> float | None:
    """Return the pause a 429 asks for, in seconds: `Retry-After` as seconds or date, else the title, else None.

    Source: ServiceTitan FACTS 1.3 [docs:3p-client]; the header is unconfirmed and honoured.
    """
    written = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    try:
        return max(0.0, float(written))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(written)
    except (ValueError, OverflowError):
        found = _PAUSE.search(vendors_words(body))
        return float(found.group(1)) if found else None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def vendors_words(body: Any) -> str:
    """Return the vendor's own words from an error body, shortened; empty when it has none.

    ServiceTitan: title and errors by field. Marcone: errorMessage, message, reason, error. The store and the referral
    program: message and errors by field, whose entries may have a message of their own.
    """
    if not isinstance(body, dict):
        return ""
    names = ("title", *_WORD_FIELDS)
    said = next((body[name].strip() for name in names if isinstance(body.get(name), str) and body[name].strip()), "")
    return _shortened("; ".join(part for part in (said, *_words_by_field(body.get("errors"))) if part))


def _words_by_field(errors: Any) -> Iterator[str]:
    for name, texts in errors.items() if isinstance(errors, dict) else ():
        several = [_word(one) for one in (texts if isinstance(texts, list) else [texts])]
        if several:
            yield f"{name}: {', '.join(several)}" if name else several[0]


def _word(entry: Any) -> str:
    return str(entry["message"]) if isinstance(entry, dict) and "message" in entry else str(entry)


def all_texts(body: Any) -> Iterator[str]:
    """Yield every text of an answer, wherever it stands."""
    if isinstance(body, str):
        yield body
    elif isinstance(body, dict):
        for value in body.values():
            yield from all_texts(value)
    elif isinstance(body, list):
        for value in body:
            yield from all_texts(value)


def private_values(body: Any) -> tuple[str, ...]:
    """Return the values of a request that may be a customer's data, longest first."""
    found: set[str] = set()

    def look(value: Any, key: str) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                look(inner, str(name).lower())
        elif isinstance(value, list | tuple):
            for inner in value:
                look(inner, key)
        elif isinstance(value, str) and key in _PERSONAL and len(value.strip()) > 2:  # noqa: PLR2004
            found.add(value.strip())

    look(body, "")
    return tuple(sorted(found, key=len, reverse=True))


_WAIT: Final = (
    "Truckroll tries again by itself; if it lasts, check whether {0} is up and the address in the shop file is right."
)


_NEVER_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
    PoolTimeoutError,
    BuilderError,
)
"""What the libraries raise before a byte of the request has left."""

_WHILE_CONNECTING: Final = "client error (Connect)"


def _was_never_sent(error: Exception) -> bool:
    told = error if isinstance(error, DetailedPyreqwestError) else error.__cause__
    if isinstance(told, DetailedPyreqwestError) and not isinstance(told, _NEVER_SENT):
        # pyreqwest goes by words, and those of the address too: it calls it a failed connection when the server hangs
        # up on a request it was sent, or takes no more of it. The causes tell; if their words change one day, a write
        # counts as open, which is the safe side.
        return _WHILE_CONNECTING in _causes(told)
    return isinstance(error, _NEVER_SENT)


def _kind_of(error: Exception) -> str:
    """Say what happened: the innermost cause, which never has the address in it, else the error's name."""
    causes = _causes(error) if isinstance(error, DetailedPyreqwestError) else []
    return causes[-1] if len(causes) > 1 else type(error).__name__


def _causes(error: DetailedPyreqwestError) -> list[str]:
    return [cause["message"] for cause in error.details["causes"] or ()]


def _unanswered(call: Call, what: str, status: int | None, words: str) -> VendorError:
    what = what.rstrip(".")
    if call.is_write:
        return AmbiguousWriteError(
            f"{what}; it may have happened all the same.",
            f"Look in {call.vendor} before anyone repeats it.",
            call.vendor,
            call.doing,
            words,
            status,
        )
    return TransientError(f"{what}.", _WAIT.format(call.vendor), call.vendor, call.doing, words, status)


def _credentials_fix(call: Call, words: str) -> str:
    if "application key" in words.casefold():
        return "Check the application key (app_key) in the shop file and that the app is still connected."
    return f"Check {call.credentials or 'the credentials in the shop file'}."


def _rejected_fix(status: int) -> str:
    if status == httpx.codes.FORBIDDEN:
        return "Check that the account is the right one and that our access covers this."
    return "Mend what the vendor names, then retry."


def _without_private(words: str, private: tuple[str, ...]) -> str:
    for value in private:
        # A first name is no part of a longer word: Ann, and "cannot".
        pattern = rf"\b{value}\b" if value.isalpha() else re.escape(value)
        words = re.sub(pattern, "[...]", words, flags=re.IGNORECASE)
    return _EMAIL.sub("[e-mail]", words)


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= MAX_WORDS else text[: MAX_WORDS - 3] + "..."
