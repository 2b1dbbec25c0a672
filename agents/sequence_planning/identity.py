"""What a plan depends on: a song with its scored moves in, the values that tell one result from another out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from agents.step import Tools
from schemas.moves_scored import MovesScored

VERSION = "2"


def known_by(event: MovesScored, tools: Tools) -> Mapping[str, Any]:
    """The same values give the same plan: difficulty and energy are in the scores already."""
    del tools
    scored = hashlib.sha256(event.model_dump_json(include={"analysis", "scores"}).encode()).hexdigest()
    return {"scored": scored, "duration": event.options.duration, "seed": event.options.seed}
