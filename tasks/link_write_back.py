"""Writing links into a customer custom field of ServiceTitan, a page of customers at a time: read, decide, write, keep.

Each customer's list of fields is read right before it is written, twenty-five customers with one call, because a person
may have edited it. Writing again what is there changes nothing, so a write that was killed anywhere is looked at again.
Source: contracts/servicetitan/FACTS.md section 3; referral_factory/CHECKLIST.md RF-32, Q6: off unless a field is named.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import httpx

from connectors.errors import AmbiguousWriteError, ContractError, RejectedError, VendorError
from connectors.servicetitan.api import batches
from connectors.servicetitan.crm_schemas import CustomerFieldValue, CustomerPatch
from connectors.servicetitan.schemas import Customer
from decisions.link_write_back import choose_field, decide_write, judge_answer
from models.contact_sync import KeptLink
from models.errors import HeldError
from models.link_write_back import FieldKind, FieldsOfCustomer, LinkIsThere, NotWritten, WriteLink
from tasks.contact_sync import campaign_settings
from tasks.house import House, open_house
from tasks.step import step

SETTING = "referral_factory.campaigns.contact_sync.write_link_to"

PAGE = 500
"""Customers of a page: ten seconds at fifty calls a second."""

READ_TOGETHER = 25
"""Customers read with one call and then written: the fewer, the shorter a person's edit in between can be lost."""

LANES = 3
"""While one reads its customers or keeps what came of them, the others write."""

MOST_UNANSWERED = 10
"""Lost answers after which a page is given up: the vendor is away."""


@dataclass(frozen=True)
class LinksWritten:
    """What became of one page."""

    customers: int
    last: int
    """The customer the next page begins behind."""
    wrote: int = 0
    there: int = 0
    """Were in the field already."""
    failed: int = 0
    """Told with the reason; the others went on."""
    unknown: int = 0
    """Writes without an answer: the next pass looks."""
    is_last: bool = False


@step("look for the custom field of campaign {campaign_id}")
async def find_link_field(shop: str, campaign_id: int) -> int:
    """Return the id of the custom field that takes the campaign's links.

    Where it is another one than last time, every link is to be written anew. Raises: HeldError when the tenant has none
    of this name that takes a link; RejectedError; TransientError.
    """
    async with open_house(shop) as house:
        name = campaign_settings(house, campaign_id).contact_sync.write_link_to
        found = choose_field(name, await read_field_kinds(house))
        cursor = f"referral_factory/{campaign_id}/link-field"
        before = await house.books.cursors.get(shop, cursor)
        if before != str(found.id):
            if before is not None:
                await house.books.referrals.write_again(shop, campaign_id)
            await house.books.cursors.set(shop, cursor, str(found.id))
        return found.id


async def read_field_kinds(house: House) -> tuple[FieldKind, ...]:
    """Read the custom fields that customers can have."""
    kinds = await house.servicetitan.list_customer_custom_fields()
    return tuple(FieldKind(kind.id, kind.name, kind.data_type) for kind in kinds)


@step("write links of campaign {campaign_id}, page {number}", looks_first=True)
async def write_links(shop: str, campaign_id: int, field_id: int, after: int, number: int) -> LinksWritten:  # noqa: ARG001  named in the task run
    """Write the next page of links that are not yet in their field, from the customer behind `after` on.

    Raises: HeldError when the field is gone or the app may change no customer; TransientError, UnauthorizedError and
    AmbiguousWriteError when ServiceTitan takes nothing. What was done is kept.
    """
    async with open_house(shop) as house:
        page = await house.books.referrals.links_to_write(shop, campaign_id, after=after, limit=PAGE)
        if not page:
            return LinksWritten(0, after, is_last=True)
        writer = _Writer(house, campaign_id, field_id)
        await writer.write(page)
        if writer.unanswered:  # once more: what has landed is there
            lost, writer.unanswered = writer.unanswered, []
            await writer.write(lost)
        return LinksWritten(
            len(page),
            page[-1].customer,
            wrote=writer.wrote,
            there=writer.there,
            failed=writer.failed,
            unknown=len(writer.unanswered),
            is_last=len(page) < PAGE,
        )


