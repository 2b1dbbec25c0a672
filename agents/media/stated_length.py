"""What a file lacks: its stated length compared with what decodes, where the file states a length that can be trusted.

Trusted are the index of mp4 and mov, the sizes of the chunks of WAV, Wave64, AIFF and CAF, the header of FLAC, the
count of frames in an MP3's first one; and the headers of Matroska, Windows Media and AVI if the file also ends before
its stated size. An MP3 without that count, AAC, AC-3, Ogg and streams of MPEG state nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from agents.media.chunks import data_chunk
from agents.media.formats import Demuxer
from agents.media.frame_search import mpeg_frame
from agents.media.mov_boxes import is_whole
from agents.media.sniff import Content, sniff
from schemas.base import ProbedMedia
from schemas.limits import MAX_MEDIA_S

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

_HEADER_BYTES = 1 << 16
_TOLERANCE_S, _TOLERANCE = 1.0, 0.02  # what encoders add or leave out, of the stated length: the larger one
_MIN_ENTRIES = 2  # of an index
_WHOLE = 0.99  # of the stated bytes


class _Stated(NamedTuple):
    """A stated length in seconds, and whether all bytes are there: what is missing then is damaged, not cut off."""

    seconds: float
    is_whole: bool = False


class Lost(NamedTuple):
    """Seconds that are missing at a file's end, and seconds before it that do not decode; 0 for a few of either."""

    missing_s: float
    damaged_s: float


def lost(path: Path, container: InputContainer, stream: Stream, decoded_s: float, elapsed_s: float) -> Lost:
    """Return what a file lacks of which `decoded_s` seconds decode, the last at `elapsed_s` after the first."""
    stated = _stated(path, sniff(path), container, stream, decoded_s)
    length_s = stated.seconds if stated and stated.seconds <= MAX_MEDIA_S else elapsed_s
    missing_s, damaged_s = length_s - elapsed_s, elapsed_s - decoded_s
    if stated and stated.is_whole:
        missing_s, damaged_s = 0.0, length_s - decoded_s
    least_s = max(_TOLERANCE_S, _TOLERANCE * length_s)
    return Lost(*(round(seconds, 3) if seconds > least_s else 0.0 for seconds in (missing_s, damaged_s)))


def is_cut(path: Path) -> bool:
    """Return whether a file ends before its stated size, as while it is copied; False where it states none.

    Nothing is decoded. Raises: as `sniff`.
    """
    content = sniff(path)
    if content.demuxer == "mov":
        return not is_whole(path, content.offset)
    header, size = _header(path, content), path.stat().st_size - content.offset
    if content.demuxer == "matroska":
        return _segment_end(header) > size
    if content.demuxer == "avi":
        return 8 + int.from_bytes(header[4:8], "little") > size
    chunk = data_chunk(path, content)
    return chunk is not None and chunk.stated > chunk.present


def lost_warnings(facts: ProbedMedia) -> list[str]:
    """Return warnings of a file that was cut short or is damaged."""
    whole = _seconds(facts.duration_s + facts.damaged_s + facts.missing_s)
    texts = (
        (facts.missing_s, "the file ends early: {} of its {} seconds are missing; copy or download it again"),
        (facts.damaged_s, "the file is damaged: {} of its {} seconds do not decode; copy or download it again"),
    )
    return [text.format(_seconds(seconds), whole) for seconds, text in texts if seconds]


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}"


def _stated(
    path: Path,
    content: Content,
    container: InputContainer,
    stream: Stream,
    decoded_s: float,
) -> _Stated | None:
    if content.demuxer == "mov":
        return _mov(stream)
    if content.demuxer == "matroska":
        return _matroska(path, content, container, stream)
    chunk = data_chunk(path, content)
    if chunk:
        return _Stated(decoded_s * max(1.0, chunk.stated / chunk.present))
    read = _IN_HEADER.get(content.demuxer)
    return read(_header(path, content), path.stat().st_size - content.offset) if read else None


