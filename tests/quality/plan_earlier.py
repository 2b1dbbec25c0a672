"""Plans of an earlier commit's planner for the same songs and clips, by its own code in a process of its own."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from pydantic import TypeAdapter

from schemas.base import Options
from schemas.sequence_planned import ClipPart
from tests.paths import PROJECT
from tests.quality.plan_library import Collection

EARLIER = "7529c7e"
PACKAGES = ("agents", "schemas")
PROGRAM = Path(__file__).with_name("earlier_planner.py")
_GIT = shutil.which("git") or "git"
_PLANS = TypeAdapter(dict[str, tuple[ClipPart, ...]])


def earlier_segments(collection: Collection, options: Options) -> dict[str, tuple[ClipPart, ...]]:
    """Return the segments of each song; print why there are none where git does not have the commit."""
    archive = subprocess.run(
        [_GIT, "-C", str(PROJECT), "archive", EARLIER, *PACKAGES], capture_output=True, check=False
    )
    if archive.returncode:
        print(
            f"no comparison with the planner of commit {EARLIER}: git does not have it ({_last_line(archive.stderr)})"
        )
        return {}
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            tar.extractall(folder, filter="data")
        done = subprocess.run(
            [sys.executable, "-P", str(PROGRAM)],
            input=_tasks(collection, options).encode(),
            env=os.environ | {"PYTHONPATH": folder},
            cwd=folder,
            capture_output=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"the planner of commit {EARLIER} fails: {done.stderr.decode()[-2000:]}")
    return _PLANS.validate_json(done.stdout)


def _tasks(collection: Collection, options: Options) -> str:
    asked = options.model_dump(mode="json", include={"duration", "difficulty", "energy", "seed"})
    return json.dumps(
        {
            "songs": {name: song.model_dump(mode="json") for name, song in collection.songs.items()},
            "moves": [move.model_dump(mode="json") for move in collection.moves],
            "options": asked,
        }
    )


def _last_line(text: bytes) -> str:
    return (text.decode().strip().splitlines() or ["git fails"])[-1]
