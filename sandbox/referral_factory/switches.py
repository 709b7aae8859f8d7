"""Where nobody knows how Referral Factory behaves, or where it may behave badly: switched by people."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from sandbox.strict import PeopleBody


class Switches(PeopleBody):
    """The defaults are the strict reading of FACTS; `POST /_sandbox/referral-factory/switches` changes them."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    calls_per_minute: int | None = Field(600, ge=1)
    """More calls in any 60 seconds are answered 429; null: no limit, as a benchmark needs."""
    retry_after: bool = True
    """Whether a 429 says how long to wait."""
    overruns_allowed: int = Field(3, ge=0)
    """The next 429 after so many blocks the caller."""
    slow_every: int | None = Field(None, ge=1)
    """Every so many calls the answer comes `slow_s` late; the work is done at once."""
    slow_s: float = Field(25, ge=0, le=600)
    duplicate: Literal["same_200", "same_201", "refused_422", "updated_200"] = "same_200"
    """What creating an e-mail that the campaign has already comes to."""
    notify_default: Literal["silent", "sends"] = "silent"
    """What a create without `notify` does."""
    notify_ignored: bool = False
    """Mails go out by the campaign's toggles alone, even with `notify: false`."""
    refused_domains: list[str] = Field(default_factory=lambda: ["no-mx.example"])
    """Domains without MX record: 422."""
    unknown_labels: Literal["refused", "dropped"] = "refused"
    """What happens to a meta label the campaign does not have."""
    required_fields: bool = False
    """A create without the campaign's required extra fields is refused."""
    max_length: int | None = Field(None, ge=1)
    """Longer names and meta texts are refused; null: any length."""
    meta_update: Literal["replaces", "merges"] = "replaces"
    """Whether labels left out of a PUT are cleared."""
    plan_users: int | None = Field(None, ge=0)
    """The plan's users; a create beyond is 403."""
    qualify_referrer: Literal[422, 404] = 422
    reach_as: Literal["mixed", "number", "text"] = "mixed"
    error_items: Literal["objects", "strings"] = "objects"
    order: Literal["newest", "oldest"] = "newest"
    """Lists are numbered pages over this order, so rows shift while others write."""
    hooks_off: bool = False
    hooks_lost: bool = False
    """Hooks count as sent and never arrive."""
    hooks_twice: bool = False
    hooks_times: int = Field(1, ge=1, le=10)
    """How often a hook comes."""
    hooks_late_s: float = Field(0, ge=0)
    """Seconds, by the sandbox's clock, that a hook waits."""
    hooks_out_of_order: bool = False
    """A hook waits for the next one, which is sent before it; none within a second: it goes alone."""
