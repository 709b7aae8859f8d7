"""The drop-downs as the tenant has them now, what the settings stand for in them, and whether the shop is set up."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest

from connectors.servicetitan.accounting_schemas import GlAccount
from connectors.servicetitan.reference import ArrivalWindow
from models.base import utc_now
from models.check import CheckLine
from models.errors import HeldError, SettingsError, TransientError
from models.tenant import Offered, TenantLists
from tasks.checks import check_shop
from tasks.connecting import connect
from tasks.connections import disconnect, is_connected
from tasks.drop_downs import class_of, keep_lists, read_lists, windows_of
from tasks.order_checks import accounting_is_confirmed, confirm_accounting
from tasks.tenant_lists import read_choices
from tests.tasks.conftest import Counter, a_shop


async def set_up(counter: Counter, kind: str, name: str, **change: Any) -> None:
    await counter.tell("/servicetitan/settings", kind=kind, name=name, **change)


async def lines_of(counter: Counter) -> dict[str, CheckLine]:
    return {line.what: line for line in await check_shop(counter.house.shop.name)}


def row(start: str, duration: str, *units: int, active: bool = True) -> ArrivalWindow:
    return ArrivalWindow.model_validate(
        {
            "id": hash((start, duration, units)),
            "start": start,
            "duration": duration,
            "businessUnitIds": units,
            "active": active,
        }
    )


async def test_every_drop_down_equals_what_servicetitan_holds(counter: Counter) -> None:
    """OI-22, OI-51: with what is switched off, which says so."""
    await set_up(counter, "campaign", "Radio", active=False)
    await set_up(counter, "payment_type", "Barter", active=False)
    lists = await read_lists(counter.st, utc_now())
    state = (await counter.state())["servicetitan"]
    for field, kept in (
        ("business_units", "business_units"),
        ("job_types", "job_types"),
        ("campaigns", "campaigns"),
        ("tag_types", "tag_types"),
        ("technicians", "technicians"),
        ("accounts", "gl_accounts"),
        ("payment_types", "payment_types"),
        ("cancel_reasons", "cancel_reasons"),
    ):
        assert {one.id for one in getattr(lists, field)} == {one["id"] for one in state[kept]}
    assert Offered(id=1202, name="Contractor Commerce") in lists.campaigns
    assert [one.is_active for one in lists.campaigns if one.name == "Radio"] == [False]
    assert [one.is_active for one in lists.payment_types if one.name == "Barter"] == [False]
    assert [one.is_active for one in lists.payment_types if one.name == "Check"] == [True]
    assert [one.account_class for one in lists.accounts if one.name == "Inventory"] == ["Inventory"]


async def test_the_demo_shops_names_are_all_found(counter: Counter) -> None:
    """OI-39, OI-41, OI-42, OI-48, OI-54, OI-56, OI-57, OI-61, OI-63."""
    choices = await read_choices.fn("demo")
    assert not choices.products.missing
    assert not choices.services.missing
    assert choices.products.need("campaign") == 1202
    assert choices.services.need("technician") == 504
    assert choices.products.need("payment_type") == 1501
    assert choices.currency == "USD"


async def test_an_item_made_a_moment_ago_is_found_without_a_restart(counter: Counter) -> None:
    """OI-24, OI-51."""
    counter.use(a_shop(products={"campaign": "Filters online"}))
    with pytest.raises(HeldError, match="Filters online"):
        (await read_choices.fn("demo")).products.need("campaign")
    await set_up(counter, "campaign", "Filters online")
    assert (await read_choices.fn("demo")).products.need("campaign") > 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"active": False}, "is switched off"),
        ({"new_name": "Online"}, 'is called "Online" now: the id is the same'),
    ],
    ids=["switched off", "renamed"],
)
async def test_an_item_that_is_changed_later_is_flagged_and_audited_once(
    counter: Counter, change: dict[str, Any], said: str
) -> None:
    """OI-25: and is simply used again once it is back."""
    await read_choices.fn("demo")
    await set_up(counter, "campaign", "Contractor Commerce", **change)
    for _ in range(2):
        with pytest.raises(HeldError, match=said):
            (await read_choices.fn("demo")).products.need("campaign")
    rows = await counter.books.audit.list(shop="demo", event="setting-changed")
    assert {row.record for row in rows} == {
        "contractor_commerce.products.campaign",
        "contractor_commerce.services.campaign",
    }
    assert len(rows) == 2
    assert rows[0].detail["was"] == "Contractor Commerce (id 1202)"
    assert said in rows[0].detail["now"]
    name = change.get("new_name", "Contractor Commerce")
    await set_up(counter, "campaign", name, new_name="Contractor Commerce", active=True)
    assert (await read_choices.fn("demo")).products.need("campaign") == 1202
    assert len(await counter.books.audit.list(shop="demo", event="setting-changed")) == 4


async def test_a_changed_setting_takes_effect_on_the_next_reading(counter: Counter) -> None:
    """OI-5: and the version says that it is another."""
    before = await read_choices.fn("demo")
    counter.use(a_shop(services={"campaign": "Existing customers"}))
    after = await read_choices.fn("demo")
    assert (before.services.need("campaign"), after.services.need("campaign")) == (1202, 1201)
    assert after.products.ids == before.products.ids
    assert after.version != before.version
    assert not await counter.books.audit.list(shop="demo", event="setting-changed")


async def kept_lists(counter: Counter, shop: str) -> TenantLists | None:
    return await counter.books.store.run(lambda session: counter.books.tenant_lists.locked(session, shop))


async def refuse(counter: Counter, path: str, status: int, times: int | None = 1) -> None:
    match = f"GET /servicetitan/{path.replace('/', '/v2/tenant/1234567/', 1)}"
    await counter.tell("/faults", match=match, kind="status", status=status, times=times)


async def test_one_list_that_fails_fails_the_reading_with_its_own_error(counter: Counter) -> None:
    """OI-22: nothing is kept of half a reading."""
    await refuse(counter, "marketing/campaigns", 503, None)
    with pytest.raises(TransientError, match="campaigns"):
        await read_choices.fn("demo")
    assert await kept_lists(counter, "demo") is None


async def test_a_list_the_app_may_not_read_holds_only_what_needs_it(counter: Counter) -> None:
    """OI-22, OI-25: nobody chose a cancel reason; the technician is chosen, and nothing is taken for vanished."""
    before = await read_choices.fn("demo")
    for path in ("jpm/job-cancel-reasons", "settings/technicians", "dispatch/arrival-windows/configuration"):
        await refuse(counter, path, 403)
    choices = await read_choices.fn("demo")
    assert set(choices.products.missing) == {"technician"}
    assert "cannot be looked up" in choices.products.missing["technician"].why
    assert "API Application Access" in choices.products.missing["technician"].fix
    assert await read_choices.fn("demo") == before
    kept = await kept_lists(counter, "demo")
    assert kept is not None
    assert (kept.gone, kept.refused) == ((), {})
    await refuse(counter, "jpm/job-cancel-reasons", 403)
    assert (await lines_of(counter))["Lists of ServiceTitan: cancel reasons"].kind == "advice"


async def test_an_older_reading_that_comes_late_changes_nothing(counter: Counter) -> None:
    lists = await read_lists(counter.st, utc_now())
    older = lists.model_copy(update={"read_at": lists.read_at - timedelta(hours=1), "campaigns": ()})
    for read in (lists, older):
        await keep_lists(counter.books, counter.house.shop, read)
    assert await kept_lists(counter, "demo") == lists
    assert await kept_lists(counter, "other") is None


@pytest.mark.parametrize("duration", ["length", "end"])
async def test_windows_read_alike_whatever_their_duration_means(counter: Counter, duration: str) -> None:
    """OI-30, OI-52: FACTS 2.5."""
    await counter.tell("/servicetitan/switches", window_duration=duration)
    choices = await read_choices.fn("demo")
    spans = [(one.starts, one.ends) for one in choices.services.windows]
    assert spans == [(time(8), time(12)), (time(12), time(16))]


@pytest.mark.parametrize(
    ("rows", "spans"),
    [
        pytest.param([row("08:00", "04:00")], ["08:00-12:00"], id="a length, because it would end before it starts"),
        pytest.param([row("09:00", "11:00")], ["09:00-11:00"], id="an end, as the vendor's own example says"),
        pytest.param(
            [row("00:00", "04:00"), row("08:00", "04:00")], ["00:00-04:00", "08:00-12:00"], id="one shows what all are"
        ),
        pytest.param([row("08:00", "12:00"), row("12:00", "16:00")], ["08:00-12:00", "12:00-16:00"], id="ends"),
        pytest.param([row("20:00", "04:00")], ["20:00-00:00"], id="until midnight"),
        pytest.param([row("22:00", "04:00")], ["22:00-02:00"], id="past midnight"),
        pytest.param([row("08:00", "00:00")], [], id="of no length"),
        pytest.param([row("08:00", "04:00", active=False)], [], id="switched off"),
        pytest.param([row("08:30:00", "PT2H")], ["08:30-10:30"], id="written as ISO"),
        pytest.param([], [], id="none"),
    ],
)
def test_a_windows_duration_is_what_makes_sense(rows: list[ArrivalWindow], spans: list[str]) -> None:
    """OI-30, OI-31."""
    assert [f"{one.starts:%H:%M}-{one.ends:%H:%M}" for one in windows_of(rows)] == spans


@pytest.mark.parametrize(
    ("marks", "said"),
    [
        ({"type": "Other Current Asset", "subtype": "Inventory"}, "Inventory"),
        ({"type": "Other Current Asset", "defaultAccountType": "Inventory"}, "Inventory"),
        ({"type": "inventory"}, "Inventory"),
        ({"type": "Other Current Asset", "subtype": "PrepaidExpenses"}, "Other Current Asset"),
        ({"name": "Inventory"}, ""),
    ],
)
def test_the_class_of_an_account_is_not_its_name(marks: dict[str, str], said: str) -> None:
    """OI-37."""
    assert class_of(GlAccount.model_validate({"id": 1, **marks})) == said


async def test_a_shop_that_is_set_up_passes_the_check(counter: Counter) -> None:
    """OI-6, OI-63, OI-64, OI-65."""
    lines = await lines_of(counter)
    assert all(line.ok for line in lines.values())
    assert lines["contractor_commerce.products.campaign"].words == "Contractor Commerce (id 1202)"
    assert lines["contractor_commerce.services.arrival_windows"].words == "08:00-12:00 and 12:00-16:00"
    assert lines["contractor_commerce.accounting_system"].words == "QuickBooks"
    assert "Cash" in lines["contractor_commerce.payment_type"].words
    for neighbour in ("Bookings", "Equipment", "Estimates (BETA)", "Pricebook (BETA)"):
        assert lines[neighbour].kind == "advice"
        assert "off" in lines[neighbour].words
    assert not any("tag" in line.fix for line in lines.values() if line.kind == "ok")


@pytest.mark.parametrize(
    ("changed", "what", "kind", "said"),
    [
        pytest.param({"payment_type": "Contractor Comerce"}, "contractor_commerce.payment_type", "no",
                     'Did you mean "Contractor Commerce"?', id="a payment type that is not there"),
        pytest.param({"payment_type": ""}, "contractor_commerce.payment_type", "no", "is not set", id="no payment type"),
        pytest.param({"products": {"tag_one_time": "Store filters"}}, "contractor_commerce.products.tag_one_time", "no",
                     "has no tag", id="a tag that is not there"),
        pytest.param({"products": {"enabled": False, "campaign": "Nowhere"}}, "Product orders", "advice",
                     "switched off", id="a kind that is off is no fault"),
        pytest.param({"services": {"arrival_windows": False}}, "contractor_commerce.services.arrival_windows", "advice",
                     "off, while ServiceTitan has arrival windows", id="windows are there and not used"),
        pytest.param({"accounting_system": "Sage Intacct"}, "contractor_commerce.accounting_system", "no",
                     'uses "Sage Intacct"', id="another accounting system"),
        pytest.param({"accounting_system": ""}, "contractor_commerce.accounting_system", "no", "not said",
                     id="no accounting system named"),
        pytest.param({"products": {"technician": ""}}, "contractor_commerce.products.technician", "advice",
                     "assigned to nobody", id="no technician"),
        pytest.param({"services": {"tag_one_time": "Store: one-time filters"}},
                     "contractor_commerce.services.tag_one_time", "advice", "for product and for service orders",
                     id="a tag in two uses"),
        pytest.param({}, "contractor_commerce.services.campaign", "advice", "cannot be told apart",
                     id="a campaign in two uses"),
        pytest.param({}, "contractor_commerce.orders_since", "advice", "every order", id="no day to begin with"),
        pytest.param({}, "contractor_commerce.webhook_secret", "advice", "poll", id="no webhook"),
        pytest.param({}, "servicetitan.booking_provider", "advice", "bookings do not", id="no booking provider"),
    ],
)  # fmt: skip
async def test_the_check_says_what_is_missing_or_doubtful(
    counter: Counter, changed: dict[str, Any], what: str, kind: str, said: str
) -> None:
    """OI-6, OI-20, OI-21, OI-23, OI-25, OI-32, OI-40, OI-44, OI-50, OI-55, OI-58, OI-63, OI-64."""
    counter.use(a_shop(**changed))
    found = [line for line in await check_shop("demo") if line.what == what]
    assert any(line.kind == kind and said in line.words for line in found), found
    assert all(line.fix for line in found if line.kind == "no")


def of_events(lines: dict[str, CheckLine]) -> dict[str, CheckLine]:
    return {what: line for what, line in lines.items() if what.startswith("contractor_commerce.webhook_")}


@pytest.mark.parametrize(
    ("store", "what"),
    [
        pytest.param({"webhook_secret": "${CC_HOOKS}"}, "contractor_commerce.webhook_secret", id="signed"),
        pytest.param({"webhook_path_token": "${CC_HOOKS}"}, "contractor_commerce.webhook_path_token", id="by address"),
    ],
)
async def test_a_secret_of_the_stores_events_that_is_not_set_fails_the_check(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, store: dict[str, Any], what: str
) -> None:
    """OI-6: the receiver would turn every delivery away; the line names the variable, and goes once it is set."""
    counter.use(a_shop(**store))
    for value in (None, ""):
        monkeypatch.delenv("CC_HOOKS", raising=False) if value is None else monkeypatch.setenv("CC_HOOKS", value)
        lines = of_events(await lines_of(counter))
        assert [(line.what, line.kind) for line in lines.values()] == [(what, "no")]
        setting = what.rpartition(".")[2]
        assert f"{setting} refers to ${{CC_HOOKS}}, which is not set in the environment." in lines[what].words
        assert lines[what].fix == "Set CC_HOOKS for the process that runs Truckroll."
    monkeypatch.setenv("CC_HOOKS", "a-secret-of-the-tests")
    lines = of_events(await lines_of(counter))
    assert [(line.what, line.kind) for line in lines.values()] == [(what, "ok")]
    assert "are received" in lines[what].words
    assert "a-secret-of-the-tests" not in str(lines)


async def test_where_signature_and_address_are_both_asked_for_both_secrets_are_needed(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OI-6: as the receiver has it. One that stands in the file needs no variable."""
    monkeypatch.delenv("CC_HOOKS", raising=False)
    counter.use(a_shop(webhook_secret="in-the-file", webhook_path_token="${CC_HOOKS}"))
    lines = of_events(await lines_of(counter))
    assert {what.rpartition(".")[2]: line.kind for what, line in lines.items()} == {
        "webhook_secret": "ok",
        "webhook_path_token": "no",
    }
    assert "header Signature (hex)" in lines["contractor_commerce.webhook_secret"].words


