"""The states of a clip's couple at any times, as indexing finds them at its boundaries."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

from tests.quality.seam_clips import SeamClip
from tests.quality.seam_scores import State

MODULE = "agents.move_indexing.boundaries"


def are_found() -> bool:
    """Return whether indexing finds states."""
    return find_spec(MODULE) is not None


def states_at(clip: SeamClip, times_s: Sequence[float]) -> Sequence[State]:
    """Return the couple's state at each time."""
    states: Sequence[State] = import_module(MODULE).boundary_states(clip.dance.lead, clip.dance.follow, times_s)
    return states
