"""Are both dancers seen, who is who, where their joints are, and does the embedding find moves of the same kind?

python tests/quality/quality_moves.py [FOLDER] [--clips N] [--sheet PNG] [--fit]

FOLDER: clips below folders named after their category; without it, the clips of BACHATA_SHARED or of `shared` beside
the project. The demo clips are measured too. MediaPipe's own landmarker, asked for two poses, stands beside ours on
every fifth frame. `--sheet`: where to draw frames to check by eye. `--fit`: measure the embedding's constants anew.
Exits with 0 when every goal is met.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from agents.arrays import Floats  # noqa: E402
from agents.media.sampled_frames import sampled  # noqa: E402
from agents.move_indexing.dancers.dance import Dance, analyze_dance  # noqa: E402
from agents.move_indexing.dancers.detection_cache import ClipDetections, detect_dancers  # noqa: E402
from agents.move_indexing.dancers.detections import HIPS, middle  # noqa: E402
from agents.move_indexing.dancers.reidentify import Pair  # noqa: E402
from agents.move_indexing.dancers.tracks import RATE_HZ  # noqa: E402
from agents.move_indexing.motion import embedding  # noqa: E402
from agents.move_indexing.motion.embedding import embed  # noqa: E402
from agents.move_indexing.move_pictures.skeleton import BONES  # noqa: E402
from infra.settings import load_settings  # noqa: E402
from schemas.faults import Poison  # noqa: E402
from tests.quality.clips import heard, said  # noqa: E402

SHARED = Path(os.environ.get("BACHATA_SHARED") or ROOT.parent / "shared")
DEMO = ROOT / "data" / "demo"
BY_EYE = Path(__file__).with_name("who_is_who.json")
GOALS = {  # figure: (goal, whether more is better)
    "both_dancers": (0.75, True),
    "front_dancer": (0.99, True),
    "both_dancers_demo": (0.90, True),
    "swapped_share": (0.01, False),
    "joint_error_share_of_height": (0.03, False),
    "one_nn": (0.40, True),
    "map": (0.26, True),
}
SHUFFLES = 200
EVERY = 5
NEAR = 0.06  # of the picture's height, from the hips checked by eye
TOLD = (0, 11, 12, 15, 16, 23, 24, 25, 26, 27, 28)  # MediaPipe's numbers of the joints that the demo set tells
COLOURS = ((0, 200, 255), (255, 70, 40))
TILE, A_CLIP, A_ROW = (195, 270), 6, 12


@dataclass(frozen=True)
class Clip:
    """A clip that was looked at and heard."""

    path: Path
    category: str
    watched: ClipDetections
    dance: Dance
    tempo_bpm: float
    audio: tuple[float, ...] | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--clips", type=int, help="at most so many of each set")
    parser.add_argument("--sheet", type=Path, default=Path(tempfile.gettempdir()) / "bachata-moves.png")
    parser.add_argument("--fit", action="store_true")
    args = parser.parse_args()
    folder = args.folder or SHARED / "clips"
    real = list(_clips(sorted(folder.rglob("*.mp4"))[: args.clips]))
    if not real:
        sys.exit(f"no clips below {folder}: name a folder of clips")
    if args.fit:
        return embedding_constants(real)
    demo = list(_clips(sorted((DEMO / "clips").glob("*.mp4"))[: args.clips]))
    met = [*_dancers(real, demo), *_joints(demo), *_who_is_who(real), *_retrieval(real)]
    _draw_sheet(real, args.sheet)
    sys.exit(0 if all(met) else 1)


def figure(name: str, value: float) -> bool:
    return said(name, value, GOALS)


def _clips(paths: Sequence[Path]) -> Iterator[Clip]:
    for number, path in enumerate(paths, 1):
        print(f"{number}/{len(paths)} {path.stem}", file=sys.stderr, flush=True)
        try:
            yield _clip(path)
        except Poison as fault:
            sys.exit(f"{path} is refused ({fault}): no figure would count it")


def _clip(path: Path) -> Clip:
    seen = detect_dancers(path, "fast", load_settings().pose_model)
    tempo, audio = heard(path)
    return Clip(path, path.parent.name, seen, analyze_dance(seen.moments), tempo, audio)


def _dancers(real: Sequence[Clip], demo: Sequence[Clip]) -> Iterator[bool]:
    """How often one and both are found, and known with short gaps filled; and what MediaPipe itself finds."""
    print("clip                          frames   one   both   gaps filled   MediaPipe's two poses")
    for clips, demo_set in ((real, ""), (demo, "_demo")):
        rows = np.array([_found(clip) for clip in clips])
        if not len(rows):
            continue
        one, both, filled, theirs = (np.average(rows[:, i], weights=rows[:, 0]) for i in range(1, 5))
        print(f"{'all' + demo_set:28} {rows[:, 0].sum():7.0f} {one:6.3f} {both:6.3f} {filled:8.3f} {theirs:15.3f}")
        yield figure(f"both_dancers{demo_set}", both)
        if not demo_set:
            yield figure("front_dancer", one)


def _found(clip: Clip) -> tuple[float, ...]:
    share, filled = clip.dance.dancers, float((clip.dance.lead.seen & clip.dance.follow.seen).mean())
    row = (float(len(clip.watched.moments)), share.one, share.both, filled, _two_by_mediapipe(clip.path))
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
        for number, frame in enumerate(sampled(path, RATE_HZ)):
            if number % EVERY == 0:
                image = mp.Image(image_format=mp.ImageFormat.SRGB, data=frame.rgb)
                found.append(_are_two(landmarker.detect(image).pose_landmarks))
    return float(np.mean(found))


def _are_two(poses: Any) -> bool:
    """Median distance of like landmarks above 0.04 of the picture's height, as in the research."""
    if len(poses) < 2:
        return False
    one, two = (np.array([(mark.x * 16 / 9, mark.y) for mark in pose]) for pose in poses)
    return bool(np.median(np.linalg.norm(one - two, axis=1)) > 0.04)


