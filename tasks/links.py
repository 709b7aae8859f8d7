"""Signed links to the approval page: each is one person's, for one question, and dies with it.

A link carries the question, the person's name and the question's nonce, signed. Whoever holds it answers in that
person's name, so it is mailed to that person only and written to no log. Whether it still opens anything is for the
ledger to say: a question that is closed, expired or replaced has a link that does nothing. docs/adr/0011.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from itsdangerous import BadData, Signer, URLSafeTimedSerializer
from pydantic import ValidationError

from decisions.answers import same_name
from models.base import DomainModel
from models.errors import SettingsError
from models.settings import HouseSettings
from models.tables import ApprovalRow

SECRET_FILE = "link-secret"  # noqa: S105 - a file's name
PATH = "/approve/"

_SHORTEST_SECRET = 16
_HOW: dict[str, object] = {"key_derivation": "hmac", "digest_method": hashlib.sha256}


class Ticket(DomainModel):
    """What a link says: who may answer which question, and the nonce that question had."""

    approval_id: str
    name: str
    nonce: str

    def opens(self, question: ApprovalRow | None) -> bool:
        """Tell whether the link belongs to this question and a person who may answer it, whatever became of it."""
        if question is None or question.id != self.approval_id:
            return False
        is_named = not question.approvers or any(same_name(self.name, name) for name in question.approvers)
        return is_named and bool(question.nonce) and secrets.compare_digest(question.nonce, self.nonce)


@dataclass(frozen=True)
class Links:
    """Makes and reads links. `base` is the page's public address; empty makes none."""

    base: str
    secret: bytes = field(repr=False)

    def for_people(self, question: ApprovalRow, names: Iterable[str]) -> dict[str, str]:
        """Return each person's own link by name; nobody's when the house has no public address."""
        return {name: self.link(question, name) for name in names} if self.base else {}

    def link(self, question: ApprovalRow, name: str) -> str:
        """Return one person's link to a question."""
        return f"{self.base}{PATH}{self.token(question, name)}"

    def token(self, question: ApprovalRow, name: str) -> str:
        """Return what makes a link that person's."""
        return self._serializer.dumps([question.id, name, question.nonce])

    def read(self, token: str) -> Ticket | None:
        """Return what a link says; None when it was not made here, or was altered."""
        try:
            approval_id, name, nonce = self._serializer.loads(token)
            return Ticket(approval_id=approval_id, name=name, nonce=nonce)
        except (BadData, TypeError, ValueError, ValidationError):
            return None

    def form_nonce(self, token: str) -> str:
        """Return the proof that a form was filled in on the page of this very link."""
        return self._form_signer.get_signature(token).decode()

    def is_form_nonce(self, token: str, nonce: str) -> bool:
        """Tell whether a form came from the page of this link."""
        return self._form_signer.verify_signature(token, nonce)

    @property
    def _serializer(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.secret, salt="truckroll approval link", signer_kwargs=_HOW)

    @property
    def _form_signer(self) -> Signer:
        return Signer(self.secret, salt="truckroll approval form", key_derivation="hmac", digest_method=hashlib.sha256)


def open_links(settings: HouseSettings | None = None) -> Links:
    """Return this house's links. Raises SettingsError for an address or a secret that will not do."""
    used = settings or HouseSettings()
    base = public_address(used.public_url)
    return Links(base, _secret(used) if base else b"")


def page_links(settings: HouseSettings) -> Links:
    """Return the links as the page reads them: it needs the secret whether or not it knows its own address."""
    return Links(public_address(settings.public_url), _secret(settings))


def public_address(written: str) -> str:
    """Return the page's address without its last slash; empty stays empty. Raises SettingsError."""
    address = written.strip().rstrip("/")
    if not address:
        return ""
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        raise SettingsError(
            "TRUCKROLL_PUBLIC_URL is not the address of a page.",
            "Write where technicians reach the approval page, such as https://approve.example.com.",
        )
    return address


def _secret(settings: HouseSettings) -> bytes:
    given = settings.link_secret.get_secret_value().strip()
    if given:
        if len(given) < _SHORTEST_SECRET:
            raise SettingsError(
                f"TRUCKROLL_LINK_SECRET has fewer than {_SHORTEST_SECRET} characters: it could be guessed.",
                "Make one with `openssl rand -hex 32`.",
            )
        return given.encode()
    return _secret_file(settings.home.resolve() / SECRET_FILE)


def _secret_file(path: Path) -> bytes:
    """Return the home's own secret, made once: of two processes that make it at the same time, one wins."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        mine = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
        written = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(written, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
        with suppress(FileExistsError):
            os.link(mine, path)  # appears whole, or not at all
        mine.unlink()
    secret = path.read_text(encoding="ascii").strip().encode()
    if len(secret) < _SHORTEST_SECRET:
        raise SettingsError(
            f"{path} does not hold a secret.", "Delete it; a new one is made, and links mailed before are void."
        )
    return secret