def _mov(stream: Stream) -> _Stated | None:
    """Return the stated length, without the time for which the last picture or sound stays: it may be any."""
    entries = stream.index_entries
    if not stream.duration or not stream.time_base or len(entries) < _MIN_ENTRIES:
        return None
    span = entries[len(entries) - 1].timestamp - entries[0].timestamp
    return _Stated(float(min(stream.duration, span) * stream.time_base))


def _header(path: Path, content: Content) -> bytes:
    with path.open("rb") as file:
        file.seek(content.offset)
        return file.read(_HEADER_BYTES)


def _mp3(header: bytes, size: int) -> _Stated | None:
    """Read the count of frames that encoders write into the first one: `Xing` and `Info`, or `VBRI`."""
    frame = mpeg_frame(header, 0)
    if frame is None:
        return None
    first = header[: frame.size]
    at = max(first.find(b"Xing"), first.find(b"Info"))
    if at >= 0 and first[at + 7] & 3 == 3:
        frames, stated = (int.from_bytes(first[at + n : at + n + 4], "big") for n in (8, 12))
    elif (at := first.find(b"VBRI")) >= 0:
        stated, frames = (int.from_bytes(first[at + n : at + n + 4], "big") for n in (10, 14))
    else:
        return None
    return _Stated(frames * frame.samples / frame.rate_hz, is_whole=size >= _WHOLE * stated)


def _flac(header: bytes, size: int) -> _Stated | None:
    del size
    rate, samples = int.from_bytes(header[18:21], "big") >> 4, int.from_bytes(header[21:26], "big") & (1 << 36) - 1
    return _Stated(samples / rate) if rate and samples else None


_ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def _asf(header: bytes, size: int) -> _Stated | None:
    """Read the file properties: the size, the length in 100 ns with the time of buffering, which is in ms."""
    at = header.find(_ASF_FILE)
    fields = header[at + 24 : at + 104]
    if at < 0 or len(fields) < 80:
        return None
    stated, length, buffered, flags = (int.from_bytes(fields[n : n + 8], "little") for n in (16, 40, 56, 64))
    if flags & 1 or size >= _WHOLE * stated:  # a broadcast states nothing
        return None
    return _Stated(length / 1e7 - buffered / 1e3)


def _avi(header: bytes, size: int) -> _Stated | None:
    at = header.find(b"avih")
    fields = header[at + 8 : at + 28]
    if at < 0 or len(fields) < 20 or size >= _WHOLE * (8 + int.from_bytes(header[4:8], "little")):
        return None
    frame_us, frames = (int.from_bytes(fields[n : n + 4], "little") for n in (0, 16))
    return _Stated(frame_us * frames / 1e6)


_IN_HEADER: dict[Demuxer, Callable[[bytes, int], _Stated | None]] = {
    "mp3": _mp3,
    "flac": _flac,
    "asf": _asf,
    "avi": _avi,
}


def _matroska(path: Path, content: Content, container: InputContainer, stream: Stream) -> _Stated | None:
    """Return a track's stated length, or that of the longest where the tracks state none."""
    if _segment_end(_header(path, content)) <= path.stat().st_size - content.offset:
        return None
    tags = (value for name, value in stream.metadata.items() if name.startswith("DURATION"))
    tag = _clock_s(next(tags, ""))
    seconds = tag or (container.duration or 0) / 1e6
    return _Stated(seconds) if seconds else None


def _segment_end(header: bytes) -> int:
    """Return where the segment ends by its header (RFC 8794); 0 for one of unknown size."""
    at = header.find(b"\x18\x53\x80\x67") + 4
    if at < 4 or at >= len(header) or not header[at]:
        return 0
    length = 9 - header[at].bit_length()
    bits = (1 << 7 * length) - 1
    size = int.from_bytes(header[at : at + length], "big") & bits
    return 0 if size == bits else at + length + size


def _clock_s(text: str) -> float | None:
    """Return the seconds of a text such as 00:01:02.5, `None` of another."""
    try:
        hours, minutes, seconds = map(float, text.split(":"))
    except ValueError:
        return None
    return 3600 * hours + 60 * minutes + seconds
