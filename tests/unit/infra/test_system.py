"""What a machine needs: found where it is there, named where it is not, and got where we may."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from infra import system
from infra.kafka_jars import installed_class_path
from infra.pose_model import has_pose_model
from infra.settings import Settings, load_settings
from infra.system import Check, checks, install_system_libraries, setup
from schemas.faults import Retryable

NOWHERE = "libNoSuchThing.so.1"


def with_values(settings: Settings, **values: Path | str | None) -> Settings:
    """Return a copy with other values, which are not validated."""
    return settings.model_copy(update=values)


@pytest.fixture
def bare(tmp_path: Path) -> Settings:
    """A machine on which nothing was set up."""
    return with_values(load_settings(), data_dir=tmp_path / "data", cache_dir=tmp_path / "cache", kafka=None)


def by_name(found: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in found}


def test_what_is_missing_comes_with_what_gets_it(bare: Settings) -> None:
    found = by_name(checks(bare))
    assert list(found) == ["python", "data folder", "disk", "java", "kafka", "system libraries", "pose model"]
    assert (found["kafka"].ok, found["kafka"].remedy) == (False, "bachata setup")
    assert (found["pose model"].ok, found["pose model"].remedy) == (False, "bachata setup")
    assert found["python"].ok
    assert found["data folder"].ok
    assert all(check.remedy == "" for check in found.values() if check.ok)
    assert all("\n" not in check.detail + check.remedy for check in found.values())


def test_a_data_folder_that_cannot_be_written_is_named(bare: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    broken = with_values(bare, data_dir=tmp_path / "file" / "data")
    found = by_name(checks(broken))["data folder"]
    assert not found.ok
    assert "BACHATA_DATA_DIR" in found.remedy
    with pytest.raises(Retryable, match="BACHATA_DATA_DIR"):
        setup(broken, print)


def test_a_full_disk_is_named(bare: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "_ROOM_BYTES", 2**62)
    found = by_name(checks(bare))["disk"]
    assert not found.ok
    assert found.remedy.startswith("free 1 GiB")


def test_a_kafka_elsewhere_is_asked_instead_of_looked_for_here(bare: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        found = by_name(checks(with_values(bare, kafka=f"{address},elsewhere:9092")))
        assert found["kafka"].ok
        assert "java" not in found
    assert not by_name(checks(with_values(bare, kafka=address)))["kafka"].ok
    assert not by_name(checks(with_values(bare, kafka="no port")))["kafka"].ok


def test_missing_libraries_are_named_by_their_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "_LIBRARIES", {NOWHERE: "libnothing1"})
    assert system.missing_libraries() == [NOWHERE]


def a_machine_with_apt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, *, user: int = 0, lists: bool = True
) -> Path:
    """A machine that lacks a library, with an apt-get that notes how it was called. Returns the notes' file."""
    notes = tmp_path / "notes"
    apt = tmp_path / "bin" / "apt-get"
    apt.parent.mkdir()
    apt.write_text(f'#!/bin/sh\necho "$4" >> {notes}\n{script}\n')
    apt.chmod(apt.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "lists").mkdir()
    if lists:
        (tmp_path / "lists" / "mirror_main_Packages").write_text("")
    monkeypatch.setenv("PATH", f"{apt.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(system, "_APT_LISTS", tmp_path / "lists")
    monkeypatch.setattr(system, "_LIBRARIES", {NOWHERE: "libnothing1"})
    monkeypatch.setattr(os, "geteuid", lambda: user)
    return notes


def test_who_is_not_root_is_told_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = a_machine_with_apt(tmp_path, monkeypatch, "exit 0", user=1000)
    with pytest.raises(Retryable, match="sudo apt-get install -y libnothing1") as refused:
        install_system_libraries(print)
    assert "\n" not in str(refused.value)
    assert not notes.exists()


@pytest.mark.parametrize(
    ("lists", "script", "calls"),
    [
        (True, "exit 0", ["install"]),
        (False, "exit 0", ["update", "install"]),
        (True, '[ -e "$0.tried" ] || { touch "$0.tried"; exit 100; }', ["install", "update", "install"]),
    ],
)
def test_lists_are_fetched_where_they_are_missing_or_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lists: bool, script: str, calls: list[str]
) -> None:
    notes = a_machine_with_apt(tmp_path, monkeypatch, script, lists=lists)
    with pytest.raises(Retryable, match="still"):  # this apt-get installs nothing
        install_system_libraries(print)
    assert notes.read_text().split() == calls


def test_an_apt_that_fails_gives_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_machine_with_apt(tmp_path, monkeypatch, "echo 'E: Unable to locate package' >&2; exit 100")
    with pytest.raises(Retryable, match="apt-get update failed: E: Unable to locate package"):
        install_system_libraries(print)


def test_set_up_where_all_is_there_does_nothing(bare: Settings) -> None:
    machine = with_values(bare, cache_dir=load_settings().cache_dir)
    if installed_class_path(machine.cache_dir) is None or not has_pose_model(machine.pose_model):
        pytest.skip("this machine was not set up")
    told: list[str] = []
    setup(machine, told.append)
    assert told in ([], ["a start-up cache for Kafka, made by starting it once"])
    assert all(check.ok for check in checks(machine))
