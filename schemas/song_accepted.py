"""`song-accepted`: the song is fetched, probed, checked, and stored by content."""

from __future__ import annotations

from schemas.base import SongEvent


class SongAccepted(SongEvent):
    """The song is in the media store under `song.sha256`."""
