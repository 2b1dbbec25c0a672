"""What runs in the background: shared, found again after a kill, and never left behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest

from tests.broker.conftest import Home

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Home]:
    """A data folder of its own; whatever still runs for it afterwards is ended."""
    home = Home(tmp_path / "own")
    yield home
    for process in _processes(home):
        process.kill()


def _processes(home: Home) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("BACHATA_DATA_DIR") == str(home.folder) and process.is_running():
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if _is_alive(process)]


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _names(home: Home) -> list[str]:
    return [" ".join(process.cmdline()[:4])[:120] for process in _processes(home)]


def _wait_until_nothing_runs(home: Home, within_s: float = 30) -> None:
    deadline = monotonic() + within_s
    while _processes(home) and monotonic() < deadline:
        sleep(0.1)
    assert _names(home) == []


def test_a_command_starts_what_it_needs_and_leaves_nothing_behind(own: Home) -> None:
    answer = own.bachata("moves", "list")
    assert answer.json == {"moves": []}
    _wait_until_nothing_runs(own)


def test_commands_share_what_the_first_started_though_one_is_killed(own: Home) -> None:
    with own.up() as up:
        before = sorted(process.pid for process in _processes(own))
        assert own.bachata("status").json["kafka"] == up.said["kafka"]
        with own.up() as other:
            assert other.said == up.said
            other.process.kill()
        assert sorted(process.pid for process in _processes(own)) == before
    assert up.process.returncode == 0
    _wait_until_nothing_runs(own)


def test_a_killed_keeper_takes_its_service_along_and_another_comes(own: Home) -> None:
    with own.up() as up:
        for which in ("kafka", "worker"):
            _kill_keeper(own, which)
            assert own.bachata("moves", "list").status == 0
        up.process.kill()
    _wait_until_nothing_runs(own)


def _kill_keeper(home: Home, which: str) -> None:
    """Kill the process that keeps a service, and return when the service is gone too."""
    keeper = json.loads((home.folder / "run" / f"{which}.json").read_text())["pid"]
    children = psutil.Process(keeper).children(recursive=True)
    assert children
    psutil.Process(keeper).kill()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive


def test_kafka_stays_when_told_and_goes_when_told(own: Home) -> None:
    started = own.bachata("kafka", "start").json
    assert started["running"]
    assert own.bachata("kafka", "status").json == started
    with own.up():
        assert own.bachata("kafka", "stop").json["reason"] == "kafka_in_use"
    assert own.bachata("kafka", "stop").json == {"running": False, "bootstrap": None}
    _wait_until_nothing_runs(own)


def test_after_a_kill_of_everything_nothing_is_computed_again(own: Home, demo_song: Path) -> None:
    demo = demo_song.parents[1]
    with own.up():
        clip = demo / "clips" / "basic_side.mp4"
        assert own.bachata("index", clip, "--annotations", demo / "annotations.json").status == 0
        first = own.bachata("generate", demo_song, "--duration", "30s", "--quality", "fast")
        assert first.status == 0, first.said
        for process in _processes(own):
            process.kill()
    _wait_until_nothing_runs(own)
    again = own.bachata("generate", demo_song, "--duration", "30s", "--quality", "fast")
    assert again.status == 0, again.said
    assert again.json["video"] == first.json["video"]
    assert all(step["cached"] for step in again.json["steps"].values())
