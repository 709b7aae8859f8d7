"""A written order that changed in the store: a person is asked, and what they said is done, once."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_API_URL
from prefect.states import Scheduled

from flows.order_change import order_change
from flows.running import run_process
from models.approval import Answer, ApprovalStatus, Refused
from models.base import utc_now
from models.order_change import KIND, OrderChange
from models.order_sync import OrderStage
from models.report import RunReport
from models.store_order import StoreOrder
from models.tables import ApprovalRow, HeldRow, StoreOrderRow
from tasks import order_changes
from tasks.approvals import Settled, answer_question
from tasks.order_changes import find_order_change, start_change_run
from tasks.prefect_api import prefect_api
from tests.flows.test_order_to_invoice import FILTER, ROBIN, outcomes
from tests.office import take_line_away
from tests.tasks.conftest import Counter, a_shop, counter
from tests.tasks.money import lose

__all__ = ["counter"]

BY = "Robin Office"
FORM = {"decision": "approve", "approved_by": BY}
REASON = "Canceled in the online store"


@pytest.fixture(autouse=True)
def _server_for_plain_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the plain HTTP client reach the harness's server."""
    monkeypatch.setitem(os.environ, "PREFECT_API_URL", PREFECT_API_URL.value() or "")


@dataclass
class Written:
    """An order that is in ServiceTitan."""

    counter: Counter
    order: StoreOrder

    async def happens(self, what: str, **words: Any) -> RunReport:
        """Let something happen in the store, and let a pass see it."""
        await self.counter.tell(f"/contractor-commerce/orders/{self.order.id}/{what}", **words)
        return await self.passes()

    async def passes(self) -> RunReport:
        return await run_process("order-to-invoice", "demo")

    async def row(self) -> StoreOrderRow:
        row = await self.counter.books.store_orders.get("demo", self.order.id)
        assert row is not None
        return row

    async def question(self) -> ApprovalRow:
        question = await self.counter.books.approvals.newest((await self.row()).request_id)
        assert question is not None
        assert question.kind == KIND
        return question

    async def answers(self, decision: Any = "approve", **answer: Any) -> Settled | Refused:
        question = await self.question()
        given = Answer(**{"decision": decision, "by": BY, "via": "command line", **answer})
        return await answer_question(self.counter.books, self.counter.house.shop, question.id, given)

    async def held(self) -> HeldRow | None:
        return await self.counter.books.held.find("demo", "order-to-invoice", self.order.number)

    async def job_status(self) -> str:
        return (await self.counter.st.get_job((await self.row()).parts[0]["job"])).job_status

    async def adjustments(self) -> list[Decimal]:
        invoice = (await self.row()).parts[0]["invoice"]
        return [one.total for one in await self.counter.st.list_adjustments(invoice)]

    async def writes(self) -> list[str]:
        """Return what was written to ServiceTitan since the last time."""
        calls = [call for call in await self.counter.calls() if "/servicetitan/" in call]
        return [call for call in calls if not call.startswith("GET")]


@pytest.fixture
async def written(counter: Counter) -> Written:
    counter.use(a_shop(cancel_reason=REASON))
    order = await counter.sell(**FILTER, **ROBIN, shipping="6.95")
    report = await run_process("order-to-invoice", "demo")
    assert outcomes(report) == {order.number: "synced"}
    await counter.calls()
    return Written(counter, order)


async def test_a_cancelled_order_waits_for_a_person(written: Written) -> None:
    """OI-69, OI-70: nothing is written; it is held in the store's words with its amount, and the way to answer."""
    report = await written.happens("cancel")
    assert outcomes(report) == {written.order.number: "held"}
    assert await written.writes() == []
    held, question = await written.held(), await written.question()
    assert held is not None
    assert held.reason == f"cancelled after sync: ${written.order.grand_total}"
    assert f"truckroll approvals approve {question.id} --by NAME" in held.fix
    assert (await written.row()).stage == OrderStage.PROPOSED
    assert outcomes(await written.passes()) == {}


