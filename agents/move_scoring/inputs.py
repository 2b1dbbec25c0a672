"""The input of move scoring."""

from __future__ import annotations

from agents.step import Library, Tools
from schemas.audio_analyzed import AudioAnalysis, AudioAnalyzed
from schemas.base import DanceOptions, Model, Quality
from schemas.faults import Retryable


class ScoringInput(Model):
    """A song's analysis, the options of its dance, and the version of the library.

    `quality`: tells how many moves are considered.
    """

    analysis: AudioAnalysis
    options: DanceOptions
    quality: Quality
    library_version: str


def scoring_input(event: AudioAnalyzed, tools: Tools) -> ScoringInput:
    """Return the input of an event's scores. Raises: `Retryable` (`no_library`) where no library is open."""
    return ScoringInput(
        analysis=event.analysis,
        options=event.options.for_dance().model_copy(update={"seed": 0, "alternative": 0}),  # of the same candidates
        quality=event.options.quality,
        library_version=library_of(tools).version(),
    )


def library_of(tools: Tools) -> Library:
    """Return the open library. Raises: `Retryable` (`no_library`) where there is none."""
    if tools.library is None:
        raise Retryable("the move library is not open in this process", reason="no_library")
    return tools.library
