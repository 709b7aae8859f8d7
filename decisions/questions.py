"""The question a technician reads, and the choices the form offers. Understandable without training.

Everything that came from elsewhere is escaped: it shows as it was written and can be neither markup nor link.
Source: CHECKLIST PL-11, PL-20, PL-21, PL-23 to PL-26.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal

from decisions.offers import replaced_words, ships_from_maker
from decisions.words import branch_label, days, listed, moment, money, one_line
from models.approval import Offer, OfferedPart
from models.job import DiagnosedPart, JobView
from models.part import BranchStock

_SIGNS = re.compile(r"[\\`*_\[\]|~@#]")
_LINKS = re.compile(r"(https?|ftp|mailto|xmpp)(:)|(www)(\.)", re.IGNORECASE)
_BLOCK = re.compile(r"^(?:(?P<sign>[-+=])|(?P<count>\d+)(?P<dot>[.)]))")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True, slots=True)
class PartChoice:
    """One entry of the form's list of parts."""

    label: str
    make: str
    number: str


@dataclass(frozen=True, slots=True)
class BranchChoice:
    """One entry of the form's list of branches."""

    label: str
    branch: str


@dataclass(frozen=True, slots=True)
class FormChoices:
    """What the form lets a person choose; labels are unique, so each leads back to one part or branch."""

    parts: tuple[PartChoice, ...]
    branches: tuple[BranchChoice, ...]

    def part_for(self, label: str) -> PartChoice | None:
        """Return the part behind a label; None for a label this form never showed."""
        return next((choice for choice in self.parts if choice.label == label), None)

    def branch_for(self, label: str) -> BranchChoice | None:
        """Return the branch behind a label; None for a label this form never showed."""
        return next((choice for choice in self.branches if choice.label == label), None)


def escape(text: str) -> str:
    """Return foreign text, on one line, so that Markdown shows it as written: no table cell, tag, link or heading."""
    clean = one_line(text)
    marked = _SIGNS.sub(lambda found: f"\\{found.group()}", clean).translate(_ENTITIES)
    unlinked = _LINKS.sub(
        lambda found: f"{found.group(1) or found.group(3)}\\{found.group(2) or found.group(4)}", marked
    )
    return _BLOCK.sub(_unblock, unlinked)


