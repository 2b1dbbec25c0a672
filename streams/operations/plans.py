"""Find the plans of requests, and the scores that they were made from, on the topics."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import TypeVar

from agents.sequence_planning.opened_plan import plan_file_of
from schemas.base import Model
from schemas.faults import Poison
from schemas.moves_scored import MovesScored
from schemas.plan_file import PlanFile
from schemas.sequence_planned import SequencePlanned
from streams.client.outcome_lookup import made_at_ms
from streams.envelope import Record, payload_of
from streams.operations.topic_history import OffsetRanges, StoredRecord, TopicHistory
from streams.topics import MOVES_SCORED, SEQUENCE_PLANNED

P = TypeVar("P", bound=Model)

_FIRST_WINDOW, _WINDOW_GROWTH = 16, 4  # records of a partition: those of scores have megabytes
_CLOCKS_DIFFER_MS = 3600 * 1000  # at most, of the machine that made a request id and of the broker


async def plan_of_request(history: TopicHistory, request_id: str) -> tuple[PlanFile, SequencePlanned]:
    """Return the last plan of a request: as a file, and as its event.

    Raises: `Poison` (`unknown_request`) where the topics have no plan of it, or no longer what it was made from.
    """
    ranges = await history.offset_ranges([SEQUENCE_PLANNED.full_name], since=_made_at(request_id))
    found = await _last(history, ranges, lambda record: record.header("ce_correlationid") == request_id)
    if found is None:
        raise Poison(
            f"no plan of request '{request_id}' on the topics; `bachata plan list` lists those that are there",
            reason="unknown_request",
        )
    planned = payload_of(found.record, SequencePlanned)
    scored = await _scores_of(history, found, planned)
    return plan_file_of(_with_moves(scored, planned), planned.plan), planned


async def latest_plans(history: TopicHistory, limit: int) -> list[tuple[datetime, SequencePlanned]]:
    """Return the latest plans and when they were made, the newest first; those that cannot be read are left out."""
    found: list[tuple[datetime, SequencePlanned]] = []
    async for stored in _records(history, await history.latest(SEQUENCE_PLANNED.full_name, limit)):
        planned = _payload(stored.record, SequencePlanned)
        if planned is not None:
            found.append((datetime.fromtimestamp(stored.timestamp_ms / 1000, UTC), planned))
    return sorted(found, key=lambda each: each[0], reverse=True)[:limit]


async def _scores_of(history: TopicHistory, found: StoredRecord, planned: SequencePlanned) -> MovesScored:
    """Return the scores of a plan: its own, or for one that a person edited, the last of its song that have its clips.

    Those that the plan's event has itself are not needed. Raises: `Poison` (`unknown_request`).
    """
    until = datetime.fromtimestamp((found.timestamp_ms + 1) / 1000, UTC)
    ranges = await history.offset_ranges([MOVES_SCORED.full_name], until=until)

    def is_of_song(record: Record) -> bool:
        return record.key == planned.song.sha256.encode()

    own = await _last(
        history,
        ranges,
        lambda record: is_of_song(record) and record.header("ce_correlationid") == planned.request_id,
    )
    found_scores = own or await _last(
        history, ranges, lambda record: is_of_song(record) and _are_of_plan(record, planned)
    )
    if found_scores is not None:
        return payload_of(found_scores.record, MovesScored)
    if await _last(history, ranges, is_of_song):
        problem = "the scores of this song on the topics lack clips of this plan, or are of other beats"
    else:
        problem = "the scores of the song of this plan are not on the topics, where they are for seven days"
    raise Poison(f"{problem}: only a file keeps such a plan, as of `bachata plan export`", reason="unknown_request")


def _are_of_plan(record: Record, planned: SequencePlanned) -> bool:
    """Return whether scores are of the same beats as a plan, and have those of its clips that its event lacks."""
    scored = _payload(record, MovesScored)
    clips = {part.clip_sha256 for part in planned.plan.segments} - planned.moves.keys()
    return scored is not None and scored.corrections == planned.corrections and clips <= scored.scores.moves.keys()


def _with_moves(scored: MovesScored, planned: SequencePlanned) -> MovesScored:
    """Return scores as those of a plan's request, with the moves that its event has."""
    scores = scored.scores
    with_moves = scores.model_copy(
        update={"moves": {**scores.moves, **planned.moves}, "fits": {**scores.fits, **planned.fits}}
    )
    return scored.model_copy(
        update={"request_id": planned.request_id, "options": planned.options, "scores": with_moves}
    )


def _payload(record: Record, model: type[P]) -> P | None:
    try:
        return payload_of(record, model)
    except Poison:
        return None


async def _last(
    history: TopicHistory, ranges: OffsetRanges, is_wanted: Callable[[Record], bool]
) -> StoredRecord | None:
    """Return the last wanted record of ranges; they are read backwards, and no more of them than needed."""
    window = _FIRST_WINDOW
    while ranges:
        read = {tp: (max(first, end - window), end) for tp, (first, end) in ranges.items()}
        wanted = [stored async for stored in _records(history, read) if is_wanted(stored.record)]
        if wanted:
            return max(wanted, key=lambda stored: (stored.timestamp_ms, stored.record.offset))
        ranges = {tp: (ranges[tp][0], begin) for tp, (begin, _) in read.items() if begin > ranges[tp][0]}
        window *= _WINDOW_GROWTH
    return None


async def _records(history: TopicHistory, ranges: OffsetRanges) -> AsyncIterator[StoredRecord]:
    async for batch in history.read(ranges):
        for stored in batch:
            yield stored


def _made_at(request_id: str) -> datetime | None:
    """Return the earliest time at which a request can have been planned, if its id tells it."""
    made = made_at_ms(request_id)
    return None if made is None else datetime.fromtimestamp(max(0, made - _CLOCKS_DIFFER_MS) / 1000, UTC)
