"""Errors, named by what the caller does next. Their text is read by people: who, which record, what to do.

Every error can be pickled (Prefect stores them), so each has a plain `__init__` with defaults.
No error carries a secret or a customer's data; a vendor's own words are kept, shortened.
"""

from __future__ import annotations


class TruckrollError(Exception):
    """The root. `fix` is the sentence that tells a person what to do about it."""

    def __init__(self, message: str = "", fix: str = "") -> None:
        super().__init__(message, fix)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message} {self.fix}".strip()


class SettingsError(TruckrollError):
    """The shop file, or a name in it, is wrong: nothing runs until a person mends it. Exit code 2."""


class HeldError(TruckrollError):
    """This record cannot go on until a person looks; the others can. Always written to the held list.

    `field` names what is wrong in the record.
    """

    def __init__(self, message: str = "", fix: str = "", field: str = "") -> None:
        super().__init__(message, fix)
        self.args = (message, fix, field)
        self.field = field


class VendorError(TruckrollError):
    """A vendor's answer, or its absence. `vendor`, `operation` and `words` say whose and what."""

    def __init__(
        self,
        message: str = "",
        fix: str = "",
        vendor: str = "",
        operation: str = "",
        words: str = "",
        status: int | None = None,
    ) -> None:
        super().__init__(message, fix)
        self.args = (message, fix, vendor, operation, words, status)
        self.vendor = vendor
        self.operation = operation
        self.words = words
        self.status = status


class TransientError(VendorError):
    """Wait and repeat: nothing was decided (a refused connection, a read without an answer, 5xx to a read)."""


class RateLimitedError(TransientError):
    """The vendor asks for a pause; nothing was done. `retry_after_s` is its wish in seconds, if it named one."""

    def __init__(
        self,
        message: str = "",
        fix: str = "",
        vendor: str = "",
        operation: str = "",
        words: str = "",
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, fix, vendor, operation, words, status)
        self.args = (message, fix, vendor, operation, words, status, retry_after_s)
        self.retry_after_s = retry_after_s


class LimitOverrunError(RateLimitedError):
    """The vendor said too often that we call too much, and blocks who goes on: nothing is sent until a person looked.

    `retry_after_s` says when calls go out again by themselves. Not worth repeating before.
    """


class RejectedError(VendorError):
    """The request itself is wrong (4xx): repeating it is useless. The vendor's words are kept."""


class NotFoundError(RejectedError):
    """The record is not there, and the vendor says so."""


class UnauthorizedError(VendorError):
    """The vendor refuses our credentials, also after one fresh token. The text names the secret to look at."""


class DisconnectedError(UnauthorizedError):
    """A person disconnected the vendor, or the connection is not finished: nothing was sent, and nothing may be.

    Like refused credentials it ends the pass. It is nobody's fault: the records stay where they are, and are skipped.
    """


class AmbiguousWriteError(VendorError):
    """A write whose answer was lost, or 5xx to a write: it may have happened. Only `once` may decide."""


class ContractError(VendorError):
    """The answer does not fit the contract. Names fields, never values."""


class UnresolvedError(TruckrollError):
    """`once` cannot tell whether the write happened, and the vendor offers no way to look: a person must."""

    def __init__(self, message: str = "", fix: str = "", key: str = "") -> None:
        super().__init__(message, fix)
        self.args = (message, fix, key)
        self.key = key


class BusyError(TruckrollError):
    """Another worker holds the lease on this record: give way, it is being done."""
