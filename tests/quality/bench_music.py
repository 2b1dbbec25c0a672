"""What analysing a song costs: warm, in a new process, and for twenty minutes of music, beside librosa.

python tests/quality/bench_music.py

CPU seconds, not wall: other work on the machine does not change them much. Exits with 0 when every goal is met.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

SONG_S, REPEATS, TURNS, NEW_TURNS = 240.0, 5, 5, 3
GOALS = {  # figure: goal, whether more is better
    "audio_seconds_per_cpu_second": (120.0, True),
    "new_process_cpu_s": (1.5, False),
    "peak_rss_mb": (300.0, False),
    "peak_rss_20_min_mb": (600.0, False),
}
OURS = "import sys, pathlib; from agents.audio_analysis.analysis import analyze; analyze(pathlib.Path(sys.argv[1]))"
LIBROSA = "import sys, librosa; y, sr = librosa.load(sys.argv[1]); librosa.beat.beat_track(y=y, sr=sr)"


@dataclass(frozen=True)
class Cost:
    cpu_s: float
    rss_mb: float = 0.0  # 0 where it is not known


def new_process(arguments: list[str]) -> Cost:
    """User and system seconds and the peak memory of a Python that runs them.

    Its peak counts from before it replaces this process's image: this one must still be small.
    """
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{arguments[:2]} ended with {process.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def make_songs(folder: Path) -> None:
    """Four minutes of stereo, and the same five times over."""
    from data.generators.music.arrangement import SongSpec, compose_song
    from data.generators.music.encoding import write_mp3
    from data.generators.music.mixing import mix
    from data.generators.music.songs import SONGS

    tempo_bpm = 128
    form = SONGS[0].form * (1 + int(SONG_S * tempo_bpm / 60 / SONGS[0].beats))
    spec = SongSpec("long", tempo_bpm, form, seed=3, lead_s=0.5, drift=0.01)
    write_mp3(folder / "song.mp3", mix(compose_song(spec), SONG_S, spec.seed), 128, quick=True)
    repeat(folder / "song.mp3", folder / "twenty.mp3", REPEATS)


def repeat(source: Path, target: Path, times: int) -> None:
    """The same packets again and again, with times that go on."""
    import av

    with av.open(str(target), "w", format="mp3") as writer:
        stream = None
        for turn in range(times):
            with av.open(str(source)) as reader:
                stream = stream or writer.add_stream_from_template(reader.streams.audio[0])
                for packet in reader.demux(reader.streams.audio[0]):
                    _carry_over(packet, stream, turn)
                    if packet.size:
                        writer.mux(packet)


def _carry_over(packet: Any, stream: Any, turn: int) -> None:
    if packet.pts is not None:
        packet.pts += round(turn * SONG_S / packet.time_base)
        packet.dts = packet.pts
    packet.stream = stream


def analyze_warm(song: Path) -> Callable[[], object]:
    from agents.audio_analysis.analysis import analyze

    return lambda: analyze(song)


def librosa_warm(song: Path) -> Callable[[], object]:
    import librosa

    def work() -> None:
        samples, rate = librosa.load(song)
        librosa.beat.beat_track(y=samples, sr=rate)
        librosa.feature.chroma_stft(y=samples, sr=rate)
        librosa.feature.mfcc(y=samples, sr=rate)

    return work


def warm_cpu_s(work: Callable[[], object]) -> float:
    """The median of some turns after a first one."""
    work()
    spent = []
    for _ in range(TURNS):
        begun = time.process_time()
        work()
        spent.append(time.process_time() - begun)
    return sorted(spent)[TURNS // 2]


def show(name: str, cost: Cost, audio_s: float = SONG_S) -> None:
    memory = f"{cost.rss_mb:.0f}" if cost.rss_mb else ""
    print(f"{name:<58}{cost.cpu_s:>8.2f}{audio_s / cost.cpu_s:>11.0f}{memory:>8}", flush=True)


def figure(name: str, value: float) -> bool:
    """One line a figure; whether its goal is met."""
    goal, more = GOALS[name]
    met = value >= goal if more else value <= goal
    print(f"figure {name} = {value:.2f} (goal {'>=' if more else '<='} {goal:g}) {'met' if met else 'missed'}")
    return met


def measure(folder: Path) -> dict[str, float]:
    """Print the table; the figures. New processes first, while this one is small."""
    song, twenty = folder / "song.mp3", folder / "twenty.mp3"
    print(f"{f'{SONG_S:.0f} s of stereo mp3':<58}   CPU s  audio s/s  RSS MB")
    turns = (new_process(["-c", OURS, str(song)]) for _ in range(NEW_TURNS))
    fresh = sorted(turns, key=lambda cost: cost.cpu_s)[NEW_TURNS // 2]
    show("new process: analyze", fresh)
    show("new process: librosa.load, beat_track", new_process(["-c", LIBROSA, str(song)]))
    long = new_process(["-c", OURS, str(twenty)])
    show("new process: analyze, 20 minutes", long, REPEATS * SONG_S)
    ours = warm_cpu_s(analyze_warm(song))
    show("warm: analyze", Cost(ours))
    show("warm: librosa.load, beat_track, chroma_stft, mfcc", Cost(warm_cpu_s(librosa_warm(song))))
    return dict(zip(GOALS, (SONG_S / ours, fresh.cpu_s, fresh.rss_mb, long.rss_mb), strict=True))


def main() -> int:
    if sys.argv[1:2] == ["--make"]:
        make_songs(Path(sys.argv[2]))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        print("making the songs", file=sys.stderr, flush=True)
        new_process([__file__, "--make", folder])
        met = [figure(name, value) for name, value in measure(Path(folder)).items()]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
