"""Measure indexing a clip: CPU seconds per clip second, beside MediaPipe's own landmarker on the same frames.

python -m tests.quality.bench_moves [CLIP...]

Without arguments it measures every seventh clip below BACHATA_SHARED (or `shared` next to the project) and two demo
clips. Then it measures the mezzanine of each quality mode, two processes in parallel, a process's peak memory, clips
that need much memory or time, and a second run of `bachata index`. Exits with 0 when every goal is met.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import get_args

import numpy as np

from agents.media import mezzanine
from agents.media.container import open_container
from agents.media.render_quality import PROFILES
from agents.media.sampled_frames import sample_frames
from agents.move_indexing.dancers.dance import analyze_dance
from agents.move_indexing.dancers.detection_cache import detect_dancers
from agents.move_indexing.dancers.detections import FrameDetections
from agents.move_indexing.dancers.finder import DancerFinder
from agents.move_indexing.dancers.tracks import RATE_HZ
from agents.move_indexing.motion.embedding import embed
from agents.move_indexing.motion.summary import motion
from infra.settings import load_settings
from schemas.base import Quality
from tests.paths import DEMO, PROJECT, SHARED
from tests.quality.clip_audio import DEFAULT_TEMPO_BPM, tempo_and_embedding
from tests.quality.costs import cpu_s
from tests.quality.report import Goal, figure
from tests.unit.move_indexing import odd_clips

GOALS = {
    "cpu_s_per_clip_s": Goal(0.7),
    "two_processes_scale": Goal(1.7, at_least=True),
    "peak_rss_mb": Goal(1200.0),
    "mezzanine_rate_off": Goal(0.05),
    "second_run_cpu_s": Goal(0.0),
}
MODEL = load_settings().pose_model


def main() -> None:
    demo = [DEMO / "clips" / "basic_side.mp4", DEMO / "clips" / "dip.mp4"]
    clips = [Path(name) for name in sys.argv[1:]] or [*sorted((SHARED / "clips").rglob("*.mp4"))[::7], *demo]
    DancerFinder(MODEL)  # a worker's process has loaded its networks already
    met = [
        indexing(clips),
        mezzanines(clips[:3] + demo),
        scaling(clips[:2]),
        memory(clips[0]),
        *hard_clips(),
        second_run(demo),
    ]
    sys.exit(0 if all(met) else 1)


def _figure(name: str, value: float) -> bool:
    return figure(name, value, GOALS[name], digits=4)


def indexing(clips: Sequence[Path]) -> bool:
    """Measure detection, audio analysis and embedding, without the mezzanine."""
    print("clip                          length  CPU s per clip s: ours detection   MediaPipe, two poses: one pass")
    rows = np.array([_measure(clip) for clip in clips])
    total = rows.sum(axis=0)
    _print_row("all", total.tolist())
    return _figure("cpu_s_per_clip_s", total[1] / total[0])


def _measure(clip: Path) -> tuple[float, ...]:
    """Return the length, and the CPU seconds of indexing, of detection alone, and of MediaPipe."""
    detection_s, detections = cpu_s(lambda: detect_dancers(clip, "fast", MODEL))
    rest_s, _ = cpu_s(lambda: _analyze(clip, detections.frames))
    mediapipe_s, _ = cpu_s(lambda: _mediapipe(clip))
    row = (_length_s(clip), detection_s + rest_s, detection_s, mediapipe_s)
    _print_row(clip.stem, row)
    return row


def _print_row(name: str, row: Sequence[float]) -> None:
    length, ours, detection, theirs = row
    print(
        f"{name:28} {length:6.1f} s {ours / length:21.3f} {detection / length:9.3f} {theirs / length:12.3f}", flush=True
    )


def _analyze(clip: Path, frames: Sequence[FrameDetections]) -> None:
    dance = analyze_dance(frames)
    tempo, audio = tempo_and_embedding(clip)
    motion(dance, tempo)
    embed(dance, tempo, audio)


def _mediapipe(clip: Path) -> None:
    """Detect two poses, tracked from frame to frame; in an embrace it finds both dancers in one frame of ten."""
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.PoseLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(MODEL)), running_mode=vision.RunningMode.VIDEO, num_poses=2
    )
    with vision.PoseLandmarker.create_from_options(options) as landmarker:
        for frame in sample_frames(clip, RATE_HZ):
            landmarker.detect_for_video(mp.Image(mp.ImageFormat.SRGB, frame.rgb), round(frame.time_s * 1000))


def mezzanines(clips: Sequence[Path]) -> bool:
    """Measure CPU seconds per clip second and the bit rate, for each quality mode."""
    worst = 0.0
    for quality in get_args(Quality):
        with tempfile.TemporaryDirectory() as cache:
            rows = np.array([_encoded(clip, quality, Path(cache)) for clip in clips])
        off = float(np.abs(rows[:, 2] - 1).max())
        worst = max(worst, off)
        print(f"mezzanine {quality:13} {rows[:, 1].sum() / rows[:, 0].sum():.3f} CPU s per clip s, "
              f"rate {rows[:, 2].mean():.3f} of the mode's, at most {off:.3f} off")  # fmt: skip
    return _figure("mezzanine_rate_off", worst)


def _encoded(clip: Path, quality: Quality, cache: Path) -> tuple[float, float, float]:
    length = _length_s(clip)
    beats = np.arange(0.2, length, 60 / DEFAULT_TEMPO_BPM).tolist()
    spent, encoded = cpu_s(lambda: mezzanine.ensure(clip, "0" * 64, beats, quality, cache / clip.stem))
    with open_container(encoded.path) as reader:
        stream = reader.streams.video[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        rate = sum(packet.size for packet in reader.demux(stream)) * 8 / float(stream.duration * stream.time_base)
    return length, spent, rate / PROFILES[quality].video_bitrate


def scaling(clips: Sequence[Path]) -> bool:
    """Measure the wall time of processes in sequence over that of the same in parallel."""
    sequential = _wall_s(lambda: [_start_detection(clip).wait() for clip in clips])
    parallel = _wall_s(lambda: [process.wait() for process in [_start_detection(clip) for clip in clips]])
    print(f"two processes: {sequential:.1f} s in sequence, {parallel:.1f} s in parallel")
    return _figure("two_processes_scale", sequential / parallel)


def _start_detection(clip: Path) -> subprocess.Popen[bytes]:
    code = (
        "import sys; from pathlib import Path; from agents.move_indexing.dancers.detection_cache import detect_dancers;"
        "detect_dancers(Path(sys.argv[1]), 'fast', Path(sys.argv[2]))"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(clip), str(MODEL)], cwd=PROJECT)


def memory(clip: Path) -> bool:
    """Measure the peak memory of this process, which has done all that a worker's step process does, in every mode."""
    detect_dancers(clip, "high_quality", MODEL)
    return _figure("peak_rss_mb", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def hard_clips() -> Iterator[bool]:
    """Measure clips that need much memory or time, each in its own process."""
    with tempfile.TemporaryDirectory() as folder:
        for name, make in _clip_writers().items():
            clip = make(Path(folder) / f"{name}.mp4")
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            command = [sys.executable, "-c", _DETECTION, str(clip), str(MODEL)]
            run = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
            spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
            result = [f"ended with {run.returncode}", *(run.stdout or run.stderr).splitlines()][-1]
            print(f"{name:14} {spent:6.1f} CPU s  {result}", flush=True)
            yield run.returncode == 0 and ("rejected" in result) == (name in {"nobody", "black"})


_DETECTION = r"""
import re, sys
from pathlib import Path
from agents.move_indexing.dancers.dance import analyze_dance
from agents.move_indexing.dancers.detection_cache import detect_dancers
from schemas.faults import Poison
try:
    found = analyze_dance(detect_dancers(Path(sys.argv[1]), "fast", Path(sys.argv[2])).frames).dancers
    result = f"one {found.one:.2f}, both {found.both:.2f}"
except Poison as fault:
    result = f"rejected: {fault}"
# Not the peak of getrusage, which includes that of the process that started this one.
rss = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) >> 10
print(f"{rss} MB  {result}")
sys.exit(rss > 1200)
"""


def _clip_writers() -> dict[str, Callable[[Path], Path]]:
    wide, tall = (3840, 2160), (2160, 3840)
    return {
        "nobody": lambda path: odd_clips.write(path, lambda _: np.full((360, 640, 3), 120.0), 5.0, 30),
        "black": lambda path: odd_clips.write(path, odd_clips.black(), 5.0, 30),
        "one_person": lambda path: odd_clips.write(path, odd_clips.one_person(), 5.0, 30),
        "five_people": lambda path: odd_clips.write(path, odd_clips.five_people(), 5.0, 30),
        "mirror": lambda path: odd_clips.write(path, odd_clips.mirror(), 5.0, 30),
        "8_fps": lambda path: odd_clips.write(path, odd_clips.couple(), 8.0, 8),
        "4k": lambda path: odd_clips.write(path, odd_clips.larger(odd_clips.couple(), wide), 4.0, 30, wide),
        "4k_upright": lambda path: odd_clips.write(path, odd_clips.larger(odd_clips.couple(), tall), 2.0, 30, tall),
        "10_minutes": lambda path: odd_clips.write(path, odd_clips.couple(), 600.0, 15),
    }


def second_run(clips: Sequence[Path]) -> bool:
    """Index the same clips twice with the command line, and measure what the second run computes again."""
    with tempfile.TemporaryDirectory() as data:
        runs = [_indexed(clips, Path(data)) for _ in range(2)]
    (first, _), (second, known) = runs
    print(
        f"`bachata index` of {len(clips)} clips: {first:.1f} CPU s in steps, then {second:.1f} ({known} already known)"
    )
    return _figure("second_run_cpu_s", second) and known == len(clips)


def _indexed(clips: Sequence[Path], data: Path) -> tuple[float, int]:
    environment = os.environ | {"BACHATA_DATA_DIR": str(data)}
    command = [str(PROJECT / ".venv" / "bin" / "bachata"), "index", *map(str, clips), "--json"]
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    results = json.loads(output)["clips"]
    spent = sum(
        stage.get("cpu_seconds") or 0
        for clip in results
        for stage in clip["stages"].values()
        if not stage.get("cached")
    )
    return spent, sum(clip["status"] == "known" for clip in results)


def _wall_s(work: Callable[[], object]) -> float:
    start = time.monotonic()
    work()
    return time.monotonic() - start


def _length_s(clip: Path) -> float:
    with open_container(clip) as reader:
        return (reader.duration or 0) / 1_000_000


if __name__ == "__main__":
    main()
