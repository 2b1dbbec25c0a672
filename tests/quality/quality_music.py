"""Beats, downbeats and the 1 of eight against songs with exact truth, beside librosa's beat_track in the same run.

Usage: python tests/quality/quality_music.py [FOLDER]
FOLDER holds NAME.mp3 and NAME.json pairs (beats in seconds, beat_in_bar 1-4, count8 1-8, bpm_median); without it, the
songs of BACHATA_SHARED or of the folder `shared` beside the project. F within 70 ms over the whole song (mir_eval).
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from agents.audio_analysis.analysis import analyze  # noqa: E402

GOALS = {
    "beat_f": (0.98, True),
    "downbeat_f": (0.98, True),
    "one_of_eight_f": (0.92, True),
    "mean_offset_ms": (5.0, False),
    "tempo_error_bpm": (0.15, False),
    "audio_seconds_per_cpu_second": (120.0, True),
}


@dataclass(frozen=True)
class Marks:
    """What a tracker did on one song; NaN for what it does not tell."""

    beat_f: float
    downbeat_f: float
    one_of_eight_f: float
    mean_offset_ms: float
    tempo_error_bpm: float
    audio_seconds_per_cpu_second: float


@dataclass(frozen=True)
class Heard:
    """Beats in seconds, the count 1-8 of each where it is told, the tempo, the length of the song."""

    beats: np.ndarray
    counts: np.ndarray | None
    tempo_bpm: float
    duration_s: float


def ours(song: Path) -> Heard:
    found = analyze(song)
    return Heard(np.array(found.beats), np.array(found.counts), found.tempo_bpm, found.duration_s)


def librosa_beat_track(song: Path) -> Heard:
    import librosa

    samples, rate = librosa.load(song)
    tempo, beats = librosa.beat.beat_track(y=samples, sr=rate, units="time")
    return Heard(beats, None, float(np.atleast_1d(tempo)[0]), len(samples) / rate)


def marks(song: Path, track: Callable[[Path], Heard]) -> Marks:
    truth = json.loads(song.with_suffix(".json").read_text())
    began = time.process_time()
    heard = track(song)
    cpu_s = time.process_time() - began
    beats, place, eight = (np.array(truth[name]) for name in ("beats", "beat_in_bar", "count8"))
    return Marks(
        _f(beats, heard.beats),
        _f_of_count(beats[place == 1], heard, (1, 5)),
        _f_of_count(beats[eight == 1], heard, (1,)),
        _offset_ms(beats, heard.beats),
        abs(heard.tempo_bpm - truth["bpm_median"]),
        heard.duration_s / cpu_s,
    )


def _f(truth: np.ndarray, found: np.ndarray) -> float:
    import mir_eval

    return float(mir_eval.beat.f_measure(truth, found))


def _f_of_count(truth: np.ndarray, heard: Heard, counts: tuple[int, ...]) -> float:
    return np.nan if heard.counts is None else _f(truth, heard.beats[np.isin(heard.counts, counts)])


def _offset_ms(truth: np.ndarray, found: np.ndarray) -> float:
    off = found[np.abs(truth[:, None] - found).argmin(1)] - truth
    return float(1000 * off[np.abs(off) < 0.07].mean())


def mean(rows: list[Marks]) -> Marks:
    return Marks(*np.array([astuple(row) for row in rows]).mean(0))


def show(name: str, row: Marks) -> None:
    print(f"{name:24}" + "".join(f"{value:10.3f}" for value in astuple(row)))


def figures(row: Marks) -> bool:
    """Print each figure beside its goal; whether all are met."""
    met = []
    for name, (goal, more_is_better) in GOALS.items():
        value = getattr(row, name)
        met.append(value >= goal if more_is_better else abs(value) <= goal)
        print(f"figure {name} = {value:.3f} (goal {'>=' if more_is_better else '<='} {goal:g}) {_word(met[-1])}")
    return all(met)


def _word(met: bool) -> str:
    return "met" if met else "missed"


def _folder(arguments: list[str]) -> Path:
    shared = Path(os.environ.get("BACHATA_SHARED") or ROOT.parent / "shared")
    return Path(arguments[0]) if arguments else shared / "songs"


def main(arguments: list[str]) -> int:
    songs: list[Any] = sorted(_folder(arguments).glob("*.mp3"))
    if not songs:
        print(f"no songs with truth in {_folder(arguments)}; name their folder", file=sys.stderr)
        return 2
    results = {}
    print(f"{'':24}" + "".join(f"{name[:9]:>10}" for name in GOALS))
    for name, track in (("bachata", ours), ("librosa", librosa_beat_track)):
        track(songs[0])  # warm: what is measured is the second song of a worker
        rows = [marks(song, track) for song in songs]
        for song, row in zip(songs, rows, strict=True):
            show(f"{name} {song.stem}", row)
        results[name] = mean(rows)
    for name, row in results.items():
        show(f"{name} mean", row)
    return 0 if figures(results["bachata"]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
