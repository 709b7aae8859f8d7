"""What `truckroll check` says of the names in the shop file's [parts]."""

from __future__ import annotations

from typing import Any

import pytest
import respx

from connectors.servicetitan.client import ServiceTitan
from connectors.servicetitan.names import missing_names
from models.shop import PartsSettings
from tests.connectors.doubles import ST, page

FIELDS = ("Part status", "Part ETA", "Part number", "Part quantity", "Model number", "Serial number")


def serve(vendors: respx.MockRouter, **types: str) -> None:
    """Give the tenant every field, as Text unless said otherwise."""
    rows: list[dict[str, Any]] = [
        {"id": place, "name": name, "dataType": types.get(name.replace(" ", "_"), "Text")}
        for place, name in enumerate(FIELDS, start=1)
    ]
    vendors.get(f"{ST}/jpm/v2/tenant/7/jobs/custom-fields").respond(json=page(*rows))
    vendors.get(f"{ST}/jpm/v2/tenant/7/job-hold-reasons").respond(
        json=page({"id": 1, "name": "Waiting for parts", "active": True})
    )


@pytest.mark.parametrize("kind", ["Dropdown", "Numeric"])
@pytest.mark.parametrize(
    ("field", "setting"),
    [
        ("Part_status", "parts.field_part_status"),
        ("Part_ETA", "parts.field_part_eta"),
        ("Part_number", "parts.diagnosis.custom_field.part_number"),
    ],
)
async def test_a_field_that_cannot_hold_what_is_written_is_told(
    st: ServiceTitan, vendors: respx.MockRouter, field: str, setting: str, kind: str
) -> None:
    """PL-4, PL-30: said before the first run, with the setting, instead of by each job."""
    serve(vendors, **{field: kind})
    [told] = await missing_names(st, PartsSettings(diagnosis_from="custom_field"))
    assert told.what == setting
    assert f'"{field.replace("_", " ")}" is {kind}' in told.why
    assert "Text" in told.fix


async def test_text_fields_and_a_numeric_quantity_are_fine(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    """PL-4: a number fits into a quantity."""
    serve(vendors, Part_quantity="Numeric", Model_number="Dropdown")
    assert await missing_names(st, PartsSettings(diagnosis_from="custom_field")) == ()


async def test_the_part_numbers_field_matters_only_where_technicians_write_into_it(
    st: ServiceTitan, vendors: respx.MockRouter
) -> None:
    """PL-2: a shop that diagnoses on estimates need not have it."""
    serve(vendors, Part_number="Numeric")
    assert await missing_names(st, PartsSettings(diagnosis_from="estimate")) == ()
