"""The end of the demo, checked where it counts: in the vendors' systems and the mailbox."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deployments.demo.play import DIAGNOSES, Diagnosis
from models.approval import OrderTerms
from models.tables import ApprovalRow

HOLD = "Job On Hold"
MAILS = ("ordered", "on its way")
NOTES = ["asked", "ordered", "shipped"]
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}\b")


@dataclass(frozen=True)
class Check:
    """One thing that must be so."""

    record: str
    """The job's or the store order's number."""
    what: str
    ok: bool
    found: str


def check_all(state: dict[str, Any], answered: Sequence[ApprovalRow]) -> list[Check]:
    """Compare the sandbox's state with what was approved. `answered` are the questions as they stand now."""
    checks = [
        Check(
            "all",
            f"exactly {len(DIAGNOSES)} purchase orders",
            len(state["marcone"]["orders"]) == len(DIAGNOSES),
            f"{len(state['marcone']['orders'])} orders",
        )
    ]
    by_job = {row.job_number: row for row in answered}
    for one in DIAGNOSES:
        row = by_job.get(one.job)
        if row is None or row.terms is None:
            checks.append(Check(one.job, "was asked and approved", ok=False, found="no approved question"))
            continue
        checks += _order(state, one, row)
        checks += _job(state, one, row)
        checks += _mails(state, one)
    return checks


def _order(state: dict[str, Any], one: Diagnosis, row: ApprovalRow) -> list[Check]:
    terms = OrderTerms.model_validate(row.terms)
    orders = [order for order in state["marcone"]["orders"] if order["po_number"] == row.po_number]
    lines = [line for order in orders for line in order["lines"]]
    said = [f"{line['quantity']} x {line['part_number']}" for line in lines]
    branches = [str(order["warehouse"]) for order in orders]
    wanted = f"{terms.quantity} x {one.ordered}"
    checks = [
        Check(one.job, f"one purchase order for {wanted}", said == [wanted], ", ".join(said) or "none"),
        Check(one.job, f"from the approved branch {terms.branch}", branches == [terms.branch], ", ".join(branches)),
    ]
    if one.stock is not None:
        stocked = [branch for branch in branches if one.stock.get(branch)]
        checks.append(Check(one.job, "from a branch that had it", bool(stocked), ", ".join(branches) or "none"))
    return checks


def _job(state: dict[str, Any], one: Diagnosis, row: ApprovalRow) -> list[Check]:
    job = next(job for job in state["servicetitan"]["jobs"] if job["jobNumber"] == one.job)
    fields = {field["name"]: str(field["value"]) for field in job["customFields"]}
    status, eta = fields.get("Part status", ""), fields.get("Part ETA", "")
    holds = [event for event in job["history"] if event["eventType"] == HOLD]
    marks = [str(note["text"]).strip().splitlines()[-1] for note in job["notes"]]
    told = [mark.strip("[]").split()[2] for mark in marks if row.request_id in mark]
    reason = job["hold_reason"] or ""
    return [
        Check(one.job, "the field Part status says shipped", status == "shipped", status or "empty"),
        Check(one.job, "the field Part ETA has a date", bool(_DATE.match(eta)), eta or "empty"),
        Check(one.job, "on hold, once, for parts", len(holds) == 1 and "parts" in reason, f"{len(holds)} x {reason}"),
        Check(one.job, "one note each: asked, ordered, shipped", sorted(told) == NOTES, ", ".join(told) or "none"),
    ]


def _mails(state: dict[str, Any], one: Diagnosis) -> list[Check]:
    job = next(job for job in state["servicetitan"]["jobs"] if job["jobNumber"] == one.job)
    contacts = state["servicetitan"]["contacts"]
    addresses = {
        contact["value"]
        for contact in contacts
        if contact["customerId"] == job["customerId"] and contact["type"] == "Email"
    }
    subjects = [str(mail["subject"]) for mail in state["mailbox"] if addresses & set(mail["to"])]
    said = "; ".join(subjects) or "none"
    confirmed = [subject for subject in subjects if "ordered" in subject.casefold()]
    shipped = [subject for subject in subjects if "on its way" in subject.casefold()]
    return [
        Check(one.job, "one mail to the customer: ordered", len(confirmed) == 1, said),
        Check(one.job, "one mail to the customer: on its way", len(shipped) == 1 and len(subjects) == len(MAILS), said),
    ]
