"""Plans over any song and any library: whole, on the beat, within the clips, explained, and the same again."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.sequence_planning.agent import STEP
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import MediaFacts, Options
from schemas.faults import Poison
from schemas.move_indexed import Move
from schemas.moves_scored import MovesScored
from schemas.sequence_planned import Plan, SequencePlanned
from streams.testing import event_after, work_of
from tests.unit.move_scoring.builders import make_analysis, make_move
from tests.unit.sequence_planning.builders import check, cuts, make_scores, plan_of

EIGHTS = [1, 2, 3, 4, 5, 6, 7, 8]
FULL = Options(duration="full")
MOVES = [make_move(number, eights=1 + number % 3, pickup=number % 2) for number in range(8)]


@st.composite
def songs(draw: st.DrawFn, least: int = 2) -> AudioAnalysis:
    """Partial phrases at both ends, breaks between, an uneven beat, silence before and after."""
    head, tail = draw(st.integers(0, 7)), draw(st.integers(0, 8))
    phrases = draw(st.lists(st.sampled_from([8, 8, 8, 8, 4, 6, 5, 2]), min_size=least, max_size=14))
    counts = [*range(9 - head, 9), *(count for size in phrases for count in range(1, size + 1)), *range(1, tail + 1)]
    tempo, seed = draw(st.floats(85, 175)), draw(st.integers(0, 2**20))
    wobble = draw(st.floats(0, 0.08))
    period, beats, moment = 60 / tempo, [], draw(st.sampled_from([0.0, 0.01, 0.2, 0.31, 1.7, 9.3]))
    for index in range(len(counts)):
        beats.append(round(moment, 4))
        moment += period * (1 + wobble * ((seed >> (index % 20)) % 3 - 1))
    tail_s = draw(st.sampled_from([0.001, 0.02, 0.1, 0.4, 0.7, 6.3]))
    return make_analysis(counts, tempo_bpm=tempo, beats=beats, tail_s=tail_s)


@st.composite
def libraries(draw: st.DrawFn) -> list[Move]:
    """One to eight clips of one to four eights, some cut right on their last beat, some without poses."""
    return [
        make_move(
            number,
            tempo_bpm=draw(st.floats(95, 160)),
            eights=draw(st.integers(1, 4)),
            pickup=draw(st.integers(0, 7)),
            over_s=draw(st.sampled_from([0.0, 0.03, 0.3, 2.0])),
            posed=draw(st.booleans()),
        )
        for number in range(draw(st.integers(1, 8)))
    ]


def usable(moves: list[Move]) -> list[Move]:
    """Clips cut on their last beat have one eight less, and a clip of one eight none: planning is not given those."""
    return [move for move in moves if len(move.eights) > 1 or move.clip.duration_s - move.beats[-1] > 0.1]


def on_one(song: AudioAnalysis, moment: float) -> bool:
    """Whether the moment is a count 1 of the song, or of its beat carried on beyond the beats found."""
    ones = {beat for beat, count in zip(song.beats, song.counts, strict=True) if count == 1}
    return moment in ones or not song.beats[0] <= moment <= song.beats[-1]


@settings(max_examples=120, deadline=None)
@given(song=songs(), moves=libraries().map(usable).filter(bool), seed=st.integers(0, 2**63 - 1))
def test_a_full_plan_covers_the_song(song: AudioAnalysis, moves: list[Move], seed: int) -> None:
    scores = make_scores(song, moves, seed % 1000)
    made = plan_of(scores, song, Options(duration="full", seed=seed))
    check(made, scores)
    assert made.start_s == 0.0
    assert made.end_s == song.duration_s
    assert all(on_one(song, cut) for cut in cuts(made))


@settings(max_examples=60, deadline=None)
@given(song=songs(least=1), moves=libraries().map(usable).filter(bool), asked=st.sampled_from(["30s", "1min"]))
def test_an_excerpt_is_as_long_as_asked_within_a_beat(song: AudioAnalysis, moves: list[Move], asked: Any) -> None:
    scores = make_scores(song, moves)
    made = plan_of(scores, song, Options(duration=asked))
    check(made, scores)
    start = song.beats[song.counts.index(1)]
    assert made.start_s == start
    length = min({"30s": 30.0, "1min": 60.0}[asked], song.duration_s - start)
    longest_beat = max(b - a for segment in made.segments for a, b in zip(segment.song_beats, segment.song_beats[1:]))  # noqa: B905
    assert made.end_s - made.start_s == pytest.approx(length, abs=longest_beat)
    assert all(on_one(song, cut) for cut in cuts(made))


@given(seconds=st.floats(61, 90), tempo=st.floats(90, 160))
@settings(max_examples=20, deadline=None)
def test_an_excerpt_of_a_long_song_ends_on_the_nearest_beat(seconds: float, tempo: float) -> None:
    song = make_analysis((EIGHTS * 40)[: int(seconds * tempo / 60)], tempo_bpm=tempo)
    made = plan_of(make_scores(song, MOVES), song, Options(duration="30s"))
    nearest = min(song.beats, key=lambda beat: abs(beat - song.beats[0] - 30))
    assert (made.start_s, made.end_s) == (song.beats[0], nearest)


@settings(max_examples=30, deadline=None)
@given(song=songs(), seed=st.integers(0, 100))
def test_the_same_inputs_give_the_same_bytes(song: AudioAnalysis, seed: int) -> None:
    options = Options(duration="full", seed=seed)
    one, two = (plan_of(make_scores(song, MOVES), song, options).model_dump_json() for _ in range(2))
    assert one == two


def test_the_order_of_candidates_does_not_matter() -> None:
    song = make_analysis(EIGHTS * 12)
    scores = make_scores(song, MOVES)
    turned = tuple(phrase.model_copy(update={"candidates": phrase.candidates[::-1]}) for phrase in scores.phrases)
    assert plan_of(scores, song, FULL) == plan_of(scores.model_copy(update={"phrases": turned}), song, FULL)


def test_another_seed_dances_equals_otherwise() -> None:
    song = make_analysis(EIGHTS * 12)
    moves = [make_move(number, posed=False, eights=1, tempo_bpm=125.0) for number in range(8)]
    scores = make_scores(song, moves)
    equal = tuple(
        phrase.model_copy(
            update={"candidates": tuple(c.model_copy(update={"score": 0.0, "terms": {}}) for c in phrase.candidates)}
        )
        for phrase in scores.phrases
    )
    scores = scores.model_copy(update={"phrases": equal})
    danced = {tuple(s.clip for s in plan_of(scores, song, Options(seed=seed)).segments) for seed in range(5)}
    assert len(danced) == 5


@settings(max_examples=40, deadline=None)
@given(head=st.integers(0, 7), tail=st.integers(0, 8), first_s=st.floats(0, 12), tail_s=st.floats(0.01, 5))
def test_counts_of_song_and_clip_are_one(head: int, tail: int, first_s: float, tail_s: float) -> None:
    counts = [*range(9 - head, 9), *EIGHTS * 4, *range(1, tail + 1)]
    song = make_analysis(counts, first_s=round(first_s, 3), tail_s=tail_s)
    scores = make_scores(song, MOVES)
    made = plan_of(scores, song, FULL)
    count_at = dict(zip(song.beats, song.counts, strict=True))
    met = 0
    for segment in made.segments:
        card = scores.moves[segment.clip_sha256]
        clip_count_at = dict(zip(card.beats, card.counts, strict=True))
        for song_beat, clip_beat in zip(segment.song_beats[:-1], segment.clip_beats[:-1], strict=True):
            if song_beat in count_at:
                assert count_at[song_beat] == clip_count_at[clip_beat]
                met += 1
    assert met >= len(counts) - 2, "only what joins a beat at either end may differ"


def test_half_a_beat_of_the_song_shows_half_a_beat_of_the_clip() -> None:
    song = make_analysis(EIGHTS * 3, tail_s=0.24)
    last = plan_of(make_scores(song, MOVES), song, FULL).segments[-1]
    shown = (last.clip_beats[-1] - last.clip_beats[-2]) / (last.clip_beats[-2] - last.clip_beats[-3])
    assert shown == pytest.approx(0.5, abs=0.02)


def test_a_break_shows_the_first_counts_and_the_one_begins_anew() -> None:
    song = make_analysis([*EIGHTS, 1, 2, 3, 4, *EIGHTS])
    moves = [make_move(number, eights=1) for number in range(4)]
    made = plan_of(make_scores(song, moves), song, Options(duration="30s"))
    assert [len(segment.song_beats) - 1 for segment in made.segments][:3] == [8, 4, 8]
    starts = {move.beats[0] for move in moves}
    assert all(segment.clip_start_s in starts for segment in made.segments)


def test_a_phrase_of_twelve_goes_on_in_the_clip_where_it_can() -> None:
    song = make_analysis([*EIGHTS, *range(1, 9), 5, 6, 7, 8, *EIGHTS])
    made = plan_of(make_scores(song, [make_move(1, eights=2), make_move(2, eights=2)]), song, Options(duration="30s"))
    assert all(on_one(song, cut) for cut in cuts(made))
    only_short = plan_of(make_scores(song, [make_move(1, eights=1)]), song, Options(duration="30s"))
    inner = [cut for cut in cuts(only_short) if not on_one(song, cut)]
    assert inner == [song.beats[16]], "on the count 5 after eight beats"


@settings(max_examples=30, deadline=None)
@given(counts=st.lists(st.integers(1, 8), min_size=2, max_size=80), asked=st.sampled_from(["30s", "1min", "full"]))
def test_counts_without_sense_are_danced_all_the_same(counts: list[int], asked: Any) -> None:
    song = make_analysis(counts)
    scores = make_scores(song, MOVES)
    check(plan_of(scores, song, Options(duration=asked)), scores)


def test_no_move_lasts_more_than_two_phrases() -> None:
    song = make_analysis(EIGHTS * 30)
    scores = make_scores(song, [make_move(number, eights=4, move=f"m{number % 3}") for number in range(6)])
    made = plan_of(scores, song, FULL)
    runs = [(move, sum(s.terms["phrases"] for s in run)) for move, run in groupby(made.segments, key=lambda s: s.move)]
    assert max(phrases for _, phrases in runs) <= 2
    assert {segment.clip for segment in made.segments} == {f"clip_{number}" for number in range(6)}


def test_going_on_in_a_clip_is_no_cut() -> None:
    song = make_analysis(EIGHTS * 6)
    made = plan_of(make_scores(song, [make_move(n, eights=2, move=f"m{n}") for n in range(5)]), song, FULL)
    assert any(len(segment.song_beats) > 10 for segment in made.segments)
    assert all(later.clip_sha256 != s.clip_sha256 or later.clip_start_s != s.clip_end_s
               for s, later in zip(made.segments, made.segments[1:], strict=False))  # fmt: skip


def test_the_nearer_pose_is_chosen() -> None:
    poses = [(0.0,) * 52, (0.1,) * 52, (1.5,) * 52]
    moves = []
    for number, (start, end) in enumerate(((0, 0), (1, 1), (2, 2))):
        move = make_move(number, eights=1, move=f"m{number}")
        eight = move.eights[0].model_copy(update={"start_pose": poses[start], "end_pose": poses[end]})
        moves.append(move.model_copy(update={"eights": (eight,)}))
    song = make_analysis([*EIGHTS, *EIGHTS], tail_s=0.01, first_s=0.0)
    scores = make_scores(song, moves)
    even = tuple(
        p.model_copy(update={"candidates": tuple(c.model_copy(update={"score": 0.0}) for c in p.candidates)})
        for p in scores.phrases
    )
    made = plan_of(scores.model_copy(update={"phrases": even}), song, FULL)
    assert {segment.clip for segment in made.segments} == {"clip_0", "clip_1"}
    assert made.segments[1].terms["transition"] == pytest.approx(-(2**0.5) * 0.1, abs=1e-3)


def test_a_song_without_beats_is_poison() -> None:
    song = make_analysis(EIGHTS)
    for beats in ((), (1.0,)):
        bare = song.model_copy(update={"beats": beats, "counts": (1,) * len(beats)})
        with pytest.raises(Poison) as caught:
            plan_of(make_scores(song, MOVES), bare, FULL)
        assert caught.value.reason == "no_beats"


def test_a_library_of_clips_too_short_is_poison() -> None:
    song = make_analysis(EIGHTS)
    short = make_move(1, eights=1)
    short = short.model_copy(update={"clip": short.clip.model_copy(update={"duration_s": 1.0})})
    with pytest.raises(Poison) as caught:
        plan_of(make_scores(song, [short]), song, FULL)
    assert caught.value.reason == "no_usable_moves"


def test_a_clip_cut_on_its_last_beat_keeps_its_last_eight() -> None:
    song = make_analysis(EIGHTS * 2)
    scores = make_scores(song, [make_move(1, eights=1, over_s=0.0)])
    check(plan_of(scores, song, FULL), scores)


def event(**options: Any) -> MovesScored:
    analysis = make_analysis(EIGHTS * 10)
    song = MediaFacts(sha256="a" * 64, size_bytes=1, kind="audio", format="mp3", codec="mp3", duration_s=60)
    scores = make_scores(analysis, MOVES)
    return MovesScored(
        request_id="r1", song=song, title="t", options=Options(**options), analysis=analysis, scores=scores
    )


def test_the_step_works_from_event_to_event() -> None:
    tools: Any = None
    before = event()
    result = work_of(STEP, before, tools)
    assert isinstance(result, Plan)
    after = event_after(STEP, before, result)
    assert SequencePlanned.model_validate_json(after.model_dump_json()) == after
    assert STEP.subject(before, result) == before.song.sha256
    assert STEP.depends_on(before, tools) == STEP.depends_on(event(quality="fast"), tools)
    assert STEP.depends_on(before, tools) != STEP.depends_on(event(seed=1), tools)
    assert STEP.depends_on(before, tools) != STEP.depends_on(event(duration="full"), tools)
