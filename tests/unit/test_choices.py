"""The names in the shop file against the tenant's lists: an id each, or why not and what to do."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from decisions.choices import changed_meanings, choices_for, chosen_settings, nearest_first, remembering
from models.errors import HeldError
from models.shop import ContractorCommerceSettings
from models.tenant import Offered, OfferedAccount, OfferedJobType, OfferedUnit, OfferedWindow, TenantLists

READ = datetime(2026, 11, 2, 4, 30, tzinfo=UTC)
LATER = READ + timedelta(days=3)
MORNING = OfferedWindow(starts=time(8), ends=time(12))
PRODUCTS = {
    "enabled": True,
    "account": "Deferred Revenue",
    "asset_account": "Inventory",
    "campaign": "Contractor Commerce",
    "business_unit": "Online Store",
    "job_type": "Filter Order",
    "tag_one_time": "Store: one-time filters",
    "technician": "Store Dispatch",
}
SERVICES = {"enabled": True, "campaign": "Contractor Commerce", "business_unit": "HVAC", "job_type": "Online Service"}


def settings(
    products: dict[str, Any] | None = None, services: dict[str, Any] | None = None, **store: Any
) -> ContractorCommerceSettings:
    return ContractorCommerceSettings.model_validate(
        {
            "api_url": "https://store.example.com",
            "api_token": "${CC_TOKEN}",
            "payment_type": "Contractor Commerce",
            "products": {**PRODUCTS, **(products or {})},
            "services": {**SERVICES, **(services or {})},
            **store,
        }
    )


def lists(**changes: Any) -> TenantLists:
    return TenantLists(
        **{
            "read_at": READ,
            "business_units": (
                OfferedUnit(id=1, name="Online Store", currency="USD"),
                OfferedUnit(id=2, name="HVAC"),
            ),
            "job_types": (
                OfferedJobType(id=11, name="Filter Order", priority="High", business_units=(1,)),
                OfferedJobType(id=12, name="Online Service"),
            ),
            "campaigns": (Offered(id=21, name="Contractor Commerce"), Offered(id=22, name="Existing customers")),
            "tag_types": (Offered(id=31, name="Store: one-time filters"),),
            "technicians": (Offered(id=41, name="Store Dispatch"),),
            "accounts": (
                OfferedAccount(id=51, name="Deferred Revenue", account_class="Other Current Liability"),
                OfferedAccount(id=52, name="Inventory", account_class="Inventory"),
            ),
            "payment_types": (Offered(id=61, name="Contractor Commerce"),),
            "arrival_windows": (MORNING, OfferedWindow(starts=time(12), ends=time(16), business_units=(2,))),
            **changes,
        }
    )


def campaigns(*entries: tuple[int, str, bool]) -> TenantLists:
    return lists(campaigns=tuple(Offered(id=number, name=name, is_active=on) for number, name, on in entries))


def test_every_chosen_name_becomes_its_id() -> None:
    """OI-34, OI-36, OI-39, OI-41, OI-42, OI-48, OI-54, OI-56, OI-57: each kind of orders with its own settings."""
    choices = choices_for(settings(), lists())
    assert choices.products.ids == {
        "campaign": 21,
        "business_unit": 1,
        "job_type": 11,
        "technician": 41,
        "tag_one_time": 31,
        "account": 51,
        "asset_account": 52,
        "payment_type": 61,
    }
    assert choices.services.ids == {"campaign": 21, "business_unit": 2, "job_type": 12, "payment_type": 61}
    assert not choices.products.missing
    assert not choices.services.missing
    assert choices.products.accounts["asset_account"].account_class == "Inventory"


def test_names_compare_without_case_and_outer_blanks() -> None:
    """OI-22."""
    choices = choices_for(settings({"campaign": "  contractor COMMERCE "}), lists())
    assert choices.products.ids["campaign"] == 21


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        pytest.param(
            campaigns((21, "Contractor Commerce Store", True)), None,
            'has no campaign "Contractor Commerce". Did you mean "Contractor Commerce Store"?', id="unknown: the nearest",
        ),
        pytest.param(campaigns((22, "Radio", True)), None, "There are: Radio.", id="unknown: like none, so all there are"),
        pytest.param(campaigns(), None, "There is none.", id="unknown: the list is empty"),
        pytest.param(
            campaigns((21, "Contractor Commerce", False)), None, '"Contractor Commerce" (id 21) is switched off',
            id="switched off",
        ),
        pytest.param(
            campaigns((21, "Contractor Commerce", True), (23, "contractor commerce ", True)), None,
            "2 active entries called campaign", id="two of one name",
        ),
        pytest.param(
            campaigns((21, "Contractor Commerce", True), (23, "contractor commerce ", True)), None, "ids 21 and 23",
            id="two of one name: both ids",
        ),
        pytest.param(campaigns((22, "Radio", True)), lists(), "(id 21) was there on 2026-11-01, and is gone.", id="deleted"),
        pytest.param(
            campaigns((21, "Online", True)), lists(),
            'was there on 2026-11-01, and is called "Online" now: the id is the same.', id="renamed",
        ),
    ],
)  # fmt: skip
def test_a_name_that_cannot_be_used_says_why(now: TenantLists, before: TenantLists | None, said: str) -> None:
    """OI-25: and names the setting by its whole path, and what to do."""
    choices = choices_for(settings(), now, before, zone=ZoneInfo("America/Chicago"))
    missing = choices.products.missing["campaign"]
    assert said in missing.why
    assert missing.setting == "contractor_commerce.products.campaign"
    assert "contractor_commerce.products.campaign" in missing.fix
    assert "campaign" not in choices.products.ids
    with pytest.raises(HeldError, match="Contractor Commerce"):
        choices.products.need("campaign")


def test_a_name_in_use_beside_one_that_is_switched_off_is_found() -> None:
    """OI-25."""
    now = campaigns((20, "Contractor Commerce", False), (21, "Contractor Commerce", True))
    assert choices_for(settings(), now).products.ids["campaign"] == 21


@pytest.mark.parametrize(
    ("changed", "kind", "setting", "path"),
    [
        ({"products": {"campaign": ""}}, "product", "campaign", "contractor_commerce.products.campaign"),
        (
            {"products": {"business_unit": " "}},
            "product",
            "business_unit",
            "contractor_commerce.products.business_unit",
        ),
        ({"products": {"job_type": ""}}, "product", "job_type", "contractor_commerce.products.job_type"),
        ({"services": {"campaign": ""}}, "service", "campaign", "contractor_commerce.services.campaign"),
        ({"services": {"business_unit": ""}}, "service", "business_unit", "contractor_commerce.services.business_unit"),
        ({"services": {"job_type": ""}}, "service", "job_type", "contractor_commerce.services.job_type"),
        ({"payment_type": ""}, "product", "payment_type", "contractor_commerce.payment_type"),
    ],
)
def test_what_every_order_needs_must_be_set(changed: dict[str, Any], kind: Any, setting: str, path: str) -> None:
    """OI-6, OI-63: a service order builds no invoice, so it needs no payment type."""
    choices = choices_for(settings(**changed), lists())
    missing = choices.of(kind).missing[setting]
    assert missing.setting == path
    assert f"{path} is not set" in missing.why
    assert path in missing.fix
    assert setting != "payment_type" or choices.services.wanted("payment_type") is None


def test_what_may_be_empty_is_simply_not_there() -> None:
    """OI-37, OI-48."""
    choices = choices_for(settings({"technician": "", "asset_account": "", "account": ""}), lists())
    assert choices.products.wanted("technician") is None
    assert choices.products.accounts == {}
    assert not choices.products.missing


def test_a_job_type_must_go_with_its_business_unit() -> None:
    """OI-42: FACTS 2.5."""
    choices = choices_for(settings({"business_unit": "HVAC"}), lists())
    missing = choices.products.missing["job_type"]
    assert 'is for business unit "Online Store", not for "HVAC"' in missing.why
    assert "job_type" not in choices.products.ids


@pytest.mark.parametrize(
    ("own", "job_types", "meant"),
    [
        pytest.param("", "High", "High", id="the job type's"),
        pytest.param("Low", "High", "Low", id="the shop's goes first"),
        pytest.param("", "urgent", "Urgent", id="in whatever case"),
        pytest.param("", "Someday", "Normal", id="one that no job may have"),
        pytest.param("", "", "Normal", id="none"),
    ],
)
def test_the_priority_of_new_jobs(own: str, job_types: str, meant: str) -> None:
    """OI-42."""
    now = lists(job_types=(OfferedJobType(id=11, name="Filter Order", priority=job_types),))
    assert choices_for(settings({"priority": own}), now).products.priority == meant


def test_only_the_units_own_windows_and_everybodys_are_offered() -> None:
    """OI-30, OI-52."""
    choices = choices_for(settings(), lists())
    assert choices.products.windows == (MORNING,)
    assert [one.starts for one in choices.services.windows] == [time(8), time(12)]


@pytest.mark.parametrize(
    ("currencies", "meant"),
    [(("USD", ""), "USD"), (("cad", "CAD"), "CAD"), (("USD", "CAD"), "USD"), ((), "USD")],
)
def test_the_currency_is_the_units_where_they_agree(currencies: tuple[str, ...], meant: str) -> None:
    units = tuple(OfferedUnit(id=at, name=f"Unit {at}", currency=one) for at, one in enumerate(currencies, start=1))
    assert choices_for(settings(), lists(business_units=units)).currency == meant


def test_the_version_tells_settings_and_their_meaning_apart() -> None:
    """OI-5, OI-72: not the address, nor a secret."""
    version = choices_for(settings(), lists()).version
    assert version == choices_for(settings(api_token="${OTHER}", calls_per_minute=9), lists(read_at=LATER)).version
    assert version != choices_for(settings({"enabled": False}), lists()).version
    assert version != choices_for(settings({"arrival_windows": True}), lists()).version
    moved = lists(campaigns=(Offered(id=99, name="Contractor Commerce"),))
    assert version != choices_for(settings(), moved).version


def test_what_is_off_is_resolved_but_not_told() -> None:
    """OI-20, OI-50: the kinds are switched apart."""
    off = settings({"enabled": False, "campaign": "Nowhere"})
    choices = choices_for(off, lists())
    assert "campaign" in choices.products.missing
    told = {one.path for one in chosen_settings(off, choices)}
    assert not any("products" in path for path in told)
    assert "contractor_commerce.services.campaign" in told
    assert "contractor_commerce.payment_type" not in told


@pytest.mark.parametrize("kind", ["products", "services"])
def test_arrival_windows_that_are_asked_for_must_exist(kind: str) -> None:
    """OI-31, OI-53."""
    asking = settings(**{kind: {"arrival_windows": True}})
    path = f"contractor_commerce.{kind}.arrival_windows"
    none = {one.path: one for one in chosen_settings(asking, choices_for(asking, lists(arrival_windows=())))}
    missing = none[path].missing
    assert missing is not None
    assert "ServiceTitan has none" in missing.why
    assert "Set them up in ServiceTitan" in missing.fix
    some = {one.path: one for one in chosen_settings(asking, choices_for(asking, lists()))}
    assert some[path].missing is None
    assert "08:00-12:00" in some[path].name


def test_a_name_that_vanished_is_remembered_over_later_readings() -> None:
    """OI-25: also days later, and when it comes back it is simply there."""
    first = lists()
    second = remembering(campaigns((21, "Online", True)).model_copy(update={"read_at": LATER}), first)
    third = remembering(campaigns((21, "Shop", True)).model_copy(update={"read_at": LATER}), second)
    why = choices_for(settings(), third).products.missing["campaign"].why
    assert 'was there on 2026-11-02, and is called "Shop" now' in why
    back = remembering(lists(read_at=LATER), third)
    assert choices_for(settings(), back).products.ids["campaign"] == 21
    assert [one.name for one in back.gone] == ["Online", "Shop"]


@pytest.mark.parametrize(
    ("now", "paths"),
    [
        pytest.param(lists(read_at=LATER), set(), id="nothing"),
        pytest.param(campaigns((29, "Contractor Commerce", True)), {"products.campaign", "services.campaign"}, id="another id"),
        pytest.param(campaigns((21, "Online", True)), {"products.campaign", "services.campaign"}, id="renamed"),
        pytest.param(
            lists(accounts=(OfferedAccount(id=51, name="Deferred Revenue", account_class="Other Current Liability"),
                            OfferedAccount(id=52, name="Inventory", account_class="Other Current Asset"))),
            {"products.asset_account"}, id="an account of another class",
        ),
        pytest.param(lists(technicians=(Offered(id=41, name="Store Dispatch"), Offered(id=42, name="Dana"))), set(),
                     id="what nobody chose"),
    ],
)  # fmt: skip
def test_what_means_something_else_than_last_time_is_told(now: TenantLists, paths: set[str]) -> None:
    """OI-25, OI-72."""
    changed = changed_meanings(settings(), lists(), now)
    assert set(changed) == {f"contractor_commerce.{path}" for path in paths}
    assert all(was != is_now for was, is_now in changed.values())


def test_the_nearest_names_are_offered_first_and_none_that_is_off() -> None:
    """OI-22, OI-23."""
    entries = [
        Offered(id=1, name="Radio"),
        Offered(id=2, name="Online shop"),
        Offered(id=3, name="Store: online", is_active=False),
        Offered(id=4, name="Contractor Commerce"),
    ]
    assert next(one.id for one in nearest_first("commerce", entries)) == 4
    assert [one.id for one in nearest_first("", entries)] == [4, 2, 1]
