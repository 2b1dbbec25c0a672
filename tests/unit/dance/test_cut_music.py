"""Songs cut to a length, where the same music meets."""

from __future__ import annotations

import itertools

import pytest

from agents.dance.cut_music import cut_analysis, heard_music, music_parts
from agents.dance.danced_music import danced_music
from agents.dance.music import Request
from agents.dance.rules import default_rules
from agents.move_scoring.phrases import cut_phrases
from schemas.audio_analyzed import Accent, AudioAnalysis, Section
from schemas.base import Options
from schemas.sequence_planned import MusicPart
from tests.unit.move_scoring.builders import make_analysis, make_move
from tests.unit.sequence_planning.builders import check, make_scores, plan_of

EIGHTS = [1, 2, 3, 4, 5, 6, 7, 8]
EIGHT_S = 8 * 0.48
FORM = "AABBCCAABBDD"  # four eights for each letter


def song(form: str = FORM) -> AudioAnalysis:
    """Return a song of parts of four eights, 184 s by default; a section for each letter that follows another one."""
    plain = make_analysis(EIGHTS * 4 * len(form), first_s=0.0, tail_s=0.48)
    starts = [n for n, letter in enumerate(form) if letter != form[n - 1 : n]]
    sections = [
        Section.model_validate(
            {
                "start_s": start * 4 * EIGHT_S,
                "end_s": end * 4 * EIGHT_S,
                "label": "verse",
                "rhythm": "derecho",
                "repeat_group": ord(form[start]) - ord("A"),
            }
        )
        for start, end in itertools.pairwise([*starts, len(form)])
    ]
    accents = (Accent(time_s=plain.beats[-8], strength=0.9),)
    return plain.model_copy(update={"sections": tuple(sections), "accents": accents})


@pytest.mark.parametrize("length_s", [62.0, 92.0, 107.0, 155.0])
def test_a_song_is_cut_to_about_a_length_on_counts_1_of_the_same_music(length_s: float) -> None:
    whole = song()
    parts = music_parts(whole, length_s)
    assert len(parts) in {2, 3}
    assert sum(part.length_s for part in parts) == pytest.approx(length_s, abs=2 * EIGHT_S)
    assert (parts[0].start_s, parts[-1].end_s) == (0.0, whole.duration_s)
    for before, after in itertools.pairwise(parts):
        left, resumed = whole.beats.index(before.end_s), whole.beats.index(after.start_s)
        assert whole.counts[left] == whole.counts[resumed] == 1
        assert FORM[left // 32 :][:1] == FORM[resumed // 32 :][:1]
        assert (left % 32) == (resumed % 32), "at the same place of a block of four eights"


def test_a_song_without_such_joins_or_that_is_short_enough_is_not_cut() -> None:
    different = tuple(section.model_copy(update={"repeat_group": n}) for n, section in enumerate(song().sections))
    assert music_parts(song().model_copy(update={"sections": different}), 90.0) == ()
    assert music_parts(song(), 200.0) == ()


def test_a_song_without_sections_is_not_cut() -> None:
    """Nothing tells where the same music comes again."""
    assert music_parts(song().model_copy(update={"sections": ()}), 90.0) == ()


@pytest.mark.parametrize("length_s", range(46, 170, 4))
def test_each_part_of_a_cut_song_has_four_phrases_at_least(length_s: int) -> None:
    """A few seconds of a song between two cuts are no music to dance to."""
    parts = music_parts(song("AABBAABBCCAADD"), length_s)
    assert parts
    assert all(part.length_s > 3.9 * EIGHT_S for part in parts)


def test_two_joins_are_found_behind_a_long_section() -> None:
    """The long one has more joins, all of them worse, than pairs are tried of."""
    form = "A" * 16 + "BBCCBBDDEEFFEE"
    whole = song(form)
    parts = music_parts(whole, whole.duration_s - 32 * EIGHT_S)
    assert sum(part.length_s for part in parts) == pytest.approx(whole.duration_s - 32 * EIGHT_S)
    assert [form[round(part.start_s / EIGHT_S / 4 - 0.5)] for part in parts[1:]] == ["B", "E"]


def test_the_times_of_a_cut_song_run_on() -> None:
    whole = song()
    parts = (MusicPart(start_s=0.0, end_s=8 * EIGHT_S), MusicPart(start_s=24 * EIGHT_S, end_s=whole.duration_s))
    cut = cut_analysis(whole, parts)
    assert AudioAnalysis.model_validate_json(cut.model_dump_json()) == cut
    assert cut.duration_s == pytest.approx(whole.duration_s - 16 * EIGHT_S)
    assert len(cut.beats) == len(cut.counts) == len(cut.energy) == len(whole.beats) - 16 * 8
    assert all(
        after - before == pytest.approx(0.48, abs=1e-3) for before, after in zip(cut.beats, cut.beats[1:], strict=False)
    )
    assert cut.counts == tuple(EIGHTS * (len(cut.counts) // 8))
    assert [section.repeat_group for section in cut.sections] == [0, 1, 3]
    assert [section.start_s for section in cut.sections] == pytest.approx([0.0, 16 * EIGHT_S, 24 * EIGHT_S])
    assert cut.accents[0].time_s == pytest.approx(whole.accents[0].time_s - 16 * EIGHT_S)


def test_the_slots_of_a_cut_song_have_the_phrases_of_the_whole_song_that_are_heard() -> None:
    whole = song()
    phrases = cut_phrases(whole)
    asked = Request.of(Options(length_s=92.0, cut_music=True), default_rules())
    heard, slots, music = danced_music(whole, phrases, asked)
    starts = [whole.beats[phrases[slot.phrase].start_beat] for slot in slots]
    heard_ones = [one for one in whole.beats[::8] if any(part.start_s <= one < part.end_s for part in heard.parts)]
    assert starts == heard_ones
    assert len(slots) < len(phrases)
    assert len(music) == len(slots)
    assert [slot.times[0] for slot in slots] == pytest.approx(heard.analysis.beats[::8])


def test_a_dance_to_a_cut_song_has_no_gap_and_ends_with_the_song() -> None:
    options = Options(length_s=92.0, cut_music=True)
    scores = make_scores(song(), [make_move(number, eights=2, move=f"m{number}") for number in range(8)])
    plan = plan_of(scores, song(), options)
    check(plan, scores)
    heard_s = sum(part.length_s for part in plan.music)
    assert heard_s == pytest.approx(92.0, abs=2 * EIGHT_S)
    assert plan.end_s - plan.start_s == pytest.approx(heard_s)
    assert heard_music(song(), Options(length_s=92.0)).parts == ()
