"""Pieces that several of ServiceTitan's request bodies share."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sandbox.errors import RefusedError
from sandbox.servicetitan.records import Address, CustomField, WithExternalData
from sandbox.servicetitan.shop_records import FieldType
from sandbox.servicetitan.state import Titan, found
from sandbox.strict import StrictBody

GUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"


class CustomFieldBody(StrictBody):
    """Source: jpm-v2 `CustomFieldModel`."""

    type_id: int
    value: str | None = None


class ExternalItemBody(StrictBody):
    """Source: jpm-v2 `ExternalDataUpdateModel`."""

    key: str
    value: str | None = None


class ExternalBody(StrictBody):
    """Source: jpm-v2 `ExternalDataUpdateRequest`; patchMode defaults to Replace."""

    patch_mode: Literal["Replace", "Merge"] | None = None
    application_guid: str = Field(pattern=GUID)
    external_data: list[ExternalItemBody]


class NewExternalItemBody(StrictBody):
    """Source: `ExternalDataModel`: in a create the value is needed."""

    key: str
    value: str


class NewExternalBody(StrictBody):
    """Source: `ExternalDataCreateRequest`: there is no patchMode."""

    application_guid: str = Field(pattern=GUID)
    external_data: list[NewExternalItemBody]


class AddressBody(StrictBody):
    """Source: crm-v2 `CustomerAddress` and `LocationAddress` of a create."""

    street: str
    unit: str | None = None
    city: str
    state: str
    zip: str
    country: str
    latitude: float | None = None
    longitude: float | None = None

    def kept(self) -> Address:
        """Return the address as a record keeps it.

        Raises: RefusedError 400 for a blank street.
        """
        if not self.street.strip():
            raise RefusedError(400, "An address needs a street.", {"address.street": ["must not be empty"]})
        return Address(**self.model_dump())


class NewContactBody(StrictBody):
    """Source: crm-v2 `NewContactModel`."""

    type: Literal["Phone", "Email", "Fax", "MobilePhone"]
    value: str
    memo: str | None = None


def write_external(record: WithExternalData, body: ExternalBody | NewExternalBody | None) -> str | None:
    """Keep a partner's data with the record; return the partner's guid. Replace drops the partner's other keys."""
    if body is None:
        return None
    guid = body.application_guid.lower()
    is_merge = isinstance(body, ExternalBody) and body.patch_mode == "Merge"
    kept = dict(record.external.get(guid, {})) if is_merge else {}
    for item in body.external_data:
        if item.value is None:
            kept.pop(item.key, None)
        else:
            kept[item.key] = item.value
    record.external[guid] = kept
    return guid


def check_tags(titan: Titan, tags: list[int]) -> list[int]:
    """Return the tags, each once. Raise RefusedError 400 for one that is not there or not active."""
    for tag in tags:
        if not found(titan.tag_types, tag, "Tag type", status=400).active:
            raise RefusedError(400, f"Tag type {tag} is not active.", {"tagTypeIds": ["not active"]})
    return list(dict.fromkeys(tags))


def check_fields(kinds: dict[int, FieldType], sent_fields: list[CustomFieldBody]) -> list[CustomField]:
    """Return the custom fields. Raise RefusedError 400 for an unknown type, a field sent twice, or no option of it."""
    fields: dict[int, CustomField] = {}
    for sent in sent_fields:
        kind: FieldType = found(kinds, sent.type_id, "Custom field type", status=400)
        if sent.type_id in fields:
            raise RefusedError(400, "A custom field was sent twice.", {"customFields": [f"{kind.name} twice"]})
        if sent.value is None:
            continue
        if kind.data_type == "Dropdown" and sent.value not in (kind.data_type_options or []):
            raise RefusedError(400, "Not an option of this field.", {"customFields": [f"{kind.name}: no such option"]})
        fields[kind.id] = CustomField(type_id=kind.id, name=kind.name, value=sent.value)
    return list(fields.values())
