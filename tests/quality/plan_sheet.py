"""Draw a plan as a sheet of contact prints: the first and the last picture of each part, and the cut before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import cv2
import numpy as np

from agents.arrays import Image
from agents.media.pictures import pictures_at
from agents.sequence_planning.clip_runs import ClipRun, clip_runs
from schemas.audio_analyzed import clock
from tests.quality.plan_dances import Dance
from tests.quality.plan_library import Collection
from tests.quality.seams_sheet import tile

SIZE = (200, 260)  # of a picture at most, pixels
PER_ROW = 4
TEXT_PX, LINES, WIDTH_CHARACTERS = 15, 6, 54
BLACK, COLOURS = (
    (16, 16, 16),
    {"A": (60, 140, 60), "B": (90, 130, 40), "C": (150, 120, 30), "D": (180, 90, 30), "F": (190, 40, 40)},
)
_EARLY_S = 0.04  # a picture before the end


def write_sheet(named: tuple[str, Dance], collection: Collection, folder: Path) -> None:
    """Write a dance as FOLDER/COLLECTION-SONG.png, with an HTML page of the same name that lists its faults."""
    song, dance = named
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{collection.name}-{song}.png"
    prints = [_print(run, dance, collection) for run in clip_runs(dance.parts.parts)]
    cv2.imwrite(str(path), _rows(prints)[:, :, ::-1])
    path.with_suffix(".html").write_text(_page(song, dance, path.name), encoding="utf-8")
    print(f"drawn: {path}")


def _print(run: ClipRun, dance: Dance, collection: Collection) -> Image:
    """Return the pictures of a part beside each other, and its words below."""
    move = dance.scores.moves[run.part.clip]
    ends = (move.beats[run.part.first], max(0.0, move.beats[run.part.end] - _EARLY_S))
    pictures = [each.rgb for each in pictures_at(collection.paths[run.part.clip], ends)]
    if run.part.mirrored:
        pictures = [np.ascontiguousarray(rgb[:, ::-1]) for rgb in pictures]
    tiles = np.hstack([tile(rgb, SIZE, "") for rgb in pictures])
    right = 2 * SIZE[0] - tiles.shape[1]
    padded = cv2.copyMakeBorder(tiles, 0, 2, 0, right, cv2.BORDER_CONSTANT)
    return np.vstack([padded, _words(run, dance, 2 * SIZE[0])]).astype(np.uint8, copy=False)


def _words(run: ClipRun, dance: Dance, width: int) -> Image:
    seam = dance.sheet.seams[run.start - 1] if run.start else None
    image = np.full((TEXT_PX * LINES + 6, width, 3), COLOURS[seam.grade] if seam else BLACK, np.uint8)
    for number, line in enumerate(_lines(run, dance)[:LINES]):
        at = (4, TEXT_PX * (number + 1) - 3)
        cv2.putText(image, line, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return image


def _lines(run: ClipRun, dance: Dance) -> list[str]:
    """Return what is danced, and how well it follows what was danced before."""
    move, at = dance.scores.moves[run.part.clip], dance.music[run.start]
    beats = run.part.beats
    mirror = ", mirrored" if run.part.mirrored else ""
    seam = dance.sheet.seams[run.start - 1] if run.start else None
    words = f"{seam.grade}: {seam.reason}" if seam else "the first picture"
    lines = [
        f"{clock(dance.slots[run.start].times[0])} {at.label} ({at.rhythm}), {beats} beats",
        f"{move.name} from {move.beats[run.part.first]:.1f} s{mirror}",
        f"energy {at.energy:.2f}, of the clip {move.motion.energy if move.motion else 0:.2f} ({move.energy})",
    ]
    return lines + list(_wrapped(words.replace("→", "->")))


def _wrapped(text: str) -> Iterator[str]:
    line = ""
    for word in text.split():
        if len(line) + len(word) >= WIDTH_CHARACTERS:
            yield line
            line = ""
        line = f"{line} {word}".strip()
    yield line


def _rows(prints: Sequence[Image]) -> Image:
    rows = []
    for start in range(0, len(prints), PER_ROW):
        some = prints[start : start + PER_ROW]
        height = max(each.shape[0] for each in some)
        row = np.hstack(
            [cv2.copyMakeBorder(each, height - each.shape[0], 0, 0, 2, cv2.BORDER_CONSTANT) for each in some]
        )
        right = PER_ROW * (2 * SIZE[0] + 2) - row.shape[1]
        rows.append(cv2.copyMakeBorder(row, 0, 4, 0, right, cv2.BORDER_CONSTANT))
    return np.vstack(rows).astype(np.uint8, copy=False)


def _page(song: str, dance: Dance, picture: str) -> str:
    sheet = dance.sheet
    faults = "".join(
        f"<tr><td>{clock(fault.time_s)}</td><td>{fault.rule}</td><td>{fault.points:.2f}</td><td>{fault.amount:.2f}</td></tr>"
        for fault in sorted(sheet.faults, key=lambda fault: -fault.points)
    )
    return (
        f'<!doctype html><meta charset="utf-8"><title>{escape(song)}</title><h1>{escape(song)}</h1>'
        f"<p>score {sheet.score}, points {sheet.points:.1f}, broken gates {sheet.broken_gates}</p>"
        f'<img src="{escape(picture)}" alt="the parts of the dance">'
        f"<table><tr><th>time</th><th>rule</th><th>points</th><th>amount</th></tr>{faults}</table>"
    )
