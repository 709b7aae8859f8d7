"""A written order that changed in the store: what is asked, what a yes does, and when a yes holds no longer."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from decisions.order_changes import (
    change_form_markdown,
    change_markdown,
    change_message,
    goes_on_afterwards,
    headline,
    judge_change,
    left_for_the_office,
    make_change,
    moved,
    was_done,
    was_rejected,
    what_was_edited,
    will_be_done,
    with_jobs,
)
from decisions.order_intake import Change, Propose, Seen, decide_intake
from models.approval import Answer, ApprovalStatus, Refused
from models.order_change import AcceptedChange, ConcernedJob, OrderChange
from models.store_order import LineKind, OrderState, PaymentState, PlaceTyped, StoreOrder
from tests.unit.orders import NOW, line, order

YEAR = timedelta(days=365)
FILTER = ConcernedJob(kind="product", job=900, number="4801", status="Scheduled", invoice=700, total=Decimal("351.47"))
TUNE_UP = ConcernedJob(kind="service", job=901, number="4802", status="Scheduled")
DONE = {"status": "Completed", "is_over": True}
CANCELED = {"status": "Canceled", "is_over": True}

WRITTEN = order(line(id="1", unit_price=Decimal("351.47")))
CANCEL = Propose(Change.CANCEL, "The store cancelled the order after it was written.", Decimal("351.47"))
REFUND = Propose(Change.REFUND, "The store refunded $48.65 after the order was written.", Decimal("48.65"))
EDIT = Propose(Change.EDIT, "Lines, money or address changed after the order was written.", Decimal(0))


def asked(change: Propose, *jobs: ConcernedJob, now: StoreOrder = WRITTEN, **facts: Any) -> OrderChange:
    return make_change(now, change, jobs or (FILTER,), written=facts.pop("written", WRITTEN), **facts)


@pytest.mark.parametrize(
    ("jobs", "cancels", "adjusts"),
    [
        pytest.param([FILTER], ["4801"], {"4801": "-351.47"}, id="job canceled, invoice taken to zero"),
        pytest.param([FILTER, TUNE_UP], ["4801", "4802"], {"4801": "-351.47"}, id="both jobs of a mixed cart"),
        pytest.param([TUNE_UP], ["4802"], {}, id="a service: its invoice is not ours"),
        pytest.param([FILTER.model_copy(update=DONE)], [], {"4801": "-351.47"}, id="a completed job stays"),
        pytest.param([FILTER.model_copy(update=CANCELED)], [], {"4801": "-351.47"}, id="a canceled job stays"),
        pytest.param(
            [FILTER.model_copy(update={"total": Decimal("302.82")})], ["4801"], {"4801": "-302.82"},
            id="what was refunded before is not taken off twice",
        ),
        pytest.param([FILTER.model_copy(update={"total": Decimal(0)})], ["4801"], {}, id="a free order has no adjustment"),
        pytest.param([], [], {}, id="nothing was written yet"),
    ],
)  # fmt: skip
def test_a_yes_to_a_cancellation_cancels_and_adjusts(
    jobs: list[ConcernedJob], cancels: list[str], adjusts: dict[str, str]
) -> None:
    """OI-69: nothing is voided or deleted; what is over is left alone."""
    change = make_change(WRITTEN, CANCEL, jobs, written=WRITTEN)
    assert [job.number for job in change.terms.cancel] == cancels
    assert {one.job_number: str(one.amount) for one in change.terms.adjust} == adjusts


@pytest.mark.parametrize(
    ("jobs", "amount", "adjusts", "remark"),
    [
        pytest.param([FILTER], "48.65", "-48.65", "", id="one line refunded: the sale stays"),
        pytest.param([TUNE_UP, FILTER], "48.65", "-48.65", "", id="on the invoice of the products"),
        pytest.param([FILTER], "400.00", "-351.47", "more than the invoice", id="capped at the invoice, and said"),
        pytest.param([FILTER], "351.47", "-351.47", "", id="all of it"),
        pytest.param([TUNE_UP], "48.65", None, "by hand", id="a service: by hand"),
        pytest.param(
            [FILTER.model_copy(update={"total": Decimal("0.00")})], "5.00", None, "nothing to take off", id="at zero"
        ),
    ],
)
def test_a_yes_to_a_refund_adjusts_the_invoice(
    jobs: list[ConcernedJob], amount: str, adjusts: str | None, remark: str
) -> None:
    """OI-69: a refund is an adjustment; no job is canceled."""
    change = asked(Propose(Change.REFUND, "Refunded.", Decimal(amount)), *jobs)
    assert change.terms.cancel == ()
    assert [str(one.amount) for one in change.terms.adjust] == ([adjusts] if adjusts else [])
    assert remark in " ".join(change.remarks)


def test_a_yes_to_an_edit_writes_nothing() -> None:
    """OI-69: a person changed job and invoice; the new version is what later ones are compared with."""
    now = order(line(id="1", quantity=2, unit_price=Decimal("351.47")), version=2)
    change = asked(EDIT, now=now)
    assert (change.terms.cancel, change.terms.adjust) == ((), ())
    assert change.edited == now
    assert "by hand" in " ".join(will_be_done(change))
    assert left_for_the_office(change) == ()


@pytest.mark.parametrize(
    ("now", "said"),
    [
        pytest.param(order(line(id="1", quantity=2)), "Now 2 x FLT-1", id="a quantity"),
        pytest.param(order(line(id="1"), line(id="2", sku="FLT-2")), "New: 1 x FLT-2", id="a line more"),
        pytest.param(order(line(id="9", sku="FLT-9")), "Gone: 1 x FLT-1", id="a line less"),
        pytest.param(order(line(id="1", kind=LineKind.SERVICE)), "(service)", id="a line's kind"),
        pytest.param(order(shipping_total=Decimal(5)), "Shipping is $5.00; it was $0.00", id="shipping"),
        pytest.param(order(extra_tax=Decimal(2)), "Tax is $2.00; it was $0.00", id="tax"),
        pytest.param(order(service_address=PlaceTyped(line1="1 New St", zip="85018")), "address", id="the address"),
    ],
)
def test_what_was_edited_is_said(now: StoreOrder, said: str) -> None:
    """OI-69: every difference that intake sees is one that the person reads; the address is not spelled out."""
    words = what_was_edited(now, order())
    assert said in " ".join(words)
    assert "1 New St" not in " ".join(words)
    intake = decide_intake(
        now.model_copy(update={"version": 2}), seen=Seen(1, is_settled=True, is_synced=True, written=order())
    )
    assert isinstance(intake, Propose)
    assert intake.change is Change.EDIT


def test_nothing_edited_is_nothing_said() -> None:
    assert what_was_edited(order(), order()) == ()


def test_a_refund_of_an_edited_order_says_both() -> None:
    """OI-69: one question for all that happened since it was written."""
    change = asked(REFUND, now=order(line(id="1", quantity=2, unit_price=Decimal("351.47"))))
    assert change.edits
    assert change.edited is not None
    assert "by hand" in will_be_done(change)[-1]


@pytest.mark.parametrize(
    ("now", "reasons"),
    [
        pytest.param([FILTER], 0, id="nothing moved"),
        pytest.param([FILTER.model_copy(update=CANCELED)], 0, id="somebody canceled the job: that was approved"),
        pytest.param([FILTER.model_copy(update=DONE)], 1, id="the work was done meanwhile"),
        pytest.param([FILTER.model_copy(update={"total": Decimal("300.00")})], 1, id="the invoice comes to less"),
        pytest.param([FILTER.model_copy(update={"total": Decimal(0)})], 1, id="the invoice is at zero"),
    ],
)
def test_a_yes_holds_as_long_as_it_means_the_same(now: list[ConcernedJob], reasons: int) -> None:
    """OI-69: what is carried out is what was approved; else the person is asked again."""
    change = asked(CANCEL)
    assert len(moved(change, with_jobs(change, now))) == reasons


def test_an_adjustment_nobody_approved_asks_again() -> None:
    change = asked(CANCEL, FILTER.model_copy(update={"total": Decimal(0)}))
    assert "would now be adjusted" in moved(change, with_jobs(change, [FILTER]))[0]


@pytest.mark.parametrize(
    ("change", "head"),
    [
        pytest.param(CANCEL, "cancelled after sync: $351.47", id="cancel"),
        pytest.param(REFUND, "refund after sync: $48.65", id="refund"),
        pytest.param(EDIT, "edited after sync", id="edit"),
    ],
)
def test_the_question_reads_well(change: Propose, head: str) -> None:
    """OI-69, OI-70: number, what happened, amount, what a yes does, what stays for the office."""
    put = asked(change)
    text = change_markdown(put)
    assert headline(put) == head
    for words in (f"## Store order CC-1 - {head}", "4801", "**If you approve**", "waits until it is answered"):
        assert words in text
    assert ("the money is not moved" in text or "no money is moved" in text) is (change is not EDIT)
    assert "CC-1" in change_form_markdown(put, because="nobody was named")
    assert "Not accepted" in change_form_markdown(put, because="nobody was named")
    message = change_message(put, "demo/order/1-r1", reminder=2)
    assert message.subject == f"Reminder 2: store order CC-1, {head}"
    assert "approvals approve demo/order/1-r1" in message.body


def test_text_of_others_is_shown_as_written() -> None:
    """OI-71: an order number or a SKU is neither markup nor a table cell."""
    now = order(line(id="2", sku="<b>*x*|</b>"), number="CC-`1`|<i>")
    text = change_markdown(make_change(now, EDIT, [FILTER], written=order()))
    assert "<b>" not in text
    assert "CC-\\`1\\`\\|&lt;i&gt;" in text


def test_the_reason_given_in_the_store_is_for_whoever_decides() -> None:
    """OI-71: as it was typed; in the question, not in letters nor in Prefect's form."""
    change = asked(CANCEL, now=order(cancel_reason="<i>ordered wrong size</i>"))
    assert "&lt;i&gt;ordered wrong size&lt;/i&gt;" in change_markdown(change)
    assert "wrong size" not in change_form_markdown(change) + change_message(change, "demo/order/1-r1").body


