"""Measure beats, counts and sections by songs with exact ground truth, beside two of librosa's trackers.

python -m tests.quality.quality_music [FOLDER] [--songs N]

Set A: NAME.mp3 and NAME.json in FOLDER; without it, the songs of BACHATA_SHARED or of `shared` next to the project.
Set B: hard songs, and a few pieces that are not bachata, generated once by data/generators/music into a folder for
temporary files. F within 70 ms over the whole song; sections by mir_eval.segment.detection. `--songs N` uses N of
each set. Exits with 0 when every goal is met.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from agents.audio_analysis.analysis import analyze
from data.generators.music.hard import SEED, SONGS, hard_songs, write_hard_song
from data.generators.music.others import OTHERS, write_other_piece
from schemas.audio_analyzed import AudioAnalysis
from schemas.faults import Poison
from tests.paths import PROJECT, SHARED
from tests.quality.report import Goal, figure

warnings.filterwarnings("ignore")  # warnings of librosa and mir_eval would be printed between the lines of the table

Truth = dict[str, Any]
TOLERANCE_S = 0.07
MIN_FOUND_SHARE, MAX_LOST_SHARE = 0.8, 0.5  # of a section's beats, where they count as found and as lost
SHARED_GOALS = {
    "beat_f": Goal(0.99, at_least=True),
    "downbeat_f": Goal(0.985, at_least=True),
    "one_of_eight_f": Goal(0.95, at_least=True),
    "section_f_0.5": Goal(0.93, at_least=True),
    "tempo_error_bpm": Goal(0.15),
    "mean_offset_ms": Goal(5.0),
}
HARD_GOALS = {
    "beat_f": Goal(0.93, at_least=True),
    "downbeat_f": Goal(0.90, at_least=True),
    "one_of_eight_f": Goal(0.85, at_least=True),
    "section_f_0.5": Goal(0.88, at_least=True),
}


@dataclass(frozen=True)
class Scores:
    """Scores of our analysis of one song, then those of librosa's trackers."""

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

    def value_of(self, name: str) -> float:
        """Return the value of a figure."""
        return float(getattr(self, {"section_f_0.5": "section_f_half"}.get(name, name)))


COLUMNS = "beat F,bar F,eight F,off ms,BPM err,sec .5,sec 3,rhythm,conf,beat F,off ms,BPM err,beat F,off ms,BPM err"


@dataclass(frozen=True)
class SectionCheck:
    """The confidence in a section, and the share of its true beats that were found."""

    confidence: float
    found: float


def scores(song: Path, truth: Truth, found: AudioAnalysis) -> Scores:
    beats, beat_in_bar, eight = (np.array(truth[name]) for name in ("beats", "beat_in_bar", "count8"))
    ours, counts = np.array(found.beats), np.array(found.counts)
    return Scores(
        beat_f(beats, ours),
        beat_f(beats[beat_in_bar == 1], np.array(found.downbeats)),
        beat_f(beats[eight == 1], ours[counts == 1]),
        offset_ms(beats, ours),
        abs(found.tempo_bpm - truth["bpm_median"]),
        section_f(truth, found, 0.5),
        section_f(truth, found, 3.0),
        rhythm_share(truth, found),
        found.confidence,
        *librosa_scores(song, truth),
    )


def librosa_scores(song: Path, truth: Truth) -> Iterator[float]:
    """Yield F, offset and tempo error of beat_track, then of the pulse that plp finds between 90 and 185 BPM."""
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

    return float(mir_eval.beat.f_measure(truth, found, f_measure_threshold=TOLERANCE_S))


def offset_ms(truth: np.ndarray, found: np.ndarray) -> float:
    offsets = found[np.abs(truth[:, None] - found).argmin(1)] - truth
    return float(1000 * offsets[np.abs(offsets) < TOLERANCE_S].mean())


def section_f(truth: Truth, found: AudioAnalysis, within_s: float) -> float:
    """Return the F measure of section boundaries.

    All sections together span the whole song: silence before the first beat and after the last is no section.
    """
    import mir_eval

    begins = [section["start"] for section in truth["sections"][1:]]
    ours = [section.start_s for section in found.sections[1:]]
    expected, actual = (_intervals(inner, found.duration_s) for inner in (begins, ours))
    return float(mir_eval.segment.detection(expected, actual, window=within_s, trim=True)[2])


def _intervals(inner: Iterable[float], end_s: float) -> np.ndarray:
    edges = np.array([0.0, *inner, end_s])
    return np.stack([edges[:-1], edges[1:]], axis=1)


def rhythm_share(truth: Truth, found: AudioAnalysis) -> float:
    """Return the share of true beats in a detected section of their rhythm; a break counts as rhythm "none"."""
    beats = np.array(truth["beats"])
    expected = _at(beats, [s["start"] for s in truth["sections"]], [s["rhythm"] for s in truth["sections"]])
    actual = _at(beats, [s.start_s for s in found.sections], [s.rhythm for s in found.sections])
    return float(np.mean(np.where(expected == "stop", "none", expected) == actual))


def _at(times: np.ndarray, starts: list[float], values: list[str]) -> np.ndarray:
    """Return the value that is valid at each time, with a tolerance of 10 ms because times are rounded."""
    return np.array(values)[np.maximum(np.searchsorted(starts, times + 0.01, side="right") - 1, 0)]


