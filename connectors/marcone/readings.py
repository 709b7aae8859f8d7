"""How we read what the contract leaves open about lookups and orders. Pure.

Every reading here is [inferred] unless marked otherwise.
When the vendor's own description of the API is at hand, this file and `status.py` are the ones to correct.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from connectors.errors import all_texts
from connectors.marcone.schemas import PartResult, PurchaseOrderAnswer
from models.part import BranchStock, PartRef, Substitution

BAD_REQUEST: Final = 400

_NUMBER_NAMES: Final = ("partNumber", "part", "number", "itemId", "partNo", "subPartNumber")
_MAKE_NAMES: Final = ("make", "makeCode", "mfg", "subMake")

_REFUSAL_FIELDS: Final = ("error_message", "reason", "message", "error", "error_code", "status")
"""The order in which a refusal's texts are read. Source: FACTS section 12."""


def is_miss(status: int, body: Any) -> bool:
    """Tell whether an answer says "there is no such part" (or order): a 400 with "not found" [observed-in-client]."""
    return status == BAD_REQUEST and any("not found" in text.casefold() for text in all_texts(body))


def is_fault(words: str) -> bool:
    """Tell whether the text beside an empty result is a fault in disguise rather than a clean miss.

    A fault may come with status 200 and "Unknown error; retry again later." (FACTS 12 [observed-in-client]).
    """
    return bool(words.strip()) and not any(miss in words.casefold() for miss in ("not found", "no result", "no order"))


def field(row: Any, *names: str) -> Any:
    """Return the first of these fields that has a value, whatever its case."""
    if not isinstance(row, dict):
        return None
    by_name = {str(name).casefold(): value for name, value in row.items()}
    return next((by_name[name.casefold()] for name in names if by_name.get(name.casefold()) not in (None, "")), None)


def related_parts(result: PartResult) -> tuple[PartRef, ...]:
    """Return the parts offered instead: `subParts`, or `crossReferenceParts` where there are none.

    The arrays are real, their elements never published. Unreadable elements are left out, and so is the part itself.
    """
    found: dict[tuple[str, str], PartRef] = {}
    for element in result.sub_parts or result.cross_reference_parts:
        number = element if isinstance(element, str) else field(element, *_NUMBER_NAMES)
        make = field(element, *_MAKE_NAMES)
        if not isinstance(number, str | int) or not str(number).strip():
            continue
        part = PartRef(
            make=str(make or "").strip(),
            number=str(number).strip(),
            description=str(field(element, "description") or "").strip(),
        )
        is_itself = _key(part.number) == _key(result.part_number) and part.make in {"", result.make}
        if not is_itself:
            found.setdefault((part.make, _key(part.number)), part)
    return tuple(found.values())


def stock_of(result: PartResult) -> tuple[BranchStock, ...]:
    """Return the stock by branch; a row that names no branch cannot be ordered from and is left out."""
    return tuple(
        BranchStock(
            branch=row.warehouse_number.strip(),
            name=row.warehouse_name,
            available=max(0, row.quantity_available),
            transit_days=row.time_in_transit_days,
        )
        for row in result.inventory
        if row.warehouse_number.strip()
    )


def price_of(result: PartResult) -> Decimal | None:
    """Return the account's own price; None when a part that could be ordered has none.

    A dead number may come without a price. It then has nothing to order, so zero misleads nobody.
    """
    if result.price is not None:
        return result.price
    has_stock = any(row.quantity_available > 0 for row in result.inventory)
    is_dead = result.is_discontinued or bool(result.sub_parts or result.cross_reference_parts)
    return Decimal(0) if is_dead and not has_stock else None


def order_numbers(answer: PurchaseOrderAnswer) -> tuple[str, ...]:
    """Return the numbers of the orders placed: they alone say that it was placed (D6 [observed-in-client])."""
    numbers = (number.strip() for number in answer.order_numbers or ())
    return tuple(dict.fromkeys(number for number in numbers if number))


def refusal(answer: PurchaseOrderAnswer) -> str:
    """Return why an order was declined, in the vendor's words."""
    for name in _REFUSAL_FIELDS:
        value = getattr(answer, name)
        text = " ".join(value.split()) if isinstance(value, str) else str(value) if isinstance(value, int) else ""
        if text:
            return text[:300]
    return ""


def says_nothing(answer: PurchaseOrderAnswer) -> bool:
    """Tell whether an answer neither lists orders nor gives any reason: it cannot be read as a refusal."""
    return answer.order_numbers is None and not refusal(answer)


def substitutions(rows: Any) -> tuple[Substitution, ...]:
    """Return the replacements an order's answer names. Field names [documented]."""
    found = []
    for row in rows if isinstance(rows, list | tuple) else ():
        shipped = field(row, "subPartNumber")
        if shipped is not None:
            ordered = PartRef(make=str(field(row, "make") or ""), number=str(field(row, "partNumber") or ""))
            found.append(
                Substitution(
                    ordered=ordered,
                    shipped=PartRef(make=str(field(row, "subMake") or ordered.make), number=str(shipped)),
                )
            )
    return tuple(found)


def _key(number: str) -> str:
    return "".join(letter for letter in number.upper() if letter.isalnum())


def first_texts(values: Iterable[Any]) -> tuple[str, ...]:
    """Return the values as distinct texts, in order, without blanks."""
    return tuple(dict.fromkeys(str(value).strip() for value in values if value is not None and str(value).strip()))
