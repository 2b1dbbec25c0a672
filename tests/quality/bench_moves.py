"""What indexing costs and what its embedding finds again, on real clips.

python tests/quality/bench_moves.py speed [CLIP...]   CPU seconds per clip second and peak memory, without mezzanine
python tests/quality/bench_moves.py retrieval         leave-one-out 1-NN by category beside shuffled labels
python tests/quality/bench_moves.py fit               measure agents/move_indexing/scales.json anew

Without clips named, those below BACHATA_SHARED (or ../shared) are taken.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from agents.audio_analysis.analysis import analyze  # noqa: E402
from agents.move_indexing.motion import embedding  # noqa: E402
from agents.move_indexing.dancers.dance import Dance, watch  # noqa: E402
from agents.move_indexing.motion.embedding import embed, features  # noqa: E402
from agents.move_indexing.dancers.pose import DancerFinder  # noqa: E402
from agents.move_indexing.dancers.sightings import Floats  # noqa: E402
from infra.settings import load_settings  # noqa: E402
from schemas.audio_analyzed import AudioAnalysis  # noqa: E402

SHARED = Path(os.environ.get("BACHATA_SHARED") or ROOT.parent / "shared")
CPU_GOAL, RSS_GOAL_MB = 0.7, 1200
BOTH_GOAL = {"real": 0.6, "rendered": 0.9}
USUAL_TEMPO = 125.0
SHUFFLES = 200


def real_clips() -> list[Path]:
    return sorted((SHARED / "clips").rglob("*.mp4"))


def rendered_clips() -> list[Path]:
    return sorted((SHARED / "prototypes" / "dancers" / "clips").glob("*.mp4"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "retrieval", "fit"))
    parser.add_argument("clips", nargs="*", type=Path)
    args = parser.parse_args()
    {"speed": speed, "retrieval": retrieval, "fit": fit}[args.what](args.clips)


def speed(clips: list[Path]) -> None:
    """Every seventh real clip and the first two rendered ones, each watched and heard."""
    with DancerFinder(load_settings().pose_model):
        pass  # a worker's process has its libraries loaded
    chosen = {"real": clips or real_clips()[::7], "rendered": [] if clips else rendered_clips()[:2]}
    for kind, paths in chosen.items():
        rows = [measured(path) for path in paths]
        if rows:
            seconds, spent, both, frames = (sum(column) for column in zip(*rows, strict=True))
            if kind == "real":
                figure("cpu_s_per_clip_s", spent / seconds, CPU_GOAL, spent / seconds <= CPU_GOAL)
            figure(f"both_dancers_{kind}", both / frames, BOTH_GOAL[kind], both / frames >= BOTH_GOAL[kind])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figure("peak_rss_mb", peak, RSS_GOAL_MB, peak <= RSS_GOAL_MB)


def measured(path: Path) -> tuple[float, float, float, float]:
    """Clip seconds, CPU seconds, frames with both dancers, frames."""
    begun = time.process_time()
    dance = watch(path, load_settings().pose_model, length_s := duration_s(path))
    watched = time.process_time() - begun
    analysis = heard(path)
    embed(dance, analysis.tempo_bpm if analysis else USUAL_TEMPO, analysis.embedding if analysis else None)
    spent = time.process_time() - begun
    share = dance.dancers
    cost = f"{spent / length_s:.3f} CPU s per clip s ({watched / length_s:.3f} of it watching)"
    print(f"{path.stem:28} {length_s:5.1f} s  one {share.one:.2f}  both {share.both:.2f}  {cost}", flush=True)
    frames = len(dance.front.times)
    return length_s, spent, share.both * frames, float(frames)


def retrieval(clips: list[Path]) -> None:
    """How often the nearest other clip is of the same category."""
    paths = clips or real_clips()
    vectors = {"both parts": [], "motion": []}
    for dance, analysis in dances(paths):
        tempo = analysis.tempo_bpm if analysis else USUAL_TEMPO
        vectors["both parts"].append(embed(dance, tempo, analysis.embedding if analysis else None))
        vectors["motion"].append(embed(dance, tempo, None))
    categories = np.array([path.parent.name for path in paths])
    for name, rows in vectors.items():
        found, chance = nearest_alike(np.array(rows), categories), shuffled(np.array(rows), categories)
        by_luck = float(np.percentile(chance, 95))
        figure(f"one_nn_{name.replace(' ', '_')}", found, round(by_luck, 3), found > by_luck)
        print(f"shuffled labels: mean {chance.mean():.3f}, 95th percentile {by_luck:.3f}")


def nearest_alike(vectors: Floats, categories: np.ndarray) -> float:
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -np.inf)
    return float((categories[likeness.argmax(axis=1)] == categories).mean())


def shuffled(vectors: Floats, categories: np.ndarray) -> Floats:
    rng = np.random.default_rng(0)
    return np.array([nearest_alike(vectors, rng.permutation(categories)) for _ in range(SHUFFLES)])


def fit(clips: list[Path]) -> None:
    """Median and 1.4826 MAD of every feature; where a feature hardly differs, its standard deviation."""
    paths = clips or [*real_clips(), *rendered_clips()]
    rows = np.array([features(d, a.tempo_bpm if a else USUAL_TEMPO) for d, a in dances(paths)])
    median = np.nanmedian(rows, axis=0)
    deviation = 1.4826 * np.nanmedian(np.abs(rows - median), axis=0)
    deviation = np.maximum(np.where(deviation > 1e-6, deviation, np.nanstd(rows, axis=0)), 1e-6)
    told = {"median": rounded(median), "deviation": rounded(deviation)}
    (Path(embedding.__file__).with_name("scales.json")).write_text(json.dumps(told) + "\n", encoding="utf-8")
    print(f"{len(rows)} clips, {rows.shape[1]} features")


def rounded(values: Floats) -> list[float]:
    return [float(f"{value:.5g}") for value in values]


def dances(paths: list[Path]) -> Iterator[tuple[Dance, AudioAnalysis | None]]:
    for number, path in enumerate(paths, 1):
        print(f"{number}/{len(paths)} {path.stem}", file=sys.stderr, flush=True)
        yield watch(path, load_settings().pose_model, duration_s(path)), heard(path)


def heard(path: Path) -> AudioAnalysis | None:
    import av

    with av.open(str(path)) as container:
        silent = not container.streams.audio
    return None if silent else analyze(path)


def duration_s(path: Path) -> float:
    import av

    with av.open(str(path)) as container:
        return (container.duration or 0) / 1_000_000


def figure(name: str, value: float, goal: float, met: bool) -> None:
    print(f"figure {name} = {value:.3f} (goal {goal:g}) {'met' if met else 'missed'}", flush=True)


if __name__ == "__main__":
    main()
