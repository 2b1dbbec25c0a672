"""No search makes the embedded index set its folder aside, whatever its vector, filter and limit are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import qdrant_edge as qe
from hypothesis import example, given, settings
from hypothesis import strategies as st

from infra.move_index.edge import EdgeMoveIndex
from infra.move_index.filters import MoveFilter
from schemas.faults import Poison
from tests.unit.infra.moves import MOVES, fill


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the index."""
    return tmp_path_factory.mktemp("moves") / "edge"


@pytest.fixture(scope="module")
def edge(folder: Path) -> Iterator[EdgeMoveIndex]:
    """Yield the embedded index with 30 moves."""
    index = EdgeMoveIndex(folder)
    fill(index)
    yield index
    index.close()


def assert_complete(index: EdgeMoveIndex, folder: Path) -> None:
    """Assert that the index has all its moves still and was not set aside."""
    assert index.count() == len(MOVES)
    assert not folder.with_name("edge.unreadable").exists()


_NUMBERS = st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, 5e-324, 1e308])
_TEXTS = st.lists(
    st.sampled_from(["beginner", "low", "high"]) | st.text(st.characters(exclude_categories=[])), max_size=4
)


@given(
    tempo=st.none() | st.tuples(_NUMBERS, _NUMBERS),
    difficulties=_TEXTS,
    energies=_TEXTS,
    limit=st.integers(-3, 40) | st.integers(),
    vector=st.none() | st.lists(_NUMBERS, max_size=2).map(lambda ends: [*ends, *(512 - len(ends)) * (0.1,)]),
)
@example(tempo=(math.nan, math.nan), difficulties=[], energies=[], limit=5, vector=None)
@example(tempo=None, difficulties=["\ud800"], energies=[], limit=2**70, vector=[0.0] * 512)
@settings(max_examples=150)
def test_no_search_sets_the_index_aside(
    edge: EdgeMoveIndex, folder: Path, tempo: Any, difficulties: Any, energies: Any, limit: int, vector: Any
) -> None:
    try:
        hits = edge.search(vector=vector, tempo_bpm=tempo, difficulties=difficulties, energies=energies, limit=limit)
        assert len(hits) <= min(limit, len(MOVES))
    except Poison as fault:
        assert fault.reason == "invalid_query"  # noqa: PT017 - most searches are valid
    assert_complete(edge, folder)


@pytest.mark.parametrize(
    "query",
    [
        {"tempo_bpm": (math.nan, math.nan)},
        {"tempo_bpm": (1.0, math.inf)},
        {"tempo_bpm": (135.0, 120.0)},
        {"tempo_bpm": (1.0, 2.0, 3.0)},
        {"limit": 0},
        {"limit": -1},
        {"limit": 2.5},
        {"vector": ()},
        {"vector": (0.1,) * 511},
        {"vector": (math.nan,) * 512},
        {"vector": (1e30,) * 512},
        {"difficulties": ("beginner",) * 101},
        {"energies": (7,)},
    ],
    ids=str,
)
def test_a_query_that_is_not_valid_is_refused_before_the_engine_gets_it(edge: EdgeMoveIndex, query: Any) -> None:
    with pytest.raises(Poison, match="the search is not valid"):
        edge.search(**query)


@pytest.mark.parametrize(
    "wanted",
    [
        {"embedding_version": "2"},
        {"embedding_version": 1.5},
        {"embedding_version": 0},
        {"embedding_version": 10**400},
        {"names": ("\ud800",)},
        {"names": (7,)},
        {"names": ("clip",) * 101},
        {"without_clips": (None,)},
        {"without_clips": ("ab" * 32,) * 101},
    ],
    ids=lambda wanted: str(wanted)[:40],
)
def test_a_filter_that_is_not_valid_is_refused_before_the_engine_gets_it(edge: EdgeMoveIndex, wanted: Any) -> None:
    with pytest.raises(Poison, match="the search is not valid"):
        edge.find(MoveFilter(**wanted), None, 5)


def test_a_huge_limit_returns_all(edge: EdgeMoveIndex) -> None:
    assert len(edge.search(limit=2**80)) == len(edge.search(vector=MOVES[0].embedding, limit=2**80)) == len(MOVES)


@pytest.mark.parametrize(
    "call",
    [
        lambda edge: edge._nearest(MOVES[0].embedding, MoveFilter((math.nan, math.nan)), 5),  # the engine panics
        lambda edge: edge._scroll(None, 5, MoveFilter((1.0, math.nan))),
        lambda edge: edge._nearest((0.1,) * 3, MoveFilter(), 5),
        lambda edge: edge._read(lambda shard: shard.retrieve(["no uuid"], with_payload=False, with_vector=False)),
    ],
)
def test_a_call_that_the_engine_cannot_answer_is_not_a_broken_index(
    edge: EdgeMoveIndex, folder: Path, call: Callable[[EdgeMoveIndex], object]
) -> None:
    edge.count()
    with pytest.raises(Poison) as caught:
        call(edge)
    assert caught.value.reason == "invalid_query"
    assert_complete(edge, folder)
    assert isinstance(edge._engine, qe.EdgeShard)
