"""Every mail the real service might send, put into the sandbox's mailbox with campaign and kind. FACTS section 5."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sandbox.clock import Clock, as_wire
from sandbox.mailbox import Mailbox
from sandbox.referral_factory.records import Campaign, User

DAY_S = 86_400.0
SENDER = "hello@cahaba.example.com"
SUBJECTS = {
    "welcome": "Welcome, here is your link",
    "welcome_api": "Welcome, here is your link",
    "reminder": "Have you shared your link yet?",
    "lead_welcome": "Welcome, a friend invited you",
    "referrer_new_lead": "You got a referral",
    "lead_qualified": "Thank you for becoming a customer",
    "referrer_qualified": "Your referral was successful",
}


class Postman:
    """Sends what a campaign's toggles allow; a toggle takes effect at once."""

    def __init__(self, clock: Clock, mailbox: Mailbox) -> None:
        self.clock = clock
        self.mailbox = mailbox
        self.reminded_to = clock.now().timestamp()
        """Reminders due up to here have been sent or missed."""

    def send(self, campaign: Campaign, kind: str, user: User) -> None:
        """Send one mail, unless it is switched off or the person opted out."""
        if kind == "welcome_api" and campaign.mails[kind] == "deleted":
            kind = "welcome"
        if not campaign.sends(kind) or user.unsubscribed_at is not None:
            return
        self.mailbox.mails.append(
            {
                "at": as_wire(self.clock.now()),
                "from": SENDER,
                "to": [user.email],
                "subject": SUBJECTS[kind],
                "text": f"{user.first_name}, your link in {campaign.name} is {user.url}",
                "vendor": "referral_factory",
                "campaign_id": campaign.id,
                "kind": kind,
            }
        )

    def remind(self, campaigns: Mapping[int, Campaign], users: Iterable[User]) -> None:
        """Send the reminders that came due since the last look; one that was switched off then never comes."""
        since, now = self.reminded_to, self.clock.now().timestamp()
        self.reminded_to = now
        waits = {one.id: one.reminder_days * DAY_S for one in campaigns.values() if one.sends("reminder")}
        for user in users if waits else ():
            wait_s = waits.get(user.campaign_id)
            if wait_s is not None and since < user.joined_at + wait_s <= now:
                self.send(campaigns[user.campaign_id], "reminder", user)
