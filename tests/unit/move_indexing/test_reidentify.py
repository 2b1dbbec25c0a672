from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.arrays import Floats
from agents.move_indexing.dancers.detections import Detection, FrameDetections
from agents.move_indexing.dancers.reidentify import Pair, assign
from tests.unit.move_indexing.bodies import BLUE, RED, standing


def _body(x: float, colour: Floats) -> Detection:
    return Detection(standing() * 60 + [x, 200], np.zeros((33, 3)), colour)


def _nose_x(detection: Detection | None) -> float:
    assert detection is not None
    return float(detection.xy[0, 0])


def _colours(pairs: list[Pair]) -> list[tuple[str | None, ...]]:
    return [tuple(None if s is None else ("red" if s.colour[0] > 100 else "blue") for s in pair) for pair in pairs]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from(["both", "both", "red", "blue", "none"])), min_size=4, max_size=40
    )
)
def test_colours_name_the_dancers_whoever_is_in_front(frames: list[tuple[bool, str]]) -> None:
    frames = [(False, "both"), *frames]
    moments = []
    for i, (swap, who) in enumerate(frames):
        x = 250 + 100 * np.sin(i / 5)  # they cross again and again
        red, blue = _body(x, RED), _body(600 - x, BLUE)
        seen = {"both": [red, blue], "red": [red], "blue": [blue], "none": []}[who]
        moments.append(FrameDetections(i / 10, tuple(seen[::-1] if swap else seen)))
    named = _colours(assign(moments))
    assert len({pair.index("red") for pair in named if "red" in pair}) <= 1
    assert len({pair.index("blue") for pair in named if "blue" in pair}) <= 1
    assert all(len(m.dancers) == sum(s is not None for s in pair) for m, pair in zip(moments, named, strict=True))


def test_motion_names_dancers_dressed_alike() -> None:
    rng = np.random.default_rng(3)
    moments = []
    for i in range(60):
        left, right = _body(150 + i, RED), _body(450 - i, RED)
        pair = (left, right) if rng.random() < 0.5 else (right, left)
        moments.append(FrameDetections(i / 10, pair))
    tracks = list(zip(*[(_nose_x(a), _nose_x(b)) for a, b in assign(moments)], strict=True))
    assert all(np.abs(np.diff(track)).max() < 5 for track in tracks)


def test_colours_that_cannot_be_seen_do_no_harm() -> None:
    unseen = np.full(6, np.nan)
    moments = [FrameDetections(i / 10, (_body(200, unseen), _body(300, unseen))) for i in range(5)]
    assert [(_nose_x(a), _nose_x(b)) for a, b in assign(moments)] == [(200.0, 300.0)] * 5  # the order never changes


def test_nobody_is_nobody() -> None:
    assert assign([FrameDetections(0.0, ()), FrameDetections(0.1, ())]) == [(None, None)] * 2
    assert assign([]) == []
