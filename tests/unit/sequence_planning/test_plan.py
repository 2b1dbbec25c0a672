"""Plans for any song and library: complete, on the beat, within the clips, with their terms, and reproducible."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.dance.dance_grid import dance_grid_of
from agents.dance.danced_music import danced_music
from agents.dance.judge import Fault, judge
from agents.dance.music import Request
from agents.dance.parts import Part, parts_of
from agents.dance.rules import default_rules
from agents.move_scoring.phrases import cut_phrases
from agents.sequence_planning.agent import STEP
from agents.sequence_planning.segments import Dance, segments_of
from schemas.audio_analyzed import Accent, AudioAnalysis
from schemas.base import MediaFacts, Options
from schemas.boundary import EightContent
from schemas.faults import Poison
from schemas.limits import MAX_TERMS
from schemas.move_indexed import Move
from schemas.moves_scored import MovesScored, Scores
from schemas.sequence_planned import Plan, SequencePlanned
from streams.testing import work_of
from tests.unit.move_scoring.builders import make_analysis, make_index, make_move, score_of
from tests.unit.sequence_planning.builders import check, cuts, make_scores, plan_of

pytestmark = [  # of Qdrant's local mode, each once for a process
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant:UserWarning"),
    pytest.mark.filterwarnings("ignore:Local mode performs exact:UserWarning"),
]

EIGHTS = [1, 2, 3, 4, 5, 6, 7, 8]
FULL = Options(duration="full")
SURPLUS = [  # phrases of 9 to 11 beats: surplus beats of a bar repeat its last count
    [1, 2, 3, 4, *[4] * first, 5, 6, 7, 8, *[8] * second]
    for first, second in ((0, 1), (1, 0), (0, 2), (2, 0), (1, 1), (0, 3), (3, 0), (1, 2))
]
MOVES = [make_move(number, eights=1 + number % 3, pickup=number % 2) for number in range(8)]


@st.composite
def songs(draw: st.DrawFn, min_phrases: int = 2) -> AudioAnalysis:
    """Draw songs with partial phrases at both ends, breaks and surplus beats, and silence before and after."""
    head, tail = draw(st.integers(0, 7)), draw(st.integers(0, 8))
    kinds = [*[EIGHTS] * 8, *(EIGHTS[:size] for size in (4, 4, 6, 6, 5, 2)), *SURPLUS]
    phrases = draw(st.lists(st.sampled_from(kinds), min_size=min_phrases, max_size=14))
    counts = [*range(9 - head, 9), *(count for phrase in phrases for count in phrase), *range(1, tail + 1)]
    tempo, seed = draw(st.floats(85, 175)), draw(st.integers(0, 2**20))
    deviation = draw(st.floats(0, 0.08))
    period, beats, time_s = 60 / tempo, [], draw(st.sampled_from([0.0, 0.01, 0.2, 0.31, 1.7, 9.3]))
    for index in range(len(counts)):
        beats.append(round(time_s, 4))
        time_s += period * (1 + deviation * ((seed >> (index % 20)) % 3 - 1))
    tail_s = draw(st.sampled_from([0.001, 0.02, 0.1, 0.4, 0.7, 6.3]))
    return make_analysis(counts, tempo_bpm=tempo, beats=beats, tail_s=tail_s)


@st.composite
def libraries(draw: st.DrawFn) -> list[Move]:
    """Draw one to eight clips of one to four eights, some that end on their last beat, some without poses."""
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
    """Return the clips with a usable eight: scoring passes no others to planning.

    A clip that ends on its last beat has one usable eight less, so a clip of one eight has none.
    """
    return [move for move in moves if len(move.eights) > 1 or move.clip.duration_s - move.beats[-1] > 0.1]


def is_on_one(song: AudioAnalysis, time_s: float) -> bool:
    """Return whether the time is a count 1 of the song, or before or after its detected beats."""
    ones = {beat for beat, count in zip(song.beats, song.counts, strict=True) if count == 1}
    return time_s in ones or not song.beats[0] <= time_s <= song.beats[-1]


@settings(max_examples=120, deadline=None)
@given(song=songs(), moves=libraries().map(usable).filter(bool), seed=st.integers(0, 2**63 - 1))
def test_a_full_plan_covers_the_song(song: AudioAnalysis, moves: list[Move], seed: int) -> None:
    scores = make_scores(song, moves, seed % 1000)
    result = plan_of(scores, song, Options(duration="full", seed=seed))
    check(result, scores)
    assert result.start_s == 0.0
    assert result.end_s == song.duration_s
    assert all(is_on_one(song, cut) for cut in cuts(result))


@settings(max_examples=60, deadline=None)
@given(song=songs(min_phrases=1), moves=libraries().map(usable).filter(bool), duration=st.sampled_from(["30s", "1min"]))
def test_an_excerpt_ends_with_a_phrase_near_the_requested_length(
    song: AudioAnalysis, moves: list[Move], duration: Any
) -> None:
    scores = make_scores(song, moves)
    result = plan_of(scores, song, Options(duration=duration))
    check(result, scores)
    start = song.beats[song.counts.index(1)]
    assert result.start_s == start
    grid = dance_grid_of(song, FULL)
    ones = [beat for beat, count in zip(grid.times[:-1], grid.counts, strict=False) if count == 1 and beat > start]
    nearest = min([*ones, song.duration_s], key=lambda end: abs(end - start - {"30s": 30.0, "1min": 60.0}[duration]))
    assert result.end_s == nearest
    assert all(is_on_one(song, cut) for cut in cuts(result))


@pytest.mark.parametrize("length_s", [45.0, 105.0])
def test_a_dance_of_any_length_ends_with_a_phrase(length_s: float) -> None:
    song = make_analysis(EIGHTS * 60)
    result = plan_of(make_scores(song, MOVES), song, Options(duration="full", length_s=length_s))
    assert result.end_s - result.start_s == pytest.approx(length_s, abs=0.5 * 8 * 0.48)
    assert song.counts[song.beats.index(result.end_s)] == 1


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


def test_another_seed_chooses_other_moves_that_fit_about_equally_well() -> None:
    song = make_analysis(EIGHTS * 12)
    scores = make_scores(song, [make_move(number, posed=False, eights=1, tempo_bpm=125.0) for number in range(8)])
    alike = {sha: fit.model_copy(update={"fit": 0.5}) for sha, fit in scores.fits.items()}
    scores = scores.model_copy(update={"fits": alike})
    sequences = {tuple(s.clip for s in plan_of(scores, song, Options(seed=seed)).segments) for seed in range(5)}
    assert len(sequences) == 5


@settings(max_examples=40, deadline=None)
@given(
    head=st.integers(0, 7),
    tail=st.integers(0, 8),
    first_s=st.floats(0, 12),
    tail_s=st.floats(0.01, 5),
    phrases=st.lists(st.sampled_from([EIGHTS, *SURPLUS]), min_size=4, max_size=4),
)
def test_song_and_clip_have_the_same_counts(
    head: int, tail: int, first_s: float, tail_s: float, phrases: list[list[int]]
) -> None:
    counts = [*range(9 - head, 9), *(count for phrase in phrases for count in phrase), *range(1, tail + 1)]
    song = make_analysis(counts, first_s=round(first_s, 3), tail_s=tail_s)
    scores = make_scores(song, MOVES)
    result = plan_of(scores, song, FULL)
    assert result.score is not None
    assert result.score.broken_gates == 0
    count_at = dict(zip(song.beats, song.counts, strict=True))
    compared = 0
    for part in result.parts():
        move = scores.moves[part.clip_sha256]
        clip_count_at = dict(zip(move.beats, move.counts, strict=True))
        for song_beat, clip_beat in zip(part.song_beats[:-1], part.clip_beats[:-1], strict=True):
            lasts_longer = song_beat == result.start_s  # it stands for beats that the clip does not have
            if song_beat in count_at and not lasts_longer:
                assert count_at[song_beat] == clip_count_at[clip_beat]
                compared += part in result.segments
    surplus = sum(len(phrase) - 8 for phrase in phrases)
    assert compared >= len(counts) - surplus - 2 - 3 - 3, "only beats that are merged at either end may be missing"


def test_half_a_beat_of_the_song_has_half_a_beat_of_the_clip() -> None:
    song = make_analysis(EIGHTS * 3, tail_s=0.24)
    last = plan_of(make_scores(song, MOVES), song, FULL).segments[-1]
    share = (last.clip_beats[-1] - last.clip_beats[-2]) / (last.clip_beats[-2] - last.clip_beats[-3])
    assert share == pytest.approx(0.5, abs=0.02)


def test_a_break_has_the_first_counts_of_a_clip_and_the_next_one_starts_a_clip() -> None:
    song = make_analysis([*EIGHTS, 1, 2, 3, 4, *EIGHTS])
    moves = [make_move(number, eights=1) for number in range(4)]
    result = plan_of(make_scores(song, moves), song, Options(duration="30s"))
    assert [len(segment.song_beats) - 1 for segment in result.segments][:3] == [8, 4, 8]
    starts = {move.beats[0] for move in moves}
    assert all(segment.clip_start_s in starts for segment in result.segments)


def test_a_phrase_of_twelve_continues_its_clip_where_possible() -> None:
    song = make_analysis([*EIGHTS, *range(1, 9), 5, 6, 7, 8, *EIGHTS])
    result = plan_of(make_scores(song, [make_move(1, eights=2), make_move(2, eights=2)]), song, Options(duration="30s"))
    assert all(is_on_one(song, cut) for cut in cuts(result))
    only_short = plan_of(make_scores(song, [make_move(1, eights=1)]), song, Options(duration="30s"))
    inner = [cut for cut in cuts(only_short) if not is_on_one(song, cut)]
    assert inner == [song.beats[16]], "on the count 5 after eight beats"


@settings(max_examples=30, deadline=None)
@given(counts=st.lists(st.integers(1, 8), min_size=2, max_size=80), duration=st.sampled_from(["30s", "1min", "full"]))
def test_a_song_with_random_counts_has_a_plan(counts: list[int], duration: Any) -> None:
    song = make_analysis(counts)
    scores = make_scores(song, MOVES)
    check(plan_of(scores, song, Options(duration=duration)), scores)


def test_no_move_is_danced_in_more_than_two_parts_in_a_row() -> None:
    song = make_analysis(EIGHTS * 30)
    scores = make_scores(song, [make_move(number, eights=4, move=f"m{number % 3}") for number in range(6)])
    result = plan_of(scores, song, FULL)
    in_a_row = [len(list(run)) for _, run in groupby(result.segments, key=lambda segment: segment.move)]
    assert max(in_a_row) <= 2
    assert {segment.clip for segment in result.segments} == {f"clip_{number}" for number in range(6)}


def test_a_continued_clip_is_one_segment() -> None:
    song = make_analysis(EIGHTS * 6)
    result = plan_of(make_scores(song, [make_move(n, eights=2, move=f"m{n}") for n in range(5)]), song, FULL)
    assert any(len(segment.song_beats) > 10 for segment in result.segments)
    assert all(later.clip_sha256 != s.clip_sha256 or later.clip_start_s != s.clip_end_s
               for s, later in zip(result.segments, result.segments[1:], strict=False))  # fmt: skip


def test_a_segment_has_three_other_clips_as_runners_up_the_best_first() -> None:
    song = make_analysis(EIGHTS * 6)
    scores = make_scores(song, [make_move(n, eights=1, move=f"m{n}", posed=False) for n in range(8)])
    for segment in plan_of(scores, song, FULL).segments:
        by_fit = sorted(set(scores.fits) - {segment.clip_sha256}, key=lambda sha: cost_of(sha, scores))
        assert [parts[0].clip_sha256 for parts in segment.runners_up] == by_fit[:3]


def cost_of(sha256: str, scores: Scores) -> float:
    """Return the points that tell the clips of `make_move` apart in a song of derecho with an energy of 0.5."""
    words = scores.moves[sha256].category
    fits = any(word in words for word in ("basic", "cross_body_lead"))
    return 1 - scores.fits[sha256].fit + 0.2 * (not fits)


def test_a_runner_up_continues_its_clip_where_it_can() -> None:
    song = make_analysis(EIGHTS * 2)
    long, short = make_move(0, eights=2, move="long"), make_move(1, eights=2, move="same")
    scores = make_scores(song, [long, short, make_move(2, eights=1, move="other")])
    segment = next(s for s in plan_of(scores, song, FULL).segments if len(s.song_beats) > 9)
    parts = {parts[0].clip: len(parts) for parts in segment.runners_up}
    assert parts == {
        clip: count for clip, count in (("clip_0", 1), ("clip_1", 1), ("clip_2", 2)) if clip != segment.clip
    }


def test_a_library_of_one_clip_has_no_runner_up() -> None:
    song = make_analysis(EIGHTS * 2)
    assert all(not segment.runners_up for segment in plan_of(make_scores(song, [make_move(0)]), song, FULL).segments)


def test_the_nearer_pose_is_chosen() -> None:
    poses = [(0.0,) * 52, (0.1,) * 52, (1.5,) * 52]
    moves = []
    for number, (start, end) in enumerate(((0, 0), (1, 1), (2, 2))):
        move = make_move(number, eights=1, move=f"m{number}")
        eight = move.eights[0].model_copy(update={"start_pose": poses[start], "end_pose": poses[end]})
        moves.append(move.model_copy(update={"eights": (eight,)}))
    song = make_analysis([*EIGHTS, *EIGHTS], tail_s=0.01, first_s=0.0)
    scores = make_scores(song, moves)
    alike = {sha: fit.model_copy(update={"fit": 0.5}) for sha, fit in scores.fits.items()}
    result = plan_of(scores.model_copy(update={"fits": alike}), song, FULL)
    assert {segment.clip for segment in result.segments} == {"clip_0", "clip_1"}
    assert result.segments[1].terms["pose"] == pytest.approx(-(2**0.5) * 0.1, abs=1e-3)


def _planned(moves: list[Move]) -> SequencePlanned:
    """Return the event of a song's plan with these moves, which fit equally well but for their counts."""
    song = make_analysis(EIGHTS * 6)
    tools: Any = None
    scores = score_of(song, Options(difficulty="beginner"), make_index(moves))
    before = event(duration="full").model_copy(update={"analysis": song, "scores": scores})
    return STEP.event_after(before, work_of(STEP, before, tools))


