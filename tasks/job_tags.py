"""The tag a job gets when the store has completed the order. Source: CHECKLIST OI-49; servicetitan FACTS 2.3."""

from __future__ import annotations

from decisions.invoicing import with_tags
from models.store_order import StoreOrder
from tasks.house import open_house
from tasks.step import step


@step("tag the job of {order.number} as completed", looks_first=True)
async def tag_completed(shop: str, order: StoreOrder, job: int, tag: int) -> None:
    """Add the tag to the job's tags, once: those of people are kept, and one they took off again stays off (OI-49).

    The list is written whole, so it is read just before. Raises: RejectedError with ServiceTitan's words;
    TransientError.
    """
    async with open_house(shop) as house:
        present: list[int] = []

        async def find() -> str | None:
            present[:] = (await house.servicetitan.get_job(job)).tag_type_ids
            return str(tag) if tag in present else None

        async def create() -> str:
            await house.servicetitan.set_job_tags(job, with_tags(present, [tag]))
            return str(tag)

        await house.books.effects.once(
            f"{house.shop.name}/order/{order.id}/product/tag/completed",
            create=create,
            find=find,
            wait_s=30,
            look_first=True,
        )
