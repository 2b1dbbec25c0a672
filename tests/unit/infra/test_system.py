"""Test the checks of this machine, and the installation of what is missing."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from infra import system
from infra.kafka_jars import installed_class_path
from infra.pose_model import has_pose_model
from infra.settings import Settings, load_settings
from infra.system import Check, checks, install_system_libraries, setup
from schemas.faults import Retryable

MISSING_LIBRARY = "libmissing.so.1"


def with_values(settings: Settings, **values: Path | str | None) -> Settings:
    """Return a copy with other values, which are not validated."""
    return settings.model_copy(update=values)


@pytest.fixture
def empty_machine(tmp_path: Path) -> Settings:
    """Return the settings of a machine without any set-up."""
    return with_values(load_settings(), data_dir=tmp_path / "data", cache_dir=tmp_path / "cache", kafka=None)


def checks_by_name(settings: Settings) -> dict[str, Check]:
    return {check.name: check for check in checks(settings)}


def test_a_missing_part_has_a_remedy(empty_machine: Settings) -> None:
    results = checks_by_name(empty_machine)
    assert list(results) == ["python", "data folder", "disk", "java", "kafka", "system libraries", "pose model"]
    assert (results["kafka"].ok, results["kafka"].remedy) == (False, "bachata setup")
    assert (results["pose model"].ok, results["pose model"].remedy) == (False, "bachata setup")
    assert results["python"].ok
    assert results["data folder"].ok
    assert all(check.remedy == "" for check in results.values() if check.ok)
    assert all("\n" not in check.detail + check.remedy for check in results.values())


def test_a_data_folder_that_cannot_be_written_is_reported(empty_machine: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    broken = with_values(empty_machine, data_dir=tmp_path / "file" / "data")
    check = checks_by_name(broken)["data folder"]
    assert not check.ok
    assert "BACHATA_DATA_DIR" in check.remedy
    with pytest.raises(Retryable, match="BACHATA_DATA_DIR"):
        setup(broken, print)


def test_a_full_disk_is_reported(empty_machine: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "_MIN_FREE_BYTES", 2**62)
    check = checks_by_name(empty_machine)["disk"]
    assert not check.ok
    assert check.remedy.startswith("free 1 GiB")


def test_a_configured_kafka_is_checked_in_place_of_java(empty_machine: Settings) -> None:
    results = checks_by_name(with_values(empty_machine, kafka="127.0.0.1:1,127.0.0.1:2"))
    assert not results["kafka"].ok
    assert "BACHATA_KAFKA is 127.0.0.1:1" in results["kafka"].detail
    assert "java" not in results


def test_missing_libraries_are_listed_by_file_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "_LIBRARIES", {MISSING_LIBRARY: "libmissing1"})
    assert system.missing_libraries() == [MISSING_LIBRARY]


def machine_with_apt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, *, user: int = 0, lists: bool = True
) -> Path:
    """Set up a machine without a library and with an apt-get that records its commands; return the file of commands."""
    commands = tmp_path / "commands"
    apt = tmp_path / "bin" / "apt-get"
    apt.parent.mkdir()
    apt.write_text(f'#!/bin/sh\necho "$4" >> {commands}\n{script}\n')
    apt.chmod(apt.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "lists").mkdir()
    if lists:
        (tmp_path / "lists" / "mirror_main_Packages").write_text("")
    monkeypatch.setenv("PATH", f"{apt.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(system, "_APT_LISTS", tmp_path / "lists")
    monkeypatch.setattr(system, "_LIBRARIES", {MISSING_LIBRARY: "libmissing1"})
    monkeypatch.setattr(os, "geteuid", lambda: user)
    return commands


def test_the_message_for_other_users_has_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = machine_with_apt(tmp_path, monkeypatch, "exit 0", user=1000)
    with pytest.raises(Retryable, match="sudo apt-get install -y libmissing1") as caught:
        install_system_libraries(print)
    assert "\n" not in str(caught.value)
    assert not commands.exists()


@pytest.mark.parametrize(
    ("lists", "script", "calls"),
    [
        (True, "exit 0", ["install"]),
        (False, "exit 0", ["update", "install"]),
        (True, '[ -e "$0.tried" ] || { touch "$0.tried"; exit 100; }', ["install", "update", "install"]),
    ],
)
def test_package_lists_are_updated_if_missing_or_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lists: bool, script: str, calls: list[str]
) -> None:
    commands = machine_with_apt(tmp_path, monkeypatch, script, lists=lists)
    with pytest.raises(Retryable, match="still cannot be loaded"):  # this apt-get installs nothing
        install_system_libraries(print)
    assert commands.read_text().split() == calls


def test_an_error_of_apt_get_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine_with_apt(tmp_path, monkeypatch, "echo 'E: Unable to locate package' >&2; exit 100")
    with pytest.raises(Retryable, match="apt-get update failed: E: Unable to locate package"):
        install_system_libraries(print)


def test_setup_of_a_complete_machine_installs_nothing(empty_machine: Settings) -> None:
    machine = with_values(empty_machine, cache_dir=load_settings().cache_dir)
    if installed_class_path(machine.cache_dir) is None or not has_pose_model(machine.pose_model):
        pytest.skip("this machine was not set up")
    reports: list[str] = []
    setup(machine, reports.append)
    assert reports in ([], ["a start-up cache for Kafka, made by starting it once"])
    assert all(check.ok for check in checks(machine))