async def test_signatures_without_a_header_to_look_in_fail_the_check(counter: Counter) -> None:
    """OI-6: no delivery could pass."""
    counter.use(a_shop(webhook_secret="in-the-file", webhook_signature_header=" "))
    [line] = of_events(await lines_of(counter)).values()
    assert (line.kind, line.what) == ("no", "contractor_commerce.webhook_signature_header")
    assert line.fix


@pytest.mark.parametrize("kind", ["products", "services"])
async def test_windows_that_are_asked_for_and_not_set_up_fail_the_check(counter: Counter, kind: str) -> None:
    """OI-31, OI-53: it says what to configure, and is content once it is."""
    counter.use(a_shop(**{kind: {"arrival_windows": True}}))
    await counter.tell("/servicetitan/arrival-windows", windows=[])
    what = f"contractor_commerce.{kind}.arrival_windows"
    line = (await lines_of(counter))[what]
    assert line.kind == "no"
    assert "Set them up in ServiceTitan" in line.fix
    await counter.tell("/servicetitan/arrival-windows", windows=[["08:00", "12:00"]])
    assert (await lines_of(counter))[what].ok


async def test_another_accounting_system_waits_for_a_persons_word(counter: Counter) -> None:
    """OI-21: kept in the audit log, for that system alone."""
    assert await accounting_is_confirmed(counter.books, a_shop(accounting_system="quickbooks online"))
    shop = a_shop(accounting_system="Sage Intacct")
    counter.use(shop)
    assert not await accounting_is_confirmed(counter.books, shop)
    await confirm_accounting(counter.books, shop, "Dana Whitfield")
    assert await accounting_is_confirmed(counter.books, shop)
    assert (await lines_of(counter))["contractor_commerce.accounting_system"].ok
    (row,) = await counter.books.audit.list(shop="demo", event="accounting-confirmed")
    assert (row.process, row.actor, row.detail) == ("settings", "Dana Whitfield", {"system": "Sage Intacct"})
    assert not await accounting_is_confirmed(counter.books, a_shop(accounting_system="Xero"))
    with pytest.raises(SettingsError):
        await confirm_accounting(counter.books, a_shop(accounting_system=""), "Dana Whitfield")


