"""The rendering step: from a planned sequence to the finished video."""

from __future__ import annotations

from agents.rendering.inputs import VERSION, RenderingInput, rendering_input
from agents.rendering.result import RenderResult, discard, is_valid
from agents.step import Step, Tools
from schemas.base import joined_warnings
from schemas.rendered import Rendered
from schemas.request_ended import Ending
from schemas.sequence_planned import SequencePlanned


def _work(rendering: RenderingInput, tools: Tools) -> RenderResult:
    from agents.rendering.render import render

    return render(rendering, tools)


def _timeout_s(rendering: RenderingInput) -> float:
    """Return the time for a plan: its song is encoded once, and each clip that is not yet in this quality.

    A clip that is shown plain and mirrored is encoded twice. Each clip may have to be replaced, by one as long.
    """
    clips = {(segment.clip_sha256, segment.mirrored) for segment in rendering.plan.segments}
    lengths = [rendering.plan.clips[sha][-1] for sha, _ in clips if rendering.plan.clips[sha]]
    return 120.0 + rendering.plan.end_s + 20.0 * sum(lengths)


def _emit(event: SequencePlanned, result: RenderResult) -> Rendered:
    return Rendered(
        **event.carried() | {"warnings": joined_warnings(event.warnings, result.warnings)},
        tempo_bpm=event.plan.tempo_bpm,
        library_version=event.plan.library_version,
        segments=result.segments,
        video=result.video,
        joins=result.joins,
    )


STEP = Step(
    name="rendering",
    version=VERSION,
    consumes=SequencePlanned,
    depends_on=rendering_input,
    takes=RenderingInput,
    work=_work,
    result=RenderResult,
    is_valid=is_valid,
    discard=discard,
    emit=_emit,
    produces=Rendered,
    subject=lambda event, _: event.song.sha256,
    ending=lambda rendered: Ending(video=rendered.video),
    timeout_s=1800.0,
    timeout_for=_timeout_s,
    memory_mb=2048,
)
