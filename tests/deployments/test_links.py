"""Links to the approval page: one person's, for one question, signed with a secret that is made once."""

from __future__ import annotations

import base64
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from deployments.home import Home
from models.errors import SettingsError
from models.settings import HouseSettings
from models.tables import ApprovalRow
from tasks.links import Links, open_links, page_links

LINKS = Links("https://a.example.com", b"a secret for the tests")


def question(**changes: object) -> ApprovalRow:
    told: dict[str, object] = {
        "id": "demo-48213-1-r1",
        "nonce": "n1",
        "approvers": ["Dana Whitfield", "Luis Ortega"],
        **changes,
    }
    return ApprovalRow(**told)


def test_a_link_is_one_persons_for_one_question() -> None:
    row = question()
    made = LINKS.for_people(row, row.approvers)
    assert set(made) == {"Dana Whitfield", "Luis Ortega"}
    assert made["Dana Whitfield"] != made["Luis Ortega"]
    token = made["Dana Whitfield"].removeprefix("https://a.example.com/approve/")
    ticket = LINKS.read(token)
    assert ticket is not None
    assert ticket.name == "Dana Whitfield"
    assert ticket.opens(row)
    assert not ticket.opens(question(id="demo-48213-1-r2"))
    assert not ticket.opens(question(nonce="n2"))
    assert not ticket.opens(question(nonce=""))
    assert not ticket.opens(question(approvers=["Luis Ortega"]))
    assert not ticket.opens(None)
    assert ticket.opens(question(approvers=[]))


def test_an_altered_link_or_one_of_another_house_is_none() -> None:
    token = LINKS.token(question(), "Dana Whitfield")
    payload, stamp, signature = token.split(".")
    assert LINKS.read(token) is not None
    forged = base64.urlsafe_b64encode(json.dumps(["demo-48213-1-r1", "Luis Ortega", "n1"]).encode()).decode().strip("=")
    for altered in (f"{forged}.{stamp}.{signature}", f"{payload}.{stamp}.{signature[:-2]}", payload, "", "ü", "a.b.c"):
        assert LINKS.read(altered) is None
    assert Links(LINKS.base, b"another secret altogether").read(token) is None
    assert not LINKS.is_form_nonce(token, LINKS.form_nonce(LINKS.token(question(), "Luis Ortega")))
    assert not LINKS.is_form_nonce(token, "ü")


def test_the_secret_is_made_once_and_is_the_owners_alone(home: Home) -> None:
    settings = HouseSettings(public_url="https://a.example.com/")
    with ThreadPoolExecutor(8) as pool:
        found = {links.secret for links in pool.map(lambda _: open_links(settings), range(8))}
    assert len(found) == 1
    assert page_links(HouseSettings()).secret in found
    file = home.root / "link-secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in home.root.iterdir()] == ["link-secret"]


def test_the_secret_of_the_environment_comes_first(home: Home) -> None:
    os.environ["TRUCKROLL_LINK_SECRET"] = "0123456789abcdef"
    os.environ["TRUCKROLL_PUBLIC_URL"] = "https://a.example.com/parts/"
    links = open_links()
    assert (links.base, links.secret) == ("https://a.example.com/parts", b"0123456789abcdef")
    assert "0123456789abcdef" not in repr(links)
    assert not home.root.exists()


def test_without_an_address_no_link_is_made(home: Home) -> None:
    assert open_links().for_people(question(), ["Dana Whitfield"]) == {}
    assert not home.root.exists()


@pytest.mark.parametrize(
    "address", ["approve.example.com", "ftp://a.example.com", "https://", "https://a.example.com/?x=1"]
)
def test_what_is_no_address_is_said(address: str) -> None:
    with pytest.raises(SettingsError, match="TRUCKROLL_PUBLIC_URL"):
        open_links(HouseSettings(public_url=address))


def test_a_secret_that_could_be_guessed_is_refused(home: Home) -> None:
    with pytest.raises(SettingsError, match="guessed"):
        page_links(HouseSettings(link_secret=SecretStr("short")))
    home.make()
    (home.root / "link-secret").write_text("", encoding="ascii")
    with pytest.raises(SettingsError, match="does not hold a secret"):
        page_links(HouseSettings())
