"""Generate short pieces that are not bachata (MP3) with the ground truth of their beats (JSON).

python -m data.generators.music.others --out FOLDER

A waltz, a four-on-the-floor, a ballad, a dembow and a drone, to test the analysis on other music.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.generators.music.arrangement import Piece
from data.generators.music.encoding import write_json, write_mp3
from data.generators.music.mixing import fade_out, mix
from data.generators.music.rhythms import Hits
from data.generators.music.score import Chord, Note, Part, steady

_LEAD_S, _TAIL_S, _KBPS = 0.4, 2.0, 96
_CHORDS = (Chord(33, minor=True), Chord(41, minor=False), Chord(36, minor=False), Chord(40, minor=True))

Play = Callable[[int, Chord, np.random.Generator], Iterator[Note]]  # from a bar's first beat and its chord


@dataclass(frozen=True)
class OtherPiece:
    """A piece of `bars` bars; with 0 beats per bar it has no beat."""

    name: str
    tempo_bpm: float
    beats_per_bar: int
    bars: int
    play: Play

    @property
    def beats(self) -> int:
        """Return the number of beats of the piece."""
        return self.beats_per_bar * self.bars


def _hits(part: Part, beat: int, hits: Hits) -> Iterator[Note]:
    return (Note(part, beat + offset, 0.3, 60, velocity) for offset, velocity in hits)


def _chord(part: Part, beat: float, beats: float, chord: Chord, velocity: float) -> Iterator[Note]:
    return (Note(part, beat, beats, pitch, velocity) for pitch in chord.tones(1))


def _waltz(beat: int, chord: Chord, rng: np.random.Generator) -> Iterator[Note]:
    yield Note("bass", beat, 0.9, chord.root, 0.95)
    for late in (1, 2):
        yield from _chord("segunda", beat + late, 0.5, chord, 0.7)
        yield Note("guira", beat + late, 0.2, 60, 0.4)
    for step in range(3):
        yield Note("requinto", beat + step, 0.9, chord.tones(2)[int(rng.integers(3))], 0.6)


def _four_on_the_floor(beat: int, chord: Chord, rng: np.random.Generator) -> Iterator[Note]:
    yield from _hits("kick", beat, tuple((b, 1.0) for b in range(4)))
    yield from _hits("snare", beat, ((1, 0.7), (3, 0.7)))
    for offbeat in range(4):
        yield Note("guira", beat + offbeat + 0.5, 0.2, 60, 0.8)
        yield Note("bass", beat + offbeat + 0.5, 0.4, chord.root + (12 if rng.random() < 0.3 else 0), 0.8)
    yield from _chord("pad", beat, 3.9, chord, 0.7)


def _ballad(beat: int, chord: Chord, rng: np.random.Generator) -> Iterator[Note]:
    yield Note("bass", beat, 3.5, chord.root, 0.6)
    for eighth, tone in enumerate((0, 1, 2, 1, 0, 2, 1, 2)):
        yield Note("segunda", beat + eighth / 2, 1.5, chord.tones(1 + eighth // 4)[tone], 0.66 if eighth == 0 else 0.5)
    yield from _chord("pad", beat, 3.9, chord, 0.5)
    yield Note("voice", beat + 0.5, 2.5, chord.tones(2)[int(rng.integers(3))], 0.7)


def _dembow(beat: int, chord: Chord, rng: np.random.Generator) -> Iterator[Note]:
    yield from _hits("kick", beat, tuple((b, 1.0) for b in range(4)))
    yield from _hits("snare", beat, ((0.75, 0.85), (1.5, 0.85), (2.75, 0.85), (3.5, 0.85)))
    yield from (Note("guira", beat + eighth / 2, 0.12, 60, 0.5) for eighth in range(8))
    yield from (Note("bass", beat + offset, 0.6, chord.root, 0.9) for offset in (0.0, 0.75, 1.5, 2.0, 2.75, 3.5))
    yield Note("voice", beat + float(rng.choice((0.5, 1.0))), 1.5, chord.tones(2)[int(rng.integers(3))], 0.8)


def _drone(*_: object) -> Iterator[Note]:
    for number, (pitch, start, length) in enumerate(((45, 0, 70), (52, 7, 50), (57, 19, 45), (60, 33, 35))):
        yield Note("pad", start, length, pitch, 0.9 - 0.1 * number)


OTHERS = (
    OtherPiece("waltz_100", 100, 3, 24, _waltz),
    OtherPiece("four_on_the_floor_124", 124, 4, 24, _four_on_the_floor),
    OtherPiece("ballad_70", 70, 4, 14, _ballad),
    OtherPiece("dembow_96", 96, 4, 18, _dembow),
    OtherPiece("drone", 60, 0, 1, _drone),
)


def write_other_piece(other: OtherPiece, folder: Path, seed: int = 0) -> Path:
    """Write the piece and its ground truth, and return the path of the MP3."""
    rng = np.random.default_rng([seed, *other.name.encode()])
    starts = [other.beats_per_bar * bar for bar in range(other.bars)]
    notes = [note for bar, beat in enumerate(starts) for note in other.play(beat, _CHORDS[bar % 4], rng)]
    piece = Piece(tuple(notes), steady(other.tempo_bpm, max(other.beats, 1), _LEAD_S), other.beats)
    duration_s = piece.tempo.at(max(note.beat + note.beats for note in notes)) + _TAIL_S
    target = folder / f"{other.name}.mp3"
    write_mp3(target, fade_out(mix(piece, duration_s, seed), 1.0), _KBPS, quick=True)
    write_json(target.with_suffix(".json"), _truth(other, piece))
    return target


def _truth(other: OtherPiece, piece: Piece) -> dict[str, object]:
    return {
        "id": other.name,
        "bpm_nominal": other.tempo_bpm if other.beats else None,
        "beats": [round(piece.tempo.at(beat), 4) for beat in range(other.beats)],
        "beat_in_bar": [beat % other.beats_per_bar + 1 for beat in range(other.beats)],
    }


def main() -> None:
    """Write the pieces into the folder given on the command line."""
    parser = argparse.ArgumentParser(description="Write pieces that are not bachata, with ground truth of their beats.")
    parser.add_argument("--out", type=Path, required=True)
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    for other in OTHERS:
        print(write_other_piece(other, folder), flush=True)


if __name__ == "__main__":
    main()
