"""Credentials tried before there is a shop file: `truckroll setup` asks for them, and shows what the tenant offers."""

from __future__ import annotations

from connectors.contractor_commerce.client import ContractorCommerce
from connectors.limits import Unlimited
from connectors.servicetitan.client import ServiceTitan
from models.base import utc_now
from models.shop import ContractorCommerceSettings, ServiceTitanSettings
from models.tenant import TenantLists
from tasks.drop_downs import read_lists


async def try_servicetitan(settings: ServiceTitanSettings) -> TenantLists:
    """Read the tenant's drop-downs with these credentials. Raises SettingsError and what the reading raised."""
    async with ServiceTitan.from_settings(settings) as tenant:
        return await read_lists(tenant, utc_now())


async def try_store(settings: ContractorCommerceSettings) -> None:
    """Make one small reading with this key. Raises SettingsError and what the reading raised."""
    async with ContractorCommerce.from_settings(settings, limiter=Unlimited()) as store:  # it is one call
        await store.check_access()
