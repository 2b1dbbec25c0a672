"""What every event is made of: frozen models that ignore unknown fields, so that old readers take new events."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
RequestId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")]
Seconds = Annotated[float, Field(ge=0)]
UnitInterval = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1, le=8)]

_SHORTEST_BEAT_S, _LONGEST_BEAT_S = 0.15, 3.0  # 400 BPM is a finger that slipped; below 20 BPM a beat was left out
_FEWEST_BEATS_A_ONE = 4

Difficulty = Literal["beginner", "intermediate", "advanced"]
Level = Literal["low", "medium", "high"]
Quality = Literal["fast", "balanced", "high_quality"]
Duration = Literal["30s", "1min", "full"]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class Model(BaseModel):
    """A value that travels: immutable, finite numbers only, tolerant of unknown fields."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class MediaRef(Model):
    """A file named by its content. Its place on a machine is the media store's business."""

    sha256: Sha256
    size_bytes: int = Field(ge=0)
    kind: Literal["audio", "video"]


class ProbedMedia(Model):
    """What decodes of a media file, not what a header claims. Of a song only the sound is told."""

    format: str
    codec: str
    duration_s: Seconds
    sample_rate: int | None = None
    channels: int | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    has_audio: bool = True


class MediaFacts(MediaRef, ProbedMedia):
    """A media file after probing."""


class Source(Model):
    """Where a submitted file is: already in the media store, or at a path below an allowed root."""

    sha256: Sha256 | None = None
    path: Annotated[str, StringConstraints(min_length=1, max_length=4096)] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Source:
        if (self.sha256 is None) == (self.path is None):
            raise ValueError("name the source by exactly one of sha256 or path")
        return self


class Options(Model):
    """What a choreography should be. Energy `None` follows the song."""

    duration: Duration = "1min"
    difficulty: Difficulty = "intermediate"
    energy: Level | None = None
    quality: Quality = "balanced"
    seed: Seed = 0


class Corrections(Model):
    """What a person knows better of a song's beats than its analysis does. Nothing set changes nothing.

    Applied in this order: `tempo`, then `beats` tapped by the person (seconds from the song's start), which hold from
    the first to the last of them, then `count_offset` added to every count, then `beat_offset_ms` to every beat.
    `counts` says what each of `beats` counts; without it the first is a 1 and they count on in eights.
    """

    tempo: Literal["half", "double"] | None = None
    beats: tuple[Seconds, ...] = Field(default=(), max_length=10_000)
    counts: tuple[Count, ...] = ()
    count_offset: int = Field(default=0, ge=-7, le=7)
    beat_offset_ms: float = Field(default=0.0, ge=-1000, le=1000)

    @model_validator(mode="after")
    def _tapped(self) -> Corrections:
        if len(self.beats) == 1:
            raise ValueError("give two beats or more")
        if not all(_SHORTEST_BEAT_S <= after - before <= _LONGEST_BEAT_S for before, after in pairwise(self.beats)):
            raise ValueError(f"give every beat, each {_SHORTEST_BEAT_S} to {_LONGEST_BEAT_S} s after the one before")
        if self.counts and len(self.counts) != len(self.beats):
            raise ValueError("give as many counts as beats, or none")
        ones = [n for n, count in enumerate(self.counts) if count == 1]
        if any(after - before < _FEWEST_BEATS_A_ONE for before, after in pairwise(ones)):
            raise ValueError(
                f"give every beat, not the 1s alone: from a 1 to the next are {_FEWEST_BEATS_A_ONE} or more"
            )
        return self


class SongEvent(Model):
    """What all events on a song's way carry along."""

    request_id: RequestId
    song: MediaFacts
    title: Name
    options: Options
    corrections: Corrections = Corrections()
    warnings: tuple[str, ...] = ()

    def carried(self) -> dict[str, Any]:
        """What the next event on the way takes over."""
        return {name: getattr(self, name) for name in SongEvent.model_fields}
