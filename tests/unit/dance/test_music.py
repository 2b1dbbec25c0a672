"""The music of a dance."""

from __future__ import annotations

import pytest

from agents.dance.music import section_at
from schemas.audio_analyzed import Section

SECTIONS = tuple(
    Section.model_validate({"start_s": start, "end_s": start + 10.0, "label": label, "rhythm": "derecho"})
    for start, label in ((5.0, "verse"), (15.0, "chorus"), (25.0, "outro"))
)


@pytest.mark.parametrize(("time_s", "number"), [(0.0, 0), (5.0, 0), (14.9, 0), (15.0, 1), (24.9, 1), (99.0, 2)])
def test_a_time_is_in_the_section_that_began_last(time_s: float, number: int) -> None:
    assert section_at(SECTIONS, time_s) == (number, SECTIONS[number])


def test_a_song_without_sections_has_none() -> None:
    assert section_at((), 3.0) == (0, None)
