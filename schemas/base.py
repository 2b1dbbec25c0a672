"""Types and models that events share. Models ignore unknown fields, so that old consumers accept newer events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import hypot
from statistics import median
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from schemas import limits
from schemas.dance_names import RULE_NAMES, SECTION_NAMES
from schemas.digits import distinct_text
from schemas.limits import MediaKind
from schemas.reasons import REASONS


def at_most(keys: int) -> BeforeValidator:
    """Return the annotation of a mapping with at most `keys` keys: they are counted before the content is validated.

    pydantic's own limit is applied last, and some 100,000 wrong values take seconds.
    """

    def check(value: Any) -> Any:
        if isinstance(value, dict) and len(value) > keys:
            raise ValueError(f"{len(value)} keys, at most {keys} are accepted")
        return value

    return BeforeValidator(check)


Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=limits.MAX_NAME_CHARACTERS)]
Code = Annotated[str, StringConstraints(max_length=limits.MAX_CODE_CHARACTERS)]


_ANY_CODE: Final = {"type": "string", "maxLength": limits.MAX_CODE_CHARACTERS}


def _one_of(names: Iterable[str]) -> dict[str, Any]:
    """Return the schema of a code that names those of this version: old consumers accept also those of newer ones."""
    return {"anyOf": [{"enum": list(names)}, _ANY_CODE]}


ReasonCode = Annotated[Code, WithJsonSchema(_one_of(REASONS))]
RuleName = Annotated[Code, WithJsonSchema(_ANY_CODE | _one_of(RULE_NAMES))]  # without a type, keys have no schema
SectionName = Annotated[Code, WithJsonSchema(_one_of(SECTION_NAMES))]
Line = Annotated[str, StringConstraints(max_length=limits.MAX_LINE_CHARACTERS)]
RequestId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")]
REQUEST_ID: TypeAdapter[str] = TypeAdapter(RequestId)  # validates one outside of a model
Warnings = Annotated[tuple[Line, ...], Field(max_length=limits.MAX_WARNINGS, fail_fast=True)]
SoundTrack = Annotated[int, Field(ge=0, lt=limits.MAX_STREAMS)]
Seconds = Annotated[float, Field(ge=0, le=limits.MAX_MEDIA_S)]
UnitInterval = Annotated[float, Field(ge=0, le=1)]
TempoBpm = Annotated[float, Field(ge=limits.TEMPO_BPM[0], le=limits.TEMPO_BPM[1])]
Count = Annotated[int, Field(ge=1, le=8)]
Terms = Annotated[
    dict[Code, Annotated[float, Field(ge=-limits.MAX_TERM, le=limits.MAX_TERM)]],
    Field(max_length=limits.MAX_TERMS),
    at_most(limits.MAX_TERMS),
]
EmbeddingValue = Annotated[float, Field(ge=-1.0001, le=1.0001)]

UNKNOWN_GROUP: Final = "unknown"  # couple and room of a move of which neither is known
_URL = r"^https?://[!-~]+$"  # printable ASCII: other characters are percent-encoded or Punycode
_MIN_BEAT_S, _MAX_BEAT_S = 0.15, 3.0  # above 400 BPM a tap is an accident; below 20 BPM a beat is missing
_MIN_BEATS_BETWEEN_ONES = 4

Difficulty = Literal["beginner", "intermediate", "advanced"]
Level = Literal["low", "medium", "high"]
Quality = Literal["fast", "balanced", "high_quality"]
Role = Literal["both", "lead_focus", "follow_focus"]
Hold = Literal[
    "closed",
    "open_two_hands",
    "open_one_hand",
    "crossed_hands",
    "hammerlock",
    "wrap",
    "shadow",
    "side_by_side",
    "none",
]
Duration = Literal["30s", "1min", "full"]
Continuity = Literal["dance", "montage"]
RuleKind = Literal["gate", "cost", "report"]
PoseRateHz = Annotated[float, Field(ge=limits.POSE_RATE_HZ[0], le=limits.POSE_RATE_HZ[1])]
PoseConfidence = Annotated[float, Field(ge=limits.POSE_CONFIDENCE[0], le=limits.POSE_CONFIDENCE[1])]
Priority = Literal["interactive", "bulk"]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class Model(BaseModel):
    """Base of all events and their parts: immutable, finite numbers only, unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class MediaRef(Model):
    """A file identified by its content; the media store maps it to a path."""

    sha256: Sha256
    size_bytes: int = Field(ge=0, le=max(limits.MAX_BYTES.values()))
    kind: MediaKind


