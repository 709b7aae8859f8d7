"""Links written into ServiceTitan: the customer custom fields, what a customer has in them, and what is to be done."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldKind:
    """A custom field that customers can have."""

    id: int
    name: str
    data_type: str = ""
    """Text, Dropdown or Numeric; empty where the tenant does not say."""


@dataclass(frozen=True, slots=True)
class FieldsOfCustomer:
    """A customer's custom fields, as just read."""

    customer: int
    is_active: bool = True
    merged_into: int | None = None
    fields: tuple[tuple[int, str], ...] = ()
    """Kind and value of each; an empty value is none."""


@dataclass(frozen=True, slots=True)
class WriteLink:
    """Write the link: the customer's full list of fields, with the link in its place."""

    customer: int
    url: str
    fields: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class LinkIsThere:
    """The field has this very link: an earlier write whose answer was lost, or a person typed it."""

    customer: int
    url: str


@dataclass(frozen=True, slots=True)
class NotWritten:
    """The link is not in the field, and why. `why` names no personal data: it is listed and logged."""

    customer: int
    why: str
    refused: str = ""
    """The link ServiceTitan refused: it is not sent again until somebody says so. Empty: the next pass looks anew."""


WriteDecision = WriteLink | LinkIsThere | NotWritten


@dataclass(frozen=True, slots=True)
class UnwrittenLink:
    """A customer whose link is not in its custom field, and why."""

    customer: int
    why: str
