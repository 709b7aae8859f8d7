"""The base of every domain type, and the small types they share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NewType

from pydantic import BaseModel, ConfigDict

JobRef = NewType("JobRef", str)
"""A job platform's own id of a job, opaque: ServiceTitan's int64 as text, `job_…` elsewhere. No arithmetic."""

RequestId = NewType("RequestId", str)
"""Our id of one diagnosed part on one job, such as `demo-48213-1`."""

ApprovalId = NewType("ApprovalId", str)
"""Our id of one question put to a technician, such as `demo-48213-1-r1`."""


class DomainModel(BaseModel):
    """Frozen, and strict about its fields: a misspelt one is an error, not a silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def utc_now() -> datetime:
    """Return the present as an aware UTC time. Rules never call this; they are given `now`."""
    return datetime.now(UTC)
