"""Messages to people, through apprise: mail, chat, phone, whatever address the shop gives."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from models.errors import SettingsError, TransientError


def mail_address(smtp_url: str, *, sender: str, to: str) -> str:
    """Return the apprise address that mails `to` through the shop's own mail server.

    Source: apprise's `mailto://` and `mailtos://` addresses; `smtp_url` is the shop's, with its credentials.
    """
    address = urlsplit(smtp_url)
    people = urlencode({"from": sender, "to": to, "format": "text"}, quote_via=quote)
    return urlunsplit(address._replace(path=address.path or "/", query="&".join(filter(None, (address.query, people)))))


async def send_message(addresses: Sequence[str], *, title: str, body: str) -> None:
    """Send one message to every address.

    Raises: SettingsError for an address apprise cannot read; TransientError when a channel refused it. Neither
    names the address: it may hold a password.
    """
    from apprise import Apprise, NotifyFormat  # noqa: PLC0415  half a second to import, and few runs send anything

    messenger = Apprise()
    for address in addresses:
        if not messenger.add(address):
            raise SettingsError(
                "An address under [messages] is not one apprise can read.",
                "Write it as on apprise's page for that service, such as mailtos://user:password@mail.example.com.",
            )
    if not await messenger.async_notify(body=body, title=title, body_format=NotifyFormat.TEXT):
        raise TransientError(
            "The message was not taken by its channel.",
            "Check the addresses under [messages] and that the mail server answers.",
            vendor="messages",
        )
