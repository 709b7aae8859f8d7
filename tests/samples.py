"""The contract's sample orders in a sandbox: its directory, settings, pricebook and memberships, and each order as is.

    app = create_app(seed="empty")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ADDRESS) as people:
        await open_tenant(people)
        directory = await load_directory(people)
        order = await deliver(people, 1)
        shop = parse_shop(sample_shop(ADDRESS), "samples.toml")

`people` is any client of the sandbox's address: in this process as above, or over HTTP. The file itself stays where the
contracts are; without it the tests that use this are skipped (`needs_samples`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import pytest

from tests.unit.orders import SAMPLES, sample_file

needs_samples: Final = pytest.mark.skipif(
    not SAMPLES.exists(), reason=f"the contract's samples are not here: {SAMPLES} (set TRUCKROLL_CONTRACTS)"
)
COUNT: Final = 40
GUID: Final = "6f0c2f0e-9d1b-4c57-8c39-0b8f8a3f7d11"
CANCEL_REASON: Final = "Canceled in the online store"
MEMBERSHIPS: Final[tuple[dict[str, Any], ...]] = (
    {
        "name": "Comfort plan",
        "id": 7001,
        "terms": [{"sale_price": "19.00"}],
        "sale_tasks": [{"id": 8001, "code": "MEM-COMFORT"}],
    },
    {
        "name": "Core plan",
        "id": 7002,
        "terms": [{"sale_price": "25.00"}, {"sale_price": "9.00"}],
        "sale_tasks": [{"id": 8002, "code": "MEM-CORE"}, {"id": 8003, "code": "MEM-ADDON"}],
    },
)
"""What the samples' membership lines refer to by id."""

_KINDS: Final = {
    "campaign": "campaign",
    "business_unit": "business_unit",
    "job_type": "job_type",
    "technician": "technician",
    "tag_one_time": "tag_type",
    "tag_subscription": "tag_type",
    "job_tag_on_completion": "tag_type",
}
"""Which of the tenant's lists a setting of the samples is chosen from."""


@dataclass
class Directory:
    """The samples' customers as the sandbox numbered them, by the file's own names such as C1 and C1-L1."""

    customers: dict[str, int] = field(default_factory=dict)
    locations: dict[str, int] = field(default_factory=dict)


async def open_tenant(people: httpx.AsyncClient) -> None:
    """Set the tenant up as the samples' settings ask: lists, arrival windows, pricebook and membership types."""
    settings = sample_file()["settings"]
    await _tell(people, "/servicetitan/switches", timezone=sample_file()["store"]["timezone"])
    for part in ("product_orders", "service_orders"):
        for setting, kind in _KINDS.items():
            if settings[part].get(setting):
                await _tell(people, "/servicetitan/settings", kind=kind, name=settings[part][setting])
        unit = [settings[part]["business_unit"]]
        job_type = settings[part]["job_type"]
        await _tell(people, "/servicetitan/settings", kind="job_type", name=job_type, business_units=unit)
    await _tell(people, "/servicetitan/settings", kind="cancel_reason", name=CANCEL_REASON)
    await set_windows(people, settings["servicetitan_arrival_windows"])
    prices = {row["sku"]: row for row in sample_file()["catalogue"]}
    for sku in settings["pricebook_skus_present"]:
        row = prices[sku]
        words = {"kind": "material", "code": sku, "name": row["name"], "price": row["price"]}
        await _tell(people, "/servicetitan/pricebook", **words)
    for plan in MEMBERSHIPS:
        await _tell(people, "/servicetitan/membership-types", **plan)


async def load_directory(people: httpx.AsyncClient) -> Directory:
    """Enter the samples' customers: with their contacts, locations and tags, inactive ones too."""
    directory = Directory()
    for row in sample_file()["servicetitan_directory"]:
        made = await _tell(
            people,
            "/servicetitan/customers",
            **{name: row[name] for name in ("name", "type", "active", "contacts", "tags")},
            locations=[_place(one) for one in row["locations"]],
        )
        directory.customers[row["ref"]] = made["customer_id"]
        refs = [one["ref"] for one in row["locations"]]
        directory.locations |= dict(zip(refs, made["location_ids"], strict=True))
    return directory


