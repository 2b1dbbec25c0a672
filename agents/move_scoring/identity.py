"""What scores depend on: an analysed song and the library in, the values that tell one result from another out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from agents.step import Library, Tools
from schemas.audio_analyzed import AudioAnalyzed
from schemas.faults import Retryable

VERSION = "1"


def known_by(event: AudioAnalyzed, tools: Tools) -> Mapping[str, str | None]:
    """The same values give the same scores. Raises `Retryable` where no library is open."""
    return {
        "song": event.song.sha256,
        "analysis": hashlib.sha256(event.analysis.model_dump_json().encode()).hexdigest(),
        "difficulty": event.options.difficulty,
        "energy": event.options.energy,
        "library": library_of(tools).version(),
    }


def library_of(tools: Tools) -> Library:
    """The open library. Raises `Retryable` where there is none."""
    if tools.library is None:
        raise Retryable("the move library is not open in this process", reason="no_library")
    return tools.library
