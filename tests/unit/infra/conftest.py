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
from tests.qdrant_servers import over_grpc, real_index, real_server

_KINDS = ["edge", "local", "http", "real", "real-grpc"]


@pytest.fixture(scope="session")
def qdrant_server() -> Iterator[QdrantConfig]:
    """Yield a real Qdrant server, or skip the tests that need one."""
    with real_server() as server:
        yield server


@pytest.fixture
def qdrant(tmp_path: Path) -> Iterator[FaultyQdrantServer]:
    """Yield a server, at first without faults."""
    with FaultyQdrantServer(tmp_path / "server") as qdrant:
        yield qdrant


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
            server = request.getfixturevalue("qdrant_server")
            index = servers.enter_context(real_index(over_grpc(server) if kind == "real-grpc" else server))
        yield index
        index.close()


@pytest.fixture(params=_KINDS)
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MoveIndex]:
    """Yield each kind of index: embedded, on the client's local engine, over HTTP, and on a real server."""
    with _opened(request.param, tmp_path, request) as index:
        yield index


@pytest.fixture(scope="module", params=_KINDS)
def shared_index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MoveIndex]:
    """Yield each kind of index for all tests of a file."""
    with _opened(request.param, tmp_path_factory.mktemp("shared"), request) as index:
        yield index


@pytest.fixture(name="real_index", params=["real", "real-grpc"])
def index_on_real_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MoveIndex]:
    """Yield an index on a real server, over HTTP and over gRPC."""
    with _opened(request.param, tmp_path, request) as index:
        yield index
