"""Rendering: a planned sequence in, the finished video out."""

from __future__ import annotations

from agents.rendering.identity import VERSION, holds, known_by
from agents.step import Step, Tools
from schemas.rendered import Rendered, Video
from schemas.sequence_planned import SequencePlanned


def _work(event: SequencePlanned, tools: Tools) -> Video:
    from agents.rendering.render import render

    return render(event, tools)


def _emit(event: SequencePlanned, video: Video) -> Rendered:
    planned = {name: getattr(event.plan, name) for name in ("tempo_bpm", "library_version", "segments")}
    return Rendered(**event.carried(), **planned, video=video)


STEP = Step(
    name="rendering",
    version=VERSION,
    consumes=SequencePlanned,
    result=Video,
    produces=Rendered,
    known_by=known_by,
    work=_work,
    emit=_emit,
    key=lambda rendered: rendered.song.sha256,
    timeout_s=1800.0,
    ends=True,
    holds=holds,
)
