"""Read JSON files that a user names, in the encodings that other programs write."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from schemas.faults import Poison
from schemas.reasons import Reason

_MAX_MB = 16


def read_json(file: Path, reason: Reason) -> Any:
    """Return the content of a JSON file in UTF-8, UTF-16 or UTF-32, with or without a byte order mark, or Latin-1.

    Raises: `Poison` with the reason; the message names the file and, for text that is no JSON, line and column.
    """
    try:
        with open(file, "rb", opener=_open_at_once) as reader:
            content = reader.read(_MAX_MB * 1_000_000 + 1)
        return json.loads(_text_of(content))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Poison(f"{file}, {place}: it is not JSON: {error.msg}", reason) from error
    except OSError as error:
        raise Poison(f"{file}: {error.strerror}", reason) from error
    except (ValueError, RecursionError) as error:
        raise Poison(f"{file}: it is not JSON: {_message(error)}", reason) from error


def _open_at_once(path: str, flags: int) -> int:
    """Open a file; a named pipe into which nobody writes is empty, instead of a wait without end."""
    reader = os.open(path, flags | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    return reader


def _text_of(content: bytes) -> str:
    """Return the text of JSON bytes. Raises: `ValueError`."""
    if len(content) > _MAX_MB * 1_000_000:
        raise ValueError(f"it is larger than {_MAX_MB} MB")
    encoding = json.detect_encoding(content)
    try:
        return content.decode(encoding).lstrip("\ufeff")  # marks of several programs, one before the other
    except UnicodeDecodeError as error:
        if encoding != "utf-8" or not content.decode(errors="ignore").isascii():
            raise ValueError(_place_in(content, error, encoding)) from error
    return _from_latin_1(content)


def _from_latin_1(content: bytes) -> str:
    """Return text that has no character of UTF-8, so that it is of an older program, as Windows reads it."""
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _place_in(content: bytes, error: UnicodeDecodeError, encoding: str) -> str:
    lines = content[: error.start].decode(encoding, errors="ignore").split("\n")
    return f"line {len(lines)}, column {len(lines[-1]) + 1} is no text in {encoding.upper()}; save it as UTF-8"


def _message(error: ValueError | RecursionError) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
