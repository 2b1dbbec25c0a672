"""Read text files that a user names, in the encodings that other programs write."""

from __future__ import annotations

import json
import os
from pathlib import Path

_MAX_MB = 16


def read_text(file: Path) -> str:
    """Return the text of a file in UTF-8, UTF-16 or UTF-32, with or without a byte order mark, or Latin-1.

    Raises: `OSError`; `ValueError` for a file of more than 16 MB or with bytes that are no text.
    """
    with open(file, "rb", opener=_open_at_once) as reader:
        content = reader.read(_MAX_MB * 1_000_000 + 1)
    if len(content) > _MAX_MB * 1_000_000:
        raise ValueError(f"it is larger than {_MAX_MB} MB")
    encoding = json.detect_encoding(content)  # from the zeros and marks at its start: right for other text, too
    try:
        return content.decode(encoding).lstrip("\ufeff")  # marks of several programs, one before the other
    except UnicodeDecodeError as error:
        if encoding != "utf-8" or not content.decode(errors="ignore").isascii():
            raise ValueError(_place_in(content, error, encoding)) from error
    return _from_latin_1(content)


def _open_at_once(path: str, flags: int) -> int:
    """Open a file; a named pipe into which nobody writes is empty, instead of a wait without end."""
    reader = os.open(path, flags | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    return reader


def _from_latin_1(content: bytes) -> str:
    """Return text that has no character of UTF-8, so that it is of an older program, as Windows reads it."""
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _place_in(content: bytes, error: UnicodeDecodeError, encoding: str) -> str:
    lines = content[: error.start].decode(encoding, errors="ignore").split("\n")
    return f"line {len(lines)}, column {len(lines[-1]) + 1} is no text in {encoding.upper()}; save it as UTF-8"