def test_a_clip_whose_one_is_unsure_is_used_only_where_no_sure_one_fits() -> None:
    unsure = [make_move(number, move=f"m{number}", count_confidence=0.5) for number in range(6)]
    sure = [make_move(10 + n, move=f"m{n}", tempo_bpm=118, energy="high", count_confidence=0.9) for n in range(4)]
    planned = _planned([*unsure, *sure])
    assert {segment.clip for segment in planned.plan.segments} <= {move.name for move in sure}
    assert planned.warnings == ()
    planned = _planned([*unsure, make_move(10, tempo_bpm=180, count_confidence=0.9)])
    assert "clip_10" not in {segment.clip for segment in planned.plan.segments}, "it does not fit the tempo"


def test_a_plan_of_unsure_clips_only_names_them_in_a_warning() -> None:
    planned = _planned([make_move(number, move=f"m{number}", count_confidence=0.5) for number in (2, 1)])
    assert planned.warnings == (
        "the 1 of these clips is unsure: clip_1, clip_2; settle it with `bachata moves edit NAME --first-one SECONDS`",
    )
    assert planned.plan.segments[0].terms["unsure_one"] < 0


def test_a_song_without_beats_is_refused() -> None:
    song = make_analysis(EIGHTS)
    for beats in ((), (1.0,)):
        bare = song.model_copy(update={"beats": beats, "counts": (1,) * len(beats)})
        with pytest.raises(Poison) as caught:
            plan_of(make_scores(song, MOVES), bare, FULL)
        assert caught.value.reason == "no_beats"


