"""JSON as it travels: decimals exactly, vendor records in our spelling, unreadable answers by field name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Annotated, Any, Final, TypeVar

import msgspec
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    PlainSerializer,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from connectors.errors import Call, unreadable

_DECODER: Final = json.JSONDecoder(parse_float=Decimal)

MAX_FIELDS: Final = 5
"""Faulty fields an error names."""


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


UtcTime = Annotated[datetime, AfterValidator(_in_utc)]
"""An instant; without an offset it is UTC, as the vendors' documents promise."""


SentTime = Annotated[
    AwareDatetime,
    PlainSerializer(lambda moment: moment.astimezone(UTC).isoformat().replace("+00:00", "Z"), return_type=str),
]
"""An instant that we send: UTC with Z. Without an offset it is refused."""


class VendorModel(BaseModel):
    """A vendor's record: camelCase on the wire, frozen here, unknown fields ignored, null the same as absent.

    Its reader is built when it is first needed: a pass meets few of the vendors' records.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        coerce_numbers_to_str=True,
        defer_build=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        if isinstance(data, dict):
            return {name: value for name, value in data.items() if value is not None}
        return data


class RequestModel(BaseModel):
    """A body we send: a misspelt field is an error here, not at the vendor. Only what was set travels, never null."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid", defer_build=True
    )

    def wire(self) -> dict[str, Any]:
        """Return the body as the vendor spells it."""
        return self.model_dump(by_alias=True, exclude_unset=True, exclude_none=True)


_Record = TypeVar("_Record", bound=BaseModel)
_Rows = TypeVar("_Rows", bound=msgspec.Struct)


def parse(model: type[_Record], answer: Any, call: Call) -> _Record:
    """Read an answer into a record. Raises ContractError that names the faulty fields."""
    try:
        return model.model_validate(answer)
    except ValidationError as error:
        raise unreadable(call, faulty_fields(error)) from None


def parse_json(model: type[_Record], content: bytes, call: Call) -> _Record:
    """Read an answer into a record straight from its bytes. Raises ContractError as `parse` does."""
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        if any(fault["type"] != "json_invalid" for fault in error.errors(include_input=False, include_url=False)):
            raise unreadable(call, faulty_fields(error)) from None
    return parse(model, _decoded(content, call), call)


def parse_rows(model: type[_Rows], content: bytes, call: Call) -> _Rows:
    """Read an answer of thousands of rows straight from its bytes. Raises ContractError as `parse` does."""
    try:
        try:
            return msgspec.json.decode(content, type=model)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            return msgspec.convert(_decoded(content, call), model)
    except msgspec.ValidationError as error:
        raise unreadable(call, str(error)) from None  # names the field and two types, never a value


def _decoded(content: bytes, call: Call) -> Any:
    """Decode what pydantic and msgspec take for no JSON: half an emoji is some to Python's own reader."""
    try:
        return decode(content)
    except ValueError:
        raise unreadable(call, "the answer is not JSON") from None


def faulty_fields(error: ValidationError) -> str:
    """Name the fields that do not fit, and what is wrong with each; never a value."""
    faults = error.errors(include_input=False, include_context=False, include_url=False)
    named = [f"{'.'.join(str(step) for step in fault['loc']) or 'the answer'} ({fault['type']})" for fault in faults]
    more = f" and {len(named) - MAX_FIELDS} more" if len(named) > MAX_FIELDS else ""
    return ", ".join(named[:MAX_FIELDS]) + more


def decode(content: bytes) -> Any:
    """Decode JSON; numbers with a point become Decimal. Raises ValueError."""
    return _DECODER.decode(content.decode(json.detect_encoding(content), "surrogatepass"))


def encode(value: Any) -> bytes:
    """Encode JSON; a Decimal travels as the number it is, digit for digit. Raises TypeError for a float.

    Half an emoji, which no encoding takes, travels as a replacement character.
    """
    text = _text(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _text(value: Any) -> str:
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError("A number on the wire must be finite.")
        return format(value, "f")
    if isinstance(value, dict):
        return (
            "{"
            + ",".join(f"{encode_basestring_ascii(str(name))}:{_text(inner)}" for name, inner in value.items())
            + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ",".join(_text(inner) for inner in value) + "]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    raise TypeError(f"{type(value).__name__} does not travel as JSON; money and quantities are Decimal.")
