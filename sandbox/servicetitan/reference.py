"""Settings, pricebook, equipment and forms: what a job refers to. Source: the specs named at each operation."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from sandbox.errors import RefusedError
from sandbox.servicetitan.door import TheTitan, api
from sandbox.servicetitan.queries import (
    APP_KEY_PARAMETER,
    ActiveOnly,
    Dates,
    External,
    Ids,
    Sorted,
    guid_query,
    is_or_any,
    no_query,
    page_of,
    says,
    titan_query,
    within,
)
from sandbox.servicetitan.shop_records import Item
from sandbox.servicetitan.state import found
from sandbox.strict import Id, QueryBool, QueryIdList, QueryInt, QueryTime, read_query

settings = api("settings")
jpm = api("jpm")
pricebook = api("pricebook")
equipmentsystems = api("equipmentsystems")
forms = api("forms")


class TechniciansQuery(Ids, Dates, ActiveOnly):
    """Source: settings-v2 `GET /technicians`; it cannot be sorted."""

    user_ids: QueryIdList | None = None
    name: str | None = None


class BusinessUnitsQuery(Ids, Dates, ActiveOnly):
    """Source: settings-v2 `GET /business-units`."""

    name: str | None = None
    external_data_application_guid: str | None = None


class TagTypesQuery(Dates, ActiveOnly, Sorted):
    """Source: settings-v2 `GET /tag-types`; no name filter, no ids."""


class JobTypesQuery(Ids, Dates, ActiveOnly):
    """Source: jpm-v2 `GET /job-types`; sorted by `orderBy`, not `sort`."""

    name: str | None = None
    min_duration: QueryInt | None = None
    max_duration: QueryInt | None = None
    priority: str | None = None
    order_by: Literal["id", "modifiedOn", "createdOn"] = "id"
    order_by_direction: Literal["asc", "ascending", "desc", "descending"] = "asc"
    external_data_application_guid: str | None = None


class PricebookQuery(Ids, Dates, ActiveOnly, Sorted, External):
    """Source: pricebook-v2 `GET /equipment`. No exact code filter, no vendor-part filter."""

    sortable: ClassVar[frozenset[str]] = frozenset({"id", "code", "display_name", "created_on", "modified_on", "price"})

    search_text: str | None = Field(None, max_length=200)

    def finds(self, item: Item) -> bool:
        """Tell whether the item passes every filter."""
        text = (item.display_name, item.code, item.description)
        return (
            self.admits(item)
            and self.holds_external(item)
            and (self.search_text is None or any(says(self.search_text, one) for one in text))
        )


class MaterialsQuery(PricebookQuery):
    """Source: pricebook-v2 `GET /materials`."""

    is_other_direct_cost: QueryBool | None = None
    cost_type_ids: QueryIdList | None = None


class ServicesQuery(PricebookQuery):
    """Source: pricebook-v2 `GET /services`."""

    calculate_prices: QueryBool = False


class ServiceQuery(BaseModel):
    """Source: pricebook-v2 `GET /services/{id}`."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)

    calculate_prices: QueryBool = False
    external_data_application_guid: str | None = None


class InstalledQuery(Ids, Dates, ActiveOnly, Sorted):
    """Source: equipment-systems-v2 `GET /installed-equipment`: by location, not by job or serial number."""

    location_ids: QueryIdList | None = None


class FormsQuery(Ids, Dates, ActiveOnly, Sorted):
    """Source: forms-v2 `GET /forms`."""

    has_conditional_logic: QueryBool | None = None
    has_triggers: QueryBool | None = None
    name: str | None = None
    status: Literal["Any", "Published", "Unpublished"] | None = None


class SubmissionsQuery(ActiveOnly, Sorted):
    """Source: forms-v2 `GET /submissions`; owners come as `owners[0].type=Job&owners[0].id=1`."""

    sortable: ClassVar[frozenset[str]] = frozenset({"id", "submitted_on", "created_by"})

    form_ids: QueryIdList | None = None
    created_by_id: QueryInt | None = None
    status: Literal["Started", "Completed", "Any"] | None = None
    submitted_on_or_after: QueryTime | None = None
    submitted_before: QueryTime | None = None
    owner_type: (
        Literal[
            "Job", "Call", "Customer", "Location", "Equipment", "Technician", "JobAppointment", "Membership", "Truck"
        ]
        | None
    ) = None


@settings.get("/technicians")
async def list_technicians(request: Request, titan: TheTitan) -> JSONResponse:
    """List technicians."""
    query = titan_query(TechniciansQuery, request)
    rows = [
        one
        for one in titan.technicians.values()
        if query.admits(one)
        and says(query.name, one.name)
        and (query.user_ids is None or one.user_id in query.user_ids)
    ]
    return page_of(rows, query)


@settings.get("/technicians/{id}")
async def get_technician(request: Request, titan: TheTitan, technician_id: Id) -> JSONResponse:
    """Read one technician."""
    no_query(request)
    return JSONResponse(found(titan.technicians, technician_id, "Technician").wire())


@settings.get("/business-units")
async def list_business_units(request: Request, titan: TheTitan) -> JSONResponse:
    """List business units."""
    query = titan_query(BusinessUnitsQuery, request)
    rows = [one for one in titan.business_units.values() if query.admits(one) and says(query.name, one.name)]
    return page_of(rows, query, lambda one: one.wire_for(query.external_data_application_guid))


