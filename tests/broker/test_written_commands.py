"""The commands and programs in README.md and docs/ run as they are written there, on the demo set.

Two things differ: `generate`, `submit` and `index` run with `--quality fast`, and placeholders are replaced.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agents.media.cut import CutPart, cut
from infra.base.atomic_file import sha256_of
from infra.settings import Settings
from tests.broker.conftest import DataFolder
from tests.commands import server_address
from tests.documents import Block, blocks, shell_lines
from tests.odd_media.marked import song
from tests.paths import BACHATA, PROJECT
from tests.unit.move_indexing.drawn_recording import cache_dancers, write_drawn_recording

pytestmark = [pytest.mark.broker, pytest.mark.slow]
# the tests, containers, installations, what runs until it is stopped
_NOT_RUN = ("make ", "docker ", "pip ", "bachata up", "bachata worker")
_LINES = [line for line in shell_lines() if not line.startswith(_NOT_RUN)]
# those in docs/other-systems.md run in `test_other_systems.py`, those of the client in `test_client_examples.py`
_OF_OTHER_TESTS = {"docs/client.md", "docs/other-systems.md"}
_PROGRAMS = [block for block in blocks("python") if block.document not in _OF_OTHER_TESTS]
_WATCHING = [line for line in _LINES if line.startswith("bachata watch ") and "--once" not in line]  # until stopped
_SHA256_PREFIX = "3f2a91c0"
_DANCES = tuple((6.0 * number + 1, 6.0 * number + 5.5) for number in range(5))  # of class.mp4, seconds
_BACHATA = """#!/bin/sh
# each command runs once as the program itself, then in the server of commands, which has imported it
mkdir "$0.$1" 2>/dev/null && program={bachata} || program="{server}"
case "$1" in
    generate | submit | index) exec $program "$@" --quality fast ;;
    watch) exec {bachata} "$@" ;;
    *) exec $program "$@" ;;
esac
"""
_KCAT = """#!{python}
# What kcat does with -P -F FILE -t TOPIC: each line of standard input becomes a record without key and headers;
# and with -C -e -o beginning -F FILE -t TOPIC -f '%k %s\\n': print key and value of each record of the topic.
import asyncio, sys
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

NAMES = {{
    "bootstrap.servers": "bootstrap_servers",
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.username": "sasl_plain_username",
    "sasl.password": "sasl_plain_password",
}}

def options(file):
    lines = [line.strip() for line in open(file) if not line.startswith("#")]
    return {{NAMES[name]: value for name, _, value in (line.partition("=") for line in lines)}}

async def produce(F, file, t, topic):
    assert (F, t) == ("-F", "-t")
    async with AIOKafkaProducer(**options(file)) as producer:
        for line in sys.stdin:
            await producer.send_and_wait(topic, line.strip().encode())

async def consume(e, o, start, F, file, t, topic, f, form):
    assert (e, o, start, F, t, f, form) == ("-e", "-o", "beginning", "-F", "-t", "-f", r"%k %s\\n")
    async with AIOKafkaConsumer(topic, **options(file), auto_offset_reset="earliest") as consumer:
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for messages in (await consumer.getmany(timeout_ms=500)).values():
                for message in messages:
                    print(message.key.decode(), message.value.decode())

