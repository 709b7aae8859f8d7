"""The store's and ServiceTitan's connectors against the sandbox, each written from the contracts alone: one order's way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from connectors.contractor_commerce.client import ContractorCommerce
from connectors.contractor_commerce.webhooks import OrderEvent, read_event
from connectors.errors import NotFoundError, RejectedError
from connectors.limits import Unlimited
from connectors.servicetitan.accounting_schemas import InvoiceLine, InvoicePatch, NewPayment, PaymentSplit
from connectors.servicetitan.booking_schemas import NewJob, NewVisit
from connectors.servicetitan.client import ServiceTitan
from connectors.servicetitan.crm_schemas import NewAddress, NewContact, NewCustomer, NewLocation, NewPlace
from connectors.servicetitan.external import ExternalKey, external_value
from connectors.servicetitan.pricebook_schemas import NewEquipment, NewMaterial
from connectors.tokens import TokenStore
from connectors.webhooks import Refusal
from models.shop import ContractorCommerceSettings, ServiceTitanSettings
from models.store_order import PaymentState, StoreOrder
from sandbox.app import create_app
from sandbox.contractor_commerce.webhooks import as_bytes, signature_of
from tests.connectors.doubles import GUID, SECRETS
from tests.connectors.store_orders import order_row

HOUSE = "http://127.0.0.1:8700"
OURS = ExternalKey(GUID, "truckroll-order")
BY_SKU = ExternalKey(GUID, "truckroll-sku")
ADDRESS = NewAddress(street="12 Elm St", unit="4", city="Birmingham", state="AL", zip="35203", country="USA")
AT = datetime(2026, 9, 1, 13, 0, tzinfo=UTC)


@dataclass
class House:
    """A sandbox in this process, and both connectors talking to it."""

    people: httpx.AsyncClient
    st: ServiceTitan
    store: ContractorCommerce

    async def tell(self, path: str, **body: Any) -> Any:
        reply = await self.people.post(f"/_sandbox{path}", json=body)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def orders(self) -> list[StoreOrder]:
        since = datetime(2026, 9, 1, 10, 0, tzinfo=UTC)  # the moment of `order_row`
        return [order async for page in self.store.orders_since(since) for order in page.orders]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    network = httpx.ASGITransport(app=create_app())
    titan = ServiceTitanSettings.model_validate(
        {
            "api_url": f"{HOUSE}/servicetitan",
            "auth_url": f"{HOUSE}/servicetitan/connect/token",
            "tenant_id": 1234567,
            "app_key": "sandbox-app-key",
            "client_id": "sandbox-client",
            "client_secret": "sandbox-secret",
            "external_data_guid": GUID,
        }
    )
    shop = ContractorCommerceSettings.model_validate(
        {"api_url": f"{HOUSE}/contractor-commerce", "api_token": "sandbox-cc-token"}
    )
    async with (
        httpx.AsyncClient(transport=network, base_url=HOUSE) as people,
        ServiceTitan.from_settings(titan, limiter=Unlimited(), transport=network, tokens=TokenStore()) as st,
        ContractorCommerce.from_settings(shop, limiter=Unlimited(), transport=network) as store,
    ):
        yield House(people, st, store)


def named(rows: tuple[Any, ...], name: str) -> int:
    return next(int(row.id) for row in rows if row.name == name)


async def make_customer(house: House, number: str = "CC-1", email: str = "robin@example.com") -> tuple[int, int]:
    made = await house.st.create_customer(
        NewCustomer(
            name="Robin Sample",
            type="Residential",
            address=ADDRESS,
            locations=(
                NewPlace(name="Robin Sample", address=ADDRESS, external_data=OURS.holding(f"{number}/location")),
            ),
            contacts=(
                NewContact(type="Email", value=email),
                NewContact(type="MobilePhone", value="2055550199"),
            ),
            external_data=OURS.holding(number),
        )
    )
    return made.id, made.locations[0].id


async def test_an_order_placed_in_the_store_is_read_there_and_followed(house: House) -> None:
    await house.store.check_access()
    placed = await house.tell("/contractor-commerce/orders", **order_row(100201))
    (order,) = await house.orders()
    assert order.number == placed["number"]
    assert str(order.grand_total) == "51.35"
    assert order == await house.store.get_order(order.id)
    await house.tell(f"/contractor-commerce/orders/{order.id}/refund", amount="1.00")
    again = await house.store.get_order(order.id)
    assert again.version > order.version
    assert again.payment_state is PaymentState.PARTIALLY_REFUNDED
    assert again.refunded_total == sum(refund.amount for refund in again.refunds) == Decimal("1.00")
    with pytest.raises(NotFoundError):
        await house.store.get_order("1")


async def test_more_orders_of_one_moment_than_a_page_holds_all_come(house: House) -> None:
    for number in range(130):
        await house.tell("/contractor-commerce/orders", **order_row(200000 + number))
    found = await house.orders()
    assert [order.id for order in found] == [str(200000 + number) for number in range(130)]
    assert {order.updated_at for order in found} == {datetime(2026, 9, 1, 10, 0, tzinfo=UTC)}


def test_a_delivery_as_the_sandbox_signs_it_is_believed() -> None:
    settings = ContractorCommerceSettings.model_validate(
        {"api_url": HOUSE, "api_token": "x", "webhook_secret": SECRETS["CC_WEBHOOK_SECRET"]}
    )
    order = order_row(customer_note="Zoë / 2nd door 🏠")
    body = as_bytes({"id": "evt_1", "type": "order.created", "data": {"object": "order", "order": order}})
    found = read_event({"Signature": signature_of(SECRETS["CC_WEBHOOK_SECRET"], body)}, body, settings)
    assert isinstance(found, OrderEvent)
    assert found.order is not None
    assert found.order.note == order["customer_note"]
    assert isinstance(read_event({"Signature": signature_of("x", body)}, body, settings), Refusal)


async def test_a_customer_is_made_with_its_location_and_found_by_every_route(house: House) -> None:
    customer, location = await make_customer(house)
    st = house.st
    assert [one.id for one in await st.list_customers_by_external_data(OURS, ["CC-1", "CC-2"])] == [customer]
    assert [one.id for one in await st.list_locations_by_external_data(OURS, ["CC-1/location"])] == [location]
    assert customer in [one.id for one in await st.list_customers_by_phone("2055550199")]
    by_address = await st.list_customers_by_address(name="Robin Sample", street="12 Elm St", zip_code="35203")
    assert customer in [one.id for one in by_address]
    methods = await st.list_contact_methods("Email", "robin@example.com")
    assert methods
    related = await st.list_contact_customers(methods[0].contact_id)
    assert related
    assert [one.related_entity_id for one in related] == [customer]
    contacts = await st.list_contacts_of([customer])
    assert {(one.type, one.value) for one in contacts} == {
        ("Email", "robin@example.com"),
        ("MobilePhone", "2055550199"),
    }
    (row,) = await st.list_customers([customer])
    assert row.address is not None
    assert (row.name, row.address.street, row.address.unit) == ("Robin Sample", "12 Elm St", "4")


async def test_the_feed_tells_of_contacts_where_the_newer_model_may_not_be_asked(house: House) -> None:
    customer, _ = await make_customer(house)
    await house.tell("/servicetitan/switches", contacts_forbidden=True)
    assert await house.st.list_contact_methods("Email", "robin@example.com") is None
    fed = [row async for page in house.st.export_customer_contacts(recent=True) for row in page.data]
    assert ("robin@example.com", customer) in {(row.value, row.customer_id) for row in fed}
    assert customer in [row.id async for page in house.st.export_customers(recent=True) for row in page.data]


async def test_tags_are_added_to_customer_and_location_and_others_stay(house: House) -> None:
    customer, location = await make_customer(house)
    tags = await house.st.list_tag_types()
    vip, ordered = named(tags, "VIP"), named(tags, "Store: one-time filters")
    for tag in (vip, ordered):
        await house.st.tag_customer(customer, tag)
        await house.st.tag_location(location, tag)
    assert set((await house.st.list_customers([customer]))[0].tag_type_ids) == {vip, ordered}
    assert set((await house.st.list_locations(customer))[0].tag_type_ids) == {vip, ordered}


async def test_a_further_location_and_a_contact_are_added(house: House) -> None:
    customer, first = await make_customer(house)
    elsewhere = ADDRESS.model_copy(update={"street": "7 Oak Ave"})
    added = await house.st.create_location(NewLocation(customer_id=customer, name="Robin Sample", address=elsewhere))
    assert {one.id for one in await house.st.list_locations(customer)} == {first, added.id}
    await house.st.add_customer_contact(customer, NewContact(type="Email", value="robin.new@example.com"))
    assert "robin.new@example.com" in [one.value for one in await house.st.list_contacts_of([customer])]
    with pytest.raises(RejectedError):
        await house.st.create_location(NewLocation(customer_id=1, name="Nobody", address=elsewhere))


async def test_pricebook_items_are_made_with_their_accounts_and_found_by_code_and_key(house: House) -> None:
    sku = "FLT-12X12X1, 4-pack"
    accounts = {
        "account": "Deferred Revenue",
        "cost_of_sale_account": "Cost of Goods Sold: Material",
        "asset_account": "Inventory",
    }
    mark = BY_SKU.holding(external_value(sku))
    material = await house.st.create_material(
        NewMaterial(
            code=sku, description="Filter", price=Decimal("39.96"), is_inventory=True, external_data=mark, **accounts
        )
    )
    (found,) = await house.st.list_materials_by_external_data(BY_SKU, [external_value(sku)])
    assert (found.id, found.code, found.price, found.is_inventory) == (material.id, sku, Decimal("39.96"), True)
    assert (found.account, found.cost_of_sale_account, found.asset_account) == tuple(accounts.values())
    assert [one.id for one in await house.st.list_materials_by_code(sku.lower())] == [material.id]
    machine = await house.st.create_equipment(
        NewEquipment(code="TSTAT-1", description="T", external_data=mark, **accounts)
    )
    assert [one.id for one in await house.st.list_equipment_by_code("TSTAT-1")] == [machine.id]
    assert [one.id for one in await house.st.list_equipment_by_external_data(BY_SKU, [external_value(sku)])] == [
        machine.id
    ]


async def test_a_job_its_invoice_and_its_payment_come_to_the_orders_total(house: House) -> None:
    st = house.st
    customer, location = await make_customer(house)
    dispatcher = named(await st.list_all_technicians(), "Store Dispatch")
    tags = await st.list_tag_types()
    ordered, completed = named(tags, "Store: one-time filters"), named(tags, "Store order completed")
    job = await st.create_job(
        NewJob(
            customer_id=customer,
            location_id=location,
            business_unit_id=named(await st.list_all_business_units(), "Online Store"),
            job_type_id=named(await st.list_job_types(), "Filter Order"),
            campaign_id=named(await st.list_campaigns(), "Contractor Commerce"),
            priority="Normal",
            appointments=(NewVisit(start=AT, end=AT + timedelta(hours=4), technician_ids=(dispatcher,)),),
            tag_type_ids=(ordered,),
            external_data=OURS.holding("CC-1"),
        )
    )
    assert job.invoice_id is not None
    assert [one.id for one in await st.list_jobs_by_external_data(OURS, ["CC-1"])] == [job.id]
    assert [one.technician_id for one in await st.list_assignments(job.id)] == [dispatcher]
    assert (await st.list_appointments(job.id))[0].end == AT + timedelta(hours=4)

    material = await st.create_material(
        NewMaterial(code="FLT-1", description="Filter", price=Decimal(1), taxable=False)
    )
    for quantity, price in ((2, "19.98"), (1, "7.95")):
        line = InvoiceLine(sku_id=material.id, description="x", quantity=Decimal(quantity), unit_price=Decimal(price))
        await st.write_invoice_line(job.invoice_id, line)
    await st.patch_invoice(job.invoice_id, InvoicePatch(tax=Decimal("3.44")))
    total = Decimal("51.35")
    await st.create_payment(
        NewPayment(
            type_id=named(await st.list_payment_types(), "Contractor Commerce"),
            amount=total,
            paid_on=AT,
            splits=(PaymentSplit(invoice_id=job.invoice_id, amount=total),),
        )
    )
    (after,) = await st.list_invoices([job.invoice_id])
    assert (after.sub_total, after.sales_tax, after.total, after.balance) == (
        Decimal("47.91"),
        Decimal("3.44"),
        total,
        Decimal(0),
    )
    (payment,) = await st.list_payments([job.invoice_id])
    assert (payment.total, payment.applied_to[0].invoice_id, payment.applied_to[0].amount) == (total, after.id, total)

    tagged = await st.set_job_tags(job.id, (*job.tag_type_ids, completed))
    assert set(tagged.tag_type_ids) == {ordered, completed}


async def test_the_lists_of_the_settings_are_read_with_what_was_switched_off(house: House) -> None:
    await house.tell("/servicetitan/settings", kind="campaign", name="Contractor Commerce", active=False)
    campaigns = {one.name: one.active for one in await house.st.list_campaigns()}
    assert campaigns == {"Existing customers": True, "Contractor Commerce": False}
    (account,) = [one for one in await house.st.list_gl_accounts() if one.name == "Inventory"]
    assert account.default_account_type == "Inventory"
    windows = await house.st.list_arrival_windows()
    assert [one.start for one in windows] == [timedelta(hours=8), timedelta(hours=12)]
    await house.tell("/servicetitan/arrival-windows", windows=[])
    assert await house.st.list_arrival_windows() == ()
    assert (await house.st.get_arrival_window_configuration()).configuration == "StartTimeOfArrivalWindow"
