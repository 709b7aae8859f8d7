"""The step that reads the tenant's drop-downs, and says what the shop's settings stand for in them (OI-22, OI-51)."""

from __future__ import annotations

from prefect import task

from models.base import utc_now
from models.tenant import OrderChoices
from tasks.drop_downs import keep_lists, read_lists
from tasks.house import open_house
from tasks.retrying import RETRY_DELAYS_S, is_transient


@task(
    task_run_name="read the lists of {shop}",
    retries=3,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=is_transient,
)
async def read_choices(shop: str) -> OrderChoices:
    """Read every drop-down live, keep it, and return what the shop's settings stand for in them now.

    Nothing of an earlier reading is used but to tell what has vanished: what was made in ServiceTitan a moment ago is
    found without a restart (OI-24).
    Raises: SettingsError; TransientError; UnauthorizedError; ContractError.
    """
    async with open_house(shop) as house:
        return await keep_lists(house.books, house.shop, await read_lists(house.servicetitan, utc_now()))
