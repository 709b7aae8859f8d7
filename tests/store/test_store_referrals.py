"""Referral links in the store: one person for each e-mail, whatever changes, whoever is killed, whoever shares."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pytest
from sqlalchemy import func, select

from decisions.contact_map import draft_of, plan_mapping
from decisions.referral_sync import decide_sync
from models.contact_sync import (
    Absent,
    Adopt,
    Conflict,
    Create,
    Decision,
    Draft,
    DraftEmail,
    Gone,
    Later,
    Linked,
    Look,
    Mark,
    NotSent,
    Outcome,
    Refused,
    Share,
    Skip,
    SkipReason,
    Taken,
    Unchanged,
    Update,
)
from models.link_write_back import NotWritten
from models.person import IndexEntry
from models.referral import ReferralUser
from models.referral_settings import ContactSyncSettings
from models.tables import ReferralUserRow
from store import Books
from store.contact_index import ContactIndex, touch_in

CAMPAIGN = 1001
MAP = plan_mapping(
    ContactSyncSettings(enabled=True, map={"first_name": "customer.first_name", "email": "contact.email"})
)


def customer(number: int, name: str = "Pat Sample", **changes: object) -> IndexEntry:
    return IndexEntry.model_validate({"source": f"customer/{number}", "customer": number, "name": name, **changes})


async def come_again(index: ContactIndex, *customers: int) -> None:
    """Let the next sync come to them, though nothing of theirs changed."""
    await index._store.run(lambda session: touch_in(session, "demo", customers))


def contact(number: int, of: int, email: str, *, is_active: bool = True) -> IndexEntry:
    return IndexEntry(source=f"contact/{number}", customer=of, email=email, is_active=is_active)


def location(number: int, of: int) -> IndexEntry:
    return IndexEntry(source=f"location/{number}", customer=of)


def draft(number: int, email: str, name: str = "Pat") -> Draft:
    return Draft(number, name, (DraftEmail(email, email, number),))


@dataclass
class Program:
    """A referral program that remembers its persons. It can be told to refuse or to stop answering."""

    persons: dict[int, str] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    refuses: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    dies_after: int | None = None
    """How many more writes are done before the sync is killed, the last without an answer."""

    def by_email(self, email: str) -> int | None:
        return next((number for number, kept in self.persons.items() if kept == email), None)

    def carry_out(self, call: Decision) -> Outcome | None:
        self.calls.append(type(call).__name__)
        match call:
            case Create(draft):
                return self._create(call, draft)
            case Adopt(draft):
                found = self.by_email(draft.key)
                return Linked(call, self.user(found)) if found else self._create(call, draft)
            case Update(draft, user_id):
                return self._update(call, draft, user_id)
            case Look(_, key, _):
                found = self.by_email(key)
                return Linked(call, self.user(found)) if found else Absent(call)
            case _:
                raise AssertionError(call)

    def user(self, number: int) -> ReferralUser:
        return ReferralUser(
            id=number,
            campaign_id=CAMPAIGN,
            code=f"code{number}",
            url=f"https://acme.example.com/code{number}",
            email=self.persons[number],
        )

    def _create(self, call: Create | Adopt, draft: Draft) -> Outcome | None:
        if draft.key in self.refuses:
            return Refused(call, "The email must be a valid email address.")
        found = self.by_email(draft.key)
        number = found or len(self.persons) + 1
        self.persons[number] = draft.key
        self.names.setdefault(number, draft.first_name)
        return Linked(call, self.user(number), was_there=found is not None) if self._answers() else None

    def _update(self, call: Update, draft: Draft, user_id: int) -> Outcome | None:
        if user_id not in self.persons:
            return Gone(call)
        if self.by_email(draft.key) not in {None, user_id}:
            return Taken(call, "The email has already been taken.", "")
        if draft.key in self.refuses:
            return Refused(call, "The email must be a valid email address.")
        self.persons[user_id], self.names[user_id] = draft.key, draft.first_name
        return Linked(call, self.user(user_id)) if self._answers() else None

    def _answers(self) -> bool:
        if self.dies_after is None:
            return True
        self.dies_after -= 1
        return self.dies_after > 0


class KilledError(Exception):
    """The sync was killed."""


class Sync:
    """The contact sync, without a network: pages of the index, decisions, calls, results."""

    def __init__(self, books: Books, program: Program, *, shop: str = "demo", page: int = 500) -> None:
        self.books, self.program, self.shop, self.page = books, program, shop, page
        self.runs = 0
        self.decided: list[Decision] = []

    async def run(self) -> list[str]:
        """Do one pass; return the calls it made."""
        self.runs += 1
        self.decided, self.program.calls = [], []
        mark = Mark.of(await self.books.cursors.get(self.shop, "referrals"))
        while True:
            page = await self.books.contact_index.changed(self.shop, mark, limit=self.page)
            if not page.customers:
                return self.program.calls
            await self.decide([draft_of(one, MAP) for one in page.customers])
            mark = page.mark
            await self.books.cursors.set(self.shop, "referrals", mark.text())

    async def decide(self, drafts: Iterable[Draft | Skip]) -> tuple[Decision, ...]:
        run = f"run-{self.runs}"
        decisions = await self.books.referrals.begin(self.shop, CAMPAIGN, drafts, decide_sync, run=run)
        self.decided += decisions
        outcomes = []
        for decision in decisions:
            if isinstance(decision, Create | Adopt | Update | Look):
                outcome = self.program.carry_out(decision)
                if outcome is None:
                    raise KilledError
                outcomes.append(outcome)
        await self.books.referrals.finish(self.shop, CAMPAIGN, outcomes)
        return decisions

    async def links(self) -> dict[int, int]:
        """Return the person of each customer that has a link."""
        return {one.customer: one.user_id for one in await self.books.referrals.links(self.shop, CAMPAIGN, limit=9999)}

    async def skipped(self) -> dict[int, SkipReason]:
        return {one.customer: one.reason for one in await self.books.referrals.skipped(self.shop, CAMPAIGN)}


@pytest.fixture
def index(books: Books) -> ContactIndex:
    return books.contact_index


@pytest.fixture
def program() -> Program:
    return Program()


@pytest.fixture
def sync(books: Books, program: Program) -> Sync:
    return Sync(books, program)


async def changed(index: ContactIndex, since: Mark = Mark()) -> list[int]:  # noqa: B008 - a constant
    return [one.id for one in (await index.changed("demo", since)).customers]


async def test_a_page_has_what_changed_with_all_contacts_in_the_order_they_were_made(index: ContactIndex) -> None:
    """RF-30: contacts by number, not by text; a removed one is not there; locations are not in it."""
    await index.put(
        "demo",
        [
            customer(
                7, "Dana Whitfield", customer_type="Residential", do_not_mail=True, custom_fields=(("VIP", "yes"),)
            ),
            contact(100, 7, "late@example.com"),
            contact(99, 7, "early@example.com"),
            contact(98, 7, "gone@example.com", is_active=False),
            location(5, 7),
        ],
    )
    (one,) = (await index.changed("demo", Mark())).customers
    assert (one.id, one.name, one.customer_type, one.do_not_mail) == (7, "Dana Whitfield", "Residential", True)
    assert one.custom_fields == (("VIP", "yes"),)
    assert [(kept.id, kept.email) for kept in one.contacts] == [
        (99, "early@example.com"),
        (100, "late@example.com"),
    ]


async def test_pages_follow_each_other_and_nothing_is_read_twice(index: ContactIndex) -> None:
    """RF-40: flat memory, one page at a time, also where many changed in one transaction."""
    await index.put("demo", [customer(number) for number in range(1, 8)])
    await index.put("other", [customer(1)])
    seen, mark = [], Mark()
    while (page := await index.changed("demo", mark, limit=3)).customers:
        assert len(page.customers) <= 3
        seen += [one.id for one in page.customers]
        mark = Mark.of(page.mark.text())
        assert await index.waiting("demo", mark) == 7 - len(seen)
    assert seen == list(range(1, 8))


async def test_what_is_told_again_as_it_was_is_no_change(index: ContactIndex) -> None:
    """RF-D3: feeds repeat the last quarter of an hour, and tell of a customer at each payment."""
    page = [customer(1), contact(11, 1, "pat@example.com")]
    await index.put("demo", page)
    mark = (await index.changed("demo", Mark())).mark
    await index.put("demo", page)
    await index.replace("demo", [1], page)
    await index.put("demo", [location(5, 1)])
    assert await changed(index, mark) == []


@pytest.mark.parametrize(
    ("entries", "whose"),
    [
        pytest.param([customer(1, "New Name")], [1], id="the customer"),
        pytest.param([contact(11, 1, "new@example.com")], [1], id="a contact, whose customer's record stays as it was"),
        pytest.param([contact(11, 1, "pat@example.com", is_active=False)], [1], id="a contact that was removed"),
        pytest.param([contact(11, 2, "pat@example.com")], [1, 2], id="a contact that went to another customer: both"),
        pytest.param([contact(12, 3, "c@example.com")], [3], id="a contact of a customer nobody told of yet"),
    ],
)
async def test_each_change_is_seen_once(index: ContactIndex, entries: list[IndexEntry], whose: list[int]) -> None:
    """RF-39: a contact's change does not touch its customer's record in ServiceTitan, and counts all the same."""
    await index.put("demo", [customer(1), customer(2), contact(11, 1, "pat@example.com")])
    mark = (await index.changed("demo", Mark())).mark
    await index.put("demo", entries)
    assert await changed(index, mark) == whose
    assert await changed(index, (await index.changed("demo", mark)).mark) == []


async def test_a_contact_that_is_gone_from_a_customer_read_anew_is_a_change(index: ContactIndex) -> None:
    await index.put("demo", [customer(1), customer(2), contact(11, 1, "pat@example.com")])
    mark = (await index.changed("demo", Mark())).mark
    await index.replace("demo", [1, 2], [customer(1), customer(2)])
    assert await changed(index, mark) == [1]


async def test_a_customer_that_changes_while_pages_are_read_comes_again(index: ContactIndex) -> None:
    """RF-30: a page changing under the reader loses nobody."""
    await index.put("demo", [customer(number) for number in range(1, 6)])
    first = await index.changed("demo", Mark(), limit=3)
    await index.put("demo", [customer(2, "New Name"), customer(5, "New Name")])
    assert await changed(index, first.mark) == [4, 2, 5]


async def test_everybody_with_a_usable_email_gets_a_link_and_the_others_a_reason(
    index: ContactIndex, sync: Sync, program: Program
) -> None:
    """RF-2, RF-30, RF-33: every customer is either linked or listed; nobody is both."""
    program.refuses = {"pat@nomx.example.com"}
    await index.put(
        "demo",
        [
            customer(1, "Dana Whitfield"),
            contact(11, 1, "Dana@Example.com "),
            customer(2),
            customer(3),
            contact(31, 3, "pat at example.com"),
            customer(4, is_active=False),
            contact(41, 4, "four@example.com"),
            customer(5, is_active=False, merged_into="1"),
            customer(6, do_not_mail=True),
            contact(61, 6, "six@example.com"),
            customer(7),
            contact(71, 7, "pat@nomx.example.com"),
            contact(81, 8, "eight@example.com"),
        ],
    )
    assert await sync.run() == ["Create", "Create"]
    assert await sync.links() == {1: 1}
    assert await sync.skipped() == {
        2: SkipReason.NO_EMAIL,
        3: SkipReason.MALFORMED_EMAIL,
        4: SkipReason.INACTIVE,
        5: SkipReason.MERGED,
        6: SkipReason.DO_NOT_MAIL,
        7: SkipReason.REFUSED,
        8: SkipReason.NOT_READ,
    }
    counts = await sync.books.referrals.counts("demo", CAMPAIGN)
    assert (counts.linked, counts.waiting, counts.persons, sum(counts.skipped.values())) == (1, 0, 1, 7)
    (link,) = await sync.books.referrals.links("demo", CAMPAIGN)
    assert (link.customer, link.email, link.url) == (1, "Dana@Example.com", "https://acme.example.com/code1")
    assert await sync.run() == []


async def test_a_second_pass_over_everybody_calls_nobody(index: ContactIndex, sync: Sync, program: Program) -> None:
    """RF-D3: also when all customers are gone through again, the refused and the shared ones too."""
    program.refuses = {"no@nomx.example.com"}
    entries: list[IndexEntry] = []
    for number in range(1, 40):
        email = "no@nomx.example.com" if number % 10 == 0 else f"pat{number % 30}@example.com"
        entries += [customer(number, f"Pat{number} Sample"), contact(number, number, email)]
    await index.put("demo", entries)
    await sync.run()
    links, skipped = await sync.links(), await sync.skipped()
    await sync.books.cursors.set("demo", "referrals", Mark().text())
    assert await sync.run() == []
    assert (await sync.links(), await sync.skipped()) == (links, skipped)


async def test_customers_with_one_email_share_one_person_named_by_the_lowest_id(
    index: ContactIndex, sync: Sync, program: Program
) -> None:
    """RF-30: whatever order they come in, in one page or in several."""
    await index.put("demo", [customer(5, "Lee Sample"), contact(51, 5, "home@example.com")])
    await index.put("demo", [customer(3, "Dana Sample"), contact(31, 3, "HOME@example.com")])
    await index.put("demo", [customer(9, "Sam Sample"), contact(91, 9, "home@example.com")])
    sync.page = 2
    assert await sync.run() == ["Create", "Update"]
    assert await sync.links() == {3: 1, 5: 1, 9: 1}
    assert program.names == {1: "Dana"}
    counts = await sync.books.referrals.counts("demo", CAMPAIGN)
    assert (counts.linked, counts.persons) == (3, 1)


async def test_a_changed_email_keeps_person_link_and_history(index: ContactIndex, sync: Sync, program: Program) -> None:
    """RF-S11: changed with PUT, and back again; the old e-mail is nobody's afterwards."""
    await index.put("demo", [customer(1), contact(11, 1, "old@example.com")])
    await sync.run()
    await index.put("demo", [contact(11, 1, "new@example.com")])
    assert await sync.run() == ["Update"]
    assert (await sync.links(), program.persons) == ({1: 1}, {1: "new@example.com"})
    await index.put("demo", [customer(2), contact(21, 2, "old@example.com")])
    assert await sync.run() == ["Create"]
    assert await sync.links() == {1: 1, 2: 2}
    await index.put("demo", [contact(21, 2, "other@example.com")])
    await index.put("demo", [contact(11, 1, "old@example.com")])
    assert await sync.run() == ["Update", "Update"]
    assert program.persons == {1: "old@example.com", 2: "other@example.com"}


