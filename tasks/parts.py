"""The steps of the parts loop that ask the job platform and the distributor, in the order of the process page."""

from __future__ import annotations

from prefect import task

from decisions.chain import Ending, Lookup, next_step
from models.approval import Approval
from models.base import JobRef, utc_now
from models.errors import NotFoundError
from models.job import JobView
from models.order import PurchaseOrder
from models.part import Candidate, Placement
from store.effects import model_codec
from tasks.house import open_house
from tasks.retrying import RETRY_DELAYS_S, is_transient


@task(task_run_name="read job {number}", retries=3, retry_delay_seconds=RETRY_DELAYS_S, retry_condition_fn=is_transient)
async def read_job(shop: str, job: JobRef, number: str) -> JobView:  # noqa: ARG001  named in the task run
    """Read the job: is it still open, where does the part go, who may approve? Raises: TransientError."""
    async with open_house(shop) as house:
        return await house.platform.get_job(job)


@task(
    task_run_name="match {spellings[0]}", retries=3, retry_delay_seconds=RETRY_DELAYS_S, retry_condition_fn=is_transient
)
async def match_part(shop: str, spellings: tuple[str, ...], ship_to_zip: str, make: str = "") -> Ending:
    """Find the part at the distributor and follow it through its replacements, one lookup at a time (PL-3, PL-21).

    `make` narrows the first lookup, for a part that was already chosen. Raises: TransientError, RejectedError.
    """
    async with open_house(shop) as house:
        answers: dict[Lookup, tuple[Candidate, ...]] = {}
        while isinstance(step := next_step(spellings, answers), Lookup):
            wanted = step.make or (make if step.number in spellings else "")
            try:
                answers[step] = await house.distributor.match(step.number, ship_to_zip=ship_to_zip, make=wanted)
            except NotFoundError:
                answers[step] = ()
        return step


@task(
    task_run_name="shipping methods of branch {branch}",
    retries=3,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=is_transient,
)
async def read_shipping_methods(shop: str, branch: str) -> tuple[str, ...]:
    """Ask by what the branch ships: methods differ from branch to branch (FACTS section 11)."""
    async with open_house(shop) as house:
        return await house.distributor.shipping_methods(branch)


@task(task_run_name="order {po_number}", retries=3, retry_delay_seconds=RETRY_DELAYS_S, retry_condition_fn=is_transient)
async def place_order(shop: str, approval_id: str, po_number: str, reference: str) -> Placement:
    """Place the one order this approval allows; a second call gives the first one's answer.

    Consuming the approval and the intent to order are one transaction: neither exists without the other. The turn in
    the distributor's queue is taken before it: an order that is known to be intended is on its way, so a kill in the
    queue leaves nothing a person must look at.
    Raises: UnresolvedError when the answer was lost (Marcone has no look-up by PO, FACTS section 8: a person looks);
    RejectedError; TransientError when nothing was sent; HeldError when the approval does not allow it.
    """
    async with open_house(shop) as house:
        approvals = house.books.approvals
        granted: list[Approval] = []
        turn = await house.distributor.take_turn()

        async def send() -> Placement:
            approval = granted[-1] if granted else await approvals.read_consumed(approval_id)
            return await house.distributor.place(
                PurchaseOrder(po_number=po_number, reference=reference, terms=approval.terms, approval=approval), turn
            )

        return await house.books.effects.once(
            order_key(shop, approval_id),
            create=send,
            codec=model_codec(Placement),
            intent=lambda session: granted.append(approvals.consume(session, approval_id, po_number, utc_now())),
            wait_s=60,
        )


def order_key(shop: str, approval_id: str) -> str:
    """Return the ledger's key of the purchase order an approval allows."""
    return f"{shop}/part/{approval_id}/order"
