"""Scoring with the real index: phrases cover the song, every phrase has moves, and the better move ranks first."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.dance.parts import Part, parts_of
from agents.dance.slot_faults import SLOT_RULES
from agents.move_scoring.agent import STEP
from agents.move_scoring.phrases import cut_phrases
from agents.playable import COUNT_SURE, has_unsure_one, playable_runs, usable_eights
from agents.step import Tools
from infra.move_index import MoveIndex
from infra.move_index.edge import EdgeMoveIndex
from schemas.audio_analyzed import AudioAnalyzed, Section
from schemas.base import MediaFacts, Options
from schemas.faults import Poison, Retryable
from schemas.look import Look
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import Eight, Move, MoveSummary
from schemas.moves_scored import MovesScored, Scores
from streams.testing import tools_below, work_of
from tests.qdrant_in_memory import IN_MEMORY
from tests.unit.move_scoring.builders import (
    CompleteStore,
    make_analysis,
    make_danced_library,
    make_index,
    make_library,
    make_move,
    make_song,
    score_of,
)

pytestmark = IN_MEMORY
EIGHTS = [1, 2, 3, 4, 5, 6, 7, 8] * 3
ANY = Options(difficulty="advanced")


def names(scores: Scores, phrase: int = 0) -> list[str]:
    return [scores.moves[candidate.clip_sha256].name for candidate in scores.phrases[phrase].candidates]


@pytest.fixture(scope="module")
def large_index(tmp_path_factory: pytest.TempPathFactory) -> MoveIndex:
    index = EdgeMoveIndex(tmp_path_factory.mktemp("library") / "edge")
    for move in make_library(300):
        index.upsert(move)
    return index


@given(counts=st.lists(st.integers(1, 8), min_size=2, max_size=60))
def test_phrases_cover_every_beat_and_begin_on_one(counts: list[int]) -> None:
    spans = cut_phrases(make_analysis(counts))
    assert [spans[0].start_beat, spans[-1].end_beat] == [0, len(counts)]
    assert all(before.end_beat == after.start_beat for before, after in itertools.pairwise(spans))
    assert all(counts[span.start_beat] == 1 for span in spans[1:])
    assert sum(1 for count in counts if count == 1) == len(spans) - (counts[0] != 1)


def test_partial_phrases_and_breaks_are_separate_phrases() -> None:
    spans = cut_phrases(make_analysis([7, 8, *EIGHTS[:8], 1, 2, 3, 4, *EIGHTS[:8], 1, 2]))
    assert [(span.start_beat, span.end_beat) for span in spans] == [(0, 2), (2, 10), (10, 14), (14, 22), (22, 24)]


def test_a_phrase_has_its_own_tempo_energy_and_section() -> None:
    beats = [1 + 0.5 * index for index in range(9)] + [5 + 0.4 * index for index in range(1, 9)]
    sections = (
        Section(start_s=0.0, end_s=5.0, label="verse", rhythm="derecho"),
        Section(start_s=5.0, end_s=10.0, label="mambo", rhythm="mambo"),
    )
    analysis = make_analysis([*EIGHTS[:16], 1], beats=beats, energy=[0.2] * 8 + [0.8] * 9, sections=sections)
    slow, fast, _ = cut_phrases(analysis)
    assert (slow.tempo_bpm, fast.tempo_bpm) == pytest.approx((120, 150))
    assert (slow.energy, fast.energy) == pytest.approx((0.2, 0.8))
    assert (slow.section, slow.rhythm, fast.section, fast.label) == (0, "derecho", 1, "mambo")


def test_a_song_without_beats_is_refused(large_index: MoveIndex) -> None:
    with pytest.raises(Poison) as caught:
        score_of(make_analysis([1]), ANY, large_index)
    assert caught.value.reason == "no_beats"


def test_an_empty_library_is_refused_with_the_command_to_index() -> None:
    with pytest.raises(Poison, match="bachata index FOLDER") as caught:
        score_of(make_analysis(EIGHTS), ANY, make_index([]))
    assert caught.value.reason == "empty_library"


def test_a_library_without_a_whole_eight_is_refused() -> None:
    with pytest.raises(Poison) as caught:
        score_of(make_analysis(EIGHTS), ANY, make_index([make_move(number, eights=0) for number in range(5)]))
    assert caught.value.reason == "no_usable_moves"


def test_scores_are_the_sums_of_their_terms_in_descending_order(large_index: MoveIndex) -> None:
    scores = score_of(make_song(60), Options(), large_index)
    for phrase in scores.phrases:
        assert 1 <= len(phrase.candidates) <= 12
        assert set(phrase.candidates[0].terms) <= set(SLOT_RULES)
        for candidate in phrase.candidates:
            assert candidate.score == pytest.approx(sum(candidate.terms.values()), abs=1e-9)
        assert [c.score for c in phrase.candidates] == sorted((c.score for c in phrase.candidates), reverse=True)
    assert set(scores.moves) == {c.clip_sha256 for phrase in scores.phrases for c in phrase.candidates}
    assert all(usable_eights(move) for move in scores.moves.values())
    assert scores.library_version == large_index.version()


def test_the_same_inputs_give_the_same_bytes(large_index: MoveIndex) -> None:
    one, two = (score_of(make_song(60), Options(), large_index).model_dump_json() for _ in range(2))
    assert one == two


def test_a_large_library_has_moves_within_the_requested_limits(large_index: MoveIndex) -> None:
    scores = score_of(make_song(120), Options(difficulty="intermediate"), large_index)
    assert all(move.difficulty != "advanced" for move in scores.moves.values())
    assert all(abs(move.tempo_bpm / 125 - 1) <= 0.12 + 1e-9 for move in scores.moves.values())


def test_scores_have_what_a_plan_uses_of_a_move_and_no_more() -> None:
    library = [move.model_copy(update={"look": Look(room=(0.5,) * 160)}) for move in make_danced_library(8, couples=1)]
    moves = {move.clip.sha256: move for move in library}
    scores = score_of(make_song(120), ANY, make_index(library))
    assert scores.moves
    for clip, found in scores.moves.items():
        move = moves[clip]
        assert (found.look, found.motion, found.judged) == (None, None, None)
        assert (found.beats, found.counts, found.annotation) == (move.beats, move.counts, move.annotation)
        assert [eight.content for eight in found.eights] == [eight.content for eight in move.eights]
        rows = [Part(clip, eight.start_beat, eight.start_beat + beats) for eight in move.eights for beats in (4, 8)]
        whole, left = parts_of(rows, moves, {}), parts_of(rows, scores.moves, {})
        for states, same in ((whole.starts, left.starts), (whole.ends, left.ends)):
            for name, values in vars(states).items():
                assert np.array_equal(values, vars(same)[name], equal_nan=True)


def test_twenty_candidates_of_ten_minutes_each_fit_into_an_event() -> None:
    eights = 150
    library = [make_move(number, eights=eights, tempo_bpm=125.0 + number / 50) for number in range(60)]
    states = make_danced_library(1, couples=1)[0].boundaries[0]
    whole = [
        move.model_copy(
            update={"boundaries": tuple(states.model_copy(update={"beat": 4 * n}) for n in range(2 * eights + 1))}
        )
        for move in library
    ]
    scores = score_of(make_song(240), Options(quality="high_quality", difficulty="advanced"), make_index(whole))
    assert {len(phrase.candidates) for phrase in scores.phrases} == {20}
    assert all(len(move.eights) == 8 for move in scores.moves.values())
    assert len(scores.model_dump_json()) < 2_000_000


def move_with(**properties: Any) -> Callable[[int], Move]:
    return lambda number: make_move(number, **properties)


@pytest.mark.parametrize(
    ("better", "other"),
    [
        (move_with(tempo_bpm=126), move_with(tempo_bpm=137)),
        (move_with(tempo_bpm=126), move_with(tempo_bpm=114)),
        (move_with(energy="medium"), move_with(energy="high")),
        (move_with(difficulty="intermediate"), move_with(difficulty="beginner")),
        (move_with(difficulty="beginner"), move_with(difficulty="advanced")),
    ],
    ids=["not faster", "not slower", "energy", "of the requested difficulty", "not more difficult"],
)
def test_the_better_fit_is_first(better: Callable[[int], Move], other: Callable[[int], Move]) -> None:
    same_sound = make_move(7).embedding
    first, second = (
        make(number).model_copy(update={"embedding": same_sound, "move": "x", "category": "x", "name": name})
        for make, number, name in ((other, 1, "other"), (better, 2, "better"))
    )
    scores = score_of(make_analysis(EIGHTS), Options(), make_index([first, second]))
    assert names(scores)[0] == "better"


def test_the_more_similar_music_is_first() -> None:
    analysis = make_analysis(EIGHTS)
    similar = (*(0.0,) * 384, *analysis.embedding)
    moves = [make_move(0), make_move(7).model_copy(update={"embedding": similar, "name": "similar"}), make_move(14)]
    assert names(score_of(analysis, Options(), make_index(moves)))[0] == "similar"


def test_a_break_prefers_moves_without_steps() -> None:
    section = Section(start_s=0, end_s=13, label="break", rhythm="none")
    moves = [
        make_move(number, posed=False).model_copy(update={"embedding": make_move(0).embedding}) for number in range(7)
    ]
    scores = score_of(make_analysis(EIGHTS, sections=(section,)), Options(), make_index(moves))
    assert set(names(scores)[:2]) == {"clip_3", "clip_4"}, "the dip and the body roll"


def test_a_requested_energy_is_preferred() -> None:
    library = make_index([make_move(number, energy=("low", "medium", "high")[number % 3]) for number in range(30)])
    for energy in ("low", "high"):
        scores = score_of(make_analysis(EIGHTS), Options(energy=energy), library)
        assert scores.moves[scores.phrases[0].candidates[0].clip_sha256].energy == energy


@pytest.mark.parametrize(
    "only",
    [
        make_move(1, tempo_bpm=70.0),
        make_move(1, difficulty="advanced"),
        make_move(1, energy="high"),
        make_move(1, tempo_bpm=200.0, difficulty="advanced", energy="high", eights=1),
    ],
    ids=["distant tempo", "too difficult", "other energy", "all of them"],
)
def test_every_phrase_has_a_move(only: Move) -> None:
    analysis = make_analysis(EIGHTS, energy=[0.1] * len(EIGHTS))
    scores = score_of(analysis, Options(difficulty="beginner"), make_index([only]))
    assert all(names(scores, phrase) == [only.name] for phrase in range(3))


def test_a_usable_move_is_found_after_many_unusable_ones() -> None:
    analysis = make_analysis(EIGHTS)
    opposite = (*(0.0,) * 384, *(-value for value in analysis.embedding))
    unusable = [make_move(number, eights=0) for number in range(150)]
    last = make_move(999, tempo_bpm=60.0, difficulty="advanced").model_copy(update={"embedding": opposite})
    assert names(score_of(analysis, Options(difficulty="beginner"), make_index([*unusable, last]))) == ["clip_999"]


def test_a_sure_clip_is_before_an_unsure_one_that_fits_better_in_all_else() -> None:
    sound = {"embedding": make_move(7).embedding}
    unsure = make_move(1, count_confidence=0.5).model_copy(update=sound)
    sure = make_move(2, tempo_bpm=112, energy="high", count_confidence=COUNT_SURE).model_copy(update=sound)
    scores = score_of(make_analysis(EIGHTS), Options(difficulty="beginner"), make_index([unsure, sure]))
    assert names(scores) == ["clip_2", "clip_1"]
    assert ["unsure_one" in candidate.terms for candidate in scores.phrases[0].candidates] == [False, True]


def test_unsure_clips_do_not_crowd_out_sure_ones() -> None:
    analysis = make_analysis(EIGHTS)
    similar, opposite = ((*(0.0,) * 384, *(sign * value for value in analysis.embedding)) for sign in (1, -1))
    unsure = [
        make_move(number, count_confidence=0.4).model_copy(update={"embedding": similar}) for number in range(100)
    ]
    sure = [make_move(200 + number, count_confidence=0.95) for number in range(3)]
    far = [move.model_copy(update={"embedding": opposite}) for move in sure]
    scores = score_of(analysis, Options(difficulty="beginner"), make_index([*unsure, *far]))
    assert sorted(names(scores)[:3]) == ["clip_200", "clip_201", "clip_202"]


def test_a_move_of_an_earlier_version_counts_as_sure_and_one_whose_annotated_one_is_not_its_one_as_unsure() -> None:
    assert not has_unsure_one(make_move(1))
    assert has_unsure_one(make_move(1, count_confidence=0.79))
    move = make_move(1, count_confidence=1.0)
    for beat, is_unsure in ((0, False), (4, True), (8, False)):
        annotation = MoveAnnotation(first_one_s=move.beats[beat] + 0.1)
        assert has_unsure_one(move.annotated(annotation)) == is_unsure


def test_more_difficult_moves_are_used_only_without_others() -> None:
    easy = [make_move(number, tempo_bpm=90 + 10 * number) for number in range(6)]
    library = make_index([*easy, make_move(50, difficulty="advanced")])
    assert "clip_50" not in names(score_of(make_analysis(EIGHTS), Options(difficulty="beginner"), library))


class GrowingIndex(EdgeMoveIndex):
    """An index that changes while it is read: each time it gets one move of `pending`."""

    pending: tuple[Move, ...] = ()

    def read(self, clips: Sequence[str]) -> list[Move]:
        """Read, then add a move."""
        moves = super().read(clips)
        self.upsert(*self.pending[:1])
        self.pending = self.pending[1:]
        return moves


def test_scoring_a_library_that_changes_meanwhile_can_be_retried(tmp_path: Path) -> None:
    index = GrowingIndex(tmp_path / "edge")
    index.upsert(make_move(1))
    index.pending = (make_move(2),)
    with pytest.raises(Retryable) as caught:
        score_of(make_analysis(EIGHTS), Options(), index)
    assert caught.value.reason == "library_changed"
    assert score_of(make_analysis(EIGHTS), Options(), index).library_version == index.version()
    index.close()


class CountingIndex(EdgeMoveIndex):
    """An index that records which clips are read, and how many at once."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.reads: list[int] = []

    def read(self, clips: Sequence[str]) -> list[Move]:
        """Record the read, and read."""
        self.reads.append(len(clips))
        return super().read(clips)


