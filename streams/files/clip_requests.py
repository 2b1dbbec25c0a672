"""The requests to index clips, with their annotations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.base import Source
from schemas.move_annotated import MoveAnnotation
from schemas.move_submitted import MoveSubmitted
from streams.files.annotations import Annotations
from streams.files.clip_names import NamedClip
from streams.ids import new_request_id


def new_annotations(clips: Iterable[NamedClip], annotated: Annotations) -> dict[NamedClip, MoveAnnotation]:
    """Return the annotations of the clips that a file annotates: those that hold, with the file's changes."""
    rows = {clip: annotated.of(clip.clip.files, clip.sha256) for clip in clips}
    return {clip: row.annotation(clip.annotation) for clip, row in rows.items() if row}


def clip_request(clip: NamedClip, annotation: MoveAnnotation | None, **fields: Any) -> MoveSubmitted:
    """Return the request to index a clip. `fields`: others of the event, such as its `quality`."""
    return MoveSubmitted(
        source=Source(sha256=clip.sha256),
        clip=clip.name,
        request_id=new_request_id(),
        annotation=annotation or clip.annotation,
        **fields,
    )