def test_a_segment_that_breaks_every_rule_names_those_by_which_it_loses_most() -> None:
    song = make_analysis(EIGHTS)
    request = Request.of(FULL.for_dance(), default_rules())
    _, slots, music = danced_music(song, cut_phrases(song), request)
    moves = {MOVES[0].clip.sha256: MOVES[0]}
    parts = parts_of([Part(MOVES[0].clip.sha256, 0, 8)], moves, {})
    rules = [name for name, rule in default_rules().rules.items() if rule.kind != "report"]
    faults = tuple(Fault(0, 0.0, name, amount=1.0, points=1.0 + n) for n, name in enumerate(rules))
    sheet = replace(judge(slots, music, parts, request), faults=faults)
    (segment,) = segments_of(Dance(slots, music, parts, sheet, moves, request.rules))
    assert len(rules) >= MAX_TERMS
    most = {name: -1.0 - n for n, name in enumerate(rules)}
    assert segment.terms == {"phrases": 1.0} | dict(list(most.items())[-(MAX_TERMS - 1) :])


def test_a_library_of_too_short_clips_is_refused() -> None:
    song = make_analysis(EIGHTS)
    short = make_move(1, eights=1)
    short = short.model_copy(update={"clip": short.clip.model_copy(update={"duration_s": 1.0})})
    with pytest.raises(Poison) as caught:
        plan_of(make_scores(song, [short]), song, FULL)
    assert caught.value.reason == "no_usable_moves"


