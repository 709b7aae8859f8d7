"""What of a customer is sent to a referral campaign, by the shop's map; and who has nothing to send.

Only records of the customers and customer contacts feeds come here. The contacts of a booking are in neither, so a
lead is no customer until ServiceTitan makes one of it (RF-D2).
Source: contracts/referral_factory/CHECKLIST.md RF-30, RF-37; FACTS section 3 there, and section 3 of servicetitan.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from decisions.people import email_key
from models.contact_sync import Draft, DraftEmail, Skip, SkipReason, SourceContact, SourceCustomer
from models.errors import SettingsError
from models.referral_settings import CUSTOM_VALUE, ContactSyncSettings

LONGEST_EMAIL: Final = 254
"""Letters. RFC 5321 allows no longer address."""

_Value = Callable[[SourceCustomer, SourceContact | None], str]

_TITLES = frozenset({"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "rev"})
_JOINTS = frozenset({"&", "and", "+"})
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv", "md", "phd", "dds", "esq"})
_NO_PERSON = frozenset(
    {"llc", "llp", "pllc", "inc", "incorporated", "corp", "corporation", "co", "company", "ltd", "limited", "plc"}
    | {"gmbh", "associates", "association", "hoa", "group", "holdings", "partners", "partnership", "properties"}
    | {"property", "management", "mgmt", "realty", "rentals", "apartments", "condominiums", "condos", "construction"}
    | {"contractors", "contracting", "services", "solutions", "systems", "enterprises", "industries", "supply"}
    | {"restaurant", "bakery", "ministries", "university", "hospital", "clinic", "department", "dept", "foundation"}
    | {"estate", "trust", "family", "household", "residence", "the"}
)
"""Words of companies and households that are hardly anybody's name; "Church" and "Banks" are."""
_EDGES = ".,;:()\"'"
_NO_LETTER_NEEDED = frozenset({"Cc", "Cs"})
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class ContactMap:
    """A shop's map, ready to be used on every customer."""

    first_name: _Value
    emails: Callable[[SourceCustomer], Sequence[tuple[int, str, bool]]]
    """Contact id, e-mail as typed, and whether it takes marketing updates; in the order they were made."""
    meta: tuple[tuple[str, _Value], ...]
    skips_do_not_mail: bool
    skips_opted_out: bool
    fingerprint: str
    """Changes with the map: then every customer has to be gone through again."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The campaign's own fields that are filled."""
        return tuple(label for label, _ in self.meta)


def plan_mapping(settings: ContactSyncSettings) -> ContactMap:
    """Make the map usable. Raises SettingsError that names every fault (RF-37: first name and e-mail are mandatory)."""
    if faults := settings.faults():
        raise SettingsError(
            f"The contact sync cannot start: {'; '.join(faults)}.",
            "Mend [referral_factory.campaigns.contact_sync.map] in the shop file; docs/shop.example.toml shows it.",
        )
    values = {name: value.strip() for name, value in settings.map.items() if value.strip()}
    meta = tuple((name, _value(value)) for name, value in values.items() if name not in {"first_name", "email"})
    return ContactMap(
        first_name=_value(values["first_name"]),
        emails=_emails_of(values["email"]),
        meta=meta,
        skips_do_not_mail=settings.opt_outs != "none",
        skips_opted_out=settings.opt_outs == "marketing_too",
        fingerprint=hashlib.sha256(repr((sorted(values.items()), settings.opt_outs)).encode()).hexdigest()[:16],
    )


def unknown_labels(mapping: ContactMap, campaign_fields: Sequence[str]) -> tuple[str, ...]:
    """Say which mapped labels the campaign does not have, each with the nearest one. Labels compare exactly."""
    faults = []
    for label in mapping.labels:
        if label in campaign_fields:
            continue
        near = difflib.get_close_matches(label, campaign_fields, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(campaign_fields) or 'none'}."
        faults.append(f'The campaign has no field "{label}"; {hint}')
    return tuple(faults)


