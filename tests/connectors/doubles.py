"""A small ServiceTitan with memory, behind respx; and orders and answers the tests share."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import respx

from models.address import Address
from models.approval import Approval, OrderTerms
from models.base import ApprovalId, JobRef, RequestId
from models.job import Board, BoardLine
from models.order import PurchaseOrder

ST = "http://st.test/servicetitan"
ST_TOKEN = "http://st.test/servicetitan/connect/token"
CC = "http://store.test/contractor-commerce"
RF = "http://referrals.test/referral-factory/api/v2"
MARCONE = "http://marcone.test/marcone"
GUID = "6f0c2f0e-9d1b-4c57-8c39-0b8f8a3f7d11"
SECRETS = {
    "ST_APP_KEY": "ak-5ecret-app-key",
    "ST_CLIENT_ID": "cid-5ecret-servicetitan",
    "ST_CLIENT_SECRET": "cs-5ecret-servicetitan",
    "CC_TOKEN": "tok-5ecret-contractor-commerce",
    "CC_WEBHOOK_SECRET": "hook-5ecret-contractor-commerce",
    "CC_PATH_TOKEN": "path-5ecret-contractor-commerce",
    "RF_TOKEN": "tok-5ecret-referral-factory",
    "MARCONE_CLIENT_ID": "cid-5ecret-marcone",
    "MARCONE_CLIENT_SECRET": "cs-5ecret-marcone",
}
NOW = "2026-09-01T10:00:00Z"
HOME = Address(name="Robin Sample", street="12 Elm St", unit="4", city="Birmingham", state="AL", zip="35203")


def page(*rows: dict[str, Any], has_more: bool = False) -> dict[str, Any]:
    return {"page": 1, "pageSize": 200, "hasMore": has_more, "totalCount": None, "data": list(rows)}


def job_row(**changes: Any) -> dict[str, Any]:
    return {
        "id": 48213,
        "jobNumber": "48213",
        "customerId": 11,
        "locationId": 12,
        "jobStatus": "Scheduled",
        "notificationsEnabled": True,
        "modifiedOn": NOW,
        "customFields": [],
        "externalData": [],
        **changes,
    }


def visit_row(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "jobId": 48213,
        "start": NOW,
        "status": "Scheduled",
        "specialInstructions": None,
        "active": True,
        **changes,
    }


def board(**changes: Any) -> Board:
    line = BoardLine(request_id="demo-48213-1", part_number="WPW10348269", status="awaiting approval")
    given: dict[str, Any] = {
        "job": JobRef("48213"),
        "revision": 3,
        "lines": (line,),
        "status": "awaiting approval",
        "eta": "no date yet",
        **changes,
    }
    return Board(**given)


def purchase_order(**changes: Any) -> PurchaseOrder:
    terms = OrderTerms(
        **{
            "make": "WPL",
            "part_number": "WPW10348269",
            "quantity": 2,
            "unit_price": Decimal("41.07"),
            "price_ceiling": Decimal("43.12"),
            "branch": "601",
            "ship_to": HOME,
            "ship_method": "FedEx Ground",
            **changes,
        }
    )
    approval = Approval(
        approval_id=ApprovalId("demo-48213-1-r1"),
        request_id=RequestId("demo-48213-1"),
        revision=1,
        terms=terms,
        digest=terms.digest(),
        po_number="TR-48213-1",
        decided_by="Sam",
        decided_at=datetime(2026, 9, 1, 10, tzinfo=UTC),
    )
    return PurchaseOrder(po_number="TR-48213-1", reference="48213", terms=terms, approval=approval)


FIELD_TYPES = (
    {"id": 1, "name": "Part status", "dataType": "Text"},
    {"id": 2, "name": "Part ETA", "dataType": "Text"},
    {"id": 9, "name": "Gate code", "dataType": "Text"},
)

Failure = Callable[[httpx.Request], httpx.Response]


@dataclass
class Tenant:
    """One job with memory. `losing` names writes that happen and whose answer is then lost."""

    router: respx.MockRouter
    job: dict[str, Any] = field(default_factory=job_row)
    types: list[dict[str, Any]] = field(default_factory=lambda: [dict(one) for one in FIELD_TYPES])
    reasons: list[dict[str, Any]] = field(
        default_factory=lambda: [{"id": 70, "name": "Waiting for parts", "active": True}]
    )
    external: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    holds: list[dict[str, Any]] = field(default_factory=list)
    visits: list[dict[str, Any]] = field(default_factory=lambda: [visit_row(501)])
    patches: list[dict[str, Any]] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    losing: set[str] = field(default_factory=set)
    refusing: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        base = f"{ST}/jpm/v2/tenant/7"
        route = self.router.route
        route(method="GET", url=f"{base}/jobs/48213").mock(
            side_effect=lambda _: httpx.Response(200, json=self._shown())
        )
        route(method="PATCH", url=f"{base}/jobs/48213").mock(side_effect=self._patch)
        route(method="GET", url=f"{base}/jobs/custom-fields").mock(
            side_effect=lambda _: httpx.Response(200, json=page(*self.types))
        )
        route(method="GET", url=f"{base}/job-hold-reasons").mock(
            side_effect=lambda _: httpx.Response(200, json=page(*self.reasons))
        )
        route(method="GET", url=f"{base}/jobs/48213/notes").mock(
            side_effect=lambda _: httpx.Response(
                200, json=page(*({"text": text, "createdOn": NOW} for text in self.notes))
            )
        )
        route(method="POST", url=f"{base}/jobs/48213/notes").mock(side_effect=self._note)
        route(method="PUT", url=f"{base}/jobs/48213/hold").mock(side_effect=self._hold)
        route(method="GET", url=f"{base}/appointments").mock(
            side_effect=lambda _: httpx.Response(200, json=page(*self.visits))
        )
        route(method="DELETE", url__regex=rf"{base}/appointments/(?P<number>\d+)/hold").mock(side_effect=self._unhold)
        route(method="PUT", url__regex=rf"{base}/appointments/(?P<number>\d+)/special-instructions").mock(
            side_effect=self._instruct
        )

    def _shown(self) -> dict[str, Any]:
        return {**self.job, "externalData": [{"key": key, "value": value} for key, value in self.external.items()]}

    def _end(self, what: str, answer: httpx.Response) -> httpx.Response:
        self.writes.append(what)
        if what in self.losing:
            self.losing.discard(what)
            raise httpx.ReadTimeout("lost")
        return answer

    def _refused(self, what: str) -> httpx.Response | None:
        if what not in self.refusing:
            return None
        return httpx.Response(
            400,
            json={"type": "x", "title": self.refusing[what], "status": 400, "traceId": "t1", "errors": {}, "data": {}},
        )

    def _patch(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.patches.append(body)
        refused = self._refused("fields") if "customFields" in body else None
        if refused:
            return refused
        if "customFields" in body:  # the full list: what is left out is removed
            names = {one["id"]: one["name"] for one in self.types}
            self.job["customFields"] = [{**one, "name": names.get(one["typeId"], "?")} for one in body["customFields"]]
        external = body.get("externalData")
        if external:
            if external.get("patchMode", "Replace") == "Replace":
                self.external.clear()
            self.external.update({one["key"]: one["value"] for one in external["externalData"]})
        return self._end("patch", httpx.Response(200, json=self._shown()))

    def _note(self, request: httpx.Request) -> httpx.Response:
        refused = self._refused("note")
        if refused:
            return refused
        self.notes.append(json.loads(request.content)["text"])
        return self._end("note", httpx.Response(200, json={"text": self.notes[-1], "isPinned": False}))

    def _hold(self, request: httpx.Request) -> httpx.Response:
        refused = self._refused("hold")
        if refused:
            return refused
        self.holds.append(json.loads(request.content))
        self.job["jobStatus"] = "Hold"
        return self._end("hold", httpx.Response(200))

    def _unhold(self, request: httpx.Request, number: str) -> httpx.Response:
        visit = next(one for one in self.visits if one["id"] == int(number))
        if visit["status"] != "Hold" or "conflict" in self.refusing:
            return httpx.Response(409, json={"title": "Appointment is not on hold", "status": 409})
        visit["status"] = "Scheduled"
        return self._end("unhold", httpx.Response(200))

    def _instruct(self, request: httpx.Request, number: str) -> httpx.Response:
        visit = next(one for one in self.visits if one["id"] == int(number))
        visit["specialInstructions"] = json.loads(request.content)["specialInstructions"]
        return self._end("visit", httpx.Response(200, json=visit))
