"""Random secrets in files that only their owner can read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.base.secret_file import read_secret


def test_a_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "run" / "secret"
    secret = read_secret(file)
    assert len(secret) == 43
    assert read_secret(file) == secret
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert read_secret(tmp_path / "other") != secret


def test_programs_that_start_together_have_one_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(read_secret, [tmp_path / "secret"] * 32))) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]


@pytest.mark.parametrize("content", ["", "short", 'quote"' + 40 * "x", 43 * "x" + "\n"])
def test_a_file_without_a_valid_secret_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "secret").write_text(content)
    with pytest.raises(ValueError, match=r"secret contains no valid secret: remove it"):
        read_secret(tmp_path / "secret")
