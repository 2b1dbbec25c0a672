"""The intake step: from a submitted song to the probed song in the media store."""

from __future__ import annotations

from agents.intake.accepted import accepted
from agents.media.submitted import AcceptedMedia, SubmittedFile, accept, locate
from agents.step import Step, Tools
from schemas.limits import MAX_DOWNLOAD_S
from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted

_TIMEOUT_S = 120.0


def _work(file: SubmittedFile, tools: Tools) -> AcceptedMedia:
    from agents.audio_analysis.music_track import music_track

    return accept(file, tools, "audio", music_track)


STEP = Step(
    name="intake",
    version="2",
    consumes=SongSubmitted,
    depends_on=lambda event, tools: locate(event.source, tools, event.request_id),
    takes=SubmittedFile,
    work=_work,
    result=AcceptedMedia,
    is_valid=lambda song, tools: tools.media.has(song.sha256),
    emit=lambda event, song: accepted(event, song.facts(), song.source_title),
    produces=SongAccepted,
    subject=lambda _, song: song.sha256,
    timeout_s=_TIMEOUT_S + MAX_DOWNLOAD_S,
    timeout_for=lambda file: _TIMEOUT_S + (0.0 if file.url is None else MAX_DOWNLOAD_S),
    memory_mb=512,
)
