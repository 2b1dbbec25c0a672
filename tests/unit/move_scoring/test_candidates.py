"""Candidates obey what is asked for, fit each other, and are the more the better the quality."""

from __future__ import annotations

import itertools
from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest

from agents.dance.changes import MusicChange, change_between, pair_amounts
from agents.dance.danced_music import danced_music
from agents.dance.music import Request
from agents.dance.rules import default_rules
from agents.move_scoring.candidates import _change_costs
from agents.move_scoring.move_arrays import KnownMoves
from agents.move_scoring.phrases import cut_phrases
from agents.move_scoring.score import CANDIDATES
from agents.sequence_planning.inputs import PlanningInput
from agents.sequence_planning.plan import plan
from infra.move_index import MoveIndex
from schemas.audio_analyzed import Section
from schemas.base import Difficulty, OnlyIn, Options, Pin, Quality
from schemas.faults import Poison
from schemas.move_annotated import MoveAnnotation
from schemas.moves_scored import Scores
from schemas.sequence_planned import PlanScore
from tests.qdrant_in_memory import IN_MEMORY
from tests.unit.move_scoring.builders import (
    couple_of,
    make_analysis,
    make_danced_library,
    make_index,
    make_move,
    make_song,
    score_of,
)

pytestmark = IN_MEMORY
EIGHTS = [1, 2, 3, 4, 5, 6, 7, 8]
LIBRARY = make_danced_library(90, couples=3)
SONG = make_song(60)
QUALITIES: tuple[Quality, ...] = ("fast", "balanced", "high_quality")


@cache
def index() -> MoveIndex:
    return make_index(LIBRARY)


def scores(song: Any = SONG, **options: Any) -> Scores:
    return score_of(song, Options(**{"difficulty": "advanced", "duration": "full"} | options), index())


def names(found: Scores, phrase: int) -> set[str]:
    return {found.moves[candidate.clip_sha256].name for candidate in found.phrases[phrase].candidates}


def sheet(found: Scores, **options: Any) -> PlanScore:
    asked = Options(**{"difficulty": "advanced", "duration": "full"} | options)
    result = plan(PlanningInput(analysis=SONG, scores=found, options=asked)).score
    assert result is not None
    return result


def test_a_better_quality_has_more_candidates_among_them_those_of_the_others() -> None:
    found = [scores(quality=quality) for quality in QUALITIES]
    for phrase in range(len(found[0].phrases)):
        fast, balanced, best = (names(one, phrase) for one in found)
        assert (len(fast), len(balanced), len(best)) == (8, 12, 20)
        assert fast < balanced < best


def test_a_dance_of_few_candidates_breaks_no_gate() -> None:
    assert [sheet(scores(quality=quality)).broken_gates for quality in QUALITIES] == [0, 0, 0]


def test_couples_of_few_clips_do_not_crowd_out_one_that_can_dance_the_whole_song() -> None:
    """Another couple may begin with a section only, and one clip cannot be danced all the time."""
    many = [move for move in make_danced_library(120, couples=5) if couple_of(move) == "couple 0"]
    alone = [
        move.annotated(MoveAnnotation(couple=f"alone {n}"))
        for n, move in enumerate(make_danced_library(400, couples=1, seed=1)[200:])
    ]
    found = score_of(SONG, Options(difficulty="advanced", quality="fast"), make_index([*many, *alone]))
    assert set(found.fits) == set(found.moves)
    counts = Counter(found.fits[candidate.clip_sha256].couple for p in found.phrases for candidate in p.candidates)
    assert counts["couple 0"] / counts.total() > 0.6
    assert sheet(found, quality="fast", duration="1min").broken_gates == 0


def test_a_pinned_move_is_the_only_candidate_of_its_phrase() -> None:
    pinned = next(move for move in LIBRARY if move.name not in names(scores(), 3))
    found = scores(pins=(Pin(phrase=3, move=pinned.name),), bans=("clip_1",), difficulty="beginner")
    alone = [phrase for phrase in range(len(found.phrases)) if names(found, phrase) == {pinned.name}]
    assert len(alone) == 1
    assert sheet(found, pins=(Pin(phrase=3, move=pinned.name),), difficulty="beginner")


