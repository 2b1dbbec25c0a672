"""Write docs/media.md: which files and codecs are taken, which are not, and why."""

from __future__ import annotations

from agents.media.codecs import PICTURE, SOUND, Group
from agents.media.formats import FORMATS, LEFT_OUT

_TOP = """# Files and codecs

`make docs` generates this page from `agents/media/formats.py` and `agents/media/codecs.py`.

The content of a file decides, not the ending of its name. What stands in front is skipped: tags (ID3v2, APEv2), zeros,
line ends, the headers of a web server, and the rest of a frame, with which recordings of radio streams begin. A stream
is looked for in the first 256 KiB after the tags. Folders are searched for clips by the endings below.

A file that ends early is taken, with a warning that says how many seconds are missing, if the file states its length.
"""
_SAFETY = """
## Safety

A file may come from anyone. It is opened with one demuxer, which is forced, in a child process with limits of memory
and time. FFmpeg may open no other file: only the protocol `file` is allowed, no other demuxer than the forced one, and
no reference of a mov to another movie (`enable_drefs`). What a file says of other places is never followed: addresses
and script commands of Windows Media, subtitles in an avi, attachments of Matroska, chapters and covers in tags.

Whatever is taken is damaged at random by a test (`tests/security/test_damaged_media.py`): it must be used or refused
without a crash, within its time and memory, and never be taken for a fault of the machine.
"""
_NOT_TAKEN = (
    ("HLS, DASH, concat, SDP, ffmetadata, image sequences", "they name other files or addresses"),
    ("wmv1, wmv2, wmv3, vc1, msmpeg4, theora, cinepak, indeo", "of old videos of the web, hardly of dancers"),
    ("dnxhd, cineform, jpeg2000, ffv1, huffyuv, raw video", "of studios; a clip in them is larger than it needs to be"),
    ("dts, truehd, mlp, atrac, cook, speex, gsm, other adpcm", "rare in songs and clips"),
    ("wmalossless, wmavoice", "rare; wma is taken otherwise"),
)


def document() -> str:
    """Return the page as Markdown."""
    return "\n".join(
        [_TOP, *_formats(), *_codecs("Sound", SOUND), *_codecs("Pictures", PICTURE), *_left_out(), _SAFETY]
    )


def _formats() -> list[str]:
    rows = [f"| {kind.what} | {_endings(kind.songs)} | {_endings(kind.clips)} | `{kind.demuxer}` |" for kind in FORMATS]
    return ["| files | endings of songs | endings of clips | demuxer |", "|---|---|---|---|", *rows, ""]


def _endings(endings: tuple[str, ...]) -> str:
    return ", ".join(endings) or "-"


def _codecs(title: str, groups: tuple[Group, ...]) -> list[str]:
    rows = [f"| {', '.join(group.names)} | {group.why} |" for group in groups]
    return [f"## {title}", "", "| codecs | why they are taken |", "|---|---|", *rows, ""]


def _left_out() -> list[str]:
    files = {left_out.what: left_out.why for left_out in LEFT_OUT}
    rows = [f"| {what} | {why} |" for what, why in (*files.items(), *_NOT_TAKEN)]
    return ["## Not taken", "", "| what | why |", "|---|---|", *rows]


if __name__ == "__main__":
    print(document(), end="")
