"""Read the labels of boundaries and counts, and the exact boundaries of the demo clips."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from schemas.base import Count, Hold, Model, Seconds
from schemas.boundary import Facing, Heading, Side
from tests.paths import DEMO

BOUNDARIES = Path(__file__).with_name("labelled_boundaries.json")
COUNTS = Path(__file__).with_name("labelled_counts.json")
DEMO_BOUNDARIES = DEMO / "boundaries.json"
Hands = frozenset[tuple[Side, Side]]
Labelled = Literal["once", "twice", "exact"]
Step = Literal["left", "right", "tap"]


class BoundaryLabel(Model):
    """What a couple does at a time of a clip; None: it cannot be seen, or two answers differ.

    `hands`: pairs of joined hands, the lead's and the follow's. `labelled`: by how many independent answers.
    """

    clip: str
    time_s: Seconds
    hold: Hold | None
    hold_sure: bool = True
    hands: Hands | None
    facing: Facing | None
    lead_heading_deg: Heading | None
    follow_heading_deg: Heading | None
    lead_free_foot: Side | None
    follow_free_foot: Side | None
    feet_in_picture: bool = True
    labelled: Labelled = "exact"


class CountLabel(Model):
    """Nine beats of a clip: the count of the first one, None where it is not known, and who steps with which foot."""

    clip: str
    beats_s: tuple[Seconds, ...]
    count_of_beat_0: Count | None
    sure: bool
    lead_steps: tuple[Step | None, ...]
    follow_steps: tuple[Step | None, ...]


def boundary_labels() -> tuple[BoundaryLabel, ...]:
    """Return the boundaries that were labelled by eye."""
    return TypeAdapter(tuple[BoundaryLabel, ...]).validate_python(_json(BOUNDARIES))


def count_labels() -> tuple[CountLabel, ...]:
    """Return the counts that were labelled by eye."""
    return TypeAdapter(tuple[CountLabel, ...]).validate_python(_json(COUNTS))


def demo_labels() -> tuple[BoundaryLabel, ...]:
    """Return the exact boundaries of the demo clips."""
    return TypeAdapter(tuple[BoundaryLabel, ...]).validate_python(_json(DEMO_BOUNDARIES)["boundaries"])


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