async def test_a_changed_name_is_sent_once_and_the_spelling_of_the_email_never(
    index: ContactIndex, sync: Sync, program: Program
) -> None:
    """RF-D3."""
    await index.put("demo", [customer(1, "Pat Sample"), contact(11, 1, "pat@example.com")])
    await sync.run()
    await index.put("demo", [customer(1, "Lee Sample"), contact(11, 1, "PAT@example.com")])
    assert await sync.run() == ["Update"]
    await index.put("demo", [contact(11, 1, "Pat@Example.com")])
    assert await sync.run() == []
    assert program.names == {1: "Lee"}


async def test_who_leaves_a_shared_email_gets_a_new_person_and_the_others_keep_theirs(
    index: ContactIndex, sync: Sync, program: Program
) -> None:
    """RF-S11: the one who stays names the person from now on."""
    await index.put(
        "demo",
        [
            customer(1, "Dana Sample"),
            contact(11, 1, "home@example.com"),
            customer(2, "Lee Sample"),
            contact(21, 2, "home@example.com"),
        ],
    )
    await sync.run()
    await index.put("demo", [contact(11, 1, "dana@example.com")])
    assert await sync.run() == ["Create", "Update"]
    assert await sync.links() == {1: 2, 2: 1}
    assert program.names == {1: "Lee", 2: "Dana"}


