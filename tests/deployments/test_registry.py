"""The register of processes, prefect.yaml and the flows say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import Flow
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema

from deployments.processes import PROCESSES, Process
from deployments.serve import build
from flows.running import PASSES
from models.settings import HouseSettings
from models.shop import Shop, load_shop

REPOSITORY = Path(__file__).parents[2]
WRITTEN: dict[str, Any] = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text(encoding="utf-8"))
BY_ENTRYPOINT: dict[str, dict[str, Any]] = {one["entrypoint"]: one for one in WRITTEN["deployments"]}

each_process = pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)


@pytest.fixture
def shop() -> Shop:
    return load_shop("demo", HouseSettings().shops)


def flow_of(process: Process) -> Flow[..., Any]:
    # Without the placeholder: with it a flow whose import is broken still "loads".
    return load_flow_from_entrypoint(process.entrypoint, use_placeholder_flow=False)


def test_prefect_yaml_has_every_process_and_no_other() -> None:
    assert sorted(BY_ENTRYPOINT) == sorted(process.entrypoint for process in PROCESSES)
    assert len(WRITTEN["deployments"]) == len(PROCESSES)


@each_process
def test_prefect_yaml_says_what_the_register_says(process: Process, shop: Shop) -> None:
    written = BY_ENTRYPOINT[process.entrypoint]
    schedules = [{"cron": process.cron, "timezone": shop.timezone, "slug": process.slug, "active": True}]
    limit = {"limit": 1, "collision_strategy": "CANCEL_NEW"} if process.one_at_a_time else None
    assert written["name"] == "demo"
    assert written["description"] == process.description
    assert written["tags"] == process.tags("demo")
    assert written["parameters"] == process.parameters("demo")
    assert written.get("schedules") == (schedules if process.cron else None)
    assert written.get("concurrency_limit") == limit
    assert written["enforce_parameter_schema"] is True
    assert written["work_pool"] == {"name": "truckroll"}


@each_process
def test_what_is_served_says_what_the_register_says(process: Process, shop: Shop) -> None:
    served = build(process, shop)
    assert served.full_name == f"{process.name}/demo"
    assert served.entrypoint == process.entrypoint
    assert served.tags == process.tags("demo")
    assert served.parameters == process.parameters("demo")
    assert served.concurrency_limit == (1 if process.one_at_a_time else None)
    if process.one_at_a_time:
        assert served.concurrency_options is not None
        assert served.concurrency_options.collision_strategy == "CANCEL_NEW"
    shown = [(one.schedule.cron, one.schedule.timezone, one.slug) for one in served.schedules or []]  # type: ignore[union-attr]
    assert shown == ([(process.cron, shop.timezone, process.slug)] if process.cron else [])


@each_process
def test_a_flow_is_named_as_people_type_it_and_explains_its_parameters(process: Process) -> None:
    flow = flow_of(process)
    assert flow.name == process.name
    parameters = parameter_schema(flow).properties
    assert set(process.parameters("demo")) <= set(parameters)
    assert all(described.get("description") for described in parameters.values()), parameters


@each_process
def test_a_process_can_also_be_run_in_the_foreground(process: Process) -> None:
    assert process.name in PASSES


def test_only_a_flow_that_waits_for_people_has_no_limit() -> None:
    assert [process.name for process in PROCESSES if not process.one_at_a_time] == ["order-change", "parts-loop"]


def test_a_process_is_served_only_where_the_shop_file_has_what_it_needs(shop: Shop) -> None:
    no_store = shop.model_copy(update={"contractor_commerce": None})
    no_parts = shop.model_copy(update={"marcone": None})
    assert {process.name for process in PROCESSES if not process.suits(no_store)} == {
        "order-to-invoice",
        "order-change",
        "settings-refresh",
    }
    assert {process.name for process in PROCESSES if not process.suits(no_parts)} == {
        "diagnosis-watch",
        "parts-loop",
        "eta-watch",
    }
    assert all(process.suits(shop) for process in PROCESSES)
