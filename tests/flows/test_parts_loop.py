"""The parts loop, from the diagnosis to the order: one truth a test. Names carry the checklist's items."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import anyio
import pytest

from flows.running import run_process
from models.address import Address
from models.approval import Answer, ApprovalStatus, Refused
from models.base import utc_now
from models.errors import ContractError, RejectedError, TransientError, TruckrollError, UnauthorizedError
from models.job import Board, Contact, DiagnosisPlace, JobState, NotLanded, PublishReport
from models.part import BranchStock, PartRef, Placement, Substitution
from models.report import RunItem
from models.request import Stage
from models.tables import PartRequestRow
from tasks import held
from tasks.approvals import Settled, answer_question
from tests.flows.conftest import World, shop_settings
from tests.flows.fakes import a_candidate, a_diagnosis, a_job

REQUEST = "demo-48213-1"
QUESTION = "demo-48213-1-r1"


async def one_pass(process: str = "parts-loop") -> list[RunItem]:
    return (await run_process(process, "demo")).items


async def asked(world: World, **diagnosis: object) -> None:
    """Diagnose a drain pump on job 48213 and take it to its question."""
    world.jobs.diagnoses = [a_diagnosis(**diagnosis)]
    assert [item.outcome for item in await one_pass("diagnosis-watch")] == ["awaiting_approval"]


async def answer(
    world: World, approval_id: str = QUESTION, by: str = "Dana Whitfield", **said: object
) -> Settled | Refused:
    """Answer as a technician does on the command line."""
    spoken = Answer(decision="approve", by=by, via="command line").model_copy(update=said)
    return await answer_question(world.books, world.house.shop, approval_id, spoken)


async def request_of(world: World, request_id: str = REQUEST) -> PartRequestRow:
    request = await world.books.requests.get(request_id)
    assert request is not None
    return request


async def test_a_diagnosed_part_is_asked_approved_and_ordered_once(world: World) -> None:
    """PL-3, PL-4, PL-6, PL-10, PL-14: nothing is typed twice, nothing ordered before the yes, and then once."""
    await asked(world)
    assert world.marcone.orders == []
    assert "waits for approval" in world.jobs.notes[0]

    assert isinstance(await answer(world), Settled)
    assert [item.outcome for item in await one_pass()] == ["ordered"]
    [order] = world.marcone.orders
    assert (order.po_number, order.terms.part_number, order.terms.branch) == ("48213-1", "WPW10348269", "601")

    assert await one_pass() == []
    assert len(world.marcone.orders) == 1
    assert (await request_of(world)).stage == Stage.ORDERED


async def test_reading_the_same_diagnosis_again_asks_nothing_new(world: World) -> None:
    """PL-33: a second look at an unchanged job writes nothing."""
    await asked(world)
    boards = len(world.jobs.boards)
    again = await one_pass("diagnosis-watch")
    assert again == []
    assert len(world.jobs.boards) == boards


async def test_the_customer_and_the_technician_are_told_in_their_own_words(world: World) -> None:
    """PL-8, PL-34: the technician hears the question, the customer the order and a date, without prices."""
    world.house.shop = world.house.shop.model_copy(
        update={
            "messages": world.house.shop.messages.model_copy(
                update={"smtp_url": "mailto://127.0.0.1:1", "customer_email_from": "parts@shop.example.com"}
            )
        }
    )
    await asked(world)
    await answer(world)
    await one_pass()
    to_technician, to_customer = world.letters
    assert "dana%40example.com" in to_technician[0][0]
    assert "ann%40example.com" in to_customer[0][0]
    assert to_customer[1].startswith("Your part is ordered")
    assert "$" not in to_customer[2]


async def test_a_customer_who_may_not_be_messaged_is_not(world: World) -> None:
    """Consent flags of the job platform are respected."""
    contact = Contact(name="Ann Example", emails=("ann@example.com",), may_message=False, why_not="do not mail")
    world.jobs.jobs["48213"] = a_job(contact=contact)
    await asked(world)
    await answer(world)
    await one_pass()
    assert [title for _, title, _ in world.letters if title.startswith("Your part")] == []


# --- the gate ------------------------------------------------------------------------------------------------


async def test_two_people_answering_at_once_are_one_answer(world: World) -> None:
    """PL-14: the second button press changes nothing."""
    await asked(world)
    assert isinstance(await answer(world), Settled)
    second = await answer(world, decision="reject")
    assert isinstance(second, Refused)
    assert "Dana Whitfield" in second.why
    await one_pass()
    assert len(world.marcone.orders) == 1


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        pytest.param({"by": "Somebody Else"}, "Dana Whitfield", id="not an assigned technician"),
        pytest.param({"by": "  "}, "name", id="nobody"),
        pytest.param({"quantity": 0}, "quantity", id="no quantity"),
        pytest.param({"quantity": 500}, "quantity", id="an absurd quantity"),
        pytest.param({"branch": "777"}, "777", id="a branch nobody offered"),
        pytest.param({"part_number": "WPX999"}, "WPX999", id="a part nobody offered"),
    ],
)
async def test_an_answer_that_does_not_fit_the_question_is_refused(
    world: World, said: dict[str, object], complaint: str
) -> None:
    """PL-11, PL-16: the question stays open, the refusal says why, nothing is ordered."""
    await asked(world)
    refused = await answer(world, **said)
    assert isinstance(refused, Refused)
    assert complaint.lower() in f"{refused.why} {refused.fix}".lower()
    assert [item.outcome for item in await one_pass()] == ["awaiting_approval"]
    assert world.marcone.orders == []


async def test_anyone_may_approve_where_the_shop_says_so(world: World) -> None:
    """[parts] approvers = "anyone"."""
    world.house.shop = shop_settings(approvers="anyone")
    await asked(world)
    assert isinstance(await answer(world, by="Office Olga"), Settled)
    await one_pass()
    assert world.marcone.orders[0].approval.decided_by == "Office Olga"


async def test_a_rejection_orders_nothing_and_shows_on_the_job(world: World) -> None:
    """PL-15."""
    await asked(world)
    await answer(world, decision="reject", note="Customer bought a new one.")
    assert [item.outcome for item in await one_pass()] == ["rejected"]
    assert world.marcone.orders == []
    assert "Customer bought a new one." in world.jobs.notes[-1]
    assert (await request_of(world)).stage == Stage.REJECTED


async def test_an_answer_after_expiry_is_refused_and_can_be_asked_again(world: World) -> None:
    """PL-15: silence orders nothing; `held retry` asks anew, with fresh prices."""
    world.house.shop = shop_settings(approval_expires_after="1s")
    await asked(world)
    row = await world.books.approvals.get(QUESTION)
    assert row is not None
    await world.books.approvals.expire_due(utc_now() + timedelta(hours=1))
    assert isinstance(await answer(world), Refused)

    assert [item.outcome for item in await one_pass("reconcile")] == ["expired"]
    assert "nobody answered" in world.jobs.notes[-1]
    [entry] = await world.books.held.list("demo")
    world.house.shop = shop_settings()
    await held.retry(world.books, entry.id or 0)
    assert [item.outcome for item in await one_pass()] == ["awaiting_approval"]
    assert isinstance(await answer(world, f"{REQUEST}-r2"), Settled)


async def test_a_pass_of_the_loop_ends_a_question_past_its_time(world: World) -> None:
    """PL-15: also where no `reconcile` runs."""
    world.house.shop = shop_settings(approval_expires_after="1s")
    await asked(world)
    await anyio.sleep(1.1)
    assert isinstance(await answer(world), Refused)
    assert [item.outcome for item in await one_pass()] == ["expired"]
    assert world.marcone.orders == []


async def test_an_answer_to_an_older_question_does_not_count(world: World) -> None:
    """PL-12: the technician changed the diagnosis meanwhile."""
    await asked(world)
    world.jobs.diagnoses = [a_diagnosis(quantity="2")]
    assert [item.outcome for item in await one_pass("diagnosis-watch")] == ["awaiting_approval"]
    assert isinstance(await answer(world), Refused)
    assert isinstance(await answer(world, f"{REQUEST}-r2"), Settled)
    await one_pass()
    [order] = world.marcone.orders
    assert order.terms.quantity == 2


# --- what moved between the answer and the order --------------------------------------------------------------


def _far_away(world: World) -> None:
    address = Address(name="Ann Example", street="9 Elm St", city="Mobile", state="AL", zip="36602")
    world.jobs.jobs["48213"] = a_job(address=address)


def _dearer(world: World) -> None:
    world.marcone.parts["WPW10348269"] = (a_candidate(unit_price=Decimal("50.00")),)


def _sold_out(world: World) -> None:
    stock = (
        BranchStock(branch="601", name="Birmingham", available=0, transit_days=1),
        BranchStock(branch="901", name="St. Louis", available=9, transit_days=3),
    )
    world.marcone.parts["WPW10348269"] = (a_candidate(stock=stock),)


def _replaced(world: World) -> None:
    new = PartRef(make="WPL", number="W11768590")
    world.marcone.parts["WPW10348269"] = (a_candidate(is_discontinued=True, stock=(), replaced_by=(new,)),)
    world.marcone.parts["W11768590"] = (a_candidate("W11768590"),)


def _other_carrier(world: World) -> None:
    world.marcone.methods = ("UPS Ground",)


@pytest.mark.parametrize(
    ("moves", "said"),
    [
        pytest.param(_dearer, "50.00", id="price"),
        pytest.param(_sold_out, "601", id="branch stock"),
        pytest.param(_replaced, "W11768590", id="part"),
        pytest.param(_far_away, "Mobile", id="address"),
        pytest.param(_other_carrier, "FedEx Ground", id="shipping method"),
    ],
)
async def test_what_moved_after_the_answer_is_asked_again(world: World, moves: object, said: str) -> None:
    """PL-12, PL-13: the approval is void, a new question says what moved, and nothing was ordered."""
    await asked(world)
    await answer(world)
    moves(world)  # type: ignore[operator]
    assert [item.outcome for item in await one_pass()] == ["awaiting_approval"]
    assert world.marcone.orders == []
    old, new = await world.books.approvals.list("demo")
    assert (old.status, new.status) == (ApprovalStatus.VOID, ApprovalStatus.REQUESTED)
    assert said in new.question
    assert said in world.jobs.notes[-1]


async def test_a_price_within_tolerance_is_ordered(world: World) -> None:
    """[parts] price_tolerance = "5%"."""
    await asked(world)
    await answer(world)
    world.marcone.parts["WPW10348269"] = (a_candidate(unit_price=Decimal("42.00")),)
    assert [item.outcome for item in await one_pass()] == ["ordered"]
    assert world.marcone.orders[0].terms.unit_price == Decimal("41.20")


# --- choices ---------------------------------------------------------------------------------------------------


async def test_one_number_under_two_makes_is_the_technicians_choice(world: World) -> None:
    """PL-16, PL-20: no part is suggested; an approval without a choice is refused, listing the choices."""
    other = a_candidate().model_copy(update={"part": PartRef(make="GEH", number="WPW10348269", description="Valve")})
    world.marcone.parts["WPW10348269"] = (a_candidate(), other)
    await asked(world)
    refused = await answer(world)
    assert isinstance(refused, Refused)
    assert "GEH" in f"{refused.why} {refused.fix}"
    assert isinstance(await answer(world, part_number="WPW10348269", make="GEH"), Settled)


async def test_a_replaced_number_is_followed_and_the_path_shown(world: World) -> None:
    """PL-21: the current number is offered, with the way to it."""
    old = a_candidate(
        "W10295370A", is_discontinued=True, stock=(), replaced_by=(PartRef(make="WPL", number="EDR1RXD1"),)
    )
    world.marcone.parts |= {"W10295370A": (old,), "EDR1RXD1": (a_candidate("EDR1RXD1"),)}
    await asked(world, number="W10295370A")
    row = await world.books.approvals.get(QUESTION)
    assert row is not None
    assert "W10295370A" in row.question
    assert (await request_of(world)).part_number == "EDR1RXD1"


async def test_a_substitution_reported_after_the_order_is_put_in_front_of_a_person(world: World) -> None:
    """PL-13: followed all the same, and held for somebody to look."""
    sub = Substitution(ordered=PartRef(make="WPL", number="WPW10348269"), shipped=PartRef(make="WPL", number="W999999"))
    world.marcone.answer = lambda _: Placement(order_numbers=("90001",), substitutions=(sub,))
    await asked(world)
    await answer(world)
    assert [item.outcome for item in await one_pass()] == ["ordered"]
    [entry] = await world.books.held.list("demo")
    assert "W999999" in entry.reason
    assert any("W999999" in note for note in world.jobs.notes)


# --- bad input and failures --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("diagnosis", "field"),
    [
        pytest.param({"numbers": ()}, "part number", id="no number"),
        pytest.param({"numbers": ("???",)}, "part number", id="no number one can read"),
        pytest.param({"quantity": "0"}, "quantity", id="none"),
        pytest.param({"quantity": "1.5"}, "quantity", id="half a part"),
        pytest.param({"quantity": "400"}, "quantity", id="a slip of the finger"),
        pytest.param({"asks_model": True}, "model number", id="no model where the shop asks for one"),
    ],
)
async def test_a_diagnosis_one_cannot_read_is_held_with_the_field_named(
    world: World, diagnosis: dict[str, object], field: str
) -> None:
    """PL-17, PL-18: a clear request to the technician, not a guess."""
    world.jobs.diagnoses = [a_diagnosis(**diagnosis)]
    assert [item.outcome for item in await one_pass("diagnosis-watch")] == ["held"]
    [entry] = await world.books.held.list("demo")
    assert entry.field == field
    assert entry.fix
    assert "cannot go on" in world.jobs.notes[-1]
    assert world.marcone.orders == []


async def test_not_found_is_told_apart_from_not_available(world: World) -> None:
    """PL-19, PL-22: one is held to be corrected, the other a clear end."""
    world.marcone.parts["8186024"] = (a_candidate("8186024", is_discontinued=True, stock=()),)
    world.jobs.diagnoses = [a_diagnosis("WPW99999999"), a_diagnosis("8186024")]
    items = await one_pass("diagnosis-watch")
    assert [item.outcome for item in items] == ["held", "unavailable"]
    assert (await request_of(world, "demo-48213-2")).stage == Stage.UNAVAILABLE


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(TransientError("Marcone does not answer.", "Wait.", vendor="Marcone"), id="away"),
        pytest.param(
            UnauthorizedError("Marcone refuses the client.", "Check MARCONE_CLIENT_SECRET.", vendor="Marcone"),
            id="a mistyped secret",
        ),
    ],
)
async def test_a_distributor_that_is_away_or_refuses_us_is_told_once_and_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, trouble: TruckrollError
) -> None:
    """PL-19, PL-59: one entry on the held list; the request stays open, and goes on by itself when all is well."""

    async def away(*_: object, **__: object) -> None:
        raise trouble

    monkeypatch.setattr("tasks.parts.match_part.retries", 0)
    works = world.marcone.match
    monkeypatch.setattr(world.marcone, "match", away)
    world.jobs.diagnoses = [a_diagnosis()]
    assert [item.outcome for item in await one_pass("diagnosis-watch")] == ["failed"]
    assert [item.outcome for item in await one_pass()] == ["failed"]
    [entry] = await world.books.held.list("demo")
    assert (entry.record, entry.fix) == ("Marcone", trouble.fix)

    monkeypatch.setattr(world.marcone, "match", works)
    assert [item.outcome for item in await one_pass()] == ["awaiting_approval"]
    assert await world.books.held.list("demo") == []


async def test_something_unforeseen_in_one_record_does_not_stop_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug is reported with the record's name; the rest of the pass goes on."""
    good = world.jobs.jobs["48213"]
    world.jobs.diagnoses = [a_diagnosis(job="99999"), a_diagnosis()]
    world.jobs.jobs = {"48213": good}  # reading job 99999 is a KeyError
    items = await one_pass("diagnosis-watch")
    assert sorted(item.outcome for item in items) == ["awaiting_approval", "failed"]
    assert "KeyError" in next(item.reason for item in items if item.outcome == "failed")


