"""Define the state of a couple at a boundary: a beat of a clip on which an eight, or half of one, begins or ends."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas import limits
from schemas.base import Hold, Model, Seconds, UnitInterval

Side = Literal["left", "right"]
Facing = Literal["face_to_face", "same_way", "across", "back_to_back"]
EightKind = Literal["basic", "connector", "pattern", "accent"]
Effect = Literal["dip", "turn_end", "stop"]
Heading = Annotated[float, Field(ge=0, lt=360)]
PlaceInPicture = Annotated[float, Field(ge=-limits.MAX_PLACE, le=limits.MAX_PLACE)]
Velocity = Annotated[float, Field(ge=-limits.MAX_MOTION, le=limits.MAX_MOTION)]
Turns = Annotated[float, Field(ge=-limits.MAX_TURNS, le=limits.MAX_TURNS)]


class JoinedHands(Model):
    """A hand of the lead that holds a hand of the follow: `lead` and `follow` say which, from the dancer's own view."""

    lead: Side
    follow: Side
    confidence: UnitInterval


class DancerState(Model):
    """One dancer at a boundary.

    `heading_deg`: where the chest points: 0 to the camera, 90 to the right edge of the picture, 180 away from the
    camera. `free_foot`: the foot without weight until this beat, which then steps or taps; None where nothing tells.
    `hip_velocity`: x and y in the picture, y downwards, in torso lengths per second. `place`: the hips' x and y in the
    picture, 0 to 1 from the upper left corner. `in_picture`, `feet_in_picture`: whether the whole body, and both feet,
    are inside. These four are None where the dancer is not tracked at that time.
    """

    heading_deg: Heading
    free_foot: Side | None = None
    free_foot_confidence: UnitInterval = 0.0
    hip_velocity: tuple[Velocity, Velocity] | None = None
    place: tuple[PlaceInPicture, PlaceInPicture] | None = None
    in_picture: bool | None = None
    feet_in_picture: bool | None = None


class Boundary(Model):
    """The couple on a beat on which an eight, or half of one, begins or ends.

    `beat`: index into the clip's beats. `facing`: of the two to each other: `face_to_face`, `same_way`, `across` (about
    at right angles), `back_to_back`. Where a dancer is hidden then, hold, facing, headings and free feet follow from
    what is before and after, with less confidence. `lead`, `follow`: None where the dancer is not tracked for two
    seconds before and after; then hold and facing are None too. `centre`, `height`: the middle of the couple and its
    height in the picture, in shares of the picture's width and height.
    """

    beat: int = Field(ge=0, lt=limits.MAX_CLIP_BEATS)
    hold: Hold | None = None
    hold_confidence: UnitInterval = 0.0
    hands: tuple[JoinedHands, ...] = Field(default=(), max_length=limits.MAX_JOINED_HANDS, fail_fast=True)
    facing: Facing | None = None
    facing_confidence: UnitInterval = 0.0
    lead: DancerState | None = None
    follow: DancerState | None = None
    centre: tuple[PlaceInPicture, PlaceInPicture] | None = None
    height: Annotated[float, Field(ge=0, le=limits.MAX_PLACE)] | None = None

    def with_hold(self, hold: Hold) -> Boundary:
        """Return the state with a hold that a person annotated; hands are joined only as another hold says."""
        hands = self.hands if hold == self.hold else ()
        return self.model_copy(update={"hold": hold, "hold_confidence": 1.0, "hands": hands})


class EightContent(Model):
    """What the couple dances in an eight.

    `kind`: `basic`; `connector`, which only changes the hold; `pattern`; `accent`, which has a dip or a
    stop. `lead_turns`, `follow_turns`: net whole turns, positive to the dancer's own right (clockwise from above).
    `travel`: how far the couple's middle moves in the picture from the first to the last beat, x and y, torso lengths.
    `energy`: limb speed of the dancer who moves more, 1 at 2 torso lengths per second; None where it is not measured.
    `effect`: the moment of effect, if there is one: the lowest point of a dip, the end of a turn, or a stop, and
    `effect_s` when it is, seconds from the container's start. `footwork`: dancing without any hold.
    """

    kind: EightKind
    lead_turns: Turns | None = None
    follow_turns: Turns | None = None
    travel: tuple[Velocity, Velocity] | None = None
    energy: UnitInterval | None = None
    effect: Effect | None = None
    effect_s: Seconds | None = None
    footwork: bool = False
