"""A file from an offset on, for FFmpeg to read as if it began there."""

from __future__ import annotations

import io
import os
from pathlib import Path

from agents.media.sniff import unreadable


class FilePart(io.RawIOBase):
    """Reads a file from an offset to its end; it closes itself when it is no longer used."""

    _handle = -1

    def __init__(self, path: Path, offset: int) -> None:
        """Open the file. Raises: as `unreadable`."""
        self._offset, self._at = offset, 0
        try:
            self._handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self._size = max(0, os.fstat(self._handle).st_size - offset)
        except OSError as error:
            raise unreadable(error) from error

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that it can be read at any place."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes, and go on behind them. Raises: as `unreadable`."""
        try:
            found = os.pread(self._handle, self._size if size < 0 else size, self._offset + self._at)
        except OSError as error:
            raise unreadable(error) from error
        self._at += len(found)
        return found

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, and return it."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        """Return where it is."""
        return self._at

    def close(self) -> None:
        """Close the file."""
        if not self.closed and self._handle >= 0:
            os.close(self._handle)
        super().close()
