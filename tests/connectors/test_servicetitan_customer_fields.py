"""Customer custom fields: which there are, and writing a customer's list of them."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import respx
from pydantic import ValidationError

from connectors.errors import AmbiguousWriteError, ContractError, NotFoundError, RejectedError, VendorError
from connectors.servicetitan.client import ServiceTitan
from connectors.servicetitan.crm_schemas import CustomerFieldValue, CustomerPatch
from tests.connectors.doubles import ST, page

CRM = f"{ST}/crm/v2/tenant/7"
URL = "https://acme.example.com/abcd1234"
PATCH = CustomerPatch(
    custom_fields=(CustomerFieldValue(type_id=6, value="Gold"), CustomerFieldValue(type_id=5, value=URL))
)
ROW = {
    "id": 11,
    "active": True,
    "name": "Robin Sample",
    "customFields": [{"typeId": 6, "name": "Care club", "value": "Gold"}, {"typeId": 5, "name": None, "value": URL}],
}


async def test_kinds_of_fields_are_read_page_by_page_also_those_that_say_little(
    st: ServiceTitan, vendors: respx.MockRouter
) -> None:
    """Name and type may be null [spec]."""
    rows: list[dict[str, Any]] = [
        {"id": 5, "name": "Referral link", "dataType": "Text"},
        {"id": 6, "name": None, "dataType": None},
    ]
    pages = [{**page(rows[0]), "hasMore": True}, page(rows[1])]
    route = vendors.get(f"{CRM}/customers/custom-fields").mock(
        side_effect=[httpx.Response(200, json=one) for one in pages]
    )
    kinds = await st.list_customer_custom_fields()
    assert [(kind.id, kind.name, kind.data_type) for kind in kinds] == [(5, "Referral link", "Text"), (6, "", "")]
    assert [call.request.url.params["page"] for call in route.calls] == ["1", "2"]


async def test_a_customers_list_of_fields_is_sent_whole_and_nothing_else(
    st: ServiceTitan, vendors: respx.MockRouter
) -> None:
    route = vendors.patch(f"{CRM}/customers/11").respond(json=ROW)
    shown = await st.patch_customer(11, PATCH)
    assert json.loads(route.calls[0].request.content) == {
        "customFields": [{"typeId": 6, "value": "Gold"}, {"typeId": 5, "value": URL}]
    }
    assert [(one.type_id, one.value) for one in shown.custom_fields] == [(6, "Gold"), (5, URL)]


def test_a_field_without_a_value_cannot_be_sent() -> None:
    """`value` is required and not nullable [spec]; a misspelt field would be one the vendor refuses."""
    for wrong in ({"typeId": 5}, {"typeId": 5, "value": None}, {"typeId": 5, "value": URL, "name": "x"}):
        with pytest.raises(ValidationError):
            CustomerFieldValue.model_validate(wrong)


@pytest.mark.parametrize(
    ("reply", "meaning"),
    [
        pytest.param(httpx.Response(404, json={"title": "Customer not found"}), NotFoundError, id="unknown customer"),
        pytest.param(httpx.Response(409, json={"title": "Merged"}), RejectedError, id="refused"),
        pytest.param(httpx.Response(400, json={"title": f"'{URL}' is too long"}), RejectedError, id="a wrong value"),
        pytest.param(httpx.Response(503), AmbiguousWriteError, id="it may have happened"),
        pytest.param(httpx.ReadTimeout(""), AmbiguousWriteError, id="no answer"),
        pytest.param(httpx.Response(200, json={"name": "no id"}), ContractError, id="an answer that cannot be read"),
    ],
)
async def test_failures_tell_the_caller_what_to_do(
    st: ServiceTitan, vendors: respx.MockRouter, reply: httpx.Response | Exception, meaning: type[VendorError]
) -> None:
    """Each becomes one kind of error, after one call; and no link is quoted."""
    route = vendors.patch(f"{CRM}/customers/11").mock(side_effect=[reply])
    with pytest.raises(VendorError) as caught:
        await st.patch_customer(11, PATCH)
    assert caught.type is meaning
    assert route.call_count == 1
    assert URL not in str(caught.value)
