"""Render odd clips into one video, and draw its frames with their clips' names, to be looked at."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from agents.move_indexing.indexed_move import IndexedMove
from agents.rendering.inputs import RenderingInput
from agents.rendering.result import RenderResult
from infra.settings import load_settings
from schemas.sequence_planned import Plan
from tests.quality.media_cases import ClipCase
from tests.quality.media_clips import AnalyzedSong, plan_of
from tests.quality.media_row import Row, Runner

SHOWN = (
    *("HLG.mov", "PQ.mp4", "mirrored by its matrix.mp4", "2:1 pixels in the container only.mov", "interlaced.mp4"),
    *("stored as mjpeg.avi", "mpeg-ts named.mp4", "picture 1.5 s after sound.mp4", "paused for 2 s.mkv", "240 fps.mov"),
    *("portrait.mp4", "601x337.mp4"),
)
_TILE = (480, 270)
_AT = (0.25, 0.75)  # of a segment


async def write_video(
    runner: Runner, song: AnalyzedSong, taken: Sequence[tuple[ClipCase, IndexedMove]], target: Path
) -> None:
    """Write a video of one eight of each of the clips in `SHOWN`, and beside it a PNG of two frames of each."""
    moves = {case.name: move for case, move in taken}
    names = [name for name in SHOWN if name in moves]
    plan = plan_of([moves[name] for name in names], song.analysis, most=1)
    rendering = RenderingInput(song_sha256=song.sha256, plan=plan, quality="balanced", title_slug="odd")
    result = RenderResult.model_validate_json(await runner.run(Row("video"), "rendering", rendering))
    shutil.copyfile(load_settings().output_dir / result.video.file, target)
    sheet = target.with_suffix(".png")
    cv2.imwrite(str(sheet), _sheet(target, plan, names))
    print(f"{len(names)} clips in {target}; frames to look at in {sheet}", flush=True)


def _sheet(video: Path, plan: Plan, names: Sequence[str]) -> NDArray[Any]:
    """Return a row for each two clips, BGR."""
    spans = [(segment.song_start_s - plan.start_s, segment.song_end_s - plan.start_s) for segment in plan.segments]
    due = [
        (start + share * (end - start), name) for (start, end), name in zip(spans, names, strict=True) for share in _AT
    ]
    tiles: list[NDArray[Any]] = []
    with av.open(str(video)) as reader:
        for frame in reader.decode(video=0):
            if len(tiles) < len(due) and (frame.time or 0.0) >= due[len(tiles)][0]:
                tiles.append(_tile(frame.to_ndarray(format="bgr24"), due[len(tiles)][1]))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 4)
    return np.vstack([np.hstack(tiles[at : at + 4]) for at in range(0, len(tiles), 4)])


def _tile(bgr: NDArray[Any], name: str) -> NDArray[Any]:
    tile = cv2.resize(bgr, _TILE, interpolation=cv2.INTER_AREA)
    cv2.rectangle(tile, (0, _TILE[1] - 22), (_TILE[0], _TILE[1]), (0, 0, 0), -1)
    return cv2.putText(tile, name, (4, _TILE[1] - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
