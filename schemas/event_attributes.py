"""The attributes of an event's envelope that are passed on with it."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from schemas.base import Model

_MAX_CHARACTERS = 512
_Attribute = Annotated[str, StringConstraints(min_length=1, max_length=_MAX_CHARACTERS)]
_Time = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$")]


class EventAttributes(Model):
    """Attributes of a CloudEvent. `time`: RFC 3339; None for an event without a valid one."""

    id: _Attribute
    source: _Attribute
    type: _Attribute
    time: _Time | None = None
