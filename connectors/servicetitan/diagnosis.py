"""Where a technician's diagnosis stands in ServiceTitan: estimate items, job custom fields, or a form.

Source: FACTS 5.1. Which of the three a shop uses is its setting `parts.diagnosis_from`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from connectors.servicetitan.client import ServiceTitan
from connectors.servicetitan.schemas import (
    Estimate,
    EstimateItem,
    FormUnit,
    InstalledEquipment,
    Job,
    PricebookItem,
    SkuVendor,
    Submission,
    same_status,
)
from connectors.servicetitan.texts import (
    distinct,
    nearest,
    part_key,
    pieces,
    plain,
    quantity_text,
    same_name,
    value_text,
)
from models.base import JobRef
from models.errors import SettingsError
from models.job import Appliance, DiagnosedPart, Diagnoses, DiagnosisPlace
from models.shop import CustomFieldDiagnosis, EstimateDiagnosis, FormDiagnosis

MATERIAL: Final = "material"
EQUIPMENT: Final = "equipment"
"""The SKU types that are parts; services and the rest are not."""


async def from_estimates(
    client: ServiceTitan, setting: EstimateDiagnosis, distributor: str, since: datetime
) -> AsyncIterator[Diagnoses]:
    """Read parts from the items of estimates changed since. `distributor` is looked for in the vendors' names."""
    books: dict[str, dict[int, PricebookItem]] = {MATERIAL: {}, EQUIPMENT: {}}
    async for page in client.list_estimates(since):
        wanted = [
            (estimate, item)
            for estimate in page
            if estimate.active and estimate.job_id is not None and same_status(estimate.status.name, setting.status)
            for item in estimate.items
            if item.sku.type.casefold() in books
        ]
        await _look_up(client, books, [item for _, item in wanted])
        appliances = await _appliances(client, [estimate for estimate, _ in wanted])
        parts = tuple(
            _estimate_part(
                estimate,
                item,
                books[item.sku.type.casefold()].get(item.sku.id),
                appliances.get(estimate.location_id or 0, Appliance()),
                distributor,
            )
            for estimate, item in wanted
        )
        places = tuple(
            DiagnosisPlace(prefix=_items_of(estimate), words=f"estimate {estimate.id} ({_status_of(estimate)})")
            for estimate in page
        )
        yield Diagnoses(parts=parts, places=places, watermark=max(estimate.modified_on for estimate in page))


def _status_of(estimate: Estimate) -> str:
    return (estimate.status.name or "without status") if estimate.active else "deleted"


def _items_of(estimate: Estimate) -> str:
    return f"servicetitan/estimate/{estimate.id}/item/"


async def _look_up(client: ServiceTitan, books: dict[str, dict[int, PricebookItem]], items: list[EstimateItem]) -> None:
    for kind, read in ((MATERIAL, client.list_materials), (EQUIPMENT, client.list_equipment)):
        unknown = {item.sku.id for item in items if item.sku.type.casefold() == kind} - books[kind].keys()
        if unknown:
            books[kind].update({found.id: found for found in await read(unknown)})


async def _appliances(client: ServiceTitan, estimates: list[Estimate]) -> dict[int, Appliance]:
    """Return the appliance of each location that has exactly one; with several, only a person can say which."""
    places = {estimate.location_id for estimate in estimates if estimate.location_id is not None}
    standing: dict[int, list[InstalledEquipment]] = {}
    for piece in await client.list_installed_equipment(places) if places else ():
        if piece.active and not same_status(piece.status, "Replaced"):
            standing.setdefault(piece.location_id, []).append(piece)
    return {
        place: Appliance(model=only[0].model, serial=only[0].serial_number, manufacturer=only[0].manufacturer)
        for place, only in standing.items()
        if len(only) == 1
    }


def _estimate_part(
    estimate: Estimate, item: EstimateItem, book: PricebookItem | None, appliance: Appliance, distributor: str
) -> DiagnosedPart:
    return DiagnosedPart(
        job=JobRef(str(estimate.job_id)),
        job_number=estimate.job_number,
        source_key=f"{_items_of(estimate)}{item.id}",
        source_words=f"estimate {estimate.id}, item {item.id}",
        numbers=numbers_to_try(item, book, distributor),
        description=plain(item.description),
        quantity=quantity_text(item.quantity),
        appliance=appliance,
    )


def numbers_to_try(item: EstimateItem, book: PricebookItem | None, distributor: str) -> tuple[str, ...]:
    """Return part numbers, best first: the distributor's own, then our SKU code, then other vendors'."""
    code = (book.code if book else "") or item.sku.name
    vendors: list[SkuVendor] = []
    if book is not None:
        first = (book.primary_vendor,) if book.primary_vendor else ()
        vendors = [vendor for vendor in (*first, *book.other_vendors) if vendor.active]
    wanted = distributor.casefold()
    own = [vendor.vendor_part for vendor in vendors if wanted in vendor.vendor_name.casefold()]
    others = [vendor.vendor_part for vendor in vendors if wanted not in vendor.vendor_name.casefold()]
    return distinct([*own, code, *others])


