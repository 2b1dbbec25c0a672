"""The kcat of this machine, as tests run it.

Before version 2.6.1, librdkafka repeats the nonce of its SCRAM login, which Kafka 4 refuses. Where kcat has an
older one (Debian 12, Ubuntu 24.04), it runs with that of the package confluent-kafka.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

_LEAST_VERSION = (2, 6, 1)


def kcat_script() -> str | None:
    """Return a shell script that runs kcat, or None where it is not installed or cannot log in at the local Kafka."""
    kcat = shutil.which("kcat")
    if kcat is None:
        return None
    if _librdkafka_version(kcat) >= _LEAST_VERSION:
        return f'#!/bin/sh\nexec {kcat} "$@"\n'
    library = _newer_librdkafka()
    return None if library is None else f'#!/bin/sh\nLD_PRELOAD={library} exec {kcat} "$@"\n'


def _librdkafka_version(kcat: str) -> tuple[int, ...]:
    printed = subprocess.run([kcat, "-V"], capture_output=True, text=True, check=False)
    found = re.search(r"librdkafka (\d+)\.(\d+)\.(\d+)", printed.stdout + printed.stderr)
    return tuple(map(int, found.groups())) if found else ()


def _newer_librdkafka() -> Path | None:
    package = find_spec("confluent_kafka")
    if package is None or package.origin is None:
        return None
    return next((Path(package.origin).parents[1] / "confluent_kafka.libs").glob("librdkafka-*.so*"), None)
