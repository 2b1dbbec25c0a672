"""An analysed song comes in; a picture of it, or the song with clicks on its beats, comes out as a file."""

from __future__ import annotations

from pathlib import Path

from agents.step import Errand, Tools
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import Name, Payload, Sha256


class ShowSong(Payload):
    """What to show of a song of the media store, and the files to write: a PNG and a WAV."""

    sha256: Sha256
    title: Name
    analysis: AudioAnalysis
    plot: Path | None = None
    click: Path | None = None


class ShownSong(Payload):
    """The files are written."""


def _show(asked: ShowSong, tools: Tools) -> ShownSong:
    song = tools.media.path(asked.sha256)
    if asked.plot:
        from agents.audio_analysis.picture.draw import draw

        draw(song, asked.analysis, asked.title, asked.plot)
    if asked.click:
        from agents.audio_analysis.click import write_click

        write_click(song, asked.analysis, asked.click)
    return ShownSong()


SHOW_SONG = Errand(name="show_song", consumes=ShowSong, result=ShownSong, work=_show)
