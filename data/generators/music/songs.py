"""Generate the two songs of the demo set (MP3) with their exact ground truth (JSON).

python -m data.generators.music.songs --out data/demo/songs
"""

from __future__ import annotations

import argparse
from pathlib import Path

from data.generators.music.arrangement import Section, SongSpec, compose_song, song_truth
from data.generators.music.encoding import write_json, write_mp3
from data.generators.music.mixing import fade_out, mix

KBPS = 96
_TAIL_S = 2.5
SONGS = (
    SongSpec(
        name="luna_124",
        tempo_bpm=124,
        seed=11,
        lead_s=0.6,
        form=(
            Section("intro", "none", 4),
            Section("verse", "derecho", 12, bars_per_chord=2),
            Section("chorus", "majao", 8),
            Section("mambo", "mambo", 8),
            Section("outro", "derecho", 4),
        ),
    ),
    SongSpec(
        name="orilla_132",
        tempo_bpm=132,
        seed=23,
        lead_s=1.1,
        drift=0.01,
        form=(
            Section("intro", "none", 4),
            Section("verse", "derecho", 8, bars_per_chord=2),
            Section("chorus", "majao", 8),
            Section("break", "stop", 2),
            Section("mambo", "mambo", 8),
            Section("chorus", "majao", 8),
            Section("outro", "derecho", 2),
        ),
    ),
)


def write_song(spec: SongSpec, folder: Path) -> Path:
    """Write the song and its ground truth, and return the path of the MP3."""
    piece = compose_song(spec)
    duration_s = piece.tempo.at(spec.beats) + _TAIL_S
    target = folder / f"{spec.name}.mp3"
    write_mp3(target, fade_out(mix(piece, duration_s, spec.seed), 1.0), KBPS)
    truth = song_truth(spec, piece) | {"duration": round(duration_s, 3), "mp3_kbps": KBPS}
    write_json(target.with_suffix(".json"), truth)
    return target


def main() -> None:
    """Write the demo songs into the folder given on the command line."""
    parser = argparse.ArgumentParser(description="Write the demo songs with their ground truth.")
    parser.add_argument("--out", type=Path, required=True)
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    for spec in SONGS:
        print(write_song(spec, folder))


if __name__ == "__main__":
    main()