async def test_a_household_that_changes_its_email_takes_its_person_along(
    index: ContactIndex, sync: Sync, program: Program
) -> None:
    entries = [customer(1), contact(11, 1, "home@example.com"), customer(2), contact(21, 2, "home@example.com")]
    await index.put("demo", entries)
    await sync.run()
    await index.put("demo", [contact(11, 1, "new@example.com"), contact(21, 2, "new@example.com")])
    assert await sync.run() == ["Update"]
    assert await sync.links() == {1: 1, 2: 1}
    assert program.persons == {1: "new@example.com"}


async def test_a_new_email_that_is_anothers_is_held_and_the_old_link_kept(
    index: ContactIndex, sync: Sync, program: Program
) -> None:
    """RF-S11: known from the store without a call, or said by the program; it is mended by another e-mail."""
    entries = [customer(1), contact(11, 1, "one@example.com"), customer(2), contact(21, 2, "two@example.com")]
    await index.put("demo", entries)
    await sync.run()
    await index.put("demo", [contact(11, 1, "two@example.com")])
    assert await sync.run() == []
    assert isinstance(sync.decided[-1], Conflict)
    assert (await sync.links(), await sync.skipped()) == ({1: 1, 2: 2}, {1: SkipReason.EMAIL_TAKEN})
    program.persons[9] = "joined@example.com"
    await index.put("demo", [contact(11, 1, "joined@example.com")])
    assert await sync.run() == ["Update"]
    assert (await sync.links(), await sync.skipped()) == ({1: 1, 2: 2}, {1: SkipReason.EMAIL_TAKEN})
    await index.put("demo", [contact(11, 1, "free@example.com")])
    assert await sync.run() == ["Update"]
    assert (await sync.links(), await sync.skipped()) == ({1: 1, 2: 2}, {})
    assert program.persons[1] == "free@example.com"


