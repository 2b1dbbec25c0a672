"""Beats, counts and sections against songs with exact truth, beside two of librosa's trackers in the same run.

python tests/quality/quality_music.py [FOLDER] [--songs N]

Set A: NAME.mp3 and NAME.json in FOLDER; without it, the songs of BACHATA_SHARED or of `shared` beside the project.
Set B: hard songs, and a few pieces that are no bachata, made by data/generators/music into a folder for temporary
files, once. F within 70 ms over the whole song; sections by mir_eval.segment.detection. `--songs N` takes N of
each set. Exits with 0 when every goal is met.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from agents.audio_analysis.analysis import analyze  # noqa: E402
from data.generators.music.hard import SEED, SONGS, hard_songs, write_hard_song  # noqa: E402
from data.generators.music.others import OTHERS, write_other  # noqa: E402
from schemas.audio_analyzed import AudioAnalysis  # noqa: E402
from schemas.faults import Poison  # noqa: E402

warnings.filterwarnings("ignore")  # librosa's and mir_eval's would stand between the lines of the table

Truth = dict[str, Any]
NEAR_S = 0.07
FOUND, LOST = 0.8, 0.5
GOALS = {  # figure: (goal on the shared songs, goal on the hard ones), None where there is none
    "beat_f": (0.99, 0.93),
    "downbeat_f": (0.985, 0.90),
    "one_of_eight_f": (0.95, 0.85),
    "section_f_0.5": (0.93, 0.88),
    "tempo_error_bpm": (0.15, None),
    "mean_offset_ms": (5.0, None),
}
AT_MOST = ("tempo_error_bpm", "mean_offset_ms")


@dataclass(frozen=True)
class Marks:
    """What our analysis did on one song, then what librosa's trackers did on it."""

    beat_f: float
    downbeat_f: float
    one_of_eight_f: float
    mean_offset_ms: float
    tempo_error_bpm: float
    section_f_half: float
    section_f_three: float
    rhythm: float
    confidence: float
    track_f: float
    track_offset_ms: float
    track_tempo_error_bpm: float
    plp_f: float
    plp_offset_ms: float
    plp_tempo_error_bpm: float

    def of(self, figure: str) -> float:
        """The value of a goal's figure."""
        return float(getattr(self, {"section_f_0.5": "section_f_half"}.get(figure, figure)))


COLUMNS = "beat F,bar F,eight F,off ms,BPM err,sec .5,sec 3,rhythm,conf,beat F,off ms,BPM err,beat F,off ms,BPM err"


@dataclass(frozen=True)
class SectionCheck:
    """How sure we were of a section, and what share of its true beats we found."""

    confidence: float
    found: float


def marks(song: Path, truth: Truth, found: AudioAnalysis) -> Marks:
    beats, place, eight = (np.array(truth[name]) for name in ("beats", "beat_in_bar", "count8"))
    ours, counts = np.array(found.beats), np.array(found.counts)
    return Marks(
        beat_f(beats, ours),
        beat_f(beats[place == 1], np.array(found.downbeats)),
        beat_f(beats[eight == 1], ours[counts == 1]),
        offset_ms(beats, ours),
        abs(found.tempo_bpm - truth["bpm_median"]),
        section_f(truth, found, 0.5),
        section_f(truth, found, 3.0),
        rhythm_share(truth, found),
        found.confidence,
        *librosa_marks(song, truth),
    )


def librosa_marks(song: Path, truth: Truth) -> Iterator[float]:
    """F, offset and tempo error of beat_track, then of the pulse that plp finds between 90 and 185 BPM."""
    import librosa

    samples, rate = librosa.load(song)
    tempo, tracked = librosa.beat.beat_track(y=samples, sr=rate, units="time")
    pulse = librosa.beat.plp(y=samples, sr=rate, tempo_min=90, tempo_max=185)
    pulsed = librosa.frames_to_time(np.flatnonzero(librosa.util.localmax(pulse)), sr=rate)
    beats = np.array(truth["beats"])
    for found, bpm in ((tracked, float(np.atleast_1d(tempo)[0])), (pulsed, 60 / np.median(np.diff(pulsed)))):
        yield from (beat_f(beats, found), offset_ms(beats, found), abs(bpm - truth["bpm_median"]))


