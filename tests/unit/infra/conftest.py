"""Every kind of move index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from qdrant_client import QdrantClient

from infra.move_index import MoveIndex, QdrantConfig
from infra.move_index.edge import EdgeMoveIndex
from infra.move_index.server import QdrantServerMoveIndex
from tests.chaos.faulty_qdrant_server import FaultyQdrantServer
from tests.qdrant_servers import real_index, real_server


@pytest.fixture(scope="session")
def qdrant_server() -> Iterator[QdrantConfig]:
    """Yield a real Qdrant server, or skip the tests that need one."""
    with real_server() as server:
        yield server


@contextmanager
def _opened(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[MoveIndex]:
    with ExitStack() as servers:
        index: MoveIndex
        if kind == "edge":
            index = EdgeMoveIndex(folder / "edge")
        elif kind == "local":
            index = QdrantServerMoveIndex("http://local", client=QdrantClient(":memory:"))
        elif kind == "http":
            index = QdrantServerMoveIndex(servers.enter_context(FaultyQdrantServer(folder / "http")).url)
        else:
            index = servers.enter_context(real_index(request.getfixturevalue("qdrant_server")))
        yield index
        index.close()


@pytest.fixture(params=["edge", "local", "http", "real"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MoveIndex]:
    """Yield each kind of index: embedded, on the client's local engine, over HTTP, and on a real server."""
    with _opened(request.param, tmp_path, request) as index:
        yield index


@pytest.fixture(scope="module", params=["edge", "local", "http", "real"])
def shared_index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MoveIndex]:
    """Yield each kind of index for all tests of a file."""
    with _opened(request.param, tmp_path_factory.mktemp("shared"), request) as index:
        yield index
