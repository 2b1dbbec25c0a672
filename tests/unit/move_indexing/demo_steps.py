"""Build the tracks of the demo couple from the exact positions of its joints."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.dancers.dance import Dance
from agents.move_indexing.dancers.tracks import RATE_HZ, Track
from schemas.move_indexed import Dancers
from tests.paths import DEMO

# BlazePose's landmarks of the 11 joints; heels and toes are at the ankles.
_JOINTS = {0: 0, 11: 1, 12: 2, 15: 3, 16: 4, 23: 5, 24: 6, 25: 7, 26: 8, 27: 9, 28: 10, 29: 9, 30: 10, 31: 9, 32: 10}
_SIZE = np.array([960.0, 540.0])


@dataclass(frozen=True)
class DemoSteps:
    """The dancers of a demo clip, its exact beats and their counts."""

    dance: Dance
    beats: tuple[float, ...]
    counts: tuple[int, ...]


@cache
def demo_steps(clip: str) -> DemoSteps:
    """Return the dancers of a demo clip as if each were detected exactly."""
    facts = json.loads((DEMO / "clips" / f"{clip}.json").read_text())
    with np.load(DEMO / "joints.npz") as arrays:
        joints = arrays[clip] / 65535 * _SIZE
    lead, follow = (_track(joints[:, dancer], facts["fps"]) for dancer in (0, 1))
    return DemoSteps(Dance(lead, lead, follow, Dancers(one=1, both=1)), tuple(facts["beats"]), tuple(facts["counts"]))


def _track(joints: Floats, fps: float) -> Track:
    xy = joints[:: round(fps / RATE_HZ), [_JOINTS.get(landmark, 0) for landmark in range(33)]]
    world = np.concatenate([xy / 300, np.zeros((*xy.shape[:2], 1))], axis=2)
    return Track(np.arange(len(xy)) / RATE_HZ, xy, world, np.ones(len(xy), bool))