async def from_custom_fields(
    client: ServiceTitan, setting: CustomFieldDiagnosis, since: datetime
) -> AsyncIterator[Diagnoses]:
    """Read parts from the custom fields of jobs changed since."""
    if not setting.part_number.strip():
        raise SettingsError(
            "parts.diagnosis.custom_field.part_number is empty.",
            "Write the name of the job custom field in which technicians put the part number.",
        )
    async for page in client.list_jobs(since):
        parts = tuple(part for job in page for part in _job_parts(job, setting))
        places = tuple(DiagnosisPlace(prefix=_field_of(job), words=_in_words(job, setting)) for job in page)
        yield Diagnoses(parts=parts, places=places, watermark=max(job.modified_on for job in page))


def _field_of(job: Job) -> str:
    return f"servicetitan/job/{job.id}/field/"


def _in_words(job: Job, setting: CustomFieldDiagnosis) -> str:
    return f'job {job.job_number or job.id}, field "{setting.part_number}"'


def _job_parts(job: Job, setting: CustomFieldDiagnosis) -> Iterator[DiagnosedPart]:
    values = {field.name.strip().casefold(): field.value or "" for field in job.custom_fields}

    def value_of(name: str) -> str:
        return values.get(name.strip().casefold(), "").strip() if name.strip() else ""

    numbers = pieces(value_of(setting.part_number))
    quantities = _quantities(value_of(setting.quantity), len(numbers))
    seen: set[str] = set()
    for number, quantity in zip(numbers, quantities, strict=True):
        key = part_key(number) or number
        if key in seen:
            continue
        seen.add(key)
        yield DiagnosedPart(
            job=JobRef(str(job.id)),
            job_number=job.job_number,
            source_key=f"{_field_of(job)}{key}",
            source_words=_in_words(job, setting),
            numbers=(number,),
            quantity=quantity,
            appliance=Appliance(model=value_of(setting.model), serial=value_of(setting.serial)),
            asks_model=bool(setting.model.strip()),
        )


def _quantities(written: str, count: int) -> list[str]:
    """Give each number its quantity: one for all, or one each where as many are listed as there are numbers."""
    listed = pieces(written)
    if count > 1 and len(listed) == count:
        return listed
    return [written or "1"] * count


async def from_forms(client: ServiceTitan, setting: FormDiagnosis, since: datetime) -> AsyncIterator[Diagnoses]:
    """Read parts from completed submissions since. Raises SettingsError when there is no such form."""
    form_id = await _form_id(client, setting.form)
    async for page in client.list_submissions(form_id, since):
        parts = tuple(part for submission in page for part in _submitted_parts(submission, setting))
        yield Diagnoses(parts=parts, watermark=max(submission.submitted_on for submission in page))


async def _form_id(client: ServiceTitan, name: str) -> int:
    for form in await client.list_forms(name):
        if same_name(form.name, name):
            return form.id
    known = await client.list_forms()
    for form in known:  # the name filter is not described; what it hides may still be in the whole list
        if same_name(form.name, name):
            return form.id
    raise SettingsError(
        f'There is no form "{name}" in ServiceTitan (parts.diagnosis.form.form).',
        nearest(name, (form.name for form in known)),
    )


@dataclass(frozen=True)
class _Answers:
    """The fields of one section, by name in lower case, several values where a name repeats."""

    by_name: Mapping[str, list[str]]

    def all(self, name: str) -> list[str]:
        return self.by_name.get(name.strip().casefold(), []) if name.strip() else []


def _sections(units: tuple[FormUnit, ...]) -> Iterator[_Answers]:
    """Yield the form's own fields as one section, then each section, sections inside sections too."""
    answers: dict[str, list[str]] = {}
    for unit in units:
        if not unit.units:
            text = value_text(unit.value) or ", ".join(unit.values)
            answers.setdefault(unit.name.strip().casefold(), []).append(text)
    yield _Answers(answers)
    for unit in units:
        if unit.units:
            yield from _sections(unit.units)


def _submitted_parts(submission: Submission, setting: FormDiagnosis) -> Iterator[DiagnosedPart]:
    job = next((owner.id for owner in submission.owners if same_name(owner.type, "Job")), None)
    if job is None or not same_status(submission.status, "Completed"):
        return
    sections = list(_sections(submission.units))

    def anywhere(name: str) -> str:
        return next((text for section in sections for text in section.all(name) if text), "")

    count = 0
    for section in sections:
        asked = section.all(setting.part_number)
        for place, typed in enumerate(asked):
            written = _matching(section.all(setting.quantity), place)
            numbers = pieces(typed)
            if not numbers and not written:
                continue  # a completed form in which nothing was diagnosed
            # A quantity without a number is a part without a number: a person is asked, nothing is guessed.
            for number, quantity in zip(numbers or [""], _quantities(written, len(numbers) or 1), strict=True):
                count += 1
                yield DiagnosedPart(
                    job=JobRef(str(job)),
                    source_key=f"servicetitan/submission/{submission.id}/{count}",
                    source_words=f'form "{setting.form}", submission {submission.id}, part {count}',
                    numbers=(number,) if number else (),
                    quantity=quantity,
                    appliance=Appliance(
                        model=_matching(section.all(setting.model), place) or anywhere(setting.model),
                        serial=_matching(section.all(setting.serial), place) or anywhere(setting.serial),
                    ),
                    asks_model=bool(setting.model.strip()),
                )


def _matching(values: list[str], place: int) -> str:
    """Return the value that belongs to the part at this place: its own, or the section's only one."""
    if place < len(values):
        return values[place]
    return values[0] if len(values) == 1 else ""
