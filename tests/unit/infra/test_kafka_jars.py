"""Test the installation of Kafka's jars from a small Maven repository on this machine."""

from __future__ import annotations

import functools
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.kafka_jars import (
    LOCK,
    SPEC,
    ensure_jars,
    installed_class_path,
    jars_dir,
    kafka_version,
    locked_jars,
    write_lock,
)
from schemas.faults import Retryable

VERSION = "9.9.9"
POM = """<project><modelVersion>4.0.0</modelVersion><groupId>org.apache.kafka</groupId>
<artifactId>{name}</artifactId><version>9.9.9</version><dependencies>{dependencies}</dependencies></project>"""
DEPENDENCY = (
    "<dependency><groupId>org.apache.kafka</groupId><artifactId>{}</artifactId><version>9.9.9</version></dependency>"
)


class SilentHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def publish(repository: Path, name: str, dependency: str = "") -> Path:
    folder = repository / "org/apache/kafka" / name / VERSION
    folder.mkdir(parents=True)
    (folder / f"{name}-{VERSION}.pom").write_text(
        POM.format(name=name, dependencies=dependency and DEPENDENCY.format(dependency))
    )
    jar = folder / f"{name}-{VERSION}.jar"
    jar.write_bytes(f"the jar of {name}".encode() * 1000)
    return jar


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "repository"
    publish(folder, "kafka", dependency="kafka-clients")
    publish(folder, "kafka-clients")
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(SilentHandler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        use_repository(tmp_path, monkeypatch, server.server_port)
        yield folder
        server.shutdown()


def use_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    config = tmp_path / "jgo.conf"
    config.write_text(f"[repositories]\ncentral = http://127.0.0.1:{port}\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(config))
    monkeypatch.setattr("infra.kafka_jars.time.sleep", lambda _: None)


@pytest.fixture
def lock(tmp_path: Path, repository: Path) -> Path:
    spec = tmp_path / "jgo.toml"
    spec.write_text(f'[dependencies]\ncoordinates = ["org.apache.kafka:kafka:{VERSION}"]\n')
    assert write_lock(spec, tmp_path / "jgo.lock.toml") == 2
    return tmp_path / "jgo.lock.toml"


def test_the_committed_lock_is_complete_and_contains_no_host_or_path() -> None:
    jars = locked_jars()
    assert {jar.artifact for jar in jars} >= {"kafka_2.13", "kafka-clients", "kafka-raft", "slf4j-jdk14"}
    assert all(len(jar.sha256) == 64 for jar in jars)
    assert len({jar.file for jar in jars}) == len(jars)
    assert not any(text in LOCK.read_text() for text in ("http", "://", "/root", "/home", "/tmp"))  # noqa: S108


def test_the_committed_lock_matches_the_committed_spec() -> None:
    assert f'spec_hash = "{hashlib.sha256(SPEC.read_bytes()).hexdigest()[:16]}"' in LOCK.read_text()
    assert f":{kafka_version()}" in SPEC.read_text()


def test_jars_are_downloaded_once_and_verified(tmp_path: Path, lock: Path, repository: Path) -> None:
    reports: list[str] = []
    class_path = ensure_jars(tmp_path / "cache", reports.append, lock)
    files = [Path(entry) for entry in class_path.split(":")]
    assert [file.name for file in files] == [jar.file for jar in locked_jars(lock)]
    assert [hashlib.sha256(f.read_bytes()).hexdigest() for f in files] == [jar.sha256 for jar in locked_jars(lock)]
    assert len(reports) == 1

    for jar in repository.rglob("*.jar"):
        jar.unlink()
    assert ensure_jars(tmp_path / "cache", reports.append, lock) == class_path
    assert len(reports) == 1
    assert [entry.name for entry in (tmp_path / "cache").iterdir()] == [jars_dir(tmp_path, lock).name]


def test_a_jar_with_a_wrong_checksum_is_rejected(tmp_path: Path, lock: Path, repository: Path) -> None:
    jar = next(repository.rglob("kafka-clients-*.jar"))
    jar.write_bytes(jar.read_bytes().replace(b"jar", b"bad", 1))
    with pytest.raises(Retryable, match="checksum") as caught:
        ensure_jars(tmp_path / "cache", print, lock)
    assert "\n" not in str(caught.value)
    assert installed_class_path(tmp_path / "cache", lock) is None
    assert list((tmp_path / "cache").iterdir()) == [], "no incomplete files remain"


@pytest.mark.parametrize("damage", ["shorter", "missing", "marker"])
def test_damaged_jars_are_detected_and_downloaded_again(tmp_path: Path, lock: Path, damage: str) -> None:
    class_path = ensure_jars(tmp_path / "cache", print, lock)
    jar = Path(class_path.split(":")[0])
    if damage == "shorter":
        jar.write_bytes(jar.read_bytes()[:-1])
    elif damage == "missing":
        jar.unlink()
    else:
        (jar.parent / "verified.json").write_text(json.dumps([1]))
    assert installed_class_path(tmp_path / "cache", lock) is None
    assert ensure_jars(tmp_path / "cache", print, lock) == class_path
    assert installed_class_path(tmp_path / "cache", lock) == class_path


def test_another_lock_file_has_another_folder(tmp_path: Path, lock: Path) -> None:
    other = tmp_path / "other.lock.toml"
    other.write_text(lock.read_text() + "\n")
    assert jars_dir(tmp_path, lock) != jars_dir(tmp_path, other)


def test_a_missing_network_is_reported_in_one_line(tmp_path: Path, lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_repository(tmp_path, monkeypatch, port=9)
    with pytest.raises(Retryable, match="check the network") as caught:
        ensure_jars(tmp_path / "cache", print, lock)
    assert caught.value.reason == "no_network"
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, lock: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(Retryable, match=r"could not be installed: .*BACHATA_CACHE_DIR names the folder"):
        ensure_jars(tmp_path / "cache", print, lock)
    with pytest.raises(Retryable, match="BACHATA_CACHE_DIR"):
        ensure_jars(tmp_path / "a:b", print, lock)
