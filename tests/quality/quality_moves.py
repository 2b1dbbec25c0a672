"""Measure detection, re-identification and joints of both dancers, and retrieval of similar moves by embedding.

python -m tests.quality.quality_moves [FOLDER] [--clips N] [--sheet PNG] [--fit]

FOLDER: clips below folders named after their category; without it, the clips of BACHATA_SHARED or of `shared` next to
the project. The demo clips are measured too. MediaPipe's own landmarker, set to two poses, is compared with ours on
every fifth frame. `--sheet`: where to draw frames to check by eye. `--fit`: compute the embedding's constants again.
Exits with 0 when every goal is met.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from agents.arrays import Floats
from agents.media.sampled_frames import sample_frames
from agents.move_indexing.dancers.dance import Dance, analyze_dance
from agents.move_indexing.dancers.detection_cache import ClipDetections, detect_dancers
from agents.move_indexing.dancers.detections import HIPS, midpoint
from agents.move_indexing.dancers.reidentify import Pair
from agents.move_indexing.dancers.tracks import RATE_HZ
from agents.move_indexing.motion import embedding
from agents.move_indexing.motion.embedding import embed
from agents.move_indexing.move_pictures.skeleton import BONES
from infra.settings import load_settings
from schemas.faults import Poison
from tests.paths import DEMO, SHARED
from tests.quality.clip_audio import tempo_and_embedding
from tests.quality.report import Goal, figure

WHO_IS_WHO = Path(__file__).with_name("who_is_who.json")
GOALS = {
    "both_dancers": Goal(0.75, at_least=True),
    "front_dancer": Goal(0.99, at_least=True),
    "both_dancers_demo": Goal(0.90, at_least=True),
    "swapped_share": Goal(0.01),
    "joint_error_share_of_height": Goal(0.03),
    "one_nn": Goal(0.40, at_least=True),
    "map": Goal(0.26, at_least=True),
}
SHUFFLES = 200
MEDIAPIPE_FRAME_STEP = 5
MAX_HIP_DISTANCE = 0.06  # of the picture's height, between detected and labelled hips
DEMO_LANDMARKS = (0, 11, 12, 15, 16, 23, 24, 25, 26, 27, 28)  # MediaPipe's numbers of the joints in joints.npz
COLOURS = ((0, 200, 255), (255, 70, 40))
TILE_SIZE, TILES_PER_CLIP, TILES_PER_ROW = (195, 270), 6, 12


@dataclass(frozen=True)
class Clip:
    """A clip with its detections and its audio analysis."""

    path: Path
    category: str
    detections: ClipDetections
    dance: Dance
    tempo_bpm: float
    audio: tuple[float, ...] | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--clips", type=int, help="maximum number of clips of each set")
    parser.add_argument("--sheet", type=Path, default=Path(tempfile.gettempdir()) / "bachata-moves.png")
    parser.add_argument("--fit", action="store_true")
    args = parser.parse_args()
    folder = args.folder or SHARED / "clips"
    real = list(_clips(sorted(folder.rglob("*.mp4"))[: args.clips]))
    if not real:
        sys.exit(f"no clips below {folder}: give a folder with clips")
    if args.fit:
        return embedding_constants(real)
    demo = list(_clips(sorted((DEMO / "clips").glob("*.mp4"))[: args.clips]))
    met = [*_dancers(real, demo), *_joints(demo), *_reidentification(real), *_retrieval(real)]
    _draw_sheet(real, args.sheet)
    sys.exit(0 if all(met) else 1)


def _figure(name: str, value: float) -> bool:
    return figure(name, value, GOALS[name], digits=4)


def _clips(paths: Sequence[Path]) -> Iterator[Clip]:
    for number, path in enumerate(paths, 1):
        print(f"{number}/{len(paths)} {path.stem}", file=sys.stderr, flush=True)
        try:
            yield _clip(path)
        except Poison as fault:
            sys.exit(f"{path} is rejected ({fault}), so the figures would not include it: remove it")


def _clip(path: Path) -> Clip:
    detections = detect_dancers(path, "fast", load_settings().pose_model)
    tempo, audio = tempo_and_embedding(path)
    return Clip(path, path.parent.name, detections, analyze_dance(detections.frames), tempo, audio)


def _dancers(real: Sequence[Clip], demo: Sequence[Clip]) -> Iterator[bool]:
    """Measure how often one and both are detected, also with short gaps filled, and by MediaPipe itself."""
    print("clip                          frames   one   both   gaps filled   MediaPipe's two poses")
    for clips, demo_set in ((real, ""), (demo, "_demo")):
        rows = np.array([_detection_shares(clip) for clip in clips])
        if not len(rows):
            continue
        one, both, filled, theirs = (np.average(rows[:, i], weights=rows[:, 0]) for i in range(1, 5))
        print(f"{'all' + demo_set:28} {rows[:, 0].sum():7.0f} {one:6.3f} {both:6.3f} {filled:8.3f} {theirs:15.3f}")
        yield _figure(f"both_dancers{demo_set}", both)
        if not demo_set:
            yield _figure("front_dancer", one)


def _detection_shares(clip: Clip) -> tuple[float, ...]:
    share, filled = clip.dance.dancers, float((clip.dance.lead.tracked & clip.dance.follow.tracked).mean())
    row = (float(len(clip.detections.frames)), share.one, share.both, filled, _two_by_mediapipe(clip.path))
    print(f"{clip.path.stem:28} {row[0]:7.0f} {row[1]:6.3f} {row[2]:6.3f} {row[3]:8.3f} {row[4]:15.3f}", flush=True)
    return row


def _two_by_mediapipe(path: Path) -> float:
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    base = BaseOptions(model_asset_path=str(load_settings().pose_model))
    found = []
    with vision.PoseLandmarker.create_from_options(
        vision.PoseLandmarkerOptions(base_options=base, num_poses=2)
    ) as landmarker:
        for number, frame in enumerate(sample_frames(path, RATE_HZ)):
            if number % MEDIAPIPE_FRAME_STEP == 0:
                image = mp.Image(image_format=mp.ImageFormat.SRGB, data=frame.rgb)
                found.append(_are_different(landmarker.detect(image).pose_landmarks))
    return float(np.mean(found))


def _are_different(poses: Any) -> bool:
    """Return whether there are two poses whose landmarks differ: median distance above 0.04 of the picture's height."""
    if len(poses) < 2:
        return False
    one, two = (np.array([(mark.x * 16 / 9, mark.y) for mark in pose]) for pose in poses)
    return bool(np.median(np.linalg.norm(one - two, axis=1)) > 0.04)