class ProbedMedia(Model):
    """Facts of a media file, measured by decoding it rather than read from a header; of a song those of its sound.

    `sound_track`: of the file's audio streams the one with music, from 0.
    `missing_s`: seconds that the file states and that are missing at its end, as of a download that was cut short; 0
    where it states no length. `damaged_s`: seconds of a song, before its end, that do not decode.
    """

    format: str = Field(max_length=limits.MAX_FORMAT_CHARACTERS)
    codec: str = Field(max_length=limits.MAX_FORMAT_CHARACTERS)
    duration_s: Seconds
    sample_rate: int | None = Field(default=None, ge=1, le=limits.MAX_STATED_RATE_HZ)
    channels: int | None = Field(default=None, ge=1, le=limits.MAX_STATED_CHANNELS)
    width: int | None = Field(default=None, ge=1, le=limits.MAX_SIDE_PX)
    height: int | None = Field(default=None, ge=1, le=limits.MAX_SIDE_PX)
    fps: float | None = Field(default=None, gt=0, le=limits.MAX_STATED_FPS)
    has_audio: bool = True
    sound_track: SoundTrack = 0
    missing_s: Seconds = 0.0
    damaged_s: Seconds = 0.0


class MediaFacts(MediaRef, ProbedMedia):
    """A media file after probing."""


