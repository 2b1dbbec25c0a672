"""What an analysis depends on."""

from __future__ import annotations

from agents.step import Tools
from schemas.base import Model, Sha256
from schemas.song_accepted import SongAccepted


class SongToAnalyze(Model):
    """A song of the media store. Corrections are applied after the analysis, which they do not change."""

    sha256: Sha256


def song_to_analyze(event: SongAccepted, tools: Tools) -> SongToAnalyze:
    """Return what the analysis of an event depends on."""
    del tools
    return SongToAnalyze(sha256=event.song.sha256)
