"""What people see of a request in Prefect's own UI: the run's name and tags, the offer, the order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from uuid import UUID

from prefect.artifacts import (
    acreate_link_artifact,
    acreate_markdown_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
)
from prefect.context import FlowRunContext

from models.approval import ApprovalStatus
from models.job import JobView
from models.tables import ApprovalRow, PartRequestRow
from tasks.prefect_api import prefect_api


async def name_run(request: PartRequestRow, question: ApprovalRow | None) -> None:
    """Name the run as people know it: "job 48213 - WPW10348269 - awaiting approval"; tag it with where it stands."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or run.deployment_id is None:
        return
    stage = _stage(request, question)
    part = request.part_number or "part"
    tags = [tag for tag in run.tags if not tag.startswith("state:")] + [f"state:{stage.replace(' ', '-')}"]
    async with prefect_api() as api:
        if api is not None:
            await api.rename_run(str(run.id), f"job {request.job_number} - {part} - {stage}", tags)


def _stage(request: PartRequestRow, question: ApprovalRow | None) -> str:
    if question is not None and question.status == ApprovalStatus.REQUESTED:
        return "awaiting approval"
    return request.stage


async def show_offer(request: PartRequestRow, question: ApprovalRow, job: JobView) -> None:
    """Show the question in the run, with a link to the job behind it."""
    await acreate_markdown_artifact(
        key=artifact_key("offer", request.id), markdown=question.question, description=f"What {question.id} asks"
    )
    if job.url:
        await acreate_link_artifact(
            key=artifact_key("job", request.job), link=job.url, link_text=f"Job {job.number}", description="The job"
        )


async def show_order(request: PartRequestRow, order_numbers: Sequence[str]) -> None:
    """Show in the run what was ordered."""
    await acreate_table_artifact(
        key=artifact_key("order", request.id),
        table=[
            {
                "order": number,
                "PO": request.po_number,
                "part": request.part_number,
                "quantity": request.quantity,
                "branch": request.branch,
            }
            for number in order_numbers
        ],
        description=f"Ordered for job {request.job_number}",
    )


async def show_progress(key: str, words: str, percent: float, artifact: UUID | None) -> UUID:
    """Show how far something is as a bar; `artifact` is the bar so far. Returns the bar."""
    if artifact is None:
        made = await acreate_progress_artifact(progress=percent, key=key, description=words)
        return made if isinstance(made, UUID) else UUID(str(made))
    await aupdate_progress_artifact(artifact_id=artifact, progress=percent, description=words)
    return artifact


def artifact_key(*words: str) -> str:
    """Join words into an artifact's key: lowercase letters, digits and dashes, nothing else (PREFECT.md 1.3)."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")
