"""The gate as Prefect shows it: suspended with a typed form, and no way round the ledger."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_API_URL
from prefect.states import Failed, Scheduled

from flows.parts_loop import parts_loop
from flows.running import run_process
from models.approval import Answer, ApprovalStatus
from models.base import utc_now
from models.job import DiagnosisPlace
from models.request import Stage
from tasks.approvals import answer_question
from tasks.diagnosis import find_diagnosed_parts
from tasks.prefect_api import prefect_api
from tests.flows.conftest import World
from tests.flows.fakes import a_diagnosis
from tests.flows.test_parts_loop import QUESTION, REQUEST, request_of

FORM = {"decision": "approve", "approved_by": "Dana Whitfield"}


@pytest.fixture(autouse=True)
def _server_for_plain_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the plain HTTP client reach the harness's server."""
    monkeypatch.setitem(os.environ, "PREFECT_API_URL", PREFECT_API_URL.value() or "")


async def a_run(world: World) -> FlowRun:
    """Diagnose a part, and start its run of the `parts-loop` deployment."""
    world.jobs.diagnoses = [a_diagnosis()]
    await find_diagnosed_parts.fn("demo")
    deployment: Any = await parts_loop.ato_deployment("demo")
    deployment_id = await deployment.aapply()
    async with get_client() as client:
        return await client.create_flow_run_from_deployment(
            deployment_id, parameters={"shop": "demo", "request": REQUEST}
        )


async def go_on(run_id: UUID) -> str:
    """Let a worker take the run up, until it suspends or ends. Returns the name of its state."""
    async with get_client() as client:
        run = await client.read_flow_run(run_id)
        with suppress(Pause):
            await run_flow(parts_loop, flow_run=run, parameters=run.parameters, return_type="state")  # type: ignore[misc]
        state = (await client.read_flow_run(run_id)).state
    assert state is not None
    return state.name or ""


async def resume(run_id: UUID, run_input: dict[str, Any]) -> str:
    async with prefect_api() as api:
        assert api is not None
        return await api.resume(str(run_id), run_input)


async def test_a_person_fills_the_form_and_the_part_is_ordered(world: World) -> None:
    """PL-10, PL-11: suspended, resumed with a decision, ordered; the ledger has it first."""
    run = await a_run(world)
    assert await go_on(run.id) == "Suspended"
    assert world.marcone.orders == []

    assert await resume(run.id, FORM) == ""
    assert await go_on(run.id) == "Completed"
    [order] = world.marcone.orders
    assert order.approval.decided_by == "Dana Whitfield"
    row = await world.books.approvals.get(QUESTION)
    assert row is not None
    assert (row.status, row.decided_via) == (ApprovalStatus.CONSUMED, "prefect")
    async with get_client() as client:
        named = await client.read_flow_run(run.id)
    assert named.name == "job 48213 - WPW10348269 - ordered"
    assert "state:ordered" in named.tags


@pytest.mark.parametrize(
    "run_input",
    [
        pytest.param({}, id="empty"),
        pytest.param({"decision": "approve"}, id="nobody's name"),
        pytest.param({"decision": "approve", "approved_by": "Somebody Else"}, id="not an approver"),
        pytest.param({**FORM, "quantity": "3"}, id="a number as text"),
        pytest.param({**FORM, "branch": "777"}, id="a branch of its own"),
        pytest.param({**FORM, "sudo": True}, id="a field of its own"),
    ],
)
async def test_a_resume_that_does_not_fill_the_form_is_refused_by_the_server(
    world: World, run_input: dict[str, Any]
) -> None:
    """PREFECT.md 1.5: the form's schema is checked; the run stays suspended."""
    run = await a_run(world)
    await go_on(run.id)
    assert await resume(run.id, run_input) != ""
    async with get_client() as client:
        state = (await client.read_flow_run(run.id)).state
    assert state is not None
    assert state.name == "Suspended"
    assert world.marcone.orders == []


async def test_a_forced_state_asks_again_and_orders_nothing(world: World) -> None:
    """Whoever can set states cannot approve: the resumed run finds no answer in the ledger."""
    run = await a_run(world)
    await go_on(run.id)
    async with get_client() as client:
        await client.set_flow_run_state(run.id, Scheduled(), force=True)
    assert await go_on(run.id) == "Suspended"
    assert world.marcone.orders == []
    assert await resume(run.id, FORM) == ""
    assert await go_on(run.id) == "Completed"
    assert len(world.marcone.orders) == 1


async def test_an_answer_on_the_command_line_resumes_the_run(world: World) -> None:
    """Ledger first, then Prefect: the resumed run needs no form."""
    run = await a_run(world)
    await go_on(run.id)
    settled = await answer_question(
        world.books, world.house.shop, QUESTION, Answer(decision="approve", by="dana whitfield", via="command line")
    )
    assert "goes on" in getattr(settled, "words", "")
    assert await go_on(run.id) == "Completed"
    assert len(world.marcone.orders) == 1
    assert world.marcone.orders[0].approval.decided_by == "Dana Whitfield"


