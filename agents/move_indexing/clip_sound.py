"""Analyze the sound of a clip, or say why it has no beats."""

from __future__ import annotations

from pathlib import Path

from schemas.audio_analyzed import AudioAnalysis
from schemas.base import MediaFacts
from schemas.faults import Poison

# What is wrong with the sound, where the fault's own words are those for a song.
_CAUSES = {"no_audio": "the clip has no sound", "not_media": "the clip's sound cannot be decoded"}
_REASONS_WITHOUT_BEATS = frozenset({"unsupported_codec", "silence", "too_short", "no_beats"}) | _CAUSES.keys()


def clip_sound(path: Path, facts: MediaFacts) -> tuple[AudioAnalysis | None, str]:
    """Return the analysis of a clip's sound; or else what is wrong with the sound, one clause."""
    from agents.audio_analysis.analysis import analyze_music

    try:
        if not facts.has_audio:
            raise _fault(path)
        return analyze_music(path, track=facts.sound_track), ""
    except Poison as fault:
        if fault.reason not in _REASONS_WITHOUT_BEATS:
            raise
        return None, _CAUSES.get(fault.reason) or str(fault).partition(";")[0]


def _fault(path: Path) -> Poison:
    """Return the fault of a clip's sound that was found to be missing or unusable when the clip was probed."""
    from agents.media.container import media_errors, open_container
    from agents.media.probe_audio import taken_tracks

    try:
        with open_container(path) as container, media_errors():
            taken_tracks(container)
    except Poison as fault:
        return fault
    return Poison("its sound does not decode", reason="not_media")