async def test_one_bad_record_never_stops_the_rest(world: World) -> None:
    """Promise 3: held, never lost."""
    world.jobs.diagnoses = [a_diagnosis("???", numbers=("???",)), a_diagnosis()]
    assert sorted(item.outcome for item in await one_pass("diagnosis-watch")) == ["awaiting_approval", "held"]


@pytest.mark.parametrize("state", [JobState.CANCELED, JobState.GONE, JobState.DONE])
async def test_a_job_that_ended_while_waiting_orders_nothing(world: World, state: JobState) -> None:
    """The approval that came too late is void."""
    await asked(world)
    await answer(world)
    world.jobs.jobs["48213"] = a_job(state=state, status_words=str(state))
    assert [item.outcome for item in await one_pass()] == ["canceled"]
    assert world.marcone.orders == []
    row = await world.books.approvals.get(QUESTION)
    assert row is not None
    assert row.status == ApprovalStatus.VOID


async def test_a_job_that_was_over_before_anybody_was_asked_is_left_as_it_is(world: World) -> None:
    """A shop's first look back finds sold estimates of finished jobs: no note, no question."""
    world.jobs.jobs["48213"] = a_job(state=JobState.DONE, status_words="Completed")
    world.jobs.diagnoses = [a_diagnosis()]
    assert [item.outcome for item in await one_pass("diagnosis-watch")] == ["canceled"]
    assert world.jobs.boards == []


