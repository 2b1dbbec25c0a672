"""`bachata qdrant`: what each command says and does, with and without Docker and a server."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from infra.move_index.container import IMAGE
from infra.move_index.edge import EdgeMoveIndex
from infra.move_index.status import index_status
from infra.settings import load_settings
from streams.page.token import read_token
from tests.chaos.faulty_qdrant_server import FaultyQdrantServer
from tests.qdrant_servers import image
from tests.unit.infra.moves import MOVES
from tests.unit.streams.cli.bachata import run

_DOCKER = """#!/bin/sh
echo "$@" >> "$0.calls"
test -n "$QDRANT__SERVICE__API_KEY" && echo "$QDRANT__SERVICE__API_KEY" > "$0.key"
case "$1" in
  version) echo 28.0.0 ;;
  container) test -e "$0.running" && echo '{"Status": "running"}' || exit 1 ;;
  run) touch "$0.running" ;;
  stop) rm "$0.running" ;;
  rm) exit 1 ;;
esac
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FaultyQdrantServer]:
    """Yield a server with the API key `key`."""
    with FaultyQdrantServer(tmp_path / "server", api_key="key") as server:
        yield server


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a program in the place of `docker` that notes its arguments in a file, which is returned."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(_DOCKER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return program.with_name("docker.calls")


def _use(monkeypatch: pytest.MonkeyPatch, server: FaultyQdrantServer, key: str = "key") -> None:
    monkeypatch.setenv("BACHATA_QDRANT_URL", server.url)
    monkeypatch.setenv("BACHATA_QDRANT_API_KEY", key)


def _json(*arguments: str) -> dict[str, Any]:
    done = run("qdrant", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _store_moves() -> Path:
    folder = load_settings().state_dir / "worker-0" / "moves" / "edge"
    index = EdgeMoveIndex(folder)
    index.upsert(*MOVES)
    index.close()
    return folder


@pytest.mark.parametrize("command", ["start", "stop", "restart"])
def test_without_docker_one_line_says_what_to_do(command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = run("qdrant", command, "--json")
    assert json.loads(done.stdout)["reason"] == "docker"
    assert done.stderr.splitlines()[-1].startswith("error: Docker is not installed: start it, or run a Qdrant server")


def test_a_server_of_another_machine_is_neither_started_nor_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACHATA_QDRANT_URL", "https://qdrant.example.org:6333")
    done = run("qdrant", "stop", "--json")
    assert "a server that this command does not start or stop" in json.loads(done.stdout)["error"]


def test_docker_runs_the_image_of_the_compose_file_with_a_key_that_no_process_shows(
    server: FaultyQdrantServer, docker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACHATA_QDRANT_URL", f"http://localhost:{urlsplit(server.url).port}")
    assert _json("start")["running"]
    calls = docker.read_text()
    assert image() == IMAGE
    assert IMAGE in calls
    assert f"127.0.0.1:{urlsplit(server.url).port}:6333" in calls
    assert f"{load_settings().data_dir / 'qdrant'}:/qdrant/storage" in calls
    key = docker.with_name("docker.key").read_text().strip()
    assert len(key) == 43
    assert key not in calls
    assert key != read_token(load_settings().run_dir)
    assert _json("stop") | {"container": ""} == {"running": False, "stopped": True, "container": ""}
    assert not _json("stop")["stopped"]


def test_a_restart_stops_the_container_and_starts_it_again_on_the_same_folder(
    server: FaultyQdrantServer, docker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACHATA_QDRANT_URL", f"http://localhost:{urlsplit(server.url).port}")
    container = _json("start")["container"]
    (before,) = [call for call in docker.read_text().splitlines() if call.startswith("run ")]
    docker.write_text("")
    assert _json("restart")["running"]
    calls = [call for call in docker.read_text().splitlines() if call.split()[0] in {"run", "stop"}]
    assert calls == [f"stop --time 30 {container}", before]
    assert _json("stop")["stopped"]
    docker.write_text("")
    assert _json("restart") | {"folder": ""} == {
        "running": True,
        "url": f"http://localhost:{urlsplit(server.url).port}",
        "container": container,
        "folder": "",
    }
    assert "\nstop " not in docker.read_text(), "a server that does not run is only started"


@pytest.mark.parametrize("damaged", ["edge_config.json", "segments/*/segment.json"])
def test_status_leaves_a_damaged_folder_as_it_is(damaged: str) -> None:
    folder = _store_moves()
    next(folder.glob(damaged)).write_text("garbage")
    for _ in range(2):
        status = index_status(load_settings(), folder.parent)
        assert (status["reachable"], status["moves"]) == (False, None)
        assert "cannot be read" in status["error"]
    assert not list(folder.parent.glob("*.unreadable"))
    assert next(folder.glob(damaged)).read_text() == "garbage"
    index = EdgeMoveIndex(folder)
    assert index.count() == 0, "the worker moves it aside and builds it again"
    index.close()


def test_status_of_a_worker_without_moves_creates_nothing() -> None:
    folder = load_settings().state_dir / "worker-0" / "moves" / "edge"
    for _ in range(2):
        status = index_status(load_settings(), folder.parent)
        assert (status["reachable"], status["moves"], status["error"]) == (True, 0, "")
        assert not list(folder.glob("*"))
        folder.mkdir(parents=True, exist_ok=True)


def test_status_says_what_is_used_and_what_is_wrong(
    server: FaultyQdrantServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _store_moves()
    embedded = _json("status")
    assert (embedded["backend"], embedded["reachable"], embedded["moves"]) == ("embedded", True, len(MOVES))
    _use(monkeypatch, server)
    status = _json("status")
    assert (status["backend"], status["reachable"], status["moves"]) == ("server", True, 0)
    assert (status["url"], status["version"]) == (server.url, server.version)
    assert server.collections() == {}, "to show the state creates nothing"
    _use(monkeypatch, server, "wrong")
    wrong = _json("status")
    assert not wrong["reachable"]
    assert "refuses the key" in wrong["error"]


def test_moves_are_migrated_to_a_server_and_back(server: FaultyQdrantServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert json.loads(run("qdrant", "migrate", "--json").stdout)["reason"] == "settings"
    folder = _store_moves()
    _use(monkeypatch, server)
    assert _json("migrate") == {"points": len(MOVES), "written": len(MOVES), "others": 0}
    folder.rename(folder.with_name("gone"))
    assert _json("migrate", "--back") == {"points": len(MOVES), "written": len(MOVES), "others": 0}
    index = EdgeMoveIndex(folder)
    assert [move.name for move in index.all_moves()] == [move.name for move in MOVES]
    index.close()


def test_a_measurement_leaves_nothing_behind(server: FaultyQdrantServer, monkeypatch: pytest.MonkeyPatch) -> None:
    _use(monkeypatch, server)
    measured = _json("test", "--moves", "60", "--searches", "5")
    assert measured["recall"] == 1.0
    assert measured["index"]["p99_ms"] >= measured["index"]["p50_ms"] > 0
    assert server.collections() == {}, "neither its own collection nor that of the settings"
    monkeypatch.delenv("BACHATA_QDRANT_URL")
    printed = run("qdrant", "test", "--moves", "60", "--searches", "5").stdout
    assert "exact search (numpy)" in printed
    assert not list(load_settings().data_dir.glob("qdrant-test-*"))
