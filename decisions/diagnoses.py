"""What a technician took off a job again: the places that were read whole against what was found there before. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from models.job import Diagnoses


def taken_out(known: Iterable[str], page: Diagnoses) -> dict[str, str]:
    """Return the keys of earlier diagnoses that stand on the job no more, each with the reason for people.

    A place that was not read says nothing about its parts: they stay. Source: CHECKLIST PL-12, PL-13.
    """
    standing = {part.source_key for part in page.parts}
    gone = {}
    for key in known:
        place = next((place for place in page.places if key.startswith(place.prefix)), None)
        if place is not None and key not in standing:
            gone[key] = f"The part stands no longer in {place.words}."
    return gone