def test_a_library_is_read_once_and_then_only_what_changed_and_what_is_named(tmp_path: Path) -> None:
    index = CountingIndex(tmp_path / "edge")
    index.upsert(*make_library(300))
    named = len(score_of(make_song(60), ANY, index).moves)
    assert sum(index.reads) == 300 + named
    index.reads.clear()
    named = len(score_of(make_song(90), ANY, index).moves)
    assert index.reads == [named]
    index.reads.clear()
    index.upsert(make_move(5000), make_move(7).model_copy(update={"energy": "high"}))
    named = len(score_of(make_song(90), ANY, index).moves)
    assert index.reads == [2, named]
    index.close()


@given(over_s=st.floats(0, 2), fps=st.sampled_from([None, 10.0, 30.0, 59.94]), eights=st.integers(1, 3))
def test_no_frame_beyond_the_clip_is_used(over_s: float, fps: float | None, eights: int) -> None:
    move = make_move(1, eights=eights, over_s=over_s)
    move = move.model_copy(update={"clip": move.clip.model_copy(update={"fps": fps})})
    (run,) = playable_runs(move)
    beats = run.beats
    assert beats[-1] <= move.clip.duration_s - 2 / (fps or 25.0) + 1e-9
    assert beats[:-1] == move.beats[: len(beats) - 1]
    assert all(earlier < later for earlier, later in itertools.pairwise(beats))
    if over_s >= 0.2:
        assert len(usable_eights(move)) == eights


