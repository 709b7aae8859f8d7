"""A season of three referral campaigns: who signs up, what the office does, and how all of it has to end.

Every person walks one of the paths below, in each campaign; what must come of it stands beside the path, by the
campaign's rule. The vendors' deliveries come or do not come: the end is the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from models.shop import Shop
from tests.flows.referral_run import LEADS, REFERRERS, Program, referral_shop
from tests.tasks.conftest import Counter

CAMPAIGNS = (1001, 1002, 1003)
BY_STATUS, BY_JOB, BY_HAND = CAMPAIGNS
REWARDED = BY_JOB
FANS = 9
"""Referrers who sign up by themselves, in each campaign."""
OF_EACH = 4
"""People on each path, in each campaign."""

Step = Callable[["Season", "Person"], Awaitable[None]]


@dataclass(frozen=True)
class Path:
    """What happens to a person's booking in the first and in the second half of the season, and what counts for it."""

    name: str
    first: tuple[Step, ...] = ()
    second: tuple[Step, ...] = ()
    is_job: bool = False
    is_completed: bool = False
    """A job of it is, or was."""
    is_existing: bool = False


@dataclass
class Person:
    """Somebody on a path."""

    path: Path
    campaign: int
    email: str
    user: Any = None
    jobs: list[str] = field(default_factory=list)

    @property
    def is_booked(self) -> bool:
        """Whether a booking has to be there: the third campaign books no existing customers."""
        return not (self.path.is_existing and self.campaign == BY_HAND)

    @property
    def is_won(self) -> bool:
        """Whether the campaign's rule has to qualify this lead."""
        if self.path.is_existing and self.campaign == BY_STATUS:
            return False
        return {BY_STATUS: self.path.is_completed, BY_JOB: self.path.is_job, BY_HAND: False}[self.campaign]


@dataclass
class Season:
    """The people, and the office."""

    counter: Counter
    of_each: int = OF_EACH
    leads: list[Person] = field(default_factory=list)
    fans: dict[int, list[Any]] = field(default_factory=dict)
    twins: list[Person] = field(default_factory=list)
    """Later sign-ups whose e-mail another campaign has already."""

    @property
    def program(self) -> Program:
        """The program's and the office's screens."""
        return Program(self.counter)

    async def open(self) -> None:
        """Build the campaigns, and enter the customers ServiceTitan knows."""
        tell = self.counter.tell
        await tell("/referral-factory/switches", calls_per_minute=None)
        await tell("/referral-factory/campaigns/1002", status="launched")
        await tell("/referral-factory/campaigns", id=1003, name="Third", status="launched")
        await tell(f"/referral-factory/campaigns/{REWARDED}", rewards=[{"metric": "amount", "total": "25"}])
        self.counter.use(season_shop())

    async def sign_up(self) -> None:
        """Let the fans come by the join link, and one friend on each path, several times over, by a fan's."""
        for campaign in CAMPAIGNS:
            self.fans[campaign] = [
                await self.program.referrer(f"fan{number}.{campaign}@example.com", campaign=campaign)
                for number in range(FANS)
            ]
        for number in range(self.of_each):
            for place, path in enumerate(PATHS):
                for campaign in CAMPAIGNS:
                    email = f"{path.name}{number}.{campaign}@example.com"
                    person = Person(path, campaign, email)
                    if path.is_existing:
                        await self._enter(number, email)
                    fan = self.fans[campaign][place % FANS]
                    person.user = await self.program.lead(fan["code"], email.replace("example", "Example"))
                    self.leads.append(person)
        first = next(one for one in self.leads if one.campaign == BY_STATUS)
        for campaign in (BY_JOB, BY_HAND):
            twin = Person(PATHS[0], campaign, first.email)
            twin.user = await self.program.lead(self.fans[campaign][0]["code"], first.email.upper())
            self.twins.append(twin)

    async def _enter(self, number: int, email: str) -> None:
        if number % 2:
            await self.program.customer(f"landlord.{email}", location=email)
        else:
            await self.program.customer(f" {email.upper()} ")

    async def act(self, half: str) -> None:
        """Let the office do what each path says; and what is nobody's referral, besides."""
        bookings = {one["externalId"]: one["id"] for one in await self.program.bookings()}
        for person in self.leads:
            steps: tuple[Step, ...] = getattr(person.path, half)
            for step in steps if person.user["code"] in bookings else ():
                person.user["booking"] = bookings[person.user["code"]]
                await step(self, person)
        if half == "first":
            for fan in self.fans[BY_STATUS]:
                made = await self.program.convert(bookings[fan["code"]])
                await self.program.status(made["jobs"][0]["job_number"], "Completed")
            stranger = self.leads[0]
            theirs = await self.counter.tell("/servicetitan/bookings", provider=5102, email=stranger.email)
            made = await self.program.convert(theirs["booking_ids"][0])
            await self.program.status(made["jobs"][0]["job_number"], "Completed")


