"""Write a whole board into a job, so that repeating it changes nothing and losing an answer loses nothing.

Source: contracts/job_platforms/PORT.md, `publish` and its hazards; ServiceTitan FACTS 2.7, 5.3 and 7.4.
Order of the writes: custom fields with our revision, note, hold, visit. A lost answer raises AmbiguousWriteError and
the caller publishes the same board again with `look_first`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

from connectors.errors import NotFoundError, RejectedError
from connectors.servicetitan.client import ServiceTitan
from connectors.servicetitan.external import ExternalDataItem, ExternalDataUpdate
from connectors.servicetitan.job_view import job_state
from connectors.servicetitan.schemas import (
    Appointment,
    CustomFieldType,
    CustomFieldValue,
    HoldReason,
    Job,
    JobPatch,
    same_status,
)
from connectors.servicetitan.texts import nearest, same_name
from models.job import Board, Hold, JobState, NotLanded, PublishReport
from models.shop import PartsSettings

BOARD_KEY: Final = "truckroll-board"
"""Our external data on the job: revision and digest of the last board written."""

VISIT_MARK: Final = "Parts:"
CONFLICT: Final = 409
_CLOSED_VISITS: Final = ("Done", "Canceled")


@dataclass
class Tenant:
    """What an admin set up in ServiceTitan; read once per publisher."""

    field_types: tuple[CustomFieldType, ...] | None = None
    hold_reasons: tuple[HoldReason, ...] | None = None


@dataclass
class Publishing:
    """One board on its way into one job."""

    client: ServiceTitan
    parts: PartsSettings
    guid: str
    tenant: Tenant
    board: Board
    job: Job
    landed: list[str] = field(default_factory=list)
    not_landed: list[NotLanded] = field(default_factory=list)

    async def run(self, *, look_first: bool) -> PublishReport:
        """Write what differs. A newer board in the job is left alone."""
        written = next((datum.value for datum in self.job.external_data if datum.key == BOARD_KEY), "")
        if revision_of(written) > self.board.revision:
            return PublishReport(landed=("already newer",))
        # The revision goes before the note: where it already stands, an earlier attempt may have left its note too.
        look_first = look_first or written == stamp(self.board)
        await self._fields(written)
        await self._note(look_first=look_first)
        if self.board.hold is Hold.PLACE:
            await self._place_hold()
        elif self.board.hold is Hold.RELEASE:
            await self._release_hold()
        if self.board.visit_line is not None:
            await self._visit_line(self.board.visit_line)
        return PublishReport(landed=tuple(self.landed) or ("unchanged",), not_landed=tuple(self.not_landed))

    async def _fields(self, written: str) -> None:
        wanted = {self.parts.field_part_status: self.board.status, self.parts.field_part_eta: self.board.eta}
        changes = await self._changed_fields({name: text for name, text in wanted.items() if name.strip()})
        external = None
        if written != stamp(self.board):
            item = ExternalDataItem(key=BOARD_KEY, value=stamp(self.board))
            external = ExternalDataUpdate(patch_mode="Merge", application_guid=self.guid, external_data=(item,))
        try:
            await self._patch(changes, external)
        except NotFoundError:
            raise
        except RejectedError as refused:
            if not changes:
                raise
            for name, _, _ in changes:
                self._missed(name, refused.words or refused.message, "Mend what ServiceTitan names.")
            if external is not None:  # the revision must land all the same: it guards the job against older boards
                await self._patch([], external)

    async def _changed_fields(self, wanted: dict[str, str]) -> list[tuple[str, int, str]]:
        """Return (name, type id, text) of the fields that differ."""
        now = {one.name.strip().casefold(): one.value or "" for one in self.job.custom_fields}
        changes: list[tuple[str, int, str]] = []
        for name, text in wanted.items():
            if now.get(name.strip().casefold(), "") == text:
                continue
            kind = next((one for one in await self._field_types() if same_name(one.name, name)), None)
            if kind is None:
                fix = f"An admin makes a job custom field named {name} (Text) in ServiceTitan."
                near = nearest(name, (one.name for one in await self._field_types()))
                self._missed(name, f"ServiceTitan has no job custom field of this name. {near}", fix)
                continue
            fitting = _fitting(kind, text)
            if fitting is None:
                fix = f'An admin makes "{name}" a Text field, or adds "{text}" to its choices.'
                self._missed(name, f'the field is {kind.data_type} and has no place for "{text}"', fix)
            elif now.get(name.strip().casefold(), "") != fitting:
                changes.append((name, kind.id, fitting))
        return changes

    async def _patch(self, changes: list[tuple[str, int, str]], external: ExternalDataUpdate | None) -> None:
        if not changes and external is None:
            return
        given: dict[str, object] = {}
        if changes:
            ours = {type_id: text for _, type_id, text in changes}
            kept = [
                CustomFieldValue(type_id=one.type_id)
                if one.value is None
                else CustomFieldValue(type_id=one.type_id, value=one.value)
                for one in self.job.custom_fields
                if one.type_id not in ours
            ]
            # The list is the full list: a field of the shop's that is left out would be wiped (FACTS 7.4).
            given["custom_fields"] = (*kept, *(CustomFieldValue(type_id=one, value=ours[one]) for one in ours))
        if external is not None:
            given["external_data"] = external
        answer = await self.client.patch_job(self.job.id, JobPatch.model_validate(given))
        shown = {one.type_id: one.value or "" for one in answer.custom_fields}
        for name, type_id, text in changes:
            if shown.get(type_id, "") == text:
                self.landed.append(name)
            else:
                why = "ServiceTitan accepted the change, but its answer does not show it"
                self._missed(name, why, "Look at the field in ServiceTitan; the next change writes it again.")

    async def _note(self, *, look_first: bool) -> None:
        note = self.board.note
        if note is None:
            return
        if look_first and any(note.marker in found.text for found in await self.client.list_job_notes(self.job.id)):
            return
        text = note.text if note.marker in note.text else f"{note.text}\n{note.marker}"
        try:
            await self.client.add_job_note(self.job.id, text)
        except RejectedError as refused:
            self._missed("note", refused.words or refused.message, "Add the note by hand.")
        else:
            self.landed.append("note")

    async def _place_hold(self) -> None:
        state = job_state(self.job.job_status)
        if state is JobState.ON_HOLD:
            return
        if state is not JobState.OPEN:
            self._missed("hold", f"the job is {self.job.job_status}", "Nothing to do if the job is over.")
            return
        name = self.parts.hold_reason
        reason = next((one for one in await self._hold_reasons() if one.active and same_name(one.name, name)), None)
        if reason is None:
            near = nearest(name, (one.name for one in await self._hold_reasons() if one.active))
            fix = f"An admin makes the hold reason {name} in ServiceTitan, or parts.hold_reason is corrected. {near}"
            self._missed("hold", f'ServiceTitan has no hold reason "{name}"', fix)
            return
        try:
            await self.client.hold_job(self.job.id, reason_id=reason.id, memo=self.board.hold_memo or self.board.status)
        except RejectedError as refused:
            self._missed("hold", refused.words or refused.message, "Put the job on hold by hand.")
        else:
            self.landed.append("hold")

    async def _release_hold(self) -> None:
        """Take held visits off hold: a job has no un-hold of its own (FACTS 5.3)."""
        for visit in await self.client.list_appointments(self.job.id):
            if not same_status(visit.status, "Hold"):
                continue
            try:
                await self.client.remove_appointment_hold(visit.id)
            except RejectedError as refused:
                if refused.status != CONFLICT:  # 409 says it is not on hold: what we wanted
                    self._missed("hold", refused.words or refused.message, f"Take visit {visit.id} off hold by hand.")
            else:
                self.landed.append("hold released")

    async def _visit_line(self, line: str) -> None:
        visit = next_visit(await self.client.list_appointments(self.job.id))
        if visit is None:
            self._missed("visit", "the job has no open visit", "Book the return visit; the next change writes into it.")
            return
        text = with_line(visit.special_instructions, line)
        if text == visit.special_instructions:
            return
        try:
            await self.client.set_special_instructions(visit.id, text)
        except RejectedError as refused:
            self._missed("visit", refused.words or refused.message, f"Write it into visit {visit.id} by hand.")
        else:
            self.landed.append("visit")

    async def _field_types(self) -> tuple[CustomFieldType, ...]:
        if self.tenant.field_types is None:
            self.tenant.field_types = await self.client.list_job_custom_fields()
        return self.tenant.field_types

    async def _hold_reasons(self) -> tuple[HoldReason, ...]:
        if self.tenant.hold_reasons is None:
            self.tenant.hold_reasons = await self.client.list_hold_reasons()
        return self.tenant.hold_reasons

    def _missed(self, what: str, why: str, fix: str) -> None:
        self.not_landed.append(NotLanded(what=what, why=why, fix=fix))


def stamp(board: Board) -> str:
    """Return what stands in the job's external data after this board: its revision and a short digest."""
    return f"{board.revision}/{hashlib.sha256(board.model_dump_json().encode()).hexdigest()[:12]}"


