"""Replace the segments of a plan that cannot be shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from agents.playable import EIGHT, with_partial_last_beat
from agents.rendering.clips import Clips, version_of
from agents.texts import first_few
from schemas import limits
from schemas.faults import Poison
from schemas.reasons import Reason
from schemas.sequence_planned import ClipPart, Plan, Segment, ShownPart

Parts = tuple[ClipPart, ...]
Shown = tuple[ShownPart, ...]

_HALF_EIGHT = EIGHT // 2
_MIN_LAST_SHARE = 0.05  # of a beat
_CAUSES: dict[Reason, str] = {
    "unknown_media": "the media store does not have it",
    "no_video": "no frame of its video decodes",
    "not_media": "its video does not decode",
}


@dataclass(frozen=True)
class PartsToRender:
    """The parts of clips for the video, without a gap, and warnings of clips that cannot be shown."""

    parts: Shown
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Replacement:
    """A segment that cannot be shown, and what is shown in its place."""

    segment: Segment
    cause: str
    parts: Parts


def parts_to_render(plan: Plan, clips: Clips) -> PartsToRender:
    """Return the plan's segments, each that cannot be shown replaced by its best runner-up that can.

    Where none of them can, another clip of the plan is shown, from a beat on which one of its parts starts.

    Raises: `Poison` where no clip of the plan can be shown; as `Clips.fault`.
    """
    parts: list[ShownPart] = []
    replacements = []
    follows_other = False
    for segment in plan.segments:
        fault = clips.fault(segment)
        if fault is None:
            alone = segment.alone()
            parts.append(alone.model_copy(update={"seam": None}) if follows_other else alone)
        else:
            others = _runner_up(segment, clips) or _other_part(segment, plan, clips, parts)
            if not others:
                raise _nothing_to_show(plan, clips)
            replacements.append(_Replacement(segment, _cause(fault), others))
            parts += [_shown(part, segment) for part in others]
        follows_other = fault is not None
    return PartsToRender(tuple(parts), (*_warnings(replacements), *_without_grade(plan, parts)))


def _shown(part: ClipPart, segment: Segment) -> ShownPart:
    """Return a part in a segment's place: the cut before it has no grade."""
    fields = {name: getattr(part, name) for name in ClipPart.model_fields}
    return ShownPart.model_construct(**fields, section=segment.section)


def _runner_up(segment: Segment, clips: Clips) -> Parts:
    return next((parts for parts in segment.runners_up if _can_be_shown(parts, clips)), ())


def _can_be_shown(parts: Sequence[ClipPart], clips: Clips) -> bool:
    return all(clips.fault(part) is None for part in parts)


def _other_part(segment: Segment, plan: Plan, clips: Clips, before: Sequence[ClipPart]) -> Parts:
    """Return the beats from the start of any of the plan's parts on, in the segment's place; empty where none can be.

    Of those from clips that the plan shows the one with the fewest cuts, then of the clip that was shown least often.
    """
    uses = Counter(part.clip_sha256 for part in before)
    found = [parts for start in _starts(plan.segments) if (parts := _from_start_of(start, segment, plan, clips))]
    if found:
        return min(found, key=lambda parts: (len(parts), uses[parts[0].clip_sha256]))
    others = (_from_start_of(start, segment, plan, clips) for start in _starts(plan.parts()))
    return next(filter(None, others), ())


def _starts(parts: Iterable[ClipPart]) -> list[ClipPart]:
    """Return the parts, of those that start on the same beat of a clip only one."""
    return list({(version_of(part), part.clip_start_s): part for part in parts}.values())


def _from_start_of(start: ClipPart, segment: Segment, plan: Plan, clips: Clips) -> Parts:
    """Return the clip's beats from the start of a part on, in the segment's place; repeated where they are too few."""
    if not clips.can_be_made(version_of(start)):
        return ()
    beats = plan.clips[start.clip_sha256]
    first = min(range(len(beats)), key=lambda index: abs(beats[index] - start.clip_start_s))
    for size in _sizes(len(segment.song_beats) - 1, len(beats) - 1 - first):
        parts = tuple(_repeated(start, beats[first : first + size + 1], segment))
        if parts and _can_be_shown(parts, clips):
            return parts
    return ()


def _sizes(needed: int, available: int) -> Iterator[int]:
    """Yield how many beats to show in a row, the most first: all that are needed, then whole eights, then a half."""
    if needed <= available:
        yield needed
    yield from range(min(needed - 1, available) // EIGHT * EIGHT, 0, -EIGHT)
    if needed > _HALF_EIGHT and available >= _HALF_EIGHT:
        yield _HALF_EIGHT


def _repeated(start: ClipPart, beats: Sequence[float], segment: Segment) -> Iterator[ClipPart]:
    song_beats, size = segment.song_beats, len(beats) - 1
    for at in range(0, len(song_beats) - 1, size):
        song = song_beats[at : at + size + 1]
        clip = tuple(beats[: len(song)])
        if at + size >= len(song_beats) - 1:
            clip = with_partial_last_beat(clip, _last_share(song_beats))
        yield ClipPart(
            move=start.move,
            clip=start.clip,
            clip_sha256=start.clip_sha256,
            song_beats=song,
            clip_beats=clip,
            stretch=_stretch(song, clip),
            mirrored=start.mirrored,
        )


def _last_share(song_beats: Sequence[float]) -> float:
    """Return the length of the last interval in beats, at most 1: a song may end between two beats."""
    if len(song_beats) < 3:
        return 1.0
    beat_s = median(after - before for before, after in pairwise(song_beats[:-1]))  # a single beat may be held
    return min(1.0, max(_MIN_LAST_SHARE, (song_beats[-1] - song_beats[-2]) / beat_s))


def _stretch(song: Sequence[float], clip: Sequence[float]) -> float:
    low, high = limits.STRETCH
    return min(high, max(low, round((song[-1] - song[0]) / (clip[-1] - clip[0]), 6)))


def _cause(fault: Poison) -> str:
    return _CAUSES.get(fault.reason, str(fault))


def _warnings(replacements: Sequence[_Replacement]) -> Iterator[str]:
    causes: dict[tuple[str, str], list[_Replacement]] = {}
    for one in replacements:
        causes.setdefault((one.segment.clip, one.cause), []).append(one)
    for (clip, cause), of_clip in causes.items():
        places = [f"{one.parts[0].clip} is shown at {one.segment.song_start_s:.1f} s" for one in of_clip]
        yield f"{clip} cannot be shown ({cause}): {first_few(places)} in its place"


def _without_grade(plan: Plan, parts: Sequence[ShownPart]) -> Iterator[str]:
    """Yield a warning of the planned cuts that have no grade any more, as what is beside them was replaced."""
    graded = {part.song_start_s for part in parts if part.seam}
    lost = [segment.song_start_s for segment in plan.segments if segment.seam and segment.song_start_s not in graded]
    if lost:
        times = first_few([f"{time_s:.1f} s" for time_s in lost])
        yield f"cuts beside a clip that was replaced have no grade: at {times}"


def _nothing_to_show(plan: Plan, clips: Clips) -> Poison:
    faults = {segment.clip: fault for segment in plan.segments if (fault := clips.fault(segment))}
    some = first_few([f"{clip} ({_cause(fault)})" for clip, fault in faults.items()])
    reason = next(iter(faults.values())).reason
    return Poison(
        f"no clip of this choreography can be shown: {some}; index them again, `bachata index FOLDER`", reason
    )
