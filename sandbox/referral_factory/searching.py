"""The conditions of a search. Source: openapi.yaml `SearchRequest`; only "=" is observed, so nothing else passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from sandbox.referral_factory.new_user import refused
from sandbox.strict import read_body

Fields = dict[str, Callable[[Any], Any]]


class Condition(BaseModel):
    """Source: openapi.yaml `FilterCondition`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    field: str
    value: str | int | float | bool
    operator: Literal["="]


class Group(BaseModel):
    """Source: openapi.yaml `FilterGroup`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    operator: Literal["AND", "OR"]
    value: list[Condition] = Field(min_length=1)


class SearchBody(BaseModel):
    """Source: openapi.yaml `SearchRequest`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    filters: Group | None = None


async def read_search(request: Request, fields: Fields) -> Group | None:
    """Return the conditions; None: everything.

    Raises: RefusedError 422, also for a field that cannot be searched by.
    """
    filters = (await read_body(SearchBody, request)).filters
    for one in filters.value if filters else ():
        if one.field not in fields:
            raise refused({"filters": [f"Cannot filter by {one.field}."]})
    return filters


def fits(filters: Group | None, fields: Fields, record: Any) -> bool:
    """Tell whether the record passes."""
    if filters is None:
        return True
    results = (same(fields[one.field](record), one.value) for one in filters.value)
    return all(results) if filters.operator == "AND" else any(results)


def same(kept: Any, wanted: Any) -> bool:
    """Compare a record's value with a condition's: a number may be written as a text, and case does not matter."""
    return kept is not None and str(kept).casefold() == str(wanted).casefold()
