"""A move of the library comes in; its key frames, or its clip with skeletons drawn on it, come out as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agents.step import Errand, Tools, part
from schemas.base import Payload, Quality
from schemas.faults import Poison
from schemas.move_indexed import MoveCard

if TYPE_CHECKING:
    from agents.move_indexing.dancers.kept import Watched

_WATCHED = 0.4


class ShowMove(Payload):
    """Which move to show, and the files to write: a PNG and an mp4. `quality`: how closely its clip is looked at."""

    move: MoveCard
    quality: Quality = "fast"
    png: Path | None = None
    video: Path | None = None


class ShownMove(Payload):
    """The files are written."""


def _show(asked: ShowMove, tools: Tools) -> ShownMove:
    from agents.move_indexing.picture.bodies import couple

    path = _path(asked.move, tools)
    dancers = couple(_seen(path, asked, tools))
    if asked.png:
        from agents.move_indexing.picture.keys import draw_keys

        draw_keys(path, asked.move, dancers, asked.png)
    if asked.video:
        from agents.move_indexing.picture.video import write_video

        write_video(path, asked.move, dancers, asked.video, part(tools.report, _WATCHED, 1.0))
    return ShownMove()


def _path(move: MoveCard, tools: Tools) -> Path:
    if not tools.media.has(move.clip.sha256):
        raise Poison(f"the clip of '{move.name}' is no longer in the media store; index it again", "unknown_media")
    return tools.media.path(move.clip.sha256)


def _seen(path: Path, asked: ShowMove, tools: Tools) -> Watched:
    from agents.move_indexing.dancers.kept import watched

    clip, report = asked.move.clip, part(tools.report, 0.0, _WATCHED)
    model, cache = tools.pose_model, tools.cache_dir
    return watched(path, clip.sha256, asked.quality, model, cache, report=report, duration_s=clip.duration_s)


SHOW_MOVE = Errand(name="show_move", consumes=ShowMove, result=ShownMove, work=_show, timeout_s=1800.0)
