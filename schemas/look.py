"""Define what the dancers and the room of a clip look like."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from schemas import limits
from schemas.base import Model

UNKNOWN: Final = -1.0  # in place of a colour that is not known
ROOM_SHAPE: Final = (5, 8, 4)  # rows and columns of cells, values of a cell

LookValues = Annotated[
    tuple[Annotated[float, Field(ge=-limits.MAX_MOTION, le=limits.MAX_MOTION)], ...],
    Field(max_length=limits.MAX_LOOK_VALUES, fail_fast=True),
]


class Look(Model):
    """What the dancers and the room look like, to group clips by couple and by room.

    `lead`, `follow`: median CIE Lab colours of torso, thighs, shins and hair (12 values). `room`: the background in 5
    rows of 8 cells, each with its median Lab colour and the standard deviation of its L (160 values). All are on
    OpenCV's 8-bit scale, -1 where a colour is not known; empty where none is. Looks of different `version` cannot be
    compared.
    """

    version: int = Field(default=1, ge=1, le=limits.MAX_EMBEDDING_VERSION)
    lead: LookValues = ()
    follow: LookValues = ()
    room: LookValues = ()
