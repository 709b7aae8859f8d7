"""The ServiceTitan client of one tenant: one method per endpoint, a typed answer."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

import httpx

from connectors.http import VendorHttp
from connectors.limits import Limiter, shared_pace
from connectors.servicetitan.accounting import AccountingApi
from connectors.servicetitan.auth import VENDOR, servicetitan_auth
from connectors.servicetitan.booking import BookingApi
from connectors.servicetitan.bookings import BookingsApi
from connectors.servicetitan.crm import CrmApi
from connectors.servicetitan.feeds import FeedsApi
from connectors.servicetitan.jobs import JobsApi
from connectors.servicetitan.memberships import MembershipsApi
from connectors.servicetitan.pricebook import PricebookApi
from connectors.servicetitan.records import RecordsApi
from connectors.servicetitan.reference import ReferenceApi
from connectors.tokens import TokenStore
from models.shop import ServiceTitanSettings

READ_TIMEOUT_S: Final = 100.0
"""ServiceTitan's own limit (FACTS 1.3)."""

_PRODUCTION: Final = "https://api.servicetitan.io"


class ServiceTitan(
    JobsApi,
    RecordsApi,
    CrmApi,
    FeedsApi,
    BookingApi,
    BookingsApi,
    PricebookApi,
    AccountingApi,
    MembershipsApi,
    ReferenceApi,
):
    """Use with `async with`, or close it."""

    def __init__(self, http: VendorHttp, tenant_id: int, *, is_production: bool = False) -> None:
        """Use `from_settings` to build one from a shop file."""
        super().__init__(http, tenant_id)
        self._is_production = is_production

    @classmethod
    def from_settings(
        cls,
        settings: ServiceTitanSettings,
        *,
        limiter: Limiter | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        tokens: TokenStore | None = None,
    ) -> Self:
        """Open the tenant of a shop. Raises SettingsError when a secret is not set.

        Without a `limiter`, all clients of this process share one pace per app key and tenant (FACTS 7.17).
        """
        http = VendorHttp(
            VENDOR,
            settings.api_url,
            auth=servicetitan_auth(settings, tokens),
            limiter=limiter or usual_pace(settings),
            read_timeout_s=READ_TIMEOUT_S,
            secrets=(settings.client_id, settings.client_secret, settings.app_key),
            transport=transport,
        )
        return cls(http, settings.tenant_id, is_production=settings.api_url.rstrip("/") == _PRODUCTION)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def job_url(self, job_id: int) -> str:
        """Return where people see the job; empty anywhere but in production. The address is [inferred]."""
        return f"https://go.servicetitan.com/#/Job/Index/{job_id}" if self._is_production else ""


def usual_pace(settings: ServiceTitanSettings) -> Limiter:
    """Return the pace that all clients of this process share per app key and tenant (FACTS 7.17)."""
    return shared_pace(f"{settings.api_url} {settings.tenant_id} {settings.app_key!r}", settings.calls_per_second)
