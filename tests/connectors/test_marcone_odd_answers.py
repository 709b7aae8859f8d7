"""Answers of Marcone an author would not think of; each seen from a server written by somebody else."""

from __future__ import annotations

from connectors.marcone.status import eta_of, order_rows, unread_eta


def test_a_wrapper_that_is_null_is_no_wrapper() -> None:
    """D4: orderResults null beside orderInformation with the order."""
    answer = {"orderResults": None, "orderInformation": [{"orderNumber": "7"}], "orders": None}
    assert order_rows(answer) == [{"orderNumber": "7"}]
    assert order_rows({"orderResults": None, "orderInformation": {"orderNumber": "7"}}) == [{"orderNumber": "7"}]
    assert order_rows({"orderResults": None}) == []


def test_a_date_one_cannot_read_is_told_apart_from_no_date() -> None:
    """FACTS section 9: beside it an estimate of ours would be a guess shown as fact."""
    assert (eta_of({"eta": "Dec 3, 2026"}, []), unread_eta({"eta": "Dec 3, 2026"}, [])) == (None, "Dec 3, 2026")
    assert unread_eta({"eta": None}, [{"eta": "TBD"}]) == ""
    assert unread_eta({"eta": "2026-12-03"}, []) == ""
