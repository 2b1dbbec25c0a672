"""How many files this process and its children may have open."""

from __future__ import annotations

import resource
from contextlib import suppress

from schemas.faults import Retryable

_NEEDED = 512  # Kafka with all topics has about 300 files and connections open, a worker about 150
_WANTED = 65_536  # more than any of our programs uses; some libraries take as much memory as the limit allows files


def raise_open_files_limit() -> None:
    """Raise the limit to what the user may have. Raises: `Retryable` (`machine`) where that is too little."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = _WANTED if hard == resource.RLIM_INFINITY else min(hard, _WANTED)
    if allowed < _NEEDED:
        message = f"only {allowed} files may be open at once, and Kafka and a worker need {_NEEDED}"
        raise Retryable(f"{message}: raise the limit, for example by `ulimit -Hn 4096` as root", "machine")
    if soft != resource.RLIM_INFINITY and soft < allowed:
        with suppress(ValueError, OSError):  # a system with a lower limit of its own: macOS
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
