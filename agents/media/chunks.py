"""Read where the sound of a file in chunks is (WAV, Wave64, AIFF, CAF), and how long its header says that it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from agents.media.formats import Demuxer
from agents.media.sniff import Content
from schemas.limits import MAX_BYTES

_MAX_CHUNKS = 200
_UNKNOWN_32 = 0xFFFFFFFF  # of a file larger than 4 GiB (the real size is in `ds64`), or of a stream


class DataChunk(NamedTuple):
    """The bytes of sound that a header states, and those that the file has."""

    stated: int
    present: int


class _Layout(NamedTuple):
    """How chunks are stored: where the first is, the bytes of a name and of a size, and to what a chunk is rounded."""

    first: int
    name: int
    size: int
    order: Literal["little", "big"]
    rounded_to: int
    size_has_header: bool
    data: bytes


_WAV = _Layout(12, 4, 4, "little", 2, False, b"data")
_LAYOUTS: dict[Demuxer, _Layout] = {
    "wav": _WAV,
    "w64": _Layout(40, 16, 8, "little", 8, True, bytes.fromhex("64617461f3acd3118cd100c04f8edb8a")),
    "aiff": _Layout(12, 4, 4, "big", 2, False, b"SSND"),
    "caf": _Layout(8, 4, 8, "big", 1, False, b"data"),
}


def data_chunk(path: Path, content: Content) -> DataChunk | None:
    """Return the sizes of a file's sound; `None` for other files, and where the header states none that is possible."""
    layout = _LAYOUTS.get(content.demuxer)
    if layout is None:
        return None
    with path.open("rb") as file:
        file.seek(content.offset)
        if file.read(4) == b"RIFX":
            layout = layout._replace(order="big")
        return _data(file, content.offset, layout, path.stat().st_size)


def _data(file: BinaryIO, start: int, layout: _Layout, end: int) -> DataChunk | None:
    large = 0
    for name, at, size in _chunks(file, start, layout, end):
        if name == b"ds64":
            file.seek(at + 8)
            large = int.from_bytes(file.read(8), "little")
        if name == layout.data:
            stated = large if large and size == _UNKNOWN_32 else size
            return DataChunk(stated, end - at) if 0 < stated <= MAX_BYTES["audio"] and end > at else None
    return None


def _chunks(file: BinaryIO, start: int, layout: _Layout, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield each chunk's name, where its content is, and the size of its content."""
    header, at = layout.name + layout.size, start + layout.first
    for _ in range(_MAX_CHUNKS):
        file.seek(at)
        head = file.read(header)
        if len(head) < header:
            return
        size = max(0, int.from_bytes(head[layout.name :], layout.order) - (header if layout.size_has_header else 0))
        yield head[: layout.name], at + header, size
        at = at + header + -(-size // layout.rounded_to) * layout.rounded_to
        if at >= end:
            return
