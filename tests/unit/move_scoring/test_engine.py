"""The engine recommends what the rules rate best, and the same with and without what it remembers."""

from __future__ import annotations

from typing import Any

import pytest

from agents.arrays import Floats
from agents.dance.changes import pair_amounts
from agents.dance.parts import Parts
from agents.dance.rules import BROKEN_GATE, Rules
from agents.move_scoring.engine import engine_of
from schemas.base import OnlyIn, Options, Pin
from schemas.faults import Poison
from schemas.move_indexed import Move
from streams.client.recommendation_engine import (
    BatchRecommendationRequest,
    MoveScore,
    OptimizationConfig,
    OptimizedRecommendationEngine,
    RecommendationRequest,
)
from tests.qdrant_in_memory import IN_MEMORY
from tests.unit.move_scoring.builders import (
    make_analysis,
    make_danced_library,
    make_index,
    make_move,
    make_song,
    score_of,
)

pytestmark = IN_MEMORY

MOVES = make_danced_library(60, couples=4)
SONGS = [make_song(seconds, tempo) for seconds, tempo in ((60, 125.0), (75, 118.0), (90, 132.0), (40, 125.0))]
ANY = Options(difficulty="advanced", duration="full")


def request(song: int = 0, **values: Any) -> RecommendationRequest:
    return RecommendationRequest(analysis=SONGS[song], **{"options": ANY} | values)


def facts(scores: list[MoveScore]) -> list[tuple[str, float, dict[str, float], float]]:
    return [(score.move.name, score.score, score.terms, score.similarity) for score in scores]


def test_a_call_as_the_earlier_documentation_has_it() -> None:
    engine = OptimizedRecommendationEngine(
        OptimizationConfig(
            enable_embedding_cache=True,
            enable_similarity_cache=True,
            enable_precomputed_matrices=True,
            batch_size=32,
            max_workers=4,
            fast_mode=False,
            similarity_threshold=0.1,
        )
    )
    scores = engine.recommend_moves_optimized(request=request(), move_candidates=MOVES, top_k=10)
    assert len({score.move.clip.sha256 for score in scores}) == 10
    near = [score.score for score in scores if score.similarity >= 0.1]
    assert near == sorted(near, reverse=True)
    for score in scores:
        assert score.score == pytest.approx(sum(score.terms.values()), abs=1e-3)
        assert score.move in MOVES


@pytest.mark.parametrize(
    "other",
    [
        {"enable_embedding_cache": False},
        {"enable_similarity_cache": False},
        {"enable_precomputed_matrices": False},
        {"batch_size": 1},
        {"batch_size": 3, "max_workers": 1},
        {"batch_size": 3, "max_workers": 4},
    ],
    ids=str,
)
def test_what_is_remembered_and_how_it_is_divided_changes_no_score(other: dict[str, Any]) -> None:
    requests = [request(n % 4, after=MOVES[n].clip.sha256) for n in range(7)]
    one, two = (OptimizedRecommendationEngine(config) for config in (OptimizationConfig(), OptimizationConfig(**other)))
    for _ in range(2):
        batch = two.batch_recommend_moves(BatchRecommendationRequest(requests, MOVES, 5))
        each = [one.recommend_moves_optimized(single, MOVES, 5) for single in requests]
        assert [facts(scores) for scores in batch] == [facts(scores) for scores in each]


def test_moves_are_built_once_and_again_when_they_change() -> None:
    engine = OptimizedRecommendationEngine()
    engine.recommend_moves_optimized(request(), MOVES)
    assert (engine.metrics.built, engine.metrics.remembered) == (60, 0)
    engine.recommend_moves_optimized(request(1), MOVES)
    assert (engine.metrics.built, engine.metrics.remembered) == (60, 60)
    changed = [MOVES[0].model_copy(update={"tempo_bpm": 124.0, "energy": "high"}), *MOVES[1:]]
    scores = engine.recommend_moves_optimized(request(), changed, 60)
    assert engine.metrics.built == 61
    assert facts(scores) == facts(OptimizedRecommendationEngine().recommend_moves_optimized(request(), changed, 60))
    without = OptimizedRecommendationEngine(OptimizationConfig(enable_embedding_cache=False))
    for _ in range(2):
        without.recommend_moves_optimized(request(), MOVES)
    assert without.metrics.built == 120


