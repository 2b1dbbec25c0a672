"""The clips of a plan: their mezzanines, and why one cannot be shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from agents.media import mezzanine
from agents.media.mezzanine import Mezzanine
from agents.rendering.check_part import check_part
from agents.rendering.inputs import RenderingInput
from agents.step import Tools, no_report, sub_progress
from schemas.faults import Poison
from schemas.sequence_planned import ClipPart


class Clips:
    """Makes the mezzanine of each clip on its first use, and remembers those that cannot be made."""

    def __init__(self, rendering: RenderingInput, tools: Tools) -> None:
        self._rendering = rendering
        self._tools = tools
        self._made: dict[str, Mezzanine | Poison] = {}

    def make(self, report: Callable[[float], None]) -> None:
        """Make the mezzanines of the segments' clips that can be made. Raises: as `fault`."""
        clips = sorted({segment.clip_sha256 for segment in self._rendering.plan.segments})
        for number, sha in enumerate(clips, 1):
            self._mezzanine(sha, sub_progress(report, (number - 1) / len(clips), number / len(clips)))
            report(number / len(clips))

    def fault(self, part: ClipPart) -> Poison | None:
        """Return why a part cannot be shown, or None where it can.

        Raises: `Retryable` or `Unavailable` where the machine is at fault; `Poison` where the song is gone, too.
        """
        made = self._mezzanine(part.clip_sha256)
        if isinstance(made, Poison):
            return made
        try:
            check_part(part, made)
        except Poison as fault:
            return fault
        return None

    def can_be_made(self, sha: str) -> bool:
        """Return whether a clip has a mezzanine. Raises: as `fault`."""
        return isinstance(self._mezzanine(sha), Mezzanine)

    def mezzanines(self, parts: Iterable[ClipPart]) -> dict[str, Mezzanine]:
        """Return the mezzanines of parts that can be shown, by clip."""
        made = {part.clip_sha256: self._mezzanine(part.clip_sha256) for part in parts}
        return {sha: clip for sha, clip in made.items() if isinstance(clip, Mezzanine)}

    def missing(self) -> tuple[str, ...]:
        """Return the clips that were used and that the media store lacks."""
        made = self._made.items()
        return tuple(
            sorted(sha for sha, fault in made if isinstance(fault, Poison) and fault.reason == "unknown_media")
        )

    def _mezzanine(self, sha: str, report: Callable[[float], None] = no_report) -> Mezzanine | Poison:
        if sha not in self._made:
            self._made[sha] = self._ensured(sha, report)
        return self._made[sha]

    def _ensured(self, sha: str, report: Callable[[float], None]) -> Mezzanine | Poison:
        rendering, tools = self._rendering, self._tools
        try:
            source, beats = tools.media.path(sha), rendering.plan.clips[sha]
            return mezzanine.ensure(source, sha, beats, rendering.quality, tools.cache_dir, verify=True, report=report)
        except MemoryError:
            return Poison("it needs more memory than there is for a clip", reason="out_of_memory")
        except Poison as fault:
            if fault.reason == "unknown_media":
                tools.media.path(rendering.song_sha256)  # raises where the whole store is away
            return fault
