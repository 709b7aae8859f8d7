"""Reading what a client sent, as strictly as the contracts: no unknown field, no coerced type, nothing missing."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from fastapi import Path, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from sandbox.errors import RefusedError

Body = TypeVar("Body", bound=BaseModel)

Id = Annotated[int, Path(alias="id")]
"""The `{id}` of a path."""


class StrictBody(BaseModel):
    """A request body with camelCase fields: "3" is not a number, true is not one either, unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)

    def sent(self, name: str) -> bool:
        """Tell whether the client sent this field (python name), as PATCH needs to know."""
        return name in self.model_fields_set


class PeopleBody(BaseModel):
    """A body on the people's side (`/_sandbox`): snake_case, unknown fields refused, so that a typing error shows."""

    model_config = ConfigDict(extra="forbid")


async def read_body(model: type[Body], request: Request) -> Body:
    """Return the request's JSON body as `model`.

    Raises: RefusedError 400, naming each field at fault.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        raise RefusedError(400, "The body must be sent as application/json.", {"Content-Type": [kind or "missing"]})
    return _validated(model.model_validate_json, model, await request.body())


def read_query(model: type[Body], request: Request, ignore: frozenset[str] = frozenset()) -> Body:
    """Return the query string as `model`. Names in `ignore` belong to someone else (an app key).

    Raises: RefusedError 400 for an unknown or repeated name, or a value of the wrong form.
    """
    values: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in ignore:
            continue
        if name in values:
            raise RefusedError(400, "A query parameter was sent twice.", {name: ["sent more than once"]})
        values[name] = value
    return _validated(model.model_validate, model, values)


def _validated(validate: Any, model: type[Body], data: Any) -> Body:
    try:
        checked = validate(data)
    except ValidationError as wrong:
        errors: dict[str, list[str]] = {}
        for one in wrong.errors(include_url=False, include_context=False, include_input=False):
            errors.setdefault(".".join(str(step) for step in one["loc"]) or "body", []).append(one["msg"])
        raise RefusedError(400, "One or more validation errors occurred.", errors) from None
    assert isinstance(checked, model)
    return checked


def _whole_number(text: object) -> object:
    if isinstance(text, str) and not re.fullmatch(r"-?\d{1,19}", text):
        raise ValueError("not a whole number")
    return text


def _truth(text: object) -> object:
    if isinstance(text, str) and text.lower() not in {"true", "false"}:
        raise ValueError("neither true nor false")
    return text


def _moment(text: object) -> object:
    if not isinstance(text, str):
        return text
    if not re.match(r"\d{4}-\d\d-\d\d([T ]|$)", text):
        raise ValueError("not a date-time")
    # An unencoded "+" of an offset arrives as a blank; a time without an offset is read as UTC.
    moment = datetime.fromisoformat(re.sub(r" (\d\d:\d\d)$", r"+\1", text))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a number")  # noqa: TRY004 - pydantic reports a ValueError to the caller
    return Decimal(str(value))


def _query_number(text: object) -> object:
    if isinstance(text, str) and not re.fullmatch(r"-?\d{1,15}(\.\d+)?", text):
        raise ValueError("not a number")
    return text


def _whole_numbers(text: object) -> object:
    if not isinstance(text, str):
        return text
    numbers = [one.strip() for one in text.split(",") if one.strip()]
    if any(not re.fullmatch(r"\d{1,19}", one) for one in numbers):
        raise ValueError("not a comma-separated list of ids")
    return tuple(int(one) for one in numbers)


def _at_most_50(text: object) -> object:
    numbers = _whole_numbers(text)
    if isinstance(numbers, tuple) and len(numbers) > 50:
        raise ValueError("more than 50 ids")
    return numbers


Number = Annotated[Decimal, BeforeValidator(_number)]
"""A decimal that must be a JSON number in a body."""

QueryNumber = Annotated[Decimal, BeforeValidator(_query_number)]
QueryInt = Annotated[int, BeforeValidator(_whole_number)]
QueryBool = Annotated[bool, BeforeValidator(_truth)]
QueryTime = Annotated[datetime, BeforeValidator(_moment)]
QueryIdList = Annotated[tuple[int, ...], BeforeValidator(_whole_numbers)]
QueryIds = Annotated[tuple[int, ...], BeforeValidator(_at_most_50)]
"""A comma-separated list of at most 50 ids."""
