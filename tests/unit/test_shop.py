"""Shop files: every fault is named with its fix, and a secret is never shown."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from models.errors import SettingsError
from models.referral_settings import ReferralFactorySettings, WebhookFields
from models.shop import (
    ContractorCommerceSettings,
    MarconeSettings,
    PartsSettings,
    ServiceTitanSettings,
    Shop,
    load_shop,
    parse_shop,
    read_shop,
    shop_names,
)

EXAMPLE = Path(__file__).parents[2] / "docs" / "shop.example.toml"


@pytest.fixture
def written() -> dict[str, Any]:
    return tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))


def fault(written: dict[str, Any]) -> str:
    with pytest.raises(SettingsError) as caught:
        parse_shop(written, "demo.toml")
    assert "docs/shop.example.toml" in caught.value.fix
    assert caught.value.message.startswith("demo.toml: ")
    return caught.value.message


def test_the_example_reads_and_means_what_it_says() -> None:
    shop = read_shop(EXAMPLE)
    assert shop.name == "demo"
    assert shop.zone.key == "America/Chicago"
    assert shop.parts.price_tolerance == Decimal("0.05")
    assert shop.parts.approval_expires_after == timedelta(hours=72)
    assert shop.parts.remind_after == (timedelta(hours=2), timedelta(hours=24))
    assert shop.need_marcone().customer_number == 100200
    assert shop.need_servicetitan().client_secret.variable == "ST_CLIENT_SECRET"
    assert shop.referral_factory is not None
    assert shop.referral_factory.campaigns[0].leads.map["source"] == "campaign.name"


def test_the_examples_parts_section_shows_the_defaults() -> None:
    shop = read_shop(EXAMPLE)
    assert shop.parts == Shop(name="demo").parts


@pytest.mark.parametrize(
    ("section", "setting", "value", "said"),
    [
        pytest.param(
            "parts", "price_tolerence", "5%", "unknown setting parts.price_tolerence (did you mean price_tolerance?)",
            id="a misspelt setting, with the nearest name",
        ),
        pytest.param(
            "marcone", "ship_metod", "LTL", "unknown setting marcone.ship_metod (did you mean ship_method?)",
            id="also in an optional section",
        ),
        pytest.param("parts", "zzz", 1, "unknown setting parts.zzz", id="a setting like no other"),
        pytest.param("parts", "approval_expires_after", "3 weeks", "parts.approval_expires_after: write a time span",
                     id="a span in unknown units"),
        pytest.param("parts", "approval_expires_after", "-2h", "write a time span", id="a negative span"),
        pytest.param("parts", "remind_after", ["2h", "soon"], "parts.remind_after.1: write a time span",
                     id="one bad span of a list"),
        pytest.param("parts", "price_tolerance", "five", 'write a percentage such as "5%"', id="a share in words"),
        pytest.param("parts", "price_tolerance", "500%", "parts.price_tolerance", id="a tolerance beyond all"),
        pytest.param("parts", "approvers", "boss", "parts.approvers", id="an approver rule that is none"),
        pytest.param("servicetitan", "calls_per_second", 61, "servicetitan.calls_per_second", id="over the limit"),
        pytest.param("", "timezone", "America/Chicagoo", "is no time zone", id="an unknown time zone"),
        pytest.param("", "name", "Demo Shop", "setting name", id="a name with a space"),
        pytest.param("", "marcon", {}, "unknown setting marcon (did you mean marcone?)", id="a misspelt section"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named(written: dict[str, Any], section: str, setting: str, value: Any, said: str) -> None:
    (written[section] if section else written)[setting] = value
    assert said in fault(written)


@pytest.mark.parametrize(
    ("section", "setting"),
    [("", "name"), ("marcone", "client_secret"), ("servicetitan", "tenant_id"), ("servicetitan", "api_url")],
)
def test_a_missing_setting_is_named(written: dict[str, Any], section: str, setting: str) -> None:
    del (written[section] if section else written)[setting]
    where = f"{section}.{setting}" if section else setting
    assert f"setting {where} is missing" in fault(written)


def test_all_faults_are_told_at_once(written: dict[str, Any]) -> None:
    del written["marcone"]["client_id"]
    written["parts"]["remind_aftr"] = []
    written["timezone"] = "Mars"
    said = fault(written)
    for words in ("marcone.client_id is missing", "did you mean remind_after?", '"Mars" is no time zone'):
        assert words in said


SECRET = "s3cr3t-value-of-nobody"


def test_no_secret_is_ever_shown(written: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    written["marcone"]["client_secret"] = SECRET  # pasted into the file: discouraged, and still never shown
    monkeypatch.setenv("ST_CLIENT_SECRET", SECRET)
    shop = parse_shop(written, "demo.toml")
    assert shop.need_servicetitan().client_secret.reveal() == SECRET
    assert shop.need_marcone().client_secret.reveal() == SECRET
    shown = [repr(shop), str(shop), str(shop.model_dump()), shop.model_dump_json(), f"{shop.marcone!r} {shop.marcone}"]
    for text in shown:
        assert SECRET not in text
    assert "${ST_CLIENT_SECRET}" in json.dumps(shop.model_dump(mode="json"))


def test_a_fault_does_not_show_the_secret_beside_it(written: dict[str, Any]) -> None:
    written["marcone"]["client_secret"] = SECRET
    written["marcone"]["customer_number"] = "x"
    assert SECRET not in fault(written)


@pytest.mark.parametrize("value", [None, ""], ids=["not set", "empty"])
def test_a_secret_that_is_not_set_names_its_variable(
    written: dict[str, Any], monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("MARCONE_CLIENT_SECRET", raising=False)
    if value is not None:
        monkeypatch.setenv("MARCONE_CLIENT_SECRET", value)
    shop = parse_shop(written, "demo.toml")
    with pytest.raises(SettingsError) as caught:
        shop.need_marcone().client_secret.reveal()
    assert "${MARCONE_CLIENT_SECRET}" in caught.value.message
    assert "client_secret" in caught.value.message
    assert "marcone" in caught.value.message
    assert "Set MARCONE_CLIENT_SECRET" in caught.value.fix


def test_a_process_says_which_section_it_misses() -> None:
    shop = Shop(name="demo")
    with pytest.raises(SettingsError, match=r"no \[marcone\] section"):
        shop.need_marcone()
    with pytest.raises(SettingsError, match=r"no \[servicetitan\] section"):
        shop.need_servicetitan()


def test_a_shop_is_found_by_name(tmp_path: Path) -> None:
    (tmp_path / "demo.toml").write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not a shop", encoding="utf-8")
    assert load_shop("demo", tmp_path).name == "demo"
    assert shop_names(tmp_path) == ["demo"]


@pytest.mark.parametrize(
    ("files", "name", "said"),
    [
        pytest.param(["demo", "northside"], "dmeo", "Did you mean demo?", id="the nearest name"),
        pytest.param(["demo", "northside"], "zzz", "There are demo, northside", id="nothing near: all names"),
        pytest.param([], "demo", "There is none", id="no shop at all"),
    ],
)
def test_an_unknown_shop_is_answered_with_the_known_ones(
    tmp_path: Path, files: list[str], name: str, said: str
) -> None:
    for each in files:
        (tmp_path / f"{each}.toml").write_text(f'name = "{each}"', encoding="utf-8")
    with pytest.raises(SettingsError, match=re.escape(said)):
        load_shop(name, tmp_path)


def test_a_file_named_after_another_shop_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo.toml").write_text('name = "northside"', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"demo\.toml calls itself northside"):
        load_shop("demo", tmp_path)


def test_a_file_that_is_no_toml_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "demo.toml"
    path.write_text("name = demo\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"not a TOML file.*line 1"):
        read_shop(path)
    with pytest.raises(SettingsError, match="There is no shop file"):
        read_shop(tmp_path / "none.toml")


def test_the_example_shows_every_setting_of_the_store_and_its_defaults() -> None:
    """OI-5, OI-20, OI-50: nothing can be set that people cannot read about."""
    text = EXAMPLE.read_text(encoding="utf-8")
    written = tomllib.loads(text)
    store = Shop.model_validate(written).need_contractor_commerce()
    for section, named in (
        (store, written["contractor_commerce"]),
        (store.products, written["contractor_commerce"]["products"]),
        (store.services, written["contractor_commerce"]["services"]),
    ):
        shown = {*named, *(name for name in type(section).model_fields if f"# {name} = " in text)}
        assert shown == set(type(section).model_fields)
    own = {"calls_per_minute", "webhook_signature_header", "webhook_signature_encoding", "create_customers",
           "add_new_contacts", "visit_starts", "visit_length"}  # fmt: skip
    defaults = ContractorCommerceSettings.model_validate({"api_url": "x", "api_token": "x"})
    assert store.model_dump(include=own) == defaults.model_dump(include=own)


def test_the_example_shows_every_setting_of_the_webhooks_and_its_defaults() -> None:
    """Names of headers and fields are what the guide tells people to type there."""
    shop = Shop.model_validate(tomllib.loads(EXAMPLE.read_text(encoding="utf-8")))
    written = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    program, tenant = shop.need_referral_factory(), shop.need_servicetitan()
    assert set(written["servicetitan"]) == set(ServiceTitanSettings.model_fields)
    assert set(written["referral_factory"]) == set(ReferralFactorySettings.model_fields)
    assert set(written["referral_factory"]["webhook_fields"]) == set(WebhookFields.model_fields)
    assert program.webhook_fields == WebhookFields()
    for model, named in (
        (program, {"webhook_secret_header"}),
        (tenant, {"webhook_key", "webhook_signature_header", "webhook_signature_encoding"}),
    ):
        for name in named:
            assert getattr(model, name) == type(model).model_fields[name].default
    guide = (EXAMPLE.parent / "guides" / "receive-referral-events.md").read_text(encoding="utf-8")
    for words in (program.webhook_secret_header, tenant.webhook_signature_header, "`code`", "`campaign_id`", "`event`"):
        assert words in guide


def test_the_example_shows_every_setting_of_the_parts_loop() -> None:
    """Sub-tables included, which are checked by their values."""
    written = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    assert set(written["parts"]) == set(PartsSettings.model_fields)
    assert set(written["marcone"]) == set(MarconeSettings.model_fields)


def two_campaigns(written: dict[str, Any], one: str, other: str, *, is_other_on: bool = True) -> dict[str, Any]:
    """Return the file with two campaigns that write links back."""
    first = written["referral_factory"]["campaigns"][0]
    sync = first["contact_sync"]
    second = {"id": 1002, "contact_sync": {**sync, "enabled": is_other_on, "write_link_to": other}}
    section = {
        **written["referral_factory"],
        "campaigns": [{**first, "contact_sync": {**sync, "write_link_to": one}}, second],
    }
    return {**written, "referral_factory": section}


def test_two_campaigns_do_not_share_a_field_for_their_links(written: dict[str, Any]) -> None:
    """The later sync would write over the links of the earlier one, and it would never come to rest."""
    said = fault(two_campaigns(written, "Referral link", " referral LINK"))
    assert "campaigns 1001 and 1002 both name contact_sync.write_link_to" in said
    parse_shop(two_campaigns(written, "Referral link", "Landlord link"), "demo.toml")
    parse_shop(two_campaigns(written, "", ""), "demo.toml")
    parse_shop(two_campaigns(written, "Referral link", "Referral link", is_other_on=False), "demo.toml")


def test_the_field_that_takes_the_link_is_not_read_from(written: dict[str, Any]) -> None:
    """Each link that is written would change what is sent of the customer."""
    sync = written["referral_factory"]["campaigns"][0]["contact_sync"]
    sync["write_link_to"] = "Referral link"
    sync["map"]["Link"] = "customer.custom.referral link"
    assert "map.Link" in fault(written)
    sync["map"]["Link"] = "customer.custom.Old link"
    parse_shop(written, "demo.toml")


def test_links_are_not_written_back_unless_a_field_is_named(written: dict[str, Any]) -> None:
    """RF-32: off by default, also in a file that says nothing of it."""
    del written["referral_factory"]["campaigns"][0]["contact_sync"]["write_link_to"]
    shop = parse_shop(written, "demo.toml")
    assert shop.need_referral_factory().campaigns[0].contact_sync.write_link_to == ""
