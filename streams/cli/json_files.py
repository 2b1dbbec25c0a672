"""Read JSON files that a user names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from infra.base.text_file import read_text
from schemas.faults import Poison
from schemas.reasons import Reason


def read_json(file: Path, reason: Reason) -> Any:
    """Return the content of a JSON file.

    Raises: `Poison` with the reason; the message names the file and, for text that is no JSON, line and column.
    """
    try:
        return json.loads(read_text(file))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Poison(f"{file}, {place}: it is not JSON: {error.msg}", reason) from error
    except OSError as error:
        raise Poison(f"{file}: {error.strerror}", reason) from error
    except (ValueError, RecursionError) as error:
        raise Poison(f"{file}: it is not JSON: {_message(error)}", reason) from error


def _message(error: ValueError | RecursionError) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
