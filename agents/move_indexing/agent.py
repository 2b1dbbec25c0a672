"""The move-indexing step: from a submitted clip to its move with motion, beats and embedding."""

from __future__ import annotations

from agents.move_indexing.indexed_move import IndexedMove
from agents.move_indexing.inputs import IndexingInput, indexing_input, with_annotation
from agents.step import Step, Tools
from schemas.move_indexed import MoveIndexed
from schemas.move_submitted import MoveSubmitted
from schemas.request_ended import Ending


def _work(clip: IndexingInput, tools: Tools) -> IndexedMove:
    from agents.move_indexing.index import index

    return index(clip, tools)


STEP = Step(
    name="move_indexing",
    version="7",
    consumes=MoveSubmitted,
    depends_on=indexing_input,
    takes=IndexingInput,
    work=_work,
    result=IndexedMove,
    revise=with_annotation,
    is_valid=lambda result, tools: tools.media.has(result.clip.sha256),
    emit=lambda event, result: result.to_event(event.request_id, event.annotation),
    produces=MoveIndexed,
    subject=lambda _, result: result.clip.sha256,
    writes=frozenset({"library"}),
    ending=lambda indexed: Ending(clip_sha256=indexed.move.clip.sha256),
    timeout_s=3600.0,
    memory_mb=2048,
)
