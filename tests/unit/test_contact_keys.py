"""The keys of e-mails that stand at locations: one spelling with a customer's own, and another kind."""

from __future__ import annotations

import pytest

from decisions.contact_keys import LONGEST, buyer_index_keys, email_index_keys, location_email_keys
from models.store_order import Buyer
from tests.unit.orders import ELM, order


@pytest.mark.parametrize("typed", ["pat@example.com", " PAT@Example.com ", "Pat@EXAMPLE.COM\t"])
def test_an_email_at_a_location_is_folded_as_a_customers_own(typed: str) -> None:
    """RF-46: case and outer blanks do not count."""
    assert location_email_keys(typed) == ("location-email:pat@example.com",)


@pytest.mark.parametrize("typed", ["", "  ", "n/a", "pat at example.com", "pat@example"])
def test_what_is_no_email_is_no_key(typed: str) -> None:
    """RF-46: nobody is recognised by a blank."""
    assert location_email_keys(typed) == ()


def test_no_orders_buyer_is_looked_up_by_a_locations_email() -> None:
    """OI-8, RF-46: the two kinds never meet, so orders are matched as before."""
    buyer = buyer_index_keys(order(buyer=Buyer(first_name="Pat", email="pat@example.com"), service_address=ELM))
    assert email_index_keys("pat@example.com")[0] in buyer
    assert not set(location_email_keys("pat@example.com")) & set(buyer)
    assert [key for key in buyer if key.startswith("location")] == []


def test_an_endless_email_makes_a_key_a_database_takes() -> None:
    """RF-46: equal stays equal."""
    endless = "p" * 5000 + "@example.com"
    assert location_email_keys(endless) == location_email_keys(endless.upper())
    assert len(location_email_keys(endless)[0]) <= LONGEST
    assert location_email_keys(endless) != location_email_keys("q" + endless)
