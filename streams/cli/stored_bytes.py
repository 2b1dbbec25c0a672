"""Show the bytes of stored records as text."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from schemas.safe_text import escaped

_MAX_CHARACTERS = 20_000
_MAX_HEX_BYTES = 1024
_BYTES_PER_ROW = 16


def escaped_bytes(value: bytes, max_characters: int = _MAX_CHARACTERS) -> str:
    """Return JSON indented, other UTF-8 as escaped text, all else as a hex dump.

    At most `max_characters` (a quarter as many bytes of a hex dump, at most 1024), then a line with the rest's length.
    """
    try:
        text = _escaped_text(value)
    except UnicodeDecodeError:
        return _hex_dump(value, min(_MAX_HEX_BYTES, max_characters // 4))
    left = len(text) - max_characters
    return text[:max_characters] + (f"\n... and {left} characters more" if left > 0 else "")


def parse_json(value: bytes) -> Any:
    """Return the value of a JSON text. Raises: `ValueError` for invalid JSON or a value that JSON cannot represent."""
    return _parse_and_format(value)[0]


def _parse_and_format(value: bytes) -> tuple[Any, str]:
    try:
        parsed = json.loads(value, parse_constant=_refuse_constant, parse_float=_parse_finite)
        return parsed, json.dumps(parsed, indent=2, ensure_ascii=False)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _parse_finite(text: str) -> float:
    if not math.isfinite(float(text)):
        _refuse_constant(text)
    return float(text)


def _escaped_text(value: bytes) -> str:
    try:
        lines = _parse_and_format(value)[1].splitlines()
    except ValueError:
        return escaped(value.decode())
    return "\n".join(escaped(line) for line in lines)


def _hex_dump(value: bytes, max_bytes: int) -> str:
    rows = [
        f"{start:08x}  {row.hex(' '):{3 * _BYTES_PER_ROW}} {_ascii(row)}"
        for start in range(0, min(len(value), max_bytes), _BYTES_PER_ROW)
        for row in [value[start : min(start + _BYTES_PER_ROW, max_bytes)]]
    ]
    left = len(value) - max_bytes
    return "\n".join(rows + ([f"... and {left} bytes more"] if left > 0 else []))


def _ascii(row: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
