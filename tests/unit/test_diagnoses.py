"""What stands on the job no more: only a place that was read can say so."""

from __future__ import annotations

import pytest

from decisions.diagnoses import taken_out
from models.base import JobRef
from models.job import DiagnosedPart, Diagnoses, DiagnosisPlace

ESTIMATE = DiagnosisPlace(prefix="st/estimate/8812/item/", words="estimate 8812 (Dismissed)")
FIELD = DiagnosisPlace(prefix="st/job/5/field/", words='job 5, field "Part number"')


def page(*keys: str, places: tuple[DiagnosisPlace, ...] = (ESTIMATE, FIELD)) -> Diagnoses:
    parts = tuple(DiagnosedPart(job=JobRef("5"), source_key=key, source_words="", numbers=("A1",)) for key in keys)
    return Diagnoses(parts=parts, places=places)


@pytest.mark.parametrize(
    ("known", "read", "gone"),
    [
        pytest.param("st/estimate/8812/item/55", page("st/estimate/8812/item/55"), False, id="it stands there"),
        pytest.param(
            "st/estimate/8812/item/55", page("st/estimate/8812/item/56"), True, id="another item took its place"
        ),
        pytest.param("st/estimate/8812/item/55", page(), True, id="its estimate was dismissed"),
        pytest.param("st/estimate/88120/item/55", page(), False, id="its estimate was not read"),
        pytest.param("st/job/5/field/A1", page(), True, id="its field was emptied"),
        pytest.param("st/job/5/field/A1", page("st/job/5/field/B2"), True, id="its number was corrected"),
        pytest.param("st/job/5/field/A1", page(places=()), False, id="no place was read"),
        pytest.param("st/submission/7/1", page(), False, id="a form that was sent stays as it is"),
    ],
)
def test_what_was_taken_off_the_job(known: str, read: Diagnoses, gone: bool) -> None:
    """PL-12, PL-13: a part that is diagnosed no more is not ordered; one nobody looked for stays."""
    assert set(taken_out([known], read)) == ({known} if gone else set())


def test_the_reason_names_the_place() -> None:
    """PL-59: people on the job see why its question ended."""
    assert taken_out(["st/estimate/8812/item/55"], page()) == {
        "st/estimate/8812/item/55": "The part stands no longer in estimate 8812 (Dismissed)."
    }
