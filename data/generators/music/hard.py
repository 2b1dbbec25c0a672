"""Generate songs that are hard to analyze (MP3) with exact ground truth (JSON), from a seed and a number of songs.

python -m data.generators.music.hard --out FOLDER --seed 5 --songs 12

Their tempi range from 95 to 180 BPM and drift; intros have rubato and slow down, verses and endings have no percussion,
breaks of one, two or four bars interrupt, guitars and voice mask the percussion, and some imitate old recordings.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from itertools import cycle
from pathlib import Path
from typing import get_args

import numpy as np

from data.generators.music.arrangement import Section, SongSpec, compose_song, song_truth
from data.generators.music.encoding import write_json, write_mp3
from data.generators.music.hardness import Hardness, Patterns
from data.generators.music.mixing import fade_out, mix
from data.generators.music.score import BEATS_PER_BAR, Rhythm

SEED, SONGS = 5, 12
MIN_TEMPO_BPM, MAX_TEMPO_BPM = 95.0, 180.0
_TAIL_S = 2.5
_KBPS = (64, 80, 96, 112, 128)
_CHORUSES: tuple[Rhythm, ...] = ("majao", "majao", "derecho")
_MAMBOS: tuple[Rhythm, ...] = ("mambo", "mambo", "majao")


def hard_songs(seed: int, count: int) -> list[SongSpec]:
    """Return `count` songs, slowest first."""
    return [
        _song(seed, number, float(tempo))
        for number, tempo in enumerate(np.linspace(MIN_TEMPO_BPM, MAX_TEMPO_BPM, count))
    ]


def _song(seed: int, number: int, tempo: float) -> SongSpec:
    rng = np.random.default_rng([seed, number])
    form = form_of(round(rng.uniform(84, 115) * tempo / 60 / BEATS_PER_BAR), rng)
    return SongSpec(
        name=f"hard{number + 1:02d}_{tempo:.0f}",
        tempo_bpm=round(tempo, 1),
        form=form,
        seed=int(rng.integers(2**31)),
        lead_s=round(float(rng.uniform(0, 2)), 2),
        drift=round(float(rng.uniform(0.005, 0.03)), 4),
        hardness=_hardness(number, form[0].rhythm == "none", rng),
    )


def _hardness(number: int, free_intro: bool, rng: np.random.Generator) -> Hardness:
    return Hardness(
        patterns=get_args(Patterns)[number % 3],
        rubato=0.05 if free_intro else 0.0,
        ritardando=0.04 if free_intro else 0.0,
        jitter_s=round(float(rng.uniform(0.012, 0.018)), 4),
        voice_jitter_s=0.025,
        percussion_db=-6.6,
        bass_db=-2.5,
        guitars_db=1.9,
        voice_db=5.6,
        early=0.35,
        off_accent=0.15,
        missing=0.45,
        lofi=number // 3 % 3 == number % 3,  # a third of the songs of each pattern
    )


def form_of(bars: int, rng: np.random.Generator) -> tuple[Section, ...]:
    """Return a form of about `bars` bars: an intro, parts in turn with breaks between them, an ending.

    Its length differs from `bars` by at most one section.
    """
    form = [_intro(rng)]
    for section in _parts(rng):
        if sum(part.bars for part in form) + section.bars > bars + 2:
            break
        form.append(section)
    ending: Rhythm = "none" if rng.random() < 0.4 else "derecho"
    return (*form, Section("outro", ending, 4))


def _intro(rng: np.random.Generator) -> Section:
    return Section("intro", "none" if rng.random() < 0.7 else "derecho", int(rng.choice((4, 8))))


def _parts(rng: np.random.Generator) -> Iterator[Section]:
    for label in cycle(("verse", "chorus", "mambo")):
        part = _part(label, rng)
        yield part
        if part.rhythm != "none" and rng.random() < 0.45:  # where only guitars play, no band can stop
            yield Section("break", "stop", int(rng.choice((1, 1, 2, 4))))


def _part(label: str, rng: np.random.Generator) -> Section:
    if label == "chorus":
        return Section(label, _CHORUSES[rng.integers(3)], 8)
    if label == "mambo":
        return Section(label, _MAMBOS[rng.integers(3)], int(rng.choice((8, 8, 12))))
    rhythm: Rhythm = "none" if rng.random() < 0.3 else "derecho"
    return Section(label, rhythm, 8 if rhythm == "none" else int(rng.choice((8, 12))), bars_per_chord=2)


def write_hard_song(spec: SongSpec, folder: Path) -> Path:
    """Write the song and its ground truth, and return the path of the MP3."""
    piece = compose_song(spec)
    duration_s = piece.tempo.at(spec.beats) + _TAIL_S
    kbps = _KBPS[spec.seed % len(_KBPS)]
    target = folder / f"{spec.name}.mp3"
    write_mp3(target, fade_out(mix(piece, duration_s, spec.seed, spec.hardness), 1.0), kbps, quick=True)
    recording = {"duration": round(duration_s, 3), "mp3_kbps": kbps, "hardness": asdict(spec.hardness)}
    write_json(target.with_suffix(".json"), song_truth(spec, piece) | recording)
    return target


def main() -> None:
    """Write the songs requested on the command line."""
    parser = argparse.ArgumentParser(description="Write bachata songs that are hard to analyze, with ground truth.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--songs", type=int, default=SONGS)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for spec in hard_songs(args.seed, args.songs):
        print(write_hard_song(spec, args.out), flush=True)


if __name__ == "__main__":
    main()