async def test_a_lost_answer_to_the_order_goes_to_a_person_and_is_never_repeated(world: World) -> None:
    """PL-60: unresolved and held, with what to check; their word settles it."""
    world.marcone.lose_answer = True
    await asked(world)
    await answer(world)
    assert [item.outcome for item in await one_pass()] == ["unresolved"]
    assert await one_pass() == []
    assert len(world.marcone.orders) == 1
    [entry] = await world.books.held.list("demo")
    assert "48213-1" in f"{entry.reason} {entry.fix}"
    assert "48213-1" in world.jobs.notes[-1]

    await held.retry(world.books, entry.id or 0, placed=("90000001",))
    assert [item.outcome for item in await one_pass()] == ["ordered"]
    assert len(world.marcone.orders) == 1
    assert [order.order_number for order in await world.books.orders.list_open("demo")] == ["90000001"]


async def test_an_order_that_surely_did_not_land_is_asked_anew_under_a_new_number(world: World) -> None:
    """FACTS section 8: a suffix only after a person says the first never landed."""
    world.marcone.lose_answer = True
    await asked(world)
    await answer(world)
    await one_pass()
    [entry] = await world.books.held.list("demo")
    await held.retry(world.books, entry.id or 0, not_placed=True)
    world.marcone.lose_answer = False
    assert [item.outcome for item in await one_pass()] == ["awaiting_approval"]
    assert isinstance(await answer(world, f"{REQUEST}-r2"), Settled)
    await one_pass()
    assert [order.po_number for order in world.marcone.orders] == ["48213-1", "48213-1-R2"]


