"""Picture size and bit rates of each render quality."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.base import Quality


@dataclass(frozen=True)
class Profile:
    """Parameters of a quality. Sizes in pixels, rates in bit/s; `level`: the H.264 level in the stream's headers."""

    name: Quality
    width: int
    height: int
    video_bitrate: int
    audio_bitrate: int
    level: str


# A segment played faster than its clip has more than 30 frames per second, so the levels are those for 60
# (ITU-T H.264, table A-1) where 30 would suffice for the clip itself.
PROFILES: dict[Quality, Profile] = {
    "fast": Profile("fast", 1280, 720, 4_000_000, 128_000, "4.0"),
    "balanced": Profile("balanced", 1280, 720, 6_000_000, 192_000, "4.0"),
    "high_quality": Profile("high_quality", 1920, 1080, 8_000_000, 320_000, "4.2"),
}
