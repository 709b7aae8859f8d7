"""What the page shows of a question: everything a decision needs, in words, ready for the template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from decisions.offers import replaced_words, ships_from_maker
from decisions.questions import form_choices, total
from decisions.words import branch_label, days, listed, long_date, money, one_line
from models.approval import Answer, Offer, OfferedPart, Refused
from models.job import DiagnosedPart
from models.part import BranchStock
from models.tables import ApprovalRow, PartRequestRow

VIA = "approval page"
LONGEST_NOTE = 500
_LONGEST_QUANTITY = 6


@dataclass(frozen=True)
class Branch:
    """A branch to ship from."""

    value: str
    label: str
    stock: str
    transit: str
    is_suggested: bool = False
    is_chosen: bool = False


@dataclass(frozen=True)
class Part:
    """A part on offer."""

    value: str
    name: str
    description: str
    each: str
    core: str
    total: str
    path: str
    warnings: list[str]
    branches: list[Branch]
    from_maker: bool
    is_backordered: bool
    is_suggested: bool
    is_chosen: bool


@dataclass(frozen=True)
class QuestionPage:
    """One question, for one person."""

    title: str
    job: str
    customer: str
    name: str
    shop: str
    facts: list[tuple[str, str]]
    what_moved: str
    warnings: list[str]
    parts: list[Part]
    branches: list[Branch]
    """The choice of branches, over all parts."""
    must_choose: bool
    quantity: str
    most: int
    note: str
    until: str
    form_nonce: str
    longest_note: int = LONGEST_NOTE
    refused: Refused | None = None


@dataclass(frozen=True)
class Said:
    """The form, as it came back."""

    decision: str = ""
    part: str = ""
    branch: str = ""
    quantity: str = ""
    note: str = ""
    nonce: str = field(default="", repr=False)

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> Said:
        """Read the form's fields; unknown ones are nothing to us."""
        return cls(**{name: fields.get(name, "").strip() for name in cls.__dataclass_fields__})

    def answer(self, offer: Offer, by: str) -> Answer | Refused:
        """Return what the person said, for the rules to judge; or why it cannot even be read."""
        decided = self.decided(by)
        if isinstance(decided, Refused) or decided.decision == "reject":
            return decided
        quantity = self.quantity or str(offer.quantity)
        if not (quantity.isascii() and quantity.isdigit() and len(quantity) <= _LONGEST_QUANTITY):
            return Refused(
                why="The quantity is not a whole number.", fix=f"Write one, or leave it as asked: {offer.quantity}."
            )
        part = _part_at(offer, self.part)
        if self.part and part is None:
            return Refused(why="That part is not on offer.", fix="Choose one of the parts shown.")
        return decided.model_copy(
            update={
                "part_number": part.part.number if part else "",
                "make": part.part.make if part else "",
                "quantity": int(quantity),
                "branch": one_line(self.branch),
            }
        )

    def decided(self, by: str) -> Answer | Refused:
        """Return the yes or no with its note; or why it cannot even be read."""
        note = "".join(sign for sign in self.note.replace("\r\n", "\n") if sign == "\n" or sign.isprintable())
        if len(note) > LONGEST_NOTE:
            return Refused(why="The note is too long.", fix=f"Keep it under {LONGEST_NOTE} characters.")
        match self.decision:
            case "approve":
                return Answer(decision="approve", by=by, note=note, via=VIA)
            case "reject":
                return Answer(decision="reject", by=by, note=note, via=VIA)
            case _:
                return Refused(why="The form came back without a decision.", fix="Press Approve or Reject.")


def question_page(
    row: ApprovalRow,
    request: PartRequestRow,
    *,
    name: str,
    shop: str,
    zone: tzinfo,
    most: int,
    now: datetime,
    form_nonce: str,
    what_moved: str = "",
    said: Said | None = None,
    refused: Refused | None = None,
) -> QuestionPage:
    """Build the page of an open question. `said` and `refused`: the answer that was not taken, and why."""
    offer = Offer.model_validate(row.offer)
    answered = said or Said()
    one = offer.parts[0] if len(offer.parts) == 1 else None
    return QuestionPage(
        title="Which part should be ordered?" if offer.must_choose else _order_words(offer),
        job=one_line(row.job_number or row.job),
        customer=one_line(request.customer_name),
        name=one_line(name),
        shop=shop,
        facts=_facts(offer, DiagnosedPart.model_validate(request.diagnosis), zone, now),
        what_moved=one_line(what_moved),
        warnings=list(dict.fromkeys(one_line(words) for words in (*offer.warnings, *(_warnings(one) if one else ())))),
        parts=[_part(offer, place, answered) for place in range(len(offer.parts))],
        branches=_branch_choice(offer, one, answered),
        must_choose=offer.must_choose,
        quantity=answered.quantity or str(offer.quantity),
        most=most,
        note=answered.note,
        until=when(row.expires_at, zone, now),
        form_nonce=form_nonce,
        refused=refused,
    )