async def test_a_word_on_a_lost_order_counts_whole_or_not_at_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """PL-60: killed while it is taken down, the person can say it again."""
    world.marcone.lose_answer = True
    await asked(world)
    await answer(world)
    await one_pass()
    [entry] = await world.books.held.list("demo")

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(world.books.requests, "move_in", killed)
        with pytest.raises(KeyboardInterrupt):
            await held.retry(world.books, entry.id or 0, placed=("90000001",))
    assert (await request_of(world)).stage == Stage.UNRESOLVED
    await held.retry(world.books, entry.id or 0, placed=("90000001",))
    assert [item.outcome for item in await one_pass()] == ["ordered"]
    assert len(world.marcone.orders) == 1


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(lambda _: Placement(order_numbers=(), reason="Credit hold"), id="declined"),
        pytest.param(lambda _: (_ for _ in ()).throw(RejectedError("Marcone: bad make", "Ask.")), id="refused"),
    ],
)
async def test_an_order_the_distributor_declines_is_held_with_its_words(world: World, refusal: object) -> None:
    """PL-59: shown on the job; a retry asks the technician again."""
    world.marcone.answer = refusal  # type: ignore[assignment]
    await asked(world)
    await answer(world)
    [item] = await one_pass()
    assert item.outcome == "held"
    [entry] = await world.books.held.list("demo")
    assert any(word in entry.reason for word in ("Credit hold", "bad make"))
    world.marcone.answer = None
    await held.retry(world.books, entry.id or 0)
    assert [item.outcome for item in await one_pass()] == ["awaiting_approval"]


