"""A real Qdrant server for tests: the one of BACHATA_TEST_QDRANT_URL, else a container where Docker is."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from infra.move_index.config import GRPC_PORT, HTTP_PORT, QdrantConfig
from infra.move_index.server import QdrantServerMoveIndex
from tests.paths import PROJECT

_API_KEY = "key-of-tests"
_grpc_ports: dict[str, int] = {}  # of real servers, by their URL


@contextmanager
def real_server() -> Iterator[QdrantConfig]:
    """Yield the config of a real server; skip the test, with the reason, where there is none."""
    url = os.environ.get("BACHATA_TEST_QDRANT_URL")
    if url:
        yield QdrantConfig.of_url(url, api_key=os.environ.get("BACHATA_TEST_QDRANT_API_KEY"), timeout_s=30.0)
        return
    if not os.environ.get("DOCKER_HOST") and not Path("/var/run/docker.sock").exists():
        pytest.skip("no Docker engine runs on this machine, and BACHATA_TEST_QDRANT_URL is not set")
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.waiting_utils import wait_for_logs

    container = DockerContainer(image()).with_exposed_ports(HTTP_PORT, GRPC_PORT)
    container = container.with_env("QDRANT__SERVICE__API_KEY", _API_KEY)
    try:
        container.start()
    except Exception as error:  # noqa: BLE001 - of the library that Docker's is built on, or of Docker
        pytest.skip(f"Docker cannot run {image()}: {error}")
    try:
        wait_for_logs(container, "Qdrant HTTP listening", timeout=60)
        host, port = container.get_container_host_ip(), int(container.get_exposed_port(HTTP_PORT))
        config = QdrantConfig(host=host, port=port, api_key=_API_KEY, timeout_s=30.0)
        _grpc_ports[config.url] = int(container.get_exposed_port(GRPC_PORT))
        yield config
    finally:
        container.stop()


def over_grpc(server: QdrantConfig) -> QdrantConfig:
    """Return the config of a real server over gRPC; skip the test where it cannot be reached so."""
    port = _grpc_ports.get(server.url, int(os.environ.get("BACHATA_TEST_QDRANT_GRPC_PORT", GRPC_PORT)))
    try:
        socket.create_connection((server.host.strip("[]"), port), timeout=5).close()
    except OSError as error:
        pytest.skip(f"{server.host}:{port} is no gRPC port of Qdrant (BACHATA_TEST_QDRANT_GRPC_PORT): {error}")
    return replace(server, grpc_port=port)


@contextmanager
def real_index(server: QdrantConfig) -> Iterator[QdrantServerMoveIndex]:
    """Yield an index over a collection of its own, which is deleted at the end."""
    index = QdrantServerMoveIndex(replace(server, collection_name=f"test_{uuid.uuid4().hex}"))
    try:
        yield index
    finally:
        index._client.delete_collection(index._collections.used())
        index.close()


def image() -> str:
    """Return the image of docker-compose.yml."""
    return str(yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]["qdrant"]["image"])