async def test_a_disconnected_vendor_stays_so_until_somebody_connects_it(counter: Counter) -> None:
    """OI-1, OI-64: with credentials that work."""
    shop = counter.house.shop
    assert await is_connected(counter.books, shop, "contractor_commerce")
    no_program = shop.model_copy(update={"referral_factory": None})
    assert not await is_connected(counter.books, no_program, "referral_factory")
    await disconnect(counter.books, shop, "contractor_commerce", "Dana Whitfield")
    assert not await is_connected(counter.books, shop, "contractor_commerce")
    assert await is_connected(counter.books, shop, "servicetitan")
    line = (await lines_of(counter))["Connection to Contractor Commerce"]
    assert (line.kind, line.fix) == ("no", "`truckroll connect demo contractor_commerce` connects it again.")
    await counter.tell("/faults", match="GET /contractor-commerce/orders", kind="drop_before", times=20)
    with pytest.raises(TransientError):
        await connect(counter.house, "contractor_commerce", "Dana Whitfield")
    assert not await is_connected(counter.books, shop, "contractor_commerce")
    await counter.people.delete("/_sandbox/faults")
    await connect(counter.house, "contractor_commerce", "Dana Whitfield")
    assert await is_connected(counter.books, shop, "contractor_commerce")
    rows = await counter.books.audit.list(shop="demo", record="contractor_commerce")
    assert [row.event for row in rows] == ["connected", "disconnected"]