def _joints(demo: Sequence[Clip]) -> Iterator[bool]:
    """Median distance of the demo dancers' joints from where they are, in body heights."""
    truth_file = DEMO / "joints.npz"
    if not demo or not truth_file.is_file():
        return
    with np.load(truth_file, allow_pickle=False) as told:
        errors = np.concatenate([_joint_errors(clip, told[clip.path.stem] / 65535) for clip in demo])
    far = np.percentile(errors, 90)
    print(f"joints of the demo dancers, share of body height: median {np.median(errors):.4f}, 90 % below {far:.4f}")
    yield figure("joint_error_share_of_height", float(np.median(errors)))


def _joint_errors(clip: Clip, truth: Floats) -> Floats:
    """Of all joints but the nose, which both see differently: (n,). `truth` (frames, 2, 11, 2) in shares."""
    truth = truth * clip.watched.size
    rows = []
    for moment, pair in zip(clip.watched.moments, clip.dance.pairs, strict=True):
        exact = truth[min(round(moment.time_s * 30), len(truth) - 1)]
        for dancer, place in zip(pair, exact, strict=True):
            if dancer is not None:
                off = np.linalg.norm(dancer.xy[list(TOLD[1:])] - place[1:], axis=1)
                rows.append(off / np.ptp(place[:, 1]))
    return np.concatenate(rows)


def _who_is_who(clips: Sequence[Clip]) -> Iterator[bool]:
    """Against frames checked by eye: how often a dancer carries the other's name."""
    told = json.loads(BY_EYE.read_text(encoding="utf-8"))
    counts = {clip.path.stem: _swaps(clip, told[clip.path.stem]) for clip in clips if clip.path.stem in told}
    if counts:
        wrong, checked = np.array(list(counts.values())).sum(axis=0)
        where = ", ".join(name for name, (swapped, _) in counts.items() if swapped) or "none"
        print(f"who is who: of {checked} sightings checked by eye {wrong} are swapped ({where})")
        yield figure("swapped_share", wrong / checked)


def _swaps(clip: Clip, told: Sequence[Sequence[float]]) -> tuple[int, int]:
    """Sightings nearer to the other's hips than to the own, and all. `told`: time, hips of one, hips of the other."""
    votes = []
    times = np.array([moment.time_s for moment in clip.watched.moments])
    pairs = clip.dance.pairs
    for time_s, *places in told:
        hips = np.array(places, float).reshape(2, 2) * clip.watched.size
        for who, dancer in enumerate(pairs[int(np.abs(times - time_s).argmin())]):
            off = [np.inf] if dancer is None else np.linalg.norm(hips - middle(dancer.xy, HIPS), axis=1)
            if np.nanmin(off) < NEAR * clip.watched.size[1]:
                votes.append(int(np.nanargmin(off)) != who)
    wrong = int(np.sum(votes))
    return min(wrong, len(votes) - wrong), len(votes)


