"""Commands from the server of commands are processes of their own, as those that a shell starts."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.commands import run_bachata
from tests.unit.streams.cli.bachata import run


def test_a_command_has_the_environment_and_the_folder_of_its_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BACHATA_DATA_DIR", "here")
    assert str(tmp_path / "here") in run("settings").stdout
    assert str(tmp_path / "there") in run_bachata("settings", env={"BACHATA_DATA_DIR": "there"}).stdout


def test_the_state_of_one_command_does_not_reach_the_next() -> None:
    first, second = (run("settings", "--json") for _ in range(2))
    assert (first.returncode, first.stdout, first.stderr) == (0, second.stdout, second.stderr)
    assert run("no-such-command").returncode == 2


def test_a_command_that_runs_too_long_is_killed(tmp_path: Path) -> None:
    """It waits for the answer of a Kafka that is silent."""
    with socket.create_server(("127.0.0.1", 0)) as kafka:
        env = {"BACHATA_DATA_DIR": str(tmp_path), "BACHATA_KAFKA": f"127.0.0.1:{kafka.getsockname()[1]}"}
        with pytest.raises(TimeoutError):
            run_bachata("dead-letters", "list", env=env, timeout_s=1.0)
        connection, _ = kafka.accept()
        with connection:
            connection.settimeout(10)
            while connection.recv(1000):
                pass