async def test_the_survivor_of_a_merge_counts_and_keeps_its_own_link(
    index: ContactIndex, sync: Sync, program: Program
) -> None:
    """RF-30: although the other's older contact is its now; a survivor without link takes the other's."""
    entries = [customer(1), contact(11, 1, "one@example.com"), customer(2), contact(21, 2, "two@example.com")]
    await index.put("demo", entries)
    await sync.run()
    await index.put("demo", [customer(1, is_active=False, merged_into="2"), contact(11, 2, "one@example.com")])
    assert await sync.run() == []
    assert (await sync.links(), await sync.skipped()) == ({2: 2}, {1: SkipReason.MERGED})
    await index.put("demo", [customer(3)])
    await sync.run()
    entries = [customer(2, is_active=False, merged_into="3"), contact(21, 3, "two@example.com")]
    await index.put("demo", [*entries, contact(11, 2, "one@example.com", is_active=False)])
    assert await sync.run() == []
    assert await sync.links() == {3: 2}
    assert program.persons == {1: "one@example.com", 2: "two@example.com"}


async def test_who_comes_back_with_another_email_gets_the_old_link(index: ContactIndex, sync: Sync) -> None:
    """RF-S11: an e-mail that is taken away for a while does not cost the link."""
    await index.put("demo", [customer(1), contact(11, 1, "old@example.com")])
    await sync.run()
    await index.put("demo", [contact(11, 1, "old@example.com", is_active=False)])
    assert await sync.run() == []
    assert await sync.skipped() == {1: SkipReason.NO_EMAIL}
    await index.put("demo", [contact(12, 1, "new@example.com")])
    assert await sync.run() == ["Update"]
    assert (await sync.links(), await sync.skipped()) == ({1: 1}, {})