def checks(truth: Truth, found: AudioAnalysis) -> Iterator[SectionCheck]:
    beats = np.array(truth["beats"])
    detected = np.abs(beats[:, None] - np.array(found.beats)).min(1) < TOLERANCE_S
    for section in found.sections:
        inside = (beats >= section.start_s) & (beats < section.end_s)
        if inside.any():
            yield SectionCheck(section.confidence, float(detected[inside].mean()))


def confidence_line(sections: list[SectionCheck]) -> str:
    """Return how well confidence separates sections with beats found from sections with beats lost, as an AUC."""
    right = np.array([s.confidence for s in sections if s.found >= MIN_FOUND_SHARE])
    wrong = np.array([s.confidence for s in sections if s.found < MAX_LOST_SHARE])
    if not len(right) or not len(wrong):
        return f"confidence: {len(right)} sections right, {len(wrong)} wrong, nothing to compare"
    above = (right[:, None] > wrong).mean() + 0.5 * (right[:, None] == wrong).mean()
    means = (
        f"{right.mean():.2f} over {len(right)} sections with beats right, {wrong.mean():.2f} over {len(wrong)} wrong"
    )
    return f"confidence: {means}, AUC {above:.3f}"


def measure(title: str, songs: list[Path]) -> tuple[Scores, list[SectionCheck]]:
    """Print the table of a set, and return its mean and its sections."""
    print(f"\n{title}\n{'':16}{'bachata':<72}{'beat_track':<24}plp")
    print(f"{'':16}" + "".join(f"{column:>8}" for column in COLUMNS.split(",")))
    rows, sections = list[Scores](), list[SectionCheck]()
    for song in songs:
        truth, found = json.loads(song.with_suffix(".json").read_text()), analyze(song)
        rows.append(scores(song, truth, found))
        sections += checks(truth, found)
        print_row(song.stem, rows[-1])
    absolute = np.abs([astuple(row) for row in rows])  # early and late offsets must not cancel out
    mean = Scores(*absolute.mean(axis=0).tolist())
    print_row("mean", mean)
    return mean, sections


def print_row(name: str, row: Scores) -> None:
    digits = [1 if field.name.endswith("_ms") else 2 if field.name.endswith("_bpm") else 3 for field in fields(row)]
    values = zip(astuple(row), digits, strict=True)
    print(f"{name:16}" + "".join(f"{value:8.{decimals}f}" for value, decimals in values), flush=True)


def measure_others(pieces: list[Path]) -> None:
    print(f"\nnot bachata\n{'':24}{'beat F':>8}{'conf':>8}{'BPM':>8}")
    for piece in pieces:
        beats = np.array(json.loads(piece.with_suffix(".json").read_text())["beats"])
        print(f"{piece.stem:24}{_other(piece, beats)}", flush=True)


def _other(piece: Path, beats: np.ndarray) -> str:
    try:
        found = analyze(piece)
    except Poison as fault:
        return f"  rejected: {fault}"
    score = f"{beat_f(beats, np.array(found.beats)):8.3f}" if len(beats) else f"{'none':>8}"
    return f"{score}{found.confidence:8.3f}{found.tempo_bpm:8.1f}"


def figures(mean: Scores, goals: Mapping[str, Goal], suffix: str = "") -> bool:
    """Print each figure that has a goal, and return whether all goals are met."""
    met = [figure(name + suffix, mean.value_of(name), goal, digits=3) for name, goal in goals.items()]
    return all(met)


def made_songs() -> tuple[list[Path], list[Path]]:
    """Return the hard songs and the other pieces, generated where this version of the generator has not yet done so."""
    folder = Path(tempfile.gettempdir()) / f"bachata-music-{_generator_id()}"
    folder.mkdir(exist_ok=True)
    hard = [_made(spec.name, folder, partial(write_hard_song, spec)) for spec in hard_songs(SEED, SONGS)]
    return hard, [_made(other.name, folder, partial(write_other_piece, other)) for other in OTHERS]


def _generator_id() -> str:
    sources = sorted((PROJECT / "data" / "generators" / "music").glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]


def _made(name: str, folder: Path, write: Callable[[Path], Path]) -> Path:
    """Generate a song; its ground truth is moved to its final name last, so that an aborted run leaves no half song."""
    target = folder / f"{name}.mp3"
    if not target.with_suffix(".json").exists():
        print(f"making {target}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            song = write(Path(scratch))
            song.replace(target)
            song.with_suffix(".json").replace(target.with_suffix(".json"))
    return target


def some(songs: list[Path], count: int | None) -> list[Path]:
    """Return `count` songs, spread over the set."""
    if count is None or count >= len(songs):
        return songs
    return [songs[round(n)] for n in np.linspace(0, len(songs) - 1, count)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=SHARED / "songs")
    parser.add_argument("--songs", type=int, help="number of songs of each set")
    arguments = parser.parse_args()
    shared = some(sorted(arguments.folder.glob("*.mp3")), arguments.songs)
    hard, others = made_songs()
    met = []
    if shared:
        met.append(figures(measure(f"A: songs of {arguments.folder}", shared)[0], SHARED_GOALS))
    else:
        print(f"A: skipped, no songs with ground truth in {arguments.folder}")
    mean, sections = measure("B: hard songs", some(hard, arguments.songs))
    print(confidence_line(sections))
    met.append(figures(mean, HARD_GOALS, "_hard"))
    measure_others(others)
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
