"""The referral side of the demo: customers get links, a friend signs up, is booked, and the job is won."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from deployments.demo.checks import Check
from deployments.demo.play import OVER, Play
from deployments.demo.stage import SHOP
from models.errors import TruckrollError

SYNC: Final = f"contact-sync/{SHOP}"
BOOKING: Final = f"booking-to-reward/{SHOP}"
CAMPAIGN: Final = 1001
REFERRER: Final = "harriet.colvin@example.com"
"""A customer of the sandbox's shop, whose link is used."""


@dataclass(frozen=True)
class Friend:
    """Somebody who uses the link."""

    first_name: str
    last_name: str
    email: str

    def form(self, code: str) -> dict[str, Any]:
        """Return the form as it is sent."""
        meta = {"Last Name": self.last_name}
        return {"first_name": self.first_name, "email": self.email, "meta": meta, "code": code}


WON: Final = Friend("Lena", "Marsh", "lena.marsh@example.com")
DISMISSED: Final = Friend("Otis", "Feld", "otis.feld@example.com")

_PATIENCE_S: Final = 120


@dataclass
class Referring:
    """What happens in the referral campaign while the parts are asked about."""

    play: Play
    run: str = ""
    """The latest run."""
    leads: dict[str, int] = field(default_factory=dict)
    """The leads' ids, by first name."""
    jobs: dict[str, str] = field(default_factory=dict)
    """Job numbers, by first name."""

    def start_sync(self) -> None:
        """Start a contact sync, without waiting for it."""
        self.run = self.play.runs.create(SYNC)

    def sign_up(self) -> None:
        """Wait for the customers' links; then two friends use one of them, and a pass over the sign-ups begins."""
        friend = self._run_until(SYNC, "the customers' referral links", self._referrer)
        for person in (WON, DISMISSED):
            made = self.play.sandbox.sign_up(person.form(friend["code"]))
            self.leads[person.first_name] = int(made["user"]["id"])
        self.run = self.play.runs.create(BOOKING)

    def answer(self) -> None:
        """Wait for the bookings; then the office takes one, does the job, and dismisses the other."""
        bookings = self._run_until(BOOKING, "the bookings of the two friends", self._bookings)
        made = self.play.sandbox.convert(bookings[self.leads[WON.first_name]]["id"])
        self.jobs[WON.first_name] = str(made["jobs"][0]["job_number"])
        self.play.sandbox.set_status(self.jobs[WON.first_name], "Completed")
        self.play.sandbox.dismiss(bookings[self.leads[DISMISSED.first_name]]["id"])
        self.run = self.play.runs.create(BOOKING)

    def win(self) -> None:
        """Wait until the lead whose job is done is qualified."""
        self._run_until(BOOKING, "the won lead", lambda: self._user(WON.email, "qualified_at"))

    def checks(self, state: dict[str, Any]) -> list[Check]:
        """Compare the sandbox's state with what happened."""
        program, titan = state["referral_factory"], state["servicetitan"]
        users = [user for user in program["users"] if user["campaign_id"] == CAMPAIGN]
        synced = [user for user in users if user["id"] not in self.leads.values()]
        qualified = [user["first_name"] for user in users if user["qualified_at"]]
        names = sorted(booking["name"] for booking in titan["bookings"])
        mails = [mail for mail in state["mailbox"] if mail.get("campaign_id") == CAMPAIGN]
        written_to = {str(one).casefold() for mail in mails for one in mail["to"]} - {REFERRER}
        to_synced = written_to & {user["email"].casefold() for user in synced}
        due = [one for one in program["due_rewards"] if one["recipient_id"] == self._user(REFERRER, "id", users)]
        return [
            Check(
                "links",
                "every synced customer has a link",
                bool(synced) and all(one["url"] for one in synced),
                f"{len(synced)} customers",
            ),
            Check("links", "no mail to a synced customer", not to_synced, f"{len(to_synced)} mails"),
            Check("leads", "one booking for each friend", names == ["Lena Marsh", "Otis Feld"], ", ".join(names)),
            Check(
                "leads", "only the friend whose job was done is qualified", qualified == ["Lena"], ", ".join(qualified)
            ),
            Check("leads", "one reward is due, to who referred", len(due) == 1, f"{len(due)} due"),
        ]

    def _referrer(self) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._user(REFERRER)
        return found

    def _bookings(self) -> dict[int, dict[str, Any]] | None:
        state = self.play.sandbox.state()
        codes = {user["code"]: user["id"] for user in state["referral_factory"]["users"]}
        made = {
            codes[one["externalId"]]: one for one in state["servicetitan"]["bookings"] if one["externalId"] in codes
        }
        return made if made.keys() >= set(self.leads.values()) else None

    def _user(self, email: str, value: str = "", users: list[dict[str, Any]] | None = None) -> Any:
        people = self.play.sandbox.state()["referral_factory"]["users"] if users is None else users
        found = [one for one in people if one["campaign_id"] == CAMPAIGN and one["email"].casefold() == email]
        return None if not found else found[0][value] if value else found[0]

    def _run_until(self, deployment: str, what: str, look: Callable[[], Any]) -> Any:
        """Wait until there is something; a pass that was left out because one was under way is started again."""

        def once() -> Any:
            kind, words = self.play.runs.state(self.run)
            if kind not in OVER:
                return None
            found = look()
            if found is None and kind in {"FAILED", "CRASHED"}:
                raise TruckrollError(f"{deployment} ended as {words}.", f"Logs: {self.play.logs}")
            if found is None:
                self.run = self.play.runs.create(deployment)
            return found

        return self.play.wait(what, _PATIENCE_S, once)