async def test_a_refused_change_of_email_is_held_and_a_refused_name_leaves_the_link(
    index: ContactIndex, sync: Sync, program: Program
) -> None:
    """RF-30: neither is sent again before something else changes."""
    await index.put("demo", [customer(1), contact(11, 1, "one@example.com")])
    await sync.run()
    program.refuses = {"one@nomx.example.com"}
    await index.put("demo", [contact(11, 1, "one@nomx.example.com")])
    assert await sync.run() == ["Update"]
    await come_again(index, 1)
    assert await sync.run() == []
    assert (await sync.links(), await sync.skipped()) == ({1: 1}, {1: SkipReason.REFUSED})
    await index.put("demo", [contact(11, 1, "one@example.com")])
    await sync.run()
    assert (await sync.links(), await sync.skipped()) == ({1: 1}, {})
    program.refuses = {"one@example.com"}
    await index.put("demo", [customer(1, "Lee Sample")])
    assert await sync.run() == ["Update"]
    await come_again(index, 1)
    assert await sync.run() == []
    assert await sync.links() == {1: 1}


async def test_whom_the_program_refused_is_tried_again_when_asked(
    index: ContactIndex, sync: Sync, program: Program
) -> None:
    """RF-30: when the plan was enlarged, or the domain mended."""
    program.refuses = {"pat@nomx.example.com"}
    entries = [customer(1), contact(11, 1, "pat@nomx.example.com"), customer(2), contact(21, 2, "two@example.com")]
    await index.put("demo", entries)
    await sync.run()
    program.refuses = set()
    assert await sync.books.referrals.forget_refusals("demo", CAMPAIGN) == 1
    assert await sync.run() == ["Create"]
    assert await sync.skipped() == {}


