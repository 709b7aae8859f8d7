"""Which custom field takes the links, and what is written of one customer.

Whether a customer's PATCH replaces the list of custom fields or merges it is not stated, so the whole list is sent:
that is right both ways. A value may not be null: a field without a value is left out.
Source: contracts/servicetitan/FACTS.md section 3, "Can a link be written back" [spec; inferred].
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Final

from models.contact_sync import KeptLink
from models.errors import HeldError
from models.link_write_back import FieldKind, FieldsOfCustomer, LinkIsThere, NotWritten, WriteDecision, WriteLink

SETTING: Final = "referral_factory.campaigns.contact_sync.write_link_to"

_MAKE: Final = (
    "Correct contact_sync.write_link_to in the shop file, or let an admin make the field in ServiceTitan, for "
    "customers and of type Text. The links themselves are made all the same."
)


def choose_field(name: str, kinds: Sequence[FieldKind]) -> FieldKind:
    """Return the field of this name. Raises HeldError when there is none that takes a link.

    Names compare without case and outer blanks; one that is spelt exactly so comes first.
    """
    wanted = name.strip()
    named = [kind for kind in kinds if kind.name == wanted] or [kind for kind in kinds if _same(kind.name, wanted)]
    if not named:
        near = difflib.get_close_matches(wanted, [kind.name for kind in kinds if kind.name], n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise HeldError(f'ServiceTitan has no customer custom field "{wanted}".{hint}', _MAKE, SETTING)
    texts = [kind for kind in named if _same(kind.data_type or "Text", "Text")]
    if not texts:
        raise HeldError(
            f'The customer custom field "{named[0].name}" is of type {named[0].data_type}, which takes no link.',
            _MAKE,
            SETTING,
        )
    if len(texts) > 1:
        raise HeldError(
            f'ServiceTitan has {len(texts)} customer custom fields "{texts[0].name}".',
            "Let an admin rename one, and name the other in contact_sync.write_link_to.",
            SETTING,
        )
    return texts[0]


def decide_write(link: KeptLink, found: FieldsOfCustomer | None, field: int) -> WriteDecision:
    """Decide what is written of one customer, by its custom fields as just read. None: ServiceTitan has no such one."""
    if found is None:
        return NotWritten(link.customer, "ServiceTitan does not find the customer.", refused=link.url)
    if found.merged_into is not None:
        return NotWritten(link.customer, f"It was merged into customer {found.merged_into}, which counts.")
    if not found.is_active:
        return NotWritten(link.customer, "The customer is inactive.")
    if [value for kind, value in found.fields if kind == field] == [link.url]:
        return LinkIsThere(link.customer, link.url)
    return WriteLink(link.customer, link.url, _with_link(found.fields, field, link.url))


def judge_answer(write: WriteLink, shown: FieldsOfCustomer, field: int) -> LinkIsThere | NotWritten:
    """Tell whether the answer to a write shows the link."""
    if any((kind, value) == (field, write.url) for kind, value in shown.fields):
        return LinkIsThere(write.customer, write.url)
    return NotWritten(write.customer, "ServiceTitan took the link, but does not show it.", refused=write.url)


def _with_link(fields: Sequence[tuple[int, str]], field: int, url: str) -> tuple[tuple[int, str], ...]:
    others = [(kind, value) for kind, value in fields if kind != field and value]
    at = next((at for at, (kind, _) in enumerate(fields) if kind == field), len(fields))
    before = sum(1 for kind, value in fields[:at] if kind != field and value)
    return (*others[:before], (field, url), *others[before:])


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()
