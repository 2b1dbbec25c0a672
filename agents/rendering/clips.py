"""The clips of a plan: their mezzanines, and why one cannot be shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from agents.media import mezzanine
from agents.media.mezzanine import Mezzanine
from agents.rendering.check_part import check_part
from agents.rendering.inputs import RenderingInput
from agents.step import Tools, no_report, sub_progress
from schemas.faults import Poison
from schemas.sequence_planned import ClipPart


class ClipVersion(NamedTuple):
    """A clip as it is shown: plain, or mirrored. Each has a mezzanine of its own."""

    sha256: str
    mirrored: bool


def version_of(part: ClipPart) -> ClipVersion:
    """Return the version of its clip that a part shows."""
    return ClipVersion(part.clip_sha256, part.mirrored)


class Clips:
    """Makes the mezzanine of each version of a clip on its first use, and remembers those that cannot be made."""

    def __init__(self, rendering: RenderingInput, tools: Tools) -> None:
        self._rendering = rendering
        self._tools = tools
        self._made: dict[ClipVersion, Mezzanine | Poison] = {}

    def make(self, report: Callable[[float], None]) -> None:
        """Make the mezzanines of the segments' clips that can be made. Raises: as `fault`."""
        clips = sorted({version_of(segment) for segment in self._rendering.plan.segments})
        for number, clip in enumerate(clips, 1):
            self._mezzanine(clip, sub_progress(report, (number - 1) / len(clips), number / len(clips)))
            report(number / len(clips))

    def fault(self, part: ClipPart) -> Poison | None:
        """Return why a part cannot be shown, or None where it can.

        Raises: `Retryable` or `Unavailable` where the machine is at fault; `Poison` where the song is gone, too.
        """
        made = self._mezzanine(version_of(part))
        if isinstance(made, Poison):
            return made
        try:
            check_part(part, made)
        except Poison as fault:
            return fault
        return None

    def can_be_made(self, clip: ClipVersion) -> bool:
        """Return whether a clip has a mezzanine. Raises: as `fault`."""
        return isinstance(self._mezzanine(clip), Mezzanine)

    def mezzanines(self, parts: Iterable[ClipPart]) -> dict[ClipVersion, Mezzanine]:
        """Return the mezzanines of parts that can be shown."""
        made = {version_of(part): self._mezzanine(version_of(part)) for part in parts}
        return {version: clip for version, clip in made.items() if isinstance(clip, Mezzanine)}

    def missing(self) -> tuple[str, ...]:
        """Return the clips that were used and that the media store lacks."""
        made = self._made.items()
        clips = {clip.sha256 for clip, fault in made if isinstance(fault, Poison) and fault.reason == "unknown_media"}
        return tuple(sorted(clips))

    def _mezzanine(self, clip: ClipVersion, report: Callable[[float], None] = no_report) -> Mezzanine | Poison:
        if clip not in self._made:
            other = self._made.get(clip._replace(mirrored=not clip.mirrored))
            self._made[clip] = other if isinstance(other, Poison) else self._ensured(clip, report)
        return self._made[clip]

    def _ensured(self, clip: ClipVersion, report: Callable[[float], None]) -> Mezzanine | Poison:
        rendering, tools, sha = self._rendering, self._tools, clip.sha256
        try:
            return mezzanine.ensure(
                tools.media.path(sha),
                sha,
                rendering.plan.clips[sha],
                rendering.quality,
                tools.cache_dir,
                mirrored=clip.mirrored,
                verify=True,
                report=report,
            )
        except MemoryError:
            return Poison("it needs more memory than there is for a clip", reason="out_of_memory")
        except Poison as fault:
            if fault.reason == "unknown_media":
                tools.media.path(rendering.song_sha256)  # raises where the whole store is away
            return fault
