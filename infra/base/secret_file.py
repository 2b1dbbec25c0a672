"""Files with a random secret that only their owner can read."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

_MIN_CHARACTERS = 32


def read_secret(file: Path) -> str:
    """Return the secret of a file: 32 random bytes as 43 URL-safe characters. A missing file is created first.

    Raises: `ValueError` for a file without a secret.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not file.exists():
        _write(file)
    secret = file.read_text()
    if len(secret) < _MIN_CHARACTERS or not secret.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"{file} contains no valid secret: remove it")
    return secret


def _write(file: Path) -> None:
    """Write the secret atomically; the first of several writers wins."""
    with tempfile.NamedTemporaryFile("w", dir=file.parent) as new:  # readable by its owner only
        new.write(secrets.token_urlsafe(32))
        new.flush()
        os.fsync(new.fileno())
        with suppress(FileExistsError):
            os.link(new.name, file)