def _joints(demo: Sequence[Clip]) -> Iterator[bool]:
    """Measure the median error of the demo dancers' joints, in body heights."""
    truth_file = DEMO / "joints.npz"
    if not demo or not truth_file.is_file():
        return
    with np.load(truth_file, allow_pickle=False) as exact:
        errors = np.concatenate([_joint_errors(clip, exact[clip.path.stem] / 65535) for clip in demo])
    far = np.percentile(errors, 90)
    print(f"joints of the demo dancers, share of body height: median {np.median(errors):.4f}, 90 % below {far:.4f}")
    yield _figure("joint_error_share_of_height", float(np.median(errors)))


def _joint_errors(clip: Clip, truth: Floats) -> Floats:
    """Return the errors of all joints except the nose, whose definitions differ: (n,).

    `truth` is (frames, 2, 11, 2) in fractions of the picture.
    """
    truth = truth * clip.detections.size
    rows = []
    for frame, pair in zip(clip.detections.frames, clip.dance.pairs, strict=True):
        exact = truth[min(round(frame.time_s * 30), len(truth) - 1)]
        for dancer, joints in zip(pair, exact, strict=True):
            if dancer is not None:
                distances = np.linalg.norm(dancer.xy[list(DEMO_LANDMARKS[1:])] - joints[1:], axis=1)
                rows.append(distances / np.ptp(joints[:, 1]))
    return np.concatenate(rows)


def _reidentification(clips: Sequence[Clip]) -> Iterator[bool]:
    """Measure how often the dancers are swapped, by frames labelled by eye."""
    labels = json.loads(WHO_IS_WHO.read_text(encoding="utf-8"))
    counts = {clip.path.stem: _swaps(clip, labels[clip.path.stem]) for clip in clips if clip.path.stem in labels}
    if counts:
        wrong, checked = np.array(list(counts.values())).sum(axis=0)
        where = ", ".join(name for name, (swapped, _) in counts.items() if swapped) or "none"
        print(f"re-identification: of {checked} detections labelled by eye {wrong} are swapped ({where})")
        yield _figure("swapped_share", wrong / checked)


def _swaps(clip: Clip, labels: Sequence[Sequence[float]]) -> tuple[int, int]:
    """Return how many detections have the other dancer's identity, and of how many.

    A label is the time, the hips of one dancer and the hips of the other. As in measures of tracking, each label has
    one detection at most, and each detection one label: both may be nearest to the same one where hips are near each
    other.
    """
    times = np.array([frame.time_s for frame in clip.detections.frames])
    votes: list[bool] = []
    for time_s, *positions in labels:
        hips = np.array(positions, float).reshape(2, 2) * clip.detections.size
        pair = clip.dance.pairs[int(np.abs(times - time_s).argmin())]
        votes += _votes(_hip_distances(pair, hips) / clip.detections.size[1])
    wrong = sum(votes)
    return min(wrong, len(votes) - wrong), len(votes)


