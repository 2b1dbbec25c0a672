"""Each row of `docs/earlier-application.md`: what it names is there, and does what the earlier call did."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest

from infra.settings import Settings, descriptions
from streams.cli import main
from streams.client import ChoreoGenerationPipeline, PipelineConfig
from streams.client.qdrant_service import QdrantConfig, QdrantEmbeddingService
from streams.client.recommendation_engine import OptimizationConfig, OptimizedRecommendationEngine
from tests.broker.conftest import DataFolder
from tests.documents import commands
from tests.paths import DEMO, PROJECT

pytestmark = [pytest.mark.broker]

_TEXT = (PROJECT / "docs" / "earlier-application.md").read_text()
_ROWS = [tuple(row) for row in re.findall(r"^\| (`.+?) \| (.+) \|$", _TEXT, re.MULTILINE)]
_NAME = re.compile(r"`([^`]+)`")


def _ids(rows: list[tuple[str, str]]) -> list[str]:
    return [_NAME.findall(earlier)[0] for earlier, _ in rows]


def _rows_with(*beginnings: str) -> list[tuple[str, str]]:
    return [row for row in _ROWS if any(code.startswith(beginnings) for code in _NAME.findall(row[1]))]


_COMMANDS = _rows_with("bachata ")
_TARGETS = _rows_with("make ")
_SETTINGS = _rows_with("BACHATA_")


def _parse(arguments: list[str]) -> click.Context:
    """Return the parsed command line, as `bachata` would parse it. Raises: `click.UsageError` for an invalid one."""
    command: click.Command = main
    context = click.Context(main, info_name="bachata")
    while isinstance(command, click.Group):
        name, *arguments = arguments
        found = command.get_command(context, name)
        assert found is not None, name
        command = found
    return command.make_context(command.name, arguments, parent=context)


@pytest.mark.parametrize("row", _COMMANDS, ids=_ids(_COMMANDS))
def test_the_command_of_a_row_is_valid(row: tuple[str, str]) -> None:
    for line in (code for code in _NAME.findall(row[1]) if code.startswith("bachata ")):
        [arguments] = commands(line, "bachata")
        _parse(arguments)


@pytest.mark.parametrize("row", _TARGETS, ids=_ids(_TARGETS))
def test_the_make_target_of_a_row_exists(row: tuple[str, str]) -> None:
    makefile = (PROJECT / "Makefile").read_text()
    for code in _NAME.findall(row[1]):
        assert re.search(rf"^{code.removeprefix('make ')}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("row", _SETTINGS, ids=_ids(_SETTINGS))
def test_the_setting_of_a_row_exists(row: tuple[str, str]) -> None:
    named = {code for code in _NAME.findall(row[1]) if code.startswith("BACHATA_")}
    assert named <= {setting.variable for setting in descriptions()}


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["--quality", "fast"],
        ["--quality", "fast", "--duration", "1min"],
        ["--quality", "fast", "--difficulty", "advanced"],
    ],
    ids=" ".join,
)
def test_a_song_becomes_a_video(
    data_folder: DataFolder, library: dict[str, Any], demo_song: Path, arguments: list[str]
) -> None:
    made = data_folder.bachata("generate", demo_song, *arguments)
    assert made.exit_code == 0, made.stderr
    assert Path(made.json["video"]).is_file()


def test_a_url_of_a_host_that_is_not_allowed_is_refused_and_submitted_to_no_other(data_folder: DataFolder) -> None:
    refused = data_folder.bachata("generate", "https://youtube.com/watch?v=VIDEO_ID")
    assert refused.exit_code == 1
    assert refused.json["reason"] == "url_not_allowed"


@pytest.mark.slow
def test_several_songs_become_videos_and_one_that_is_none_fails_alone(
    data_folder: DataFolder, library: dict[str, Any], demo_song: Path, tmp_path: Path
) -> None:
    made = data_folder.bachata("generate", demo_song, tmp_path / "no_song.mp3", "--quality", "fast")
    assert made.exit_code == 1
    first, second = made.json["songs"]
    assert Path(first["video"]).is_file()
    assert (second["video"], second["reason"]) == (None, "not_found")


def test_the_songs_are_listed(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    song = folder.path / "songs" / "mine.mp3"
    song.parent.mkdir(parents=True)
    song.write_bytes((DEMO / "songs" / "luna_124.mp3").read_bytes())
    listed = folder.bachata("songs").json["songs"]
    assert [Path(listed_song["file"]).name for listed_song in listed] == ["luna_124.mp3", "orilla_132.mp3", "mine.mp3"]


def test_the_cache_is_shown_and_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = DataFolder(tmp_path / "data")
    song = Settings(data_dir=folder.path).derived_dir / "audio" / "a.m4a"
    song.parent.mkdir(parents=True)
    song.write_bytes(bytes(1000))
    status = folder.bachata("cache", "status").json
    assert status["bytes"] == {"audio": 1000, "dancers": 0, "mezzanines": 0}
    assert folder.bachata("cache", "clear").json == {"removed_bytes": 1000, "left_bytes": 0}
    assert not song.exists()


@pytest.mark.parametrize("name", ["status", "test", "migrate", "start", "stop", "restart"])
def test_qdrant_has_the_commands_of_the_earlier_script(name: str) -> None:
    assert f"`bachata qdrant {name}`" in _TEXT
    group = main.get_command(click.Context(main), "qdrant")
    assert isinstance(group, click.Group)
    assert name in group.commands


_CONFIG_FIELDS = [code.partition(".")[2] for code in re.findall(r"^\| `(PipelineConfig\.\w+)`", _TEXT, re.MULTILINE)]


def test_every_field_of_the_pipeline_config_has_a_row() -> None:
    """Their effects are tested in `test_pipeline.py`, here and in the unit tests."""
    assert list(PipelineConfig.model_fields) == _CONFIG_FIELDS


def test_the_call_of_the_pipeline_has_the_earlier_arguments() -> None:
    parameters = list(inspect.signature(ChoreoGenerationPipeline.generate_choreography).parameters)
    assert parameters[:5] == ["self", "audio_input", "duration", "difficulty", "energy_level"]


def test_every_field_of_the_earlier_qdrant_config_has_a_row() -> None:
    """Their effects are tested in `tests/unit/streams/client/test_qdrant_service.py`."""
    named = re.findall(r"^\| `QdrantConfig\.(\w+)`", _TEXT, re.MULTILINE)
    assert named == ["host", "port", "collection_name", "vector_size", "distance_metric"]
    assert set(named) <= {field.name for field in fields(QdrantConfig)}


@pytest.mark.parametrize("name", ["store_move_embedding", "search_similar_moves"])
def test_the_qdrant_service_has_the_earlier_calls(name: str) -> None:
    assert f"`QdrantEmbeddingService.{name}`" in _TEXT
    assert callable(getattr(QdrantEmbeddingService, name))


def test_every_field_of_the_earlier_optimization_config_has_a_row() -> None:
    """Their effects are tested in `tests/unit/move_scoring/test_engine.py`."""
    assert list(OptimizationConfig.model_fields) == re.findall(r"^\| `OptimizationConfig\.(\w+)`", _TEXT, re.MULTILINE)


@pytest.mark.parametrize("name", ["recommend_moves_optimized", "batch_recommend_moves"])
def test_the_recommendation_engine_has_the_earlier_calls(name: str) -> None:
    assert f"`OptimizedRecommendationEngine.{name}`" in _TEXT
    assert callable(getattr(OptimizedRecommendationEngine, name))


_EXERCISED: dict[str, Callable[[str], bool]] = {
    "a command": lambda now: "`bachata " in now,
    "a make target": lambda now: "`make " in now,
    "a setting": lambda now: "`BACHATA_" in now,
    "nothing to call": lambda now: "not yet" in now or "not needed" in now,
    "a Python name": lambda now: False,
}


@pytest.mark.parametrize("row", _ROWS, ids=_ids(_ROWS))
def test_each_row_is_exercised_by_a_test(row: tuple[str, str]) -> None:
    earlier, now = row
    is_python = earlier.startswith(
        (
            "`PipelineConfig.",
            "`QdrantConfig.",
            "`QdrantEmbeddingService.",
            "`OptimizationConfig.",
            "`OptimizedRecommendationEngine.",
            "`Choreo",
        )
    )
    assert is_python or any(applies(now) for applies in _EXERCISED.values())


@pytest.mark.chaos
def test_the_self_test_succeeds_in_each_part(tmp_path: Path) -> None:
    """It takes minutes: it starts services of its own and indexes four clips."""
    folder = DataFolder(tmp_path / "unused")
    report = folder.bachata("selftest", "--quality", "fast", "--recovery", timeout=600)
    assert report.exit_code == 0, json.dumps(report.json)
    names = [check["name"] for check in report.json["checks"]]
    assert "video in fast" in names
    assert "the worker is killed" in names
    assert not (tmp_path / "unused" / "media").exists()
