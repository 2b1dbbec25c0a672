"""Store the version of the Kafka that wrote a data folder, because an older Kafka cannot read the folder.

Kafka does not store its release: meta.properties contains the version of its own format, 1, and ids. The difference is
the level of metadata.version in the metadata log, which only minor releases increase. An older Kafka ends at an unknown
level with "No MetadataVersion with feature level 30" and a stack trace.
"""

from __future__ import annotations

import re
from pathlib import Path

from infra.base.atomic_file import replacing
from schemas.faults import Retryable

VERSION_FILE = "kafka.version"  # in the folder of Kafka's logs, so that it is moved or removed with them
_CLIENTS_JAR = re.compile(r"kafka-clients-(\d+(?:\.\d+)+)\.jar")


def write_version(log_dir: Path, class_path: str) -> None:
    """Write the version of the Kafka on the class path to the folder of its logs, if the class path has a Kafka."""
    version = _kafka_version(class_path)
    if version and _stored_version(log_dir) != version:
        with replacing(log_dir / VERSION_FILE) as temporary:
            temporary.write_text(version)


def check_version(log_dir: Path, class_path: str) -> None:
    """Raise `Retryable` (`kafka_too_old`) where a Kafka of a newer major or minor version wrote the folder.

    A folder without a stored version is accepted: it is older than this check.
    """
    stored, version = _stored_version(log_dir), _kafka_version(class_path)
    if stored and version and _major_minor(stored) > _major_minor(version):
        raise Retryable(
            f"Kafka {stored} wrote {log_dir}, and Kafka {version} is older: install the release of this program that"
            f" came with Kafka {stored}, or move {log_dir} away to start with an empty Kafka",
            "kafka_too_old",
        )


def _kafka_version(class_path: str) -> str | None:
    match = _CLIENTS_JAR.search(class_path)
    return match[1] if match else None


def _stored_version(log_dir: Path) -> str | None:
    try:
        text = (log_dir / VERSION_FILE).read_text(errors="replace")
    except FileNotFoundError:
        return None
    return text if re.fullmatch(r"\d+(\.\d+)+", text) else None


def _major_minor(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")[:2]))
