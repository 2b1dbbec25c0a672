"""The job that draws an analysed song: a picture of the analysis, and the song with clicks on its beats."""

from __future__ import annotations

from pathlib import Path

from agents.step import Job, Tools
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import Model, Name, Sha256, SoundTrack


class DrawSong(Model):
    """A song in the media store, its track, its analysis, and the files to write: a PNG, a WAV, or both."""

    sha256: Sha256
    sound_track: SoundTrack = 0
    title: Name
    analysis: AudioAnalysis
    plot: Path | None = None
    click: Path | None = None


class DrawnSong(Model):
    """The result of `DrawSong`: the requested files are written."""


def _draw(request: DrawSong, tools: Tools) -> DrawnSong:
    song = tools.media.path(request.sha256)
    if request.plot:
        from agents.audio_analysis.plot.draw import draw

        draw(song, request.analysis, request.title, request.plot, request.sound_track)
    if request.click:
        from agents.audio_analysis.click import write_click

        write_click(song, request.analysis, request.click, request.sound_track)
    return DrawnSong()


DRAW_SONG = Job(
    name="draw_song",
    takes=DrawSong,
    result=DrawnSong,
    work=_draw,
    timeout_for=lambda request: 60.0 + 0.5 * request.analysis.duration_s,
)
