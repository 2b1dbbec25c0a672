"""Each filter gives what a plain scan over the moves gives, and varied hits are those of their formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.move_index import MoveIndex
from infra.move_index.edge import EdgeMoveIndex
from infra.move_index.filters import MoveFilter
from infra.move_index.points import point_id
from infra.move_index.server import QdrantServerMoveIndex
from infra.move_index.server_collections import WRITTEN_FIELD
from infra.move_index.softening import ORDER, softened_search
from schemas.base import Role
from schemas.faults import Poison
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import Move, MoveSummary
from tests.qdrant_in_memory import IN_MEMORY
from tests.unit.infra.moves import DIFFICULTIES, ENERGIES, make_move

pytestmark = IN_MEMORY
_CATEGORIES = ("Turns", "STRASSE", "body roll", "ＤＩＰＳ")
_SPOKEN = ("turns", "straße", "Body  Roll", "dips", "nothing")  # as people write them
_STYLES = ("Sensual", "dominicana", None)
_ROLES: tuple[Role | None, ...] = ("lead_focus", "follow_focus", "both", None)


@lru_cache
def _moves() -> tuple[Move, ...]:
    return tuple(_move(number) for number in range(60))


def _move(number: int) -> Move:
    move = make_move(number % 50).annotated(
        MoveAnnotation(category=_CATEGORIES[number % 4], style=_STYLES[number % 3], role=_ROLES[number // 2 % 4])
        if number % 7
        else None
    )
    sha256 = make_move(number).clip.sha256
    clip = move.clip.model_copy(update={"sha256": sha256, "duration_s": 8.2 + number % 9 / 3})
    return move.model_copy(
        update={
            "clip": clip,
            "tempo_bpm": 100.0 + number % 20 / 3,
            "name": f"clip_{number:03d}",
            "embedding_version": 1 + number % 3 // 2,
        }
    )


@pytest.fixture(scope="module")
def filled(shared_index: MoveIndex) -> MoveIndex:
    """Return an index with 60 moves, of which ten have the embedding of another one."""
    shared_index.upsert(*_moves())
    return shared_index


def test_each_field_of_a_filter_has_an_index_of_its_kind(filled: MoveIndex) -> None:
    kinds = dict.fromkeys(("clip_sha256", "name", "difficulty", "energy", "category", "role", "style"), "keyword")
    kinds |= dict.fromkeys(("tempo_bpm", "duration_s", "embedding_version"), "float")
    if isinstance(filled, EdgeMoveIndex):
        schema: Mapping[str, Any] = filled._engine.info().payload_schema
        found = {field: str(index.data_type).rpartition(".")[2].lower() for field, index in schema.items()}
    elif isinstance(filled, QdrantServerMoveIndex) and filled._is_own_client:
        schema = filled._client.get_collection(filled._collections.used()).payload_schema
        found = {field: index.data_type.value for field, index in schema.items()}
        assert found.pop(WRITTEN_FIELD) == "float"
    else:
        pytest.skip("the client's local engine has no indexes of fields")
    assert found == kinds


def _folded(text: str) -> str:
    return {"straße": "strasse", "ＤＩＰＳ": "dips"}.get(text, " ".join(text.lower().split()))


def _passes(move: MoveSummary, wanted: MoveFilter) -> bool:
    """Return whether a move passes a filter, without the code that the index uses."""
    annotation = move.annotation or MoveAnnotation()
    for ends, value in ((wanted.tempo_bpm, move.tempo_bpm), (wanted.duration_s, move.clip.duration_s)):
        if ends is not None and not ends[0] <= value <= ends[1]:
            return False
    if move.clip.sha256 in wanted.without_clips or wanted.embedding_version not in {None, move.embedding_version}:
        return False
    exact = (
        (wanted.difficulties, move.difficulty),
        (wanted.energies, move.energy),
        (wanted.roles, annotation.role),
        (wanted.names, move.name),
    )
    loose = ((wanted.categories, move.category), (wanted.styles, annotation.style))
    return all(not allowed or value in allowed for allowed, value in exact) and all(
        not allowed or (value is not None and _folded(value) in map(_folded, allowed)) for allowed, value in loose
    )


def _some(values: Sequence[str | None]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from([value for value in values if value]), max_size=2, unique=True).map(tuple)


def _ends(values: Sequence[float]) -> st.SearchStrategy[tuple[float, float] | None]:
    ends = st.sampled_from(sorted(set(values))) | st.floats(min(values) - 1, max(values) + 1)
    return st.none() | st.tuples(ends, ends).map(lambda pair: (min(pair), max(pair)))


_FILTERS = st.builds(
    MoveFilter,
    tempo_bpm=_ends([move.tempo_bpm for move in _moves()]),
    difficulties=_some(DIFFICULTIES),
    energies=_some(ENERGIES),
    categories=_some((*_CATEGORIES, *_SPOKEN)),
    roles=_some(_ROLES),
    styles=_some((*_STYLES, "SENSUAL", "Dominicana")),
    duration_s=_ends([move.clip.duration_s for move in _moves()]),
    names=st.just(()) | st.lists(st.sampled_from([move.name for move in _moves()]), max_size=30).map(tuple),
    without_clips=st.lists(st.sampled_from([move.clip.sha256 for move in _moves()]), max_size=40).map(tuple),
    embedding_version=st.sampled_from([None, 1, 2, 3]),
)


@given(wanted=_FILTERS, number=st.none() | st.integers(0, 59), limit=st.sampled_from([1, 5, 100]))
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_filtered_search_finds_what_a_plain_scan_finds(
    filled: MoveIndex, wanted: MoveFilter, number: int | None, limit: int
) -> None:
    vector = None if number is None else make_move(number).embedding
    found = [hit.move.name for hit in filled.find(wanted, vector, limit)]
    passing = [move for move in _moves() if _passes(move, wanted)]
    similarity = {move.name: 0.0 if vector is None else float(np.dot(vector, move.embedding)) for move in passing}
    passing.sort(key=lambda move: (-round(similarity[move.name], 5), point_id(move.clip.sha256)))
    assert found == [move.name for move in passing[:limit]]


def test_the_length_of_a_query_counts_for_nothing(filled: MoveIndex) -> None:
    query = np.array(make_move(7).embedding)
    hits = filled.search(vector=query.tolist())
    for length in (0.1, 3.0):
        others = filled.search(vector=(length * query).tolist())
        assert [hit.move.name for hit in others] == [hit.move.name for hit in hits]
        np.testing.assert_allclose([hit.similarity for hit in others], [hit.similarity for hit in hits], atol=1e-5)


@given(wanted=_FILTERS, number=st.integers(0, 59))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_softened_search_finds_what_its_conditions_allow_and_softens_no_more_than_it_must(
    filled: MoveIndex, wanted: MoveFilter, number: int
) -> None:
    found = softened_search(filled, wanted, make_move(number).embedding, 100)
    assert {hit.move.name for hit in found.hits} == {move.name for move in _moves() if _passes(move, found.applied)}
    for kept in ("names", "without_clips", "embedding_version"):
        assert getattr(found.applied, kept) == getattr(wanted, kept)
    assert {field for field in ORDER if getattr(found.applied, field) != getattr(wanted, field)} == set(found.softened)
    for field in found.softened:  # without the softening of it, there would be no move
        stricter = found.applied._replace(**{field: getattr(wanted, field)})
        assert not any(_passes(move, stricter) for move in _moves())
    everything = MoveFilter(
        names=wanted.names, without_clips=wanted.without_clips, embedding_version=wanted.embedding_version
    )
    assert bool(found.hits) == any(_passes(move, everything) for move in _moves())


def _most_relevant(query: Sequence[float], moves: Sequence[Move], limit: int, diversity: float) -> list[str]:
    """Return the names of moves by falling maximal marginal relevance, computed from its definition."""
    vectors = np.array([move.embedding for move in moves])
    similarity, between = vectors @ np.array(query), vectors @ vectors.T
    chosen: list[int] = [int(np.argmax(similarity))]
    while len(chosen) < min(limit, len(moves)):
        scores = (1 - diversity) * similarity - diversity * between[:, chosen].max(axis=1)
        scores[chosen] = -np.inf
        chosen.append(int(np.argmax(scores)))
    return [moves[number].name for number in chosen]


@pytest.mark.parametrize("diversity", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("difficulties", [(), ("beginner", "advanced")])
def test_varied_hits_are_those_of_the_formula(
    filled: MoveIndex, diversity: float, difficulties: tuple[str, ...]
) -> None:
    query = make_move(99).embedding
    hits = filled.search(vector=query, diversity=diversity, difficulties=difficulties, duration_s=(8.3, 99), limit=12)
    wanted = MoveFilter(difficulties=difficulties, duration_s=(8.3, 99))
    passing = [move for move in _moves() if _passes(move, wanted)]
    unique = list({move.embedding: move for move in passing}.values())  # of equal ones, either may be first
    names = {move.embedding: move.name for move in unique}
    by_name = {move.name: names[move.embedding] for move in passing}
    expected = _most_relevant(query, unique, 12, diversity)
    found = [by_name[hit.move.name] for hit in hits]
    assert found[:8] == expected[:8]
    similarity = {move.name: float(np.dot(query, move.embedding)) for move in unique}
    np.testing.assert_allclose([hit.similarity for hit in hits], [similarity[name] for name in found], atol=1e-5)


@pytest.mark.parametrize("diversity", [-0.1, 1.1, float("nan")])
def test_a_diversity_that_is_none_is_refused(filled: MoveIndex, diversity: float) -> None:
    with pytest.raises(Poison, match="the diversity is not a number from 0 to 1"):
        filled.search(vector=make_move(1).embedding, diversity=diversity)
    with pytest.raises(Poison, match="varied moves need a vector"):
        filled.search(diversity=0.5)