def event(**options: Any) -> AudioAnalyzed:
    song = MediaFacts(sha256="a" * 64, size_bytes=1, kind="audio", format="mp3", codec="mp3", duration_s=60)
    return AudioAnalyzed(request_id="r1", song=song, title="t", options=Options(**options), analysis=make_song(60))


def make_tools(library: MoveIndex | None, folder: Path) -> Tools:
    return tools_below(folder, media=CompleteStore(folder), library=library)


def test_the_step_works_from_event_to_event(large_index: MoveIndex, tmp_path: Path) -> None:
    tools, before = make_tools(large_index, tmp_path), event()
    scores = work_of(STEP, before, tools)
    after = STEP.event_after(before, scores)
    assert MovesScored.model_validate_json(after.model_dump_json()) == after
    assert (after.analysis, after.song, after.request_id) == (before.analysis, before.song, "r1")
    assert STEP.subject(before, scores) == before.song.sha256


def test_the_cache_key_covers_analysis_options_and_library(tmp_path: Path) -> None:
    library = make_index(make_library(3))
    tools = make_tools(library, tmp_path)
    expected = STEP.depends_on(event(), tools)
    assert expected == STEP.depends_on(event(seed=3, alternative=2), tools)
    assert expected != STEP.depends_on(event(quality="fast"), tools)
    assert expected != STEP.depends_on(event(difficulty="beginner"), tools)
    assert expected != STEP.depends_on(event(energy="high"), tools)
    other_analysis = event().analysis.model_copy(update={"confidence": 0.1})
    assert expected != STEP.depends_on(event().model_copy(update={"analysis": other_analysis}), tools)
    library.upsert(make_move(77))
    assert expected != STEP.depends_on(event(), tools)


