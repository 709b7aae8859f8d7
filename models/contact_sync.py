"""The contact sync's own words: customers as the index tells them, what is to be sent of them, and what became of it.

A first sync makes hundreds of thousands of them: structs take a tenth of the time that frozen dataclasses do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from models.referral import NewReferrer, ReferralUser


class SourceContact(Struct, frozen=True):
    """A contact of a customer that was not removed. The lower the id, the earlier it was made."""

    id: int
    email: str = ""
    phone: str = ""
    takes_marketing: bool = True


class SourceCustomer(Struct, frozen=True):
    """A customer as the contact index tells it, with its contacts in the order they were made."""

    id: int
    name: str = ""
    customer_type: str = ""
    is_read: bool = True
    """False: contacts name it, but its own record did not come yet."""
    is_active: bool = True
    merged_into: str = ""
    do_not_mail: bool = False
    address: Mapping[str, str] | None = None
    custom_fields: tuple[tuple[str, str], ...] = ()
    contacts: tuple[SourceContact, ...] = ()


class Mark(NamedTuple):
    """How far a sync is in the changes of the contact index."""

    seq: int = 0
    customer: int = 0

    def text(self) -> str:
        """Return the mark as a cursor keeps it."""
        return f"{self.seq}/{self.customer}"

    @classmethod
    def of(cls, text: str | None) -> Mark:
        """Read a mark from a cursor; nothing kept is the beginning. Raises ValueError for another kind of cursor."""
        if not text:
            return cls()
        seq, _, customer = text.partition("/")
        return cls(int(seq), int(customer))


class ChangedPage(Struct, frozen=True):
    """Customers that changed, in the order of the changes. An empty page: that was all, for now."""

    customers: tuple[SourceCustomer, ...]
    mark: Mark
    """Where the next page begins. To be kept once this page is done."""


class SkipReason(StrEnum):
    """Why a customer has no link of its own, or keeps an old one (RF-30)."""

    NO_EMAIL = "no_email"
    MALFORMED_EMAIL = "malformed_email"
    NO_NAME = "no_name"
    INACTIVE = "inactive"
    MERGED = "merged"
    DO_NOT_MAIL = "do_not_mail"
    OPTED_OUT = "opted_out"
    NOT_READ = "not_read"
    REFUSED = "refused"
    EMAIL_TAKEN = "email_taken"


class UserState(StrEnum):
    """How far a person of a campaign is."""

    PENDING = "pending"
    """A call is under way, or its answer was lost."""
    LINKED = "linked"
    REFUSED = "refused"


class CustomerState(StrEnum):
    """What a sync does with a customer."""

    LINKED = "linked"
    """It goes by its e-mail's person: the link is there as soon as that person has one."""
    SKIPPED = "skipped"
    HELD = "held"
    """It keeps its old link until a person looks."""


class DraftEmail(Struct, frozen=True):
    """A usable e-mail of a customer: folded, as typed, and the contact it stands in."""

    key: str
    typed: str
    contact: int = 0
    """0: it stands in a custom field."""


class Draft(Struct, frozen=True):
    """What is to be sent of a customer. The first e-mail counts, unless the customer goes by another one already."""

    customer: int
    first_name: str
    emails: tuple[DraftEmail, ...]
    meta: tuple[tuple[str, str], ...] = ()
    """Values by the campaign's labels. All that are mapped, also empty ones: the program is sent the full set."""

    @property
    def key(self) -> str:
        """The folded e-mail that is sent."""
        return self.emails[0].key

    @property
    def email(self) -> str:
        """The e-mail that is sent, as typed."""
        return self.emails[0].typed

    def digest(self) -> str:
        """Return a digest of what is sent. How the e-mail is spelt does not count."""
        sent = repr((self.key, self.first_name, self.meta)).encode(errors="replace")
        return hashlib.blake2b(sent, digest_size=16).hexdigest()

    def keeping(self, key: str) -> Draft:
        """Return the draft with this e-mail first, if it is one of several: a link stays with its e-mail."""
        if len(self.emails) == 1 or self.key == key or all(one.key != key for one in self.emails):
            return self
        return replace(self, emails=tuple(sorted(self.emails, key=lambda one: one.key != key)))

    def new_referrer(self, campaign_id: int) -> NewReferrer:
        """Return the person as the connector takes it."""
        return NewReferrer(campaign_id=campaign_id, first_name=self.first_name, email=self.email, meta=self.meta)


