"""Build the tracks of the demo couple from the motion that its pictures are drawn from, as if detection were exact."""

from __future__ import annotations

from functools import cache

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.dancers.tracks import RATE_HZ, Track
from data.generators.couple.boundaries import couple_of
from data.generators.couple.boundary_state import moment
from data.generators.couple.camera import DEMO_CAMERA
from data.generators.couple.catalogue import CLIPS
from data.generators.couple.clip import Timing
from data.generators.couple.film import FPS
from data.generators.couple.skeleton import Bones, Skeleton
from tests.unit.demo.stick_figures import stick_figure

SIZE = np.array([960.0, 540.0])
_BODIES = stick_figure("lead"), stick_figure("follow")
_NONE = (0.0, 0.0, 0.0)
# BlazePose's left landmarks, by bone and offset in metres in the bone's frame, which is mirrored for the right ones.
_SIDES: dict[int, tuple[str, tuple[float, float, float]]] = {
    **dict.fromkeys((1, 2, 3), ("head", (0.03, 0.08, 0.09))),
    7: ("head", (0.07, 0.06, 0.0)),
    9: ("head", (0.02, 0.02, 0.09)),
    11: ("upperarm", _NONE),
    13: ("lowerarm", _NONE),
    15: ("hand", _NONE),
    17: ("pinky_01", _NONE),
    19: ("index_01", _NONE),
    21: ("thumb_02", _NONE),
    23: ("thigh", _NONE),
    25: ("calf", _NONE),
    27: ("foot", _NONE),
    29: ("foot", (0.0, -0.05, -0.05)),
    31: ("ball", (0.0, 0.0, 0.06)),
}
_NOSE = ("head", (0.0, 0.06, 0.11))


@cache
def demo_tracks(clip: str) -> tuple[Track, Track]:
    """Return the tracks of the lead and of the follow of a demo clip."""
    spec = next(spec for spec in CLIPS if spec.name == clip)
    couple, timing = couple_of(spec, _BODIES), Timing(spec.tempo_bpm)
    times = np.arange(0.0, timing.frames / FPS, 1 / RATE_HZ)
    moments = [moment(couple, timing.count(float(time_s))) for time_s in times]
    lead, follow = (np.array([_landmarks(_BODIES[dancer], now.bones[dancer]) for now in moments]) for dancer in (0, 1))
    return _track(times, lead), _track(times, follow)


def _track(times: Floats, points: Floats) -> Track:
    """Return a track of points in metres, (n, 33, 3), x to the right edge of the picture, y up, z to the camera."""
    xy = np.array([DEMO_CAMERA.project(frame) for frame in points]) * SIZE
    from_hips = points - points[:, 23:25].mean(axis=1, keepdims=True)
    return Track(times, xy, from_hips * (1, -1, -1), np.ones(len(times), bool))


def _landmarks(body: Skeleton, bones: Bones) -> Floats:
    """Return BlazePose's landmarks of a posed body, (33, 3) in metres."""
    points = np.zeros((33, 3))
    points[0] = _point(body, bones, *_NOSE)
    for landmark, (bone, offset) in _SIDES.items():
        points[landmark] = _point(body, bones, _named(body, bone, "l"), offset)
        mirrored = (-offset[0], offset[1], offset[2])
        points[_right_of(landmark)] = _point(body, bones, _named(body, bone, "r"), mirrored)
    return points


def _right_of(landmark: int) -> int:
    return landmark + 3 if landmark <= 3 else landmark + 1


def _named(body: Skeleton, bone: str, side: str) -> str:
    return bone if bone in body.number else f"{bone}_{side}"


def _point(body: Skeleton, bones: Bones, bone: str, offset: tuple[float, float, float]) -> Floats:
    number = body.number[bone]
    point: Floats = bones.positions[number] + bones.rotations[number] @ np.array(offset)
    return point
