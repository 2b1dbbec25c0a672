"""Jobs that cut a long recording: find its parts that may be moves, and cut one of them out as a clip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from agents.step import Job, Tools, sub_progress
from schemas import limits
from schemas.base import (
    EmbeddingValue,
    MediaFacts,
    MediaRef,
    Model,
    Quality,
    Seconds,
    Sha256,
    SoundTrack,
    TempoBpm,
    UnitLength,
)
from schemas.faults import Poison
from schemas.move_indexed import Dancers

if TYPE_CHECKING:
    from agents.move_indexing.split.parts import Part
    from agents.move_indexing.split.recording import Analyzed

VERSION = 1  # of the cuts: another version may cut other parts
MAX_PARTS = 1_000
_ANALYSIS_SHARE = 0.9  # of the progress


class PartSpan(Model):
    """A part of a recording, seconds from the container's start."""

    start_s: Seconds
    end_s: Seconds


class DescribedPart(PartSpan):
    """A part that may be a move. `counts`: its length in counts; `embedding`: as that of a move."""

    counts: float = Field(ge=0, le=limits.MAX_BEATS)
    tempo_bpm: TempoBpm
    dancers: Dancers
    embedding: Annotated[tuple[EmbeddingValue, ...], Field(min_length=512, max_length=512), UnitLength]


class SplitRecording(Model):
    """A recording in the media store. `spans`: the parts to describe; without any, it is cut into parts."""

    sha256: Sha256
    quality: Quality = "fast"
    spans: tuple[PartSpan, ...] = Field(default=(), max_length=MAX_PARTS)


class SplitResult(Model):
    """The facts of a recording, and its parts in order, without those in which hardly anybody is detected."""

    recording: MediaFacts
    parts: tuple[DescribedPart, ...] = Field(max_length=MAX_PARTS)


class CutClip(PartSpan):
    """A part of a recording in the media store to cut out. `sound_track`: None for a recording without sound."""

    sha256: Sha256
    sound_track: SoundTrack | None = 0


class CutResult(Model):
    """The clip that was cut out, in the media store."""

    clip: MediaRef


def strip_file(cache_dir: Path, recording_sha256: str, part: PartSpan) -> Path:
    """Return the file with the pictures of a part of a recording; it can be made again."""
    name = f"{round(1000 * part.start_s)}-{round(1000 * part.end_s)}.jpg"
    return cache_dir / "recordings" / recording_sha256 / name


def _split(request: SplitRecording, tools: Tools) -> SplitResult:
    """Find or describe the parts of a recording. Raises: `Poison`: as `probe_recording`; `no_beats`, `nobody`."""
    from agents.move_indexing.split.recording import analyze_recording

    path = tools.media.path(request.sha256)
    analyzed = analyze_recording(
        path, request.sha256, request.quality, tools, sub_progress(tools.report, 0.0, _ANALYSIS_SHARE)
    )
    parts = [analyzed.part(span.start_s, span.end_s) for span in request.spans] or analyzed.parts()
    described = [found for part in parts[:MAX_PARTS] if (found := _described(analyzed, part))]
    if not described:
        raise Poison("no eight counts in it show dancers who move to music; give a recording of dancing", "nobody")
    _draw_strips(path, request.sha256, described, tools)
    return SplitResult(recording=analyzed.facts, parts=tuple(described))


def _described(analyzed: Analyzed, part: Part) -> DescribedPart | None:
    described = analyzed.described(part)
    if described is None:
        return None
    dance, embedding = described
    return DescribedPart(
        start_s=part.start_s,
        end_s=part.end_s,
        counts=part.counts,
        tempo_bpm=analyzed.music[part.piece].tempo_bpm,
        dancers=dance.dancers,
        embedding=embedding,
    )


def _draw_strips(path: Path, sha256: str, parts: Sequence[PartSpan], tools: Tools) -> None:
    from agents.move_indexing.move_pictures.contact_strip import draw_contact_strip

    report = sub_progress(tools.report, _ANALYSIS_SHARE, 1.0)
    for number, part in enumerate(parts, 1):
        target = strip_file(tools.cache_dir, sha256, part)
        if not target.is_file():
            draw_contact_strip(path, part.start_s, part.end_s, target)
        report(number / len(parts))


def _cut(request: CutClip, tools: Tools) -> CutResult:
    """Cut out a part as a clip of the media store. Raises: as `cut` and `MediaStore.add`."""
    from uuid import uuid4

    from agents.media.cut import CutPart, cut
    from infra.base.atomic_file import temporary_file

    part = CutPart(request.start_s, request.end_s, request.sound_track)
    with temporary_file(tools.cache_dir / "cuts", lambda: f"{uuid4().hex}.mp4", "*.mp4") as (file, _):
        cut(tools.media.path(request.sha256), part, file)
        return CutResult(clip=tools.media.add(file.resolve(), "video"))


SPLIT_RECORDING = Job(
    name="split_recording",
    takes=SplitRecording,
    result=SplitResult,
    work=_split,
    timeout_s=3600.0,
    memory_mb=2048,
)
CUT_CLIP = Job(name="cut_clip", takes=CutClip, result=CutResult, work=_cut, timeout_s=900.0, memory_mb=2048)
