"""Build plans over test clips, and a media store over files that are not copied."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from agents.rendering.inputs import rendering_input
from agents.rendering.render import render
from agents.rendering.result import RenderResult
from agents.step import Tools
from schemas.base import MediaFacts, MediaRef, Options, Quality
from schemas.faults import Poison
from schemas.limits import MediaKind
from schemas.rendered import Video
from schemas.sequence_planned import Plan, Segment, SequencePlanned
from tests.unit.media.known_media import Clip


class FolderStore:
    """A media store that refers to files in their original folders."""

    def __init__(self) -> None:
        self._paths: dict[str, Path] = {}

    def path(self, sha256: str) -> Path:
        """Return the file's path. Raises: `Poison` where the store does not have it."""
        if sha256 not in self._paths:
            raise Poison(f"no file {sha256[:12]} in the store", reason="unknown_media")
        return self._paths[sha256]

    def has(self, sha256: str) -> bool:
        """Return whether the store has the file."""
        return sha256 in self._paths

    def remove(self, sha256: str) -> None:
        """Forget a file."""
        del self._paths[sha256]

    def damage(self, sha256: str, content: Path) -> None:
        """Give a file another content, as if the disk had changed it."""
        self._paths[sha256] = content

    def add(self, source: Path, kind: MediaKind) -> MediaRef:
        """Add a file without copying it."""
        content = source.read_bytes()
        sha = hashlib.sha256(content).hexdigest()
        self._paths[sha] = source
        return MediaRef(sha256=sha, size_bytes=len(content), kind=kind)


def make_tools(root: Path, store: FolderStore) -> Tools:
    """Return the tools of a step, with its folders below `root`."""
    return Tools(store, root / "cache", root / "output", (root,), root / "pose.task")


def segment(clip: Clip, first: int, song_beats: Sequence[float]) -> Segment:
    """Return a segment of a clip from its beat `first` on, on the song's beats."""
    clip_beats = clip.beats[first : first + len(song_beats)]
    stretch = (song_beats[-1] - song_beats[0]) / (clip_beats[-1] - clip_beats[0])
    return Segment(
        move=f"move {clip.number}", clip=clip.path.name, clip_sha256=clip.sha,
        song_beats=tuple(song_beats), clip_beats=clip_beats, stretch=stretch,
    )  # fmt: skip


def planned(
    segments: Sequence[Segment],
    clips: Sequence[Clip],
    song: MediaRef,
    quality: Quality = "fast",
    title: str = "Mi Canción!",
) -> SequencePlanned:
    """Return the event that the rendering step consumes."""
    plan = Plan(
        tempo_bpm=125, library_version="test", segments=tuple(segments), clips={clip.sha: clip.beats for clip in clips}
    )
    facts = MediaFacts(
        sha256=song.sha256, size_bytes=song.size_bytes, kind="audio", format="wav", codec="pcm", duration_s=10
    )
    return SequencePlanned(request_id="r-1", song=facts, title=title, options=Options(quality=quality), plan=plan)


def result_of(event: SequencePlanned, tools: Tools) -> RenderResult:
    """Return the result of rendering an event."""
    return render(rendering_input(event, tools), tools)


def render_event(event: SequencePlanned, tools: Tools) -> Video:
    """Return the rendered video of an event."""
    return result_of(event, tools).video