def season_shop(*, provider: int = 77) -> Shop:
    """Return the shop: by status with referrers, by job with existing customers, by hand without any."""
    by_hand = {"qualify_when": "never", "job_status": "", "existing_contact": "nothing"}
    return referral_shop(
        {"id": BY_STATUS, "leads": LEADS, "referrers": REFERRERS},
        {"id": BY_JOB, "leads": {**LEADS, "qualify_when": "job", "qualify_existing": True}},
        {"id": BY_HAND, "leads": {**LEADS, **by_hand}},
        provider=provider,
    )


async def _accept(season: Season, person: Person) -> None:
    await season.counter.tell(f"/servicetitan/bookings/{person.user['booking']}/accept")


async def _dismiss(season: Season, person: Person) -> None:
    await season.counter.tell(f"/servicetitan/bookings/{person.user['booking']}/dismiss")


def _convert(jobs: int = 1) -> Step:
    async def step(season: Season, person: Person) -> None:
        made = await season.program.convert(person.user["booking"], jobs=jobs)
        person.jobs += [job["job_number"] for job in made["jobs"]]

    return step


def _status(*statuses: str) -> Step:
    async def step(season: Season, person: Person) -> None:
        await season.program.status(person.jobs[-1], *statuses)

    return step


async def _qualify_by_hand(season: Season, person: Person) -> None:
    await season.counter.tell(f"/referral-factory/users/{person.user['id']}/qualify")


async def _delete(season: Season, person: Person) -> None:
    await season.counter.tell(f"/referral-factory/users/{person.user['id']}/delete")


PATHS = (
    Path("unanswered"),
    Path("accepted", (_accept,)),
    Path("dismissed", (_dismiss,)),
    Path("regretted", (_dismiss,), (_convert(),), is_job=True),
    Path("job", (_convert(),), (_status("Dispatched", "InProgress"),), is_job=True),
    Path("done", (_accept, _convert()), (_status("Completed"),), is_job=True, is_completed=True),
    Path("done-at-once", (), (_convert(), _status("Completed")), is_job=True, is_completed=True),
    Path("in-a-row", (_convert(),), (_status("Dispatched", "InProgress", "Hold", "Completed"),), is_job=True,
         is_completed=True),
    Path("reopened", (_convert(), _status("Completed", "InProgress")), (), is_job=True, is_completed=True),
    Path("reopened-later", (_convert(), _status("Completed")), (_status("Hold"),), is_job=True, is_completed=True),
    Path("canceled", (_convert(),), (_status("Canceled"),), is_job=True),
    Path("several", (_convert(2),), (_convert(), _status("Completed")), is_job=True, is_completed=True),
    Path("known", (_convert(),), (_status("Completed"),), is_job=True, is_completed=True, is_existing=True),
    Path("by-hand", (_qualify_by_hand, _convert(), _status("Completed")), (), is_job=True, is_completed=True),
    Path("deleted", (_delete, _convert(), _status("Completed")), (), is_job=True, is_completed=True),
)  # fmt: skip
