"""What differs from tenant to tenant, or where nobody knows how ServiceTitan behaves: switched by people."""

from __future__ import annotations

from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import ConfigDict, Field, field_validator

from sandbox.strict import PeopleBody


class Switches(PeopleBody):
    """The defaults are the reading of FACTS; `POST /_sandbox/servicetitan/switches` changes them."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    contacts_forbidden: bool = False
    """The new contact model (`/contacts...`) answers 403."""
    hidden_contacts: bool | list[int] = False
    """Classic contacts that the new contact model does not show: all, or these ids."""
    unique_codes: bool = False
    """A second pricebook item with a code in use is refused."""
    windows_required: bool = False
    """A job without arrival windows is refused."""
    window_configuration: Literal["StartTimeOfArrivalWindow", "EndTimeOfArrivalWindow"] = "StartTimeOfArrivalWindow"
    window_duration: Literal["length", "end"] = "length"
    """Whether an arrival window's `duration` tells its length or its end [spec: contradictory]."""
    customer_fields: Literal["replace", "merge"] = "replace"
    """What `customFields` of a customer's PATCH does to fields it does not name [spec: not stated]."""
    timezone: str = "America/Chicago"
    """Where the shop's arrival windows are meant."""
    feed_page_size: int = Field(100, ge=1, le=5000)
    feed_lag_s: float = Field(900, ge=0)
    """How late the export feeds show a change, unless includeRecentChanges is sent."""
    wrong_provider: Literal[400, 403, 404] = 400
    """How a booking provider that is not there, or not active, is refused [inferred]."""
    hooks_off: bool = False
    hooks_lost: bool = False
    """Webhooks count as sent and never arrive."""
    hooks_times: int = Field(1, ge=1, le=10)
    """How often a webhook comes."""
    hooks_late_s: float = Field(0, ge=0)
    """Seconds, by the sandbox's clock, that a webhook waits."""
    hooks_out_of_order: bool = False
    """A webhook waits for the next one, which is sent before it; none within a second: it goes alone."""
    hooks_wrong_signature: bool = False

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("not a time zone")
        return name

    @property
    def zone(self) -> ZoneInfo:
        """Return the shop's time zone."""
        return ZoneInfo(self.timezone)
