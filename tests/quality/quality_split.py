"""Measure where a long recording is cut into moves, beside cuts at silence and cuts every ten seconds.

python -m tests.quality.quality_split [FOLDER] [--folder-for-recordings FOLDER]

FOLDER: clips below it; without it, the clips of BACHATA_SHARED or of `shared` next to the project. Each recording is
joined from six clips with pauses between. In the first kind it is silent or quiet in the pauses, or somebody talks; in
the second, two songs go on through dances and pauses. The constants were chosen on the first three sets of clips, and
not on the fourth. A cut counts as right within a beat of a dance's start or end,
each of which counts once. Exits with 0 when every goal is met.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from agents.arrays import Floats
from agents.audio_analysis.analysis import analyze_pieces
from agents.move_indexing.split.recording import Analyzed, analyze_recording
from infra.base.atomic_file import sha256_of
from infra.settings import load_settings
from streams.tools import make_tools
from tests.odd_media.marked import SOUND_HZ, plain_sound
from tests.odd_media.recordings import Pause, Recording, write_recording
from tests.odd_media.writer import Sound, write
from tests.paths import DEMO, SHARED
from tests.quality.clip_audio import tempo_and_embedding
from tests.quality.report import Goal, figure

KINDS = ("pauses in the music", "music goes on")
GOAL = Goal(0.9, at_least=True)
SETS = (
    ("basic_step_1", "body_roll_4", "cross_body_lead_1", "dip_1", "hammerlock_2", "lady_right_turn_1"),
    ("arm_styling_1", "combination_1", "double_cross_body_lead_2", "basic_step_3", "forward_backward_3", "dip_3"),
    ("body_roll_2", "combination_4", "cross_body_lead_3", "dip_4", "shadow_position_2", "arm_styling_4"),
    ("basic_step_2", "body_roll_3", "combination_2", "cross_body_lead_4", "hammerlock_1", "lady_right_turn_2"),
)
PAUSES = (
    Pause(2.0, "empty", "quiet"),
    Pause(1.5, "still", "silence"),
    Pause(2.5, "empty", "silence"),
    Pause(3.0, "still", "quiet"),
    Pause(2.0, "still", "talk"),
    Pause(2.5, "empty", "talk"),
    Pause(2.0, "still", "quiet"),
)
FIXED_S = 10.0
SONG_PART_S = (8.0, 64.0)
SILENCE_DB, SILENCE_S, LEVEL_S = -40.0, 0.7, 0.05


@dataclass(frozen=True)
class Score:
    """Numbers of cuts: found, true, and those of them that agree."""

    found: int
    true: int
    right: int

    @property
    def precision(self) -> float:
        return self.right / max(1, self.found)

    @property
    def recall(self) -> float:
        return self.right / max(1, self.true)

    def __add__(self, other: Score) -> Score:
        return Score(self.found + other.found, self.true + other.true, self.right + other.right)


class Row(NamedTuple):
    """The score of a method on a recording of one kind."""

    kind: str
    method: str
    score: Score


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=SHARED / "clips")
    parser.add_argument("--folder-for-recordings", type=Path)
    arguments = parser.parse_args()
    clips = {path.stem: path for path in arguments.folder.rglob("*.mp4")}
    missing = sorted({name for names in SETS for name in names} - clips.keys())
    if missing:
        sys.exit(f"no clips {', '.join(missing)} below {arguments.folder}: set BACHATA_SHARED")
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder_for_recordings or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        return _measure([[clips[name] for name in names] for names in SETS], folder)


def _measure(sets: Sequence[Sequence[Path]], folder: Path) -> int:
    print(f"{'recording':34} {'method':16} {'found':>5} {'true':>5} {'right':>5} {'precision':>9} {'recall':>6}")
    rows = [row for number, clips in enumerate(sets, 1) for row in _scores(clips, folder, number)]
    met = []
    for kind in KINDS:
        of_kind = [row for row in rows if row.kind == kind]
        for method in dict.fromkeys(row.method for row in of_kind):
            total = sum((row.score for row in of_kind if row.method == method), Score(0, 0, 0))
            print(_row(f"all, {kind}", method, total), flush=True)
            if method == "ours":
                name = "split" if kind == KINDS[0] else "split_music_goes_on"
                met += [
                    figure(f"{name}_precision", total.precision, GOAL),
                    figure(f"{name}_recall", total.recall, GOAL),
                ]
    return 0 if all(met) else 1


def _row(recording: str, method: str, score: Score) -> str:
    counts = f"{score.found:5} {score.true:5} {score.right:5}"
    return f"{recording:34} {method:16} {counts} {score.precision:9.2f} {score.recall:6.2f}"


def _scores(clips: Sequence[Path], folder: Path, number: int) -> Iterator[Row]:
    """Yield the scores of a set in both kinds; the pictures are the same in both, and so are the detections."""
    recording = write_recording(folder / f"{KINDS[0]} {number}.mp4", clips, PAUSES)
    analyzed = _analyzed(recording)
    beats_s = [60 / tempo_and_embedding(clip)[0] for clip in clips]
    true = [(edge_s, beat_s) for dance, beat_s in zip(recording.dances, beats_s, strict=True) for edge_s in dance]
    song = _two_songs(folder)
    for kind, sound, found in (
        (KINDS[0], recording.path, analyzed),
        (KINDS[1], song, replace(analyzed, music=analyze_pieces(song))),
    ):
        end_s = analyzed.facts.duration_s
        ours = sorted({edge_s for part in found.parts() for edge_s in (part.start_s, part.end_s)})
        cuts = {
            "ours": ours,
            "at silence": _silence_cuts(sound, end_s),
            f"every {FIXED_S:g} s": np.arange(FIXED_S, end_s, FIXED_S).tolist(),
        }
        for method, times in cuts.items():
            row = Row(kind, method, score(times, true))
            print(_row(f"{kind} {number}", method, row.score), flush=True)
            yield row
        _print_wrong(ours, true)


def _two_songs(folder: Path) -> Path:
    """Write parts of the demo songs one right after the other, without their quiet ends: longer than each recording."""
    part = slice(round(SONG_PART_S[0] * SOUND_HZ), round(SONG_PART_S[1] * SOUND_HZ))
    songs = [plain_sound(song)[:, part] for song in sorted((DEMO / "songs").glob("*.mp3"))]
    return write(folder / "songs.wav", sounds=[Sound(np.concatenate(songs, axis=1), "pcm_s16le")])


def _print_wrong(found: Sequence[float], true: Sequence[tuple[float, float]]) -> None:
    pairs = matched(found, true)
    wrong = [f"{cut:.1f}" for n, cut in enumerate(found) if n not in pairs]
    missed = [f"{cut:.1f}" for n, (cut, _) in enumerate(true) if n not in pairs.values()]
    print(f"  wrong at {', '.join(wrong) or 'none'} s; missed at {', '.join(missed) or 'none'} s")


def _analyzed(recording: Recording) -> Analyzed:
    return analyze_recording(
        recording.path, sha256_of(recording.path), "fast", make_tools(load_settings()), lambda _: None
    )


def score(found: Sequence[float], true: Sequence[tuple[float, float]]) -> Score:
    """Return how many cuts agree with true ones, each (seconds, tolerance)."""
    return Score(len(found), len(true), len(matched(found, true)))


def matched(found: Sequence[float], true: Sequence[tuple[float, float]]) -> dict[int, int]:
    """Return the true cut of each found one within the tolerance, each at most once, the nearest pairs first."""
    distances = sorted(
        (abs(cut - edge_s), n, k)
        for n, cut in enumerate(found)
        for k, (edge_s, tolerance_s) in enumerate(true)
        if abs(cut - edge_s) <= tolerance_s
    )
    pairs: dict[int, int] = {}
    for _, n, k in distances:
        if n not in pairs and k not in pairs.values():
            pairs[n] = k
    return pairs


def _silence_cuts(path: Path, end_s: float) -> list[float]:
    """Return where the sound becomes quieter than 40 dB below its loudest for 0.7 s, and where it ends to be."""
    sound = plain_sound(path, end_s).mean(axis=0)
    step = round(LEVEL_S * SOUND_HZ)
    level = np.sqrt(np.mean(sound[: len(sound) // step * step].reshape(-1, step) ** 2, axis=1))
    quiet = level < level.max() * 10 ** (SILENCE_DB / 20)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(int))).reshape(-1, 2) * LEVEL_S
    return _inner(edges[edges[:, 1] - edges[:, 0] >= SILENCE_S], len(sound) / SOUND_HZ)


def _inner(edges: Floats, end_s: float) -> list[float]:
    return [edge for edge in edges.ravel().tolist() if LEVEL_S < edge < end_s - 2 * LEVEL_S]


if __name__ == "__main__":
    sys.exit(main())
