"""Reading a create. By hand, not by a model: it is the call a whole contact sync consists of. Same strictness."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from sandbox.errors import RefusedError

KNOWN = frozenset({"campaign_id", "first_name", "email", "notify", "referrer", "meta", "promotion"})
META_ITEM = frozenset({"field", "value"})
REFERRER_FIELDS = ("id", "code", "email")
EMAIL = re.compile(
    r"(?!.*\.\.)[^\s@.,;:<>()\[\]\"\\][^\s@,;:<>()\[\]\"\\]*(?<!\.)"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]"
)
NOT_AN_EMAIL = "The email must be a valid email address."

Errors = dict[str, list[str]]


@dataclass(slots=True)
class NewUser:
    """A create that is well formed. Source: openapi.yaml `UserCreate`."""

    campaign_id: int
    first_name: str
    email: str
    notify: bool | None = None
    referrer: tuple[str, str | int] | None = None
    meta: tuple[tuple[str, Any], ...] = ()
    promotion: bool = False


def read_new_user(raw: bytes) -> NewUser:
    """Return the body of `POST /users`.

    Raises: RefusedError 422, naming each field at fault.
    """
    try:
        sent = json.loads(raw)
    except ValueError:
        sent = None
    if not isinstance(sent, dict):
        raise refused({"body": ["The body must be a JSON object."]})
    errors: Errors = {}
    for name in sent.keys() - KNOWN:
        errors[name] = [f"The {name} field is unknown."]
    campaign_id: Any = sent.get("campaign_id")
    first_name: Any = sent.get("first_name")
    email: Any = sent.get("email")
    if type(campaign_id) is not int:
        errors["campaign_id"] = _wrong("campaign_id", campaign_id, "an integer")
    if type(first_name) is not str or not first_name.strip():
        errors["first_name"] = _wrong("first_name", first_name, "a string")
    if type(email) is not str or not EMAIL.fullmatch(email):
        errors["email"] = [NOT_AN_EMAIL] if email else _wrong("email", email, "a string")
    for name in ("notify", "promotion"):
        if name in sent and type(sent[name]) is not bool:
            errors[name] = [f"The {name} field must be true or false."]
    referrer = _referrer(sent["referrer"], errors) if "referrer" in sent else None
    meta = read_meta(sent["meta"], errors) if "meta" in sent else ()
    if errors:
        raise refused(errors)
    return NewUser(campaign_id, first_name, email, sent.get("notify"), referrer, meta, sent.get("promotion", False))


def read_meta(sent: Any, errors: Errors) -> tuple[tuple[str, Any], ...]:
    """Return labels and values; what is wrong goes into `errors`."""
    meta = []
    for one in sent if isinstance(sent, list) else [None]:
        if not isinstance(one, dict) or one.keys() != META_ITEM or type(one["field"]) is not str:
            errors["meta"] = ["The meta field must be a list of objects with field and value."]
        elif isinstance(one["value"], list | dict):
            errors["meta"] = ["A meta value must be a text, a number, true, false or null."]
        else:
            meta.append((one["field"], one["value"]))
    if len({label for label, _ in meta}) < len(meta):
        errors["meta"] = ["A meta label was sent twice."]
    return tuple(meta)


def refused(errors: Errors) -> RefusedError:
    """Return the refusal of fields."""
    return RefusedError(422, "Validation errors in your request", errors)


def _referrer(sent: Any, errors: Errors) -> tuple[str, str | int] | None:
    if isinstance(sent, dict) and sent.keys() == META_ITEM:
        field, value = sent["field"], sent["value"]
        if field in REFERRER_FIELDS and type(value) in {str, int}:
            return field, value
    errors["referrer"] = ["The referrer must be an object with field (id, code or email) and value."]
    return None


def _wrong(name: str, value: Any, what: str) -> list[str]:
    is_missing = value is None or (isinstance(value, str) and not value.strip())
    return [f"The {name} field is required." if is_missing else f"The {name} field must be {what}."]