def _hip_distances(pair: Pair, hips: Floats) -> Floats:
    """Return the distance of each detection from each label, (2, 2), infinite where there is none."""
    found = [np.full(2, np.inf) if dancer is None else midpoint(dancer.xy, HIPS) for dancer in pair]
    distances: Floats = np.linalg.norm(np.array(found)[:, None] - hips, axis=2)
    return np.nan_to_num(distances, nan=np.inf)


def _votes(distances: Floats) -> list[bool]:
    """Return for each detection near the label that it is matched with whether that is the other dancer's."""
    near = distances < MAX_HIP_DISTANCE
    same, other = (np.minimum(d, MAX_HIP_DISTANCE).sum() for d in (np.diag(distances), np.diag(distances[:, ::-1])))
    count = np.diag(near).sum() if same <= other else np.diag(near[:, ::-1]).sum()
    return [bool(same > other)] * int(count)


def _retrieval(clips: Sequence[Clip]) -> Iterator[bool]:
    """Measure how often the nearest other clip is of the same category, and mean average precision."""
    categories = np.array([clip.category for clip in clips])
    if len(clips) < 3:
        return
    whole = np.array([embed(clip.dance, clip.tempo_bpm, clip.audio) for clip in clips])
    motion = np.array([embed(clip.dance, clip.tempo_bpm, None) for clip in clips])
    rng = np.random.default_rng(0)
    for name, vectors in (("whole embedding", whole), ("motion alone", motion)):
        shuffled = np.array([_scores(vectors, rng.permutation(categories)) for _ in range(SHUFFLES)])
        one_nn, precision = _scores(vectors, categories)
        high = np.percentile(shuffled, 95, axis=0)
        print(f"{name:16} 1-NN {one_nn:.3f}  mAP {precision:.3f}")
        print(f"{'shuffled labels':16} 1-NN {shuffled[:, 0].mean():.3f}  mAP {shuffled[:, 1].mean():.3f}"
              f"   (95 % below {high[0]:.3f}, {high[1]:.3f})")  # fmt: skip
    one_nn, precision = _scores(whole, categories)
    yield _figure("one_nn", one_nn)
    yield _figure("map", precision)


def _scores(vectors: Floats, categories: np.ndarray) -> tuple[float, float]:
    """Return leave-one-out 1-NN accuracy and mAP by cosine; mAP excludes clips without another of their category."""
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :-1]
    same = categories[order] == categories[:, None]
    counted = same[same.any(axis=1)]
    precision = counted.cumsum(axis=1) / np.arange(1, counted.shape[1] + 1)
    return float(same[:, 0].mean()), float(((precision * counted).sum(axis=1) / counted.sum(axis=1)).mean())


def embedding_constants(clips: Sequence[Clip]) -> None:
    embedding.fit_scales([(clip.dance, clip.tempo_bpm) for clip in clips])
    print(f"constants measured on {len(clips)} clips")


def _draw_sheet(clips: Sequence[Clip], target: Path) -> None:
    tiles = [tile for clip in clips for tile in _tiles(clip)]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % TILES_PER_ROW)
    rows = [np.hstack(tiles[i : i + TILES_PER_ROW]) for i in range(0, len(tiles), TILES_PER_ROW)]
    cv2.imwrite(str(target), np.vstack(rows)[:, :, ::-1])
    print(f"frames to check by eye: {target}")


def _tiles(clip: Clip) -> Iterator[np.ndarray]:
    wanted = set(np.linspace(0, len(clip.detections.frames) - 1, TILES_PER_CLIP + 2).astype(int)[1:-1].tolist())
    pairs = clip.dance.pairs
    for number, frame in enumerate(sample_frames(clip.path, RATE_HZ)):
        if number in wanted:
            yield _tile(frame.rgb.copy(), pairs[number], f"{clip.path.stem} {frame.time_s:.1f}")


def _tile(rgb: np.ndarray, pair: Pair, title: str) -> np.ndarray:
    for dancer, colour in zip(pair, COLOURS, strict=True):
        if dancer is None:
            continue
        for a, b in BONES:
            cv2.line(rgb, dancer.xy[a].astype(int).tolist(), dancer.xy[b].astype(int).tolist(), colour, 2, cv2.LINE_AA)
    side = rgb.shape[0] * TILE_SIZE[0] / TILE_SIZE[1]
    centres = [dancer.xy[:, 0].mean() for dancer in pair if dancer]
    left = int(np.clip((np.mean(centres) if centres else rgb.shape[1] / 2) - side / 2, 0, max(0, rgb.shape[1] - side)))
    tile = cv2.resize(np.ascontiguousarray(rgb[:, left : left + int(side)]), TILE_SIZE)
    return cv2.putText(tile, title, (2, 10), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 0, 0), 1)


if __name__ == "__main__":
    main()
