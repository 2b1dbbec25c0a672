"""What was seen in a clip, kept by the clip's content: looked at once, then read from a file.

A file holds numbers only, in numpy's own format, which is read without pickle.
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

from agents.media.sampled_frames import sampled
from agents.move_indexing.dancers.clothing_colours import COLOURS
from agents.move_indexing.dancers.detections import Detection, FrameDetections
from agents.move_indexing.dancers.finder import DancerFinder
from agents.move_indexing.dancers.pose_quality import POSE_QUALITIES
from infra.base.atomic_file import replacing
from schemas.base import Quality

_VERSION = 1  # of what is seen: another one looks at all clips again
_SHAPES: dict[str, tuple[int, ...]] = {"xy": (33, 2), "world": (33, 3), "colour": (COLOURS,), "confidence": ()}


@dataclass(frozen=True)
class ClipDetections:
    """A clip's moments, and the (width, height) in pixels of the pictures they were seen in."""

    moments: tuple[FrameDetections, ...]
    size: tuple[int, int]


def cached_detections(  # noqa: PLR0913
    path: Path,
    clip_sha256: str,
    quality: Quality,
    model: Path,
    cache_dir: Path,
    *,
    report: Callable[[float], None] = lambda _: None,
    duration_s: float = 0.0,
) -> ClipDetections:
    """The dancers of a clip at all its moments, from the cache where it has them. Raises as `look` does."""
    kept = cache_dir / "dancers" / clip_sha256 / f"{quality}-{_VERSION}.npz"
    found = _read(kept)
    if found is None:
        columns = _look(path, quality, model, report, duration_s)
        with replacing(kept) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **columns)
        found = _watched(columns)
    return found


def detect_dancers(
    path: Path,
    quality: Quality,
    model: Path,
    *,
    report: Callable[[float], None] = lambda _: None,
    duration_s: float = 0.0,
) -> ClipDetections:
    """Look at a clip as closely as `quality` says. `report` takes the finished fraction.

    Raises `Poison`: what `sampled` raises; `Retryable` (`no_model`).
    """
    return _watched(_look(path, quality, model, report, duration_s))


def _look(
    path: Path, quality: Quality, model: Path, report: Callable[[float], None], duration_s: float
) -> dict[str, npt.NDArray[Any]]:
    """What a file holds: all sightings one after another, and of how many of them each moment is."""
    finder = DancerFinder(model, POSE_QUALITIES[quality].confidence)
    # Not as objects: so many small ones between large pictures would cost twenty times their size.
    columns = {name: bytearray() for name in _SHAPES}
    times, many, size = array("d"), array("l"), (0, 0)
    for frame in sampled(path, POSE_QUALITIES[quality].rate_hz):
        dancers = finder.find(frame)
        for dancer, (name, column) in product(dancers, columns.items()):
            column.extend(np.asarray(getattr(dancer, name), np.float32).tobytes())
        times.append(frame.time_s)
        many.append(len(dancers))
        size = frame.rgb.shape[1], frame.rgb.shape[0]
        report(min(1.0, frame.time_s / max(duration_s, 1e-9)))
    fields = {name: np.frombuffer(columns[name], np.float32).reshape(-1, *shape) for name, shape in _SHAPES.items()}
    return fields | {"size": np.array(size), "times": np.array(times), "many": np.array(many, int)}


def _read(kept: Path) -> ClipDetections | None:
    try:
        with kept.open("rb") as file, np.load(file, allow_pickle=False) as told:
            return _watched({name: told[name] for name in told.files})
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return None


def _watched(told: dict[str, Any]) -> ClipDetections:
    rows = zip(*(told[name].astype(float) for name in _SHAPES), strict=True)
    dancers = [Detection(xy, world, colour, float(confidence)) for xy, world, colour, confidence in rows]
    ends = np.cumsum(told["many"])
    moments = (
        FrameDetections(float(time), tuple(dancers[end - many : end]))
        for time, many, end in zip(told["times"], told["many"], ends, strict=True)
    )
    width, height = (int(side) for side in told["size"])
    return ClipDetections(tuple(moments), (width, height))
