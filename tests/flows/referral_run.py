"""A referral campaign under Prefect against the sandbox: people sign up, the office answers, the flow runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flows.running import run_process
from models.report import RunReport
from models.shop import Shop, parse_shop
from models.tables import ReferredRow
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


def outcomes(report: RunReport) -> dict[str, str]:
    """Return how each record of a pass ended."""
    return {item.id: item.outcome for item in report.items}


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

    async def status(self, job_number: str, *statuses: str) -> None:
        """Change a job's status in ServiceTitan, once or several times in a row."""
        for status in statuses:
            await self.counter.tell(f"/servicetitan/jobs/{job_number}", status=status)

    async def booking_of(self, lead: Any) -> Any:
        """Return the one booking that stands for this person."""
        [found] = [one for one in await self.bookings() if one["externalId"] == lead["code"]]
        return found

    async def job_of(self, lead: Any, **more: Any) -> str:
        """Let the office book a job from the person's booking; returns its number."""
        made = await self.convert((await self.booking_of(lead))["id"], **more)
        return str(made["jobs"][-1]["job_number"])

    async def is_qualified(self, lead: Any) -> bool:
        """Tell whether the program shows the lead as qualified."""
        return (await self.user(lead["id"]))["qualified_at"] is not None

    async def count(self, call: str) -> int:
        """Return how often an operation was called, such as "PUT /referral-factory/api/v2/users/qualification"."""
        counts = (await self.counter.people.get("/_sandbox/counts")).json()
        return int(counts.get(call, 0))

    async def puts(self) -> int:
        """Return how often a qualification was sent."""
        return await self.count("PUT /referral-factory/api/v2/users/qualification")

    async def made(self) -> int:
        """Return how often a booking was asked for."""
        return await self.count("POST /servicetitan/crm/v2/tenant/{tenant}/booking-provider/{id}/bookings")

    async def customer(self, *emails: str, location: str = "", name: str = "Known Customer") -> int:
        """Enter a customer with these e-mails, and one at its location only; returns the id."""
        entered = await self.counter.tell(
            "/servicetitan/customers",
            name=name,
            contacts=[{"type": "Email", "value": email} for email in emails],
            locations=[{"street": "1 Other Rd", "city": "Hoover", "state": "AL", "zip": "35244"}],
        )
        if location:
            place = entered["location_ids"][0]
            await self.counter.tell(f"/servicetitan/locations/{place}/contacts", type="Email", value=location)
        return int(entered["customer_id"])

    async def held(self) -> dict[str, str]:
        """Return what is held of this process, and why."""
        rows = await self.counter.books.held.list("demo", process="booking-to-reward")
        return {row.record: row.reason for row in rows}

    async def row(self, lead: Any) -> ReferredRow:
        """Return what our books have of a person."""
        found = await self.counter.books.referred.get("demo", lead["id"])
        assert found is not None
        return found