async def test_a_person_somebody_deleted_is_made_anew_when_it_is_to_be_changed(
    index: ContactIndex, sync: Sync, program: Program
) -> None:
    await index.put("demo", [customer(1), contact(11, 1, "one@example.com")])
    await sync.run()
    program.persons = {7: "seven@example.com"}
    await index.put("demo", [contact(11, 1, "new@example.com")])
    assert await sync.run() == ["Update", "Create"]
    assert await sync.links() == {1: 2}


async def test_a_create_without_answer_is_looked_for_first_and_not_made_again(
    index: ContactIndex, sync: Sync, program: Program
) -> None:
    """RF-40: killed between the call and its answer."""
    await index.put("demo", [customer(1), contact(11, 1, "one@example.com")])
    program.dies_after = 1
    with pytest.raises(KilledError):
        await sync.run()
    assert (await sync.books.referrals.counts("demo", CAMPAIGN)).waiting == 1
    program.dies_after = None
    assert await sync.run() == ["Adopt"]
    assert (await sync.links(), program.persons) == ({1: 1}, {1: "one@example.com"})


async def test_an_email_that_changed_while_its_create_had_no_answer_makes_no_second_person(
    index: ContactIndex, sync: Sync, program: Program
) -> None:
    """RF-40, RF-S11: the old e-mail is looked for; what is found is changed, what is not is made."""
    entries = [customer(1), contact(11, 1, "one@example.com"), customer(2), contact(21, 2, "two@example.com")]
    await index.put("demo", entries)
    program.dies_after = 1
    with pytest.raises(KilledError):
        await sync.run()
    program.dies_after = None
    await index.put("demo", [contact(11, 1, "uno@example.com"), contact(21, 2, "due@example.com")])
    assert await sync.run() == ["Look", "Look", "Update", "Create"]
    assert program.persons == {1: "uno@example.com", 2: "due@example.com"}
    assert await sync.links() == {1: 1, 2: 2}


async def test_a_change_of_email_without_answer_is_sent_again_also_back(
    index: ContactIndex, sync: Sync, program: Program
) -> None:
    """RF-S11: what the program has is not known, so the wanted state is sent, whatever it is by then."""
    await index.put("demo", [customer(1), contact(11, 1, "one@example.com")])
    await sync.run()
    for email, then in [("new@example.com", "new@example.com"), ("x@example.com", "new@example.com")]:
        await index.put("demo", [contact(11, 1, email)])
        program.dies_after = 1
        with pytest.raises(KilledError):
            await sync.run()
        program.dies_after = None
        await index.put("demo", [contact(11, 1, then)])
        assert await sync.run() == ["Update"]
        assert (await sync.links(), program.persons) == ({1: 1}, {1: then})
    assert await rows(sync.books) == 1


async def test_what_was_surely_not_sent_is_created_by_the_next_pass_without_a_search(books: Books, sync: Sync) -> None:
    """A refused connection, a pause the program asked for."""
    one = draft(1, "one@example.com")
    (decision,) = await books.referrals.begin("demo", CAMPAIGN, [one], decide_sync, run="a")
    assert isinstance(decision, Create)
    await books.referrals.finish("demo", CAMPAIGN, [NotSent(decision)])
    assert await sync.decide([one]) == (Create(one),)
    assert await sync.links() == {1: 1}


async def test_a_call_under_way_is_not_made_twice_by_the_same_sync(books: Books) -> None:
    """RF-40: the next page is begun before the last one is done."""
    one, other, moved = draft(4, "home@example.com"), draft(2, "home@example.com"), draft(4, "new@example.com")
    begin = books.referrals.begin
    (create,) = await begin("demo", CAMPAIGN, [one], decide_sync, run="a")
    assert isinstance(create, Create)
    assert await begin("demo", CAMPAIGN, [other], decide_sync, run="a") == (Share(other),)
    assert await begin("demo", CAMPAIGN, [moved], decide_sync, run="a") == (Create(moved),)
    assert await begin("demo", CAMPAIGN, [draft(4, "x@example.com")], decide_sync, run="a") == (
        Later(draft(4, "x@example.com")),
    )
    assert await begin("demo", CAMPAIGN, [other], decide_sync, run="b") == (Adopt(other),)