async def test_an_approved_cancellation_cancels_the_job_and_adjusts_the_invoice_once(written: Written) -> None:
    """OI-69, OI-72: job canceled with the shop's reason, invoice adjusted to zero, payment untouched, all on record."""
    await written.happens("cancel")
    await written.answers()
    report = await written.passes()
    assert outcomes(report) == {written.order.number: "changed"}
    assert await written.job_status() == "Canceled"
    assert await written.adjustments() == [-written.order.grand_total]
    assert len(await written.counter.st.list_payments([(await written.row()).parts[0]["invoice"]])) == 1
    assert await written.held() is None
    row, question = await written.row(), await written.question()
    assert (row.stage, row.settled_version, row.is_cancel_asked) == (OrderStage.SYNCED, 2, True)
    assert question.status == ApprovalStatus.CONSUMED
    assert BY in question.closed_because

    await written.counter.calls()
    assert (await written.passes()).items == []
    assert await written.writes() == []
    log = await written.counter.books.audit.list(shop="demo", record=written.order.number)
    assert [entry.event for entry in log if entry.actor == BY] == ["changed", "answered: approved"]


async def test_an_approved_refund_adjusts_the_invoice_and_the_sale_stays(written: Written) -> None:
    """OI-69: sample 39."""
    await written.happens("refund", amount="10.00")
    held = await written.held()
    assert held is not None
    assert held.reason == "refund after sync: $10.00"
    await written.answers()
    await written.passes()
    assert await written.adjustments() == [Decimal("-10.00")]
    assert await written.job_status() == "Scheduled"
    assert (await written.row()).refund_asked == "10.00"


async def test_a_refund_is_asked_about_once_and_a_further_one_by_itself(written: Written) -> None:
    """OI-69: every refund is one adjustment; a later cancellation takes off what is left."""
    await written.happens("refund", amount="10.00")
    await written.answers()
    await written.passes()
    await written.happens("refund", amount="2.50")
    assert OrderChange.model_validate((await written.question()).offer).amount == Decimal("2.50")
    await written.answers()
    await written.passes()
    await written.happens("cancel")
    await written.answers()
    await written.passes()
    assert sum(await written.adjustments()) == -written.order.grand_total
    assert len(await written.adjustments()) == 3


async def test_an_edit_is_confirmed_and_writes_nothing(written: Written) -> None:
    """OI-69: the person changed job and invoice; later versions are compared with this one."""
    await written.happens("edit", quantity=3)
    assert "Now 3 x" in (await written.question()).question
    await written.answers()
    await written.passes()
    assert await written.writes() == []
    row = await written.row()
    assert (row.stage, row.written["version"] if row.written else 0) == (OrderStage.SYNCED, 2)
    assert outcomes(await written.happens("edit", customer_note="Ring twice")) == {written.order.number: "ignored"}


@pytest.mark.parametrize("what", ["cancel", "refund", "edit"])
async def test_a_no_writes_nothing_and_is_not_asked_again(written: Written, what: str) -> None:
    """OI-69: the sale stays as it is."""
    words = {"quantity": 3} if what == "edit" else {}
    await written.happens(what, **words)
    await written.answers("reject", note="the buyer called")
    assert outcomes(await written.passes()) == {written.order.number: "rejected"}
    assert await written.writes() == []
    assert (await written.row()).stage == OrderStage.SYNCED
    assert await written.held() is None
    assert (await written.passes()).items == []
    assert (await written.question()).revision == 1


async def test_a_newer_version_replaces_the_question(written: Written) -> None:
    """OI-69: the refund grew while it waited; the old question takes no answer."""
    await written.happens("refund", amount="10.00")
    first = await written.question()
    await written.happens("refund", amount="2.50")
    second = await written.question()
    assert (first.revision, second.revision) == (1, 2)
    assert OrderChange.model_validate(second.offer).amount == Decimal("12.50")
    late = await answer_question(
        written.counter.books, written.counter.house.shop, first.id, Answer(decision="approve", by=BY)
    )
    assert isinstance(late, Refused)
    await written.answers()
    await written.passes()
    assert await written.adjustments() == [Decimal("-12.50")]


async def test_a_newer_version_that_asks_the_same_keeps_the_question(written: Written) -> None:
    """OI-67: a note in the store is no new question, and what settles is the newest version."""
    await written.happens("refund", amount="10.00")
    await written.happens("edit", customer_note="Ring twice")
    assert (await written.question()).revision == 1
    assert (await written.held()) is not None
    await written.answers()
    await written.passes()
    assert ((await written.row()).settled_version, await written.adjustments()) == (3, [Decimal("-10.00")])


async def test_a_yes_is_void_when_a_newer_version_asks_for_more(written: Written) -> None:
    """OI-69: approved but not carried out, then refunded again: one question over both."""
    await written.happens("refund", amount="10.00")
    await written.answers()
    await written.happens("refund", amount="2.50")
    assert (await written.question()).status == ApprovalStatus.REQUESTED
    assert await written.adjustments() == []
    await written.answers()
    await written.passes()
    assert await written.adjustments() == [Decimal("-12.50")]