async def test_a_job_that_could_not_be_told_is_told_by_the_next_pass(world: World) -> None:
    """What must be told is written with the event: a failing platform delays it, and loses nothing."""
    await asked(world)
    await answer(world)
    world.jobs.fail = [RejectedError("ServiceTitan: job is locked", "Unlock it.")]
    assert [item.outcome for item in await one_pass()] == ["ordered"]
    [entry] = await world.books.held.list("demo")
    assert "locked" in entry.reason


async def test_only_the_pilots_jobs_are_touched(world: World) -> None:
    """PL-49: other technicians' jobs are left alone."""
    world.house.shop = shop_settings(pilot_technicians=["Luis Ortega"])
    world.jobs.diagnoses = [a_diagnosis()]
    assert [item.outcome for item in await one_pass("diagnosis-watch")] == ["skipped"]
    assert world.jobs.boards == []


async def test_a_second_lost_answer_is_told_like_the_first(world: World) -> None:
    """Each unresolved order has its own note, naming its own number."""
    world.marcone.lose_answer = True
    await asked(world)
    for revision, po_number in ((1, "48213-1"), (2, "48213-1-R2")):
        assert isinstance(await answer(world, f"{REQUEST}-r{revision}"), Settled)
        [item] = await one_pass()
        assert item.outcome == "unresolved"
        assert po_number in item.reason
        [entry] = await world.books.held.list("demo")
        assert po_number in entry.reason
        assert f"PO {po_number}" in world.jobs.notes[-1]
        await held.retry(world.books, entry.id or 0, not_placed=True)
        await one_pass()


