"""The input of an analysis."""

from __future__ import annotations

from agents.step import Tools
from schemas.base import Model, Sha256, SoundTrack
from schemas.song_accepted import SongAccepted


class SongToAnalyze(Model):
    """A song in the media store and the track to hear.

    Corrections are not part of the input: they are applied to the finished analysis.
    """

    sha256: Sha256
    sound_track: SoundTrack = 0


def song_to_analyze(event: SongAccepted, tools: Tools) -> SongToAnalyze:
    """Return the input of the analysis of an event's song."""
    del tools
    return SongToAnalyze(sha256=event.song.sha256, sound_track=event.song.sound_track)
