"""`move-indexed`: a clip of the library with its motion, beat grid and embedding."""

from __future__ import annotations

from pydantic import Field

from schemas.base import Count, Difficulty, Level, MediaFacts, Name, Payload, RequestId, Seconds, Share


class Dancers(Payload):
    """Shares of the sampled frames in which one dancer at least, and both dancers, were found."""

    one: Share
    both: Share


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
    """What scoring, planning and rendering need to know of a clip."""

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