async def test_a_form_that_says_no_after_the_ledger_said_yes_changes_nothing(world: World) -> None:
    """Two people at once: the ledger's first answer counts, whatever the form says."""
    run = await a_run(world)
    await go_on(run.id)
    await answer_question(
        world.books,
        world.house.shop,
        QUESTION,
        Answer(decision="approve", by="Dana Whitfield", via="command line"),
        resume=False,
    )
    assert await resume(run.id, {**FORM, "decision": "reject"}) == ""
    assert await go_on(run.id) == "Completed"
    assert len(world.marcone.orders) == 1


async def test_a_refused_form_answer_is_asked_again_with_the_reason(world: World) -> None:
    """More than the branch has passes the schema and not the rules: the form comes again."""
    run = await a_run(world)
    await go_on(run.id)
    assert await resume(run.id, {**FORM, "quantity": 7}) == ""
    assert await go_on(run.id) == "Suspended"
    assert world.marcone.orders == []
    row = await world.books.approvals.get(QUESTION)
    assert row is not None
    assert row.form_key.endswith("-2")
    assert await resume(run.id, FORM) == ""
    assert await go_on(run.id) == "Completed"


async def test_reconcile_wakes_a_run_whose_question_was_answered(world: World) -> None:
    """PREFECT.md 1.9: the server was down while somebody approved."""
    run = await a_run(world)
    await go_on(run.id)
    await answer_question(
        world.books, world.house.shop, QUESTION, Answer(decision="approve", by="Dana Whitfield"), resume=False
    )
    report = await run_process("reconcile", "demo")
    assert [item.outcome for item in report.items] == ["woken"]
    assert await go_on(run.id) == "Completed"
    assert len(world.marcone.orders) == 1


async def test_reconcile_mends_a_form_that_was_never_stored(world: World) -> None:
    """PREFECT.md 1.4: a crash between suspending and storing the form would leave the run unresumable."""
    run = await a_run(world)
    await go_on(run.id)
    async with get_client() as client:
        state = (await client.read_flow_run(run.id)).state
        assert state is not None
        keyset = state.state_details.run_input_keyset
        assert keyset is not None
        await client.delete_flow_run_input(run.id, keyset["schema"])
    assert "schema" in await resume(run.id, FORM)
    report = await run_process("reconcile", "demo")
    assert [item.outcome for item in report.items] == ["mended"]
    assert await resume(run.id, FORM) == ""
    assert await go_on(run.id) == "Completed"


async def test_reconcile_starts_a_run_for_a_request_that_has_none(world: World) -> None:
    """A deleted or crashed run loses nothing: the row remains, and gets a new run once."""
    run = await a_run(world)
    await go_on(run.id)
    async with get_client() as client:
        await client.delete_flow_run(run.id)
    report = await run_process("reconcile", "demo")
    assert [item.outcome for item in report.items] == ["restarted"]
    assert (await run_process("reconcile", "demo")).items == []
    request = await request_of(world)
    assert await go_on(UUID(request.flow_run_id)) == "Suspended"
    assert len(await world.books.approvals.list("demo")) == 1


async def test_an_expired_question_ends_its_run_and_orders_nothing(world: World) -> None:
    """PL-15."""
    run = await a_run(world)
    await go_on(run.id)
    await world.books.approvals.expire_due(utc_now() + timedelta(days=9))
    report = await run_process("reconcile", "demo")
    assert {item.outcome for item in report.items} == {"expired", "woken"}
    assert await go_on(run.id) == "Completed"
    assert (await request_of(world)).stage == Stage.EXPIRED
    assert world.marcone.orders == []


async def test_a_run_that_failed_again_and_again_is_followed_by_another_ever_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PL-59: a long outage ends run after run; another follows at once, then after 5, 15 and 60 minutes."""
    run = await a_run(world)
    run_id, now = run.id, [utc_now()]
    world.books.audit._now = lambda: now[0]
    monkeypatch.setattr("flows.reconcile.utc_now", lambda: now[0])
    for pause in (0, 5, 15, 60):
        async with get_client() as client:
            await client.set_flow_run_state(run_id, Failed(), force=True)
        await run_process("diagnosis-watch", "demo")
        if pause:
            now[0] += timedelta(minutes=pause, seconds=-1)
            assert [item.outcome for item in (await run_process("reconcile", "demo")).items] == ["waiting"]
            now[0] += timedelta(seconds=1)
        assert [item.outcome for item in (await run_process("reconcile", "demo")).items] == ["restarted"]
        following = UUID((await request_of(world)).flow_run_id)
        assert following != run_id
        run_id = following
    assert await go_on(run_id) == "Suspended"


async def test_the_run_of_a_part_taken_off_the_job_is_woken_and_ends(world: World) -> None:
    """PL-12: no run sleeps over a question that nobody can answer any more."""
    run = await a_run(world)
    await go_on(run.id)
    world.jobs.diagnoses, world.jobs.places = [], [DiagnosisPlace(prefix="fake/48213/", words="estimate 1")]
    await run_process("diagnosis-watch", "demo")
    assert [item.outcome for item in (await run_process("reconcile", "demo")).items] == ["woken"]
    assert await go_on(run.id) == "Completed"
    assert (await request_of(world)).stage == Stage.TAKEN_OUT