async def test_an_edit_that_was_taken_back_withdraws_its_question(written: Written) -> None:
    """OI-69: nothing is asked any more, and nobody can say yes to it."""
    await written.happens("edit", quantity=3)
    assert outcomes(await written.happens("edit", quantity=2)) == {written.order.number: "withdrawn"}
    assert (await written.question()).status == ApprovalStatus.VOID
    assert isinstance(await written.answers(), Refused)
    assert (await written.row()).stage == OrderStage.SYNCED


async def test_without_a_cancel_reason_it_is_held_and_goes_through_when_one_is_set(written: Written) -> None:
    """OI-69, OI-70: reason and fix name the setting; nothing is half done."""
    written.counter.use(a_shop())
    await written.happens("cancel")
    await written.answers()
    assert outcomes(await written.passes()) == {written.order.number: "held"}
    held = await written.held()
    assert held is not None
    assert held.field == "contractor_commerce.cancel_reason"
    assert BY in held.reason
    assert await written.writes() == []
    assert (await written.question()).status == ApprovalStatus.APPROVED

    written.counter.use(a_shop(cancel_reason=REASON))
    assert outcomes(await written.passes()) == {written.order.number: "changed"}
    assert await written.held() is None
    assert await written.job_status() == "Canceled"


async def test_what_moved_in_servicetitan_is_asked_again(written: Written) -> None:
    """OI-69: the office took the invoice down meanwhile; the yes was to another amount."""
    await written.happens("cancel")
    await written.answers()
    invoice = (await written.row()).parts[0]["invoice"]
    [read] = await written.counter.st.list_invoices([invoice])
    await take_line_away(written.counter.st, invoice, read.items[-1].id)
    assert (await written.passes()).items == []
    question = await written.question()
    assert (question.revision, question.status) == (2, ApprovalStatus.REQUESTED)
    assert "An earlier yes does not count any more" in question.question
    assert await written.job_status() == "Scheduled"
    await written.answers()
    await written.passes()
    [now] = await written.counter.st.list_invoices([invoice])
    assert await written.adjustments() == [-now.total]


async def test_a_job_somebody_canceled_meanwhile_is_left_as_it_is(written: Written) -> None:
    """OI-69: what was approved is there already."""
    await written.happens("cancel")
    await written.answers()
    number = (await written.row()).parts[0]["number"]
    await written.counter.tell(f"/servicetitan/jobs/{number}/cancel")
    await written.counter.calls()
    assert outcomes(await written.passes()) == {written.order.number: "changed"}
    assert not [call for call in await written.writes() if call.endswith("/cancel")]


@pytest.mark.parametrize(
    "call",
    [pytest.param("PUT /jpm/v2/*/cancel", id="cancel"), pytest.param("POST /accounting/v2/*/invoices", id="adjust")],
)
async def test_a_lost_answer_is_looked_for(written: Written, call: str) -> None:
    """OI-67: one POST, one record."""
    await written.happens("cancel")
    await written.answers()
    await lose(written.counter, call)
    await written.counter.calls()
    assert outcomes(await written.passes()) == {written.order.number: "changed"}
    writes = await written.writes()
    assert len([one for one in writes if one.endswith("/cancel")]) == 1
    assert len([one for one in writes if one.endswith("/invoices")]) == 1
    assert await written.adjustments() == [-written.order.grand_total]