def test_a_song_is_rated_once() -> None:
    for enabled, hits, rated in ((True, 3, 60), (False, 0, 240)):
        engine = OptimizedRecommendationEngine(OptimizationConfig(enable_similarity_cache=enabled))
        for seed in range(4):
            engine.recommend_moves_optimized(
                request(options=ANY.model_copy(update={"seed": seed})), MOVES, top_k=seed + 1
            )
        assert (engine.metrics.similarity_hits, engine.metrics.rated) == (hits, rated)
        assert engine.metrics.requests == engine.metrics.calls == 4
        assert engine.metrics.requests_per_s > 0


def test_the_candidates_of_a_library_are_counted() -> None:
    library = make_index(MOVES)
    metrics = engine_of(library).metrics
    for song, remembered in ((SONGS[0], 0), (SONGS[1], 60)):
        score_of(song, ANY, library)
        assert (metrics.built, metrics.remembered) == (60, remembered)
    assert (metrics.calls, metrics.requests, metrics.rated) == (2, 2, 120)
    assert metrics.embedding_hit_rate == 0.5
    assert metrics.requests_per_s > 0


def counted_pairs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Return a list that gets the numbers of eights between which seams are computed."""
    computed = []

    def counted(before: Parts, after: Parts, rules: Rules) -> dict[str, Floats]:
        computed.append((len(before.parts), len(after.parts)))
        return pair_amounts(before, after, rules)

    monkeypatch.setattr("agents.move_scoring.seam_matrices.pair_amounts", counted)
    return computed


def test_seams_are_computed_once_for_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    computed = counted_pairs(monkeypatch)
    eights = sum(len(move.eights) for move in MOVES)
    for enabled, expected in ((True, [(eights, eights)]), (False, [(1, eights)] * 3)):
        engine = OptimizedRecommendationEngine(OptimizationConfig(enable_precomputed_matrices=enabled))
        for n in range(3):
            engine.recommend_moves_optimized(request(after=MOVES[n].clip.sha256), MOVES)
        assert computed == expected
        computed.clear()


def test_a_changed_move_changes_only_its_own_rows_of_the_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = OptimizedRecommendationEngine()
    engine.recommend_moves_optimized(request(after=MOVES[3].clip.sha256), MOVES)
    other = make_danced_library(61, couples=3)
    changed = [*MOVES[:20], *other[40:], MOVES[25].model_copy(update={"boundaries": MOVES[26].boundaries[:3]})]
    computed = counted_pairs(monkeypatch)
    asked = request(after=MOVES[3].clip.sha256)
    scores = engine.recommend_moves_optimized(asked, changed, 60)
    built = sum(len(move.eights) for move in changed if move not in MOVES)
    assert 0 < built < sum(len(move.eights) for move in changed)
    assert [min(sizes) for sizes in computed] == [built, built]
    assert facts(scores) == facts(OptimizedRecommendationEngine().recommend_moves_optimized(asked, changed, 60))


def test_moves_that_continue_the_move_before_come_first() -> None:
    after = MOVES[5]
    engine = OptimizedRecommendationEngine(OptimizationConfig(similarity_threshold=0))
    scores = engine.recommend_moves_optimized(request(after=after.clip.sha256), MOVES, 60)
    costs = [BROKEN_GATE * len(score.broken) - score.score for score in scores]
    assert costs == sorted(costs)
    assert {"hold", "foot", "pose"} <= set().union(*(score.terms for score in scores))
    same = {
        move.name
        for move in MOVES
        if move.annotation and after.annotation and move.annotation.couple == after.annotation.couple
    }
    assert all("couple" in score.broken for score in scores if score.move.name not in same)
    with pytest.raises(Poison, match="not one of the candidates"):
        engine.recommend_moves_optimized(request(after="f" * 64), MOVES)


def test_moves_that_fit_the_sound_less_than_the_threshold_come_last() -> None:
    song = make_analysis([1, 2, 3, 4, 5, 6, 7, 8] * 3)
    opposite = tuple([0.0] * 384 + [-value for value in song.embedding])
    far = make_move(1, tempo_bpm=125.0).model_copy(update={"embedding": opposite})
    near = make_move(2, tempo_bpm=150.0).model_copy(update={"embedding": (*(0.0,) * 384, *song.embedding)})
    asked = RecommendationRequest(analysis=song, options=ANY)
    for threshold, first in ((0.0, "clip_1"), (0.5, "clip_2")):
        engine = OptimizedRecommendationEngine(OptimizationConfig(similarity_threshold=threshold))
        assert engine.recommend_moves_optimized(asked, [far, near], 1)[0].move.name == first


def test_the_fast_mode_rates_one_phrase_of_each_section() -> None:
    fast = OptimizedRecommendationEngine(OptimizationConfig(fast_mode=True))
    slow = OptimizedRecommendationEngine()
    one, two = (engine.recommend_moves_optimized(request(2), MOVES, 15) for engine in (fast, slow))
    assert facts(one) != facts(two)
    assert len({score.move.name for score in one} & {score.move.name for score in two}) >= 10


def test_one_phrase_has_moves_of_its_own() -> None:
    engine = OptimizedRecommendationEngine(OptimizationConfig(similarity_threshold=0))
    energies = []
    for phrase in (1, 8):
        scores = engine.recommend_moves_optimized(request(phrase=phrase), MOVES, 8)
        energies.append([score.move.energy for score in scores])
    assert energies[0] != energies[1]
    with pytest.raises(Poison, match="no phrase 400"):
        engine.recommend_moves_optimized(request(phrase=400), MOVES)


def test_banned_moves_and_moves_of_other_sections_are_not_recommended() -> None:
    names = {move.name for move in MOVES}
    options = ANY.model_copy(
        update={
            "bans": ("clip_4", "CLIP_5"),
            "only_in": (OnlyIn(move="clip_6", sections=("break",)), OnlyIn(move="clip_7", sections=("mambo",))),
            "pins": (Pin(phrase=2, move="clip_8"),),
        }
    )
    engine = OptimizedRecommendationEngine()
    found = {score.move.name for score in engine.recommend_moves_optimized(request(options=options), MOVES, 60)}
    assert found == names - {"clip_4", "clip_5", "clip_6"}
    pinned = engine.recommend_moves_optimized(request(options=options, phrase=2), MOVES, 60)
    assert [score.move.name for score in pinned] == ["clip_8"]


def test_wishes_that_leave_no_move_give_no_recommendations() -> None:
    engine = OptimizedRecommendationEngine()
    banned = ANY.model_copy(update={"bans": tuple(move.name for move in MOVES)})
    assert engine.recommend_moves_optimized(request(options=banned), MOVES) == []
    pinned = ANY.model_copy(update={"pins": (Pin(phrase=2, move="no such move"),)})
    assert engine.recommend_moves_optimized(request(options=pinned, phrase=2), MOVES) == []
    assert len(engine.recommend_moves_optimized(request(options=pinned), MOVES)) == 10


def test_no_moves_give_no_recommendations() -> None:
    engine = OptimizedRecommendationEngine()
    assert engine.recommend_moves_optimized(request(), []) == []
    assert engine.recommend_moves_optimized(request(), [make_move(1, eights=0)]) == []
    assert engine.batch_recommend_moves(BatchRecommendationRequest([], MOVES)) == []


@pytest.mark.parametrize("values", [{"batch_size": 0}, {"max_workers": 0}, {"similarity_threshold": 2}, {"unknown": 1}])
def test_a_wrong_config_is_refused_in_one_line(values: dict[str, Any]) -> None:
    with pytest.raises(Poison, match=next(iter(values))) as caught:
        OptimizationConfig(**values)
    assert "\n" not in str(caught.value)


def test_the_moves_may_come_in_any_order() -> None:
    engine = OptimizedRecommendationEngine()
    reverse: list[Move] = MOVES[::-1]
    assert facts(engine.recommend_moves_optimized(request(), MOVES)) == facts(
        OptimizedRecommendationEngine().recommend_moves_optimized(request(), reverse)
    )
