"""Builders for the unit tests: invented people, addresses and branches; part numbers from the catalogue."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from decisions.chain import Ending, Lookup, Resolved, next_step
from decisions.offers import make_offer
from decisions.part_numbers import same_part_number
from models.address import Address
from models.approval import Offer
from models.job import Appliance, Contact, DiagnosedPart, JobState, JobView, Technician
from models.part import BranchStock, Candidate, PartRef

NOW = datetime(2026, 9, 30, 15, 0, tzinfo=UTC)
HOME = Address(name="Pat Sample", street="12 Elm St", city="Birmingham", state="AL", zip="35203")
BIRMINGHAM = BranchStock(branch="601", name="Birmingham", available=4, transit_days=1)
ST_LOUIS = BranchStock(branch="901", name="St. Louis", available=9, transit_days=4)
NEAR_AND_FAR = (BIRMINGHAM, ST_LOUIS)
NOWHERE = (
    BranchStock(branch="601", name="Birmingham", available=0, transit_days=1),
    BranchStock(branch="901", name="St. Louis", available=0, transit_days=4),
)


def candidate(number: str = "WPW10348269", make: str = "WPL", **changes: object) -> Candidate:
    replaced_by = tuple(
        ref if isinstance(ref, PartRef) else PartRef(make=make, number=str(ref))
        for ref in changes.pop("replaced_by", ())  # type: ignore[attr-defined]
    )
    facts: dict[str, object] = {"unit_price": Decimal("41.20"), "stock": NEAR_AND_FAR, "quoted_at": NOW, **changes}
    part = PartRef(make=make, number=number, description=str(facts.pop("description", "Drain pump")))
    return Candidate(part=part, replaced_by=replaced_by, **facts)


class FakeDistributor:
    """Knows candidates by number, and counts what it is asked."""

    def __init__(self, *known: Candidate, also: dict[str, tuple[Candidate, ...]] | None = None) -> None:
        self.known = known
        self.also = also or {}
        self.asked: list[Lookup] = []

    def match(self, lookup: Lookup) -> tuple[Candidate, ...]:
        self.asked.append(lookup)
        if lookup.number in self.also:
            return self.also[lookup.number]
        return tuple(
            each
            for each in self.known
            if same_part_number(each.part.number, lookup.number) and lookup.make in ("", each.part.make)
        )

    def follow(self, *spellings: str) -> Ending:
        answers: dict[Lookup, tuple[Candidate, ...]] = {}
        while isinstance(step := next_step(spellings, answers), Lookup):
            assert step not in answers, "the same question twice"
            answers[step] = self.match(step)
        return step


def resolved(distributor: FakeDistributor, *spellings: str) -> Resolved:
    ending = distributor.follow(*spellings)
    assert isinstance(ending, Resolved), ending
    return ending


def offer_of(*candidates: Candidate, quantity: int = 1, asked: str | None = None, **more: object) -> Offer:
    number = asked or candidates[0].part.number
    found = resolved(FakeDistributor(also={number: candidates}), number)
    settings: dict[str, object] = {
        "ship_to": HOME,
        "ship_method": "FedEx Ground",
        "appliance": Appliance(model="WDT780SAEM1"),
        **more,
    }
    return make_offer(found, quantity=quantity, **settings)  # type: ignore[arg-type]


def job_view(customer: str = "Pat Sample") -> JobView:
    return JobView(
        ref="1001",
        number="48213",
        state=JobState.OPEN,
        status_words="In Progress",
        customer_name=customer,
        address=HOME,
        technicians=(Technician(id="7", name="Tess Tester"),),
        contact=Contact(name=customer),
    )


def diagnosed(*numbers: str, description: str = "pump", source: str = "estimate 8812, item 55") -> DiagnosedPart:
    return DiagnosedPart(
        job="1001",
        source_key="estimate/8812/55",
        source_words=source,
        numbers=numbers or ("WPW10348269",),
        description=description,
        appliance=Appliance(model="WDT780SAEM1", manufacturer="Whirlpool"),
    )
