"""The rendering step: from a planned sequence to the finished video."""

from __future__ import annotations

from agents.rendering.inputs import VERSION, RenderingInput, is_whole, rendering_input
from agents.step import Step, Tools
from schemas.rendered import Rendered, Video
from schemas.request_ended import Ending
from schemas.sequence_planned import SequencePlanned


def _work(rendering: RenderingInput, tools: Tools) -> Video:
    from agents.rendering.render import render

    return render(rendering, tools)


def _timeout_s(rendering: RenderingInput) -> float:
    """Return the time for a plan: its song is encoded once, and each clip that is not yet in this quality."""
    clips_s = sum(beats[-1] for beats in rendering.plan.clips.values() if beats)
    return 120.0 + rendering.plan.end_s + 10.0 * clips_s


def _emit(event: SequencePlanned, video: Video) -> Rendered:
    planned = {name: getattr(event.plan, name) for name in ("tempo_bpm", "library_version", "segments")}
    return Rendered(**event.carried(), **planned, video=video)


STEP = Step(
    name="rendering",
    version=VERSION,
    consumes=SequencePlanned,
    depends_on=rendering_input,
    takes=RenderingInput,
    work=_work,
    result=Video,
    is_valid=is_whole,
    emit=_emit,
    produces=Rendered,
    subject=lambda event, _: event.song.sha256,
    ending=lambda rendered: Ending(video=rendered.video),
    timeout_s=1800.0,
    timeout_for=_timeout_s,
    memory_mb=2048,
)
