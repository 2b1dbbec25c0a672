"""What a plan needs of a move: an event that named many long clips with all of it would be too large for Kafka."""

from __future__ import annotations

from collections.abc import Collection

from agents.playable import EIGHT
from schemas.move_indexed import Eight, MoveSummary

_HALF = EIGHT // 2


def for_plans(move: MoveSummary, first_beats: Collection[int]) -> MoveSummary:
    """Return a move with some of its eights, by their first beats, and without what no plan uses.

    Of the states of the couple those remain on which a part of these eights can begin or end; of two equal poses on a
    beat, at the end of an eight and at the start of the next one, the first.
    """
    eights = tuple(eight for eight in move.eights if eight.start_beat in first_beats)
    beats = {eight.start_beat + beat for eight in eights for beat in (0, _HALF, EIGHT)}
    ends = {eight.start_beat + EIGHT: eight.end_pose for eight in eights}
    return MoveSummary.model_construct(
        **{name: getattr(move, name) for name in MoveSummary.model_fields}
        | {
            "boundaries": tuple(boundary for boundary in move.boundaries if boundary.beat in beats),
            "eights": tuple(_without_known_pose(eight, ends.get(eight.start_beat, ())) for eight in eights),
            "look": None,
            "motion": move.motion and move.motion.model_copy(update={"lead": None, "follow": None, "couple": None}),
            "judged": None,
        }
    )


def _without_known_pose(eight: Eight, known: tuple[float, ...]) -> Eight:
    if not known or eight.start_pose != known:
        return eight
    return Eight.model_construct(**dict(eight) | {"start_pose": ()})