def when(at: datetime, zone: tzinfo, now: datetime) -> str:
    """Write a moment in the shop's zone, such as "Friday, October 2, 14:15 CDT"."""
    local = at.astimezone(zone)
    return f"{long_date(local.date(), now.astimezone(zone).date())}, {local:%H:%M %Z}"


def _order_words(offer: Offer) -> str:
    return "Order this part?" if offer.quantity == 1 else f"Order {offer.quantity} of this part?"


def _facts(offer: Offer, diagnosed: DiagnosedPart, zone: tzinfo, now: datetime) -> list[tuple[str, str]]:
    number = listed(diagnosed.numbers) or "no number"
    appliance = diagnosed.appliance
    named = " ".join(word for word in (appliance.manufacturer, appliance.model) if word)
    serial = f"serial {appliance.serial}" if appliance.serial else ""
    ship_to = f"{offer.ship_to.name}, {offer.ship_to.one_line()}" if offer.ship_to.name else offer.ship_to.one_line()
    found = [
        ("Diagnosed", " - ".join(word for word in (number, diagnosed.description) if word)),
        ("Appliance", ", ".join(word for word in (named, serial) if word)),
        ("Ship to", ship_to),
        ("Ship by", offer.ship_method),
        ("Quoted", when(offer.quoted_at, zone, now)),
    ]
    return [(what, one_line(words)) for what, words in found if words]


def _part(offer: Offer, place: int, said: Said) -> Part:
    part = offer.parts[place]
    is_suggested = place == 0 and not offer.must_choose
    return Part(
        value=str(place),
        name=one_line(str(part.part)),
        description=one_line(part.part.description),
        each=money(part.unit_price),
        core=money(part.core_charge) if part.core_charge else "",
        total=f"{money(total(part, offer.quantity))} for {offer.quantity}",
        path=" → ".join(one_line(number) for number in part.path) if len(part.path) > 1 else "",
        warnings=[one_line(words) for words in _warnings(part)],
        branches=[_branch(row, f"{max(row.available, 0)} in stock") for row in part.branches],
        from_maker=ships_from_maker(part),
        is_backordered=part.is_backordered,
        is_suggested=is_suggested and len(offer.parts) > 1,
        is_chosen=said.part == str(place) if said.part else is_suggested,
    )


def _branch_choice(offer: Offer, one: OfferedPart | None, said: Said) -> list[Branch]:
    """Return the branches to choose from. With one part its best is chosen; with several, the best of the one taken."""
    if one is not None:
        return [
            _branch(
                row,
                f"{max(row.available, 0)} in stock",
                is_suggested=place == 0,
                is_chosen=said.branch == row.branch if said.branch else place == 0,
            )
            for place, row in enumerate(one.branches)
        ]
    rows = {row.branch: row for part in offer.parts for row in part.branches}
    if not rows:
        return []
    best = Branch("", "The best branch for the part you choose", "", "", is_suggested=True, is_chosen=not said.branch)
    choices = [
        _branch(
            rows[choice.branch],
            ", ".join(
                f"{max(row.available, 0)} x {one_line(str(part.part))}"
                for part in offer.parts
                for row in part.branches
                if row.branch == choice.branch
            ),
            is_chosen=said.branch == choice.branch,
        )
        for choice in form_choices(offer).branches
    ]
    return [best, *choices]


def _branch(row: BranchStock, stock: str, *, is_suggested: bool = False, is_chosen: bool = False) -> Branch:
    return Branch(row.branch, branch_label(row), stock, days(row.transit_days), is_suggested, is_chosen)


def _warnings(part: OfferedPart) -> list[str]:
    return [words for words in part.warnings if words != replaced_words(part.path)]


def _part_at(offer: Offer, value: str) -> OfferedPart | None:
    return next((part for place, part in enumerate(offer.parts) if str(place) == value), None)
