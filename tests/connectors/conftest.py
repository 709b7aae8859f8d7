"""Vendors by respx, over httpx's own transport; no test here waits or leaves this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import respx
import stamina

from connectors.contractor_commerce.client import ContractorCommerce
from connectors.limits import Unlimited
from connectors.marcone.client import Marcone
from connectors.referral_factory.client import ReferralFactory
from connectors.servicetitan.client import ServiceTitan
from connectors.tokens import TokenStore
from models.referral_settings import ReferralFactorySettings
from models.section import Secret
from models.shop import ContractorCommerceSettings, MarconeSettings, ServiceTitanSettings
from tests.connectors.doubles import CC, MARCONE, RF, SECRETS, ST, ST_TOKEN


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUCKROLL_HTTP", "httpx")
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def _no_backoff() -> Iterator[None]:
    stamina.set_testing(True, attempts=3)
    yield
    stamina.set_testing(False)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds the client would have waited."""
    waited: list[float] = []

    async def note(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("connectors.http.sleep", note)
    return waited


@pytest.fixture
def st_settings() -> ServiceTitanSettings:
    settings = ServiceTitanSettings(
        api_url=ST,
        auth_url=ST_TOKEN,
        tenant_id=7,
        app_key="${ST_APP_KEY}",
        client_id="${ST_CLIENT_ID}",
        client_secret="${ST_CLIENT_SECRET}",
        external_data_guid="6f0c2f0e-9d1b-4c57-8c39-0b8f8a3f7d11",
    )
    assert isinstance(settings.client_secret, Secret)
    return settings


@pytest.fixture
def marcone_settings() -> MarconeSettings:
    return MarconeSettings(
        api_url=MARCONE,
        client_id="${MARCONE_CLIENT_ID}",
        client_secret="${MARCONE_CLIENT_SECRET}",
        customer_number=100200,
    )


@pytest.fixture
def cc_settings() -> ContractorCommerceSettings:
    return ContractorCommerceSettings.model_validate({"api_url": CC, "api_token": "${CC_TOKEN}"})


@pytest.fixture
def rf_settings() -> ReferralFactorySettings:
    return ReferralFactorySettings.model_validate({"api_url": RF, "api_token": "${RF_TOKEN}"})


@pytest.fixture
def vendors() -> Iterator[respx.MockRouter]:
    """Both vendors, with their token endpoints answering."""
    with respx.mock(assert_all_called=False) as router:
        router.post(ST_TOKEN, name="st_token").respond(json={"access_token": "st-token-1", "expires_in": 900})
        router.post(f"{MARCONE}/AccessToken", name="marcone_token").respond(
            json={"access_token": "mc-token-1", "expires_in": 1199}
        )
        yield router


@pytest.fixture
async def st(st_settings: ServiceTitanSettings, vendors: respx.MockRouter) -> AsyncIterator[ServiceTitan]:
    async with ServiceTitan.from_settings(st_settings, limiter=Unlimited(), tokens=TokenStore()) as client:
        yield client


@pytest.fixture
async def marcone(marcone_settings: MarconeSettings, vendors: respx.MockRouter) -> AsyncIterator[Marcone]:
    async with Marcone.from_settings(marcone_settings, limiter=Unlimited(), tokens=TokenStore()) as client:
        yield client


@pytest.fixture
async def store(
    cc_settings: ContractorCommerceSettings, vendors: respx.MockRouter
) -> AsyncIterator[ContractorCommerce]:
    async with ContractorCommerce.from_settings(cc_settings, limiter=Unlimited()) as client:
        yield client


@pytest.fixture
async def rf(rf_settings: ReferralFactorySettings, vendors: respx.MockRouter) -> AsyncIterator[ReferralFactory]:
    async with ReferralFactory.from_settings(rf_settings, limiter=Unlimited()) as client:
        yield client
