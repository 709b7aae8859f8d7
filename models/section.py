"""What every section of a shop file is made of: secrets by reference, time spans and shares as people write them."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from models.errors import SettingsError

_ENV = re.compile(r"^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$")
_SPAN = re.compile(r"^(\d+)\s*([smhd])$")
_SPAN_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Secret:
    """A secret by reference: `${NAME}`. Its value is read from the environment when used, and never shown."""

    def __init__(self, written: str, where: str = "") -> None:
        """`written` is what stands in the shop file; `where` is the setting, for messages."""
        self._written = written
        self.where = where

    @property
    def variable(self) -> str:
        """The name of the environment variable, or empty when the value stands in the file."""
        found = _ENV.match(self._written)
        return found.group(1) if found else ""

    def reveal(self) -> str:
        """Return the value. Raises SettingsError naming the variable that is not set."""
        if not self.variable:
            return self._written
        value = os.environ.get(self.variable, "")
        if not value:
            raise SettingsError(
                f"{self.where or 'A secret'} refers to ${{{self.variable}}}, which is not set in the environment.",
                f"Set {self.variable} for the process that runs Truckroll.",
            )
        return value

    def __repr__(self) -> str:
        """Never the value."""
        return f"Secret({self._written if self.variable else '***'})"

    def __eq__(self, other: object) -> bool:
        """Two references are equal when they are written alike."""
        return isinstance(other, Secret) and other._written == self._written

    def __hash__(self) -> int:
        """By the writing."""
        return hash(self._written)


def _secret(value: Any) -> Any:
    return Secret(value) if isinstance(value, str) else value


def _span(value: Any) -> Any:
    if isinstance(value, str):
        found = _SPAN.match(value.strip())
        if not found:
            raise ValueError('write a time span as a whole number and s, m, h or d, such as "72h"')
        return timedelta(**{_SPAN_UNITS[found.group(2)]: int(found.group(1))})
    return value


def _percent(value: Any) -> Any:
    if isinstance(value, str):
        found = re.match(r"^(\d+(?:\.\d+)?)\s*%$", value.strip())
        if not found:
            raise ValueError('write a percentage such as "5%"')
        return Decimal(found.group(1)) / 100
    return value


SecretText = Annotated[Secret, BeforeValidator(_secret), PlainSerializer(repr, return_type=str)]
Span = Annotated[timedelta, BeforeValidator(_span)]
Share = Annotated[Decimal, BeforeValidator(_percent)]
"""A share of 1: 0.05 for "5%"."""


class Section(BaseModel):
    """A part of the shop file. An unknown name in it is an error, with the nearest known one."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)
