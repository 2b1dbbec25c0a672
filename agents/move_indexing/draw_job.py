"""Jobs that draw a move's key frames, its clip with both skeletons, still pictures, and a map of the library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agents.step import Job, Tools, sub_progress
from schemas.base import Model, Name, Quality, Seconds, Sha256
from schemas.boundary import Boundary
from schemas.faults import Poison
from schemas.move_indexed import MoveSummary

if TYPE_CHECKING:
    from agents.move_indexing.dancers.detection_cache import ClipDetections

_DETECTION_SHARE = 0.4  # of the progress of drawing a move


class DrawMove(Model):
    """The move to draw, and the files to write: a PNG and an mp4. `quality`: of the pose detection."""

    move: MoveSummary
    quality: Quality = "fast"
    png: Path | None = None
    video: Path | None = None


class DrawStill(Model):
    """The clip of which a small picture is wanted, and its time in seconds."""

    clip_sha256: Sha256
    name: Name
    time_s: Seconds


class Still(Model):
    """The JPEG file, in the cache."""

    file: Path


class BoundaryAt(Model):
    """A boundary of a clip, and when it is, in seconds."""

    time_s: Seconds
    boundary: Boundary


class DrawBoundaries(Model):
    """The clip and its boundaries, in order, of which small pictures are wanted, and the folder to write them to."""

    clip_sha256: Sha256
    name: Name
    duration_s: Seconds
    boundaries: tuple[BoundaryAt, ...]
    folder: Path


class BoundaryStills(Model):
    """The JPEG files, one for each boundary."""

    files: tuple[Path, ...]


class MapPoint(Model):
    """A move on the map: its clip's name, its category and its embedding."""

    name: str
    category: str
    embedding: tuple[float, ...]


class DrawMap(Model):
    """The moves to draw, at least one, and the PNG to write."""

    points: tuple[MapPoint, ...]
    png: Path


class Drawn(Model):
    """An empty result: the files are written."""


def _draw_move(request: DrawMove, tools: Tools) -> Drawn:
    from agents.move_indexing.move_pictures.bodies import couple

    path = _path(request.move.clip.sha256, request.move.name, tools)
    dancers = couple(_detections(path, request, tools))
    if request.png:
        from agents.move_indexing.move_pictures.key_frames import draw_key_frames

        draw_key_frames(path, request.move, dancers, request.png)
    if request.video:
        from agents.move_indexing.move_pictures.video import write_video

        write_video(path, request.move, dancers, request.video, sub_progress(tools.report, _DETECTION_SHARE, 1.0))
    return Drawn()


def _draw_still(request: DrawStill, tools: Tools) -> Still:
    path = _path(request.clip_sha256, request.name, tools)
    file = tools.cache_dir / "stills" / f"{request.clip_sha256}-{round(1000 * request.time_s)}.jpg"
    if not file.exists():
        from agents.move_indexing.move_pictures.still import write_still

        file.parent.mkdir(parents=True, exist_ok=True)
        write_still(path, request.time_s, file)
    return Still(file=file)


def _draw_boundaries(request: DrawBoundaries, tools: Tools) -> BoundaryStills:
    from agents.move_indexing.move_pictures.boundary_stills import write_boundary_stills

    path = _path(request.clip_sha256, request.name, tools)
    boundaries = [(each.time_s, each.boundary) for each in request.boundaries]
    return BoundaryStills(files=tuple(write_boundary_stills(path, boundaries, request.folder)))


def _draw_map(request: DrawMap, tools: Tools) -> Drawn:
    del tools
    from agents.move_indexing.move_pictures.library_map import draw_map

    draw_map(request.points, request.png)
    return Drawn()


def _path(clip_sha256: str, name: str, tools: Tools) -> Path:
    """Return the clip's file. Raises: `Poison` (`unknown_media`)."""
    if not tools.media.has(clip_sha256):
        raise Poison(f"the clip of '{name}' is no longer in the media store; index it again", "unknown_media")
    return tools.media.path(clip_sha256)


def _detections(path: Path, request: DrawMove, tools: Tools) -> ClipDetections:
    from agents.move_indexing.dancers.detection_cache import cached_detections

    clip, report = request.move.clip, sub_progress(tools.report, 0.0, _DETECTION_SHARE)
    model, cache = tools.pose_model, tools.cache_dir
    return cached_detections(
        path, clip.sha256, request.quality, model, cache, report=report, duration_s=request.move.end_s
    )


DRAW_MOVE = Job(
    name="draw_move",
    takes=DrawMove,
    result=Drawn,
    work=_draw_move,
    timeout_s=1800.0,
    timeout_for=lambda request: 120.0 + 20.0 * request.move.clip.duration_s,
    memory_mb=2048,
)
DRAW_STILL = Job(name="draw_still", takes=DrawStill, result=Still, work=_draw_still, timeout_s=60.0, memory_mb=1024)
DRAW_BOUNDARIES = Job(
    name="draw_boundaries",
    takes=DrawBoundaries,
    result=BoundaryStills,
    work=_draw_boundaries,
    timeout_s=1800.0,
    timeout_for=lambda request: 60.0 + 10.0 * request.duration_s,
    memory_mb=2048,
)
DRAW_MAP = Job(name="draw_map", takes=DrawMap, result=Drawn, work=_draw_map, timeout_s=120.0, memory_mb=768)