@pytest.mark.parametrize("quality", QUALITIES)
def test_many_pinned_moves_of_many_couples_are_candidates_of_their_phrases(quality: Quality) -> None:
    library, song = make_danced_library(400, couples=20), make_song(120)
    pins = tuple(Pin(phrase=2 + 2 * n, move=library[37 * n].name) for n in range(10))
    assert len({couple_of(library[37 * n]) for n in range(10)}) == 10
    options = Options(difficulty="advanced", duration="full", quality=quality, pins=pins)
    found = score_of(song, options, make_index(library))
    assert [names(found, pin.phrase - 1) for pin in pins] == [{pin.move} for pin in pins]
    assert {len(names(found, pin.phrase)) for pin in pins} == {CANDIDATES[quality]}
    planned = plan(PlanningInput(analysis=song, scores=found, options=options))
    pinned = {found.moves[segment.clip_sha256].name for segment in planned.segments}
    assert {pin.move for pin in pins} <= pinned


def test_pinned_long_clips_are_candidates_of_their_phrases() -> None:
    library = [make_move(n, eights=20, tempo_bpm=115.0 + n % 20) for n in range(60)]
    pins = tuple(Pin(phrase=2 + n, move=f"clip_{6 * n}") for n in range(10))
    options = Options(difficulty="advanced", duration="full", quality="fast", pins=pins)
    found = score_of(SONG, options, make_index(library))
    assert [names(found, pin.phrase - 1) for pin in pins] == [{pin.move} for pin in pins]


def test_candidates_are_chosen_by_the_changes_that_a_plan_has() -> None:
    beats = (32, 4, 8, 32, 32, 32)  # of the sections, among them a break of four counts, and a single eight
    counts = [*EIGHTS * 4, 1, 2, 3, 4, *EIGHTS * 13]
    energy = [level for level, number in zip((0.2, 0.9, 0.3, 0.6, 0.1, 0.8), beats, strict=True) for _ in range(number)]
    edges = [n * 0.48 for n in itertools.accumulate(beats, initial=0)]
    sections = tuple(
        Section(start_s=start, end_s=end, label="verse", rhythm="derecho") for start, end in itertools.pairwise(edges)
    )
    song = make_analysis(counts, first_s=0.0, energy=energy, sections=sections)
    request = Request.of(Options(difficulty="advanced", duration="full").for_dance(), default_rules())
    music = danced_music(song, cut_phrases(song), request).music
    moves = {move.clip.sha256: move for move in LIBRARY}
    parts = KnownMoves().current(moves, lambda clips: [moves[clip] for clip in clips]).parts
    pairs = pair_amounts(parts, parts, request.rules)
    changes = [MusicChange.between(before, after) for before, after in itertools.pairwise(music)]
    assert len({(change.energy, change.may_change_couple, change.after_half) for change in changes}) >= 5
    for change, costs in zip(changes, _change_costs(music, parts, pairs, request), strict=True):
        assert np.array_equal(costs, change_between(change, parts, parts, pairs, request).cost(request.rules))


def test_a_pin_that_no_move_has_leaves_the_phrase_to_planning() -> None:
    assert all(phrase.candidates for phrase in scores(pins=(Pin(phrase=2, move="no such move"),)).phrases)


def test_banned_moves_are_no_candidates() -> None:
    banned = names(scores(), 2)
    found = scores(bans=tuple(banned))
    assert not banned & {move.name for move in found.moves.values()}


def test_a_move_of_some_sections_is_a_candidate_in_these_only() -> None:
    sections = (
        Section(start_s=0.0, end_s=20.0, label="verse", rhythm="derecho"),
        Section(start_s=20.0, end_s=40.0, label="mambo", rhythm="mambo"),
    )
    song = make_analysis(EIGHTS * 10, first_s=0.0, sections=sections)
    wanted = sorted(names(scores(song), 1))[:3]
    found = scores(song, only_in=tuple(OnlyIn(move=name, sections=("MAMBO",)) for name in wanted))
    in_verse = set().union(*(names(found, phrase) for phrase in range(10) if found.phrases[phrase].section == 0))
    assert not in_verse & set(wanted)


