"""A shop file by asking, the check that follows, and connections: against a sandbox on a real port."""

from __future__ import annotations

import json
import os
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from typer.testing import CliRunner, Result

from deployments.cli import app
from deployments.home import Home
from deployments.shop_file import render
from models.settings import HouseSettings
from models.shop import Shop, read_shop
from sandbox.app import create_app

SECRETS = {
    "NORTHSIDE_ST_APP_KEY": "sandbox-app-key",
    "NORTHSIDE_ST_CLIENT_ID": "sandbox-client",
    "NORTHSIDE_ST_CLIENT_SECRET": "sandbox-secret",
    "NORTHSIDE_CC_TOKEN": "sandbox-cc-token",
    "NORTHSIDE_CC_WEBHOOK_SECRET": "sandbox-webhook-secret",
}
ENTER = ""


@pytest.fixture(scope="module")
def town() -> Iterator[str]:
    """Serve the sandbox over HTTP; return its address."""
    server = uvicorn.Server(uvicorn.Config(create_app(seed="demo"), port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def secrets(home: Home) -> None:
    """Set what the shop file will refer to; the fixture `home` puts the environment back."""
    os.environ.update(SECRETS)


def say(*arguments: str, answers: list[str] | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input="\n".join([*(answers or []), ""]))


def shop_path() -> Path:
    return HouseSettings().shops / "northside.toml"


def written() -> Shop:
    return read_shop(shop_path())


def as_people_read(result: Result) -> str:
    return " ".join(result.output.split())


def servicetitan(town: str, **other: str) -> list[str]:
    asked = {
        "timezone": "America/Chicago",
        "api_url": f"{town}/servicetitan",
        "auth_url": f"{town}/servicetitan/connect/token",
        "tenant": "1234567",
        "app_key": ENTER,
        "client_id": ENTER,
        "client_secret": ENTER,
        "guid": ENTER,
        "provider": "77",
    }
    return list((asked | other).values())


def store(town: str, **other: str) -> list[str]:
    asked = {
        "sells": "y",
        "api_url": f"{town}/contractor-commerce",
        "token": ENTER,
        "webhook_secret": "NORTHSIDE_CC_WEBHOOK_SECRET",
        "since": "2026-10-01",
        "payment_type": "1",
        "cancel_reason": ENTER,
        "accounting": ENTER,
    }
    return list((asked | other).values())


PRODUCTS = ["y", "n", ENTER, "contractor commerce", "Online Store", "Filter Order", "1", "1", "1", "completed", "1", "1",
            "1", "1"]  # fmt: skip
"""On, no windows, Material, campaign, unit, job type, technician, tags; "completed" looks, then "1"; accounts."""
SERVICES = ["y", ENTER, "1", "HVAC Service", "Online Service Order", ENTER, "one-time service", "1", ENTER]
"""On, windows as advised, campaign, unit, job type, no technician, "one-time service" looks, then "1"; no tag."""
NO_MARCONE, WRITE = ["n"], ["y"]


def test_a_shop_file_is_written_by_asking_and_passes_the_check(town: str, secrets: None) -> None:
    """OI-5, OI-6, OI-20, OI-22, OI-23, OI-32, OI-44, OI-50, OI-51, OI-55, OI-64: secrets as names, never as values."""
    answers = [*servicetitan(town), *store(town), *PRODUCTS, *SERVICES, *NO_MARCONE, *WRITE]
    result = say("setup", "northside", answers=answers)
    assert result.exit_code == 0, result.output
    shop = written()
    store_settings, tenant = shop.need_contractor_commerce(), shop.need_servicetitan()
    assert (tenant.tenant_id, tenant.booking_provider, tenant.client_secret.variable) == (
        1234567, 77, "NORTHSIDE_ST_CLIENT_SECRET",
    )  # fmt: skip
    assert store_settings.api_token.variable == "NORTHSIDE_CC_TOKEN"
    assert store_settings.webhook_secret.variable == "NORTHSIDE_CC_WEBHOOK_SECRET"
    assert str(store_settings.orders_since) == "2026-10-01"
    assert store_settings.payment_type == "Contractor Commerce"
    assert store_settings.accounting_system == "QuickBooks"
    products, services = store_settings.products, store_settings.services
    assert (products.enabled, products.arrival_windows) == (True, False)
    assert (services.enabled, services.arrival_windows) == (True, True)
    assert products.model_dump(include={"campaign", "business_unit", "job_type", "technician", "account"}) == {
        "campaign": "Contractor Commerce",
        "business_unit": "Online Store",
        "job_type": "Filter Order",
        "technician": "Store Dispatch",
        "account": "Deferred Revenue",
    }
    assert (products.cost_of_sale_account, products.asset_account) == ("Cost of Goods Sold: Material", "Inventory")
    assert products.tag_completed == "Store order completed"
    assert (services.technician, services.tag_one_time, services.tag_subscription) == (
        "",
        "Store: one-time service",
        "",
    )
    said = as_people_read(result)
    assert "A campaign of its own is recommended" in said
    assert "New tags for this use are recommended" in said
    assert "who uses them is advised to include them" in said
    assert "visits are assigned to nobody" in said
    everything = result.output + shop_path().read_text(encoding="utf-8")
    assert not any(secret in everything for secret in SECRETS.values())
    checked = say("check", "northside", "--json")
    lines = json.loads(checked.stdout.strip().splitlines()[-1])["checks"]
    assert checked.exit_code == 0, lines
    assert {line["kind"] for line in lines} == {"ok", "advice"}


def test_a_file_that_is_there_is_changed_only_with_force_and_keeps_the_rest(town: str, secrets: None) -> None:
    """OI-5: a toggle can be flipped, and what was not asked about stays."""
    first = [*servicetitan(town), "n", "n", "y"]
    assert say("setup", "northside", answers=first).exit_code == 0
    with shop_path().open("a", encoding="utf-8") as file:
        file.write('\n[messages]\nsmtp_url = "mailto://me:hidden-word@mail.example.com"\n')
    guid = written().need_servicetitan().external_data_guid
    refused = say("setup", "northside")
    assert refused.exit_code == 2
    assert "--force" in refused.output
    again = [*[ENTER] * 9, *store(town), *PRODUCTS, "n", *NO_MARCONE, *WRITE]
    result = say("setup", "northside", "--force", answers=again)
    assert result.exit_code == 0, result.output
    assert "hidden-word" not in result.output
    assert "Kept as they are: messages." in as_people_read(result)
    shop = written()
    assert shop.messages.smtp_url == "mailto://me:hidden-word@mail.example.com"
    assert shop.need_servicetitan().external_data_guid == guid
    assert shop.need_contractor_commerce().products.enabled
    assert shop_path().with_name("northside.toml.before").exists()
    off = [*[ENTER] * 9, ENTER, *[ENTER] * 7, "n", ENTER, *NO_MARCONE, *WRITE]
    assert say("setup", "northside", "--force", answers=off).exit_code == 0
    products = written().need_contractor_commerce().products
    assert (products.enabled, products.campaign) == (False, "Contractor Commerce")


@pytest.mark.parametrize("typed", ["s3cret-value-9000", "abcDEF123", "SECRETWITHOUTALINE", "A" * 70 + "_B"])
def test_a_secret_that_is_typed_in_is_refused_and_not_repeated(town: str, secrets: None, typed: str) -> None:
    """OI-64: what is typed may be the secret itself."""
    answers = servicetitan(town)
    answers[4:5] = [typed, ENTER]
    result = say("setup", "northside", answers=[*answers, "n", "n", "y"])
    assert result.exit_code == 0, result.output
    assert "never the secret itself" in as_people_read(result)
    assert typed not in shop_path().read_text(encoding="utf-8")
    assert typed not in result.stderr.replace(typed, "", 1)


def test_credentials_that_do_not_work_are_said_before_anything_is_written(town: str, secrets: None) -> None:
    """OI-64."""
    os.environ["NORTHSIDE_ST_CLIENT_SECRET"] = "wrong-one"
    result = say("setup", "northside", answers=[*servicetitan(town), "n"])
    assert result.exit_code == 1
    assert "Go on without trying?" in as_people_read(result)
    assert "What to do:" in result.stderr
    assert "wrong-one" not in result.output
    assert not shop_path().exists()


def test_names_can_be_typed_where_the_tenant_cannot_be_asked(town: str, home: Home) -> None:
    """OI-22: the variables are not set here."""
    names = ["y", "y", ENTER, "Contractor Commerce", "Online Store", "Filter Order", *[ENTER] * 7]
    answers = [*servicetitan(town), "y", *store(town, token="NORTHSIDE_CC_TOKEN", webhook_secret=ENTER + "\n", since="y\n0",
               payment_type="Contractor Commerce"), *names, "n", "n", "y"]  # fmt: skip
    result = say("setup", "northside", answers=answers)
    assert result.exit_code == 0, result.output
    shop = written().need_contractor_commerce()
    assert shop.orders_since is None
    assert (shop.products.campaign, shop.products.job_type, shop.products.technician) == (
        "Contractor Commerce", "Filter Order", "",
    )  # fmt: skip
    assert "That variable is not set here" in as_people_read(result)


def test_another_accounting_system_is_told_and_its_confirmation_kept(town: str, secrets: None) -> None:
    """OI-21: blocked with the advice until somebody confirms, at setup or later."""
    asked = [*servicetitan(town), *store(town, accounting="Sage Intacct\n"), *PRODUCTS, "n", *NO_MARCONE, *WRITE]
    result = say("setup", "northside", answers=asked)
    assert result.exit_code == 0, result.output
    assert "ask your success manager" in as_people_read(result)
    blocked = say("check", "northside", "--json")
    assert blocked.exit_code == 1
    assert "Product orders are kept back" in blocked.stdout
    for misuse in (["check", "--confirm-accounting", "--by", "Dana"], ["check", "northside", "--confirm-accounting"]):
        assert say(*misuse).exit_code == 2
    confirmed = say("check", "northside", "--confirm-accounting", "--by", "Dana Whitfield")
    assert confirmed.exit_code == 0, confirmed.output
    audit = say("audit", "--record", "contractor_commerce.accounting_system", "--json")
    (entry,) = json.loads(audit.stdout)["audit"]
    assert (entry["event"], entry["actor"]) == ("accounting-confirmed", "Dana Whitfield")


def test_an_item_made_while_setup_runs_is_offered_the_next_time(town: str, secrets: None) -> None:
    """OI-24."""
    httpx.post(f"{town}/_sandbox/servicetitan/settings", json={"kind": "campaign", "name": "Spring filters"})
    products = [*PRODUCTS]
    products[3] = "spring filters"
    answers = [*servicetitan(town), *store(town), *products, "n", *NO_MARCONE, *WRITE]
    assert say("setup", "northside", answers=answers).exit_code == 0
    assert written().need_contractor_commerce().products.campaign == "Spring filters"


def test_nothing_is_written_without_a_last_yes(town: str, secrets: None) -> None:
    result = say("setup", "northside", answers=[*servicetitan(town), "n", "n", "n"])
    assert result.exit_code == 1
    assert "Nothing was written." in result.output
    assert not shop_path().exists()


@pytest.mark.parametrize("name", ["North Side", "../northside", "-northside"])
def test_a_shop_has_a_plain_name(name: str) -> None:
    result = say("setup", "--", name)
    assert result.exit_code == 2
    assert "lowercase letters" in as_people_read(result)


def test_a_shop_is_disconnected_and_connected_again(town: str, secrets: None) -> None:
    """OI-1: connecting tries the credentials first, and the check says what is disconnected."""
    answers = [*servicetitan(town), *store(town), *PRODUCTS, *SERVICES, *NO_MARCONE, *WRITE]
    assert say("setup", "northside", answers=answers).exit_code == 0
    kept = say("disconnect", "northside", "contractor_commerce", answers=["n"])
    assert "Nothing was changed" in kept.output
    assert say("check", "northside").exit_code == 0
    assert say("disconnect", "northside", "contractor-commerce", "--yes", "--by", "Dana").exit_code == 0
    told = say("check", "northside", "--json")
    assert told.exit_code == 1
    assert "It was disconnected: nothing is sent." in told.stdout
    os.environ["NORTHSIDE_CC_TOKEN"] = "wrong"
    assert say("connect", "northside", "contractor_commerce").exit_code == 1
    os.environ["NORTHSIDE_CC_TOKEN"] = SECRETS["NORTHSIDE_CC_TOKEN"]
    assert say("connect", "northside", "contractor_commerce").exit_code == 0
    assert say("check", "northside").exit_code == 0
    unknown = say("connect", "northside", "quickbooks")
    assert unknown.exit_code == 2
    assert "referral_factory or servicetitan" in as_people_read(unknown)


def test_a_vendor_the_shop_does_not_use_cannot_be_connected(town: str, secrets: None) -> None:
    """OI-1."""
    assert say("setup", "northside", answers=[*servicetitan(town), "n", "n", "y"]).exit_code == 0
    for command in (["connect"], ["disconnect", "--yes"]):
        result = say(*command, "northside", "contractor_commerce")
        assert result.exit_code == 2
        assert "no [contractor_commerce] section" in as_people_read(result)


@pytest.mark.parametrize(
    "contents",
    [
        {"name": "a", "n": 1, "price": 1.5, "on": True, "list": ["2h", "24h"], "empty": []},
        {"table": {"inner": {"x": 'quote " and \\ back', "name": "Zoë\n🏠\x7f"}}},
        {"many": [{"id": 1, "part": {"on": False}}, {"id": 2}], "odd key": {"and.dot": "${NAME}"}},
    ],
)
def test_what_is_written_reads_back_the_same(contents: dict[str, Any]) -> None:
    assert tomllib.loads(render(contents)) == contents