@settings.get("/tag-types")
async def list_tag_types(request: Request, titan: TheTitan) -> JSONResponse:
    """List tag types."""
    query = titan_query(TagTypesQuery, request)
    return page_of([one for one in titan.tag_types.values() if query.admits(one)], query)


@jpm.get("/job-types")
async def list_job_types(request: Request, titan: TheTitan) -> JSONResponse:
    """List job types."""
    query = titan_query(JobTypesQuery, request)
    rows = [
        one
        for one in titan.job_types.values()
        if query.admits(one)
        and says(query.name, one.name)
        and is_or_any(query.priority, one.priority)
        and (query.min_duration is None or one.duration >= query.min_duration)
        and (query.max_duration is None or one.duration <= query.max_duration)
    ]
    field = {"id": "id", "modifiedOn": "modified_on", "createdOn": "created_on"}[query.order_by]
    guid = query.external_data_application_guid
    order = (field, query.order_by_direction.startswith("desc"))
    return page_of(rows, query, lambda one: one.wire_for(guid), order=order)


@pricebook.get("/materials")
async def list_materials(request: Request, titan: TheTitan) -> JSONResponse:
    """List materials."""
    query = titan_query(MaterialsQuery, request)
    rows = [
        one
        for one in titan.materials.values()
        if query.finds(one)
        and is_or_any(query.is_other_direct_cost, one.is_other_direct_cost)
        and query.cost_type_ids is None
    ]
    return page_of(rows, query, lambda one: one.wire_for(query.external_data_application_guid))


@pricebook.get("/materials/{id}")
async def get_material(request: Request, titan: TheTitan, material_id: Id) -> JSONResponse:
    """Read one material."""
    guid = guid_query(request)
    return JSONResponse(found(titan.materials, material_id, "Material").wire_for(guid))


@pricebook.get("/equipment")
async def list_equipment(request: Request, titan: TheTitan) -> JSONResponse:
    """List equipment of the pricebook."""
    query = titan_query(PricebookQuery, request)
    rows = [one for one in titan.equipment.values() if query.finds(one)]
    return page_of(rows, query, lambda one: one.wire_for(query.external_data_application_guid))


@pricebook.get("/services")
async def list_services(request: Request, titan: TheTitan) -> JSONResponse:
    """List services. None here has a dynamic price, so calculating prices changes nothing."""
    query = titan_query(ServicesQuery, request)
    rows = [one for one in titan.services.values() if query.finds(one)]
    return page_of(rows, query, lambda one: one.wire_for(query.external_data_application_guid))


@pricebook.get("/services/{id}")
async def get_service(request: Request, titan: TheTitan, service_id: Id) -> JSONResponse:
    """Read one service."""
    query = read_query(ServiceQuery, request, frozenset({APP_KEY_PARAMETER}))
    service = found(titan.services, service_id, "Service")
    return JSONResponse(service.wire_for(query.external_data_application_guid))


@equipmentsystems.get("/installed-equipment")
async def list_installed(request: Request, titan: TheTitan) -> JSONResponse:
    """List appliances that stand at customers' places."""
    query = titan_query(InstalledQuery, request)
    rows = [
        one
        for one in titan.installed.values()
        if query.admits(one) and (query.location_ids is None or one.location_id in query.location_ids)
    ]
    return page_of(rows, query)


@forms.get("/forms")
async def list_forms(request: Request, titan: TheTitan) -> JSONResponse:
    """List forms."""
    query = titan_query(FormsQuery, request)
    rows = [
        one
        for one in titan.forms.values()
        if query.admits(one)
        and says(query.name, one.name)
        and is_or_any(query.has_conditional_logic, one.has_conditional_logic)
        and is_or_any(query.has_triggers, one.has_triggers)
        and (query.status in {None, "Any"} or one.published == (query.status == "Published"))
    ]
    return page_of(rows, query)


@forms.get("/submissions")
async def list_submissions(request: Request, titan: TheTitan) -> JSONResponse:
    """List submitted forms."""
    owners, names = _owners(request)
    query = read_query(SubmissionsQuery, request, frozenset({APP_KEY_PARAMETER, *names}))
    rows = [
        one
        for one in titan.submissions.values()
        if (query.form_ids is None or one.form_id in query.form_ids)
        and is_or_any(query.created_by_id, one.created_by_id)
        and (query.status in {None, "Any"} or one.status == query.status)
        and within(one, "submitted_on", query, "submitted_on_or_after", "submitted_before")
        and (query.owner_type is None or any(owner.type == query.owner_type for owner in one.owners))
        and (not owners or any((owner.type, owner.id) in owners for owner in one.owners))
    ]
    return page_of(rows, query)


def _owners(request: Request) -> tuple[set[tuple[str, int]], set[str]]:
    """Read `owners[N].type` and `owners[N].id`; return the pairs and the names they came under."""
    found_parts: dict[str, dict[str, str]] = {}
    names: set[str] = set()
    for name, value in request.query_params.multi_items():
        match = re.fullmatch(r"owners\[(\d+)\]\.(type|id)", name)
        if match:
            names.add(name)
            found_parts.setdefault(match[1], {})[match[2]] = value
    pairs: set[tuple[str, int]] = set()
    for part in found_parts.values():
        if set(part) != {"type", "id"} or not part["id"].isdigit():
            raise RefusedError(400, "Each owner needs a type and a numeric id.", {"owners": ["incomplete"]})
        pairs.add((part["type"], int(part["id"])))
    return pairs, names
