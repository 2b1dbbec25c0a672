"""The examples for other systems in docs/other-systems.md run as they are written there, on a real Kafka and worker.

Each program submits a song and prints its outcome; it uses nothing of this project.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from infra.kafka_jars import installed_class_path
from infra.settings import Settings
from tests.broker.conftest import DataFolder
from tests.documents import Block, blocks
from tests.paths import PROJECT

pytestmark = [pytest.mark.broker, pytest.mark.slow]
_DOCUMENT = "docs/other-systems.md"
_TIMEOUT_S = 120.0


def _examples(language: str) -> list[Block]:
    return [block for block in blocks(language) if block.document == _DOCUMENT]


@pytest.fixture(scope="module")
def folder(
    data_folder: DataFolder, library: dict[str, Any], demo_song: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a folder in which `data` is that of a running Kafka and worker, with the song of the examples."""
    folder = tmp_path_factory.mktemp("other_systems")
    (folder / "data").symlink_to(data_folder.path)
    (data_folder.path / "songs").mkdir(exist_ok=True)
    shutil.copy(demo_song, data_folder.path / "songs" / "song.mp3")
    return folder


def _program(name: str) -> str:
    """Return the path of a program; skip the test where it is not installed."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not on this machine")
    return path


def _run(folder: Path, *command: str | Path, timeout_s: float = _TIMEOUT_S) -> str:
    """Run a program of another system and return what it prints. It must succeed."""
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    completed = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


def _check_outcome(printed: str, request_id: str) -> None:
    """Check that the last line is an outcome `done` of the contract; kcat prints the key before it."""
    outcome = json.loads(printed.strip().splitlines()[-1].removeprefix(f"{request_id} "))
    schema = json.loads((PROJECT / "docs/contract/events/request-ended.json").read_text())
    Draft202012Validator(schema).validate(outcome)
    assert (outcome["request_id"], outcome["outcome"]) == (request_id, "done")


@pytest.mark.parametrize(("block", "request_id"), [*zip(_examples("bash"), ("kcat-1", "kcat-2"), strict=True)])
def test_kcat_submits_a_song_and_gets_its_outcome(folder: Path, block: Block, request_id: str) -> None:
    _program("kcat")
    _check_outcome(_run(folder, _program("bash"), "-ec", block.text), request_id)


@pytest.mark.parametrize("block", _examples("python"))
def test_python_submits_a_song_and_gets_its_outcome(folder: Path, block: Block) -> None:
    assert not re.search(r"\b(agents|infra|schemas|streams)\b", block.text), "it uses code of this project"
    _check_outcome(_run(folder, sys.executable, "-c", block.text), "python-1")


@pytest.mark.parametrize("block", _examples("javascript"))
def test_node_submits_a_song_and_gets_its_outcome(folder: Path, block: Block) -> None:
    node, npm = _program("node"), _program("npm")
    command = [npm, "install", "--no-audit", "--no-fund", "--fetch-retries=0", "kafkajs@2.2.4"]
    if subprocess.run(command, cwd=folder, capture_output=True, timeout=_TIMEOUT_S, check=False).returncode != 0:
        pytest.skip("npm cannot install kafkajs: no network?")
    (folder / "submit.js").write_text(block.text)
    _check_outcome(_run(folder, node, "submit.js"), "node-1")


@pytest.mark.parametrize("block", _examples("java"))
def test_java_submits_a_song_and_gets_its_outcome(folder: Path, block: Block) -> None:
    java = _program("java")
    _program("javac")  # `java FILE` compiles
    jars = installed_class_path(Settings().cache_dir)
    assert jars is not None
    (folder / "Submit.java").write_text(block.text)
    _check_outcome(_run(folder, java, "-cp", jars, "Submit.java"), "java-1")


def test_the_files_with_the_login_are_named(data_folder: DataFolder) -> None:
    status = data_folder.bachata("kafka", "status").json
    assert status["bootstrap"] == data_folder.kafka.bootstrap
    assert status["client_files"] == {
        "kcat": str(data_folder.path / "run/kcat.conf"),
        "librdkafka": str(data_folder.path / "run/librdkafka.conf"),
        "java": str(data_folder.path / "run/kafka-client.properties"),
    }
    assert all(status["bootstrap"] in Path(file).read_text() for file in status["client_files"].values())
