"""The version of Kafka that wrote a data folder: an older one cannot read it.

Kafka stores no release in its folder: meta.properties has the version of its own format, 1, and ids. What differs is
the level of metadata.version in the metadata log, which only minor releases raise. An older Kafka ends at a level it
does not know, with "No MetadataVersion with feature level 30" and a stack trace.
"""

from __future__ import annotations

import re
from pathlib import Path

from infra.base.atomic_file import replacing
from schemas.faults import Retryable

VERSION_FILE = "kafka.version"  # in the folder of Kafka's logs, so it comes and goes with what it describes
_CLIENTS_JAR = re.compile(r"kafka-clients-(\d+(?:\.\d+)+)\.jar")


def write_version(log_dir: Path, class_path: str) -> None:
    """Write the version of the Kafka on the class path into the folder of its logs; nothing where it has none."""
    version = _kafka_version(class_path)
    if version and _stored(log_dir) != version:
        with replacing(log_dir / VERSION_FILE) as temporary:
            temporary.write_text(version)


def check_version(log_dir: Path, class_path: str) -> None:
    """Raise `Retryable` (`kafka_too_old`) where a newer Kafka wrote the folder: major and minor version count.

    A folder without a version is one from before versions were written: any Kafka may start on it.
    """
    stored, version = _stored(log_dir), _kafka_version(class_path)
    if stored and version and _minor(stored) > _minor(version):
        raise Retryable(
            f"Kafka {stored} wrote {log_dir}, and Kafka {version} is older: install the release of this program that"
            f" came with Kafka {stored}, or move {log_dir} away to begin with an empty Kafka",
            "kafka_too_old",
        )


def _kafka_version(class_path: str) -> str | None:
    found = _CLIENTS_JAR.search(class_path)
    return found[1] if found else None


def _stored(log_dir: Path) -> str | None:
    try:
        text = (log_dir / VERSION_FILE).read_text(errors="replace")
    except FileNotFoundError:
        return None
    return text if re.fullmatch(r"\d+(\.\d+)+", text) else None


def _minor(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")[:2]))