def beat_f(truth: np.ndarray, found: np.ndarray) -> float:
    import mir_eval

    return float(mir_eval.beat.f_measure(truth, found, f_measure_threshold=NEAR_S))


def offset_ms(truth: np.ndarray, found: np.ndarray) -> float:
    off = found[np.abs(truth[:, None] - found).argmin(1)] - truth
    return float(1000 * off[np.abs(off) < NEAR_S].mean())


def section_f(truth: Truth, found: AudioAnalysis, within_s: float) -> float:
    """Both from 0 to the end, for silence before the first beat and after the last is no section of its own."""
    import mir_eval

    begins = [section["start"] for section in truth["sections"][1:]]
    ours = [section.start_s for section in found.sections[1:]]
    told, heard = (_intervals(inner, found.duration_s) for inner in (begins, ours))
    return float(mir_eval.segment.detection(told, heard, window=within_s, trim=True)[2])


def _intervals(inner: Iterable[float], end_s: float) -> np.ndarray:
    edges = np.array([0.0, *inner, end_s])
    return np.stack([edges[:-1], edges[1:]], axis=1)


def rhythm_share(truth: Truth, found: AudioAnalysis) -> float:
    """Of the true beats, those in a section of ours with their rhythm; a break has none."""
    beats = np.array(truth["beats"])
    told = _at(beats, [s["start"] for s in truth["sections"]], [s["rhythm"] for s in truth["sections"]])
    heard = _at(beats, [s.start_s for s in found.sections], [s.rhythm for s in found.sections])
    return float(np.mean(np.where(told == "stop", "none", told) == heard))


def _at(times: np.ndarray, starts: list[float], values: list[str]) -> np.ndarray:
    """The value that holds at each time; a hair is granted, for times are rounded."""
    return np.array(values)[np.maximum(np.searchsorted(starts, times + 0.01, side="right") - 1, 0)]


def checks(truth: Truth, found: AudioAnalysis) -> Iterator[SectionCheck]:
    beats = np.array(truth["beats"])
    hit = np.abs(beats[:, None] - np.array(found.beats)).min(1) < NEAR_S
    for section in found.sections:
        inside = (beats >= section.start_s) & (beats < section.end_s)
        if inside.any():
            yield SectionCheck(section.confidence, float(hit[inside].mean()))


def told_apart(sections: list[SectionCheck]) -> str:
    """How well confidence tells sections with their beats found from sections with their beats lost."""
    right = np.array([s.confidence for s in sections if s.found >= FOUND])
    wrong = np.array([s.confidence for s in sections if s.found < LOST])
    if not len(right) or not len(wrong):
        return f"confidence: {len(right)} sections right, {len(wrong)} wrong, nothing to tell apart"
    above = (right[:, None] > wrong).mean() + 0.5 * (right[:, None] == wrong).mean()
    means = (
        f"{right.mean():.2f} over {len(right)} sections with beats right, {wrong.mean():.2f} over {len(wrong)} wrong"
    )
    return f"confidence: {means}, AUC {above:.3f}"


def judge(title: str, songs: list[Path]) -> tuple[Marks, list[SectionCheck]]:
    """Print a set's table; its mean, and its sections."""
    print(f"\n{title}\n{'':16}{'bachata':<72}{'beat_track':<24}plp")
    print(f"{'':16}" + "".join(f"{column:>8}" for column in COLUMNS.split(",")))
    rows, sections = list[Marks](), list[SectionCheck]()
    for song in songs:
        truth, found = json.loads(song.with_suffix(".json").read_text()), analyze(song)
        rows.append(marks(song, truth, found))
        sections += checks(truth, found)
        show(song.stem, rows[-1])
    mean = Marks(*np.abs([astuple(row) for row in rows]).mean(axis=0).tolist())  # early and late do not make up for it
    show("mean", mean)
    return mean, sections