def test_a_clip_that_ends_on_its_last_beat_has_its_last_eight() -> None:
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
    after = STEP.event_after(before, result)
    assert SequencePlanned.model_validate_json(after.model_dump_json()) == after
    assert STEP.subject(before, result) == before.song.sha256
    assert STEP.depends_on(before, tools) == STEP.depends_on(event(quality="fast"), tools)
    assert STEP.depends_on(before, tools) != STEP.depends_on(event(seed=1), tools)
    assert STEP.depends_on(before, tools) != STEP.depends_on(event(duration="full"), tools)


def test_the_moment_of_effect_is_shown_on_the_accent() -> None:
    song = make_analysis(EIGHTS * 4, first_s=0.0, tail_s=0.01)
    accent_s = song.beats[16]
    song = song.model_copy(update={"accents": (Accent(time_s=accent_s, strength=0.9),)})
    moves = [make_move(number, eights=1, move=f"m{number}", posed=False) for number in range(4)]
    effect_s = moves[2].beats[7] + 0.3
    stop = EightContent(kind="accent", effect="stop", effect_s=effect_s)
    moves[2] = moves[2].model_copy(update={"eights": (moves[2].eights[0].model_copy(update={"content": stop}),)})
    scores = make_scores(song, moves)
    alike = {sha: fit.model_copy(update={"fit": 0.5}) for sha, fit in scores.fits.items()}
    result = plan_of(scores.model_copy(update={"fits": alike}), song, FULL)
    segment = next(segment for segment in result.segments if segment.song_end_s == accent_s)
    assert segment.clip == "clip_2"
    assert segment.clip_end_s == pytest.approx(effect_s, abs=1e-3)
