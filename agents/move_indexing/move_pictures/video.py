"""Write a move's clip as a video with its dancers' skeletons and its counts drawn on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from agents.media.redraw import redraw
from agents.move_indexing.move_pictures.bodies import Dancer
from agents.move_indexing.move_pictures.overlay import Overlay
from infra.base.atomic_file import replacing
from schemas.move_indexed import MoveSummary


def write_video(
    path: Path,
    move: MoveSummary,
    dancers: Sequence[Dancer],
    target: Path,
    report: Callable[[float], None] = lambda _: None,
) -> None:
    """Write the clip at `path` as an mp4: each picture at its time, upright, at most 1280x720; with its sound.

    `report` receives the finished fraction, 0-1. Raises: `Poison`, as decoding does.
    """

    def report_time(time_s: float) -> None:
        report(min(1.0, time_s / max(move.end_s, 1e-9)))

    with replacing(target) as temporary:
        redraw(path, temporary, Overlay(move, dancers).draw, report_time, move.clip.sound_track)