def test_scoring_without_a_library_can_be_retried(tmp_path: Path) -> None:
    with pytest.raises(Retryable):
        work_of(STEP, event(), make_tools(None, tmp_path))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seconds=st.integers(3, 200), tempo=st.floats(80, 200), energy=st.sampled_from([None, "low", "medium", "high"]))
def test_any_song_is_scored_completely(large_index: MoveIndex, seconds: int, tempo: float, energy: Any) -> None:
    analysis = make_song(seconds, tempo)
    scores = score_of(analysis, Options(energy=energy), large_index)
    assert scores.phrases[0].start_beat == 0
    assert scores.phrases[-1].end_beat == len(analysis.beats)
    assert all(len(phrase.candidates) == 12 for phrase in scores.phrases)


def test_a_move_whose_clip_is_not_in_the_media_store_is_left_out_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = make_library(40)
    tools = make_tools(make_index(library), tmp_path)
    missing = {move.clip.sha256 for move in library if move.clip.sha256 not in {library[3].clip.sha256}}
    monkeypatch.setattr(CompleteStore, "lacks", missing)
    scores = work_of(STEP, event(), tools)
    assert set(scores.moves) == {library[3].clip.sha256}
    assert "index them again" in STEP.event_after(event(), scores).warnings[0]
    assert STEP.is_valid(scores, tools)
    monkeypatch.setattr(CompleteStore, "lacks", set())
    assert not STEP.is_valid(scores, tools), "the clips are back"
    whole = work_of(STEP, event(), tools)
    assert not whole.warnings
    assert STEP.is_valid(whole, tools)
    monkeypatch.setattr(CompleteStore, "lacks", set(whole.moves))
    assert not STEP.is_valid(whole, tools)
    monkeypatch.setattr(CompleteStore, "lacks", {move.clip.sha256 for move in library})
    with pytest.raises(Poison, match="lacks the clips"):
        work_of(STEP, event(), tools)


