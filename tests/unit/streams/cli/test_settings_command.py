"""`bachata settings`, and what settings that are not valid or not known do to each command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click import UsageError

from infra.settings import descriptions
from tests.unit.streams.cli.bachata import run

_SECRET = "hunter2-is-secret"  # noqa: S105 - of these tests only


def _printed() -> dict[str, dict[str, Any]]:
    done = run("settings", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return {setting["variable"]: setting for setting in json.loads(done.stdout)["settings"]}


def test_all_settings_are_printed_with_their_values_and_sources(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BACHATA_GRACE_S", "2.5")
    monkeypatch.setenv("BACHATA_ALLOWED_ROOTS", "/srv/songs:/srv/clips")
    printed = _printed()
    assert list(printed) == [setting.variable for setting in descriptions()]
    assert printed["BACHATA_GRACE_S"] == {
        "variable": "BACHATA_GRACE_S",
        "value": 2.5,
        "unit": "s",
        "source": "environment",
        "secret": False,
        "description": "How long a worker that is stopped by a signal continues with the events that it has begun.",
        "heading": "Worker",
    }
    assert printed["BACHATA_DATA_DIR"]["value"] == str(tmp_path / "data")
    assert printed["BACHATA_ALLOWED_ROOTS"]["value"] == ["/srv/songs", "/srv/clips"]
    assert (printed["BACHATA_KAFKA"]["value"], printed["BACHATA_KAFKA"]["source"]) == (None, "default")


def test_a_person_reads_value_unit_source_and_description(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACHATA_MIN_FREE_MB", "1000000")
    monkeypatch.setenv("BACHATA_ALLOWED_ROOTS", "/srv/so\x1bngs:/srv/clips")
    lines = run("settings").stdout.splitlines()
    assert "  BACHATA_MIN_FREE_MB = 1000000 MiB  (environment)" in lines
    assert "  BACHATA_GRACE_S = 10 s  (default)" in lines
    assert "  BACHATA_QDRANT_URL = (not set)  (default)" in lines
    assert "  BACHATA_DEBUG = 0  (default)" in lines
    assert "  BACHATA_ALLOWED_ROOTS = /srv/so\\x1bngs:/srv/clips  (environment)" in lines
    assert all(f"      {setting.description}" in lines for setting in descriptions())


def test_a_secret_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACHATA_QDRANT_API_KEY", _SECRET)
    assert _printed()["BACHATA_QDRANT_API_KEY"]["value"] == "**********"
    done = run("settings")
    assert "BACHATA_QDRANT_API_KEY = **********  (environment)" in done.stdout
    assert _SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "command",
    [("settings",), ("doctor",), ("status",), ("kafka", "status"), ("moves", "list"), ("generate", "no-such-file.mp3")],
    ids=" ".join,
)
def test_a_setting_that_is_not_valid_ends_each_command(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACHATA_GRACE_S", "ten")
    done = run(*command, "--json")
    message = "BACHATA_GRACE_S is 'ten': it must be a number from 0 to 3600"
    assert done.returncode == UsageError.exit_code == 2
    assert json.loads(done.stdout) == {"error": message, "reason": "settings"}
    assert done.stderr == f"error: {message}\n"


def test_a_secret_that_is_not_valid_is_printed_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACHATA_QDRANT_API_KEY", f"{_SECRET} x")
    monkeypatch.setenv("BACHATA_DEBUG", "1")
    done = run("status", "--json")
    assert done.returncode == 2
    assert "BACHATA_QDRANT_API_KEY is not valid" in done.stderr
    assert _SECRET not in done.stdout + done.stderr


def test_an_unknown_variable_is_a_warning_and_standard_output_stays_one_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACHATA_GRACE", _SECRET)
    done = run("settings", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["settings"]
    assert done.stderr == "warning: BACHATA_GRACE is not a setting and has no effect; did you mean BACHATA_GRACE_S?\n"


@pytest.mark.parametrize(("value", "traceback"), [("1", True), ("0", False), ("", False)])
def test_debug_prints_a_traceback_before_the_error(
    value: str, traceback: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACHATA_DEBUG", value)
    done = run("moves", "search", "--tempo", "fast", "--json")
    assert json.loads(done.stdout)["reason"] == "invalid_query"
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert ("Traceback" in done.stderr) == traceback