def unknown_custom_fields(settings: ContactSyncSettings, customer_fields: Sequence[str]) -> tuple[str, ...]:
    """Say which custom fields that the map or the write-back names the tenant does not have, with the nearest one."""
    named = [value.strip().removeprefix(CUSTOM_VALUE) for value in settings.map.values() if _is_custom(value)]
    faults = []
    for name in dict.fromkeys([*named, *filter(None, [settings.write_link_to.strip()])]):
        if name in customer_fields:
            continue
        near = difflib.get_close_matches(name, customer_fields, n=1)
        hint = f"did you mean {near[0]}?" if near else "an admin makes one in ServiceTitan, as a Text field."
        faults.append(f'ServiceTitan has no customer custom field "{name}"; {hint}')
    return tuple(faults)


def draft_of(customer: SourceCustomer, mapping: ContactMap) -> Draft | Skip:
    """Return what is to be sent of a customer, or why nothing is.

    Of several usable e-mails the one that was made first counts, save that a customer keeps the e-mail it goes by
    already (`Draft.keeping`). Names are sent as typed, however long, without control characters.
    """
    if left_out := _left_out(customer, mapping):
        return Skip(customer.id, *left_out)
    emails = _usable(customer, mapping)
    if isinstance(emails, SkipReason):
        return Skip(customer.id, emails, *_EMAIL_WORDS[emails])
    contact = _contact_of(customer, emails[0].contact)
    name = mapping.first_name(customer, contact) or first_name_of(customer)
    if not name:
        return Skip(customer.id, SkipReason.NO_NAME, "The customer has no name.", "Enter its name in ServiceTitan.")
    meta = tuple((label, value(customer, contact)) for label, value in mapping.meta)
    return Draft(customer.id, name, emails, meta)


def first_name_of(customer: SourceCustomer) -> str:
    """Return a person's first name; a company's name as it is. Empty: the customer has no name.

    ServiceTitan keeps one name, "Dana Whitfield" or "Whitfield, Dana". Titles are no names; a name that is all title
    and surname, such as "Mr. & Mrs. Whitfield", is taken as it is.
    """
    name = clean(customer.name)
    words = _person_words(name, customer.customer_type)
    return words[0] if len(words) > 1 or words == [name] else name


def last_name_of(customer: SourceCustomer) -> str:
    """Return what follows a person's first name, of "Dana & Lee Whitfield" the shared one; a company has none."""
    name = clean(customer.name)
    words = _person_words(name, customer.customer_type)
    if len(words) > 1:
        return " ".join(words[3:] if _bare(words[1]) in _JOINTS else words[1:])
    return words[0] if words and words != [name] else ""


def clean(text: str) -> str:
    """Return text as typed, on one line, without what no system can store: control characters, broken letters."""
    if not text.isprintable():
        text = "".join(
            " " if sign.isspace() else sign
            for sign in text
            if sign.isspace() or unicodedata.category(sign) not in _NO_LETTER_NEEDED
        )
    return _SPACES.sub(" ", text).strip()


def _person_words(name: str, customer_type: str) -> list[str]:
    """Return a person's names, the first name first; none for a company."""
    words = name.split()
    if customer_type == "Commercial" or any(_bare(word).replace(".", "") in _NO_PERSON for word in words):
        return []
    family, comma, given = name.partition(",")
    if comma and given.strip() and _bare(given.strip()) not in _SUFFIXES:
        words = [*given.split(), *family.split()]
    return _without_titles(words)


def _without_titles(words: Sequence[str]) -> list[str]:
    at = next((at for at, word in enumerate(words) if _is_name(word)), len(words))
    return [word.strip(",;") for word in words[at:]]


def _is_name(word: str) -> bool:
    """Tell titles, joints and words without a letter, such as emoji, from names."""
    bare = _bare(word)
    return bare not in _TITLES and bare not in _JOINTS and (word.isalpha() or any(sign.isalpha() for sign in word))


def _bare(word: str) -> str:
    return word.strip(_EDGES).casefold()


