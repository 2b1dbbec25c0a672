"""Every setting, with its environment name and unit. Only BACHATA_DEBUG is read elsewhere, where errors are told."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from schemas.faults import Poison

_PROJECT = Path(__file__).resolve().parent.parent


def _default_data_dir() -> Path:
    if (_PROJECT / "pyproject.toml").is_file():
        return _PROJECT / "data"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "bachata-streams"


def _default_cache_dir() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bachata-streams"


@dataclass(frozen=True)
class Settings:
    """All state lies below `data_dir`; `user_cache_dir` is for all data folders of this user."""

    data_dir: Path  # BACHATA_DATA_DIR
    user_cache_dir: Path  # BACHATA_CACHE_DIR: Kafka's jars, the pose model
    kafka: str | None  # BACHATA_KAFKA: host:port of a Kafka that is not ours to start
    qdrant_url: str | None  # BACHATA_QDRANT_URL: a Qdrant server instead of the embedded engine
    qdrant_api_key: str | None  # BACHATA_QDRANT_API_KEY: what that server asks for
    allowed_roots: tuple[Path, ...]  # BACHATA_ALLOWED_ROOTS: folders an event may name a path below, ':' between them
    children: int  # BACHATA_CHILDREN: processes that do a worker's heavy steps
    grace_s: float  # BACHATA_GRACE_S: how long a worker that is told to stop finishes what it has in hand
    least_free_bytes: int  # BACHATA_MIN_FREE_MB: below that much room on a disk all work pauses

    @property
    def demo_dir(self) -> Path:
        """The demo set that comes with the project."""
        return _PROJECT / "data" / "demo"

    @property
    def media_dir(self) -> Path:
        """The media store."""
        return self.data_dir / "media"

    @property
    def cache_dir(self) -> Path:
        """What can be made again: mezzanines, encoded songs."""
        return self.data_dir / "cache"

    @property
    def output_dir(self) -> Path:
        """The finished videos."""
        return self.data_dir / "output"

    @property
    def kafka_dir(self) -> Path:
        """The local Kafka's log."""
        return self.data_dir / "kafka"

    @property
    def state_dir(self) -> Path:
        """Tables and the move index: open in the worker only."""
        return self.data_dir / "state"

    @property
    def run_dir(self) -> Path:
        """Locks, logs, the page's token and the addresses of what is running."""
        return self.data_dir / "run"

    @property
    def pose_model(self) -> Path:
        """The MediaPipe bundle that set-up built."""
        return self.user_cache_dir / "pose_landmarker_full.task"


def _whole(name: str, default: int, least: int) -> int:
    text = os.environ.get(name)
    if not text:
        return default
    if not text.isdecimal() or int(text) < least:
        raise Poison(f"{name} is '{text}': it must be a whole number from {least} on", reason="settings")
    return int(text)


def load_settings() -> Settings:
    """The settings in force. Raises `Poison` for one that cannot be."""
    env = os.environ
    data_dir = Path(env.get("BACHATA_DATA_DIR") or _default_data_dir()).expanduser().resolve()
    roots = env.get("BACHATA_ALLOWED_ROOTS")
    default_roots = (data_dir / "songs", data_dir / "moves", _PROJECT / "data" / "demo")
    return Settings(
        data_dir=data_dir,
        user_cache_dir=Path(env.get("BACHATA_CACHE_DIR") or _default_cache_dir()).expanduser().resolve(),
        kafka=env.get("BACHATA_KAFKA") or None,
        qdrant_url=env.get("BACHATA_QDRANT_URL") or None,
        qdrant_api_key=env.get("BACHATA_QDRANT_API_KEY") or None,
        allowed_roots=tuple(Path(r).expanduser().resolve() for r in roots.split(":") if r) if roots else default_roots,
        children=_whole("BACHATA_CHILDREN", min(4, os.cpu_count() or 2), least=1),
        grace_s=float(_whole("BACHATA_GRACE_S", 10, least=0)),
        least_free_bytes=_whole("BACHATA_MIN_FREE_MB", 300, least=0) << 20,
    )
