"""Find the state of a couple on the beats where eights, or halves of them, begin and end."""

from __future__ import annotations

from agents.move_indexing.boundaries.states import boundary_states

__all__ = ["boundary_states"]
