"""The service for other programs does the same over a folder, over HTTP and on a real server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from agents.move_indexing.motion.version import VERSION as EMBEDDING_VERSION
from infra.move_index import edge_folder
from infra.move_index.edge import EdgeMoveIndex
from infra.move_index.points import point_id
from infra.settings import load_settings
from schemas.faults import Poison, Unavailable
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import MoveSummary
from streams.client.qdrant_service import QdrantConfig, QdrantEmbeddingService
from tests.chaos.faulty_qdrant_server import FaultyQdrantServer
from tests.qdrant_servers import real_index, real_server
from tests.unit.infra.moves import make_move

_MOVES = [
    make_move(number).annotated(
        MoveAnnotation(category=("turn", "basic")[number % 2], style=("Sensual", "urban")[number % 2])
    )
    for number in range(20)
]


@pytest.fixture(params=["folder", "http", "real"], scope="module")
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[QdrantEmbeddingService]:
    """Yield the service over each kind of Qdrant, with twenty moves."""
    folder = tmp_path_factory.mktemp("qdrant")
    with ExitStack() as servers:
        if request.param == "folder":
            config = QdrantConfig(folder=folder)
        elif request.param == "http":
            url = servers.enter_context(FaultyQdrantServer(folder, api_key="key")).url
            config = QdrantConfig.of_url(url, api_key="key")
        else:
            index = servers.enter_context(real_index(servers.enter_context(real_server())))
            config = index.config
        service = servers.enter_context(QdrantEmbeddingService(config))
        service.store_move_embeddings(_MOVES)
        yield service


def test_moves_are_stored_found_and_deleted(service: QdrantEmbeddingService) -> None:
    move = make_move(77)
    stored = service.store_move_embedding(move)
    assert stored == service.store_move_embedding(move) == point_id(move.clip.sha256)
    found = service.get_move(move.clip.sha256)
    assert found is not None
    assert found.summary() == move.summary()
    assert service.stats()["moves"] == len(_MOVES) + 1
    assert service.delete_move(move.clip.sha256)
    assert not service.delete_move(move.clip.sha256)
    assert service.get_move(move.clip.sha256) is None


def test_a_search_as_the_earlier_documentation_has_it(service: QdrantEmbeddingService) -> None:
    results = service.search_similar_moves(
        query_embedding=_MOVES[4].embedding, limit=10, tempo_range=(100, 140), difficulty="intermediate"
    )
    assert results[0].move == _MOVES[4].summary()
    assert results[0].similarity == pytest.approx(1.0, abs=1e-5)
    assert {move.difficulty for move, _ in results} == {"intermediate"}
    assert len(results) == len([move for move in _MOVES if move.difficulty == "intermediate"])
    assert results.softened == ()
    as_array = service.search_similar_moves(np.array(_MOVES[4].embedding, np.float32), difficulty="intermediate")
    assert as_array[0].move == _MOVES[4].summary()


def _names(moves: Sequence[MoveSummary]) -> list[str]:
    return sorted(move.name for move in moves)


@pytest.mark.parametrize(
    ("conditions", "softened"),
    [
        ({"style": "sensual"}, ()),
        ({"style": "nothing"}, ("style",)),
        ({"style": "urban", "category": "turn"}, ("style",)),
        ({"style": "sensual", "role": "both", "energy": "low"}, ("role",)),
        ({"style": "sensual", "category": "turn", "duration_range": (90, 99)}, ("duration_range",)),
        ({"tempo_range": (121, 125), "difficulty": "beginner"}, ("tempo_range",)),
        ({"tempo_range": (300, 400), "difficulty": "beginner"}, ("tempo_range",)),
        ({"style": "nothing", "role": "both", "tempo_range": (300, 400)}, ("style", "role", "tempo_range")),
    ],
    ids=str,
)
def test_conditions_are_softened_in_their_order_and_the_answer_says_which(
    service: QdrantEmbeddingService, conditions: dict[str, Any], softened: tuple[str, ...]
) -> None:
    results = service.search_similar_moves(_MOVES[0].embedding, limit=100, **conditions)
    assert results.softened == softened
    assert len(results) > 0
    rest = {name: value for name, value in conditions.items() if name not in softened}
    if "tempo_range" not in softened:
        assert results.hits == service.search_similar_moves(_MOVES[0].embedding, 100, **rest, soften=False).hits
    strict = service.search_similar_moves(_MOVES[0].embedding, limit=100, **conditions, soften=False)
    assert len(strict) == (0 if softened else len(results))


def test_a_tempo_is_widened_before_it_is_dropped(service: QdrantEmbeddingService) -> None:
    results = service.search_similar_moves(limit=100, tempo_range=(121, 125))
    assert results.applied.tempo_bpm == pytest.approx((121 * 0.85, 125 * 1.15))
    assert {move.tempo_bpm for move, _ in results} == {
        move.tempo_bpm for move in _MOVES if move.tempo_bpm >= 121 * 0.85
    }
    assert service.search_similar_moves(tempo_range=(300, 400)).applied.tempo_bpm is None


def test_a_move_finds_similar_ones_without_itself(service: QdrantEmbeddingService) -> None:
    by_move, by_clip = service.search_by_move(_MOVES[3], 5), service.search_by_move(_MOVES[3].clip.sha256, 5)
    assert by_move.hits == by_clip.hits
    expected = sorted(_MOVES, key=lambda move: -float(np.dot(move.embedding, _MOVES[3].embedding)))[1:6]
    assert [hit.move.name for hit in by_move] == [move.name for move in expected]
    with pytest.raises(Poison, match="no move of the clip"):
        service.search_by_move("ab" * 32)


def test_a_move_is_left_out_before_its_conditions_are_softened(service: QdrantEmbeddingService) -> None:
    only = make_move(50).annotated(MoveAnnotation(category="dips", style="Sensual"))
    service.store_move_embedding(only)
    try:
        others = service.search_by_move(only, 5, category="dips", style="sensual")
        assert len(others) == 5
        assert others.softened == ("category",)
        assert {move.annotation.style for move, _ in others if move.annotation} == {"Sensual"}
        assert only.name not in {move.name for move, _ in others}
        assert len(service.search_by_move(only, 5, category="dips", soften=False)) == 0
        without = [only.clip.sha256, *(move.clip.sha256 for move in _MOVES[:15])]
        found = service.search_similar_moves(only.embedding, 20, without=without, category="dips")
        assert _names([hit.move for hit in found]) == _names(_MOVES[15:])
    finally:
        service.delete_move(only.clip.sha256)


def test_moves_of_other_embedding_versions_are_left_out_and_none_is_missing_for_them(
    service: QdrantEmbeddingService,
) -> None:
    assert _MOVES[0].embedding_version != EMBEDDING_VERSION
    new = [make_move(number).model_copy(update={"embedding_version": EMBEDDING_VERSION}) for number in range(60, 64)]
    before = service.search_similar_moves(_MOVES[0].embedding, 5)
    assert before[0].move == _MOVES[0].summary(), "without any move of this version, others are compared"
    service.store_move_embeddings(new)
    try:
        for found in (
            service.search_similar_moves(_MOVES[0].embedding, 5),
            service.search_by_song(_MOVES[0].embedding[384:], 5),
            service.search_by_song(_MOVES[0].embedding[384:], 5, tempo_range=(300, 400)),
        ):
            assert _names([hit.move for hit in found]) == _names(new)
        assert len(service.search_similar_moves(_MOVES[0].embedding, 5, tempo_range=(300, 400), soften=False)) == 0
        old = service.search_similar_moves(_MOVES[0].embedding, 5, embedding_version=1)
        assert old.hits == before.hits
        assert service.search_by_move(_MOVES[0], 4).hits == before.hits[1:]
        assert len(service.search_similar_moves(limit=100)) == len(_MOVES) + len(new), "no vector, no comparison"
    finally:
        for move in new:
            service.delete_move(move.clip.sha256)


def test_a_song_finds_moves_by_their_music(service: QdrantEmbeddingService) -> None:
    song = np.array(_MOVES[5].embedding[384:])
    results = service.search_by_song([float(value) for value in song / np.linalg.norm(song)], 20, energy="medium")
    assert (
        results[0].move.name
        == max(
            (move for move in _MOVES if move.energy == "medium"),
            key=lambda move: float(np.dot(move.embedding[384:], song)),
        ).name
    )
    with pytest.raises(Poison, match="128 values"):
        service.search_by_song([0.1] * 512)


def test_varied_moves_are_other_ones(service: QdrantEmbeddingService) -> None:
    near = service.search_similar_moves(_MOVES[0].embedding, 8)
    varied = service.search_similar_moves(_MOVES[0].embedding, 8, diversity=0.7)
    assert near[0] == varied[0]
    assert _names([hit.move for hit in near]) != _names([hit.move for hit in varied])


def test_stats_count_the_moves(service: QdrantEmbeddingService) -> None:
    stats = service.stats()
    assert stats["category"] == {"turn": 10, "basic": 10}
    assert stats["tempo_range"] == (100.0, 119.0)
    assert stats["vector_size"] == 512
    assert stats["qdrant"]["backend"] in {"embedded", "server"}


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"vector_size": 128}, "vector_size is 128"),
        ({"distance_metric": "Dot"}, "moves are compared by Cosine"),
        ({"timeout_s": 0}, "more than 0"),
    ],
)
def test_a_config_that_moves_cannot_be_stored_with_is_refused(values: dict[str, Any], problem: str) -> None:
    with pytest.raises(Poison, match=problem):
        QdrantConfig(**values)


def test_the_config_of_the_earlier_documentation_is_valid_and_hides_its_key() -> None:
    config = QdrantConfig(
        host="localhost", port=6333, collection_name="bachata_moves", vector_size=512, distance_metric="Cosine"
    )
    assert config == QdrantConfig()
    assert QdrantConfig(host="db", tls=True).url == "https://db:6333"
    assert "secret" not in repr(QdrantConfig(api_key="secret"))


def test_without_a_config_and_a_server_the_moves_are_in_a_folder_of_their_own() -> None:
    folder = load_settings().data_dir / "embeddings"
    with QdrantEmbeddingService() as service:
        service.store_move_embedding(_MOVES[0])
        assert folder.stat().st_mode & 0o777 == 0o700
        with QdrantEmbeddingService() as second, pytest.raises(Unavailable, match="another process has the move index"):
            second.stats()
        assert service.stats()["qdrant"]["folder"] == str(folder)
    worker = EdgeMoveIndex(edge_folder(load_settings().state_dir / "worker-0" / "moves"))
    with closing(worker), QdrantEmbeddingService() as service:
        assert worker.count() == 0
        assert service.search_similar_moves(_MOVES[0].embedding)[0].move == _MOVES[0].summary()


def test_without_a_config_the_server_of_the_settings_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultyQdrantServer(tmp_path, api_key="key") as server:
        monkeypatch.setenv("BACHATA_QDRANT_URL", server.url)
        monkeypatch.setenv("BACHATA_QDRANT_API_KEY", "key")
        with QdrantEmbeddingService() as service:
            service.store_move_embedding(_MOVES[0])
            assert service.stats()["qdrant"]["url"] == server.url
    assert not (load_settings().data_dir / "embeddings").exists()


def test_a_wrong_key_is_reported_and_can_be_corrected(tmp_path: Path) -> None:
    with FaultyQdrantServer(tmp_path, api_key="right") as server:
        wrong = QdrantEmbeddingService(QdrantConfig.of_url(server.url, api_key="wrong"))
        with wrong, pytest.raises(Unavailable, match="401") as caught:
            wrong.store_move_embedding(_MOVES[0])
        assert caught.value.reason == "qdrant_refuses"
        with QdrantEmbeddingService(QdrantConfig.of_url(server.url, api_key="right")) as service:
            service.store_move_embedding(_MOVES[0])
    assert server.calls > 1


def test_host_and_port_name_the_server_and_the_name_its_collection(tmp_path: Path) -> None:
    with FaultyQdrantServer(tmp_path) as server:
        address = urlsplit(server.url)
        counts: list[int] = []
        for collection in ("mine", "of_others", "mine"):
            config = QdrantConfig(host=str(address.hostname), port=int(address.port or 0), collection_name=collection)
            with QdrantEmbeddingService(config) as service:
                if not counts:
                    service.store_move_embedding(_MOVES[0])
                counts.append(service.stats()["moves"])
    assert counts == [1, 0, 1]


def test_a_collection_of_other_vectors_is_named(tmp_path: Path) -> None:
    with FaultyQdrantServer(tmp_path) as server:
        server.add_plain_collection("bachata_moves", 128)
        service = QdrantEmbeddingService(QdrantConfig.of_url(server.url))
        with service, pytest.raises(Unavailable, match="has vectors of 128 values"):
            service.stats()
