"""Telling what happened: the job, the customer, the shop. Each telling once, in the order of the events."""

from __future__ import annotations

from prefect import task
from prefect.logging import get_run_logger

from connectors.messages import mail_address, send_message
from models.base import utc_now
from models.errors import AmbiguousWriteError, NotFoundError, RejectedError, UnresolvedError
from models.outgoing import Letter, Outgoing
from models.tables import OutboxRow
from tasks.board import publish_event
from tasks.house import House, open_house
from tasks.retrying import RETRY_DELAYS_S, is_transient

TOLD = "told"
MUST_LAND = ("note", "hold")
"""Without these people on the job do not see the question; a missing custom field is told by `truckroll check`."""


async def tell_waiting(house: House, request_id: str | None = None) -> None:
    """Tell everything that waits to be told, of one request or of the whole shop, oldest first.

    Raises: what the job platform raised when it cannot be reached; the rest then waits for the next pass.
    """
    for row in await house.books.outbox.waiting(house.shop.name, request_id):
        await _tell(house, row)


async def _tell(house: House, row: OutboxRow) -> None:
    outgoing = Outgoing.model_validate(row.outgoing)
    try:
        report = await publish_event(
            row.shop,
            row.job,
            row.job_number,
            event=outgoing.key,
            word=outgoing.event,
            note=outgoing.note,
            hold=outgoing.hold,
        )
    except (RejectedError, NotFoundError) as error:
        # The job is gone, or refuses to be written: the event stays in the audit log, and a person is told.
        await house.books.held.hold(row.shop, "job-board", row.key, reason=error.message, fix=error.fix)
    else:
        for missing in report.not_landed:
            get_run_logger().warning("Not written into job %s: %s. %s", row.job_number, missing.why, missing.fix)
            if missing.what in MUST_LAND:
                await house.books.held.hold(
                    row.shop,
                    "job-board",
                    row.key,
                    reason=f"The {missing.what} was not written into job {row.job_number}: {missing.why}.",
                    fix=f"{missing.fix} Then retry: it is written again.",
                )
        await house.books.audit.append(
            row.shop, "parts-loop", row.request_id, "published", detail={"event": outgoing.key, **report.model_dump()}
        )
    if outgoing.customer is not None:
        await send_letter(row.shop, f"{row.key}/customer", outgoing.customer, row.job_number, with_ops=False)
    for place, letter in enumerate(outgoing.personal, start=1):
        await send_letter(row.shop, f"{row.key}/person-{place}", letter, row.job_number, with_ops=False)
    if outgoing.office is not None:
        await send_letter(row.shop, f"{row.key}/office", outgoing.office, row.job_number, with_ops=True)
    if row.id is not None:
        await house.books.outbox.told(row.id, utc_now())


@task(
    task_run_name="send: {letter.subject}",
    retries=3,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=is_transient,
)
async def send_letter(shop: str, key: str, letter: Letter, job_number: str, *, with_ops: bool) -> None:
    """Send a letter at most once; the key names it. A letter that may have gone out is never sent again (PL-33).

    `with_ops`: to the shop's ops addresses too; what is meant for one person goes to that person only.

    What cannot be sent is put on the held list; it never stops the order it tells of.
    """
    async with open_house(shop) as house:
        addresses = _addresses(house, letter, with_ops=with_ops)
        if not addresses:
            return

        async def send() -> str:
            await send_message(addresses, title=letter.subject, body=letter.body)
            return TOLD

        try:
            await house.books.effects.once(f"{shop}/letter/{key}", create=send)
        except (UnresolvedError, AmbiguousWriteError):
            await house.books.held.hold(
                shop,
                "messages",
                key,
                reason=f'It is not known whether "{letter.subject}" (job {job_number}) was sent; it is not sent again.',
                fix="Ask the receiver, or look into the sent mail; then `truckroll held retry` takes it off this list.",
            )


def _addresses(house: House, letter: Letter, *, with_ops: bool) -> list[str]:
    settings = house.shop.messages
    mails = [
        mail_address(settings.smtp_url, sender=settings.customer_email_from, to=to)
        for to in letter.to
        if settings.smtp_url and settings.customer_email_from
    ]
    return [*mails, *settings.ops] if with_ops else mails
