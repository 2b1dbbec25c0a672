"""The intake step: from a submitted song to the probed song in the media store."""

from __future__ import annotations

from agents.intake.accepted import accepted
from agents.media.submitted import SubmittedFile, accept, locate
from agents.step import Step
from schemas.base import MediaFacts
from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted

STEP = Step(
    name="intake",
    version="1",
    consumes=SongSubmitted,
    depends_on=lambda event, tools: locate(event.source, tools),
    takes=SubmittedFile,
    work=lambda file, tools: accept(file, tools, "audio"),
    result=MediaFacts,
    is_valid=lambda song, tools: tools.media.has(song.sha256),
    emit=accepted,
    produces=SongAccepted,
    subject=lambda _, song: song.sha256,
    timeout_s=120.0,
    memory_mb=512,
)
