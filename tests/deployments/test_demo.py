"""The demo's shop file and its final checks: they hold for a right end, and name every wrong one."""

from __future__ import annotations

import copy
import os
from decimal import Decimal
from typing import Any

import pytest

from deployments.demo.checks import check_all
from deployments.demo.play import DIAGNOSES
from deployments.demo.stage import set_stage
from models.address import Address
from models.approval import OrderTerms
from models.tables import ApprovalRow
from sandbox.servicetitan.seed import CANCEL_REASONS

CUSTOMERS = {"48213": 1, "48214": 2, "48215": 3}


def test_the_demo_has_a_valid_shop_and_keeps_its_secrets_to_itself() -> None:
    os.environ["TRUCKROLL_DATABASE_URL"] = "postgresql+psycopg://somebody@example.com/real"
    stage = set_stage(say=lambda _words: None)
    shop = stage.shop()
    assert shop.name == "demo"
    assert shop.need_servicetitan().api_url == f"{stage.sandbox_url}/servicetitan"
    assert shop.need_marcone().api_url == f"{stage.sandbox_url}/marcone"
    assert shop.messages.smtp_url == f"mailto://127.0.0.1:{stage.smtp_port}"
    written = (stage.shops / "demo.toml").read_text(encoding="utf-8")
    assert shop.need_servicetitan().client_secret.variable in stage.secrets
    assert shop.need_marcone().client_secret.variable in stage.secrets
    store = shop.need_contractor_commerce()
    assert {store.api_token.variable, store.webhook_secret.variable} <= set(stage.secrets)
    assert store.cancel_reason in CANCEL_REASONS
    assert not any(secret in written for secret in stage.secrets.values())
    assert not any(name in os.environ for name in stage.secrets)
    assert "TRUCKROLL_DATABASE_URL" not in os.environ


def test_a_second_demo_starts_clean_but_keeps_screenshots() -> None:
    before = os.environ["TRUCKROLL_HOME"]
    stage = set_stage(say=lambda _words: None)
    (stage.home.root / "truckroll.db").write_text("old", encoding="utf-8")
    (stage.home.root / "screenshots").mkdir()
    os.environ["TRUCKROLL_HOME"] = before
    again = set_stage(say=lambda _words: None)
    assert again.home == stage.home
    assert not (again.home.root / "truckroll.db").exists()
    assert (again.home.root / "screenshots").is_dir()


def answered() -> list[ApprovalRow]:
    return [
        ApprovalRow(
            id=f"demo-{one.job}-1-r1",
            shop="demo",
            request_id=f"demo-{one.job}-1",
            revision=1,
            job=one.job,
            job_number=one.job,
            status="consumed",
            nonce="n",
            po_number=f"{one.job}-1",
            terms=OrderTerms(
                make="WPL",
                part_number=one.ordered,
                quantity=1,
                unit_price=Decimal("41.20"),
                price_ceiling=Decimal("43.26"),
                branch="602",
                ship_to=Address(street="1 Oak", city="Birmingham", state="AL", zip="35209"),
                ship_method="FedEx Ground",
            ).model_dump(mode="json"),
        )
        for one in DIAGNOSES
    ]


def right_end() -> dict[str, Any]:
    return {
        "marcone": {
            "orders": [
                {
                    "po_number": f"{one.job}-1",
                    "warehouse": "602",
                    "lines": [{"quantity": 1, "part_number": one.ordered}],
                }
                for one in DIAGNOSES
            ]
        },
        "servicetitan": {
            "jobs": [
                {
                    "jobNumber": one.job,
                    "customerId": CUSTOMERS[one.job],
                    "customFields": [
                        {"name": "Part status", "value": "shipped"},
                        {"name": "Part ETA", "value": "2026-10-03 (Marcone)"},
                    ],
                    "history": [{"eventType": "Job Booked"}, {"eventType": "Job On Hold"}],
                    "hold_reason": "Waiting for parts",
                    "notes": [
                        {"text": f"Words.\n[truckroll demo-{one.job}-1 {event} x]"}
                        for event in ("asked", "ordered", "shipped")
                    ],
                }
                for one in DIAGNOSES
            ],
            "contacts": [
                {"customerId": number, "type": "Email", "value": f"c{number}@example.com"}
                for number in CUSTOMERS.values()
            ],
        },
        "mailbox": [
            {"to": [f"c{number}@example.com"], "subject": f"{subject} (job {job})"}
            for job, number in CUSTOMERS.items()
            for subject in ("Your part is ordered", "Your part is on its way")
        ],
    }


def test_a_right_end_passes() -> None:
    assert [check for check in check_all(right_end(), answered()) if not check.ok] == []


def second_order(state: dict[str, Any]) -> None:
    state["marcone"]["orders"].append(copy.deepcopy(state["marcone"]["orders"][0]))


def wrong_branch(state: dict[str, Any]) -> None:
    state["marcone"]["orders"][0]["warehouse"] = "901"


def wrong_quantity(state: dict[str, Any]) -> None:
    state["marcone"]["orders"][0]["lines"][0]["quantity"] = 2


def no_order(state: dict[str, Any]) -> None:
    del state["marcone"]["orders"][0]


def held_twice(state: dict[str, Any]) -> None:
    state["servicetitan"]["jobs"][0]["history"].append({"eventType": "Job On Hold"})


def noted_twice(state: dict[str, Any]) -> None:
    state["servicetitan"]["jobs"][0]["notes"].append(state["servicetitan"]["jobs"][0]["notes"][0])


def fields_empty(state: dict[str, Any]) -> None:
    state["servicetitan"]["jobs"][0]["customFields"] = []


def mailed_twice(state: dict[str, Any]) -> None:
    state["mailbox"].append(state["mailbox"][0])


def not_mailed(state: dict[str, Any]) -> None:
    del state["mailbox"][0]


@pytest.mark.parametrize(
    "spoil",
    [
        second_order,
        wrong_branch,
        wrong_quantity,
        no_order,
        held_twice,
        noted_twice,
        fields_empty,
        mailed_twice,
        not_mailed,
    ],
    ids=lambda spoil: spoil.__name__.replace("_", " "),
)
def test_a_wrong_end_is_named(spoil: Any) -> None:
    state = right_end()
    spoil(state)
    wrong = [check for check in check_all(state, answered()) if not check.ok]
    assert wrong
    assert {check.record for check in wrong} <= {"48213", "all"}


def test_a_question_nobody_answered_is_named() -> None:
    rows = answered()[1:]
    assert any(check.record == "48213" and not check.ok for check in check_all(right_end(), rows))
