"""What strangers wrote, made fit for a terminal: no control character of theirs reaches it."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

_MOST_CHARACTERS = 20_000
_MOST_BYTES = 1024
_ROW = 16


def escaped(text: str) -> str:
    """The text on one line, with escapes for what does not print, such as controls and changes of direction."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def escaped_bytes(value: bytes, most: int = _MOST_CHARACTERS) -> str:
    """JSON as JSON, other text as text, all else as hex; at most so many characters, and a word on what is left out."""
    try:
        text = _text(value)
    except UnicodeDecodeError:
        return _hex(value, min(_MOST_BYTES, most // 4))
    left = len(text) - most
    return text[:most] + (f"\n... and {left} characters more" if left > 0 else "")


def parse_json(value: bytes) -> Any:
    """The value a JSON text stands for. Raises `ValueError` for what is none, or cannot be written as JSON again."""
    return _json(value)[0]


def _json(value: bytes) -> tuple[Any, str]:
    try:
        found = json.loads(value, parse_constant=_refuse, parse_float=_finite)
        return found, json.dumps(found, indent=2, ensure_ascii=False)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    if not math.isfinite(float(text)):
        _refuse(text)
    return float(text)


def _text(value: bytes) -> str:
    try:
        lines = _json(value)[1].splitlines()
    except ValueError:
        return escaped(value.decode())
    return "\n".join(escaped(line) for line in lines)


def _hex(value: bytes, most: int) -> str:
    rows = [
        f"{start:08x}  {value[start : min(start + _ROW, most)].hex(' '):{3 * _ROW}} {_ascii(value[start:most][:_ROW])}"
        for start in range(0, min(len(value), most), _ROW)
    ]
    left = len(value) - most
    return "\n".join(rows + ([f"... and {left} bytes more"] if left > 0 else []))


def _ascii(row: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