def test_harder_moves_are_candidates_only_where_others_lack_with_a_warning() -> None:
    found = scores(difficulty="beginner")
    assert {move.difficulty for move in found.moves.values()} == {"beginner"}
    assert not found.warnings
    levels: list[Difficulty] = ["beginner", "intermediate", "intermediate", "intermediate", "advanced"]
    few = make_index([make_move(n, difficulty=level) for n, level in enumerate(levels)])
    result = score_of(SONG, Options(difficulty="beginner"), few)
    assert {move.difficulty for move in result.moves.values()} == {"beginner", "intermediate"}
    assert [line for line in result.warnings if "too few moves of the level beginner" in line]


def test_names_in_the_wishes_that_no_move_has_are_warnings() -> None:
    moves = [make_move(n, move="turn") for n in range(6)]
    annotation = MoveAnnotation(style="sensual")
    library = make_index([moves[0].model_copy(update={"annotation": annotation}), *moves[1:]])
    only_in = (OnlyIn(move="clip_3", sections=("mambo",)), OnlyIn(move="tango", sections=("mambo",)))
    wrong = Options(style="urban", bans=("dipp", "CLIP_2"), only_in=only_in)
    assert score_of(SONG, wrong, library).warnings == (
        "no move of the library has the style 'urban', annotated are sensual",
        "no move or clip of the library that can be danced has the name 'dipp' of bans or only_in",
        "no move or clip of the library that can be danced has the name 'tango' of bans or only_in",
    )
    right = Options(style="sensual", bans=("clip_2",), only_in=(OnlyIn(move="Turn", sections=("verse",)),))
    assert score_of(SONG, right, library).warnings == ()
    assert score_of(SONG, Options(style="urban"), make_index(moves)).warnings == (
        "no move of the library has the style 'urban', no move has one",
    )


def test_harder_moves_are_candidates_where_the_others_are_banned() -> None:
    easy = [make_move(n) for n in range(5)]
    library = make_index([*easy, *(make_move(n, difficulty="intermediate") for n in range(5, 30))])
    bans = tuple(move.name for move in easy)
    options = Options(difficulty="beginner", duration="full", bans=bans)
    found = score_of(SONG, options, library)
    assert {move.difficulty for move in found.moves.values()} == {"intermediate"}
    assert [line for line in found.warnings if "too few moves of the level beginner that are not banned" in line]
    plan(PlanningInput(analysis=SONG, scores=found, options=options))


@pytest.mark.parametrize("level", ["beginner", "advanced"])
def test_a_song_all_of_whose_moves_are_banned_is_refused_and_says_so(level: Difficulty) -> None:
    moves = [make_move(n, difficulty=level) for n in range(5)]
    options = Options(difficulty="beginner", duration="full", bans=tuple(move.name for move in moves))
    found = score_of(SONG, options, make_index(moves))
    with pytest.raises(Poison, match="all moves that can be danced are banned") as caught:
        plan(PlanningInput(analysis=SONG, scores=found, options=options))
    assert caught.value.reason == "no_usable_moves"


def test_a_section_without_an_allowed_move_has_candidates_that_are_not_banned() -> None:
    moves = [make_move(n) for n in range(40)]
    only = tuple(OnlyIn(move=move.name, sections=("mambo",)) for move in moves[30:])
    options = Options(duration="full", bans=tuple(move.name for move in moves[:30]), only_in=only)
    found = score_of(SONG, options, make_index(moves))
    assert {move.name for move in found.moves.values()} <= {move.name for move in moves[30:]}
    with pytest.raises(Poison, match="bans and only_in leave no move for phrase 1"):
        plan(PlanningInput(analysis=SONG, scores=found, options=options))


def test_a_cut_song_has_candidates_for_the_phrases_that_are_heard() -> None:
    groups = (0, 1, 0, 1)
    sections = tuple(
        Section(start_s=15.36 * n, end_s=15.36 * (n + 1), label="verse", rhythm="derecho", repeat_group=group)
        for n, group in enumerate(groups)
    )
    song = make_analysis(EIGHTS * 16, first_s=0.0, sections=sections)
    options = Options(difficulty="advanced", length_s=35.0, cut_music=True)
    found = score_of(song, options, index())
    planned = plan(PlanningInput(analysis=song, scores=found, options=options))
    assert len(planned.music) > 1
    assert planned.score is not None
    assert planned.score.broken_gates == 0