def question_markdown(
    offer: Offer,
    *,
    job: JobView,
    diagnosed: DiagnosedPart,
    expires_at: datetime,
    zone: tzinfo,
    approvers: Sequence[str] = (),
    because: Sequence[str] = (),
    distributor: str = "Marcone",
) -> str:
    """Write the whole question. `because`: what moved since the last one, when this is not the first."""
    blocks = [
        f"## Job {escape(job.number)} - {escape(job.customer_name)}",
        _what_moved(because),
        _what_is_asked(offer, job, diagnosed, distributor),
        _parts_table(offer),
        *(_branches_of(part, offer) for part in offer.parts),
        _delivery(offer, zone),
        _warnings(offer),
        _answers(offer, expires_at, zone, approvers),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def form_markdown(
    offer: Offer,
    *,
    job_number: str,
    customer_name: str,
    diagnosed: DiagnosedPart,
    expires_at: datetime,
    zone: tzinfo,
    because: str = "",
) -> str:
    """Write the question for a narrow form: everything a decision needs in a few lines, no tables.

    `because`: why the last answer was not taken.
    """
    first = offer.parts[0]
    lines = [f"### Job {escape(job_number)} - {escape(customer_name)}", ""]
    if because:
        lines += [f"**Not accepted: {escape(because)}**", ""]
    if offer.must_choose:
        lines += [f"**Order {offer.quantity}? Choose the part first.**", ""]
        lines += [f"- {escape(_part_label(part))}" for part in offer.parts]
    else:
        lines += [f"**Order {offer.quantity} x {escape(str(first.part))}?**", ""]
        lines.append(
            f"- {escape(first.part.description) or 'Price'}: {money(first.unit_price)} each, "
            f"**{money(total(first, offer.quantity))} in all**, before freight"
        )
        if first.branches:
            row = first.branches[0]
            lines.append(f"- From {escape(_branch_choice_label([(first, row)], 1))}")
    if len(first.path) > 1 and not offer.must_choose:
        lines.append(f"- Diagnosed {escape(first.path[0])}, replaced: {escape(' → '.join(first.path))}")
    else:
        lines.append(f"- Diagnosed: {escape(listed(diagnosed.numbers, 'or'))}")
    lines.append(f"- To {escape(offer.ship_to.one_line())}, by {escape(offer.ship_method)}")
    said = {replaced_words(part.path) for part in offer.parts}
    warnings = [*offer.warnings, *(warning for part in offer.parts for warning in part.warnings if warning not in said)]
    lines += [f"- **Note:** {escape(warning)}" for warning in dict.fromkeys(warnings)]
    lines.append(f"- Open until {moment(expires_at, zone)}. Other branches and the whole offer: tab Artifacts.")
    return "\n".join(lines) + "\n"


def form_choices(offer: Offer) -> FormChoices:
    """Return the labels of the form's lists, such as "WPW10348269 (WPL) - Drain pump - $41.20"."""
    parts = [(_part_label(part), part.part.make, part.part.number) for part in offer.parts]
    rows: dict[str, list[tuple[OfferedPart, BranchStock]]] = {}
    for part in offer.parts:
        for row in part.branches:
            rows.setdefault(row.branch, []).append((part, row))
    branches = [(_branch_choice_label(stock, len(offer.parts)), branch) for branch, stock in rows.items()]
    return FormChoices(
        tuple(
            PartChoice(label, make, number)
            for label, (_, make, number) in zip(_unique([each[0] for each in parts]), parts, strict=True)
        ),
        tuple(
            BranchChoice(label, branch)
            for label, (_, branch) in zip(_unique([each[0] for each in branches]), branches, strict=True)
        ),
    )


def total(part: OfferedPart, quantity: int) -> Decimal:
    """Return what the pieces cost with their core charges, US dollars, before freight."""
    return quantity * (part.unit_price + (part.core_charge or 0))


def _what_moved(because: Sequence[str]) -> str:
    if not because:
        return ""
    title = "**The offer changed since it was approved. That approval does not count any more.**"
    return "\n".join([title, "", *(f"- {escape(reason)}" for reason in because)])


def _what_is_asked(offer: Offer, job: JobView, diagnosed: DiagnosedPart, distributor: str) -> str:
    number = escape(listed(diagnosed.numbers)) or "no number"
    description = f" - {escape(diagnosed.description)}" if diagnosed.description else ""
    lines = [f"Diagnosed: **{number}**{description}, from {escape(diagnosed.source_words)}."]
    appliance = diagnosed.appliance
    if appliance.manufacturer or appliance.model:
        named = escape(f"{appliance.manufacturer} {appliance.model}")
        serial = f", serial {escape(appliance.serial)}" if appliance.serial else ""
        lines.append(f"Appliance: {named}{serial}. {escape(distributor)} does not check that a part fits.")
    lines += [escape(said) for said in dict.fromkeys(replaced_words(part.path) for part in offer.parts) if said]
    if job.technicians:
        lines.append(f"Technician: {escape(listed((each.name for each in job.technicians), 'and'))}.")
    ask = "Which part should be ordered?" if offer.must_choose else f"Order {offer.quantity} of this part?"
    return "  \n".join([*lines, f"**{ask}**"])


def _parts_table(offer: Offer) -> str:
    rows = [
        f"| Part | Description | Price each | Core charge each | Total for {offer.quantity} |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for place, part in enumerate(offer.parts):
        suggested = " (suggested)" if place == 0 and len(offer.parts) > 1 and not offer.must_choose else ""
        core = money(part.core_charge) if part.core_charge else "none"
        rows.append(
            f"| {escape(str(part.part))}{suggested} | {escape(part.part.description)} "
            f"| {money(part.unit_price)} | {core} | {money(total(part, offer.quantity))} |"
        )
    return "\n".join(rows)


def _branches_of(part: OfferedPart, offer: Offer) -> str:
    if ships_from_maker(part):
        return f"{escape(str(part.part))} ships from the maker, not from a branch."
    if not part.branches:
        return f"No branch lists {escape(str(part.part))}."
    title = f"Branches for {escape(str(part.part))}" if len(offer.parts) > 1 else "Branches"
    rows = [f"**{title}**", "", "| Branch | In stock | Days to get there |", "| --- | ---: | --- |"]
    for place, row in enumerate(part.branches):
        suggested = " (suggested)" if place == 0 else ""
        rows.append(f"| {escape(branch_label(row))}{suggested} | {max(row.available, 0)} | {days(row.transit_days)} |")
    return "\n".join(rows)


def _delivery(offer: Offer, zone: tzinfo) -> str:
    quoted = moment(offer.quoted_at, zone)
    addressee = f"{offer.ship_to.name}, " if offer.ship_to.name else ""
    return "\n".join(
        [
            f"- Ship to: {escape(addressee + offer.ship_to.one_line())}",
            f"- Ship by: {escape(offer.ship_method)}",
            f"- Prices: the account's own net price in US dollars, before freight, quoted {quoted}",
        ]
    )


def _warnings(offer: Offer) -> str:
    said = list(dict.fromkeys(offer.warnings))
    for part in offer.parts:
        prefix = f"{part.part}: " if len(offer.parts) > 1 else ""
        said += [f"{prefix}{warning}" for warning in part.warnings if warning != replaced_words(part.path)]
    if not said:
        return ""
    return "\n".join(["**Look at this first**", "", *(f"- {escape(warning)}" for warning in said)])


def _answers(offer: Offer, expires_at: datetime, zone: tzinfo, approvers: Sequence[str]) -> str:
    waits = [part for part in offer.parts if part.is_backordered]
    approve = "orders the part you choose" if offer.must_choose else "orders the suggested part, or the one you choose"
    who = f" Only {escape(listed(approvers))} may answer." if approvers else ""
    lines = [
        "**Your answer**",
        "",
        f"- **approve** {approve}, from the branch shown, once.",
        "- Before ordering, price and stock are looked up again; if they moved, you are asked again.",
        "- **reject** orders nothing; the job shows it.",
        f"- No answer until {moment(expires_at, zone)}: nothing is ordered, and the job shows it.{who}",
    ]
    if waits:
        lines.append("- No branch has the quantity now: approving it accepts the wait.")
    return "\n".join(lines)


def _part_label(part: OfferedPart) -> str:
    # The price before the description: Prefect's form cuts off what is long.
    described = [one_line(str(part.part)), money(part.unit_price), one_line(part.part.description)]
    return " - ".join(word for word in described if word)


def _branch_choice_label(stock: Sequence[tuple[OfferedPart, BranchStock]], offered: int) -> str:
    row = stock[0][1]
    if offered == 1:
        in_stock = f"{max(row.available, 0)} in stock"
    else:
        in_stock = ", ".join(f"{max(each.available, 0)} x {one_line(part.part.number)}" for part, each in stock)
    return f"{branch_label(row)} - {in_stock} - {days(row.transit_days)}"


def _unique(labels: Sequence[str]) -> list[str]:
    """Return the labels with repeats numbered, so that each leads back to one thing."""
    kept: list[str] = []
    for label in labels:
        candidate, count = label, 2
        while candidate in kept:
            candidate, count = f"{label} ({count})", count + 1
        kept.append(candidate)
    return kept


def _unblock(found: re.Match[str]) -> str:
    if found.group("sign"):
        return f"\\{found.group('sign')}"
    return f"{found.group('count')}\\{found.group('dot')}"
