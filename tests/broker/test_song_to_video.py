"""From a song to a video, on the real Kafka, RocksDB, Qdrant engine, MediaPipe and media libraries."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import av
import pytest

from tests.broker.conftest import CommandResult, DataFolder
from tests.paths import DEMO

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.fixture(scope="module")
def generated(data_folder: DataFolder, library: dict[str, Any], demo_song: Path) -> CommandResult:
    result = data_folder.bachata("generate", demo_song, "--duration", "full", "--quality", "fast")
    assert result.exit_code == 0, result.stderr
    return result


def _assert_indexed(report: dict[str, Any], count: int, unsure: tuple[str, ...] = ()) -> None:
    assert len(report["clips"]) == count
    assert {clip["status"] for clip in report["clips"]} <= {"indexed", "known"}
    assert all(clip["dancers"]["both"] >= 0.9 for clip in report["clips"])
    warnings = [warning for warning in report["warnings"] if "which beats are 1 and 5 is unsure" in warning]
    assert report["warnings"] == warnings
    assert [warning.partition(":")[0] for warning in warnings] == list(unsure)


def test_demo_clips_are_indexed(library: dict[str, Any], library_clips: Path) -> None:
    _assert_indexed(library, len(list(library_clips.iterdir())))


@pytest.mark.chaos
def test_every_demo_clip_is_indexed(data_folder: DataFolder) -> None:
    clips, annotations = DEMO / "clips", DEMO / "annotations.json"
    report = data_folder.bachata("index", clips, "--annotations", annotations, timeout=500).json
    _assert_indexed(report, 12, ("shadow_position",))  # both step with the same foot, so that a 1 may be a 5


def test_indexing_again_recomputes_nothing(
    data_folder: DataFolder, library: dict[str, Any], library_clips: Path
) -> None:
    again = data_folder.bachata("index", library_clips, "--annotations", library_clips.parent / "annotations.json")
    assert {clip["status"] for clip in again.json["clips"]} == {"known"}
    assert all(step["cpu_seconds"] == 0 for clip in again.json["clips"] for step in clip["steps"].values())


def test_the_video_decodes_and_is_as_long_as_the_song(generated: CommandResult, demo_song: Path) -> None:
    result = generated.json
    truth = json.loads(demo_song.with_suffix(".json").read_text())
    beat_s = 60 / result["tempo_bpm"]
    with av.open(result["video"]) as video:
        stream = video.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 1280, 720)
        assert video.streams.audio[0].codec_context.name == "aac"
        frames = [float(frame.pts * frame.time_base) for frame in video.decode(stream)]
    assert frames == sorted(frames)
    assert max(later - sooner for sooner, later in itertools.pairwise(frames)) < 0.1
    assert result["duration_s"] == pytest.approx(truth["duration"], abs=beat_s)
    assert frames[-1] == pytest.approx(result["duration_s"], abs=0.1)


def test_every_cut_is_on_a_count_of_one(data_folder: DataFolder, generated: CommandResult, demo_song: Path) -> None:
    analysis = data_folder.bachata("analyze", demo_song).json
    ones = [beat for beat, count in zip(analysis["beats"], analysis["counts"], strict=True) if count == 1]
    cuts = [move["song_start_s"] for move in generated.json["moves"][1:]]
    assert cuts
    assert all(min(abs(cut - one) for one in ones) < 1e-6 for cut in cuts)


def test_the_segments_leave_no_gap(generated: CommandResult) -> None:
    moves = generated.json["moves"]
    assert all(a["song_end_s"] == b["song_start_s"] for a, b in itertools.pairwise(moves))
    assert all(0.5 < move["stretch"] < 2 for move in moves)


def test_a_repeated_request_recomputes_nothing(
    data_folder: DataFolder, generated: CommandResult, demo_song: Path
) -> None:
    again = data_folder.bachata("generate", demo_song, "--duration", "full", "--quality", "fast")
    assert again.json["video"] == generated.json["video"]
    assert again.json["moves"] == generated.json["moves"]
    assert all(step["cached"] for step in again.json["steps"].values())
    assert sum(step["cpu_seconds"] for step in again.json["steps"].values()) == 0


def test_another_seed_gives_another_dance(data_folder: DataFolder, generated: CommandResult, demo_song: Path) -> None:
    first = data_folder.bachata("generate", demo_song, "--duration", "30s", "--quality", "fast")
    other = data_folder.bachata("generate", demo_song, "--duration", "30s", "--quality", "fast", "--seed", "1")
    assert other.json["moves"] != first.json["moves"]
    assert other.json["steps"]["audio_analysis"]["cached"]


def test_a_correction_is_planned_again_without_another_analysis(
    data_folder: DataFolder, generated: CommandResult, demo_song: Path
) -> None:
    analysis = data_folder.bachata("analyze", demo_song).json
    fives = [beat for beat, count in zip(analysis["beats"], analysis["counts"], strict=True) if count == 5]
    moved = data_folder.bachata("generate", demo_song, "--duration", "30s", "--quality", "fast", "--count-offset", "4")
    assert moved.json["steps"]["audio_analysis"]["cached"]
    assert not moved.json["steps"]["sequence_planning"]["cached"]
    cuts = [move["song_start_s"] for move in moved.json["moves"][1:] if move["song_start_s"] <= analysis["beats"][-1]]
    assert cuts
    assert all(min(abs(cut - five) for five in fives) < 1e-6 for cut in cuts)


def test_beats_of_another_song_are_rejected_and_become_a_dead_letter(
    data_folder: DataFolder, demo_song: Path, tmp_path: Path
) -> None:
    (tmp_path / "taps.json").write_text(json.dumps([n / 2 for n in range(1000)]))
    refused = data_folder.bachata("generate", demo_song, "--beats", tmp_path / "taps.json")
    assert refused.exit_code != 0
    assert refused.json["reason"] == "bad_corrections"
    dead_letter = data_folder.bachata("dead-letters", "show", refused.json["dead_letter_id"]).json
    assert dead_letter["reason"] == "bad_corrections"


@pytest.mark.parametrize(("duration", "seconds"), [("30s", 30), ("1min", 60)])
def test_the_video_has_the_requested_duration(
    data_folder: DataFolder, generated: CommandResult, demo_song: Path, duration: str, seconds: int
) -> None:
    result = data_folder.bachata("generate", demo_song, "--duration", duration, "--quality", "fast")
    assert result.json["duration_s"] == pytest.approx(seconds, abs=4.5 * 60 / result.json["tempo_bpm"]), "whole phrases"


def test_out_copies_the_video_to_the_given_file(
    data_folder: DataFolder, generated: CommandResult, demo_song: Path, tmp_path: Path
) -> None:
    out = tmp_path / "sub" / "dance.mp4"
    result = data_folder.bachata("generate", demo_song, "--duration", "full", "--quality", "fast", "--out", out)
    assert result.json["video"] == str(out)
    assert out.read_bytes() == Path(generated.json["video"]).read_bytes()


def test_status_displays_the_request(data_folder: DataFolder, generated: CommandResult) -> None:
    request = data_folder.ended(generated.json["request_id"])
    assert request["outcome"] == "done"
    assert set(request["steps"]) == {
        "intake",
        "audio_analysis",
        "move_scoring",
        "sequence_planning",
        "rendering",
    }
    assert data_folder.bachata("status", "no-such-request").exit_code == 1
    everything = data_folder.bachata("status").json
    assert generated.json["request_id"] in {request["request_id"] for request in everything["requests"]}


def test_the_library_can_be_listed_and_searched(data_folder: DataFolder, library: dict[str, Any]) -> None:
    moves = data_folder.bachata("moves", "list", "--embeddings").json["moves"]
    assert {move["clip"] for move in moves} == {clip["clip"] for clip in library["clips"]}
    assert all(len(move["embedding"]) == 512 for move in moves)
    like = moves[0]["clip"]
    found = data_folder.bachata("moves", "search", "--like", like, "--top", "3").json["moves"]
    assert found[0]["clip"] == like
    assert found[0]["similarity"] == pytest.approx(1, abs=1e-3)
    assert len(found) == 3
    slow = data_folder.bachata("moves", "search", "--tempo", "100-125").json["moves"]
    assert slow
    assert all(100 <= move["tempo_bpm"] <= 125 for move in slow)
    assert data_folder.bachata("moves", "search", "--like", "nothing").exit_code == 1
    assert data_folder.bachata("moves", "search", "--tempo", "fast").exit_code == 1
