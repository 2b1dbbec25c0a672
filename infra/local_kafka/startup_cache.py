"""Java's start-up cache (JEP 483, 514), made by a training run of the broker: it halves the broker's start time."""

from __future__ import annotations

import os
from pathlib import Path

from infra.local_kafka.broker import LocalKafka
from infra.local_kafka.java import java_version
from infra.scratch import scratch_in

_FILE = "startup-login.aot"
_MIN_JAVA_VERSION = 25  # the first Java that makes such a cache in one step


def installed_startup_cache(class_path: str) -> Path | None:
    """Return the cache beside the jars, or None if set-up made none; Java ignores a cache that does not match."""
    file = _file(class_path)
    return file if file.is_file() else None


def create_startup_cache(class_path: str, java: Path, timeout_s: float = 180.0) -> Path | None:
    """Create the cache with one training run of a broker, about 10 s of CPU time; return None below Java 25."""
    if (java_version(java) or 0) < _MIN_JAVA_VERSION:
        return None
    with scratch_in(_file(class_path).parent, "startup-cache") as folder:
        cache = folder / _FILE
        kafka = LocalKafka(folder / "kafka", class_path, java)
        kafka.jvm = kafka.jvm.training(cache)
        kafka.start()
        kafka.stop(timeout_s)  # the JVM writes the cache as it ends
        return cache.rename(_file(class_path)) if cache.is_file() else None


def _file(class_path: str) -> Path:
    return Path(class_path.split(os.pathsep, 1)[0]).parent / _FILE
