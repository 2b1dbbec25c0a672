"""What every event is made of: frozen models that ignore unknown fields, so that old readers take new events."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
RequestId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")]
Seconds = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]

Difficulty = Literal["beginner", "intermediate", "advanced"]
Level = Literal["low", "medium", "high"]
Quality = Literal["fast", "balanced", "high_quality"]


class Payload(BaseModel):
    """A value that travels: immutable, finite numbers only, tolerant of unknown fields."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class MediaRef(Payload):
    """A file named by its content. Its place on a machine is the media store's business."""

    sha256: Sha256
    size_bytes: int = Field(ge=0)
    kind: Literal["audio", "video"]


class Decoded(Payload):
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


class MediaFacts(MediaRef, Decoded):
    """A media file after probing."""


class Source(Payload):
    """Where a submitted file is: already in the media store, or at a path below an allowed root."""

    sha256: Sha256 | None = None
    path: Annotated[str, StringConstraints(min_length=1, max_length=4096)] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Source:
        if (self.sha256 is None) == (self.path is None):
            raise ValueError("name the source by exactly one of sha256 or path")
        return self


class Options(Payload):
    """What a choreography should be. Energy `None` follows the song."""

    duration: Literal["30s", "1min", "full"] = "1min"
    difficulty: Difficulty = "intermediate"
    energy: Level | None = None
    quality: Quality = "balanced"
    seed: int = Field(default=0, ge=0, lt=2**63)


class SongEvent(Payload):
    """What all events on a song's way carry along."""

    request_id: RequestId
    song: MediaFacts
    title: Name
    options: Options
    warnings: tuple[str, ...] = ()

    def carried(self) -> dict[str, Any]:
        """What the next event on the way takes over."""
        return {name: getattr(self, name) for name in SongEvent.model_fields}