def _retrieval(clips: Sequence[Clip]) -> Iterator[bool]:
    """How often the nearest other clip is of the same category, and mean average precision."""
    categories = np.array([clip.category for clip in clips])
    if len(clips) < 3:
        return
    whole = np.array([embed(clip.dance, clip.tempo_bpm, clip.audio) for clip in clips])
    motion = np.array([embed(clip.dance, clip.tempo_bpm, None) for clip in clips])
    rng = np.random.default_rng(0)
    for name, vectors in (("whole embedding", whole), ("motion alone", motion)):
        luck = np.array([_scores(vectors, rng.permutation(categories)) for _ in range(SHUFFLES)])
        one_nn, precision = _scores(vectors, categories)
        high = np.percentile(luck, 95, axis=0)
        print(f"{name:16} 1-NN {one_nn:.3f}  mAP {precision:.3f}")
        print(f"{'shuffled labels':16} 1-NN {luck[:, 0].mean():.3f}  mAP {luck[:, 1].mean():.3f}"
              f"   (95 % below {high[0]:.3f}, {high[1]:.3f})")  # fmt: skip
    one_nn, precision = _scores(whole, categories)
    yield figure("one_nn", one_nn)
    yield figure("map", precision)


def _scores(vectors: Floats, categories: np.ndarray) -> tuple[float, float]:
    """Leave-one-out 1-NN accuracy and mAP by cosine; clips without another of their category are left out of mAP."""
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -np.inf)
    order = np.argsort(-likeness, axis=1, kind="stable")[:, :-1]
    alike = categories[order] == categories[:, None]
    some = alike[alike.any(axis=1)]
    precision = some.cumsum(axis=1) / np.arange(1, some.shape[1] + 1)
    return float(alike[:, 0].mean()), float(((precision * some).sum(axis=1) / some.sum(axis=1)).mean())


def embedding_constants(clips: Sequence[Clip]) -> None:
    embedding.fit([(clip.dance, clip.tempo_bpm) for clip in clips])
    print(f"constants measured on {len(clips)} clips")


def _draw_sheet(clips: Sequence[Clip], target: Path) -> None:
    tiles = [tile for clip in clips for tile in _tiles(clip)]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % A_ROW)
    rows = [np.hstack(tiles[i : i + A_ROW]) for i in range(0, len(tiles), A_ROW)]
    cv2.imwrite(str(target), np.vstack(rows)[:, :, ::-1])
    print(f"frames to check by eye: {target}")


def _tiles(clip: Clip) -> Iterator[np.ndarray]:
    wanted = set(np.linspace(0, len(clip.watched.moments) - 1, A_CLIP + 2).astype(int)[1:-1].tolist())
    pairs = clip.dance.pairs
    for number, frame in enumerate(sampled(clip.path, RATE_HZ)):
        if number in wanted:
            yield _tile(frame.rgb.copy(), pairs[number], f"{clip.path.stem} {frame.time_s:.1f}")


def _tile(rgb: np.ndarray, pair: Pair, title: str) -> np.ndarray:
    for dancer, colour in zip(pair, COLOURS, strict=True):
        if dancer is None:
            continue
        for a, b in BONES:
            cv2.line(rgb, dancer.xy[a].astype(int).tolist(), dancer.xy[b].astype(int).tolist(), colour, 2, cv2.LINE_AA)
    side = rgb.shape[0] * TILE[0] / TILE[1]
    seen = [dancer.xy[:, 0].mean() for dancer in pair if dancer]
    left = int(np.clip((np.mean(seen) if seen else rgb.shape[1] / 2) - side / 2, 0, max(0, rgb.shape[1] - side)))
    tile = cv2.resize(np.ascontiguousarray(rgb[:, left : left + int(side)]), TILE)
    return cv2.putText(tile, title, (2, 10), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 0, 0), 1)


if __name__ == "__main__":
    main()
