"""Make moves of parts of a recording: a clip is cut out of it, and indexed as any other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from agents.move_indexing.split.jobs import CUT_CLIP, CutClip
from schemas.base import Source
from schemas.faults import Poison
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import MoveIndexed
from schemas.move_submitted import MoveSubmitted
from streams.cli.moves.proposals import Proposal
from streams.cli.output import print_line
from streams.jobs import run_job
from streams.local.library import library_annotations
from streams.local.services import Endpoint
from streams.operations.recordings import Recording, ReviewedPart


def accept(
    endpoint: Endpoint, recording: Recording, numbers: Sequence[int], proposed: Mapping[int, Proposal]
) -> tuple[Recording, int]:
    """Return the recording with moves made of these parts, and how many of them failed, each with a printed line.

    A part without a name gets the proposed one. The same part gives the same clip, and so one move.
    """
    requests: dict[int, MoveSubmitted] = {}
    failed = 0
    for number in numbers:
        try:
            part = _cut(recording, _named(recording.part(number), proposed))
            recording = recording.with_part(part)
            requests[number] = _request(recording, part)
        except Poison as fault:
            failed += 1
            print_line(f"error: part {number}: {fault}")
    if requests:
        _annotate(endpoint, [recording.part(number) for number in requests])
        recording, more = _indexed(endpoint, recording, requests)
        failed += more
    return recording, failed


def _named(part: ReviewedPart, proposed: Mapping[int, Proposal]) -> ReviewedPart:
    found = proposed.get(part.number)
    return part if part.name or found is None else part.model_copy(update={"name": found.name})


def _cut(recording: Recording, part: ReviewedPart) -> ReviewedPart:
    """Return the part with its clip, which is in the media store."""
    media = recording.media
    track = media.sound_track if media.has_audio else None
    request = CutClip(sha256=media.sha256, start_s=part.start_s, end_s=part.end_s, sound_track=track)
    print_line(f"{recording.name}: cutting out part {part.number}")
    return part.model_copy(update={"clip_sha256": run_job(CUT_CLIP, request).clip.sha256})


def _request(recording: Recording, part: ReviewedPart) -> MoveSubmitted:
    from streams.ids import new_request_id

    return MoveSubmitted(
        source=Source(sha256=part.clip_sha256),
        clip=f"{recording.name[:190]}_{part.number}",
        request_id=new_request_id(),
        annotation=MoveAnnotation(move=part.name) if part.name else None,
        quality=recording.quality,
    )


def _annotate(endpoint: Endpoint, parts: Sequence[ReviewedPart]) -> None:
    """Publish the names of parts whose clips may be in the library already, beside what else is annotated of them."""
    from streams.operations.library_events import annotate_moves

    before = library_annotations(endpoint)
    annotations = {
        part.clip_sha256: before.get(part.clip_sha256, MoveAnnotation()).model_copy(update={"move": part.name})
        for part in parts
        if part.name and part.clip_sha256
    }
    asyncio.run(annotate_moves(endpoint.kafka, annotations))


def _indexed(endpoint: Endpoint, recording: Recording, requests: Mapping[int, MoveSubmitted]) -> tuple[Recording, int]:
    """Submit the clips and wait; return the recording with those parts accepted that are moves, and how many failed."""
    from streams.cli.follow_requests import follow

    results, failed = follow(endpoint, list(requests.values())), 0
    for number, request in requests.items():
        result = results[str(request.request_id)]
        if isinstance(result.result, MoveIndexed):
            recording = recording.with_part(recording.part(number).model_copy(update={"state": "accepted"}))
            for warning in result.result.warnings:
                print_line(f"warning: part {number}: {warning}")
        else:
            failed += 1
            print_line(f"error: part {number}: {result.ended.error if result.ended else 'no outcome'}")
    return recording, failed
