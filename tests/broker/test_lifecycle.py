"""Background services: shared by commands, restarted after a kill, and stopped when they are no longer needed."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest

from infra.local_kafka.ports import listens
from infra.move_index.edge import EdgeMoveIndex
from schemas.move_indexed import Move
from tests.broker.conftest import DataFolder, open_to_others, publish_moves, wait_until
from tests.broker.found_dancers import FoundDancers
from tests.unit.infra.moves import MOVES

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.fixture
def new_data_folder(tmp_path: Path) -> Iterator[DataFolder]:
    """Yield a data folder without running services; processes that still use it afterwards are killed."""
    data_folder = DataFolder(tmp_path / "data_folder")
    yield data_folder
    for process in _processes(data_folder):
        process.kill()


def _processes(data_folder: DataFolder) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("BACHATA_DATA_DIR") == str(data_folder.path) and process.is_running():
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if _is_alive(process)]


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _names(data_folder: DataFolder) -> list[str]:
    return [" ".join(process.cmdline()[:4])[:120] for process in _processes(data_folder)]


def _wait_until_nothing_runs(data_folder: DataFolder, within_s: float = 60) -> None:
    deadline = monotonic() + within_s
    while _processes(data_folder) and monotonic() < deadline:
        sleep(0.1)
    assert _names(data_folder) == []


def test_commands_share_services_that_are_restarted_after_a_kill(new_data_folder: DataFolder) -> None:
    """A killed command leaves the services as they are; a service ends with its killed supervisor.

    The worker that starts corrects an index that has other moves than the topics.
    """
    with new_data_folder.up() as up:
        before = sorted(process.pid for process in _processes(new_data_folder))
        assert new_data_folder.bachata("status").json["kafka"] == up.ready["kafka"]
        with new_data_folder.up() as other:
            assert other.ready == up.ready
            other.process.kill()
        assert sorted(process.pid for process in _processes(new_data_folder)) == before
        publish_moves(new_data_folder, MOVES[:3])
        wait_until(lambda: new_data_folder.library()["moves"] == 3, 60)
        library = new_data_folder.library()
        _kill_supervisor(new_data_folder, "worker")
        _add_moves(new_data_folder, MOVES[3:5])
        assert new_data_folder.bachata("moves", "list").exit_code == 0
        wait_until(lambda: new_data_folder.library() == library, 60)
        wait_until(lambda: bool(new_data_folder.health()["ready"]), 60)
        _kill_supervisor(new_data_folder, "kafka")  # not before: the supervisor of the worker restarts Kafka
        assert new_data_folder.bachata("moves", "list").exit_code == 0
        up.process.kill()
    _wait_until_nothing_runs(new_data_folder)


def _kill_supervisor(data_folder: DataFolder, role: str) -> None:
    """Kill the supervisor of a service, and return when the service has ended too."""
    supervisor = json.loads((data_folder.path / "run" / f"{role}.json").read_text())["pid"]
    children = psutil.Process(supervisor).children(recursive=True)
    assert children
    psutil.Process(supervisor).kill()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive


def _add_moves(data_folder: DataFolder, moves: Sequence[Move]) -> None:
    """Add moves to the index of a worker that does not run."""
    index = EdgeMoveIndex(data_folder.path / "state" / "worker-0" / "moves" / "edge")
    index.upsert(*moves)
    index.close()


@pytest.mark.chaos
def test_a_worker_follows_kafka_when_another_program_takes_its_port(new_data_folder: DataFolder) -> None:
    with new_data_folder.up() as up:
        port = int(new_data_folder.kafka.bootstrap.split(":")[1])
        _kill_listener(new_data_folder, port)
        with socket.create_server(("127.0.0.1", port)):
            deadline = monotonic() + 60
            while new_data_folder.bachata("status").json.get("kafka") in {None, up.ready["kafka"]}:
                assert monotonic() < deadline
                sleep(0.1)
    _wait_until_nothing_runs(new_data_folder)


def _kill_listener(data_folder: DataFolder, port: int) -> None:
    [broker] = [process for process in _processes(data_folder) if listens(process.pid, port)]
    broker.kill()
    broker.wait(60)


def test_kafka_runs_from_start_to_stop(new_data_folder: DataFolder) -> None:
    started = new_data_folder.bachata("kafka", "start").json
    assert started["running"]
    assert new_data_folder.bachata("kafka", "status").json == started
    with new_data_folder.up() as up:
        assert new_data_folder.bachata("kafka", "stop").json["reason"] == "kafka_in_use"
    assert up.process.returncode == 0
    assert new_data_folder.bachata("kafka", "stop").json == {"running": False, "bootstrap": None}
    _wait_until_nothing_runs(new_data_folder)


def test_after_a_kill_of_all_processes_nothing_is_recomputed(
    new_data_folder: DataFolder, short_clip: Path, demo_song: Path, found_dancers: FoundDancers
) -> None:
    """The second command starts the services that it needs; they stop after it."""
    with new_data_folder.up():
        annotations = short_clip.parent / "annotations.json"
        with found_dancers.indexing(new_data_folder.path, [short_clip]):
            assert new_data_folder.bachata("index", short_clip, "--annotations", annotations).exit_code == 0
        first = new_data_folder.bachata("generate", demo_song, "--duration", "30s")
        assert first.exit_code == 0, first.stderr
        for process in _processes(new_data_folder):
            process.kill()
    _wait_until_nothing_runs(new_data_folder)
    again = new_data_folder.bachata("generate", demo_song, "--duration", "30s")
    assert again.exit_code == 0, again.stderr
    assert again.json["video"] == first.json["video"]
    assert all(step["cached"] for step in again.json["steps"].values())
    _wait_until_nothing_runs(new_data_folder)
    assert open_to_others(new_data_folder.path) == []
