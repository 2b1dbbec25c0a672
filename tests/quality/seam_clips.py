"""The clips whose boundaries are labelled, and their detections, kept from one run to the next."""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from agents.audio_analysis.analysis import analyze_music
from agents.media.submitted import SubmittedFile
from agents.move_indexing.dancers.dance import Dance, analyze_dance
from agents.move_indexing.dancers.detection_cache import ClipDetections, cached_detections
from agents.move_indexing.index import index
from agents.move_indexing.indexed_move import IndexedMove
from agents.move_indexing.inputs import IndexingInput
from infra.base.atomic_file import sha256_of
from infra.media_store import MediaStore
from infra.settings import load_settings
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import Quality
from schemas.faults import Poison
from streams.tools import make_tools
from tests.paths import DEMO, SHARED

QUALITY: Quality = "fast"
SAME_FILM = {"shadow_position_2": "hammerlock_2"}  # a clip, and the one whose labels are measured in its place
CACHE = Path(tempfile.gettempdir()) / "bachata-seams"


class SeamClip:
    """A clip with its detections: those kept in `cache`, or else found now and kept there."""

    def __init__(self, path: Path, cache: Path) -> None:
        self.path, self.cache = path, cache

    @property
    def name(self) -> str:
        """Return the name by which labels name the clip."""
        return self.path.stem

    @cached_property
    def sha256(self) -> str:
        """Return the hash of the clip's content."""
        return sha256_of(self.path)

    @cached_property
    def sound(self) -> AudioAnalysis:
        """Return the analysis of the clip's sound."""
        return analyze_music(self.path)

    @cached_property
    def detections(self) -> ClipDetections:
        """Return the dancers detected in the clip's frames."""
        return cached_detections(self.path, self.sha256, QUALITY, load_settings().pose_model, self.cache)

    @cached_property
    def dance(self) -> Dance:
        """Return the tracks of both dancers."""
        return analyze_dance(self.detections.frames)

    @cached_property
    def move(self) -> IndexedMove | None:
        """Return the move that indexing makes of the clip, without any annotation; None where it refuses the clip."""
        store = MediaStore(self.cache / "media")
        tools = replace(make_tools(load_settings()), media=store, cache_dir=self.cache)
        file = SubmittedFile(sha256=store.add(self.path, "video").sha256)
        try:
            return index(IndexingInput(file=file, clip=self.name, tempo_bpm=None, quality=QUALITY), tools)
        except Poison as fault:
            print(f"{self.name} is refused: {fault}")
            return None


def demo_clips(cache: Path) -> list[SeamClip]:
    """Return the clips of the demo set, by name."""
    return [SeamClip(path, cache) for path in sorted((DEMO / "clips").glob("*.mp4"))]


def labelled_clips(folder: Path | None, names: Sequence[str], cache: Path) -> list[SeamClip]:
    """Return the clips with these names below a folder, or below the shared clips; print how many are missing."""
    folder = folder or SHARED / "clips"
    found = {path.stem: path for path in sorted(folder.rglob("*.mp4"))}
    missing = [name for name in names if name not in found]
    if missing:
        print(f"{len(missing)} of {len(names)} labelled clips are not below {folder}: give the folder with the clips")
    return [SeamClip(found[name], cache) for name in names if name in found]


def counted(clips: Sequence[SeamClip]) -> Iterator[SeamClip]:
    """Yield the clips, and print on standard error which one is at work."""
    for number, clip in enumerate(clips, 1):
        print(f"{number}/{len(clips)} {clip.name}", file=sys.stderr, flush=True)
        yield clip


def add_clip_arguments(parser: ArgumentParser) -> None:
    """Add the arguments that name the clips and the cache of their detections."""
    parser.add_argument(
        "folder", nargs="?", type=Path, help="folder with the labelled clips (default: the shared ones)"
    )
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"folder of kept detections (default {CACHE})")