def judged(answer: Answer, *, status: ApprovalStatus = ApprovalStatus.REQUESTED, **facts: Any) -> Any:
    at: datetime = facts.pop("now", NOW)
    approvers = facts.pop("approvers", ())
    return judge_change(
        asked(REFUND), answer, status=status, now=at, expires_at=NOW + YEAR, approvers=approvers, **facts
    )


def test_a_yes_allows_exactly_what_was_asked() -> None:
    """OI-69, OI-72: the terms are the question's; anyone in the office may answer, by name."""
    accepted = judged(Answer(decision="approve", by="Robin Office"))
    assert accepted == AcceptedChange(terms=asked(REFUND).terms)
    assert judged(Answer(decision="reject", by="Robin Office")) == AcceptedChange(terms=None)


@pytest.mark.parametrize(
    ("answer", "facts"),
    [
        pytest.param({"by": "  "}, {}, id="nobody's name"),
        pytest.param({"quantity": 1}, {}, id="a quantity"),
        pytest.param({"branch": "601"}, {}, id="a branch"),
        pytest.param({"part_number": "X"}, {}, id="a part"),
        pytest.param({}, {"status": ApprovalStatus.APPROVED, "decided_by": "Pat"}, id="answered before"),
        pytest.param({}, {"status": ApprovalStatus.VOID}, id="replaced"),
        pytest.param({}, {"status": ApprovalStatus.CONSUMED}, id="carried out"),
        pytest.param({}, {"now": NOW + YEAR}, id="a year old"),
        pytest.param({}, {"approvers": ("Pat Other",)}, id="not among the approvers"),
    ],
)
def test_an_answer_that_does_not_count_says_why(answer: dict[str, Any], facts: dict[str, Any]) -> None:
    refused = judged(Answer(**{"decision": "approve", "by": "Robin Office", **answer}), **facts)
    assert isinstance(refused, Refused)
    assert refused.why
    assert refused.fix


