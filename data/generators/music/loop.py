"""Generate a bachata loop (WAV) of a tempo and a number of beats, with the ground truth of its beats (JSON).

python -m data.generators.music.loop --tempo 126 --beats 20 --lead-in 0.5 --seed 3 --out loop.wav
"""

from __future__ import annotations

import argparse
from pathlib import Path

from data.generators.music.arrangement import Piece, compose_loop
from data.generators.music.encoding import write_json, write_wav
from data.generators.music.mixing import mix
from data.generators.music.score import BEATS_PER_EIGHT, Samples


def make_loop(tempo_bpm: float, beats: int, lead_in_s: float, seed: int) -> tuple[Samples, dict[str, object]]:
    """Return samples (frames, 2) at 44.1 kHz, one beat longer than the last beat's time, and their ground truth."""
    piece = compose_loop(tempo_bpm, beats, lead_in_s, seed)
    return mix(piece, piece.tempo.at(beats), seed), _truth(tempo_bpm, piece)


def _truth(tempo_bpm: float, piece: Piece) -> dict[str, object]:
    return {
        "tempo_bpm": tempo_bpm,
        "beats": [round(piece.tempo.at(beat), 4) for beat in range(piece.beats)],
        "counts": [beat % BEATS_PER_EIGHT + 1 for beat in range(piece.beats)],
    }


def main() -> None:
    """Write the loop requested on the command line."""
    parser = argparse.ArgumentParser(description="Write a bachata loop with the ground truth of its beats.")
    parser.add_argument("--tempo", type=float, required=True, help="beats per minute")
    parser.add_argument("--beats", type=int, required=True, help="number of beats, from the first count 1")
    parser.add_argument("--lead-in", type=float, default=0.5, help="seconds of music before the first count 1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="the WAV file; its JSON is written next to it")
    args = parser.parse_args()
    samples, truth = make_loop(args.tempo, args.beats, args.lead_in, args.seed)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_wav(args.out, samples)
    write_json(args.out.with_suffix(".json"), truth)


if __name__ == "__main__":
    main()
