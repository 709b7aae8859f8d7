"""The newer contact model with GUID ids, beside the classic contacts. Source: crm-v2 `/contacts...`, FACTS 2.1, 7.6.

Here each customer is one contact of the new model, and each of its classic contacts one contact method [inferred].
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any, ClassVar
from uuid import UUID, uuid5

from fastapi import Path, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from sandbox.errors import RefusedError
from sandbox.servicetitan.bodies import GUID
from sandbox.servicetitan.door import TheTitan, api
from sandbox.servicetitan.queries import Dates, Sorted, is_or_any, page_of, titan_query
from sandbox.servicetitan.records import OWNER, Contact, Customer, Location
from sandbox.servicetitan.state import Titan
from sandbox.strict import QueryInt, QueryTime

router = api("crm")

SPACE = UUID("5b5e1c1e-7d0f-4b55-9f7e-2f4f1f0c7a10")


class MethodsQuery(Dates, Sorted):
    """Source: crm-v2 `GET /contacts/contact-methods`. `value` is exact but for case [inferred]."""

    contact_id: Annotated[str | None, Field(pattern=GUID)] = None
    reference_id: str | None = None
    type: str | None = None
    value: str | None = None


class RelationshipsQuery(Sorted):
    """Source: crm-v2 `GET /contacts/{contactId}/relationships`."""

    sortable: ClassVar[frozenset[str]] = frozenset({"id", "created_on"})

    related_entity_id: QueryInt | None = None
    type_slug: str | None = None
    type_name: str | None = None
    created_before: QueryTime | None = None
    created_on_or_after: QueryTime | None = None


@router.get("/contacts/contact-methods")
async def list_methods(request: Request, titan: TheTitan) -> JSONResponse:
    """List contact methods, such as everyone with one e-mail address."""
    _check_scope(titan)
    query = titan_query(MethodsQuery, request)
    rows = [
        one
        for one in titan.contacts.values()
        if one.active
        and (query.value is None or query.value.strip().casefold() == one.value.strip().casefold())
        and is_or_any(query.type, one.type)
        and (query.contact_id is None or guid_of("customer", one.customer_id) == query.contact_id.lower())
        and query.reference_id is None
        and not _is_hidden(titan, one)
        and query.admits(one)
    ]
    return page_of(rows, query, _method)


@router.get("/contacts/{contact_id}/relationships")
async def list_relationships(
    request: Request, titan: TheTitan, contact_id: Annotated[str, Path(alias="contact_id")]
) -> JSONResponse:
    """List what a contact belongs to: its customer, and the customer's locations. 409 when there is no such contact."""
    _check_scope(titan)
    if not re.fullmatch(GUID, contact_id):
        raise RefusedError(404, "The contact id is not a GUID.", {"contactId": ["not a GUID"]})
    query = titan_query(RelationshipsQuery, request)
    customer = next(
        (one for one in titan.customers.values() if guid_of("customer", one.id) == contact_id.lower()), None
    )
    if customer is None:
        raise RefusedError(409, "Contact not found.")
    places = [one for one in titan.locations.values() if one.customer_id == customer.id]
    related: list[tuple[Customer | Location, str]] = [(customer, "Customer"), *((one, "Location") for one in places)]
    kinds = {one.id: kind for one, kind in related}
    rows = [
        one
        for one, kind in related
        if query.admits(one)
        and is_or_any(query.related_entity_id, one.id)
        and is_or_any(query.type_slug, kind.lower())
        and is_or_any(query.type_name, kind)
    ]
    return page_of(rows, query, _relationship(kinds))


@lru_cache(maxsize=50_000)
def guid_of(kind: str, number: int) -> str:
    """Return the new model's id of a classic record; always the same one."""
    return str(uuid5(SPACE, f"{kind}/{number}"))


def _check_scope(titan: Titan) -> None:
    if titan.switches.contacts_forbidden:
        raise RefusedError(403, "Provided authentication is insufficient to grant access.")


def _is_hidden(titan: Titan, contact: Contact) -> bool:
    hidden = titan.switches.hidden_contacts
    return hidden if isinstance(hidden, bool) else contact.id in hidden


def _method(contact: Contact) -> dict[str, Any]:
    shown = contact.wire()
    return {
        "id": guid_of("method", contact.id),
        "contactId": guid_of("customer", contact.customer_id),
        "referenceId": None,
        "type": contact.type,
        "value": contact.value,
        "memo": contact.memo,
        "createdOn": shown["createdOn"],
        "createdBy": OWNER,
        "modifiedOn": shown["modifiedOn"],
        "modifiedBy": OWNER,
    }


def _relationship(kinds: dict[int, str]) -> Callable[[Customer | Location], dict[str, Any]]:
    def shown(record: Customer | Location) -> dict[str, Any]:
        kind = kinds[record.id]
        return {
            "id": guid_of(f"relationship-{kind}", record.id),
            "relatedEntityId": record.id,
            "typeName": kind,
            "typeSlug": kind.lower(),
            "createdOn": record.wire()["createdOn"],
            "createdBy": OWNER,
        }

    return shown
