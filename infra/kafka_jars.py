"""Kafka's jars: a lock of names and checksums goes in, a class path of verified files comes out."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.base.atomic_file import sha256_of
from infra.scratch import scratch_in
from schemas.faults import Retryable

SPEC = Path(__file__).with_name("jgo.toml")
LOCK = Path(__file__).with_name("jgo.lock.toml")
_MARKER = "verified.json"
_TRIES = 3
_DOWNLOADS_AT_ONCE = 6


@dataclass(frozen=True)
class Jar:
    """One artifact of the lock: its Maven name, and the sha256 its file must have."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def coordinate(self) -> str:
        """The name Maven repositories know it by."""
        return f"{self.group}:{self.artifact}:{self.version}"


def locked_jars(lock: Path = LOCK) -> list[Jar]:
    """All jars of the lock, in its order, which is the class path's."""
    entries = tomllib.loads(lock.read_text())["dependencies"]
    return [Jar(e["groupId"], e["artifactId"], e["version"], e["sha256"]) for e in entries]


def kafka_version(lock: Path = LOCK) -> str:
    """The version of Kafka that the lock names."""
    return next(jar.version for jar in locked_jars(lock) if jar.artifact == "kafka-clients")


def jars_dir(cache_dir: Path, lock: Path = LOCK) -> Path:
    """The folder of this lock's jars below the user's cache."""
    return cache_dir / f"kafka-{kafka_version(lock)}-{sha256_of(lock)[:8]}"


def installed_class_path(cache_dir: Path, lock: Path = LOCK) -> str | None:
    """The class path if set-up has verified the jars and their sizes still agree; None otherwise. Costs a few ms."""
    folder = jars_dir(cache_dir, lock)
    return _class_path(folder, (jar.file for jar in locked_jars(lock))) if _is_whole(folder) else None


def ensure_jars(cache_dir: Path, report: Callable[[str], None], lock: Path = LOCK) -> str:
    """The class path of Kafka's jars, downloaded where they are missing, each verified against the lock.

    Raises `Retryable`: without network, for a wrong checksum, for a folder that cannot be written.
    """
    found = installed_class_path(cache_dir, lock)
    return found or _install(jars_dir(cache_dir, lock), lock, report)


def write_lock(spec: Path = SPEC, lock: Path = LOCK) -> int:
    """Resolve `spec` with all that it depends on, and write the lock. Returns the number of jars."""
    from jgo.env import LockFile

    with tempfile.TemporaryDirectory() as folder:
        context = _context(Path(folder))
        inputs, transitive = context.resolver.resolve([context.create_dependency(c) for c in _coordinates(spec)])
        LockFile.from_resolved_dependencies(
            inputs + transitive, environment_name="kafka", spec_hash=sha256_of(spec)[:16]
        ).save(lock)
    return len(inputs) + len(transitive)


def _coordinates(spec: Path) -> list[str]:
    coordinates: list[str] = tomllib.loads(spec.read_text())["dependencies"]["coordinates"]
    return coordinates


def _is_whole(folder: Path) -> bool:
    try:
        sizes: dict[str, int] = json.loads((folder / _MARKER).read_text())
        return bool(sizes) and all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def _class_path(folder: Path, names: Iterable[str]) -> str:
    return os.pathsep.join(str(folder / name) for name in names)


def _install(folder: Path, lock: Path, report: Callable[[str], None]) -> str:
    jars = locked_jars(lock)
    report(f"Kafka's {len(jars)} jars, 43 MB")
    if os.pathsep in str(folder):
        raise Retryable(
            f"Java cannot use a folder with '{os.pathsep}' in its name: set BACHATA_CACHE_DIR to another", "settings"
        )
    with _one_line_errors(folder), scratch_in(folder.parent, "kafka-download") as fresh:
        _download_all(jars, fresh)
        if not _is_whole(folder):  # another process may have been quicker, and its broker may run from there
            _replace(folder, fresh / "jars")
    return _class_path(folder, (jar.file for jar in jars))


@contextmanager
def _one_line_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Retryable(f"Kafka's jars could not be put into {folder}: {error}", "kafka_jars") from error


def _download_all(jars: list[Jar], fresh: Path) -> None:
    context = _context(fresh / "repository")
    (fresh / "jars").mkdir()
    with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
        sizes = dict(pool.map(lambda jar: _fetch(context, jar, fresh / "jars"), jars))
    (fresh / "jars" / _MARKER).write_text(json.dumps(sizes))


def _fetch(context: Any, jar: Jar, folder: Path) -> tuple[str, int]:
    target = folder / jar.file
    shutil.move(_download(context, jar), target)
    if sha256_of(target) != jar.sha256:
        raise Retryable(f"{jar.file} is not the file that the lock names: its checksum is wrong", "checksum")
    return jar.file, target.stat().st_size


def _download(context: Any, jar: Jar) -> Path:
    import requests

    for attempt in range(1, _TRIES + 1):
        artifact = context.create_dependency(jar.coordinate).artifact
        try:
            return Path(artifact.resolve())
        except (requests.RequestException, RuntimeError) as error:
            Path(artifact.cached_path).unlink(missing_ok=True)  # a broken download is no cached one
            if attempt == _TRIES:
                raise Retryable(_unreachable(jar, error), "no_network") from error
            time.sleep(attempt)
    raise AssertionError("unreachable")


def _unreachable(jar: Jar, error: Exception) -> str:
    return f"{jar.file} could not be downloaded ({type(error).__name__}): check the network, then run `bachata setup`"


def _replace(folder: Path, fresh: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    fresh.rename(folder)


def _context(repository: Path) -> Any:
    """A resolver with its own cache; the repositories of the user's jgo settings come first, or replace Maven's."""
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext, PythonResolver

    repositories = dict(GlobalSettings.load().repositories)
    repositories.setdefault("central", MAVEN_CENTRAL_URL)
    return MavenContext(repo_cache=repository, remote_repos=repositories, resolver=PythonResolver(), timeout=30)


if __name__ == "__main__":
    print(f"{write_lock()} jars in {LOCK.name}")
