"""Test which version of Kafka may start on a folder that another version wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.local_kafka.version import VERSION_FILE, check_version, write_version
from schemas.faults import Retryable


def class_path(version: str) -> str:
    return f"/jars/kafka_2.13-{version}.jar:/jars/kafka-clients-{version}.jar:/jars/slf4j-api-2.0.17.jar"


@pytest.mark.parametrize(
    ("stored", "starting"),
    [("4.4.0", "4.4.0"), ("4.4.1", "4.4.0"), ("4.4.0", "4.10.0"), ("3.9.1", "4.0.0")],
    ids=["same", "older patch", "newer minor", "newer major"],
)
def test_the_same_or_a_newer_kafka_starts(tmp_path: Path, stored: str, starting: str) -> None:
    write_version(tmp_path, class_path(stored))
    check_version(tmp_path, class_path(starting))
    write_version(tmp_path, class_path(starting))
    assert (tmp_path / VERSION_FILE).read_text() == starting
    assert [path.name for path in tmp_path.iterdir()] == [VERSION_FILE]


@pytest.mark.parametrize(("stored", "starting"), [("4.10.0", "4.4.0"), ("5.0.0", "4.4.0")])
def test_an_older_kafka_is_rejected_in_one_line(tmp_path: Path, stored: str, starting: str) -> None:
    write_version(tmp_path, class_path(stored))
    with pytest.raises(Retryable) as caught:
        check_version(tmp_path, class_path(starting))
    assert caught.value.reason == "kafka_too_old"
    assert str(caught.value) == (
        f"Kafka {stored} wrote {tmp_path}, and Kafka {starting} is older: install the release of this program that"
        f" came with Kafka {stored}, or move {tmp_path} away to start with an empty Kafka"
    )


@pytest.mark.parametrize("content", [None, b"", b"4.4", b"\xff4", b"4.4.0-rc1\n"])
def test_a_folder_without_a_valid_version_is_accepted(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / VERSION_FILE).write_bytes(content)
    check_version(tmp_path, class_path("4.4.0"))
    write_version(tmp_path, class_path("4.4.0"))
    assert (tmp_path / VERSION_FILE).read_text() == "4.4.0"


def test_a_class_path_without_kafka_changes_nothing(tmp_path: Path) -> None:
    write_version(tmp_path, class_path("4.4.0"))
    check_version(tmp_path, "nothing.jar")
    write_version(tmp_path, "nothing.jar")
    assert (tmp_path / VERSION_FILE).read_text() == "4.4.0"
