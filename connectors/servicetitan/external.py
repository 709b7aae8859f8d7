"""Our external data on ServiceTitan's records: how we recognise what we made. Source: [spec]; FACTS 2.7.

Private to our application guid. Customers, locations, jobs and pricebook items carry it; invoices and payments cannot.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from connectors.wire import RequestModel, VendorModel


def checked(values: Iterable[str]) -> tuple[str, ...]:
    """Return the values to look for, each once and no blank ones.

    Raises ValueError for one with a comma: the vendor's filter takes a comma list and would never find it. The text
    that `external_value` makes of it is found.
    """
    wanted = sorted({value for value in values if value.strip()})
    if any("," in value for value in wanted):
        raise ValueError("A value to be found by must not hold a comma: use external_value().")
    return tuple(wanted)


def external_value(text: str) -> str:
    """Write a text as a value of our external data that can be looked for; different texts stay different."""
    return text.strip().replace("%", "%25").replace(",", "%2C")


class ExternalDatum(VendorModel):
    """One key of our external data. jpm-v2 `Jpm.V2.ExternalDataModel`."""

    key: str
    value: str = ""


class MarkedModel(VendorModel):
    """A record that may carry our external data; shown only where the guid was asked for."""

    external_data: tuple[ExternalDatum, ...] = ()


class ExternalDataItem(RequestModel):
    """jpm-v2 `Jpm.V2.ExternalDataUpdateModel`."""

    key: str
    value: str


class ExternalDataUpdate(RequestModel):
    """jpm-v2 `Jpm.V2.ExternalDataUpdateRequest`; the vendor's default mode would drop our other keys."""

    patch_mode: Literal["Merge", "Replace"]
    application_guid: str
    external_data: tuple[ExternalDataItem, ...]


class NewExternalData(RequestModel):
    """jpm-v2, crm-v2 and pricebook-v2 `ExternalDataCreateRequest`."""

    application_guid: str
    external_data: tuple[ExternalDataItem, ...]


@dataclass(frozen=True, slots=True)
class ExternalKey:
    """One key of our external data, private to our application guid (FACTS 2.7)."""

    guid: str
    key: str

    def query(self) -> dict[str, str]:
        """Return the part of a filter that names it."""
        return {"externalDataApplicationGuid": self.guid, "externalDataKey": self.key}

    def holding(self, value: str) -> NewExternalData:
        """Return the external data of a new record to be found by this value. Raises ValueError, see `checked`."""
        checked([value])
        return NewExternalData(application_guid=self.guid, external_data=(ExternalDataItem(key=self.key, value=value),))
