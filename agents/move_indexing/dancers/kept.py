"""What was seen in a clip, kept by the clip's content: looked at once, then read from a file.

A file holds numbers only, in numpy's own format, which is read without pickle.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agents.move_indexing.dancers.finder import DancerFinder
from agents.move_indexing.dancers.frames import sampled
from agents.move_indexing.dancers.modes import MODES
from agents.move_indexing.dancers.sightings import Moment, Sighting
from agents.rendering.files import replacing
from schemas.base import Quality

_VERSION = 1  # of what is seen: another one looks at all clips again
_FIELDS = ("xy", "world", "colour", "confidence")


@dataclass(frozen=True)
class Watched:
    """A clip's moments, and the (width, height) in pixels of the pictures they were seen in."""

    moments: tuple[Moment, ...]
    size: tuple[int, int]


def watched(  # noqa: PLR0913
    path: Path,
    clip_sha256: str,
    quality: Quality,
    model: Path,
    cache_dir: Path,
    *,
    report: Callable[[float], None] = lambda _: None,
    duration_s: float = 0.0,
) -> Watched:
    """The dancers of a clip at all its moments, from the cache where it has them. Raises as `look` does."""
    kept = cache_dir / "dancers" / clip_sha256 / f"{quality}-{_VERSION}.npz"
    found = _read(kept)
    if found is None:
        _write(kept, look(path, quality, model, report=report, duration_s=duration_s))
        found = _read(kept)
    if found is None:
        raise AssertionError(f"{kept} was written and cannot be read")
    return found


def look(
    path: Path,
    quality: Quality,
    model: Path,
    *,
    report: Callable[[float], None] = lambda _: None,
    duration_s: float = 0.0,
) -> Watched:
    """Look at a clip as closely as `quality` says. `report` takes the finished fraction.

    Raises `Poison`: what `sampled` raises; `Retryable` (`no_model`).
    """
    mode = MODES[quality]
    finder = DancerFinder(model, mode.confidence)
    moments, size = [], (0, 0)
    for frame in sampled(path, mode.rate_hz):
        moments.append(Moment(frame.time_s, finder.find(frame)))
        size = frame.rgb.shape[1], frame.rgb.shape[0]
        report(min(1.0, frame.time_s / max(duration_s, 1e-9)))
    return Watched(tuple(moments), size)


def _write(target: Path, seen: Watched) -> None:
    dancers = [dancer for moment in seen.moments for dancer in moment.dancers]
    columns = {name: _column(dancers, name) for name in _FIELDS} | {
        "size": np.array(seen.size),
        "times": np.array([moment.time_s for moment in seen.moments]),
        "many": np.array([len(moment.dancers) for moment in seen.moments], int),
    }
    with replacing(target) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **columns)


def _column(dancers: Sequence[Sighting], name: str) -> npt.NDArray[Any]:
    return np.array([getattr(dancer, name) for dancer in dancers], np.float32)


def _read(kept: Path) -> Watched | None:
    try:
        with kept.open("rb") as file, np.load(file, allow_pickle=False) as told:
            return _watched({name: told[name] for name in told.files})
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _watched(told: dict[str, Any]) -> Watched:
    rows = zip(*(told[name].astype(float) for name in _FIELDS), strict=True)
    dancers = [Sighting(xy, world, colour, float(confidence)) for xy, world, colour, confidence in rows]
    ends = np.cumsum(told["many"])
    moments = (
        Moment(float(time), tuple(dancers[end - many : end]))
        for time, many, end in zip(told["times"], told["many"], ends, strict=True)
    )
    width, height = (int(side) for side in told["size"])
    return Watched(tuple(moments), (width, height))