def _left_out(customer: SourceCustomer, mapping: ContactMap) -> tuple[SkipReason, str, str] | None:
    if not customer.is_read:
        return (SkipReason.NOT_READ, "ServiceTitan has told of its contacts only, not of the customer yet.", "")
    if customer.merged_into:
        return (SkipReason.MERGED, f"It was merged into customer {customer.merged_into}, which counts.", "")
    if not customer.is_active:
        return (SkipReason.INACTIVE, "The customer is inactive.", "Activate it in ServiceTitan to give it a link.")
    if customer.do_not_mail and mapping.skips_do_not_mail:
        return (
            SkipReason.DO_NOT_MAIL,
            'The customer is marked "do not mail".',
            "Take the mark off in ServiceTitan, or set contact_sync.opt_outs in the shop file.",
        )
    return None


_EMAIL_WORDS: Mapping[SkipReason, tuple[str, str]] = {
    SkipReason.NO_EMAIL: ("The customer has no e-mail.", "Add one in ServiceTitan."),
    SkipReason.MALFORMED_EMAIL: (
        "None of the customer's e-mails is an address.",
        "Correct it in ServiceTitan: one address in each contact.",
    ),
    SkipReason.OPTED_OUT: (
        "The customer's e-mails take no marketing updates.",
        "Nothing, if that is right; else change the contact in ServiceTitan, or contact_sync.opt_outs.",
    ),
}


def _usable(customer: SourceCustomer, mapping: ContactMap) -> tuple[DraftEmail, ...] | SkipReason:
    written = [one for one in mapping.emails(customer) if one[1].strip()]
    if not written:
        return SkipReason.NO_EMAIL
    wanted = [(contact, typed) for contact, typed, takes in written if takes or not mapping.skips_opted_out]
    if not wanted:
        return SkipReason.OPTED_OUT
    found: dict[str, DraftEmail] = {}
    for contact, typed in wanted:
        key = usable_email(typed)
        if key and key not in found:
            found[key] = DraftEmail(key, typed.strip(), contact)
    return tuple(found.values()) or SkipReason.MALFORMED_EMAIL


def usable_email(typed: str) -> str:
    """Return the folded e-mail; empty for none, for more than one, or one that is longer than any can be."""
    key = email_key(typed)
    return key if len(key) <= LONGEST_EMAIL and key.count("@") == 1 and key.isprintable() else ""


def _contact_of(customer: SourceCustomer, contact: int) -> SourceContact | None:
    return next((one for one in customer.contacts if one.id == contact), None)


def _is_custom(value: str) -> bool:
    return value.strip().startswith(CUSTOM_VALUE)


def _emails_of(value: str) -> Callable[[SourceCustomer], Sequence[tuple[int, str, bool]]]:
    if _is_custom(value):
        field = _value(value)
        return lambda customer: [(0, field(customer, None), True)]
    return lambda customer: [(one.id, one.email, one.takes_marketing) for one in customer.contacts if one.email]


def _value(value: str) -> _Value:
    if _is_custom(value):
        name = value.removeprefix(CUSTOM_VALUE)
        return lambda customer, _contact: clean(next((kept for one, kept in customer.custom_fields if one == name), ""))
    return _VALUES[value]


def _of_address(part: str) -> _Value:
    return lambda customer, _contact: clean((customer.address or {}).get(part) or "")


def _phone(customer: SourceCustomer, _contact: SourceContact | None) -> str:
    return next((clean(one.phone) for one in customer.contacts if one.phone), "")


_VALUES: Final[Mapping[str, _Value]] = {
    "customer.first_name": lambda customer, _contact: first_name_of(customer),
    "customer.last_name": lambda customer, _contact: last_name_of(customer),
    "customer.name": lambda customer, _contact: clean(customer.name),
    "customer.type": lambda customer, _contact: customer.customer_type,
    **{f"customer.{part}": _of_address(part) for part in ("street", "unit", "city", "state", "zip", "country")},
    "contact.email": lambda _customer, contact: contact.email.strip() if contact else "",
    "contact.phone": _phone,
}
