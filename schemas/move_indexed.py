"""`move-indexed`: a clip of the library with its motion, beat grid and embedding."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.base import Count, Difficulty, Level, MediaFacts, Name, Payload, RequestId, Seconds, Share

Degrees = Annotated[float, Field(ge=0, le=180)]


class Dancers(Payload):
    """Shares of the sampled frames in which one dancer at least, and both dancers, were found."""

    one: Share
    both: Share


class Joint(Payload):
    """How a joint bends, in degrees: 180 is straight. The 10th, 50th and 90th percentile."""

    low_deg: Degrees
    usual_deg: Degrees
    high_deg: Degrees


class DancerMotion(Payload):
    """How one dancer moves.

    `found`: the share of the sampled frames that show the dancer; `seen`: the share of the clip in which the dancer's
    place is known, short gaps filled; `confidence`: the mean of the frames that show the dancer. Lengths are in the
    dancer's torso lengths, on the picture: `pace`, the mean speed of wrists and ankles, a second; `travel`, the way of
    the hips, a bar. `turns`: how far the shoulders turn, back and forth, in whole turns a bar. `joints`: left and right
    elbow, shoulder, hip and knee.
    """

    found: Share
    seen: Share
    confidence: Share
    pace: float = Field(ge=0)
    travel: float = Field(ge=0)
    turns: float = Field(ge=0)
    joints: dict[str, Joint] = Field(default_factory=dict)


class CoupleMotion(Payload):
    """How two dancers stand to each other while both are seen.

    `distance`: between their hips, in torso lengths on the picture, 10th, 50th and 90th percentile. Shares of the
    time: `face_to_face`, `same_way` (side by side, or one behind the other), what is left is across; `close`, hips
    within 0.8 torso lengths; `hands_joined`, at least one hand at a hand of the other.
    """

    distance: tuple[float, float, float]
    face_to_face: Share
    same_way: Share
    close: Share
    hands_joined: Share


class Motion(Payload):
    """How a clip's dancers move. `lead`: the taller; `couple`: None where both are hardly ever seen at once.

    `energy`: the pace of who moves more, 1 at 2 torso lengths a second. `complexity`: in how many independent ways the
    bodies move, 1 at 8.
    """

    lead: DancerMotion | None
    follow: DancerMotion | None
    couple: CoupleMotion | None
    energy: Share
    complexity: Share


class Eight(Payload):
    """Eight beats of a clip that a plan may use, beginning on a count 1 wherever the clip has a whole eight from one.

    A clip too short for that has eights from its first count 5 on, or else from its first beat.
    `start_beat` is an index into the clip's beats, of which `start_beat + 8` exists too. The poses are the two
    dancers' joints at the first and the last moment: x and y of 13 joints of each dancer, dancer after dancer,
    relative to the couple's hip centre and in units of its torso length; empty unless both were seen then.
    """

    start_beat: int = Field(ge=0)
    start_pose: tuple[float, ...] = ()
    end_pose: tuple[float, ...] = ()


class MoveCard(Payload):
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


class Move(MoveCard):
    """A move of the library. `embedding`: 384 values of motion and 128 of audio, length 1."""

    embedding: tuple[float, ...] = Field(min_length=512, max_length=512)

    def card(self) -> MoveCard:
        """The move without its embedding."""
        return MoveCard.model_construct(**{name: getattr(self, name) for name in MoveCard.model_fields})


class MoveIndexed(Payload):
    """A clip that is in the library now."""

    request_id: RequestId
    move: Move
    warnings: tuple[str, ...] = ()
