"""What a contact sync does with one customer, by what is known of it and of its e-mail."""

from __future__ import annotations

import pytest

from decisions.referral_sync import decide_sync
from models.contact_sync import (
    Adopt,
    Conflict,
    Create,
    CustomerState,
    Decision,
    Draft,
    DraftEmail,
    KnownLink,
    KnownUser,
    Later,
    Look,
    Share,
    Skip,
    SkipReason,
    Unchanged,
    Update,
    UserState,
)

NEW, OLD = "new@example.com", "old@example.com"
PAT = Draft(5, "Pat", (DraftEmail(NEW, NEW, 11),))
BOTH = Draft(5, "Pat", (DraftEmail(NEW, NEW, 11), DraftEmail(OLD, OLD, 12)))
KEEPS_OLD = Draft(5, "Pat", (DraftEmail(OLD, OLD, 12), DraftEmail(NEW, NEW, 11)))
SAME = PAT.digest()


def link(key: str = OLD, *, is_shared: bool = False) -> KnownLink:
    return KnownLink(5, key, CustomerState.LINKED, is_shared=is_shared)


def there(key: str = NEW, user_id: int = 1, *, owner: int | None = 5, digest: str = SAME) -> KnownUser:
    return KnownUser(key, UserState.LINKED, user_id, owner, digest, email=key)


def pending(key: str = NEW, user_id: int | None = None, *, is_in_flight: bool = False) -> KnownUser:
    return KnownUser(key, UserState.PENDING, user_id, 5, email=key, is_in_flight=is_in_flight)


def refused(owner: int = 5, digest: str = SAME) -> KnownUser:
    return KnownUser(NEW, UserState.REFUSED, None, owner, digest, why="The email must be valid.")


REFUSED = Skip(
    5, SkipReason.REFUSED, "The email must be valid.", "Correct the e-mail or the name in ServiceTitan.", NEW
)


@pytest.mark.parametrize(
    ("known", "users", "decided"),
    [
        pytest.param(None, [], Create(PAT), id="nobody knows the e-mail: create"),
        pytest.param(None, [pending()], Adopt(PAT), id="a create had no answer: look first"),
        pytest.param(None, [pending(is_in_flight=True)], Share(PAT), id="a create is under way: share what comes of it"),
        pytest.param(None, [there()], Unchanged(PAT, owns=True), id="there, as it is to be"),
        pytest.param(None, [there(digest="other")], Update(PAT, 1), id="there, with another name: change"),
        pytest.param(None, [there(owner=3, digest="other")], Unchanged(PAT, owns=False), id="named by a lower id: left"),
        pytest.param(None, [there(owner=9, digest="other")], Update(PAT, 1), id="named by a higher id: taken over"),
        pytest.param(None, [there(owner=None)], Unchanged(PAT, owns=True), id="named by nobody: taken over"),
        pytest.param(None, [pending(user_id=1)], Update(PAT, 1), id="a change had no answer: sent again"),
        pytest.param(None, [refused()], REFUSED, id="refused before, and nothing new: not sent"),
        pytest.param(None, [refused(digest="other")], Create(PAT), id="refused before, and something new: sent"),
        pytest.param(None, [refused(owner=3, digest="other")], REFUSED, id="refused, and named by a lower id: not sent"),
        pytest.param(link(), [there(OLD)], Update(PAT, 1, moved_from=OLD), id="e-mail changed: the person goes along"),
        pytest.param(link(is_shared=True), [there(OLD)], Create(PAT), id="e-mail changed, others stay: a new person"),
        pytest.param(link(is_shared=True), [there(OLD), there(NEW, 2)], Unchanged(PAT, owns=True),
                     id="e-mail changed to a known one, others stay: go by that"),
        pytest.param(link(), [there(OLD), there(NEW, 2)],
                     Conflict(PAT, 1, "Its new e-mail belongs to another person of the campaign, so it keeps the link of "
                              "its old one.", "Merge the two customers in ServiceTitan or correct one's e-mail; or delete "
                              "the person in Referral Factory that is not needed, which ends that person's link. Then "
                              "retry what is held."),
                     id="e-mail changed to another's: a person's question"),
        pytest.param(link(), [there(OLD), pending(NEW, 2, is_in_flight=True)], Later(PAT),
                     id="e-mail changed to one that is on its way: not yet"),
        pytest.param(link(), [there(OLD), refused()],
                     Skip(5, SkipReason.REFUSED, REFUSED.why, REFUSED.fix), id="e-mail changed to a refused one: keeps its link"),
        pytest.param(link(), [there(OLD), refused(digest="other")], Update(PAT, 1, moved_from=OLD),
                     id="e-mail changed to one that was refused under another name: tried"),
        pytest.param(link(), [pending(OLD, 1), pending(NEW, 1)], Update(PAT, 1, moved_from=OLD),
                     id="a change of e-mail had no answer: sent again"),
        pytest.param(link(), [pending(OLD)], Look(PAT, OLD, OLD), id="e-mail changed before the create was answered: look"),
        pytest.param(link(), [pending(OLD, is_in_flight=True)], Later(PAT), id="... while it is under way: not yet"),
        pytest.param(link(), [], Create(PAT), id="the old e-mail's person is gone: a new one"),
    ],
)  # fmt: skip
def test_what_is_known_decides(known: KnownLink | None, users: list[KnownUser], decided: Decision) -> None:
    """RF-30, RF-40, RF-D3, RF-S11."""
    assert decide_sync(PAT, known, {one.key: one for one in users}) == decided


def test_a_customer_with_several_emails_stays_with_the_one_it_goes_by() -> None:
    """RF-S11: a second e-mail, made earlier or gained by a merge, moves no link."""
    kept = there(OLD, digest=KEEPS_OLD.digest())
    assert decide_sync(BOTH, link(), {OLD: kept}) == Unchanged(KEEPS_OLD, owns=True)
    assert decide_sync(BOTH, None, {}) == Create(BOTH)
    assert decide_sync(BOTH, link("third@example.com"), {}) == Create(BOTH)


def test_who_is_left_out_is_left_out_whatever_is_known() -> None:
    """RF-30: nothing is deleted."""
    skip = Skip(5, SkipReason.INACTIVE, "The customer is inactive.")
    assert decide_sync(skip, link(), {OLD: there(OLD)}) is skip