class Source(Model):
    """Location of a submitted file, named by exactly one of the three fields.

    `sha256`: the content of a file in the media store. `path`: a file below an allowed folder, on each machine with a
    worker. `url`: an http or https address from which files may be fetched.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": [name], "properties": {name: {"type": "string"}}} for name in ("sha256", "path", "url")
            ]
        }
    )

    sha256: Sha256 | None = None
    path: Annotated[str, StringConstraints(min_length=1, max_length=limits.MAX_PATH_CHARACTERS)] | None = None
    url: Annotated[str, StringConstraints(pattern=_URL, max_length=limits.MAX_URL_CHARACTERS)] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Source:
        if [self.sha256, self.path, self.url].count(None) != 2:
            raise ValueError("name the source by exactly one of sha256, path or url")
        return self


class Pin(Model):
    """A move that a phrase of the dance must have.

    `phrase`: its number, from 1 for the first one that is danced. `move`: the name of a clip, or of its move.
    """

    phrase: int = Field(ge=1, le=limits.MAX_PHRASES)
    move: Name


class OnlyIn(Model):
    """A move that is danced in some sections only. `sections`: their labels or rhythms, such as `mambo`."""

    move: Name
    sections: tuple[SectionName, ...] = Field(min_length=1, max_length=limits.MAX_SECTION_NAMES, fail_fast=True)


class RuleChange(Model):
    """What a request changes of a rule of the dance; None: what the rules of this version say.

    `kind`: `gate`, which must hold; `cost`, which costs `points`; or `report`, which is only counted. `most`: the
    greatest amount that does not break a gate. `limit`: as the rule's title and amount tell.
    """

    kind: RuleKind | None = None
    points: Annotated[float, Field(ge=0, le=limits.MAX_RULE_POINTS)] | None = None
    most: Annotated[float, Field(ge=0, le=limits.MAX_RULE_POINTS)] | None = None
    limit: Annotated[float, Field(ge=0, le=limits.MAX_RULE_POINTS)] | None = None


class DanceOptions(Model):
    """The options of a choreography that change its dance.

    `duration`: how much of the song is danced. `difficulty`: of the moves. `energy`: of the moves; without it the dance
    follows the energy of the song. `seed`: another number chooses other moves.
    `continuity`: in a `dance` every cut continues hold, feet, facing and couple as far as the library allows; in a
    `montage` they may change where a section of the song begins. `style`: of the moves, as annotated; without it the
    dance keeps to the one it begins with. `role`: the dancer whom the moves are about. `length_s`: in place of
    `duration`, how long the dance lasts. `cut_music`: cut the song to that length where the same music meets, instead
    of ending in it. `pins`, `bans`, `only_in`: moves that must, must not, and may only in some sections be danced; a
    move is named by its clip or by its label. `alternative`: 0 for the best choreography, 1 for another good one that
    differs from it, and so on. `rules`: changes of the rules of the dance, by the name of the rule.
    """

    duration: Duration = "1min"
    difficulty: Difficulty = "intermediate"
    energy: Level | None = None
    seed: Seed = 0
    continuity: Continuity = "dance"
    style: Name | None = None
    role: Role | None = None
    length_s: Annotated[float, Field(ge=limits.SONG_S[0], le=limits.SONG_S[1])] | None = None
    cut_music: bool = False
    pins: tuple[Pin, ...] = Field(default=(), max_length=limits.MAX_WISHES, fail_fast=True)
    bans: tuple[Name, ...] = Field(default=(), max_length=limits.MAX_WISHES, fail_fast=True)
    only_in: tuple[OnlyIn, ...] = Field(default=(), max_length=limits.MAX_WISHES, fail_fast=True)
    alternative: int = Field(default=0, ge=0, le=limits.MAX_ALTERNATIVES)
    rules: Annotated[dict[RuleName, RuleChange], Field(max_length=limits.MAX_RULES), at_most(limits.MAX_RULES)] = Field(
        default_factory=dict
    )

    def for_dance(self) -> DanceOptions:
        """Return these options without those that change no dance."""
        return DanceOptions.model_construct(**{name: getattr(self, name) for name in DanceOptions.model_fields})


class Options(DanceOptions):
    """The options of a choreography. `quality`: of the picture and the sound, and how many moves are considered."""

    quality: Quality = "balanced"


class Corrections(Model):
    """A person's corrections of a song's beats; the defaults change nothing.

    Applied in this order: `tempo`; `beats` tapped by the person (seconds from the song's start), which replace those
    found from the first to the last of them; `count_offset`, added to every count; `beat_offset_ms`, added to every
    beat. `counts` has the count of each of `beats`; without it the first is a 1 and the others follow in eights.
    """

    tempo: Literal["half", "double"] | None = None
    beats: tuple[Seconds, ...] = Field(default=(), max_length=limits.MAX_TAPPED_BEATS, fail_fast=True)
    counts: tuple[Count, ...] = Field(default=(), max_length=limits.MAX_TAPPED_BEATS, fail_fast=True)
    count_offset: int = Field(default=0, ge=-7, le=7)
    beat_offset_ms: float = Field(default=0.0, ge=-1000, le=1000)

    @model_validator(mode="after")
    def _tapped(self) -> Corrections:
        if not (self.beats or self.counts):  # as nearly always: every event of a song is validated
            return self
        if len(self.beats) == 1:
            raise ValueError("give two beats or more")
        if not all(_MIN_BEAT_S <= after - before <= _MAX_BEAT_S for before, after in pairwise(self.beats)):
            raise ValueError(f"give every beat, each {_MIN_BEAT_S} to {_MAX_BEAT_S} s after the one before")
        if self.counts and len(self.counts) != len(self.beats):
            raise ValueError("give as many counts as beats, or none")
        ones = [n for n, count in enumerate(self.counts) if count == 1]
        if any(after - before < _MIN_BEATS_BETWEEN_ONES for before, after in pairwise(ones)):
            raise ValueError(
                f"give every beat, not only the 1s: a 1 follows a 1 after at least {_MIN_BEATS_BETWEEN_ONES} beats"
            )
        return self


class SongEvent(Model):
    """The fields that every event of a song has, from `song-accepted` to `rendered`."""

    request_id: RequestId
    priority: Priority = "interactive"
    song: MediaFacts
    title: Name
    options: Options
    corrections: Corrections = Corrections()
    fresh: bool = False
    warnings: Warnings = ()

    @model_validator(mode="after")
    def _song_is_audio(self) -> SongEvent:
        if self.song.kind != "audio":
            raise ValueError("the song must be audio")
        return self

    def carried(self) -> dict[str, Any]:
        """Return the fields that the next event copies."""
        return {name: getattr(self, name) for name in SongEvent.model_fields}


def joined_warnings(*groups: Iterable[str]) -> tuple[str, ...]:
    """Return the warnings of all groups, as many and as long as an event may have."""
    lines = [line[: limits.MAX_LINE_CHARACTERS] for group in groups for line in group]
    return tuple(lines[: limits.MAX_WARNINGS])


def check_beats(beats: Sequence[float], tempo_bpm: float | None = None) -> None:
    """Check that beats increase by an interval that can be danced, and by about that of the tempo.

    Raises: `PydanticCustomError` (`bad_beats`).
    """
    intervals = [after - before for before, after in pairwise(beats)]
    if not intervals:
        return
    if min(intervals) < limits.MIN_BEAT_INTERVAL_S:
        raise PydanticCustomError("bad_beats", "beats must increase, each at least 0.02 s after the one before")
    if tempo_bpm and not 1 / limits.MAX_TEMPO_RATIO <= median(intervals) * tempo_bpm / 60 <= limits.MAX_TEMPO_RATIO:
        raise PydanticCustomError("bad_beats", "the beats do not have the tempo that is stated")


def check_inside(last_s: float, duration_s: float, what: str) -> None:
    """Check that something ends within a file's duration, as far as this can be measured. Raises: `ValueError`."""
    if last_s > duration_s + limits.END_TOLERANCE_S:
        raise ValueError(
            f"{what} end at {distinct_text(last_s, round(duration_s, 1))} s, the file at {duration_s:.1f} s"
        )


def _check_norm(values: tuple[float, ...]) -> tuple[float, ...]:
    low, high = limits.EMBEDDING_NORM
    if not low <= hypot(*values) <= high:
        raise ValueError("an embedding has length 1")
    return values


UnitLength = AfterValidator(_check_norm)  # of a vector
