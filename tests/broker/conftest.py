"""A real Kafka and worker, shared by the tests of this folder, and the command line, run as a program."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from infra.kafka_connection import KafkaConnection
from infra.settings import Settings
from schemas.move_indexed import Move, MoveIndexed
from streams.envelope import Record
from streams.ids import new_request_id
from streams.kafka import partition_of_key
from streams.local.services import running_kafka, running_worker
from streams.operations import library_events
from streams.stage.dead_letters import dead_letter_id
from streams.topics import MOVE_INDEXED, PARTITIONS
from tests.broker.found_dancers import FoundDancers
from tests.commands import run_bachata
from tests.odd_media.windows import copy_start
from tests.paths import BACHATA, DEMO

pytestmark = pytest.mark.broker
_OF_THE_USER = ("songs", "moves")
_LIBRARY = ("basic_side", "body_roll", "hammerlock", "hip_roll")  # of each difficulty and energy
_AFTER_EIGHT_S = 0.4  # of each clip of the library
_SHORT_CLIP_S = 4.5  # a whole eight of the demo clip, and another content than that of the library
# The host and port that songs may be fetched from: an address of this machine that no other process of tests uses.
SONG_SERVER = (f"127.7.{os.getpid() // 256 % 256}.{os.getpid() % 254 + 1}", 8700)


@dataclass(frozen=True)
class CommandResult:
    """The exit code and the output of a command; `json` is its standard output."""

    exit_code: int
    stderr: str
    json: dict[str, Any]


@dataclass(frozen=True)
class DataFolder:
    """A data folder, and the commands that use it."""

    path: Path

    @property
    def env(self) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BACHATA_")}
        cache = {name: os.environ[name] for name in ("BACHATA_CACHE_DIR",) if name in os.environ}
        proxy = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")  # must never be used
        urls = {"BACHATA_URL_HOSTS": f"{SONG_SERVER[0]}:{SONG_SERVER[1]}", "BACHATA_URL_PRIVATE": "1"}
        folders = {"BACHATA_DATA_DIR": str(self.path), "BACHATA_ALLOWED_ROOTS": str(self.path / "songs")}
        return environment | cache | folders | urls | proxy | {"BACHATA_API": self.api}

    @property
    def api(self) -> str:
        """Return the host and port of the HTTP API of the folder's worker."""
        return f"{SONG_SERVER[0]}:{8710 + (self.path.name[:5] == 'empty')}"

    @property
    def watched(self) -> tuple[Path, Path]:
        """Return the folders that `bachata up` watches."""
        first, second = (self.path.with_name(f"{self.path.name}_watched_{number}") for number in (1, 2))
        return first, second

    @property
    def kafka(self) -> KafkaConnection:
        """Return the local Kafka, which must run."""
        kafka = running_kafka(Settings(data_dir=self.path))
        assert kafka is not None
        return kafka

    def bachata(self, *arguments: str | Path, timeout: float = 240) -> CommandResult:
        """Run a command with --json, at most `timeout` seconds; its standard output must be one JSON object."""
        completed = run_bachata(*arguments, "--json", env=self.env, timeout_s=timeout)
        return CommandResult(completed.returncode, completed.stderr, json.loads(completed.stdout))

    def ended(self, request_id: str) -> dict[str, Any]:
        """Return the JSON of `status` when it has a request's outcome: it may be half a second behind."""
        found: dict[str, Any] = {}

        def has_outcome() -> bool:
            found.update(self.bachata("status", request_id).json)
            return found.get("outcome") is not None

        wait_until(has_outcome, 120)
        return found

    def health(self) -> dict[str, Any]:
        """Return the JSON of the worker's `/readyz`."""
        worker = running_worker(Settings(data_dir=self.path))
        assert worker is not None
        return worker.health()

    def library(self) -> dict[str, Any]:
        """Return the version and the number of moves of the worker's library."""
        worker = running_worker(Settings(data_dir=self.path))
        assert worker is not None
        found: dict[str, Any] = worker.get("/library")
        return found

    @contextmanager
    def up(self) -> Iterator[Up]:
        """Start `bachata up` and yield it when it is ready; end it with SIGTERM afterwards, unless it ended before."""
        for folder in self.watched:
            folder.mkdir(exist_ok=True)
        command = [str(BACHATA), "up", "--json"]
        env = self.env | {"BACHATA_WATCH": ":".join(map(str, self.watched))}
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                yield Up(process, json.loads(process.stdout.readline()))
            finally:
                process.terminate()
                process.wait(60)


@dataclass(frozen=True)
class Up:
    """A running `bachata up`, and the JSON object that it prints when it is ready."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]


def sent_letter_id(sent: Any, key: bytes | None, value: bytes | None, step: str = "intake") -> str:
    """Return the id of the dead letter of a record; `sent` is what aiokafka's producer returned for it."""
    return dead_letter_id(
        Record(sent.topic, sent.partition, sent.offset, key, value, timestamp_ms=sent.timestamp), step
    )