def show(name: str, row: Marks) -> None:
    digits = [1 if field.name.endswith("_ms") else 2 if field.name.endswith("_bpm") else 3 for field in fields(row)]
    values = zip(astuple(row), digits, strict=True)
    print(f"{name:16}" + "".join(f"{value:8.{places}f}" for value, places in values), flush=True)


def judge_others(pieces: list[Path]) -> None:
    print(f"\nno bachata\n{'':24}{'beat F':>8}{'conf':>8}{'BPM':>8}")
    for piece in pieces:
        beats = np.array(json.loads(piece.with_suffix(".json").read_text())["beats"])
        print(f"{piece.stem:24}{_other(piece, beats)}", flush=True)


def _other(piece: Path, beats: np.ndarray) -> str:
    try:
        found = analyze(piece)
    except Poison as refusal:
        return f"  refused: {refusal}"
    score = f"{beat_f(beats, np.array(found.beats)):8.3f}" if len(beats) else f"{'none':>8}"
    return f"{score}{found.confidence:8.3f}{found.tempo_bpm:8.1f}"


def figures(mean: Marks, suffix: str, number: int) -> bool:
    """Print each figure that has a goal in this set; whether all are met."""
    met = [_figure(name + suffix, mean.of(name), goals[number]) for name, goals in GOALS.items() if goals[number]]
    return all(met)


def _figure(name: str, value: float, goal: float | None) -> bool:
    assert goal is not None
    low = name in AT_MOST
    met = abs(value) <= goal if low else value >= goal
    print(f"figure {name} = {value:.3f} (goal {'<=' if low else '>='} {goal:g}) {'met' if met else 'missed'}")
    return met


def made_songs() -> tuple[list[Path], list[Path]]:
    """The hard songs and the other pieces, made where this generator has not made them before."""
    folder = Path(tempfile.gettempdir()) / f"bachata-music-{_generator_id()}"
    folder.mkdir(exist_ok=True)
    hard = [_made(spec.name, folder, partial(write_hard_song, spec)) for spec in hard_songs(SEED, SONGS)]
    return hard, [_made(other.name, folder, partial(write_other, other)) for other in OTHERS]


def _generator_id() -> str:
    sources = sorted((ROOT / "data" / "generators" / "music").glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]


def _made(name: str, folder: Path, write: Callable[[Path], Path]) -> Path:
    """The truth is written last, and moved there last: a run that is stopped leaves no half song behind."""
    target = folder / f"{name}.mp3"
    if not target.with_suffix(".json").exists():
        print(f"making {target}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            song = write(Path(scratch))
            song.replace(target)
            song.with_suffix(".json").replace(target.with_suffix(".json"))
    return target


def some(songs: list[Path], count: int | None) -> list[Path]:
    """As many, spread over the set."""
    if count is None or count >= len(songs):
        return songs
    return [songs[round(n)] for n in np.linspace(0, len(songs) - 1, count)]


def main() -> int:
    shared = Path(os.environ.get("BACHATA_SHARED") or ROOT.parent / "shared") / "songs"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=shared)
    parser.add_argument("--songs", type=int, help="as many of each set")
    arguments = parser.parse_args()
    told = some(sorted(arguments.folder.glob("*.mp3")), arguments.songs)
    hard, others = made_songs()
    met = []
    if told:
        met.append(figures(judge(f"A: songs of {arguments.folder}", told)[0], "", 0))
    else:
        print(f"A: skipped, no songs with truth in {arguments.folder}")
    mean, sections = judge("B: hard songs", some(hard, arguments.songs))
    print(told_apart(sections))
    met.append(figures(mean, "_hard", 1))
    judge_others(others)
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
