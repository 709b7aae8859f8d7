"""The form Prefect shows when a person resumes a suspended run: typed, with the very choices of this question.

Every choice is an entry of a list, so that nothing is typed that could be mistyped. `decision` and the approver
have no default: an empty resume must not approve (PREFECT.md 1.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, cast

from prefect.input import RunInput
from pydantic import AfterValidator, Field, create_model

from decisions.questions import form_choices
from models.approval import Answer, Offer

CHOOSE = "(choose one)"
"""The entry shown first where the question suggests nothing; approving with it is refused."""

FROM_MAKER = "ships from the maker"


def decision_form(offer: Offer, approvers: Sequence[str], *, max_quantity: int, description: str) -> type[RunInput]:
    """Build the form of one question. `approvers` empty: any name may be given."""
    choices = form_choices(offer)
    parts = [choice.label for choice in choices.parts]
    branches = [choice.label for choice in choices.branches] or [FROM_MAKER]
    if offer.must_choose:
        parts = [CHOOSE, *parts]
        if len(branches) > 1:
            branches = [CHOOSE, *branches]
    fields: dict[str, Any] = {
        "decision": (
            Literal["approve", "reject"],
            Field(title="Order it?", description="approve: the order is placed on these terms. reject: it is not."),
        ),
        "approved_by": (_one_of(approvers), Field(title="Your name"))
        if approvers
        else (str, Field(title="Your name", min_length=1)),
        "part": (_one_of(parts), Field(default=parts[0], title="Part")),
        "quantity": (int, Field(default=offer.quantity, ge=1, le=max_quantity, title="Quantity")),
        "branch": (_one_of(branches), Field(default=branches[0], title="Ship from")),
        "note": (str, Field(default="", title="Note, kept with the decision")),
    }
    form = cast("type[RunInput]", create_model("PartDecision", __base__=RunInput, **fields))
    form._description = description  # noqa: SLF001  as RunInput.with_initial_data does
    return form


def change_form(approvers: Sequence[str], *, description: str) -> type[RunInput]:
    """Build the form of a question about a store order: there is nothing to choose but yes and no."""
    fields: dict[str, Any] = {
        "decision": (
            Literal["approve", "reject"],
            Field(title="Do it?", description="approve: it is done as described. reject: nothing is written."),
        ),
        "approved_by": (_one_of(approvers), Field(title="Your name"))
        if approvers
        else (str, Field(title="Your name", min_length=1)),
        "note": (str, Field(default="", title="Note, kept with the decision")),
    }
    form = cast("type[RunInput]", create_model("ChangeDecision", __base__=RunInput, **fields))
    form._description = description  # noqa: SLF001  as RunInput.with_initial_data does
    return form


def read_change_form(said: RunInput) -> Answer:
    """Turn a filled form into an answer, in the words the rules use."""
    values = said.model_dump()
    return Answer(decision=values["decision"], by=values["approved_by"], note=values["note"], via="prefect")


def _one_of(entries: Sequence[str]) -> Any:
    """Return the type of a list's entry. A `Literal` of one entry would be a constant nobody can fill in."""
    known = tuple(entries)

    def is_known(value: str) -> str:
        if value not in known:
            raise ValueError(f"choose one of: {', '.join(known)}")
        return value

    return Annotated[str, AfterValidator(is_known), Field(json_schema_extra={"enum": list(known)})]


def read_form(said: RunInput, offer: Offer) -> Answer:
    """Turn a filled form into an answer, in the words the rules use."""
    choices = form_choices(offer)
    values = said.model_dump()
    part = choices.part_for(values["part"])
    branch = choices.branch_for(values["branch"])
    return Answer(
        decision=values["decision"],
        by=values["approved_by"],
        part_number=part.number if part else "",
        make=part.make if part else "",
        quantity=values["quantity"],
        branch=branch.branch if branch else "",
        note=values["note"],
        via="prefect",
    )
