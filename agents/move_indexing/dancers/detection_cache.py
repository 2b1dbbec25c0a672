"""Cache the dancers detected in a clip, by the clip's content and the quality of pose detection.

A cache file holds numbers only, in numpy's npz format, and is read without pickle.
"""

from __future__ import annotations

import zipfile
import zlib
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agents.media.sampled_frames import sample_frames
from agents.media.windows import windows_of
from agents.move_indexing.dancers.clothing_colours import COLOUR_VALUES
from agents.move_indexing.dancers.detections import Detection, FrameDetections
from agents.move_indexing.dancers.finder import DancerFinder
from agents.move_indexing.dancers.pose_quality import PoseQuality, pose_quality
from agents.move_indexing.dancers.survey import somebody_stands_still
from infra.base.atomic_file import replacing
from infra.base.derived_files import note_use
from schemas.base import Quality
from schemas.move_indexed import Window

# Of the detection: files of other versions are not used, but for the one before, which may have taken a poster for a
# dancer. It is used where nobody stands still.
_VERSION, _VERSION_WITHOUT_SURVEY = 3, 2
# Arrays of a cache file, one row per detection; beside them `times` and `many`, the frames' times in seconds and
# numbers of detections, `size`, the frames' width and height, and `windows`, a row of start and end for each.
_SHAPES: dict[str, tuple[int, ...]] = {"xy": (33, 2), "world": (33, 3), "colour": (COLOUR_VALUES,), "confidence": ()}


@dataclass(frozen=True)
class ClipDetections:
    """The detections of a clip's sampled frames, the frames' (width, height) in pixels, and the clip's windows."""

    frames: tuple[FrameDetections, ...]
    size: tuple[int, int]
    windows: tuple[Window, ...] = ()


def cached_detections(  # noqa: PLR0913
    path: Path,
    clip_sha256: str,
    quality: Quality | PoseQuality,
    model: Path,
    cache_dir: Path,
    *,
    report: Callable[[float], None] = lambda _: None,
    duration_s: float = 0.0,
) -> ClipDetections:
    """Return the detections of a clip, from the cache if they are there. Parameters and errors as `detect_dancers`."""
    pose = _pose(quality)
    current, before = (
        cache_dir / "dancers" / clip_sha256 / f"{pose.name}-{version}.npz"
        for version in (_VERSION, _VERSION_WITHOUT_SURVEY)
    )
    for cache_file in (current, before):
        detections = _read(cache_file)
        if detections is not None and (cache_file is current or not somebody_stands_still(detections.frames)):
            note_use(cache_dir, cache_file)
            return detections
    arrays = _detect(path, pose, model, report, duration_s)
    with replacing(current) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    return _clip_detections(arrays)


def detect_dancers(
    path: Path,
    quality: Quality | PoseQuality,
    model: Path,
    *,
    report: Callable[[float], None] = lambda _: None,
    duration_s: float = 0.0,
) -> ClipDetections:
    """Detect the dancers in a clip's frames, at the sampling rate of `quality`. `report` receives the progress, 0-1.

    Raises: `Poison`, as `sample_frames`; `Retryable` (`no_model`).
    """
    return _clip_detections(_detect(path, _pose(quality), model, report, duration_s))


def _pose(quality: Quality | PoseQuality) -> PoseQuality:
    return quality if isinstance(quality, PoseQuality) else pose_quality(quality)


def _detect(
    path: Path, pose: PoseQuality, model: Path, report: Callable[[float], None], duration_s: float
) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a cache file."""
    finder = DancerFinder(model, pose.confidence)
    # Bytes, not objects: many small objects allocated between large pictures take twenty times the memory.
    columns = {name: bytearray() for name in _SHAPES}
    intact, times, counts, size = array("d"), array("d"), array("l"), (0, 0)
    for frame in sample_frames(path, pose.rate_hz, intact.append):
        dancers = finder.find(frame)
        for dancer, (name, column) in product(dancers, columns.items()):
            column.extend(np.asarray(getattr(dancer, name), np.float32).tobytes())
        times.append(frame.time_s)
        counts.append(len(dancers))
        size = frame.rgb.shape[1], frame.rgb.shape[0]
        report(min(1.0, frame.time_s / max(duration_s, 1e-9)))
    arrays = {name: np.frombuffer(columns[name], np.float32).reshape(-1, *shape) for name, shape in _SHAPES.items()}
    # A stream without a marked keyframe is shown as it is.
    windows = [(window.start_s, window.end_s) for window in windows_of(intact or times)]
    arrays |= {"size": np.array(size), "windows": np.array(windows, float).reshape(-1, 2)}
    return arrays | {"times": np.array(times), "many": np.array(counts, int)}


def _read(cache_file: Path) -> ClipDetections | None:
    try:
        with cache_file.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return _clip_detections({name: arrays[name] for name in arrays.files})
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return None


def _clip_detections(arrays: dict[str, Any]) -> ClipDetections:
    rows = zip(*(arrays[name].astype(float) for name in _SHAPES), strict=True)
    dancers = [Detection(xy, world, colour, float(confidence)) for xy, world, colour, confidence in rows]
    ends = np.cumsum(arrays["many"])
    frames = (
        FrameDetections(float(time), tuple(dancers[end - count : end]))
        for time, count, end in zip(arrays["times"], arrays["many"], ends, strict=True)
    )
    width, height = (int(side) for side in arrays["size"])
    windows = tuple(Window(start_s=start, end_s=end) for start, end in arrays["windows"].tolist())
    return ClipDetections(tuple(frames), (width, height), windows)
