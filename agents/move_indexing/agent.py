"""`move-submitted` comes in, `move-indexed` goes out: a clip's dancers, beats and embedding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.media.submitted import source_identity
from agents.move_indexing.indexed import IndexedMove
from agents.step import Step, Tools
from schemas.move_indexed import MoveIndexed
from schemas.move_submitted import MoveSubmitted


def _known_by(event: MoveSubmitted, tools: Tools) -> Mapping[str, Any]:
    said = event.annotation.model_dump(mode="json") if event.annotation else None
    return {**source_identity(event.source, tools), "clip": event.clip, "annotation": said, "quality": event.quality}


def _work(event: MoveSubmitted, tools: Tools) -> IndexedMove:
    from agents.move_indexing.index import index

    return index(event, tools)


STEP = Step(
    name="move_indexing",
    version="3",
    consumes=MoveSubmitted,
    result=IndexedMove,
    produces=MoveIndexed,
    known_by=_known_by,
    work=_work,
    emit=lambda event, result: result.announced(event.request_id),
    key=lambda event: event.move.clip.sha256,
    ends=True,
    timeout_s=3600.0,
    holds=lambda result, tools: tools.media.has(result.clip.sha256),
)
