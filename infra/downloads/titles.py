"""The title of a fetched file: from the name that its server gives it, else from its URL."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from schemas.limits import MAX_NAME_CHARACTERS
from schemas.safe_text import harmless_part

# A path may end with a secret instead of a file's name, and a title is public: only names of media files are used.
_MEDIA = frozenset(
    {
        *("3g2", "3gp", "aac", "ac3", "adts", "aif", "aifc", "aiff", "asf", "avi", "bwf", "caf", "eac3", "ec3", "flac"),
        *("m2t", "m2ts", "m4a", "m4b", "m4v", "mka", "mkv", "mov", "mp1", "mp2", "mp3", "mp4", "mpa", "mpeg", "mpg"),
        *("mts", "oga", "ogg", "opus", "qt", "rf64", "ts", "vob", "w64", "wav", "weba", "webm", "wma"),
    }
)


def title_of_name(name: str | None) -> str | None:
    """Return the title in the name of a file that a server gives, or None."""
    return clean_title(PurePosixPath((name or "").replace("\\", "/")).stem)


def title_of_url(url: str) -> str | None:
    """Return the title in the path of a URL, or None where it does not end with the name of a media file."""
    name = PurePosixPath(unquote(urlsplit(url).path, errors="replace"))
    return clean_title(name.stem) if name.suffix[1:].lower() in _MEDIA else None


def clean_title(text: str | None) -> str | None:
    """Return the visible characters of a title, as many as an event may have, or None if there are none."""
    return harmless_part(text or "", MAX_NAME_CHARACTERS) or None