async def test_shops_and_campaigns_know_nothing_of_each_other(books: Books, program: Program) -> None:
    """RF-27."""
    sync = Sync(books, program)
    await books.contact_index.put("demo", [customer(1), contact(11, 1, "one@example.com")])
    await sync.run()
    one = draft(1, "one@example.com", "Pat")
    for shop, campaign in (("demo", 1002), ("other", CAMPAIGN)):
        assert await books.referrals.links(shop, campaign) == []
        assert await books.referrals.begin(shop, campaign, [one], decide_sync, run="a") == (Create(one),)
    assert await sync.links() == {1: 1}


async def test_who_signed_up_alone_is_told_apart_from_whom_a_sync_made(
    index: ContactIndex, sync: Sync, program: Program
) -> None:
    """RF-D1: and the name it signed up with stays."""
    program.persons, program.names = {1: "alone@example.com"}, {1: "Danny"}
    entries = [customer(1, "Dana"), contact(11, 1, "alone@example.com"), customer(2), contact(21, 2, "b@example.com")]
    await index.put("demo", entries)
    assert await sync.run() == ["Create", "Create"]
    assert await sync.books.referrals.ours("demo", CAMPAIGN, [1, 2, 3]) == {2}
    assert program.names == {1: "Danny", 2: "Pat"}


async def test_links_are_written_back_once_and_again_when_they_change(books: Books, program: Program) -> None:
    """Beyond RF-32: what was written where is known; one that a person took out can be asked for again."""
    sync, referrals = Sync(books, program), books.referrals
    entries = [customer(1), contact(11, 1, "a@example.com"), customer(2), contact(21, 2, "b@example.com"), customer(3)]
    await books.contact_index.put("demo", entries)
    await sync.run()
    due = await referrals.links_to_write("demo", CAMPAIGN)
    assert [one.customer for one in due] == [1, 2]
    await referrals.wrote("demo", CAMPAIGN, {one.customer: one.url for one in due})
    assert await referrals.links_to_write("demo", CAMPAIGN) == []
    await books.contact_index.put("demo", [contact(11, 1, "new@example.com")])
    await sync.run()
    assert await referrals.links_to_write("demo", CAMPAIGN) == []
    await referrals.wrote("demo", CAMPAIGN, {2: ""})
    assert [one.customer for one in await referrals.links_to_write("demo", CAMPAIGN)] == [2]
    assert await referrals.links_to_write("demo", CAMPAIGN, after=2) == []


async def test_a_link_that_could_not_be_written_waits_until_somebody_says_so(books: Books, program: Program) -> None:
    """One that was refused is not offered again, one that may go by itself is; a retry and another field take all."""
    sync, referrals = Sync(books, program), books.referrals
    for number in (1, 2, 3):
        await books.contact_index.put("demo", [customer(number), contact(number, number, f"p{number}@example.com")])
    await sync.run()
    due = await referrals.links_to_write("demo", CAMPAIGN)
    await referrals.wrote("demo", CAMPAIGN, {1: due[0].url})
    failures = [NotWritten(3, "The customer is inactive."), NotWritten(2, "Refused.", refused=due[1].url)]
    await referrals.could_not_write("demo", CAMPAIGN, failures)
    assert [one.customer for one in await referrals.links_to_write("demo", CAMPAIGN)] == [3]
    assert await referrals.count_to_write("demo", CAMPAIGN) == 1
    told = await referrals.unwritten("demo", CAMPAIGN)
    assert [(one.customer, one.why) for one in told] == [(2, "Refused."), (3, "The customer is inactive.")]
    assert [one.customer for one in await referrals.unwritten("demo", CAMPAIGN, after=2)] == [3]
    assert [one.link_why for one in await referrals.links("demo", CAMPAIGN)] == [
        "",
        "Refused.",
        "The customer is inactive.",
    ]
    assert await referrals.unwritten("other", CAMPAIGN) == []
    assert await referrals.unwritten("demo", CAMPAIGN + 1) == []

    assert await referrals.forget_refusals("demo", CAMPAIGN) == 2
    assert [one.customer for one in await referrals.links_to_write("demo", CAMPAIGN)] == [2, 3]
    assert await referrals.unwritten("demo", CAMPAIGN) == []
    await referrals.wrote("demo", CAMPAIGN, {2: due[1].url, 3: due[2].url})
    assert await referrals.count_to_write("demo", CAMPAIGN) == 0
    await referrals.write_again("demo", CAMPAIGN)
    assert await referrals.count_to_write("demo", CAMPAIGN) == 3


