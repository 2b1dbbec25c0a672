"""`move-indexed`: a clip of the library with its motion, beat grid and embedding."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.base import Count, Difficulty, Level, MediaFacts, Model, Name, RequestId, Seconds, UnitInterval

Degrees = Annotated[float, Field(ge=0, le=180)]


class Dancers(Model):
    """Shares of the sampled frames in which one dancer at least, and both dancers, were found."""

    one: UnitInterval
    both: UnitInterval


class Joint(Model):
    """How a joint bends, in degrees, 180 is straight: the 10th percentile, the median and the 90th percentile."""

    p10_deg: Degrees
    median_deg: Degrees
    p90_deg: Degrees


class DancerMotion(Model):
    """How one dancer moves.

    `detected`: the share of the sampled frames in which the dancer is detected; `tracked`: the share of the clip in
    which the dancer's place is known, short gaps filled; `confidence`: the mean over the frames with a detection.
    Lengths are in the dancer's torso lengths, on the picture: `limb_speed`, the mean speed of wrists and ankles, a
    second; `travel`, the way of the hips, a bar. `turns`: how far the shoulders turn, back and forth, in whole turns
    a bar. `joints`: left and right elbow, shoulder, hip and knee.
    """

    detected: UnitInterval
    tracked: UnitInterval
    confidence: UnitInterval
    limb_speed: float = Field(ge=0)
    travel: float = Field(ge=0)
    turns: float = Field(ge=0)
    joints: dict[str, Joint] = Field(default_factory=dict)


class CoupleMotion(Model):
    """How two dancers stand to each other while both are seen.

    `distance`: between their hips, in torso lengths on the picture, 10th, 50th and 90th percentile. Shares of the
    time: `face_to_face`, `same_direction` (side by side, or one behind the other), what is left is across; `close`,
    hips within 0.8 torso lengths; `hands_joined`, at least one hand at a hand of the other.
    """

    distance: tuple[float, float, float]
    face_to_face: UnitInterval
    same_direction: UnitInterval
    close: UnitInterval
    hands_joined: UnitInterval


class Motion(Model):
    """How a clip's dancers move. `lead`: the taller; `couple`: None where both are hardly ever seen at once.

    `energy`: the limb speed of who moves more, 1 at 2 torso lengths a second. `complexity`: in how many independent
    ways the bodies move, 1 at 8.
    """

    lead: DancerMotion | None
    follow: DancerMotion | None
    couple: CoupleMotion | None
    energy: UnitInterval
    complexity: UnitInterval


class Eight(Model):
    """Eight beats of a clip that a plan may use, beginning on a count 1 wherever the clip has a whole eight from one.

    A clip too short for that has eights from its first count 5 on, or else from its first beat.
    `start_beat` is an index into the clip's beats, of which `start_beat + 8` exists too. The poses are the two
    dancers' joints at the first and the last moment: x and y of 13 joints of each dancer, dancer after dancer,
    relative to the couple's hip centre and in units of its torso length; empty unless both were seen then.
    """

    start_beat: int = Field(ge=0)
    start_pose: tuple[float, ...] = ()
    end_pose: tuple[float, ...] = ()


class MoveSummary(Model):
    """What scoring, planning and rendering need to know of a clip.

    Embeddings of another `embedding_version` were made in another way, and cannot be compared.
    """

    clip: MediaFacts
    name: Name
    move: Name
    category: Name
    difficulty: Difficulty
    energy: Level
    tempo_bpm: float = Field(gt=0)
    beats: tuple[Seconds, ...]
    counts: tuple[Count, ...]
    eights: tuple[Eight, ...]
    dancers: Dancers
    motion: Motion | None = None
    embedding_version: int = 1


class Move(MoveSummary):
    """A move of the library. `embedding`: 384 values of motion and 128 of audio, length 1."""

    embedding: tuple[float, ...] = Field(min_length=512, max_length=512)

    def card(self) -> MoveSummary:
        """The move without its embedding."""
        return MoveSummary.model_construct(**{name: getattr(self, name) for name in MoveSummary.model_fields})


class MoveIndexed(Model):
    """A clip that is in the library now."""

    request_id: RequestId
    move: Move
    warnings: tuple[str, ...] = ()
