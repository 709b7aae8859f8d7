"""Do the names in the shop file exist in the tenant? Asked by `truckroll check`, before the first run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from connectors.servicetitan.client import ServiceTitan
from connectors.servicetitan.schemas import CustomFieldType
from connectors.servicetitan.texts import nearest, same_name
from models.job import NotLanded
from models.shop import PartsSettings

TEXT: Final = "Text"
_FREE_TEXT: Final = frozenset(
    {"parts.field_part_status", "parts.field_part_eta", "parts.diagnosis.custom_field.part_number"}
)
"""Fields that hold whatever is written: neither a list of choices nor a number can (jpm-v2 `CustomFieldDataType`)."""


async def missing_names(client: ServiceTitan, parts: PartsSettings) -> tuple[NotLanded, ...]:
    """Return every name of [parts] the tenant does not have, with the nearest one, and fields of the wrong type.

    Nothing here can be made by the API: an admin makes it in ServiceTitan (FACTS, trap 16).
    """
    missing: list[NotLanded] = []
    reasons = [reason.name for reason in await client.list_hold_reasons() if reason.active]
    missing += _not_among(reasons, {"parts.hold_reason": parts.hold_reason}, "active job hold reason")
    wanted = {"parts.field_part_status": parts.field_part_status, "parts.field_part_eta": parts.field_part_eta}
    if parts.diagnosis_from == "custom_field":
        fields = parts.diagnosis.custom_field.model_dump()
        wanted |= {f"parts.diagnosis.custom_field.{setting}": name for setting, name in fields.items()}
    types = await client.list_job_custom_fields()
    missing += _not_among([kind.name for kind in types], wanted, "job custom field")
    missing += [
        told for setting, name in wanted.items() if setting in _FREE_TEXT and (told := _no_text(setting, name, types))
    ]
    if parts.diagnosis_from == "form":
        name = parts.diagnosis.form.form
        forms = [form.name or "" for form in await client.list_forms(name)]
        missing += _not_among(forms, {"parts.diagnosis.form.form": name}, "form")
    return tuple(missing)


def _no_text(setting: str, name: str, types: Iterable[CustomFieldType]) -> NotLanded | None:
    kind = next((kind for kind in types if same_name(kind.name, name)), None)
    if kind is None or same_name(kind.data_type, TEXT):
        return None
    return NotLanded(
        what=setting,
        why=f'The job custom field "{kind.name}" is {kind.data_type}: what is written there does not fit into it.',
        fix=f"An admin makes a {TEXT} field in ServiceTitan, and {setting} in the shop file names it.",
    )


def _not_among(known: Iterable[str], wanted: dict[str, str], kind: str) -> list[NotLanded]:
    names = list(known)
    return [
        NotLanded(
            what=setting,
            why=f'ServiceTitan has no {kind} "{name}". {nearest(name, names)}'.strip(),
            fix=f"An admin makes it in ServiceTitan, or {setting} in the shop file is corrected.",
        )
        for setting, name in wanted.items()
        if name.strip() and not any(same_name(name, each) for each in names)
    ]
