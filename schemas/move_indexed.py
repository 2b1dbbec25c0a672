"""`move-indexed`: a clip of the library with its motion, beat grid and embedding."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from schemas import limits
from schemas.base import (
    Code,
    Count,
    Difficulty,
    EmbeddingValue,
    Level,
    MediaFacts,
    Model,
    Name,
    RequestId,
    Seconds,
    TempoBpm,
    UnitInterval,
    UnitLength,
    Warnings,
    at_most,
    check_beats,
    check_inside,
)
from schemas.boundary import Boundary, EightContent
from schemas.look import Look
from schemas.move_annotated import MoveAnnotation

BEATS_PER_EIGHT = 8
WINDOW_EDGE_S = 0.02  # half a picture at 25 frames per second
Degrees = Annotated[float, Field(ge=0, le=180)]
MotionAmount = Annotated[float, Field(ge=0, le=limits.MAX_MOTION)]


def _check_pose(values: tuple[float, ...]) -> tuple[float, ...]:
    if len(values) not in {0, limits.POSE_VALUES}:
        raise ValueError(f"a pose has {limits.POSE_VALUES} values, or none")
    return values


Pose = Annotated[
    tuple[Annotated[float, Field(ge=-limits.MAX_POSE, le=limits.MAX_POSE)], ...],
    Field(max_length=limits.POSE_VALUES, fail_fast=True),
    AfterValidator(_check_pose),
]


class Dancers(Model):
    """Shares of the sampled frames in which at least one dancer, and both dancers, were detected."""

    one: UnitInterval
    both: UnitInterval


class Window(Model):
    """A span of a clip that has pictures without a hole, from its first picture until its last one ends."""

    start_s: Seconds
    end_s: Seconds


def window_at(windows: Sequence[Window], time_s: float) -> int | None:
    """Return the index of the window in which a time is, or so near that its first or last picture shows it."""
    last = bisect_right(windows, time_s + WINDOW_EDGE_S, key=lambda window: window.start_s) - 1
    return last if last >= 0 and time_s <= windows[last].end_s + WINDOW_EDGE_S else None


class Joint(Model):
    """Angle of a joint in degrees, 180 is straight: the 10th percentile, the median and the 90th percentile."""

    p10_deg: Degrees
    median_deg: Degrees
    p90_deg: Degrees


Joints = Annotated[dict[Code, Joint], Field(max_length=limits.MAX_JOINTS), at_most(limits.MAX_JOINTS)]


class DancerMotion(Model):
    """Motion of one dancer.

    `detected`: share of the sampled frames in which the dancer is detected. `tracked`: share of the clip in which the
    dancer's position is known, short gaps filled. `confidence`: mean over the frames with a detection. Lengths are in
    the dancer's torso lengths, in the picture plane: `limb_speed`, mean speed of wrists and ankles per second;
    `travel`, path length of the hips per bar. `turns`: rotation of the shoulders, in both directions, whole turns per
    bar. `joints`: left and right elbow, shoulder, hip and knee.
    """

    detected: UnitInterval
    tracked: UnitInterval
    confidence: UnitInterval
    limb_speed: MotionAmount
    travel: MotionAmount
    turns: MotionAmount
    joints: Joints = Field(default_factory=dict)


class CoupleMotion(Model):
    """Position of the two dancers relative to each other while both are tracked.

    `distance`: between their hips, in torso lengths in the picture plane: 10th, 50th and 90th percentile. Shares of
    the time: `face_to_face`; `same_direction` (side by side, or one behind the other), the rest is across; `close`,
    hips within 0.8 torso lengths; `hands_joined`, at least one hand at a hand of the other.
    """

    distance: tuple[MotionAmount, MotionAmount, MotionAmount]
    face_to_face: UnitInterval
    same_direction: UnitInterval
    close: UnitInterval
    hands_joined: UnitInterval


class Motion(Model):
    """Motion of a clip's dancers. `lead`: the larger; `couple`: None if both are tracked together for less than 0.5 s.

    `energy`: limb speed of the dancer who moves more, 1 at 2 torso lengths per second. `complexity`: number of
    independent components of the motion, 1 at 8.
    """

    lead: DancerMotion | None
    follow: DancerMotion | None
    couple: CoupleMotion | None
    energy: UnitInterval
    complexity: UnitInterval


class Eight(Model):
    """Eight beats of a clip that a plan may use; it begins on a count 1 wherever the clip has a whole eight from one.

    A shorter clip has eights from its first count 5, or else from its first beat. `start_beat`: index into the clip's
    beats, of which `start_beat + 8` exists too. The poses are the two dancers' joints on the first and the last beat:
    x and y of 13 joints of the lead, then of the follow, relative to the couple's hip centre and in its torso lengths;
    empty unless both are tracked then. `dancers`: the shares of its time in which one dancer at least, and both, are
    in the picture, also hidden behind the other; 1 in events of versions that did not measure them. `content`: what is
    danced; None in events of earlier versions.
    """

    start_beat: int = Field(ge=0, lt=limits.MAX_CLIP_BEATS)
    dancers: Dancers = Dancers(one=1.0, both=1.0)
    start_pose: Pose = ()
    end_pose: Pose = ()
    content: EightContent | None = None


class Judgement(Model):
    """What the program judged of a clip; it holds where a person's annotation says nothing."""

    move: Name
    category: Name
    difficulty: Difficulty
    energy: Level


