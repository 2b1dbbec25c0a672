"""Names of folders and files mean the same in every locale."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.paths import BACHATA

_OLD_PYTHON = {"PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}  # as before Python 3.7, or in another locale than C
_LOCALES = [
    {"LC_ALL": "C"},
    {"LC_ALL": "POSIX"},
    {"LC_ALL": "C", **_OLD_PYTHON},
    {"LC_ALL": "C.UTF-8"},
    {"LC_ALL": "no_SUCH.ISO-8859-1", **_OLD_PYTHON},
    {"LC_ALL": "", "LANG": "", "LC_CTYPE": ""},
    {"PYTHONIOENCODING": "ascii"},
]


_NAMES = ["ぐ😀", "a b", "100%", "co:lon", "quo'te\"", "new\nline", "{x}", "x" * 240]
_CASES = [*(("canción", locale) for locale in _LOCALES), *((name, _LOCALES[2]) for name in _NAMES)]


@pytest.mark.parametrize(("name", "locale"), _CASES, ids=str)
def test_a_data_folder_has_its_name_in_every_locale(name: str, locale: dict[str, str], tmp_path: Path) -> None:
    completed = _settings(locale | {"BACHATA_DATA_DIR": os.fsencode(tmp_path / name).decode()})
    assert completed.stderr == b""
    values = {setting["variable"]: setting["value"] for setting in json.loads(completed.stdout)["settings"]}
    assert values["BACHATA_DATA_DIR"] == str(tmp_path / name)


@pytest.mark.parametrize("home", [{"HOME": "/nonexistent"}, {"HOME": ""}, {"TMPDIR": "/nonexistent"}], ids=str)
def test_a_machine_without_home_or_temporary_folder_has_its_settings(home: dict[str, str]) -> None:
    completed = _settings(home)
    assert (completed.returncode, completed.stderr) == (0, b"")


def _settings(environment: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    command = [str(BACHATA), "settings", "--json"]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, timeout=60, check=False)
