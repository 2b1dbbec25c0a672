"""The intake step: from a submitted song to the probed song in the media store."""

from __future__ import annotations

from agents.intake.accepted import accepted
from agents.media.submitted import SubmittedFile, accept, locate
from agents.step import Step, Tools
from schemas.base import MediaFacts
from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted


def _work(file: SubmittedFile, tools: Tools) -> MediaFacts:
    from agents.audio_analysis.music_track import music_track

    return accept(file, tools, "audio", music_track)


STEP = Step(
    name="intake",
    version="2",
    consumes=SongSubmitted,
    depends_on=lambda event, tools: locate(event.source, tools),
    takes=SubmittedFile,
    work=_work,
    result=MediaFacts,
    is_valid=lambda song, tools: tools.media.has(song.sha256),
    emit=accepted,
    produces=SongAccepted,
    subject=lambda _, song: song.sha256,
    timeout_s=120.0,
    memory_mb=512,
)