async def deliver(people: httpx.AsyncClient, n: int) -> dict[str, Any]:
    """Let the store have sample `n` as it is, under the arrival windows it is meant for; return the order.

    The store keeps the newest version of an order only, as the API does: sample 36 is an older version of sample 3, so
    nothing but an event tells of it. Times are the samples' own.
    """
    row = sample(n)
    wanted = sample_file()["settings"] | row["expect"].get("run_with", {})
    await set_windows(people, wanted["servicetitan_arrival_windows"])
    reply = await people.post("/_sandbox/contractor-commerce/orders", params={"as_is": "true"}, json=row["order"])
    assert reply.status_code == 200, reply.text
    return dict(row["order"])


async def set_windows(people: httpx.AsyncClient, spans: list[str]) -> None:
    """Configure the tenant's arrival windows, such as "08:00-12:00"; an empty list: it has none."""
    await _tell(people, "/servicetitan/arrival-windows", windows=[span.split("-") for span in spans])


def sample(n: int) -> dict[str, Any]:
    """Return sample `n`: `why`, `exercises`, `expect` and the `order` itself."""
    return next(dict(row) for row in sample_file()["orders"] if row["n"] == n)


def sample_shop(address: str, name: str = "samples", **changes: Any) -> dict[str, Any]:
    """Return the shop file of the samples' settings as parsed TOML, with the sandbox at `address`.

    `changes` go into [contractor_commerce]; `products` and `services` are merged into their own sections.
    """
    settings = sample_file()["settings"]
    products, services = settings["product_orders"], settings["service_orders"]
    names = ("campaign", "business_unit", "job_type", "technician", "tag_one_time", "tag_subscription")
    common = ("enabled", "arrival_windows", *names)
    accounts = ("invoice_item_type", "account", "cost_of_sale_account", "asset_account")
    return {
        "name": name,
        "timezone": sample_file()["store"]["timezone"],
        "servicetitan": {
            "api_url": f"{address}/servicetitan",
            "auth_url": f"{address}/servicetitan/connect/token",
            "tenant_id": 1234567,
            "app_key": "sandbox-app-key",
            "client_id": "sandbox-client",
            "client_secret": "sandbox-secret",
            "external_data_guid": GUID,
        },
        "contractor_commerce": {
            "api_url": f"{address}/contractor-commerce",
            "api_token": "sandbox-cc-token",
            "payment_type": settings["payment_type"],
            "accounting_system": settings["accounting_system"],
            "cancel_reason": CANCEL_REASON,
            **{key: value for key, value in changes.items() if key not in {"products", "services"}},
            "products": {
                **{key: products[key] for key in (*common, *accounts)},
                "tag_completed": products["job_tag_on_completion"],
                **changes.get("products", {}),
            },
            "services": {**{key: services[key] for key in common}, **changes.get("services", {})},
        },
    }


def sample_shop_file(address: str, name: str = "samples", **changes: Any) -> str:
    """Return `sample_shop` as the text of a shop file."""
    return _as_toml(sample_shop(address, name, **changes))


def _place(row: dict[str, Any]) -> dict[str, Any]:
    named = {"street": "line1", "unit": "line2", "city": "city", "state": "state", "zip": "zip", "country": "country"}
    return {field: row[its] for field, its in named.items()} | {"name": row["name"]}


def _as_toml(table: dict[str, Any], above: str = "") -> str:
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    lines = [f"[{above}]"] if above else []
    lines += [f"{key} = {_toml_value(value)}" for key, value in plain.items()]
    parts = ["\n".join(lines)]
    for key, value in table.items():
        if isinstance(value, dict):
            parts.append(_as_toml(value, f"{above}.{key}" if above else key))
    return "\n\n".join(parts)


def _toml_value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else f'"{value}"'


async def _tell(people: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    reply = await people.post(f"/_sandbox{path}", json=body)
    assert reply.status_code == 200, f"{path}: {reply.text}"
    return dict(reply.json())
