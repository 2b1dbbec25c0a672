"""Define what the dancers and the room of a clip look like."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas import limits
from schemas.base import Model

LookValues = Annotated[
    tuple[Annotated[float, Field(ge=-limits.MAX_MOTION, le=limits.MAX_MOTION)], ...],
    Field(max_length=limits.MAX_LOOK_VALUES, fail_fast=True),
]


class Look(Model):
    """What the dancers and the room look like, to group clips by couple and by room.

    `lead`, `follow`: median CIE Lab colours of torso, thighs, shins and hair on OpenCV's 8-bit scale, empty where they
    are not known. `room`: a description of the background. Looks of different `version` cannot be compared.
    """

    version: int = Field(default=1, ge=1, le=limits.MAX_EMBEDDING_VERSION)
    lead: LookValues = ()
    follow: LookValues = ()
    room: LookValues = ()
