"""Which pricebook item stands for a SKU of the store. Source: CHECKLIST OI-26, OI-28, OI-38; servicetitan FACTS 2.4."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from decisions.words import listed, one_line
from models.errors import HeldError


@dataclass(frozen=True, slots=True)
class ListedItem:
    """A pricebook item that was found under a SKU."""

    id: int
    item_type: Literal["material", "equipment", "service"]
    is_active: bool
    is_ours: bool = False
    """Carries our external data: it was made for this SKU, whatever its code is by now."""

    def said(self) -> str:
        """Name it, such as "material 4711"."""
        return f"{self.item_type} {self.id}"


def is_clear(found: Iterable[ListedItem]) -> bool:
    """Tell whether one active item stands alone, so that no further look is needed."""
    return sum(item.is_active for item in found) == 1


def item_for(sku: str, found: Iterable[ListedItem]) -> int | None:
    """Return the item to use for a SKU, of whatever type; None when there is none and one is to be made (OI-28).

    Of several active ones the one we made counts. Raises: HeldError for several others, or for inactive ones only.
    """
    items = sorted(set(found), key=lambda item: item.id)
    active = [item for item in items if item.is_active]
    chosen = [item for item in active if item.is_ours] or active
    name = one_line(sku)
    if len(chosen) > 1:
        raise HeldError(
            f"SKU {name} is {len(chosen)} active pricebook items: {listed([item.said() for item in chosen], 'and')}.",
            "Leave one of them active in ServiceTitan's pricebook, then retry.",
            "sku",
        )
    if items and not active:
        raise HeldError(
            f"SKU {name} is in the pricebook, but switched off: {listed([item.said() for item in items], 'and')}.",
            "Switch it on in ServiceTitan's pricebook, then retry.",
            "sku",
        )
    return chosen[0].id if chosen else None
