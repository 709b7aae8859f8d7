"""Marcone as the distributor of the parts loop. Source: contracts/marcone/FACTS.md section 14."""

from __future__ import annotations

from connectors.errors import Call, ContractError, NotFoundError, TransientError, unreadable, vendors_words
from connectors.limits import Turn
from connectors.marcone.auth import VENDOR
from connectors.marcone.client import Marcone
from connectors.marcone.readings import (
    is_fault,
    order_numbers,
    price_of,
    refusal,
    related_parts,
    says_nothing,
    stock_of,
    substitutions,
)
from connectors.marcone.schemas import PartResult
from connectors.marcone.status import choose_row, order_rows, read_date, read_status
from models.base import utc_now
from models.order import PurchaseOrder
from models.part import Candidate, OrderStatus, PartRef, Placement, TrackingEvent
from models.shop import MarconeSettings

ZIP_DIGITS = 5


class MarconeDistributor:
    """Implements `connectors.ports.PartsDistributor`."""

    name = "Marcone"

    def __init__(self, client: Marcone, settings: MarconeSettings) -> None:
        """Leave closing the client to whoever opened it."""
        self._client = client
        self._settings = settings

    async def match(self, number: str, *, ship_to_zip: str, make: str = "") -> tuple[Candidate, ...]:
        """Return every part this number names; more than one is a question for a person (FACTS 5).

        Money in US dollars per piece, the account's own net price; `transit_days` are business days to the ZIP.
        Raises: NotFoundError for a number nobody makes, told apart from TransientError (PL-19); ContractError.
        """
        answer, call = await self._client.lookup(number, ship_to_zip=ship_to_zip.strip()[:ZIP_DIGITS], make=make)
        if not answer.part_results:
            if not is_fault(answer.error_message):
                raise NotFoundError(
                    f"{VENDOR} does not know part {number}.", "Check the number on the part.", VENDOR, call.doing
                )
            raise _fault(answer.error_message, call)
        return tuple(_candidate(result, place, call) for place, result in enumerate(answer.part_results))

    async def shipping_methods(self, branch: str) -> tuple[str, ...]:
        """Return the names a purchase order to this branch may use."""
        answer = await self._client.get_shipping_methods(branch)
        return tuple(method.shipping_method_name for method in answer.shipping_methods if method.shipping_method_name)

    async def take_turn(self) -> Turn:
        """Wait until one call may go."""
        return await self._client.take_turn()

    async def place(self, order: PurchaseOrder, turn: Turn | None = None) -> Placement:
        """Place one approved order, routed to its branch on header and line (PL-24). Not idempotent.

        With a `turn` it goes out now, or raises TransientError: nothing was sent.
        Raises: AmbiguousWriteError (answer lost, 5xx) and ContractError (an answer nobody can read): in both the order
        may exist, and Marcone offers no way to look (FACTS 8). RejectedError: nothing was ordered.
        """
        answer, call = await self._client.create_purchase_order(order, turn)
        if says_nothing(answer):
            raise unreadable(call, "orderNumbers (missing, and no reason given)")
        numbers = order_numbers(answer)
        return Placement(
            order_numbers=numbers,
            substitutions=substitutions(answer.substitutions),
            reason="" if numbers else refusal(answer),
            transaction_id=str(answer.transaction_id),
        )

    async def order_status(self, order_number: str) -> OrderStatus:
        """Read one order. Raises: NotFoundError; ContractError when the answer is none of the known shapes (D4)."""
        answer, call = await self._client.get_order_status(order_number)
        rows = order_rows(answer)
        if rows is None:
            raise unreadable(call, "orderResults (missing)")
        row = choose_row(rows, order_number)
        if row is None:
            words = vendors_words(answer)
            if not rows and is_fault(words):
                raise _fault(words, call)
            raise NotFoundError(
                f"{VENDOR} has no order {order_number}.", f"Look for it in {VENDOR}'s portal.", VENDOR, call.doing
            )
        return read_status(row, order_number)

    async def track(self, tracking_number: str) -> tuple[TrackingEvent, ...]:
        """Read a parcel's scans, newest first; days the vendor writes in a way we cannot read go last."""
        answer = await self._client.track_package(tracking_number)
        events = sorted(answer.events, key=lambda event: _sort_key(event.date_time), reverse=True)
        return tuple(
            TrackingEvent(
                at=event.date_time,
                description=event.description,
                place=", ".join(part for part in (event.city, event.state) if part),
            )
            for event in events
        )

    async def check_access(self) -> None:
        """Look up a number nobody makes: being told so proves token and account. Raises what the reading raised."""
        try:
            await self._client.lookup("TRUCKROLL")
        except NotFoundError:
            return


def _candidate(result: PartResult, place: int, call: Call) -> Candidate:
    price = price_of(result)
    if price is None:
        raise _without_price(place, call)
    return Candidate(
        part=PartRef(make=result.make, number=result.part_number, description=result.description),
        unit_price=price,
        list_price=result.list_price,
        core_charge=result.core_cost,
        is_discontinued=result.is_discontinued,
        is_drop_ship_only=result.is_drop_ship_only,
        is_hazmat=result.is_haz_mat,
        is_oversize=result.is_oversize,
        stock=stock_of(result),
        replaced_by=related_parts(result),
        quoted_at=utc_now(),
    )


def _fault(words: str, call: Call) -> TransientError:
    return TransientError(
        f'{VENDOR} answered "{words[:300]}" instead of a result while {call.doing}.',
        "Truckroll tries again by itself.",
        VENDOR,
        call.doing,
        words[:300],
    )


def _without_price(place: int, call: Call) -> ContractError:
    return unreadable(call, f"partResults.{place}.price (missing)")


def _sort_key(written: str) -> tuple[bool, str, str]:
    day = read_date(written)
    return (day is not None, day.isoformat() if day else "", written)
