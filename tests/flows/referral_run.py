"""A referral campaign under Prefect against the sandbox: people sign up, the office answers, the flow runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flows.running import run_process
from models.report import RunReport
from models.shop import Shop, parse_shop
from tests.tasks.conftest import ADDRESS, GUID, Counter

PROVIDER = 77
LEADS = {
    "enabled": True,
    "qualify_when": "job_status",
    "job_status": "Completed",
    "map": {
        "source": "campaign.name",
        "name": "lead.full_name",
        "email": "lead.email",
        "summary": "Referral",
        "external_id": "lead.code",
    },
    "defaults": {"is_first_time_client": "derive"},
}
REFERRERS = {
    "enabled": True,
    "map": {
        "source": "campaign.name",
        "name": "referrer.full_name",
        "email": "referrer.email",
        "summary": "New referrer",
        "external_id": "referrer.code",
    },
    "defaults": {"is_first_time_client": "derive"},
}


def referral_shop(*campaigns: dict[str, Any], provider: int = PROVIDER) -> Shop:
    """Return the demo shop with these campaigns, and nothing else."""
    return parse_shop(
        {
            "name": "demo",
            "timezone": "America/Chicago",
            "servicetitan": {
                "api_url": f"{ADDRESS}/servicetitan",
                "auth_url": f"{ADDRESS}/servicetitan/connect/token",
                "tenant_id": 1234567,
                "app_key": "sandbox-app-key",
                "client_id": "sandbox-client",
                "client_secret": "sandbox-secret",
                "external_data_guid": GUID,
                "booking_provider": provider,
            },
            "referral_factory": {
                "api_url": f"{ADDRESS}/referral-factory/api/v2",
                "api_token": "sandbox-rf-token",
                "campaigns": list(campaigns),
            },
        },
        "demo.toml",
    )


def a_campaign(
    number: int = 1001, *, leads: dict[str, Any] | None = None, referrers: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return a campaign whose leads are booked and qualify when their job is completed, with changes."""
    return {"id": number, "leads": {**LEADS, **(leads or {})}, "referrers": referrers or {}}


async def run() -> RunReport:
    """Run one pass."""
    return await run_process("booking-to-reward", "demo")


@dataclass
class Program:
    """People of the referral program, and the office that answers their bookings."""

    counter: Counter

    async def referrer(self, email: str, *, campaign: int = 1001, **more: Any) -> Any:
        """Let somebody sign up through the campaign's join link; returns the user."""
        body = {"first_name": "Robin", "campaign_id": campaign, "email": email, **more}
        return (await self.counter.tell("/referral-factory/sign-up", **body))["user"]

    async def lead(self, code: str, email: str, **more: Any) -> Any:
        """Let somebody sign up through a friend's link; returns the user."""
        body = {"first_name": "Lee", "code": code, "email": email, **more}
        return (await self.counter.tell("/referral-factory/sign-up", **body))["user"]

    async def user(self, user_id: int) -> Any:
        """Return one user, in short."""
        users = (await self.counter.people.get("/_sandbox/referral-factory/users")).json()["users"]
        return next(one for one in users if one["id"] == user_id)

    async def bookings(self) -> list[Any]:
        """Return the bookings there are in ServiceTitan, by id."""
        state = (await self.counter.state())["servicetitan"]["bookings"]
        return sorted(state.values() if isinstance(state, dict) else state, key=lambda one: one["id"])

    async def convert(self, booking: int, **more: Any) -> Any:
        """Let the office book the job."""
        return await self.counter.tell(f"/servicetitan/bookings/{booking}/convert", **more)

    async def status(self, job_number: str, status: str) -> None:
        """Change a job's status in ServiceTitan."""
        await self.counter.tell(f"/servicetitan/jobs/{job_number}", status=status)
