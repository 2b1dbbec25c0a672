"""A start-up cache (JEP 483, 514): one training run of the broker goes in, a file comes out that halves its start."""

from __future__ import annotations

import os
from pathlib import Path

from infra.local_kafka.broker import LocalKafka
from infra.local_kafka.java import java_version
from infra.scratch import scratch_in

_FILE = "startup.aot"
_OLDEST = 25  # the first Java that makes such a cache in one step


def installed_warm_up(class_path: str) -> Path | None:
    """The cache that lies beside the jars, if set-up made it. Java itself ignores one that does not fit."""
    file = _file(class_path)
    return file if file.is_file() else None


def warm_up(class_path: str, java: Path, timeout_s: float = 180.0) -> Path | None:
    """Run a broker once, as training, and keep what it loaded. None where this Java cannot. Some 10 CPU s."""
    if (java_version(java) or 0) < _OLDEST:
        return None
    with scratch_in(_file(class_path).parent, "warm-up") as folder:
        trained = folder / _FILE
        kafka = LocalKafka(folder / "kafka", class_path, java)
        kafka.jvm = kafka.jvm.training(trained)
        kafka.start()
        kafka.stop(timeout_s)  # the JVM writes the cache as it ends
        return trained.rename(_file(class_path)) if trained.is_file() else None


def _file(class_path: str) -> Path:
    return Path(class_path.split(os.pathsep, 1)[0]).parent / _FILE