def revision_of(written: str) -> int:
    """Return the revision in a stamp; 0 when there is none or it is not ours."""
    number = written.partition("/")[0]
    return int(number) if number.isascii() and number.isdigit() else 0


def next_visit(visits: tuple[Appointment, ...]) -> Appointment | None:
    """Return the visit still to come: of those not done or canceled, the one that starts last."""
    still_open = [
        visit for visit in visits if visit.active and not any(same_status(visit.status, end) for end in _CLOSED_VISITS)
    ]
    return max(still_open, key=lambda visit: visit.start, default=None)


def with_line(instructions: str, line: str) -> str:
    """Put our one line into a visit's instructions, keeping everyone else's; an empty line takes ours out."""
    ours = f"{VISIT_MARK} {' '.join(line.removeprefix(VISIT_MARK).split())}" if line.strip() else ""
    kept = instructions.splitlines()
    places = [place for place, one in enumerate(kept) if one.strip().startswith(VISIT_MARK)]
    if ours and [kept[place] for place in places] == [ours]:
        return instructions
    if not ours and not places:
        return instructions
    others = [one for place, one in enumerate(kept) if place not in places]
    if ours:
        others.insert(places[0] if places else len(others), ours)
    return "\n".join(others)


def _fitting(kind: CustomFieldType, text: str) -> str | None:
    """Return the text as this kind of field takes it; None when it takes it in no way."""
    if not text or same_name(kind.data_type, "Text"):
        return text
    if same_name(kind.data_type, "Dropdown"):
        return next((choice for choice in kind.data_type_options if same_name(choice, text)), None)
    return None
