"""An analysed song comes in; a picture of it, or the song with clicks on its beats, comes out as a file."""

from __future__ import annotations

from pathlib import Path

from agents.step import Job, Tools
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import Model, Name, Sha256


class DrawSong(Model):
    """What to show of a song of the media store, and the files to write: a PNG and a WAV."""

    sha256: Sha256
    title: Name
    analysis: AudioAnalysis
    plot: Path | None = None
    click: Path | None = None


class DrawnSong(Model):
    """The files are written."""


def _show(asked: DrawSong, tools: Tools) -> DrawnSong:
    song = tools.media.path(asked.sha256)
    if asked.plot:
        from agents.audio_analysis.plot.draw import draw

        draw(song, asked.analysis, asked.title, asked.plot)
    if asked.click:
        from agents.audio_analysis.click import write_click

        write_click(song, asked.analysis, asked.click)
    return DrawnSong()


DRAW_SONG = Job(name="draw_song", takes=DrawSong, result=DrawnSong, work=_show)