class Skip(Struct, frozen=True):
    """Nothing is sent of this customer. `why` and `fix` name no personal data: they are listed and logged."""

    customer: int
    reason: SkipReason
    why: str
    fix: str = ""
    key: str = ""
    """The folded e-mail the customer goes by all the same, whose person the program refused."""


class KnownUser(Struct, frozen=True):
    """A person of the campaign, as the store has it."""

    key: str
    state: UserState
    user_id: int | None = None
    owner: int | None = None
    digest: str = ""
    email: str = ""
    why: str = ""
    is_in_flight: bool = False
    """Pending, by a call of this same sync."""


class KnownLink(Struct, frozen=True):
    """What an earlier sync decided of a customer."""

    customer: int
    key: str
    state: CustomerState
    reason: str = ""
    why: str = ""
    is_shared: bool = False
    """Other customers go by the same e-mail, and stay with it."""


class Create(Struct, frozen=True):
    """Create the person: POST."""

    draft: Draft


class Adopt(Struct, frozen=True):
    """An earlier create had no answer: search by e-mail first, take what is found, else create."""

    draft: Draft


class Update(Struct, frozen=True):
    """Change the person that is there: PUT. Id, link and history stay (RF-S11)."""

    draft: Draft
    user_id: int
    moved_from: str = ""
    """The folded e-mail it had until now, when that is what changes."""


class Look(Struct, frozen=True):
    """The e-mail changed while a create for the old one had no answer: search for the old one, write nothing."""

    draft: Draft
    key: str
    email: str
    """The old e-mail, as it was sent."""


class Share(Struct, frozen=True):
    """Another customer's call for the same e-mail is under way: this one goes by the same person."""

    draft: Draft


class Unchanged(Struct, frozen=True):
    """The person is there, as it is to be."""

    draft: Draft
    owns: bool
    """The person goes by this customer's name."""


class Later(Struct, frozen=True):
    """A call that decides about its old or its new e-mail is under way: the customer comes again after it."""

    draft: Draft


class Conflict(Struct, frozen=True):
    """The new e-mail belongs to another person of the campaign: the old link is kept until somebody looks."""

    draft: Draft
    user_id: int
    """The customer's own person."""
    why: str
    fix: str


Call = Create | Adopt | Update | Look
"""What needs a call."""

Decision = Create | Adopt | Update | Look | Share | Unchanged | Later | Conflict | Skip


class Linked(Struct, frozen=True):
    """The person is there, with its link."""

    call: Call
    user: ReferralUser
    was_there: bool = False


class Refused(Struct, frozen=True):
    """The program will never take the person as sent; `why` is in its own words."""

    call: Create | Adopt | Update
    why: str


class Taken(Struct, frozen=True):
    """The program says that the new e-mail belongs to another person."""

    call: Update
    why: str
    fix: str


class Absent(Struct, frozen=True):
    """The old e-mail that was looked for is not there."""

    call: Look


class Gone(Struct, frozen=True):
    """The person that was to be changed is not there any more: somebody deleted it, and its link with it."""

    call: Update


class NotSent(Struct, frozen=True):
    """Surely not written: a later sync decides anew. A call of unknown outcome is not reported at all."""

    call: Call


Outcome = Linked | Refused | Taken | Absent | Gone | NotSent


class KeptLink(Struct, frozen=True):
    """A customer's link, as the store has it."""

    customer: int
    user_id: int
    code: str
    url: str
    first_name: str
    email: str
    """As it was sent."""
    link_written: str
    """The link in the customer's custom field, as far as a sync wrote it there."""
    link_why: str = ""
    """Why it is not there, where a sync tried."""


class SkippedCustomer(Struct, frozen=True):
    """A customer without a link of its own, and why."""

    customer: int
    reason: SkipReason
    why: str
    is_held: bool = False
    """It keeps its old link until a person looks."""


class SyncCounts(Struct, frozen=True):
    """Where a campaign's contact sync stands."""

    linked: int
    """Customers with a link."""
    waiting: int
    """Customers whose person is not made yet, or not known to be."""
    skipped: Mapping[SkipReason, int]
    persons: int
    """Persons with a link: fewer than customers, where several share an e-mail."""