@pytest.mark.parametrize("after", ["cancel_order_job", "adjust_invoice"])
async def test_killed_between_two_writes_it_goes_on_where_it_stopped(
    written: Written, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    """OI-67, OI-69: the approval is used up with the first write, and the next pass does the rest."""
    await written.happens("cancel")
    await written.answers()
    step = getattr(order_changes, after)

    async def dies(*arguments: Any) -> None:
        await step(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(order_changes, after, dies)
        with suppress(BaseException):
            await written.passes()
    assert (await written.question()).status == ApprovalStatus.CONSUMED
    assert outcomes(await written.passes()) == {written.order.number: "changed"}
    writes = await written.writes()
    assert len([one for one in writes if one.endswith("/cancel")]) == 1
    assert await written.adjustments() == [-written.order.grand_total]


async def test_a_newer_version_waits_for_what_is_half_done(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """OI-69: an answer on which something was written is carried out before anything else is asked."""
    await written.happens("refund", amount="10.00")
    await written.answers()

    async def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(order_changes, "_close", dies)
        with suppress(BaseException):
            await written.passes()
    report = await written.happens("refund", amount="2.50")
    assert {(item.id, item.outcome) for item in report.items} == {
        (written.order.number, "skipped"),
        (written.order.number, "changed"),
    }
    await written.passes()
    assert OrderChange.model_validate((await written.question()).offer).amount == Decimal("2.50")
    await written.answers()
    await written.passes()
    assert await written.adjustments() == [Decimal("-10.00"), Decimal("-2.50")]


async def test_a_refund_that_came_with_completion_still_tags_the_job(written: Written) -> None:
    """OI-49, OI-69: what the version asks for besides is written once the person has answered."""
    await written.counter.tell(f"/contractor-commerce/orders/{written.order.id}/complete")
    await written.happens("refund", amount="10.00")
    await written.answers()
    await written.passes()
    assert outcomes(await written.passes()) == {written.order.number: "synced"}
    job = await written.counter.st.get_job((await written.row()).parts[0]["job"])
    assert job.tag_type_ids


# --- as a run of its deployment ---------------------------------------------------------------------------------


async def a_run(written: Written) -> FlowRun:
    """Cancel the order, and start the question's run of the `order-change` deployment."""
    await written.happens("cancel")
    deployment: Any = await order_change.ato_deployment("demo")
    await deployment.aapply()
    async with prefect_api() as api:
        assert api is not None
        served = await find_order_change(api, "demo")
        assert served is not None
        run_id = await start_change_run(written.counter.books, api, served, await written.question())
        assert await start_change_run(written.counter.books, api, served, await written.question()) == run_id
    async with get_client() as client:
        return await client.read_flow_run(UUID(run_id))


async def go_on(run_id: UUID) -> str:
    """Let a worker take the run up, until it suspends or ends. Returns the name of its state."""
    async with get_client() as client:
        run = await client.read_flow_run(run_id)
        with suppress(Pause):
            await run_flow(order_change, flow_run=run, parameters=run.parameters, return_type="state")  # type: ignore[misc]
        state = (await client.read_flow_run(run_id)).state
    assert state is not None
    return state.name or ""


async def resume(run_id: UUID, run_input: dict[str, Any]) -> str:
    async with prefect_api() as api:
        assert api is not None
        return await api.resume(str(run_id), run_input)


async def test_a_person_fills_the_form_and_the_change_is_carried_out(written: Written) -> None:
    """OI-69, OI-72: suspended, resumed with a name, carried out; the ledger has it first."""
    run = await a_run(written)
    assert await go_on(run.id) == "Suspended"
    assert await written.writes() == []
    assert await resume(run.id, {}) != ""
    assert await resume(run.id, {"decision": "approve"}) != ""
    assert await resume(run.id, {**FORM, "quantity": 2}) != ""
    assert await resume(run.id, FORM) == ""
    assert await go_on(run.id) == "Completed"
    assert await written.adjustments() == [-written.order.grand_total]
    question = await written.question()
    assert (question.decided_by, question.decided_via) == (BY, "prefect")
    async with get_client() as client:
        named = await client.read_flow_run(run.id)
    assert named.name == f"order {written.order.number} - cancelled after sync - done"


async def test_an_answer_on_the_command_line_resumes_the_run(written: Written) -> None:
    """Ledger first, then Prefect: the resumed run needs no form."""
    run = await a_run(written)
    await go_on(run.id)
    settled = await written.answers()
    assert "goes on" in getattr(settled, "words", "")
    assert await go_on(run.id) == "Completed"
    assert await written.job_status() == "Canceled"


async def test_a_forced_state_asks_again_and_writes_nothing(written: Written) -> None:
    """OI-69: whoever can set states cannot approve."""
    run = await a_run(written)
    await go_on(run.id)
    async with get_client() as client:
        await client.set_flow_run_state(run.id, Scheduled(), force=True)
    assert await go_on(run.id) == "Suspended"
    assert await written.writes() == []
    assert await resume(run.id, {**FORM, "decision": "reject"}) == ""
    assert await go_on(run.id) == "Completed"
    assert await written.writes() == []


async def test_a_pass_and_a_run_at_once_carry_it_out_once(written: Written) -> None:
    """OI-67: the order's lease and the ledger let one of them write."""
    run = await a_run(written)
    await go_on(run.id)
    await written.answers()
    await written.counter.calls()
    ended, report = await asyncio.gather(go_on(run.id), run_process("order-change", "demo"))
    assert ended == "Completed"
    assert {item.outcome for item in report.items} <= {"changed", "unchanged"}
    writes = await written.writes()
    assert len([one for one in writes if one.endswith("/cancel")]) == 1
    assert await written.adjustments() == [-written.order.grand_total]


async def test_a_pass_of_its_own_carries_out_what_was_answered(written: Written) -> None:
    """OI-69: `truckroll run order-change` in the foreground; a question that waits is left alone."""
    await written.happens("refund", amount="10.00")
    assert (await run_process("order-change", "demo")).items == []
    await written.answers()
    assert outcomes(await run_process("order-change", "demo")) == {written.order.number: "changed"}
    assert await written.adjustments() == [Decimal("-10.00")]


async def test_a_run_whose_answer_a_pass_carried_out_ends(written: Written) -> None:
    """OI-67: two ways to carry out, one carrying out."""
    run = await a_run(written)
    await go_on(run.id)
    await written.answers()
    await written.passes()
    assert await go_on(run.id) == "Completed"
    assert len(await written.adjustments()) == 1


async def test_reconcile_wakes_mends_and_restarts(written: Written) -> None:
    """PREFECT.md 1.4, 1.9: a form that was never stored, a run that is gone, an answer while the server was down."""
    run = await a_run(written)
    await go_on(run.id)
    async with get_client() as client:
        state = (await client.read_flow_run(run.id)).state
        assert state is not None
        keyset = state.state_details.run_input_keyset
        assert keyset is not None
        await client.delete_flow_run_input(run.id, keyset["schema"])
    assert [item.outcome for item in (await run_process("reconcile", "demo")).items] == ["mended"]
    async with get_client() as client:
        await client.delete_flow_run(run.id)
    assert [item.outcome for item in (await run_process("reconcile", "demo")).items] == ["restarted"]
    following = UUID((await written.question()).flow_run_id)
    assert await go_on(following) == "Suspended"
    await answer_question(
        written.counter.books,
        written.counter.house.shop,
        (await written.question()).id,
        Answer(decision="approve", by=BY),
        resume=False,
    )
    assert [item.outcome for item in (await run_process("reconcile", "demo")).items] == ["woken"]
    assert await go_on(following) == "Completed"
    assert await written.job_status() == "Canceled"


async def test_a_replaced_question_is_shown_by_the_same_run(written: Written) -> None:
    """OI-69: the run wakes, and suspends again with the new question's form."""
    await written.happens("refund", amount="10.00")
    deployment: Any = await order_change.ato_deployment("demo")
    await deployment.aapply()
    async with prefect_api() as api:
        served = await find_order_change(api, "demo")
        assert api is not None
        assert served is not None
        run_id = UUID(await start_change_run(written.counter.books, api, served, await written.question()))
    assert await go_on(run_id) == "Suspended"
    await written.happens("refund", amount="2.50")
    assert [item.outcome for item in (await run_process("reconcile", "demo")).items] == ["woken"]
    assert await go_on(run_id) == "Suspended"
    assert (await run_process("reconcile", "demo")).items == []
    assert await resume(run_id, FORM) == ""
    assert await go_on(run_id) == "Completed"
    assert await written.adjustments() == [Decimal("-12.50")]


async def test_the_office_is_told_once_and_reminded(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """OI-69, OI-70: whoever may answer hears of it; in the store's words, with the command that answers."""
    letters: list[tuple[str, str]] = []

    async def send(addresses: list[str], *, title: str, body: str) -> None:
        letters.append((title, body))

    monkeypatch.setattr("tasks.telling.send_message", send)
    shop = a_shop(cancel_reason=REASON)
    written.counter.use(shop.model_copy(update={"messages": shop.messages.model_copy(update={"ops": ("json://ops",)})}))
    await written.happens("cancel")
    await written.passes()
    [(title, body)] = letters
    assert written.order.number in title
    assert "truckroll approvals approve" in body
    question = await written.question()
    asked_at = utc_now() - shop.parts.remind_after[0]
    await written.counter.books.store.run(
        lambda session: setattr(session.get(ApprovalRow, question.id), "asked_at", asked_at)
    )
    report = await run_process("reconcile", "demo")
    assert ("reminded", f"Reminder 1 for order {written.order.number}.") in [
        (item.outcome, item.reason) for item in report.items
    ]
    assert letters[1][0].startswith("Reminder 1: ")
