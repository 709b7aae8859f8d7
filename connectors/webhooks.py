"""What the vendors' deliveries have in common: a refusal, and how what was sent is compared with a secret. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from models.section import Secret

UNSET: Final = Secret("")
LONGEST_NAME: Final = 200
"""Letters of a name or an id that is sent. Ours are a dozen; a longer one names nothing."""
LARGEST_ID: Final = 2**63 - 1
"""The vendors' ids are int64 [spec]; a larger one fits no column."""

Encoding = Literal["hex", "base64", "timestamped"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Not taken. Answer with this status; `why` is for our log and never repeats what was sent."""

    status: int
    why: str


def header_of(headers: Mapping[str, str], name: str) -> str:
    """Return the header without outer blanks, whatever its case; empty when it was not sent."""
    wanted = name.lower()
    return next((value for given, value in headers.items() if given.lower() == wanted), "").strip()


def is_same(given: str, expected: str) -> bool:
    """Compare with a secret in constant time."""
    return hmac.compare_digest(_bytes(given), _bytes(expected))


def is_signature(signature: str, body: bytes, secret: str, encoding: Encoding) -> bool:
    """Tell whether this is the HMAC-SHA256 of the raw body, in constant time.

    `timestamped` signs the time, a point and the body, as other stores do [inferred]; several v1 may be there.
    """
    key = secret.encode()
    match encoding:
        case "hex":
            return is_same(signature.lower().removeprefix("sha256="), hmac.new(key, body, hashlib.sha256).hexdigest())
        case "base64":
            digest = hmac.new(key, body, hashlib.sha256).digest()
            return is_same(signature, base64.b64encode(digest).decode())
        case "timestamped":
            parts = [part.strip().partition("=") for part in signature.split(",")]
            stamp = next((value for name, _, value in parts if name == "t"), "")
            expected = hmac.new(key, _bytes(stamp) + b"." + body, hashlib.sha256).hexdigest()
            given = [value for name, _, value in parts if name == "v1"]
            return bool(stamp) and any([is_same(one, expected) for one in given])  # noqa: C419 - all are compared


def is_name(text: str) -> bool:
    """Tell whether this can be an id or a type: some letters, on one line."""
    # An id with a line break would break a log, or a list that people read.
    return 0 < len(text) <= LONGEST_NAME and text.isprintable()


def _bytes(given: str) -> bytes:
    # compare_digest refuses text beyond ASCII, and a header or an address may hold anything.
    return given.encode("utf-8", "surrogatepass")