async def test_a_refusal_of_one_link_does_not_hold_the_next(books: Books, program: Program) -> None:
    """The link changed since: it is another one that is to be written."""
    sync, referrals = Sync(books, program), books.referrals
    await books.contact_index.put("demo", [customer(1), contact(11, 1, "a@example.com")])
    await sync.run()
    await referrals.could_not_write(
        "demo", CAMPAIGN, [NotWritten(1, "Refused.", refused="https://acme.example.com/old")]
    )
    assert [one.customer for one in await referrals.links_to_write("demo", CAMPAIGN)] == [1]


async def test_names_and_emails_of_any_script_and_length_are_kept(
    books: Books, sync: Sync, index: ContactIndex
) -> None:
    """Emoji, right-to-left names, broken letters and 600 characters."""
    names = [
        "\U0001f338 Zo\u00eb Sample",
        "\u0645\u062d\u0645\u062f \u0639\u0644\u064a",
        "x" * 600,
        "Pat\x00 \ud83d Sample",
    ]
    for number, name in enumerate(names, 1):
        await index.put(
            "demo",
            [
                customer(number, name.encode("utf-8", "replace").decode()),
                contact(number, number, f"p{number}@example.com"),
            ],
        )
    await sync.run()
    kept = await books.referrals.links("demo", CAMPAIGN)
    assert [one.customer for one in kept] == [1, 2, 3, 4]


async def rows(books: Books) -> int:
    statement = select(func.count()).select_from(ReferralUserRow)
    return await books.store.read(lambda session: session.execute(statement).scalar_one())


@pytest.mark.parametrize("seed", [0, 9, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3, 48, 54))])
async def test_however_it_is_killed_everybody_ends_with_the_right_link(
    books: Books, program: Program, seed: int
) -> None:
    """RF-30, RF-40, RF-D3: random changes, kills without answer in between; then all agrees, and all is quiet."""
    chance = random.Random(seed)
    sync = Sync(books, program, page=chance.choice([2, 5, 100]))
    emails = {number: f"p{number % 25}@example.com" for number in range(1, 31)}
    entries = [
        entry for number, email in emails.items() for entry in (customer(number), contact(number, number, email))
    ]
    await books.contact_index.put("demo", entries)
    made = 0
    for _ in range(25):
        for number in chance.sample(sorted(emails), 4):
            emails[number] = chance.choice(
                [f"p{number}@example.com", f"q{number}@example.com", "shared@example.com", ""]
            )
            entry = contact(number, number, emails[number], is_active=bool(emails[number]))
            await books.contact_index.put("demo", [entry])
        program.dies_after = chance.choice([1, 2, 5, 20])
        try:
            await sync.run()
        except KilledError:
            made += 1
        program.dies_after = None
    assert made
    await sync.run()
    assert_settled(program, emails, await sync.links(), await sync.skipped())
    await settle_what_is_free(sync)
    assert_settled(program, emails, await sync.links(), await sync.skipped())
    assert all(isinstance(one, Unchanged | Skip | Conflict) for one in sync.decided)


async def settle_what_is_free(sync: Sync) -> None:
    """Go through everybody until nobody is called: only who was held may be, whose new e-mail came free since."""
    for _ in range(30):
        held = {one for one, reason in (await sync.skipped()).items() if reason is SkipReason.EMAIL_TAKEN}
        await sync.books.cursors.set("demo", "referrals", Mark().text())
        if not await sync.run():
            return
        assert {one.draft.customer for one in sync.decided if isinstance(one, Create | Adopt | Update | Look)} <= held
    raise AssertionError("It never comes to rest.")


def assert_settled(
    program: Program, emails: Mapping[int, str], links: Mapping[int, int], skipped: Mapping[int, SkipReason]
) -> None:
    assert len(set(program.persons.values())) == len(program.persons)
    for number, email in emails.items():
        if skipped.get(number) is SkipReason.EMAIL_TAKEN:
            assert program.persons[links[number]] != email
        elif email:
            assert program.persons[links[number]] == email
        else:
            assert skipped[number] is SkipReason.NO_EMAIL
