"""`truckroll connect`, `disconnect` and `status`: step by step and all at once, against a sandbox on a real port."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.home import Home
from models.settings import HouseSettings
from models.shop import read_shop
from tests.deployments.test_setup import SECRETS, as_people_read, say, secrets, town

__all__ = ["secrets", "town"]

RF = {"NORTHSIDE_RF_TOKEN": "sandbox-rf-token"}
VALUES = [*[""] * 2, *[""] * 3, "77"]
"""Addresses, app key, client id and secret as offered; the booking provider."""


@pytest.fixture
def everything(town: str, secrets: None, home: Home) -> Path:
    """Write a shop file with both sides of the referral program, complete; return it."""
    assert home.root
    os.environ.update(RF)
    return write(town)


def write(
    town: str, *, name: str = "northside", tenant: int = 1234567, provider: str = "booking_provider = 77"
) -> Path:
    path = HouseSettings().shops / f"{name}.toml"
    path.write_text(
        f"""name = "{name}"
[servicetitan]
api_url = "{town}/servicetitan"
auth_url = "{town}/servicetitan/connect/token"
tenant_id = {tenant}
app_key = "${{NORTHSIDE_ST_APP_KEY}}"
client_id = "${{NORTHSIDE_ST_CLIENT_ID}}"
client_secret = "${{NORTHSIDE_ST_CLIENT_SECRET}}"
{provider}
external_data_guid = "6f0c2f0e-9d1b-4c57-8c39-0b8f8a3f7d11"
[referral_factory]
api_url = "{town}/referral-factory/api/v2"
api_token = "${{NORTHSIDE_RF_TOKEN}}"
""",
        encoding="utf-8",
    )
    return path


def connections(shop: str = "northside") -> dict[str, dict[str, Any]]:
    body = json.loads(say("status", "--shop", shop, "--json").stdout.strip().splitlines()[-1])
    return {one["vendor"]: one for one in body["shops"][0]["connections"]}


def steps(vendor: str = "servicetitan") -> list[tuple[str, str]]:
    rows = json.loads(say("audit", "--record", vendor, "--json").stdout.strip().splitlines()[-1])["audit"]
    return [(row["event"], row["actor"]) for row in rows]


def shown(state: str) -> bool:
    return f"ServiceTitan {state}" in as_people_read(say("status", "--shop", "northside"))


def test_all_in_the_shop_file_is_tried_and_connected_with_every_step_shown(everything: Path) -> None:
    """RF-10, RF-19, RF-25: the steps are in the audit log with who took them, and no secret is shown."""
    before = everything.read_text(encoding="utf-8")
    result = say("connect", "northside", "servicetitan", "--yes", "--by", "Dana Whitfield")
    assert result.exit_code == 0, result.output
    said = as_people_read(result)
    for part in (
        "tenant 1234567 answers",
        'the tag "Referral Factory"',
        "Access asked for.",
        "ready to finalise.",
        "Connected.",
    ):
        assert part in said
    assert not any(secret in result.output for secret in {**SECRETS, **RF}.values())
    assert steps() == [(event, "Dana Whitfield") for event in ("access-requested", "access-approved", "connected")]
    one = connections()["servicetitan"]
    assert (one["state"], one["moves"], one["tenant_id"], one["booking_provider"], one["by"]) == (
        "connected", True, 1234567, 77, "Dana Whitfield",
    )  # fmt: skip
    assert everything.read_text(encoding="utf-8") == before
    assert say("connect", "northside", "referral-factory", "--yes").exit_code == 0
    assert connections()["referral_factory"]["state"] == "connected"


def test_connecting_the_program_says_what_cannot_be_seen_and_what_comes_next(everything: Path) -> None:
    """RF-9, RF-11, RF-26: other CRM integrations are not shown by its API; nothing moves before a campaign is set up."""
    assert everything.exists()
    said = as_people_read(say("connect", "northside", "referral_factory"))
    assert "cannot be seen over its API" in said
    assert "disconnect any other one first" in said
    assert "draft" in said
    assert "Nothing moves before a campaign is configured" in said


def test_the_guide_is_walked_step_by_step(town: str, secrets: None, home: Home) -> None:
    """RF-14, RF-15, RF-16, RF-17, RF-18, RF-19, RF-20, RF-21, RF-22, RF-23, RF-25: from nothing but a name."""
    path = HouseSettings().shops / "northside.toml"
    path.write_text('name = "northside"\n', encoding="utf-8")
    asked = say("connect", "northside", "servicetitan", answers=["", "  12ab ", " 1234567 ", "n"])
    said = as_people_read(asked)
    assert asked.exit_code == 0, asked.output
    assert "top right" in said
    assert "digits only" in said
    for part in ("ServiceTitan: pending", "up to 24 hours", "1 to 2 business days", "support@referral-factory.com"):
        assert part in said
    assert shown("pending")
    assert (connections()["servicetitan"]["state"], connections()["servicetitan"]["moves"]) == ("pending", False)
    again = say("connect", "northside", "servicetitan", "--yes")
    assert (again.exit_code, "not asked again" in again.output) == (0, True)
    assert [event for event, _ in steps()] == ["access-requested"]
    addresses = [f"{town}/servicetitan", f"{town}/servicetitan/connect/token"]
    done = say("connect", "northside", "servicetitan", answers=["y", *addresses, *VALUES[2:]])
    assert done.exit_code == 0, done.output
    said = as_people_read(done)
    for part in ("Connect New App", "review the permissions", "pick a booking provider tag", "Allow Access", "Edit"):
        assert part in said
    assert not any(secret in done.output + path.read_text(encoding="utf-8") for secret in SECRETS.values())
    tenant = read_shop(path).need_servicetitan()
    assert (tenant.tenant_id, tenant.booking_provider, tenant.client_secret.variable) == (
        1234567, 77, "NORTHSIDE_ST_CLIENT_SECRET",
    )  # fmt: skip
    assert [event for event, _ in steps()] == ["access-requested", "access-approved", "connected"]
    assert home.root
    assert shown("connected")


def test_approved_goes_on_to_finalise_and_nothing_is_asked_with_yes(everything: Path) -> None:
    """RF-16, RF-19: asked for first, finalised later."""
    assert say("connect", "northside", "servicetitan", "--request-only", "--by", "Dana").exit_code == 0
    assert connections()["servicetitan"]["state"] == "pending"
    os.environ["NORTHSIDE_ST_CLIENT_SECRET"] = "wrong-one"
    refused = say("connect", "northside", "servicetitan", "--approved", "--yes")
    assert refused.exit_code == 1
    assert "Nothing was changed: ServiceTitan is ready to finalise." in as_people_read(refused)
    assert "wrong-one" not in refused.output
    assert connections()["servicetitan"]["state"] == "ready_to_finalise"
    os.environ["NORTHSIDE_ST_CLIENT_SECRET"] = SECRETS["NORTHSIDE_ST_CLIENT_SECRET"]
    assert say("connect", "northside", "servicetitan", "--yes").exit_code == 0
    assert connections()["servicetitan"]["state"] == "connected"
    assert everything.exists()


def test_ready_without_any_value_is_refused(home: Home) -> None:
    """RF-20."""
    (HouseSettings().shops / "northside.toml").write_text('name = "northside"\n', encoding="utf-8")
    assert say("connect", "northside", "servicetitan", "--tenant-id", " 1234567 ", "--yes").exit_code == 0
    result = say("connect", "northside", "servicetitan", "--approved", "--yes")
    assert result.exit_code == 2
    assert "Client ID, Client Secret and Booking Provider" in as_people_read(result)
    assert connections()["servicetitan"]["state"] == "ready_to_finalise"
    assert home.root


@pytest.mark.parametrize("said", ["", "   ", "12 34", "tenant", "-1"])
def test_a_tenant_id_that_is_none_is_refused(everything: Path, said: str) -> None:
    """RF-14, RF-15."""
    result = say("connect", "northside", "servicetitan", f"--tenant-id={said}", "--yes")
    assert result.exit_code == 2
    assert "top right" in as_people_read(result)
    assert steps() == []
    assert everything.exists()


def test_a_tenant_id_that_is_missing_is_refused(home: Home) -> None:
    """RF-14."""
    (HouseSettings().shops / "northside.toml").write_text('name = "northside"\n', encoding="utf-8")
    result = say("connect", "northside", "servicetitan", "--yes")
    assert result.exit_code == 2
    assert "A tenant id is needed" in as_people_read(result)
    assert home.root


def test_a_booking_provider_that_is_missing_is_refused_or_asked_for(town: str, everything: Path) -> None:
    """RF-20, RF-22, RF-S6: and one that is not there is refused with those there are."""
    write(town, provider="")
    refused = say("connect", "northside", "servicetitan", "--yes")
    assert refused.exit_code == 2
    assert "Booking Provider value" in as_people_read(refused)
    wrong = say("connect", "northside", "servicetitan", "--booking-provider", "4242", "--yes")
    assert wrong.exit_code == 2
    assert '77 "Referral Factory"' in as_people_read(wrong)
    assert steps() == []
    assert "booking_provider" not in everything.read_text(encoding="utf-8")
    done = say("connect", "northside", "servicetitan", answers=["77"])
    assert done.exit_code == 0, done.output
    assert read_shop(everything).need_servicetitan().booking_provider == 77
    assert everything.with_name("northside.toml.before").exists()
    assert connections()["servicetitan"]["booking_provider"] == 77


def test_values_are_entered_again_without_disconnecting(town: str, everything: Path) -> None:
    """RF-24: wrong ones leave the old in place, in the shop file too."""
    assert say("connect", "northside", "servicetitan", "--yes").exit_code == 0
    before = everything.read_text(encoding="utf-8")
    os.environ["OTHER_ST_CLIENT_SECRET"] = "wrong-one"
    wrong = say(
        "connect", "northside", "servicetitan", "--ask", answers=["", "", "", "", "", "OTHER_ST_CLIENT_SECRET", "77"]
    )
    assert wrong.exit_code == 1, wrong.output
    assert "Nothing was changed: ServiceTitan is connected." in as_people_read(wrong)
    assert everything.read_text(encoding="utf-8") == before
    os.environ["OTHER_ST_CLIENT_SECRET"] = SECRETS["NORTHSIDE_ST_CLIENT_SECRET"]
    right = say(
        "connect", "northside", "servicetitan", "--ask", answers=["", "", "", "", "", "OTHER_ST_CLIENT_SECRET", "5102"]
    )
    assert right.exit_code == 0, right.output
    tenant = read_shop(everything).need_servicetitan()
    assert (tenant.client_secret.variable, tenant.booking_provider) == ("OTHER_ST_CLIENT_SECRET", 5102)
    assert [event for event, _ in steps()][-2:] == ["connected", "credentials-renewed"]
    assert town


def test_another_tenant_is_refused_while_one_is_connected(town: str, everything: Path) -> None:
    """RF-12: of the same shop, and of another shop with the same program."""
    assert say("connect", "northside", "servicetitan", "--yes").exit_code == 0
    own = say("connect", "northside", "servicetitan", "--tenant-id", "7654321", "--yes")
    assert own.exit_code == 2
    assert "7654321 is another ServiceTitan account" in as_people_read(own)
    write(town, name="eastside", tenant=7654321)
    other = say("connect", "eastside", "referral_factory", "--yes")
    assert other.exit_code == 2
    assert "shop northside (tenant 1234567)" in as_people_read(other)
    assert say("disconnect", "northside", "referral_factory", "--yes").exit_code == 0
    assert say("connect", "eastside", "referral_factory", "--yes").exit_code == 0
    assert everything.exists()


def test_disconnecting_asks_first_and_is_shown(everything: Path) -> None:
    """RF-66, RF-67: a no changes nothing; the state is in `status` and `check`."""
    kept = say("disconnect", "northside", "servicetitan", answers=["n"])
    assert "Nothing was changed" in kept.output
    assert connections()["servicetitan"]["moves"]
    done = say("disconnect", "northside", "servicetitan", answers=["y"])
    assert "nothing is deleted" in as_people_read(done)
    assert shown("disconnected")
    assert (connections()["servicetitan"]["state"], connections()["servicetitan"]["moves"]) == ("disconnected", False)
    assert "It was disconnected" in say("check", "northside", "--json").stdout
    assert "It was before." in as_people_read(say("disconnect", "northside", "servicetitan", "--yes"))
    [(event, who)] = steps()
    assert event == "disconnected"
    assert who
    assert everything.exists()


def test_options_of_servicetitan_are_refused_for_others(everything: Path) -> None:
    result = say("connect", "northside", "referral_factory", "--tenant-id", "1")
    assert result.exit_code == 2
    assert everything.exists()


def test_help_says_where_the_tenant_id_is() -> None:
    """RF-15."""
    said = " ".join(say("connect", "--help").output.replace("│", " ").split())
    assert "Integrations > API Application Access" in said


def test_no_call_but_to_read_is_made_by_connecting(town: str, everything: Path) -> None:
    """RF-68: connecting and disconnecting write nothing on either side."""
    rows = httpx.get(f"{town}/_sandbox/requests").json()["requests"]
    for vendor in ("servicetitan", "referral_factory"):
        assert say("connect", "northside", vendor, "--yes").exit_code == 0
        assert say("disconnect", "northside", vendor, "--yes").exit_code == 0
    fresh = httpx.get(f"{town}/_sandbox/requests").json()["requests"][len(rows) :]
    assert {row["method"] for row in fresh if "connect/token" not in row["path"]} == {"GET"}
    assert everything.exists()
