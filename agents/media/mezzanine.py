"""A cache of mezzanines, by clip, beats and quality; one of the mirrored clip lies beside the plain one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import av

from agents.media.render_quality import PROFILES, Profile
from infra.base.atomic_file import replacing, sha256_of
from infra.base.derived_files import note_use
from schemas.base import Quality
from schemas.faults import Poison

# Part of the cache key: another encoder, or another picture for a frame, makes other files.
_ENCODER = f"x264-3/av-{av.__version__}"


@dataclass(frozen=True)
class Mezzanine:
    """A clip encoded for packet copy.

    `keyframe_pts`: time of the keyframe nearest to each of `beats` (seconds), in ticks of 1/90000 s of the clip's time.
    `last_pts`: time of the last frame. `fps`: the mean rate of the `frames` outside of holes. `holes`: where frames are
    missing, each from the last frame before to the first one after.
    """

    path: Path
    beats: tuple[float, ...]
    keyframe_pts: tuple[int, ...]
    last_pts: int
    frames: int
    fps: float
    holes: tuple[tuple[int, int], ...]
    size_bytes: int

    def keyframe_at(self, beat: float) -> int:
        """Return the pts of a beat's keyframe. Raises: `Poison` (`not_a_beat`) where the clip has no such beat."""
        nearest = min(range(len(self.beats)), key=lambda i: abs(self.beats[i] - beat))
        if abs(self.beats[nearest] - beat) > 5e-4:
            raise Poison(f"the plan starts a clip at {beat:.3f} s, which is none of its beats", reason="not_a_beat")
        return self.keyframe_pts[nearest]


def ensure(  # noqa: PLR0913
    source: Path,
    clip_sha256: str,
    beats: Sequence[float],
    quality: Quality,
    cache_dir: Path,
    *,
    mirrored: bool = False,
    verify: bool = False,
    report: Callable[[float], None] = lambda _: None,
) -> Mezzanine:
    """Return the mezzanine of a clip, from the cache if it is there.

    `beats`: seconds from the container's start, increasing, at least one. Several processes may call this for the same
    clip concurrently. `mirrored`: its picture is mirrored, left for right. `verify`: check first that the file still
    has the clip's content, because a decoder shows wrong pictures for damaged data. Raises: `Poison` where it has not
    (`checksum`) or cannot be decoded.
    """
    _check(beats)
    path = _cache_path(cache_dir, clip_sha256, beats, PROFILES[quality], mirrored)
    found = _load(path)
    if found is not None and note_use(cache_dir, path):
        return found
    if verify and sha256_of(source) != clip_sha256:
        raise Poison("its file in the media store is damaged", reason="checksum")
    return _make(source, beats, PROFILES[quality], path, report, mirrored=mirrored)


def _check(beats: Sequence[float]) -> None:
    if not beats or any(b <= a for a, b in pairwise(beats)):
        raise Poison("a clip's beats must be one or more, and increase", reason="bad_beats")


def _cache_path(cache_dir: Path, clip_sha256: str, beats: Sequence[float], profile: Profile, mirrored: bool) -> Path:
    ticks = ",".join(str(round(beat * 1e6)) for beat in beats)
    digest = hashlib.sha256(f"{_ENCODER}|{profile}|{ticks}".encode()).hexdigest()[:16]
    return cache_dir / "mezzanines" / clip_sha256 / f"{profile.name}{'-mirrored' * mirrored}-{digest}.mp4"


def _make(  # noqa: PLR0913
    source: Path,
    beats: Sequence[float],
    profile: Profile,
    path: Path,
    report: Callable[[float], None],
    *,
    mirrored: bool,
) -> Mezzanine:
    # What decodes and encodes is not loaded for a video whose clips are all in the cache.
    from agents.media.keyframe_encoder import encode

    with replacing(path) as temporary:
        encoded = encode(source, beats, profile, temporary, report, mirrored=mirrored)
        size = temporary.stat().st_size
    made = Mezzanine(path, tuple(beats), *encoded, size_bytes=size)
    _save(made)
    return made


def _save(mezzanine: Mezzanine) -> None:
    # Written last: the video is only used when its sidecar exists.
    facts = asdict(mezzanine)
    del facts["path"]
    with replacing(_sidecar(mezzanine.path)) as temporary:
        temporary.write_text(json.dumps(facts), encoding="utf-8")


def _load(path: Path) -> Mezzanine | None:
    try:
        facts = json.loads(_sidecar(path).read_text(encoding="utf-8"))
        holes = tuple((before, after) for before, after in facts.pop("holes"))
        found = Mezzanine(path, tuple(facts.pop("beats")), tuple(facts.pop("keyframe_pts")), holes=holes, **facts)
        return found if path.stat().st_size == found.size_bytes else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _sidecar(path: Path) -> Path:
    return path.with_suffix(".json")
