"""A mailbox behind a real SMTP port: every mail is kept, none is passed on."""

from __future__ import annotations

import asyncio
import email
from email import policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from sandbox.clock import Clock, as_wire


class Mailbox:
    """Mails received, oldest first."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.mails: list[dict[str, Any]] = []

    def clear(self) -> None:
        """Throw all mails away."""
        self.mails.clear()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        """Keep one mail. Called by the SMTP server."""
        raw = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content or "").encode()
        message = email.message_from_bytes(raw, policy=policy.default)
        assert isinstance(message, EmailMessage)
        part = message.get_body(preferencelist=("plain", "html"))
        self.mails.append(
            {
                "at": as_wire(self.clock.now()),
                "from": envelope.mail_from or "",
                "to": list(envelope.rcpt_tos),
                "subject": str(message["subject"] or ""),
                "text": part.get_content() if part is not None else "",
            }
        )
        return "250 Message accepted"


async def open_smtp(mailbox: Mailbox, host: str, port: int) -> asyncio.Server:
    """Start listening for mail.

    Raises: OSError when the port is taken.
    """
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: SMTP(mailbox, hostname="sandbox.example.com", enable_SMTPUTF8=True, loop=loop), host, port
    )