@dataclass
class _Writer:
    """Writes a page's links, many at once, and keeps what came of them as it comes."""

    house: House
    campaign_id: int
    field_id: int
    wrote: int = 0
    there: int = 0
    failed: int = 0
    unanswered: list[KeptLink] = field(default_factory=list)
    stopped_by: VendorError | HeldError | None = None

    async def write(self, links: Sequence[KeptLink]) -> None:
        """Write the links. Raises what stops everybody, once what was done is kept."""
        waiting = iter(batches(links, READ_TOGETHER))
        async with asyncio.TaskGroup() as group:
            for _ in range(LANES):
                group.create_task(self._lane(waiting))
        if self.stopped_by is not None:
            raise self.stopped_by

    async def _lane(self, waiting: Iterator[tuple[KeptLink, ...]]) -> None:
        for some in waiting:
            if self.stopped_by is None:
                try:
                    await self._write_some(some)
                except (VendorError, HeldError) as error:
                    self.stopped_by = self.stopped_by or error

    async def _write_some(self, some: Sequence[KeptLink]) -> None:
        links = {link.customer: link for link in some}
        read = await self.house.servicetitan.list_customers(links)
        found = {one.id: _fields_of(one) for one in read}
        decisions = [decide_write(link, found.get(link.customer), self.field_id) for link in some]
        writes = [one for one in decisions if isinstance(one, WriteLink)]
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(self._write_one(write, links)) for write in writes]
        answers = [call.result() for call in calls]
        outcomes = [one for one in (*decisions, *answers) if one is not None and not isinstance(one, WriteLink)]
        is_gone = any(isinstance(one, NotWritten) for one in answers) and await self._field_is_gone()
        await self._keep([one for one in outcomes if not (is_gone and isinstance(one, NotWritten))])
        self.wrote += sum(isinstance(one, LinkIsThere) for one in answers)
        self.there += sum(isinstance(one, LinkIsThere) for one in decisions)
        if is_gone:
            raise HeldError(
                "The customer custom field that takes the links is not in ServiceTitan any more.",
                "Let an admin make it again, or name another in contact_sync.write_link_to. Nothing else waits for it.",
                SETTING,
            )

    async def _write_one(self, write: WriteLink, links: dict[int, KeptLink]) -> LinkIsThere | NotWritten | None:
        """Write one customer's fields. None: not written, or not known to be."""
        if self.stopped_by is not None:
            return None
        fields = tuple(CustomerFieldValue(type_id=kind, value=value) for kind, value in write.fields)
        try:
            shown = await self.house.servicetitan.patch_customer(write.customer, CustomerPatch(custom_fields=fields))
        except (AmbiguousWriteError, ContractError) as lost:
            self.unanswered.append(links[write.customer])
            if len(self.unanswered) >= MOST_UNANSWERED:
                self.stopped_by = self.stopped_by or lost
        except RejectedError as refused:
            if refused.status != httpx.codes.FORBIDDEN:
                return NotWritten(write.customer, _in_words(refused), refused=write.url)
            self.stopped_by = self.stopped_by or _no_access(refused)
        except VendorError as error:
            self.stopped_by = self.stopped_by or error
        else:
            return judge_answer(write, _fields_of(shown), self.field_id)
        return None

    async def _field_is_gone(self) -> bool:
        return all(kind.id != self.field_id for kind in await read_field_kinds(self.house))

    async def _keep(self, outcomes: Iterable[LinkIsThere | NotWritten]) -> None:
        shop, referrals = self.house.shop.name, self.house.books.referrals
        told = list(outcomes)
        written = {one.customer: one.url for one in told if isinstance(one, LinkIsThere)}
        failures = [one for one in told if isinstance(one, NotWritten)]
        await referrals.wrote(shop, self.campaign_id, written)
        await referrals.could_not_write(shop, self.campaign_id, failures)
        self.failed += len(failures)


def _fields_of(customer: Customer) -> FieldsOfCustomer:
    return FieldsOfCustomer(
        customer.id,
        is_active=customer.active,
        merged_into=customer.merged_to_id,
        fields=tuple((one.type_id, one.value or "") for one in customer.custom_fields),
    )


def _in_words(refused: RejectedError) -> str:
    said = f': "{refused.words}"' if refused.words else "."
    return f"ServiceTitan refused the link ({refused.status}){said}"


def _no_access(refused: RejectedError) -> HeldError:
    return HeldError(
        f"ServiceTitan does not let our app change customers: {refused.message}",
        "Give the app the write scope of customers, and let the tenant's admin accept it; or take "
        "contact_sync.write_link_to out of the shop file.",
        SETTING,
    )