class MoveSummary(Model):
    """Facts of a clip that scoring, planning and rendering need.

    `move`, `category`, `difficulty` and `energy` are those of `annotation` where it has them, else those of `judged`.
    Older events have neither: their values count as judged.
    `clip.duration_s` is the length of its pictures: from the first one until the last one ends, holes included.
    `windows`: the spans that have pictures, in order. Like the beats, they are in seconds from the container's start,
    which may lie before the first picture. All beats are inside windows, and no eight spans a hole between two. Without
    windows, as in older events, the whole clip is one. `count_confidence`: that a count 1 is neither a 5 nor another
    beat. `boundaries`: the couple's state on each beat with count 1 or 5, and where an eight begins or ends, in order;
    none in events of earlier versions. Embeddings of different `embedding_version` cannot be compared.
    """

    clip: MediaFacts
    name: Name
    move: Name
    category: Name
    difficulty: Difficulty
    energy: Level
    tempo_bpm: TempoBpm
    beats: tuple[Seconds, ...] = Field(max_length=limits.MAX_CLIP_BEATS, fail_fast=True)
    counts: tuple[Count, ...] = Field(max_length=limits.MAX_CLIP_BEATS, fail_fast=True)
    eights: tuple[Eight, ...] = Field(max_length=limits.MAX_EIGHTS, fail_fast=True)
    windows: tuple[Window, ...] = Field(default=(), max_length=limits.MAX_WINDOWS, fail_fast=True)
    count_confidence: UnitInterval = 0.0
    boundaries: tuple[Boundary, ...] = Field(default=(), max_length=limits.MAX_CLIP_BEATS, fail_fast=True)
    look: Look | None = None
    dancers: Dancers
    motion: Motion | None = None
    embedding_version: int = Field(default=1, ge=1, le=limits.MAX_EMBEDDING_VERSION)
    judged: Judgement | None = None
    annotation: MoveAnnotation | None = None

    @model_validator(mode="after")
    def _is_of_a_clip(self) -> MoveSummary:
        if self.clip.kind != "video":
            raise ValueError("a move's clip must be video")
        if len(self.beats) != len(self.counts):
            raise ValueError("beats and counts must have the same length")
        check_beats(self.beats, self.tempo_bpm)
        check_inside(max(self.beats, default=0.0), self.end_s, "the beats")
        if any(eight.start_beat + BEATS_PER_EIGHT >= len(self.beats) for eight in self.eights):
            raise ValueError("an eight has beats that the clip does not have")
        if any(boundary.beat >= len(self.beats) for boundary in self.boundaries):
            raise ValueError("a boundary is on a beat that the clip does not have")
        return self

    @model_validator(mode="after")
    def _is_inside_windows(self) -> MoveSummary:
        edges = [time for window in self.windows for time in (window.start_s, window.end_s)]
        if any(after - before <= 2 * WINDOW_EDGE_S for before, after in pairwise(edges)):
            raise ValueError("windows must have a length, be in order, and be apart from each other")
        if not self.windows:
            return self
        check_inside(edges[-1] - edges[0], self.clip.duration_s, "the windows")
        in_window = [window_at(self.windows, beat) for beat in self.beats]
        if None in in_window:
            raise ValueError("a beat is in no window")
        if any(in_window[eight.start_beat] != in_window[eight.start_beat + BEATS_PER_EIGHT] for eight in self.eights):
            raise ValueError("an eight spans a hole")
        return self

    def annotated_boundaries(self) -> tuple[Boundary, ...]:
        """Return the states at boundaries, with the annotated holds in place of those that were found.

        `entry_hold` holds where the first eight begins, `exit_hold` where the last one ends.
        """
        if self.annotation is None or not self.eights:
            return self.boundaries
        holds = {self.eights[0].start_beat: self.annotation.entry_hold}
        holds[self.eights[-1].start_beat + BEATS_PER_EIGHT] = self.annotation.exit_hold
        return tuple(
            boundary.with_hold(hold) if (hold := holds.get(boundary.beat)) else boundary for boundary in self.boundaries
        )

    def boundary_at(self, beat: int) -> Boundary | None:
        """Return the couple's state on a beat as `annotated_boundaries`, None where there is none."""
        return next((boundary for boundary in self.annotated_boundaries() if boundary.beat == beat), None)

    @property
    def end_s(self) -> float:
        """Return when the last picture ends, seconds from the container's start."""
        return self.windows[-1].end_s if self.windows else self.clip.duration_s

    def annotated(self, annotation: MoveAnnotation | None) -> Self:
        """Return the move with an annotation in place of the one that it has; None: without any."""
        judged = self.judged or Judgement.model_validate(self, from_attributes=True)
        given = annotation or MoveAnnotation()
        values = {
            "move": given.move or judged.move,
            "category": given.category or given.move or judged.category,
            "difficulty": given.difficulty or judged.difficulty,
            "energy": given.energy or judged.energy,
        }
        return self.model_copy(update=values | {"judged": judged, "annotation": annotation})


class Move(MoveSummary):
    """A move of the library. `embedding`: 384 values of motion and 128 of audio, norm 1."""

    embedding: Annotated[tuple[EmbeddingValue, ...], Field(min_length=512, max_length=512, fail_fast=True), UnitLength]

    def summary(self) -> MoveSummary:
        """Return the move without its embedding."""
        return MoveSummary.model_construct(**{name: getattr(self, name) for name in MoveSummary.model_fields})


class MoveIndexed(Model):
    """A clip that is now a move of the library."""

    request_id: RequestId
    move: Move
    warnings: Warnings = ()
