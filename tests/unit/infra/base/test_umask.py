"""Files of the data folder are private, files for the user follow his umask."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import os, sys
from pathlib import Path
from infra.base.umask import make_files_private, user_umask
os.umask(0o022)
make_files_private()
make_files_private()
folder = Path(sys.argv[1])
(folder / "ours").write_text("")
with user_umask():
    (folder / "users").write_text("")
(folder / "later").mkdir()
"""


def test_only_files_for_the_user_follow_the_users_umask(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", _PROGRAM, str(tmp_path)], check=True)
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == {"ours": 0o600, "users": 0o644, "later": 0o700}