def test_a_move_whose_eights_are_not_in_its_picture_is_left_out_with_a_warning() -> None:
    moves = [make_move(number) for number in range(6)]
    cut = moves[1].clip.model_copy(update={"duration_s": 3.0})
    index = make_index([moves[0], moves[1].model_copy(update={"clip": cut}), *moves[2:]])
    scores = score_of(make_song(20), Options(), index)
    assert set(names(scores)) == {f"clip_{number}" for number in (0, 2, 3, 4, 5)}
    assert scores.warnings == ("the eights of these moves are not in their pictures, index them again: clip_1",)


def test_a_move_whose_facts_cannot_be_used_is_left_out_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def usable_or_raise(move: MoveSummary) -> tuple[Eight, ...]:
        return move.eights if move.name != "clip_1" else (move.eights[len(move.beats)],)

    monkeypatch.setattr("agents.move_scoring.move_arrays.usable_eights", usable_or_raise)
    scores = score_of(make_song(20), Options(), make_index([make_move(number) for number in range(6)]))
    assert set(names(scores)) == {f"clip_{number}" for number in (0, 2, 3, 4, 5)}
    assert scores.warnings == ("the eights of these moves are not in their pictures, index them again: clip_1",)
    assert "IndexError" in caplog.text


def test_moves_that_cannot_be_read_never_hide_those_that_can(tmp_path: Path) -> None:
    """Some hundred of them may be nearer to the song than the only good move."""
    index = EdgeMoveIndex(tmp_path / "edge")
    song = make_analysis(EIGHTS)
    nearest = (*(0.0,) * 384, *song.embedding)
    for number in range(300):
        bad = make_move(number + 1).model_copy(update={"embedding": nearest, "beats": (3.0, 2.0, 1.0)})
        index.upsert(bad)
    index.upsert(make_move(0))
    scores = score_of(song, Options(), index)
    assert names(scores) == ["clip_0"]
    assert scores.warnings == ("moves of the library that cannot be read, see the worker's log: 300",)
    assert index.remove(make_move(1).clip.sha256)
    assert index.unreadable() == 299
    index.close()
