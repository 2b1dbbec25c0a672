"""What indexing a clip costs: CPU seconds per clip second, beside MediaPipe's own landmarker on the same frames.

python tests/quality/bench_moves.py [CLIP...]

Without clips named, every seventh one below BACHATA_SHARED (or `shared` beside the project) and two demo clips. Then
the mezzanine of each quality mode, two processes at once, a process's peak memory, clips that are hard on memory or
time, and a second run of `bachata index`. Exits with 0 when every goal is met.
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
from typing import TypeVar, get_args

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from agents.media import mezzanine  # noqa: E402
from agents.media.container import open_container  # noqa: E402
from agents.media.render_quality import PROFILES  # noqa: E402
from agents.media.sampled_frames import sampled  # noqa: E402
from agents.move_indexing.dancers.dance import analyze_dance  # noqa: E402
from agents.move_indexing.dancers.detection_cache import detect_dancers  # noqa: E402
from agents.move_indexing.dancers.detections import FrameDetections  # noqa: E402
from agents.move_indexing.dancers.finder import DancerFinder  # noqa: E402
from agents.move_indexing.dancers.tracks import RATE_HZ  # noqa: E402
from agents.move_indexing.motion.embedding import embed  # noqa: E402
from agents.move_indexing.motion.summary import motion  # noqa: E402
from infra.settings import load_settings  # noqa: E402
from schemas.base import Quality  # noqa: E402
from tests.quality.clips import USUAL_TEMPO, heard, said  # noqa: E402
from tests.unit.move_indexing import odd_clips  # noqa: E402

Made = TypeVar("Made")

SHARED = Path(os.environ.get("BACHATA_SHARED") or ROOT.parent / "shared")
DEMO = ROOT / "data" / "demo" / "clips"
GOALS = {  # figure: (goal, whether more is better)
    "cpu_s_per_clip_s": (0.7, False),
    "two_processes_scale": (1.7, True),
    "peak_rss_mb": (1200.0, False),
    "mezzanine_rate_off": (0.05, False),
    "second_run_cpu_s": (0.0, False),
}
MODEL = load_settings().pose_model


def main() -> None:
    demo = [DEMO / "basic_side.mp4", DEMO / "dip.mp4"]
    clips = [Path(name) for name in sys.argv[1:]] or [*sorted((SHARED / "clips").rglob("*.mp4"))[::7], *demo]
    DancerFinder(MODEL)  # a worker's process has its networks loaded
    met = [watching(clips), mezzanines(clips[:3] + demo), scaling(clips[:2]), memory(clips[0]), *hard(), again(demo)]
    sys.exit(0 if all(met) else 1)


def figure(name: str, value: float) -> bool:
    return said(name, value, GOALS)


def watching(clips: Sequence[Path]) -> bool:
    """Looking, hearing, embedding; without the mezzanine."""
    print("clip                          length  CPU s per clip s: ours   looking   MediaPipe, two poses: one pass")
    rows = np.array([_row(clip) for clip in clips])
    length, ours, looking, theirs = rows.sum(axis=0)
    print(f"{'all':28} {length:6.1f} s {ours / length:21.3f} {looking / length:9.3f} {theirs / length:12.3f}")
    return figure("cpu_s_per_clip_s", ours / length)


def _row(clip: Path) -> tuple[float, ...]:
    length = _length_s(clip)
    looking, seen = _cpu(lambda: detect_dancers(clip, "fast", MODEL))
    rest, _ = _cpu(lambda: _understood(clip, seen.moments))
    theirs, _ = _cpu(lambda: _mediapipe(clip))
    row = (length, looking + rest, looking, theirs)
    print(
        f"{clip.stem:28} {length:6.1f} s {row[1] / length:21.3f} {looking / length:9.3f} {theirs / length:12.3f}",
        flush=True,
    )
    return row


def _understood(clip: Path, moments: Sequence[FrameDetections]) -> None:
    dance = analyze_dance(moments)
    tempo, audio = heard(clip)
    motion(dance, tempo)
    embed(dance, tempo, audio)


def _mediapipe(clip: Path) -> None:
    """Two poses asked for, followed from frame to frame: finds both of an embracing couple in one frame of ten."""
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.PoseLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(MODEL)), running_mode=vision.RunningMode.VIDEO, num_poses=2
    )
    with vision.PoseLandmarker.create_from_options(options) as landmarker:
        for frame in sampled(clip, RATE_HZ):
            landmarker.detect_for_video(mp.Image(mp.ImageFormat.SRGB, frame.rgb), round(frame.time_s * 1000))


def mezzanines(clips: Sequence[Path]) -> bool:
    """CPU seconds per clip second and the rate reached, for each quality mode."""
    worst = 0.0
    for quality in get_args(Quality):
        with tempfile.TemporaryDirectory() as cache:
            rows = np.array([_encoded(clip, quality, Path(cache)) for clip in clips])
        off = float(np.abs(rows[:, 2] - 1).max())
        worst = max(worst, off)
        print(f"mezzanine {quality:13} {rows[:, 1].sum() / rows[:, 0].sum():.3f} CPU s per clip s, "
              f"rate {rows[:, 2].mean():.3f} of the mode's, at most {off:.3f} off")  # fmt: skip
    return figure("mezzanine_rate_off", worst)


def _encoded(clip: Path, quality: Quality, cache: Path) -> tuple[float, float, float]:
    length = _length_s(clip)
    beats = np.arange(0.2, length, 60 / USUAL_TEMPO).tolist()
    spent, made = _cpu(lambda: mezzanine.ensure(clip, "0" * 64, beats, quality, cache / clip.stem))
    with open_container(made.path) as reader:
        stream = reader.streams.video[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        rate = sum(packet.size for packet in reader.demux(stream)) * 8 / float(stream.duration * stream.time_base)
    return length, spent, rate / PROFILES[quality].video_bitrate


def scaling(clips: Sequence[Path]) -> bool:
    """Wall time of one process after another over that of both at once."""
    alone = _wall(lambda: [_look_apart(clip).wait() for clip in clips])
    together = _wall(lambda: [process.wait() for process in [_look_apart(clip) for clip in clips]])
    print(f"two processes: {alone:.1f} s one after another, {together:.1f} s at once")
    return figure("two_processes_scale", alone / together)


def _look_apart(clip: Path) -> subprocess.Popen[bytes]:
    code = (
        "import sys; from pathlib import Path; from agents.move_indexing.dancers.detection_cache import detect_dancers;"
        "detect_dancers(Path(sys.argv[1]), 'fast', Path(sys.argv[2]))"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(clip), str(MODEL)], cwd=ROOT)


def memory(clip: Path) -> bool:
    """This process has looked, heard and encoded in every mode: what a worker's child comes to."""
    detect_dancers(clip, "high_quality", MODEL)
    return figure("peak_rss_mb", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def hard() -> Iterator[bool]:
    """Clips that are hard on memory and time, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        for name, make in _hard_clips().items():
            clip = make(Path(folder) / f"{name}.mp4")
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            command = [sys.executable, "-c", _HARD, str(clip), str(MODEL)]
            ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
            told = [f"ended with {ended.returncode}", *(ended.stdout or ended.stderr).splitlines()][-1]
            print(f"{name:14} {spent:6.1f} CPU s  {told}", flush=True)
            yield ended.returncode == 0 and ("refused" in told) == (name in {"nobody", "black"})


_HARD = r"""
import re, sys
from pathlib import Path
from agents.move_indexing.dancers.dance import analyze_dance
from agents.move_indexing.dancers.detection_cache import detect_dancers
from schemas.faults import Poison
try:
    found = analyze_dance(detect_dancers(Path(sys.argv[1]), "fast", Path(sys.argv[2])).moments).dancers
    result = f"one {found.one:.2f}, both {found.both:.2f}"
except Poison as fault:
    result = f"refused: {fault}"
# Not getrusage's peak, which a process takes over from the one that started it.
rss = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) >> 10
print(f"{rss} MB  {result}")
sys.exit(rss > 1200)
"""


def _hard_clips() -> dict[str, Callable[[Path], Path]]:
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


def again(clips: Sequence[Path]) -> bool:
    """The same clips indexed twice by the program itself: what the second time recomputes."""
    with tempfile.TemporaryDirectory() as data:
        runs = [_indexed(clips, Path(data)) for _ in range(2)]
    (first, _), (second, known) = runs
    print(
        f"`bachata index` of {len(clips)} clips: {first:.1f} CPU s in steps, then {second:.1f} ({known} known already)"
    )
    return figure("second_run_cpu_s", second) and known == len(clips)


def _indexed(clips: Sequence[Path], data: Path) -> tuple[float, int]:
    environment = os.environ | {"BACHATA_DATA_DIR": str(data)}
    command = [str(ROOT / ".venv" / "bin" / "bachata"), "index", *map(str, clips), "--json"]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    told = json.loads(said)["clips"]
    spent = sum(
        stage.get("cpu_seconds") or 0 for clip in told for stage in clip["stages"].values() if not stage.get("cached")
    )
    return spent, sum(clip["status"] == "known" for clip in told)


def _cpu(work: Callable[[], Made]) -> tuple[float, Made]:
    begun = time.process_time()
    made = work()
    return time.process_time() - begun, made


def _wall(work: Callable[[], object]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def _length_s(clip: Path) -> float:
    with open_container(clip) as reader:
        return (reader.duration or 0) / 1_000_000


if __name__ == "__main__":
    main()
