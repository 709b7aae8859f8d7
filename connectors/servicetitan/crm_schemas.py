"""Customers, contacts and locations as order-to-invoice reads and writes them. Source: crm-v2 [spec]; FACTS 2.1, 2.2.

Two contact models exist (FACTS 7.6): the classic one with numbers under a customer, and a newer one with GUIDs.
"""

from __future__ import annotations

from typing import Literal

from connectors.servicetitan.external import ExternalDatum, NewExternalData
from connectors.servicetitan.schemas import CustomerContact
from connectors.wire import RequestModel, UtcTime, VendorModel

ContactType = Literal["Phone", "Email", "Fax", "MobilePhone"]


class CustomersContact(CustomerContact):
    """A classic contact with whose it is. `Crm.V2.Customers.CustomerContactWithModifiedOnAndCustomerIdResponse`."""

    id: int
    customer_id: int


class ExportedLocationContact(VendorModel):
    """A row of the feed of locations' contacts; whose the location is, it does not say.

    `Crm.V2.ExportLocationContactResponse`.
    """

    id: int
    location_id: int
    type: str
    value: str = ""
    active: bool = True
    modified_on: UtcTime


class ContactMethod(VendorModel):
    """A way to reach a contact of the newer model. `Crm.V2.ContactMethodResponse`."""

    id: str
    contact_id: str
    type: str
    value: str = ""


class ContactRelationship(VendorModel):
    """What a contact of the newer model belongs to. `Crm.V2.ContactRelationshipResponse`."""

    id: str
    related_entity_id: int
    """The customer's id where the type is customer."""
    type_slug: str


class CreatedLocation(VendorModel):
    """`Crm.V2.Locations.CreateLocationResponse`."""

    id: int
    customer_id: int
    tag_type_ids: tuple[int, ...] = ()
    external_data: tuple[ExternalDatum, ...] = ()


class CreatedContact(VendorModel):
    """`Crm.V2.Customers.CustomerContact`: a classic contact, in the answer to a create."""

    id: int
    type: str
    value: str = ""


class CreatedCustomer(VendorModel):
    """`Crm.V2.Customers.CreatedCustomerResponse`: the only answer that shows a customer with all it has."""

    id: int
    tag_type_ids: tuple[int, ...] = ()
    locations: tuple[CreatedLocation, ...] = ()
    contacts: tuple[CreatedContact, ...] = ()


class NewAddress(RequestModel):
    """`Crm.V2.Customers.CustomerAddress`; all but the unit must be there."""

    street: str
    unit: str = ""
    city: str
    state: str
    zip: str
    country: str


class NewContact(RequestModel):
    """`Crm.V2.Customers.NewCustomerContact`."""

    type: ContactType
    value: str
    memo: str = ""


class CustomerFieldType(VendorModel):
    """A kind of customer custom field; made by an admin, never by API. `Crm.V2.Customers.CustomFieldTypeResponse`."""

    id: int
    name: str = ""
    data_type: str = ""
    """"e.g. Text, Dropdown, or Numeric" [spec]; may be missing."""


class CustomerFieldValue(RequestModel):
    """`Crm.V2.Customers.CustomFieldUpdateModel`: unlike a job's, the value may be neither missing nor null."""

    type_id: int
    value: str


class CustomerPatch(RequestModel):
    """`Crm.V2.Customers.UpdateCustomerRequest`, as far as we change customers.

    Whether the list replaces or is merged is not stated (FACTS section 3): the whole list is right both ways.
    """

    custom_fields: tuple[CustomerFieldValue, ...]


class NewPlace(RequestModel):
    """A location that is made with its customer. `Crm.V2.Customers.NewLocation`."""

    name: str
    address: NewAddress
    contacts: tuple[NewContact, ...] = ()
    tag_type_ids: tuple[int, ...] = ()
    external_data: NewExternalData | None = None


class NewLocation(NewPlace):
    """A further location; its contacts are copied to the customer. `Crm.V2.Locations.CreateLocationRequest`."""

    customer_id: int


class NewCustomer(RequestModel):
    """`Crm.V2.Customers.CreateCustomerRequest`. A customer has at least one location."""

    name: str
    type: Literal["Residential", "Commercial"]
    address: NewAddress
    locations: tuple[NewPlace, ...]
    contacts: tuple[NewContact, ...] = ()
    tag_type_ids: tuple[int, ...] = ()
    external_data: NewExternalData | None = None
