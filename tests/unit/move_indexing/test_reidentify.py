from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.arrays import Floats
from agents.move_indexing.dancers.detections import Detection, FrameDetections
from agents.move_indexing.dancers.reidentify import Pair, assign_identities
from tests.unit.move_indexing.bodies import BLUE, RED, standing


def _body(x: float, colour: Floats) -> Detection:
    return Detection(standing() * 60 + [x, 200], np.zeros((33, 3)), colour)


def _nose_x(detection: Detection | None) -> float:
    assert detection is not None
    return float(detection.xy[0, 0])


def _colours(pairs: list[Pair]) -> list[tuple[str | None, ...]]:
    return [tuple(None if d is None else ("red" if d.colour[0] > 100 else "blue") for d in pair) for pair in pairs]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from(["both", "both", "red", "blue", "none"])), min_size=4, max_size=40
    )
)
def test_colours_identify_the_dancers_in_any_order(cases: list[tuple[bool, str]]) -> None:
    cases = [(False, "both"), *cases]
    frames = []
    for i, (swap, visible) in enumerate(cases):
        x = 250 + 100 * np.sin(i / 5)  # they cross repeatedly
        red, blue = _body(x, RED), _body(600 - x, BLUE)
        dancers = {"both": [red, blue], "red": [red], "blue": [blue], "none": []}[visible]
        frames.append(FrameDetections(i / 10, tuple(dancers[::-1] if swap else dancers)))
    pairs = _colours(assign_identities(frames))
    assert len({pair.index("red") for pair in pairs if "red" in pair}) <= 1
    assert len({pair.index("blue") for pair in pairs if "blue" in pair}) <= 1
    assert all(len(f.dancers) == sum(d is not None for d in pair) for f, pair in zip(frames, pairs, strict=True))


def test_motion_identifies_dancers_in_equal_colours() -> None:
    rng = np.random.default_rng(3)
    frames = []
    for i in range(60):
        left, right = _body(150 + i, RED), _body(450 - i, RED)
        pair = (left, right) if rng.random() < 0.5 else (right, left)
        frames.append(FrameDetections(i / 10, pair))
    tracks = list(zip(*[(_nose_x(a), _nose_x(b)) for a, b in assign_identities(frames)], strict=True))
    assert all(np.abs(np.diff(track)).max() < 5 for track in tracks)


def test_unknown_colours_do_not_change_the_order() -> None:
    unknown = np.full(6, np.nan)
    frames = [FrameDetections(i / 10, (_body(200, unknown), _body(300, unknown))) for i in range(5)]
    assert [(_nose_x(a), _nose_x(b)) for a, b in assign_identities(frames)] == [(200.0, 300.0)] * 5


def test_frames_without_dancers_have_empty_pairs() -> None:
    assert assign_identities([FrameDetections(0.0, ()), FrameDetections(0.1, ())]) == [(None, None)] * 2
    assert assign_identities([]) == []
