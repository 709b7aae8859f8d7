"""The command line: what it prints for programs, what it says to people, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from deployments.cli import app
from deployments.home import Home
from models.approval import ApprovalStatus
from models.settings import HouseSettings
from store import Books
from tests.deployments.conftest import Filled

APPROVAL_KEYS = {
    "id",
    "shop",
    "job",
    "part_number",
    "make",
    "description",
    "quantity",
    "unit_price",
    "branch",
    "ship_to_zip",
    "status",
    "asked_at",
    "expires_at",
    "question",
}
HELD_KEYS = {"id", "shop", "process", "record", "reason", "fix", "since"}
RUN_KEYS = {"process", "shop", "done", "held", "skipped", "failed", "seconds", "items"}


def say(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def read(result: Result) -> dict[str, Any]:
    """Read the last line of stdout: the one object."""
    read: dict[str, Any] = json.loads(result.stdout.strip().splitlines()[-1])
    return read


def status_of(question: str) -> str:
    async def look() -> str:
        with Books.open(HouseSettings().database) as books:
            row = await books.approvals.get(question)
            assert row is not None
            return row.status

    return asyncio.run(look())


def test_an_open_question_is_listed_with_its_terms(filled: Filled) -> None:
    result = say("approvals", "list", "--json")
    (listed,) = read(result)["approvals"]
    assert result.exit_code == 0
    assert set(listed) >= APPROVAL_KEYS
    assert listed["id"] == filled.question
    assert (listed["job"], listed["part_number"], listed["make"]) == ("48213", "WPW10348269", "WPL")
    assert (listed["quantity"], listed["unit_price"], listed["branch"]) == (1, "41.20", "601")
    assert (listed["ship_to_zip"], listed["status"]) == ("35209", "requested")
    assert datetime.fromisoformat(listed["asked_at"]).tzinfo is not None
    assert datetime.fromisoformat(listed["expires_at"]).tzinfo is not None


def test_people_see_part_price_and_branch(filled: Filled) -> None:
    shown = say("approvals", "list").stdout
    for words in (filled.question, "WPW10348269 (WPL)", "$41.20", "601 Birmingham"):
        assert words in shown


def test_nothing_to_list_is_an_empty_list() -> None:
    assert read(say("approvals", "list", "--json")) == {"approvals": []}
    assert read(say("held", "list", "--json")) == {"held": []}
    assert read(say("audit", "--json")) == {"audit": []}


def test_an_approval_is_kept_and_leaves_the_list(filled: Filled) -> None:
    result = say("approvals", "approve", filled.question, "--by", "Dana Whitfield", "--branch", "602", "--json")
    said = read(result)
    assert result.exit_code == 0
    assert (said["status"], said["branch"], said["decided_by"]) == ("approved", "602", "Dana Whitfield")
    assert status_of(filled.question) == ApprovalStatus.APPROVED
    assert read(say("approvals", "list", "--json")) == {"approvals": []}
    assert len(read(say("approvals", "list", "--all", "--json"))["approvals"]) == 1


def test_a_rejection_keeps_its_note(filled: Filled) -> None:
    assert say("approvals", "reject", filled.question, "--by", "Dana Whitfield", "--note", "too dear").exit_code == 0
    shown = read(say("approvals", "show", filled.question, "--json"))
    assert (shown["status"], shown["note"]) == ("rejected", "too dear")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(["--by", "Somebody Else"], id="by someone who may not"),
        pytest.param(["--by", "Dana Whitfield", "--quantity", "0"], id="quantity zero"),
        pytest.param(["--by", "Dana Whitfield", "--quantity", "4000"], id="an absurd quantity"),
        pytest.param(["--by", "Dana Whitfield", "--branch", "999"], id="a branch that was not offered"),
        pytest.param(["--by", "Dana Whitfield", "--part", "OTHER"], id="a part that was not offered"),
    ],
)
def test_a_refused_answer_says_why_and_changes_nothing(filled: Filled, answer: list[str]) -> None:
    result = say("approvals", "approve", filled.question, *answer, "--json")
    said = read(result)
    assert result.exit_code == 1
    assert said["refused"] is True
    assert said["why"]
    assert said["fix"]
    assert "What happened:" in result.stderr
    assert "Traceback" not in result.output
    assert status_of(filled.question) == ApprovalStatus.REQUESTED


def test_a_second_answer_is_refused(filled: Filled) -> None:
    assert say("approvals", "approve", filled.question, "--by", "Dana Whitfield").exit_code == 0
    again = say("approvals", "reject", filled.question, "--by", "Dana Whitfield")
    assert again.exit_code == 1
    assert "What to do:" in again.stderr
    assert status_of(filled.question) == ApprovalStatus.APPROVED


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["show", "nobody-r1"], id="show"),
        pytest.param(["approve", "nobody-r1", "--by", "Dana Whitfield"], id="approve"),
        pytest.param(["reject", "nobody-r1", "--by", "Dana Whitfield"], id="reject"),
    ],
)
def test_a_question_that_is_not_there_is_said_to_people_and_to_programs(filled: Filled, arguments: list[str]) -> None:
    """One object on stdout, the words on stderr, and the exit code of a failure."""
    result = say("approvals", *arguments, "--json")
    assert result.exit_code == 1
    assert read(result) == {
        "error": "There is no question nobody-r1.",
        "fix": "`truckroll approvals list` shows the open ones.",
    }
    assert "There is no question nobody-r1." in say("approvals", *arguments).stderr


def test_held_work_is_listed_and_released(filled: Filled) -> None:
    (listed,) = read(say("held", "list", "--json"))["held"]
    assert set(listed) >= HELD_KEYS
    assert (listed["id"], listed["record"]) == (filled.held, "job 48216")
    assert listed["fix"] == "Write it on the estimate."
    result = say("held", "retry", str(filled.held), "--json")
    assert result.exit_code == 0
    assert read(result)["retried"][0]["id"] == filled.held
    assert read(say("held", "list", "--json")) == {"held": []}
    again = say("held", "retry", str(filled.held))
    assert again.exit_code == 1
    assert "What to do:" in again.stderr


def test_status_counts_what_there_is(filled: Filled) -> None:
    body = read(say("status", "--json"))
    (shop,) = body["shops"]
    assert (body["server"], body["up"]) == (None, False)
    assert shop["requests"] == {"awaiting approval": 1, "ordered": 1}
    assert (shop["questions"], shop["held"]) == (1, 1)
    assert "1 awaiting approval" in say("status").stdout


def test_audit_tells_who_did_what(filled: Filled) -> None:
    (entry,) = read(say("audit", "--record", filled.request, "--json"))["audit"]
    assert (entry["event"], entry["actor"], entry["detail"]) == ("asked", "rule", {"price": "41.20"})
    assert read(say("audit", "--record", "nothing", "--json")) == {"audit": []}
    assert "price: 41.20" in say("audit").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["run", "parts-lop", "--shop", "demo"], "Did you mean parts-loop?", id="a misspelt process"),
        pytest.param(["run", "parts-loop", "--shop", "dem"], "Did you mean demo?", id="a misspelt shop"),
        pytest.param(["approvals", "list", "--shop", "nobody"], "There is no shop nobody", id="an unknown shop"),
        pytest.param(["run", "parts-loop"], "--shop", id="no shop"),
        pytest.param(["held", "retry"], "--all", id="nothing to retry named"),
        pytest.param(["held", "retry", "1", "--placed", "9", "--not-placed"], "exclude each other", id="both words"),
        pytest.param(["held", "retry", "1", "2", "--not-placed"], "exactly one", id="one word for two orders"),
        pytest.param(["audit", "--since", "yesterday"], "is no time", id="a time nobody can read"),
        pytest.param(["approvals", "approve", "x", "--by", " "], "needs the name", id="nobody decides"),
        pytest.param(["check", "nobody"], "There is no shop nobody", id="an unknown shop to check"),
    ],
)
def test_bad_usage_ends_with_2_and_says_what_to_do(arguments: list[str], words: str) -> None:
    result = say(*arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.replace("│", " ").split())
    assert "Traceback" not in result.output


def test_a_half_configured_shop_is_named_with_the_fix(home: Home) -> None:
    written = HouseSettings().shops / "demo.toml"
    written.write_text(written.read_text(encoding="utf-8").replace("approvers =", "aprovers ="), encoding="utf-8")
    result = say("run", "parts-loop", "--shop", "demo", "--json")
    said = read(result)
    assert result.exit_code == 2
    assert "did you mean approvers?" in said["error"]
    assert set(said) >= RUN_KEYS
    assert (said["failed"], said["done"]) == (1, 0)
    assert not home.server_record.exists()


def test_a_server_that_is_named_but_not_there_is_said(home: Home) -> None:
    os.environ["PREFECT_API_URL"] = "http://127.0.0.1:9/api"
    result = say("run", "parts-loop", "--shop", "demo")
    assert result.exit_code == 2
    assert "PREFECT_API_URL names http://127.0.0.1:9/api" in result.stderr
    assert not home.server_record.exists()


def test_a_server_that_stops_answering_is_said_as_an_object_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs read what `--json` prints, whatever ended the pass."""

    async def broken_off(*_arguments: object) -> None:
        raise httpx.ReadTimeout("no answer")

    monkeypatch.setattr("deployments.commands.run.use_server", lambda *_arguments, **_options: None)
    monkeypatch.setattr("flows.running.run_process", broken_off)
    result = say("run", "parts-loop", "--shop", "demo", "--json")
    said = read(result)
    assert result.exit_code == 1
    assert set(said) >= RUN_KEYS
    assert (said["failed"], said["done"]) == (1, 0)
    assert "Prefect's server stopped answering (ReadTimeout)" in said["error"]


def test_check_names_the_secret_that_is_not_set() -> None:
    result = say("check", "demo", "--json")
    checks = read(result)["checks"]
    assert result.exit_code == 1
    sides = ("Job platform", "Distributor", "Online store Contractor Commerce", "Lists of ServiceTitan")
    assert {check["what"]: check["kind"] for check in checks if check["what"] in sides} == dict.fromkeys(sides, "no")
    assert any("ST_APP_KEY" in check["words"] + check["fix"] for check in checks)
    assert any("MARCONE_CLIENT_ID" in check["words"] + check["fix"] for check in checks)
    assert any("CC_TOKEN" in check["words"] + check["fix"] for check in checks)
    assert all(check["ok"] for check in checks if check["kind"] == "advice")


def test_nothing_to_bring_down_is_said() -> None:
    result = say("down")
    assert result.exit_code == 0
    assert "Nothing of this home runs" in result.stderr


def test_help_imports_nothing_slow() -> None:
    slow = ("prefect", "sqlalchemy", "pyreqwest", "fastapi")
    looked = subprocess.run(
        [sys.executable, "-c", f"import deployments.cli, sys; print([m for m in {slow} if m in sys.modules])"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert looked.stdout.strip() == "[]"
