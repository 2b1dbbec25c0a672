"""Measure whether a movement can be fitted to music by what the library's clips teach, beside the cosine of sounds.

python -m tests.quality.quality_fit [FOLDER] [--cache FOLDER]

FOLDER: has the folders `songs` and `clips`; without it, those of BACHATA_SHARED or of `shared` next to the project.
`--cache`: where indexed moves are kept for the next run, as of `quality_plan`.

A clip and its own sound are a true pair. The query is the second half of a clip's sound; the clip is to be found among
all clips, by the sound of its first half (cosine), or by its movement alone: a regression, fitted to the other clips,
tells which sound belongs to a movement. Exits with 0 when the cosine is at least as good.
"""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import av
import numpy as np
import soundfile

from agents.arrays import Floats
from agents.audio_analysis.analysis import analyze_music
from schemas.faults import Poison
from tests.quality.plan_library import Collection, shared_collection
from tests.quality.report import figure
from tests.quality.seam_clips import CACHE

_MOTION = 384
_PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_COMPONENTS, _CCA_PENALTY = (2, 4, 8), 0.1
_RATE_HZ = 44_100


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="folder with songs and clips (default: the shared one)")
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"folder of kept results (default {CACHE})")
    arguments = parser.parse_args()
    collection = shared_collection(arguments.folder, arguments.cache)
    sys.exit(0 if collection is not None and is_cosine_as_good(collection) else 1)


def is_cosine_as_good(collection: Collection) -> bool:
    """Print the figures, and return whether the cosine of sounds is at least as good as what is learned."""
    moves = {move.name: move for move in collection.moves}
    halves = _halves({move.name: collection.paths[move.clip.sha256] for move in collection.moves})
    names = sorted(halves)
    motion = np.array([moves[name].embedding[:_MOTION] for name in names])
    first, second = (np.array([halves[name][half] for name in names]) for half in (0, 1))
    print(f"clips {len(names)}, median rank by chance {(len(names) + 1) / 2:.1f}")
    cosine = second @ first.T
    _report("cosine of sounds", cosine)
    learned = _learned(motion, first, second)
    for name, similarity in learned.items():
        _report(name, similarity)
    best = min(learned.values(), key=lambda similarity: float(np.median(_ranks(similarity))))
    for weight in (0.1, 0.3):
        _report(f"cosine and {weight:g} of the best of these", cosine + weight * best)
    rank, learned_rank = (float(np.median(_ranks(similarity))) for similarity in (cosine, best))
    goal = f"<= {learned_rank:g}, learned"
    return figure("fit_cosine_median_rank", rank, goal, met=rank <= learned_rank, digits=1)


def _report(name: str, similarity: Floats) -> None:
    print(
        f"{name}: median rank {float(np.median(_ranks(similarity))):.1f}, "
        f"recall at 1 {_recall(similarity, 1):.2f}, at 5 {_recall(similarity, 5):.2f}"
    )


def _ranks(similarity: Floats) -> Floats:
    """Return the rank of each query's own clip, from 1. `similarity`: (queries, clips)."""
    own = np.diag(similarity)[:, None]
    ranks: Floats = 1.0 + (similarity > own).sum(axis=1)
    return ranks


def _recall(similarity: Floats, most: int) -> float:
    return float((_ranks(similarity) <= most).mean())


def _learned(motion: Floats, sound: Floats, queries: Floats) -> dict[str, Floats]:
    """Return the similarities of each query to each clip's predicted sound, by method: the clip is left out of its fit.

    Queries are compared with clips that are all predicted by the fit without the query's clip.
    """
    methods = {f"ridge {penalty:g}": partial(_ridge, penalty=penalty) for penalty in _PENALTIES}
    methods |= {f"cca {size}": partial(_cca, size=size) for size in _COMPONENTS}
    found = {}
    for name, fit in methods.items():
        rows = []
        for n in range(len(motion)):
            others = np.arange(len(motion)) != n
            compare = fit(motion[others], sound[others])
            rows.append(compare(queries[n], motion))
        found[name] = np.array(rows)
    return found


def _ridge(motion: Floats, sound: Floats, penalty: float) -> Callable[[Floats, Floats], Floats]:
    mean, mean_sound = motion.mean(0), sound.mean(0)
    x, y = motion - mean, sound - mean_sound
    dual = np.linalg.solve(x @ x.T + penalty * np.eye(len(x)), y)

    def compare(query: Floats, every: Floats) -> Floats:
        return _cosines(query - mean_sound, (every - mean) @ x.T @ dual)

    return compare


def _cca(motion: Floats, sound: Floats, size: int) -> Callable[[Floats, Floats], Floats]:
    mean, mean_sound = motion.mean(0), sound.mean(0)
    x, y = motion - mean, sound - mean_sound
    white_x, white_y = _whitening(x), _whitening(y)
    left, strengths, right = np.linalg.svd((x @ white_x).T @ (y @ white_y) / len(x))
    to_x, to_y = white_x @ left[:, :size] * strengths[:size], white_y @ right[:size].T * strengths[:size]

    def compare(query: Floats, every: Floats) -> Floats:
        return _cosines((query - mean_sound) @ to_y, (every - mean) @ to_x)

    return compare


def _whitening(values: Floats) -> Floats:
    _, scales, axes = np.linalg.svd(values / np.sqrt(len(values)), full_matrices=False)
    whitening: Floats = axes.T / np.sqrt(scales**2 + _CCA_PENALTY * scales.max() ** 2)
    return whitening


def _cosines(one: Floats, many: Floats) -> Floats:
    lengths = np.linalg.norm(many, axis=1) * np.linalg.norm(one)
    cosines: Floats = many @ one / np.maximum(lengths, 1e-12)
    return cosines


def _halves(paths: Mapping[str, Path]) -> dict[str, tuple[Floats, Floats]]:
    """Return the embeddings of both halves of each clip's sound, by the clip's name."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, path in sorted(paths.items()):
            samples = _sound(path)
            middle = len(samples) // 2
            try:
                file = Path(folder) / "half.wav"
                found[name] = (_embedding(samples[:middle], file), _embedding(samples[middle:], file))
            except Poison as fault:
                print(f"{name} is left out: {fault}")
    return found


def _embedding(samples: Floats, path: Path) -> Floats:
    soundfile.write(path, samples, _RATE_HZ)
    return np.array(analyze_music(path).embedding)


def _sound(path: Path) -> Floats:
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", _RATE_HZ)
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


if __name__ == "__main__":
    main()
