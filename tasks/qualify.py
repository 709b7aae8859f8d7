"""Qualifying a lead, once; and what the program says of the rewards that follow. None is ever issued from here.

Source: contracts/referral_factory/CHECKLIST.md RF-44, RF-45, RF-D6; FACTS section 6.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from sqlalchemy.orm import Session

from decisions.rewards import Rewards, reward_state
from models.base import utc_now
from models.booking import ReferralStage
from models.errors import HeldError, NotFoundError
from models.referral import RewardMetric
from models.tables import ReferredRow
from store.effects import TEXT
from store.referred import person_of
from tasks.house import House, open_house
from tasks.referred_people import PROCESS, record_of
from tasks.step import step

REWARDS_EVERY = timedelta(minutes=30)
"""How often the rewards are read again while one is not issued: eight calls each time."""

_REWARDS = "referral_factory/rewards"


class GoneError(HeldError):
    """The lead was deleted in the program before it was qualified: there is nobody left to qualify."""


@step("qualify lead {user_id}", looks_first=True)
async def qualify(shop: str, user_id: int) -> bool:
    """Qualify a lead. False: it is so already. Money may move: a campaign may issue its reward at once.

    The lead is read first: whom a person has qualified by hand is not qualified twice (RF-D6).
    Raises: GoneError; TransientError; UnauthorizedError.
    """
    async with open_house(shop) as house:
        row = await house.books.referred.get(shop, user_id)
        if row is None or row.qualified_at is not None or not row.qualified_by:
            return False
        try:
            said = await _write(house, row)
        except NotFoundError:
            raise GoneError(
                f"Lead {user_id} is not in Referral Factory any more, so it cannot be qualified.",
                "Somebody has deleted it there: its reward, if one is due, is settled by hand.",
                "id",
            ) from None
        await _note(house, row, said)
        return True


async def _write(house: House, row: ReferredRow) -> str:
    async def create() -> str:
        await house.referral_factory.qualify(row.user_id)
        return "qualified"

    async def find() -> str | None:
        user = await house.referral_factory.get_user(row.user_id)
        return "was qualified" if user.qualified_on is not None else None

    key = f"{row.shop}/referral/{row.user_id}/qualified"
    return await house.books.effects.once(key, create=create, find=find, codec=TEXT, look_first=True, wait_s=5)


async def _note(house: House, row: ReferredRow, said: str) -> None:
    shop, now = row.shop, utc_now()
    detail = {"rule": row.qualified_by, "booking": row.booking, "outcome": said}

    def write(session: Session) -> None:
        house.books.referred.update_in(
            session, shop, row.user_id, qualified_at=now, stage=ReferralStage.QUALIFIED, why=""
        )
        house.books.audit.append_in(session, shop, PROCESS, record_of(row.user_id), "qualified", detail=detail)
        house.books.held.release_in(session, shop, PROCESS, record_of(row.user_id))

    await house.books.store.run(write)


@step("read the rewards of {shop}")
async def read_rewards(shop: str) -> int:
    """Note of each qualified lead whether its reward is due or issued (RF-45); return of how many that changed.

    Nothing is issued here, ever.
    """
    async with open_house(shop) as house:
        began, rewards = utc_now(), await _read(house)
        changed, after, places = 0, 0, Counter[int]()
        while page := await house.books.referred.qualified(shop, after=after):
            after = page[-1].user_id
            for row in page:
                state = reward_state(row.user_id, person_of(row).referrer_id, rewards, places)
                if state != row.reward:
                    await house.books.referred.update(shop, row.user_id, reward=state)
                    changed += 1
        await house.books.cursors.set_time(shop, _REWARDS, began)
        return changed


async def rewards_are_due_for_reading(house: House) -> bool:
    """Tell whether it is time to read the rewards again: somebody was qualified since, or one is open for a while.

    The books say so, not this pass: the one that qualified somebody may have been killed before it read.
    """
    shop, referred = house.shop.name, house.books.referred
    read_at = await house.books.cursors.get_time(shop, _REWARDS)
    if read_at is None or utc_now() - read_at >= REWARDS_EVERY:
        return await referred.has_reward_open(shop)
    return await referred.has_reward_open(shop, since=read_at)


async def _read(house: House) -> Rewards:
    due, issued = Counter[int](), Counter[int]()
    for metric in RewardMetric:
        async for rows in house.referral_factory.list_due_rewards(metric):
            due.update(one.recipient_id for one in rows if one.recipient_id is not None)
        async for given in house.referral_factory.list_issued_rewards(metric):
            issued.update(one.recipient_id for one in given if one.recipient_id is not None)
    return Rewards(due, issued)
