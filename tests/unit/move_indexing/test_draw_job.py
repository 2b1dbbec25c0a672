"""The job that draws a move: it writes the requested files, from a clip in the media store."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from agents.drawing.canvas import rgb_of
from agents.media.probe import probe
from agents.move_indexing.dancers import detection_cache
from agents.move_indexing.dancers.dance import analyze_dance
from agents.move_indexing.dancers.detection_cache import cached_detections
from agents.move_indexing.dancers.detections import HIPS, KNEES, SHOULDERS
from agents.move_indexing.draw_job import DRAW_MOVE, DrawMove
from agents.move_indexing.move_pictures.bodies import FOLLOW, LEAD
from agents.step import Tools
from infra.media_store import MediaStore
from schemas.base import MediaFacts
from schemas.faults import Poison
from schemas.move_indexed import MoveSummary
from tests.odd_media.marked import SOUND_HZ, unmarked_original
from tests.odd_media.writer import Sound, write
from tests.unit.move_indexing import known_dancers


@pytest.fixture
def tools_without_model(tmp_path: Path) -> Tools:
    """Return tools without a pose model."""
    return Tools(MediaStore(tmp_path / "media"), tmp_path / "cache", tmp_path / "output", (), tmp_path / "no-model")


@pytest.fixture
def move(tmp_path: Path, tools_without_model: Tools, monkeypatch: pytest.MonkeyPatch) -> MoveSummary:
    path = known_dancers.clip(tmp_path / "clip.mp4")
    tools_without_model.media.add(path, "video")
    monkeypatch.setattr(detection_cache, "DancerFinder", known_dancers.Finder)
    return known_dancers.move(path)


def test_only_the_requested_files_are_written(move: MoveSummary, tools_without_model: Tools, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    DRAW_MOVE.work(DrawMove(move=move, png=folder / "a"), tools_without_model)
    assert (folder / "a").read_bytes()[:4] == b"\x89PNG"
    assert [file.name for file in folder.iterdir()] == ["a"]
    DRAW_MOVE.work(DrawMove(move=move, video=folder / "b"), tools_without_model)
    assert (folder / "b").read_bytes()[4:8] == b"ftyp"
    assert {file.name for file in folder.iterdir()} == {"a", "b"}


def test_the_detections_of_a_clip_are_cached(
    move: MoveSummary, tools_without_model: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    DRAW_MOVE.work(DrawMove(move=move, png=tmp_path / "a"), tools_without_model)
    monkeypatch.delattr(detection_cache, "DancerFinder")
    DRAW_MOVE.work(DrawMove(move=move, png=tmp_path / "b"), tools_without_model)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_request_survives_serialization(move: MoveSummary, tmp_path: Path) -> None:
    request = DrawMove(move=move, video=tmp_path / "a")
    assert DRAW_MOVE.takes.model_validate_json(request.model_dump_json()) == request


def test_a_clip_missing_in_the_store_is_refused(move: MoveSummary, tmp_path: Path) -> None:
    empty_store = Tools(MediaStore(tmp_path / "other"), tmp_path / "cache", tmp_path, (), tmp_path / "no-model")
    with pytest.raises(Poison, match="'to_and_fro' is no longer in the media store; index it again") as caught:
        DRAW_MOVE.work(DrawMove(move=move, png=tmp_path / "a"), empty_store)
    assert caught.value.reason == "unknown_media"


@pytest.mark.slow
def test_skeletons_of_a_rendered_clip_are_on_its_dancers(tools: Tools, tmp_path: Path) -> None:
    whole, seconds = unmarked_original(), 4.4
    sound = Sound(whole.sound[:, : round(seconds * SOUND_HZ)])
    clip = write(tmp_path / "clip.mp4", whole.part(0, seconds), [sound])
    media = tools.media.add(clip, "video")
    facts = MediaFacts(**media.model_dump(), **probe(clip, "video").model_dump())
    beats = tuple(0.4 + 0.476 * n for n in range(9))
    move = known_dancers.move(clip).model_copy(
        update={"clip": facts, "name": "basic_side", "beats": beats, "counts": _COUNTS}
    )
    DRAW_MOVE.work(DrawMove(move=move, png=tmp_path / "a.png", video=tmp_path / "a.mp4"), tools)
    detections = cached_detections(clip, media.sha256, "fast", tools.pose_model, tools.cache_dir)
    dance = analyze_dance(detections.frames, 30.0)
    with av.open(str(tmp_path / "a.mp4")) as container:
        video = container.streams.video[0]
        scale = np.array([video.width, video.height]) / detections.size
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video)]
        assert len(container.streams.audio) == 1
        assert float(video.average_rate or 0) == pytest.approx(facts.fps or 0, rel=0.01)
        assert (container.duration or 0) / 1e6 == pytest.approx(facts.duration_s, abs=0.06)
    assert detections.size[0] / detections.size[1] == pytest.approx(video.width / video.height, rel=0.01)
    for number in (15, 60, 110):
        for track, colour in ((dance.lead, LEAD), (dance.follow, FOLLOW)):
            joints = track.xy[number][[*SHOULDERS, *HIPS, *KNEES]] * scale
            assert _coloured_joints(pictures[number], colour, joints) >= 4
    image = cv2.imread(str(tmp_path / "a.png"))
    assert image is not None
    tile = image[112:412, 84:286, ::-1]
    assert all((np.abs(tile.astype(int) - rgb_of(colour)).max(axis=2) < 30).sum() > 300 for colour in (LEAD, FOLLOW))


_COUNTS = (1, 2, 3, 4, 5, 6, 7, 8, 1)


def _coloured_joints(rgb: np.ndarray, colour: str, points: np.ndarray) -> int:
    """Return how many points have the colour within six pixels: the other dancer's lines may cover some."""
    mask = np.abs(rgb.astype(int) - rgb_of(colour)).max(axis=2) < 70
    windows = (mask[max(0, y - 6) : y + 7, max(0, x - 6) : x + 7] for x, y in points.round().astype(int))
    return sum(bool(window.any()) for window in windows)
