"""Read the outermost boxes of an mp4 or mov, to tell a file that was cut from one that is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_MAX_BOXES = 1000


class _Box(NamedTuple):
    name: bytes
    is_whole: bool


def lacks_index(path: Path, start: int = 0) -> bool:
    """Return whether a file of boxes has no whole index (`moov`), as a recording or download that was cut short."""
    return next((not box.is_whole for box in _boxes(path, start) if box.name == b"moov"), True)


def is_whole(path: Path, start: int = 0) -> bool:
    """Return whether a file of boxes has an index, and all bytes of each box."""
    boxes = list(_boxes(path, start))
    return all(box.is_whole for box in boxes) and any(box.name == b"moov" for box in boxes)


def _boxes(path: Path, start: int) -> Iterator[_Box]:
    """Yield the outermost boxes, the first at `start`; the last may end after the file."""
    end = path.stat().st_size
    with path.open("rb") as file:
        at = start
        for _ in range(_MAX_BOXES):
            file.seek(at)
            head = file.read(16)
            if len(head) < 8:
                return
            at += _box_bytes(head) or end - at
            yield _Box(head[4:8], at <= end)
            if at >= end:
                return


def _box_bytes(head: bytes) -> int:
    """Return the size of a box with its header; 0 if it reaches the end of the file."""
    size = int.from_bytes(head[:4], "big")
    if size == 1:
        size = int.from_bytes(head[8:16], "big")
    return max(8, size) if size else 0
