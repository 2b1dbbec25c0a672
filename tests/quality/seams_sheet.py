"""Draw the pictures on which boundaries and counts are labelled by eye.

python -m tests.quality.seams_sheet [CLIPS_FOLDER] --out FOLDER [--only TEXT] [--cache FOLDER]

CLIPS_FOLDER: the labelled clips below it; without it, those of BACHATA_SHARED or of `shared` next to the project.
For each boundary of labelled_boundaries.json FOLDER/boundaries/CLIP@SECONDS.png: five pictures of the couple, from half
a second before until half a second after, and nine of their feet. For each entry of labelled_counts.json
FOLDER/counts/CLIP@SECONDS.png: the couple and their feet on nine beats, and half a beat after each.
labelled_boundaries.md says by which rules they are labelled.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from agents.arrays import Image
from agents.media.pictures import pictures_at
from tests.quality.seam_clips import SeamClip, add_clip_arguments, counted, labelled_clips
from tests.quality.seam_labels import BoundaryLabel, CountLabel, boundary_labels, count_labels

BODY_OFFSETS_S = (-0.5, -0.25, 0.0, 0.25, 0.5)
FEET_OFFSETS_S = tuple(step / 8 for step in range(-4, 5))
AROUND_S = 0.8  # of a moment, in which the couple is to stay inside the crop
BODY_SIZE, FEET_SIZE = (280, 460), (280, 210)
BEAT_BODY_SIZE, BEAT_FEET_SIZE = (172, 300), (172, 110)
FEET_FROM = 0.7  # of the crop's height
OUTLIERS_PERCENT = 0.5  # of the landmarks, at each end
MARGIN = (0.10, 0.08)  # of the couple's width and height
HEADER_PX = 24


@dataclass(frozen=True)
class Crop:
    """The part of a clip's pictures in which the couple is during some time, in shares of width and height."""

    left: float
    top: float
    right: float
    bottom: float

    def of(self, rgb: Image) -> Image:
        """Return the part of a picture."""
        height, width = rgb.shape[:2]
        return rgb[int(self.top * height) : int(self.bottom * height), int(self.left * width) : int(self.right * width)]


def crop_of(clip: SeamClip, from_s: float, to_s: float) -> Crop:
    """Return where the couple is between two times; the whole picture where nobody is detected."""
    found = [
        dancer.xy for frame in clip.detections.frames if from_s <= frame.time_s <= to_s for dancer in frame.dancers
    ]
    if not found:
        return Crop(0, 0, 1, 1)
    points = np.concatenate(found) / clip.detections.size
    low, high = np.percentile(points, (OUTLIERS_PERCENT, 100 - OUTLIERS_PERCENT), axis=0)
    margin = (high - low) * MARGIN + 0.01
    (left, top), (right, bottom) = np.clip(low - margin, 0, 1), np.clip(high + margin, 0, 1)
    return Crop(float(left), float(top), float(right), float(bottom))


def boundary_picture(clip: SeamClip, label: BoundaryLabel) -> Image:
    """Return the couple and their feet around a boundary."""
    crop = crop_of(clip, label.time_s - AROUND_S, label.time_s + AROUND_S)
    times = [max(0.0, label.time_s + offset) for offset in FEET_OFFSETS_S]
    crops = dict(zip(FEET_OFFSETS_S, (crop.of(each.rgb) for each in pictures_at(clip.path, times)), strict=True))
    bodies = [tile(crops[offset], BODY_SIZE, f"{offset:+.2f} s") for offset in BODY_OFFSETS_S]
    feet = [tile(feet_of(picture), FEET_SIZE, f"{offset:+.3f}") for offset, picture in crops.items()]
    rows = [np.hstack(tiles) for tiles in (bodies, feet[:5], feet[5:])]
    return stacked(f"{clip.name}@{label.time_s:.2f}", rows)


def count_picture(clip: SeamClip, label: CountLabel) -> Image:
    """Return the couple and their feet on nine beats, and half a beat after each."""
    beats = label.beats_s
    ends = [*beats[1:], 2 * beats[-1] - beats[-2]]
    crop = crop_of(clip, beats[0] - 0.2, ends[-1])
    times = [time_s for beat, end in zip(beats, ends, strict=True) for time_s in (beat, (beat + end) / 2)]
    crops = [crop.of(each.rgb) for each in pictures_at(clip.path, times)]
    rows = []
    for half, title in enumerate(("beat {}", "{} and a half")):
        pictures = crops[half::2]
        rows.append(np.hstack([tile(rgb, BEAT_BODY_SIZE, title.format(n)) for n, rgb in enumerate(pictures)]))
        rows.append(np.hstack([tile(feet_of(rgb), BEAT_FEET_SIZE, "") for rgb in pictures]))
    return stacked(f"{clip.name}, beats 0-{len(beats) - 1} at {', '.join(f'{beat:.2f}' for beat in beats)} s", rows)


def feet_of(rgb: Image) -> Image:
    """Return the lower part of a crop."""
    return rgb[int(FEET_FROM * rgb.shape[0]) :]


def tile(rgb: Image, size: tuple[int, int], title: str) -> Image:
    """Return a picture as large as fits into a size, with a title in its corner."""
    scale = min(size[0] / rgb.shape[1], size[1] / rgb.shape[0])
    width, height = (max(1, round(side * scale)) for side in (rgb.shape[1], rgb.shape[0]))
    resized = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
    return written(np.ascontiguousarray(resized, np.uint8), title)


def written(rgb: Image, text: str) -> Image:
    """Write a text into the upper left corner of a picture, and return it."""
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 0), 1)):
        cv2.putText(rgb, text, (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, thickness, cv2.LINE_AA)
    return rgb


def stacked(title: str, rows: Sequence[Image]) -> Image:
    """Return rows of pictures below a title, as wide as the widest."""
    width = max(row.shape[1] for row in rows)
    header = written(np.zeros((HEADER_PX, width, 3), np.uint8), title)
    padded = [cv2.copyMakeBorder(row, 2, 2, 0, width - row.shape[1], cv2.BORDER_CONSTANT) for row in rows]
    return np.vstack([header, *padded]).astype(np.uint8, copy=False)


def drawn(clip: SeamClip, only: str) -> Iterator[tuple[str, Image]]:
    """Yield the name and the pictures of each label of a clip whose name has the text `only`."""
    for boundary in boundary_labels():
        name = f"{clip.name}@{boundary.time_s:.2f}"
        if boundary.clip == clip.name and only in name:
            yield f"boundaries/{name}.png", boundary_picture(clip, boundary)
    for count in count_labels():
        name = f"{clip.name}@{count.beats_s[0]:.2f}"
        if count.clip == clip.name and only in name:
            yield f"counts/{name}.png", count_picture(clip, count)


def write(clip: SeamClip, only: str, folder: Path) -> int:
    """Write the pictures of a clip, and return how many."""
    return [cv2.imwrite(str(folder / name), rgb[:, :, ::-1]) for name, rgb in drawn(clip, only)].count(True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_clip_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--only", default="", help="draw the pictures whose names have this text")
    args = parser.parse_args()
    names = sorted({label.clip for label in boundary_labels()} | {label.clip for label in count_labels()})
    clips = labelled_clips(args.folder, [name for name in names if args.only.partition("@")[0] in name], args.cache)
    for folder in ("boundaries", "counts"):
        (args.out / folder).mkdir(parents=True, exist_ok=True)
    many = sum(write(clip, args.only, args.out) for clip in counted(clips))
    print(f"{many} pictures in {args.out}")
    sys.exit(0 if many else 1)


if __name__ == "__main__":
    main()
