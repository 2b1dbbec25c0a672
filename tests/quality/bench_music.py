"""Measure the analysis of a song: warm, in a new process, and of twenty minutes of music, beside librosa.

python -m tests.quality.bench_music

CPU seconds, not wall time: other work on the machine changes them little. Exits with 0 when every goal is met.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.quality.costs import Cost, median_cpu_s, process_cost
from tests.quality.report import Goal, figure

SONG_S, REPEATS, PROCESS_RUNS = 240.0, 5, 3
GOALS = {
    "audio_seconds_per_cpu_second": Goal(120.0, at_least=True),
    "new_process_cpu_s": Goal(1.5),
    "peak_rss_mb": Goal(300.0),
    "peak_rss_20_min_mb": Goal(600.0),
}
OURS = "import sys, pathlib; from agents.audio_analysis.analysis import analyze; analyze(pathlib.Path(sys.argv[1]))"
LIBROSA = "import sys, librosa; y, sr = librosa.load(sys.argv[1]); librosa.beat.beat_track(y=y, sr=sr)"


def new_process(*arguments: str) -> Cost:
    """Return the cost of a new Python process."""
    return process_cost([sys.executable, *arguments], stderr=subprocess.DEVNULL)


def make_songs(folder: Path) -> None:
    """Write four minutes of stereo, and the same five times in sequence."""
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
    """Write the packets `times` times in sequence, with increasing timestamps."""
    import av

    with av.open(str(target), "w", format="mp3") as writer:
        stream = None
        for number in range(times):
            with av.open(str(source)) as reader:
                stream = stream or writer.add_stream_from_template(reader.streams.audio[0])
                for packet in reader.demux(reader.streams.audio[0]):
                    _shift(packet, stream, number)
                    if packet.size:
                        writer.mux(packet)


def _shift(packet: Any, stream: Any, number: int) -> None:
    if packet.pts is not None:
        packet.pts += round(number * SONG_S / packet.time_base)
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


def print_row(name: str, cost: Cost, audio_s: float = SONG_S) -> None:
    memory = f"{cost.rss_mb:.0f}" if cost.rss_mb else ""
    print(f"{name:<58}{cost.cpu_s:>8.2f}{audio_s / cost.cpu_s:>11.0f}{memory:>8}", flush=True)


def measure(folder: Path) -> dict[str, float]:
    """Print the table and return the figures; new processes run first, while this one is small."""
    song, twenty = folder / "song.mp3", folder / "twenty.mp3"
    print(f"{f'{SONG_S:.0f} s of stereo mp3':<58}   CPU s  audio s/s  RSS MB")
    runs = (new_process("-c", OURS, str(song)) for _ in range(PROCESS_RUNS))
    fresh = sorted(runs, key=lambda cost: cost.cpu_s)[PROCESS_RUNS // 2]
    print_row("new process: analyze", fresh)
    print_row("new process: librosa.load, beat_track", new_process("-c", LIBROSA, str(song)))
    long = new_process("-c", OURS, str(twenty))
    print_row("new process: analyze, 20 minutes", long, REPEATS * SONG_S)
    ours, _ = median_cpu_s(analyze_warm(song))
    print_row("warm: analyze", Cost(ours))
    print_row("warm: librosa.load, beat_track, chroma_stft, mfcc", Cost(median_cpu_s(librosa_warm(song))[0]))
    return dict(zip(GOALS, (SONG_S / ours, fresh.cpu_s, fresh.rss_mb, long.rss_mb), strict=True))


def main() -> int:
    if sys.argv[1:2] == ["--make"]:
        make_songs(Path(sys.argv[2]))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        print("making the songs", file=sys.stderr, flush=True)
        new_process("-m", "tests.quality.bench_music", "--make", folder)
        met = [figure(name, value, GOALS[name]) for name, value in measure(Path(folder)).items()]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
