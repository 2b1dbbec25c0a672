"""The move index on a real Qdrant server, where a Docker engine can run one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from infra.move_index.edge import EdgeMoveIndex
from infra.move_index.server import QdrantServerMoveIndex
from schemas.base import MediaFacts
from schemas.move_indexed import Dancers, Eight, Move
from tests.paths import PROJECT

pytestmark = [pytest.mark.broker, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
_COMPOSE = PROJECT / "docker-compose.yml"


def _move(number: int) -> Move:
    vector = [0.0] * 512
    vector[number] = 1.0
    clip = MediaFacts(
        sha256=f"{number:064x}", size_bytes=1, kind="video", format="mov", codec="h264", duration_s=8.0, fps=30.0
    )
    return Move(
        clip=clip,
        name=f"clip_{number}",
        move="basic",
        category="basic",
        difficulty="beginner",
        energy=("low", "medium", "high")[number % 3],
        tempo_bpm=100.0 + number,
        beats=tuple(0.5 * beat for beat in range(9)),
        counts=tuple(beat % 8 + 1 for beat in range(9)),
        eights=(Eight(start_beat=0),),
        dancers=Dancers(one=1.0, both=1.0),
        embedding=tuple(vector),
    )


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Yield the URL of a server of the image in docker-compose.yml."""
    if not os.environ.get("DOCKER_HOST") and not Path("/var/run/docker.sock").exists():
        pytest.skip("no Docker engine runs on this machine")
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.waiting_utils import wait_for_logs

    image = yaml.safe_load(_COMPOSE.read_text())["services"]["qdrant"]["image"]
    with DockerContainer(image).with_exposed_ports(6333) as container:
        wait_for_logs(container, "Qdrant HTTP listening", timeout=60)
        yield f"http://{container.get_container_host_ip()}:{container.get_exposed_port(6333)}"


def test_the_server_finds_what_the_embedded_engine_finds(url: str, tmp_path: Path) -> None:
    server, embedded = QdrantServerMoveIndex(url), EdgeMoveIndex(tmp_path / "edge")
    for index in (server, embedded):
        for number in range(30):
            index.upsert(_move(number))
        index.flush()
    assert server.count() == embedded.count() == 30
    assert server.version() == embedded.version()
    server_names, embedded_names = (
        [
            hit.move.name
            for hit in index.search(vector=_move(7).embedding, tempo_bpm=(104.0, 112.0), energies=("medium",), limit=5)
        ]
        for index in (server, embedded)
    )
    assert server_names == embedded_names
    embedded.close()
    server.close()
