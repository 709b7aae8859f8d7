"""Steps against the sandbox in this process: real clients, a real store, no Prefect. Call a task as `task.fn(...)`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.contractor_commerce.client import ContractorCommerce
from connectors.limits import Unlimited
from connectors.referral_factory.client import ReferralFactory
from connectors.servicetitan.client import ServiceTitan
from connectors.tokens import TokenStore
from models.errors import SettingsError
from models.shop import Shop, parse_shop
from models.store_order import StoreOrder
from sandbox.app import create_app
from store import Books
from tasks import house as house_module
from tasks.house import House

ADDRESS = "http://127.0.0.1:8700"
GUID = "6f0c2f0e-9d1b-4c57-8c39-0b8f8a3f7d11"
SYNC = {"map": {"first_name": "customer.first_name", "email": "contact.email"}}
NO_PARTS = SettingsError("This shop orders no parts.", "Add [marcone].")


def a_shop(
    *,
    products: dict[str, Any] | None = None,
    services: dict[str, Any] | None = None,
    sync: dict[str, Any] | None = None,
    **store: Any,
) -> Shop:
    """Return the demo shop, with changes to [contractor_commerce], its products and services, and the contact sync."""
    return parse_shop(
        {
            "name": "demo",
            "timezone": "America/Chicago",
            "servicetitan": {
                "api_url": f"{ADDRESS}/servicetitan",
                "auth_url": f"{ADDRESS}/servicetitan/connect/token",
                "tenant_id": 1234567,
                "app_key": "sandbox-app-key",
                "client_id": "sandbox-client",
                "client_secret": "sandbox-secret",
                "external_data_guid": GUID,
            },
            "contractor_commerce": {
                "api_url": f"{ADDRESS}/contractor-commerce",
                "api_token": "sandbox-cc-token",
                "payment_type": "Contractor Commerce",
                "accounting_system": "QuickBooks",
                "products": {
                    "enabled": True,
                    "account": "Deferred Revenue",
                    "cost_of_sale_account": "Cost of Goods Sold: Material",
                    "asset_account": "Inventory",
                    "campaign": "Contractor Commerce",
                    "business_unit": "Online Store",
                    "job_type": "Filter Order",
                    "tag_one_time": "Store: one-time filters",
                    "tag_subscription": "Store: filter subscription",
                    "technician": "Store Dispatch",
                    "tag_completed": "Store order completed",
                    **(products or {}),
                },
                "services": {
                    "enabled": True,
                    "arrival_windows": True,
                    "campaign": "Contractor Commerce",
                    "business_unit": "HVAC Service",
                    "job_type": "Online Service Order",
                    "tag_one_time": "Store: one-time service",
                    "tag_subscription": "Store: service subscription",
                    "technician": "Store Dispatch",
                    **(services or {}),
                },
                **store,
            },
            "referral_factory": {
                "api_url": f"{ADDRESS}/referral-factory/api/v2",
                "api_token": "sandbox-rf-token",
                "campaigns": [{"id": 1001, "contact_sync": {"enabled": True, **SYNC, **(sync or {})}}],
            },
        },
        "demo.toml",
    )


@dataclass
class Counter:
    """The shop's counter: the house, the sandbox's people, and what was called."""

    house: House
    people: httpx.AsyncClient
    seen: int = field(default=0)

    @property
    def books(self) -> Books:
        return self.house.books

    @property
    def st(self) -> ServiceTitan:
        return self.house.servicetitan

    def use(self, shop: Shop) -> None:
        """Change the shop file."""
        self.house.shop = shop

    async def tell(self, path: str, **body: Any) -> Any:
        """Let somebody in the sandbox do something: see sandbox/README.md, `/_sandbox`."""
        reply = await self.people.post(f"/_sandbox{path}", json=body)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def state(self) -> Any:
        """Return everything that is in the vendors' systems."""
        return (await self.people.get("/_sandbox/state")).json()

    async def calls(self) -> list[str]:
        """Return the vendor calls since the last time, such as "POST /servicetitan/jpm/v2/tenant/1234567/jobs"."""
        rows = (await self.people.get("/_sandbox/requests")).json()["requests"]
        fresh = [f"{row['method']} {row['path']}" for row in rows[self.seen :]]
        self.seen = len(rows)
        return [call for call in fresh if "connect/token" not in call]

    async def sell(self, **words: Any) -> StoreOrder:
        """Sell something in the store, and read the order as the connector does."""
        made = await self.tell("/contractor-commerce/orders", **words)
        return await self.house.store.get_order(str(made["id"]))


@pytest.fixture
async def counter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Counter]:
    """Give an open demo shop with the sandbox behind it."""
    network = httpx.ASGITransport(app=create_app(seed="demo"))
    shop = a_shop()
    async with AsyncExitStack() as stack:
        books = stack.enter_context(Books.open(f"sqlite:///{tmp_path / 'truckroll.db'}", settle_s=0))
        people = await stack.enter_async_context(httpx.AsyncClient(transport=network, base_url=ADDRESS))
        tenant = await stack.enter_async_context(
            ServiceTitan.from_settings(
                shop.need_servicetitan(), limiter=Unlimited(), transport=network, tokens=TokenStore()
            )
        )
        store = await stack.enter_async_context(
            ContractorCommerce.from_settings(shop.need_contractor_commerce(), limiter=Unlimited(), transport=network)
        )
        program = await stack.enter_async_context(
            ReferralFactory.from_settings(shop.need_referral_factory(), limiter=Unlimited(), transport=network)
        )
        made = Counter(House(shop, books, NO_PARTS, NO_PARTS, tenant, store, program), people)

        async def build(*_: object) -> House:
            return made.house

        monkeypatch.setattr(house_module, "_build", build)
        monkeypatch.setattr(house_module, "read_settings", lambda name: made.house.shop)
        yield made
