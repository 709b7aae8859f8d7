"""The sandbox's control side, as the demo uses it: what people do at the vendors, and what is there in the end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx


class SandboxApi:
    """A client of `/_sandbox`."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/_sandbox", timeout=20, trust_env=False)

    def set_stock(self, number: str, stock: dict[str, int]) -> None:
        """Set a part's stock by branch."""
        self._post(f"/marcone/parts/{number}", {"stock": stock})

    def diagnose(self, job: str, part_number: str, quantity: int) -> None:
        """Let the technician put a sold estimate with the part on the job."""
        self._post(f"/servicetitan/jobs/{job}/diagnose", {"part_number": part_number, "quantity": quantity})

    def sell(self, words: dict[str, Any]) -> dict[str, Any]:
        """Let somebody buy in the store; return the order."""
        return self._post("/contractor-commerce/orders", words)

    def complete(self, order_id: str) -> None:
        """Let the store complete an order."""
        self._post(f"/contractor-commerce/orders/{order_id}/complete", {})

    def cancel(self, order_id: str) -> None:
        """Let the buyer cancel an order; the store gives the money back."""
        self._post(f"/contractor-commerce/orders/{order_id}/cancel", {})

    def sign_up(self, words: dict[str, Any]) -> dict[str, Any]:
        """Let somebody sign up in the referral program; return the user, and whether it is new."""
        return self._post("/referral-factory/sign-up", words)

    def convert(self, booking_id: int) -> dict[str, Any]:
        """Let the office book a job from a booking; return its customer and its jobs."""
        return self._post(f"/servicetitan/bookings/{booking_id}/convert", {})

    def dismiss(self, booking_id: int) -> None:
        """Let the office turn a booking down."""
        self._post(f"/servicetitan/bookings/{booking_id}/dismiss", {})

    def set_status(self, job_number: str, status: str) -> None:
        """Change a job's status in ServiceTitan."""
        self._post(f"/servicetitan/jobs/{job_number}", {"status": status})

    def now(self) -> str:
        """Return the sandbox's present, UTC."""
        return str(self._http.get("/clock").raise_for_status().json()["now"])

    def advance(self, length: timedelta) -> None:
        """Move the sandbox's clock on."""
        self._post("/clock/advance", {"seconds": max(length.total_seconds(), 0)})

    def state(self) -> dict[str, Any]:
        """Return everything that is in the vendors' systems, and the mails."""
        reply = self._http.get("/state").raise_for_status()
        state: dict[str, Any] = reply.json()
        return state

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = self._http.post(path, json=body).raise_for_status().json()
        return made
