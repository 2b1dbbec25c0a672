"""A pipeline's requests, without services: what each setting and argument changes in them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any, cast

import pytest

from infra.settings import load_settings
from schemas.base import OnlyIn, Options, Pin, RuleChange
from schemas.faults import Poison, Retryable
from streams.client import ChoreoGenerationPipeline, ChoreographyError, PipelineConfig
from streams.local import services
from streams.pipeline.moves import MovesFolder, moves_folder
from tests.paths import DEMO

MIB = 1 << 20
_SONG = DEMO / "songs" / "luna_124.mp3"


@pytest.fixture(autouse=True)
def _data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACHATA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(services, "start_supervisor", None)  # nothing is started here


def _request(config: PipelineConfig, **values: Any) -> Any:
    return ChoreoGenerationPipeline(config)._song(_SONG, {"duration": "1min", **values})


@pytest.mark.parametrize("mode", ["fast", "balanced", "high_quality"])
def test_the_mode_is_the_quality_of_the_video(mode: str) -> None:
    assert _request(PipelineConfig(quality_mode=mode)).options.quality == mode


def test_the_arguments_are_options_of_the_request() -> None:
    request = _request(PipelineConfig(), duration="full", difficulty="advanced", energy="high", seed=3)
    assert request.options == Options(duration="full", difficulty="advanced", energy="high", seed=3)
    assert request.title == "luna_124"


def test_options_hold_in_place_of_the_arguments_and_of_the_mode() -> None:
    wishes: dict[str, Any] = {
        "continuity": "montage",
        "style": "sensual",
        "role": "lead_focus",
        "length_s": 45.0,
        "cut_music": True,
        "pins": (Pin(phrase=2, move="turn"),),
        "bans": ("dip",),
        "only_in": (OnlyIn(move="footwork", sections=("mambo",)),),
        "alternative": 2,
        "rules": {"turns": RuleChange(limit=2.0)},
    }
    assert wishes.keys() == Options.model_fields.keys() - {"duration", "difficulty", "energy", "seed", "quality"}
    pipeline = ChoreoGenerationPipeline(PipelineConfig(quality_mode="fast"))
    arguments = {"duration": "full", "difficulty": "advanced", "energy": "low", "seed": 3}
    request = pipeline._song(_SONG, arguments, Options(**wishes))
    assert request.options == Options.model_validate({**arguments, **wishes, "quality": "fast"})
    request = pipeline._song(_SONG, arguments, Options(duration="1min", quality="balanced", seed=0))
    assert request.options == Options(difficulty="advanced", energy="low")


def test_without_caching_requests_are_fresh() -> None:
    assert not _request(PipelineConfig()).fresh
    assert _request(PipelineConfig(enable_caching=False)).fresh
    folder = moves_folder(load_settings(), PipelineConfig(enable_caching=False))
    assert folder.clip_fields()["fresh"]


def test_a_url_is_not_taken_as_a_file() -> None:
    pipeline = ChoreoGenerationPipeline()
    request = pipeline._song("https://music.example/luna.mp3", {"duration": "30s"})
    assert (request.source.url, request.title) == ("https://music.example/luna.mp3", None)


def test_the_values_for_pose_detection_are_in_the_requests_for_clips() -> None:
    config = PipelineConfig(target_fps=15, min_detection_confidence=0.35)
    assert moves_folder(load_settings(), config).clip_fields() == {
        "pose_rate_hz": 15,
        "pose_confidence": 0.35,
        "fresh": False,
    }


def test_clips_are_indexed_at_the_same_time_or_one_after_the_other() -> None:
    def at_once(**values: Any) -> int:
        return moves_folder(load_settings(), PipelineConfig(**values)).at_once()

    assert at_once() == 4
    assert at_once(max_workers=7) == 7
    assert at_once(max_workers=7, enable_parallel_move_analysis=False) == 1


@pytest.mark.parametrize(("usable", "demo_moves", "indexed"), [(0, True, 2), (5, True, 1), (0, False, 1)])
async def test_the_demo_moves_are_indexed_where_they_are_wanted_and_nothing_can_be_danced(
    usable: int, demo_moves: bool, indexed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders: list[Path] = []

    async def index(folder: MovesFolder, service: Any) -> tuple[str, ...]:
        del service
        folders.append(folder.clips)
        return ("a warning",)

    class Service:
        def get(self, path: str) -> dict[str, Any]:
            assert path == "/library/usable"
            return {"usable": usable}

    service: Any = Service()
    moves = load_settings().data_dir / "moves"
    moves.mkdir(parents=True)
    monkeypatch.setattr(MovesFolder, "index", index)
    pipeline = ChoreoGenerationPipeline(demo_moves=demo_moves)
    warnings = await asyncio.gather(*[pipeline._index_moves(service) for _ in range(2)])
    assert folders == [moves, DEMO / "clips"][:indexed]  # once, for both calls
    assert warnings == [("a warning",) * indexed] * 2


async def test_indexing_that_failed_is_tried_again_by_the_next_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(self: ChoreoGenerationPipeline, service: Any) -> tuple[str, ...]:
        attempts.append(service)
        if len(attempts) == 1:
            raise Retryable("the worker does not answer", "worker")
        return ()

    attempts: list[Any] = []
    monkeypatch.setattr(ChoreoGenerationPipeline, "_index", fail)
    pipeline, service = ChoreoGenerationPipeline(), cast("Any", None)
    with pytest.raises(Retryable):
        await pipeline._index_moves(service)
    assert await pipeline._index_moves(service) == await pipeline._index_moves(service) == ()
    assert len(attempts) == 2


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"audio_input": "/no/such/song.mp3"}, "not_found"),
        ({"audio_input": "https://"}, "invalid_event"),
        *(({"audio_input": value}, "invalid_event") for value in (None, 7, b"song.mp3", "", "a\0b", object())),
        ({"audio_input": "/"}, "not_a_file"),
        *(({"duration": value}, "invalid_event") for value in ("abc", None, 30)),
        *(({"difficulty": value}, "invalid_event") for value in (7, None, ["beginner"])),
        *(({"energy_level": value}, "invalid_event") for value in (object, 0.5)),
        *(({"seed": value}, "invalid_event") for value in (None, "x", 1.5, 10**30)),
        ({"duration": "2min"}, "invalid_event"),
        ({"difficulty": "expert"}, "invalid_event"),
        ({"energy_level": "extreme"}, "invalid_event"),
        ({"seed": -1}, "invalid_event"),
        *(({"options": value}, "invalid_event") for value in (None, 7, ["full"], Options(cut_music=True))),
        ({"options": Options(rules={"holds": RuleChange(points=1)})}, "invalid_event"),
    ],
)
async def test_a_wrong_argument_is_an_error_with_its_reason_before_anything_is_started(
    arguments: dict[str, Any], reason: str
) -> None:
    pipeline = ChoreoGenerationPipeline()
    with pytest.raises(ChoreographyError) as caught:
        await pipeline.generate_choreography(**{"audio_input": str(_SONG)} | arguments)
    assert caught.value.reason == reason
    assert caught.value.request_id is None
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("config", [{"quality_mode": "fast"}, {}, "fast", 7])
def test_a_config_of_another_kind_is_refused(config: Any) -> None:
    with pytest.raises(Poison, match="config is a PipelineConfig, not a"):
        ChoreoGenerationPipeline(config)


def _cached(*names: str) -> list[Path]:
    """Write files of 1 MiB of the cache, used one after the other."""
    files = [load_settings().derived_dir / name for name in names]
    for number, file in enumerate(files):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(MIB))
        os.utime(file, (1000 + number,) * 2)
    return files


async def test_closing_removes_what_is_beyond_the_limit() -> None:
    old, new = _cached("mezzanines/a/balanced-1.mp4", "mezzanines/b/balanced-1.mp4")
    await ChoreoGenerationPipeline(PipelineConfig(max_cache_size_mb=1)).close()
    assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.parametrize("config", [PipelineConfig(), PipelineConfig(max_cache_size_mb=0)])
async def test_without_a_limit_of_its_own_a_pipeline_leaves_the_files_to_the_running_service(
    config: PipelineConfig,
) -> None:
    files = _cached("mezzanines/a/balanced-1.mp4")
    os.truncate(files[0], 600 * MIB)
    await ChoreoGenerationPipeline(config).close()
    assert files[0].exists()
