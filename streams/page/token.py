"""The token by which the owner of the data folder gets access to the worker's page."""

from __future__ import annotations

from pathlib import Path

from infra.base.secret_file import read_secret
from schemas.faults import Poison

TOKEN_FILE = "token"  # noqa: S105 - its name


def read_token(run_dir: Path) -> str:
    """Return the token of this data folder; it is created if missing, readable by its owner only.

    Raises: `Poison` (`token`) for a file without a valid token.
    """
    try:
        return read_secret(run_dir / TOKEN_FILE)
    except ValueError as error:
        raise Poison(str(error), reason="token") from error