async def test_a_vendor_that_is_away_stays_on_the_list_until_it_was_asked_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass that asked nothing of it says nothing about it."""
    await world.books.held.hold("demo", "access", "Marcone", reason="Marcone does not answer.")
    await one_pass("diagnosis-watch")
    await one_pass("reconcile")
    assert [entry.record for entry in await world.books.held.list("demo")] == ["Marcone"]


@pytest.mark.parametrize("is_approved", [False, True], ids=["its question was open", "it was approved"])
async def test_a_number_corrected_on_the_job_ends_the_question_about_the_old_one(
    world: World,
    is_approved: bool,
) -> None:
    """PL-12, PL-13: one diagnosis stands in the field, so one part can be ordered."""
    field = DiagnosisPlace(prefix="fake/48213/field/", words='job 48213, field "Part number"')
    world.marcone.parts["NEW12345"] = (a_candidate("NEW12345"),)
    world.jobs.places = [field]
    world.jobs.diagnoses = [a_diagnosis(source_key=f"{field.prefix}WPW10348269")]
    await one_pass("diagnosis-watch")
    if is_approved:
        await answer(world)
    world.jobs.diagnoses = [a_diagnosis("NEW12345", source_key=f"{field.prefix}NEW12345")]
    assert [item.outcome for item in await one_pass("diagnosis-watch")] == ["awaiting_approval"]
    assert (await request_of(world)).stage == Stage.TAKEN_OUT
    assert [item.outcome for item in await one_pass()] == ["awaiting_approval"]
    assert world.marcone.orders == []


async def test_a_note_the_job_refused_is_held_and_written_on_retry(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PL-59, promise 3: a question nobody on the job can see is put in front of a person."""
    works = world.jobs.publish

    async def refuses(board: Board, *, look_first: bool = False) -> PublishReport:
        return PublishReport(not_landed=(NotLanded(what="note", why="the job is locked", fix="Unlock it."),))

    monkeypatch.setattr(world.jobs, "publish", refuses)
    await asked(world)
    [entry] = await world.books.held.list("demo")
    assert (entry.process, "locked" in entry.reason) == ("job-board", True)

    monkeypatch.setattr(world.jobs, "publish", works)
    await held.retry(world.books, entry.id or 0)
    await one_pass()
    assert "waits for approval" in world.jobs.notes[-1]
    assert await world.books.held.list("demo") == []


@pytest.mark.parametrize("step", ["effects.look_again_in", "held.release_in"])
async def test_a_retry_that_was_killed_leaves_the_note_on_the_held_list(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """PL-59: a retry happens whole or not at all: afterwards the person simply says it again."""
    works = world.jobs.publish

    async def refuses(board: Board, *, look_first: bool = False) -> PublishReport:
        return PublishReport(not_landed=(NotLanded(what="note", why="the job is locked", fix="Unlock it."),))

    monkeypatch.setattr(world.jobs, "publish", refuses)
    await asked(world)
    monkeypatch.setattr(world.jobs, "publish", works)
    [entry] = await world.books.held.list("demo")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    part, name = step.split(".")
    with monkeypatch.context() as patch:
        patch.setattr(getattr(world.books, part), name, killed)
        with pytest.raises(KeyboardInterrupt):
            await held.retry(world.books, entry.id or 0)
    await one_pass()
    assert [one.id for one in await world.books.held.list("demo")] == [entry.id]
    assert world.jobs.notes == []

    await held.retry(world.books, entry.id or 0)
    await one_pass()
    assert "waits for approval" in world.jobs.notes[-1]
    assert await world.books.held.list("demo") == []


async def test_an_answer_that_breaks_the_contract_is_held(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distributor's row without a price is one record's trouble, named and kept."""

    async def broken(*_: object, **__: object) -> None:
        raise ContractError("Marcone's answer lacks partResults.0.price.", "Tell Marcone.")

    monkeypatch.setattr(world.marcone, "match", broken)
    world.jobs.diagnoses = [a_diagnosis()]
    assert [item.outcome for item in await one_pass("diagnosis-watch")] == ["held"]