@pytest.mark.parametrize("change", list(Change))
def test_every_kind_of_change_can_be_asked(change: Change) -> None:
    put = asked(Propose(change, "It changed.", Decimal(1)))
    assert put.what == change
    assert OrderChange.model_validate_json(put.model_dump_json()) == put
    assert "Robin" in was_done(put, "Robin")
    assert "nothing was written" in was_rejected(put, "Robin")


def test_a_newer_version_that_asks_the_same_leaves_the_question_alone() -> None:
    """OI-67: a redelivery or a note in the store is no new question."""
    put = asked(REFUND)
    assert put.asks_the_same(put.model_copy(update={"version": 9}))
    assert not put.asks_the_same(asked(Propose(Change.REFUND, "Refunded.", Decimal(60))))


@pytest.mark.parametrize(
    ("change", "asked_before", "refunded"),
    [
        pytest.param(REFUND, "0", "48.65", id="a first refund"),
        pytest.param(REFUND, "10.00", "58.65", id="a further refund counts on top"),
        pytest.param(CANCEL, "0", "56.60", id="a cancellation answers its refunds too"),
        pytest.param(EDIT, "10.00", "10.00", id="an edit answers none"),
    ],
)
def test_what_was_asked_is_not_asked_again(change: Propose, asked_before: str, refunded: str) -> None:
    now = order(refunded_total=Decimal("56.60"), state=OrderState.CANCELED)
    put = make_change(now, change, [FILTER], written=WRITTEN, refund_asked=Decimal(asked_before))
    assert str(put.refunded) == refunded


def test_a_refund_of_everything_needs_no_amount() -> None:
    now = order(payment_state=PaymentState.REFUNDED, state=OrderState.CANCELED)
    assert asked(CANCEL, now=now).refunded == now.grand_total


@pytest.mark.parametrize(
    ("change", "state", "goes_on"),
    [
        pytest.param(REFUND, OrderState.COMPLETED, True, id="refunded and completed: the tag is due"),
        pytest.param(REFUND, OrderState.PROCESSING, False, id="refunded only"),
        pytest.param(CANCEL, OrderState.COMPLETED, False, id="a cancelled order is done with"),
    ],
)
def test_what_else_the_version_asks_for_is_written_afterwards(
    change: Propose, state: OrderState, goes_on: bool
) -> None:
    """OI-49: completion is not lost because a refund came with it."""
    now = order(state=state)
    assert goes_on_afterwards(asked(change, now=now), now, WRITTEN) is goes_on
