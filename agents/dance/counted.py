"""What the rules only count in a dance: it costs nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.dance.parts import Parts
from agents.dance.states import UNKNOWN
from schemas.sequence_planned import Seam


def counted(parts: Parts, seams: Sequence[Seam | None]) -> dict[str, float]:
    """Return the amounts of the rules that are only reported, by rule. `seams`: as of the dance's sheet."""
    starts, ends = parts.starts.hold, parts.ends.hold
    changes = (starts != UNKNOWN) & (ends != UNKNOWN) & (starts != ends)
    return {
        "connector": float(np.count_nonzero(changes)),
        "uncut": float(sum(seam is None for seam in seams)),
        "footwork_share": float(np.count_nonzero(parts.footwork)),
    }
