"""Recordings with parts for the tests of decisions about them."""

from __future__ import annotations

from agents.move_indexing.split.jobs import DescribedPart, SplitResult
from schemas.base import MediaFacts
from schemas.move_indexed import Dancers
from streams.operations.recordings import Recording, split_again

SHA256 = "ab" * 32
MEDIA = MediaFacts(sha256=SHA256, size_bytes=1, kind="video", format="mov", codec="h264", duration_s=60.0, fps=30.0)


def described(start_s: float, end_s: float) -> DescribedPart:
    """Return a part that may be a move; its embedding tells its start."""
    embedding = tuple(1.0 if n == int(start_s) % 512 else 0.0 for n in range(512))
    dancers = Dancers(one=1.0, both=0.9)
    return DescribedPart(
        start_s=start_s,
        end_s=end_s,
        counts=2 * (end_s - start_s),
        tempo_bpm=120.0,
        dancers=dancers,
        embedding=embedding,
    )


def result(*spans: tuple[float, float]) -> SplitResult:
    """Return what the job finds in the recording."""
    return SplitResult(recording=MEDIA, parts=tuple(described(*span) for span in spans))


def recording(*spans: tuple[float, float]) -> Recording:
    """Return a recording of which nothing is decided."""
    return split_again("class", "fast", result(*spans), None)