async def test_a_shop_is_checked_only_for_what_it_uses(counter: Counter) -> None:
    """OI-6: one with an online store needs no distributor; one with neither is told so."""
    assert not any(line.what.startswith("Distributor") for line in await check_shop("demo"))
    counter.use(counter.house.shop.model_copy(update={"contractor_commerce": None}))
    assert {line.what for line in await check_shop("demo")} == {"Campaign 1001"}
    counter.use(counter.house.shop.model_copy(update={"referral_factory": None}))
    (line,) = await check_shop("demo")
    assert "neither [contractor_commerce] nor [marcone]" in line.words


@pytest.mark.parametrize(
    ("sync", "words"),
    [
        pytest.param({}, "with every field that is mapped", id="all is well"),
        pytest.param({"enabled": False}, "on in no campaign", id="the sync is off"),
    ],
)
async def test_the_check_looks_at_the_campaigns(counter: Counter, sync: dict[str, Any], words: str) -> None:
    """RF-9, RF-37: the campaign is there with its fields; the mails nobody can see are named."""
    counter.use(a_shop(sync=sync))
    lines = [line for line in await check_shop("demo") if line.what.startswith(("Campaign", "referral_factory"))]
    assert any(words in line.words for line in lines)
    assert all(line.ok for line in lines)


async def test_the_check_names_a_campaign_that_is_gone(counter: Counter) -> None:
    """RF-9: with the fix."""
    shop = a_shop()
    program = shop.need_referral_factory()
    gone = program.campaigns[0].model_copy(update={"id": 4242})
    counter.use(shop.model_copy(update={"referral_factory": program.model_copy(update={"campaigns": (gone,)})}))
    [line] = [line for line in await check_shop("demo") if line.what.startswith("Campaign")]
    assert (line.ok, line.words) == (False, "Referral Factory has no campaign 4242.")
    assert "shop file" in line.fix
