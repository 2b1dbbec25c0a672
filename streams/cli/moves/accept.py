"""Make moves of parts of a recording: a clip is cut out of it, and indexed as any other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from agents.move_indexing.split.jobs import CUT_CLIP, CutClip
from infra.settings import Settings
from schemas.base import Source
from schemas.faults import Poison
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import MoveIndexed
from schemas.move_submitted import MoveSubmitted
from streams.cli.moves.edit import annotate
from streams.cli.moves.proposals import Proposal
from streams.cli.output import print_line
from streams.jobs import run_job
from streams.local.library import library_annotations
from streams.local.services import Endpoint
from streams.operations.recordings import Recording, ReviewedPart
from streams.tools import make_tools


def accept(
    settings: Settings,
    endpoint: Endpoint,
    recording: Recording,
    numbers: Sequence[int],
    proposed: Mapping[int, Proposal],
    store: Callable[[Recording], None],
) -> tuple[Recording, int]:
    """Return the recording with moves made of these parts, and how many of them failed, each with a printed line.

    A part without a name gets the proposed one. A part that was a move before has the same clip again.
    `store` is called with the recording before its clips are submitted: each part is cut once.
    """
    from streams.operations.library_events import annotate_moves

    requests: dict[int, MoveSubmitted] = {}
    failed = 0
    for number in numbers:
        try:
            part = _with_clip(settings, recording, _named(recording.part(number), proposed))
            recording = recording.with_part(part)
            requests[number] = _request(recording, part)
        except Poison as fault:
            failed += 1
            print_line(f"error: part {number}: {fault}")
    if requests:
        store(recording)
        parts = [recording.part(number) for number in requests]
        asyncio.run(annotate_moves(endpoint.kafka, _annotations(endpoint, [part for part in parts if part.name])))
        recording, more = _indexed(endpoint, recording, requests)
        failed += more
    return recording, failed


def _named(part: ReviewedPart, proposed: Mapping[int, Proposal]) -> ReviewedPart:
    found = proposed.get(part.number)
    return part if part.name or found is None else part.model_copy(update={"name": found.name})


def rename_moves(endpoint: Endpoint, recording: Recording, numbers: Sequence[int]) -> None:
    """Annotate the moves of these parts with their names, and return when the library has them."""
    if numbers:
        annotate(endpoint, _annotations(endpoint, [recording.part(number) for number in numbers]))


def _with_clip(settings: Settings, recording: Recording, part: ReviewedPart) -> ReviewedPart:
    """Return the part with its clip, which is in the media store.

    It is cut once: another version of the encoder would make another clip, and so a second move.
    """
    if part.clip_sha256 and make_tools(settings).media.has(part.clip_sha256):
        return part
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


def _annotations(endpoint: Endpoint, parts: Sequence[ReviewedPart]) -> dict[str, MoveAnnotation]:
    """Return the annotations of the parts' clips: their names, beside what else is annotated of these clips."""
    before = library_annotations(endpoint)
    return {
        part.clip_sha256: before.get(part.clip_sha256, MoveAnnotation()).model_copy(update={"move": part.name})
        for part in parts
        if part.clip_sha256
    }


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
