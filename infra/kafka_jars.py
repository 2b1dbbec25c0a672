"""Install Kafka's jars from a lock file with checksums, and return their class path."""

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
from infra.base.network import network_hint
from infra.scratch import scratch_in
from schemas.faults import Retryable

SPEC = Path(__file__).with_name("jgo.toml")
LOCK = Path(__file__).with_name("jgo.lock.toml")
_MARKER = "verified.json"
_MAX_ATTEMPTS = 3
_MAX_PARALLEL_DOWNLOADS = 6


@dataclass(frozen=True)
class Jar:
    """An artifact of the lock file: its Maven coordinates, and the sha256 of its file."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        """Return the file's name."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def coordinate(self) -> str:
        """Return the Maven coordinate."""
        return f"{self.group}:{self.artifact}:{self.version}"


def locked_jars(lock: Path = LOCK) -> list[Jar]:
    """Return all jars of the lock file, in the order of the class path."""
    entries = tomllib.loads(lock.read_text())["dependencies"]
    return [Jar(e["groupId"], e["artifactId"], e["version"], e["sha256"]) for e in entries]


def kafka_version(lock: Path = LOCK) -> str:
    """Return the version of Kafka in the lock file."""
    return next(jar.version for jar in locked_jars(lock) if jar.artifact == "kafka-clients")


def jars_dir(cache_dir: Path, lock: Path = LOCK) -> Path:
    """Return the folder of this lock file's jars below the user's cache."""
    return cache_dir / f"kafka-{kafka_version(lock)}-{sha256_of(lock)[:8]}"


def installed_class_path(cache_dir: Path, lock: Path = LOCK) -> str | None:
    """Return the class path if set-up has verified the jars and their sizes still match, else None; takes a few ms."""
    folder = jars_dir(cache_dir, lock)
    return _class_path(folder, (jar.file for jar in locked_jars(lock))) if _is_complete(folder) else None


def ensure_jars(cache_dir: Path, report: Callable[[str], None], lock: Path = LOCK) -> str:
    """Return the class path of Kafka's jars; missing jars are downloaded and verified against the lock file.

    Raises: `Retryable` without network (`no_network`), for a wrong checksum (`checksum`), for a folder that cannot be
    written (`kafka_jars`) or used (`settings`).
    """
    return installed_class_path(cache_dir, lock) or _install(jars_dir(cache_dir, lock), lock, report)


def write_lock(spec: Path = SPEC, lock: Path = LOCK) -> int:
    """Resolve `spec` with all its dependencies, write the lock file, and return the number of jars."""
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


def _is_complete(folder: Path) -> bool:
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
        if not _is_complete(folder):  # another process may have finished first, and its broker may use the folder
            _replace(folder, fresh / "jars")
    return _class_path(folder, (jar.file for jar in jars))


@contextmanager
def _one_line_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"Kafka's jars could not be installed: {error}; BACHATA_CACHE_DIR names the folder, here {folder}"
        raise Retryable(message, "kafka_jars") from error


def _download_all(jars: list[Jar], fresh: Path) -> None:
    context = _context(fresh / "repository")
    (fresh / "jars").mkdir()
    pool = ThreadPoolExecutor(_MAX_PARALLEL_DOWNLOADS)
    try:
        sizes = dict(pool.map(lambda jar: _fetch(context, jar, fresh / "jars"), jars))
    except KeyboardInterrupt:  # the rest of the downloads is not waited for
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    (fresh / "jars" / _MARKER).write_text(json.dumps(sizes))


def _fetch(context: Any, jar: Jar, folder: Path) -> tuple[str, int]:
    target = folder / jar.file
    shutil.move(_download(context, jar), target)
    if sha256_of(target) != jar.sha256:
        raise Retryable(f"{jar.file} does not have the checksum of the lock file", "checksum")
    return jar.file, target.stat().st_size


def _download(context: Any, jar: Jar) -> Path:
    import requests

    for attempt in range(1, _MAX_ATTEMPTS + 1):
        artifact = context.create_dependency(jar.coordinate).artifact
        try:
            return Path(artifact.resolve())
        except (requests.RequestException, RuntimeError) as error:
            # An incomplete download must not be used as a cached one.
            Path(artifact.cached_path).unlink(missing_ok=True)
            if attempt == _MAX_ATTEMPTS:
                raise Retryable(_download_error(jar, error), "no_network") from error
            time.sleep(attempt)
    raise AssertionError("unreachable")


def _download_error(jar: Jar, error: Exception) -> str:
    cause = f"{jar.file} could not be downloaded ({type(error).__name__})"
    return f"{cause}: {network_hint()}, then run `bachata setup`"


def _replace(folder: Path, fresh: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    fresh.rename(folder)


def _context(repository: Path) -> Any:
    """Return a resolver with its own cache; repositories of the user's jgo settings come first, or replace Maven's."""
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext, PythonResolver

    repositories = dict(GlobalSettings.load().repositories)
    repositories.setdefault("central", MAVEN_CENTRAL_URL)
    return MavenContext(repo_cache=repository, remote_repos=repositories, resolver=PythonResolver(), timeout=30)


if __name__ == "__main__":
    print(f"{write_lock()} jars in {LOCK.name}")
