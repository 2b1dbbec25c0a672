"""Compare our rendering with FFmpeg re-encoding the same plan by a filter graph: CPU seconds of whole processes.

python -m tests.quality.bench_render [--seconds 200] [--quality fast]

Mezzanines and the song's AAC are in the cache, as for every use of a clip and a song but the first.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from agents.media.render_quality import PROFILES
from agents.step import Tools
from schemas.base import MediaFacts, MediaRef, Options
from schemas.limits import MediaKind
from schemas.sequence_planned import Plan, Segment, SequencePlanned
from tests.quality.costs import Cost, process_cost
from tests.quality.report import figure

GOAL = 150.0
CLIP_SECONDS, CLIPS, SEGMENT_BEATS = 10.0, 4, 16
SONG_BPM, CLIP_BPM = 129.2, (118.0, 125.0, 131.0, 138.0)


class ShaFolder:
    """A media store whose files are named by their SHA-256."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def path(self, sha256: str) -> Path:
        return self._folder / sha256

    def has(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def add(self, source: Path, kind: MediaKind) -> MediaRef:
        content = source.read_bytes()
        sha = hashlib.sha256(content).hexdigest()
        source.replace(self.path(sha))
        return MediaRef(sha256=sha, size_bytes=len(content), kind=kind)


def tools_in(root: Path) -> Tools:
    return Tools(ShaFolder(root / "media"), root / "cache", root / "output", (root,), root / "pose.task")


def make_clip(path: Path, seed: int) -> Path:
    """Write ten seconds of moving texture and grain at 720p, 30 fps, about as hard to encode as a filmed video."""
    import av
    import cv2
    import numpy as np

    random = np.random.default_rng(seed)
    texture = cv2.resize(
        random.integers(0, 255, (110, 180), dtype=np.uint8), (1440, 880), interpolation=cv2.INTER_CUBIC
    )
    with av.open(str(path), "w", "mp4") as writer:
        stream = writer.add_stream("libx264", rate=Fraction(30), options={"preset": "veryfast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for n in range(int(CLIP_SECONDS * 30)):
            x, y = (int(80 + 79 * np.sin(n / 11 + seed)), int(80 + 79 * np.cos(n / 17)))
            luma = texture[y : y + 720, x : x + 1280] + random.integers(0, 6, (720, 1280), dtype=np.uint8) // 2
            planes = np.vstack([luma.astype(np.uint8), np.full((360, 1280), 128, np.uint8)])
            writer.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        writer.mux(stream.encode(None))
    return path


def make_song(path: Path, seconds: float) -> Path:
    """Write a 16-bit stereo wav with a beat and a melody."""
    import wave

    import numpy as np

    t = np.arange(int(seconds * 44_100)) / 44_100
    beat = np.exp(-((t * SONG_BPM / 60) % 1) * 12)
    tune = np.sin(2 * np.pi * (220 + 110 * (t // 0.5 % 4)) * t)
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 44_100, 0, "NONE", ""))
        file.writeframes(np.repeat((0.3 * (beat * tune) * 32_000).astype("<i2")[:, None], 2, 1).tobytes())
    return path


def make_event(root: Path, seconds: float, quality: Any) -> SequencePlanned:
    """Return a plan of segments of sixteen beats from four clips."""
    store = ShaFolder(root / "media")
    refs = [store.add(make_clip(root / f"clip{n}.mp4", n), "video") for n in range(CLIPS)]
    beats = {
        ref.sha256: tuple(round(0.1 + i * 60 / bpm, 4) for i in range(int((CLIP_SECONDS - 0.3) * bpm / 60)))
        for ref, bpm in zip(refs, CLIP_BPM, strict=True)
    }
    parts = max(1, round(seconds * SONG_BPM / 60 / SEGMENT_BEATS))
    segments = [make_segment(n, refs[n % CLIPS].sha256, beats[refs[n % CLIPS].sha256]) for n in range(parts)]
    song = store.add(make_song(root / "song.wav", segments[-1].song_end_s + 2), "audio")
    facts = MediaFacts(**song.model_dump(), format="wav", codec="pcm_s16le", duration_s=seconds)
    plan = Plan(tempo_bpm=SONG_BPM, library_version="bench", segments=tuple(segments), clips=beats)
    return SequencePlanned(request_id="bench", song=facts, title="bench", options=Options(quality=quality), plan=plan)


def make_segment(number: int, sha: str, beats: Sequence[float]) -> Segment:
    first = number % (len(beats) - SEGMENT_BEATS)
    clip_beats = tuple(beats[first : first + SEGMENT_BEATS + 1])
    song_beats = tuple(0.5 + (number * SEGMENT_BEATS + i) * 60 / SONG_BPM for i in range(SEGMENT_BEATS + 1))
    stretch = (song_beats[-1] - song_beats[0]) / (clip_beats[-1] - clip_beats[0])
    return Segment(
        move="m", clip=sha[:8], clip_sha256=sha, song_beats=song_beats, clip_beats=clip_beats, stretch=stretch
    )


def filter_graph(event: SequencePlanned, store: ShaFolder, target: Path) -> list[str]:
    """Return the command that re-encodes the plan: trim, stretch, scale, pad, join, with the mode's bit rates."""
    import ffmpeg

    plan, profile = event.plan, PROFILES[event.options.quality]
    pictures = [
        ffmpeg.input(
            str(store.path(s.clip_sha256)),
            ss=f"{s.clip_start_s + n * 1e-6:.6f}",
            t=s.clip_end_s - s.clip_start_s + 0.05,
        )
        .video.filter("setpts", f"(PTS-STARTPTS)*{s.stretch:.6f}")
        .filter("scale", profile.width, profile.height, force_original_aspect_ratio="decrease")
        .filter("pad", profile.width, profile.height, -1, -1)
        .filter("setsar", 1)
        .filter("fps", 30)
        .filter("trim", duration=s.song_end_s - s.song_start_s)
        .filter("format", "yuv420p")
        for n, s in enumerate(plan.segments)
    ]
    sound = ffmpeg.input(str(store.path(event.song.sha256)), ss=plan.start_s, t=plan.end_s - plan.start_s).audio
    rate = profile.video_bitrate
    encoding = {"c:v": "libx264", "preset": "veryfast", "b:v": rate, "maxrate": rate * 3 // 2, "bufsize": rate * 2}
    sounding = {"c:a": "aac", "b:a": profile.audio_bitrate, "movflags": "+faststart"}
    joined = ffmpeg.concat(*pictures, n=len(pictures), v=1, a=0)
    out = ffmpeg.output(joined, sound, str(target), **encoding, **sounding)
    command: list[str] = out.global_args("-v", "error", "-nostdin").overwrite_output().compile()
    return command


def median_cost(run: Callable[[], Cost], rounds: int) -> Cost:
    return sorted((run() for _ in range(rounds)), key=lambda cost: cost.cpu_s)[rounds // 2]


def render_in(root: Path) -> None:
    from agents.rendering.inputs import rendering_input
    from agents.rendering.render import render

    event = SequencePlanned.model_validate_json((root / "event.json").read_text())
    tools = tools_in(root)
    render(rendering_input(event, tools), tools)


def print_row(name: str, cost: Cost) -> None:
    print(f"{name:<34} {cost.cpu_s:>8.2f} {cost.wall_s:>8.2f} {cost.rss_mb:>8.0f}", flush=True)


def compare(root: Path, seconds: float, quality: str) -> None:
    event = make_event(root, seconds, quality)
    (root / "event.json").write_text(event.model_dump_json())
    ours = [sys.executable, "-m", "tests.quality.bench_render", "--render", str(root)]
    first = process_cost(ours)
    print(f"{event.plan.end_s - event.plan.start_s:.1f} s, {len(event.plan.segments)} segments, {quality}")
    print(f"{'whole process':<34} {'CPU s':>8} {'wall s':>8} {'RSS MB':>8}")
    print_row("ours, nothing cached", first)
    cached = median_cost(lambda: process_cost(ours), 5)
    print_row("ours, cached (median of 5)", cached)
    if shutil.which("ffmpeg") is None:
        print("no ffmpeg on PATH: the filter graph is not measured")
        return
    theirs = process_cost(filter_graph(event, ShaFolder(root / "media"), root / "theirs.mp4"))
    print_row("ffmpeg filter graph, x264 veryfast", theirs)
    ratio = theirs.cpu_s / cached.cpu_s
    figure("render_cpu_ratio", ratio, f"{GOAL:.0f}", met=ratio >= GOAL, digits=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=200.0)
    parser.add_argument("--quality", choices=sorted(PROFILES), default="fast")
    parser.add_argument("--render", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.render:
        render_in(arguments.render)
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), arguments.seconds, arguments.quality)


if __name__ == "__main__":
    main()