def request_in_partition_of(request_id: str) -> str:
    """Return a new request id with the same partition: control events of the two are carried out in order."""
    partition = partition_of_key(request_id.encode(), PARTITIONS)
    return next(new for new in iter(new_request_id, "") if partition_of_key(new.encode(), PARTITIONS) == partition)


def publish_moves(folder: DataFolder, moves: Sequence[Move]) -> None:
    """Write the events of indexed moves, as the step that indexes writes them."""
    events = [MoveIndexed(request_id="r", move=move).model_dump_json().encode() for move in moves]
    values = zip([move.clip.sha256 for move in moves], events, strict=True)
    asyncio.run(library_events._publish(folder.kafka, MOVE_INDEXED, "indexed", values))


def wait_until(condition: Callable[[], bool], timeout_s: float) -> None:
    """Return when the condition is true. Raises: `AssertionError` if it is not within the seconds."""
    deadline = monotonic() + timeout_s
    while not condition():
        assert monotonic() < deadline, "too late"
        sleep(0.05)


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataFolder]:
    """Yield a data folder whose Kafka and worker run during all tests of this process."""
    data_folder = DataFolder(tmp_path_factory.mktemp("data_folder"))
    with data_folder.up() as up:
        assert up.ready["ready"]
        yield data_folder
    assert up.process.returncode == 0
    assert open_to_others(data_folder.path) == []


def open_to_others(folder: Path) -> list[str]:
    """Return what other users could use in a data folder; the user's own songs and moves are left out."""
    files = [folder, *(file for file in folder.rglob("*") if file.relative_to(folder).parts[0] not in _OF_THE_USER)]
    found = []
    for file in files:
        with suppress(FileNotFoundError):  # the worker may still be removing its files
            mode = file.lstat().st_mode
            found += [f"{file} {stat.filemode(mode)}"] if mode & 0o077 else []
    return found


@pytest.fixture(scope="session")
def empty_data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataFolder]:
    """Yield another data folder with a separate Kafka and worker; no clip is indexed in it."""
    folder = DataFolder(tmp_path_factory.mktemp("empty_data_folder"))
    with folder.up():
        yield folder


@pytest.fixture(scope="session")
def short_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of the first eight of a demo clip; `annotations.json` beside it has its annotation."""
    clip = tmp_path_factory.mktemp("short_clip") / "basic_short.mp4"
    copy_start(DEMO / "clips" / "basic_side.mp4", clip, _SHORT_CLIP_S)
    annotations = json.loads((DEMO / "annotations.json").read_text())
    [annotation] = [entry for entry in annotations["clips"] if entry["clip_id"] == "basic_side"]
    named = annotation | {"clip_id": clip.stem, "video_path": clip.name}
    (clip.parent / "annotations.json").write_text(json.dumps(annotations | {"clips": [named]}))
    return clip


@pytest.fixture(scope="session")
def found_dancers(tmp_path_factory: pytest.TempPathFactory) -> FoundDancers:
    """Return the dancers that are found once in a run of tests."""
    root = tmp_path_factory.getbasetemp()
    folder = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "found_dancers"
    folder.mkdir(exist_ok=True, mode=0o700)
    return FoundDancers(folder)


@pytest.fixture(scope="session")
def one_move(data_folder: DataFolder, short_clip: Path, found_dancers: FoundDancers) -> dict[str, Any]:
    """Index one clip and return the JSON of `index`."""
    with found_dancers.indexing(data_folder.path, [short_clip]):
        result = data_folder.bachata("index", short_clip, "--annotations", short_clip.parent / "annotations.json")
    assert result.exit_code == 0, result.stderr
    return result.json


@pytest.fixture(scope="session")
def library_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder `clips` with the first eight of some demo clips; `annotations.json` is beside it."""
    clips = tmp_path_factory.mktemp("library") / "clips"
    clips.mkdir()
    for name in _LIBRARY:
        source = DEMO / "clips" / f"{name}.mp4"
        end_s = json.loads(source.with_suffix(".json").read_text())["beats"][8] + _AFTER_EIGHT_S
        copy_start(source, clips / source.name, end_s)
    annotations = json.loads((DEMO / "annotations.json").read_text())
    found = [entry for entry in annotations["clips"] if entry["clip_id"] in _LIBRARY]
    (clips.parent / "annotations.json").write_text(json.dumps(annotations | {"clips": found}))
    return clips


@pytest.fixture(scope="session")
def library(data_folder: DataFolder, library_clips: Path, found_dancers: FoundDancers) -> dict[str, Any]:
    """Index some demo clips and return the JSON of `index`."""
    annotations = library_clips.parent / "annotations.json"
    with found_dancers.indexing(data_folder.path, sorted(library_clips.glob("*.mp4"))):
        result = data_folder.bachata("index", library_clips, "--annotations", annotations)
    assert result.exit_code == 0, result.stderr
    return result.json


@pytest.fixture(scope="session")
def demo_song() -> Path:
    """Return the path of a demo song."""
    return sorted((DEMO / "songs").glob("*.mp3"))[0]