asyncio.run({{"-P": produce, "-C": consume}}[sys.argv[1]](*sys.argv[2:]))
"""


@dataclass(frozen=True)
class _Workspace:
    """A folder with the files that the documents name. `replaced`: values of placeholders, by regular expression."""

    folder: Path
    env: dict[str, str]
    replaced: dict[str, str]

    def run(self, *command: str) -> str:
        """Run a command to its end and return its standard output. It must succeed."""
        completed = subprocess.run(
            command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=240, check=False
        )
        assert completed.returncode == 0, completed.stderr
        return completed.stdout

    def run_line(self, line: str) -> str:
        """Run a shell line of a document."""
        for pattern, value in self.replaced.items():
            line = re.sub(pattern, value, line)
        return self.run("bash", "-e", "-o", "pipefail", "-c", line)


@pytest.fixture(scope="module")
def workspace(
    data_folder: DataFolder,
    library: dict[str, Any],
    library_clips: Path,
    demo_song: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> _Workspace:
    """Return a folder with the demo set under the names of the documents.

    The data folder has a song in an allowed folder, a generated video and a dead letter.
    """
    folder = tmp_path_factory.mktemp("workspace")
    for name in ("clips", "annotations.json"):
        (folder / name).symlink_to(library_clips.parent / name)
    (folder / "data").symlink_to(data_folder.path)
    for target in (folder, folder / "songs", data_folder.path / "songs"):
        target.mkdir(exist_ok=True)
        shutil.copy(demo_song, target / "song.mp3")
    beats = json.loads(demo_song.with_suffix(".json").read_text())["beats"]
    (folder / "list.m3u").write_text("#EXTM3U\nsongs/song.mp3\n")
    (folder / "taps.json").write_text(json.dumps(beats[:16]))
    (folder / "my-rules.toml").write_text("[rules.turns]\nlimit = 2\n")
    made = data_folder.bachata("generate", folder / "song.mp3", "--quality", "fast")
    assert made.exit_code == 0
    failed = data_folder.bachata("generate", PROJECT / "README.md").json
    data_folder.ended(failed["request_id"])
    ids = {r"\bLETTER_ID\b": failed["dead_letter_id"], r"\bREQUEST_ID\b": failed["request_id"]}
    ids |= {r"\bPLAN_ID\b": made.json["request_id"]}
    replaced = ids | {_SHA256_PREFIX: sha256_of(demo_song)[: len(_SHA256_PREFIX)]}
    return _Workspace(folder, _environment(data_folder, folder / "bin"), replaced)


def _environment(data_folder: DataFolder, programs: Path) -> dict[str, str]:
    programs.mkdir()
    server = f"{sys.executable} -I -S {PROJECT / 'tests' / 'command_server.py'} {server_address()}"
    _write_program(programs / "bachata", _BACHATA.format(bachata=BACHATA, server=server))
    if shutil.which("kcat") is None:
        _write_program(programs / "kcat", _KCAT.format(python=sys.executable))
    path = f"{programs}:{os.environ['PATH']}"
    return data_folder.env | {"PATH": path, "PYTHONPATH": str(PROJECT)}


def _write_program(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o755)


def test_there_are_commands_to_run() -> None:
    assert {line.split()[1] for line in _LINES if line.startswith("bachata ")} >= {
        "index",
        "generate",
        "analyze",
        "moves",
        "status",
        "dead-letters",
        "replay",
        "topology",
    }


@pytest.fixture(scope="module")
def class_recording(workspace: _Workspace, data_folder: DataFolder) -> Iterator[None]:
    """Cut a recording of five dances into parts; the dancers of all clips that the documents make of it are cached."""
    file = write_drawn_recording(workspace.folder / "class.mp4", song(_DANCES[-1][1] + 1, 20.0), _DANCES[-1][1] + 1)
    cache_dancers(file, Settings(data_dir=data_folder.path).derived_dir, dances=_DANCES)
    [recording] = data_folder.bachata("index", "--split", file).json["recordings"]
    assert len(recording["parts"]) == len(_DANCES)
    spans = [(part["start_s"], part["end_s"]) for part in recording["parts"]]
    clip = workspace.folder / "part.mp4"
    for start_s, end_s in (*spans, (spans[2][0], spans[3][1])):
        cut(file, CutPart(start_s, end_s, 0), clip)
        cache_dancers(clip, Settings(data_dir=data_folder.path).derived_dir, start_s, _DANCES)
    yield
    parts = data_folder.bachata("moves", "review", file).json["recordings"][0]["parts"]
    clips = [part["clip_sha256"] for part in parts if part["state"] == "accepted"]
    assert not clips or data_folder.bachata("moves", "remove", *clips).exit_code == 0


@pytest.mark.parametrize("line", [line for line in _LINES if line not in _WATCHING])
def test_a_documented_command_runs(workspace: _Workspace, line: str, request: pytest.FixtureRequest) -> None:
    if "class.mp4" in line:
        request.getfixturevalue("class_recording")
    printed = workspace.run_line(line)
    if "--json" in line:
        assert isinstance(json.loads(printed), dict)
    for name in re.findall(r"--(?:out|plot|click|png|video|html) (\S+)", line):
        assert (workspace.folder / name).stat().st_size > 0


@pytest.mark.parametrize("line", _WATCHING)
def test_a_documented_command_runs_until_it_is_stopped(workspace: _Workspace, line: str) -> None:
    command = ["bash", "-c", f"exec {line}"]
    with subprocess.Popen(command, cwd=workspace.folder, env=workspace.env, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        limit = threading.Timer(60, run.kill)
        limit.start()
        assert any(printed.startswith("watching ") for printed in run.stderr)
        run.send_signal(signal.SIGINT)
        assert list(run.stderr)[-1] == "error: stopped\n"
        assert run.wait(60) == 130
        limit.cancel()


def test_the_song_of_the_kcat_line_becomes_a_video(workspace: _Workspace, data_folder: DataFolder) -> None:
    request_id = _request_id(next(line for line in _LINES if "kcat -P" in line))
    assert data_folder.ended(request_id)["outcome"] == "done"


def _request_id(text: str) -> str:
    found = re.search(r"request_id\W+(my-\d)", text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("block", _PROGRAMS, ids=lambda block: block.document)
def test_a_documented_program_runs(workspace: _Workspace, block: Block) -> None:
    printed = workspace.run(sys.executable, "-c", block.text)
    assert ".mp4" in printed or "submit" not in block.text
