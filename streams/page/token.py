"""The token by which the owner of the data folder gets access to the worker's page."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from schemas.faults import Poison

TOKEN_FILE = "token"  # noqa: S105 - its name
_MIN_CHARACTERS = 32


def read_token(run_dir: Path) -> str:
    """Return the token of this data folder; it is created if missing, readable by its owner only.

    Raises: `Poison` (`token`) for a file without a valid token.
    """
    file = run_dir / TOKEN_FILE
    run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not file.exists():
        _write_token(run_dir, file)
    token = file.read_text()
    if len(token) < _MIN_CHARACTERS:
        raise Poison(f"{file} contains no valid token: remove it", reason="token")
    return token


def _write_token(run_dir: Path, file: Path) -> None:
    """Write the token atomically; the first of several writers wins."""
    with tempfile.NamedTemporaryFile("w", dir=run_dir) as new:  # readable by its owner only
        new.write(secrets.token_urlsafe(32))
        new.flush()
        with suppress(FileExistsError):
            os.link(new.name, file)
