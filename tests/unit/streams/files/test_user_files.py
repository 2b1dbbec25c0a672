"""Results are copied to where the user wants them, with his permissions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from schemas.safe_text import is_harmless
from streams.files.user_files import title_of

_PROGRAM = """
import os, sys
from pathlib import Path
from infra.base.umask import make_files_private
from streams.files.user_files import copy_out
os.umask(0o027)
make_files_private()
copy_out(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_a_copy_for_the_user_follows_his_umask(tmp_path: Path) -> None:
    source, target = tmp_path / "video", tmp_path / "new" / "out.mp4"
    source.write_bytes(b"video")
    source.chmod(0o600)
    subprocess.run([sys.executable, "-c", _PROGRAM, str(source), str(target)], check=True)
    assert target.read_bytes() == b"video"
    assert target.stat().st_mode & 0o777 == 0o640
    assert target.parent.stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize("stem", ["\u2800", "\u2800\u3164 \u115f", "\ufeff\u200b", "\udcff", "\x1b", " "])
def test_a_file_whose_name_has_nothing_visible_is_untitled(stem: str) -> None:
    assert title_of(Path(f"/music/{stem}.mp3")) == "untitled"
    assert is_harmless(title_of(Path(f"/music/a{stem}b.mp3")))
