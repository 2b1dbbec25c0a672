from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.arrays import Floats
from agents.move_indexing.dancers.detections import Detection, FrameDetections
from agents.move_indexing.dancers.reidentify import Pair, assign_identities
from tests.unit.move_indexing.bodies import BLUE, RED, standing


def _body(x: float, colour: Floats, y: float = 200.0, size: float = 60.0) -> Detection:
    return Detection(standing() * size + [x, y], np.zeros((33, 3)), colour)


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
        red, blue = _body(x, RED), _body(600 - x, BLUE, 220)
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


def test_height_identifies_dancers_in_equal_colours_when_motion_does_not() -> None:
    rng = np.random.default_rng(5)
    frames = []
    for i in range(40):  # seconds lie between the frames
        left, right = rng.permutation([300, 360])
        tall, small = _body(left, RED, size=66), _body(right, RED, size=58)
        frames.append(FrameDetections(3.0 * i, (tall, small) if rng.random() < 0.5 else (small, tall)))
    pairs = assign_identities(frames)
    heights = np.array([[np.ptp(dancer.xy[:, 1]) for dancer in pair if dancer is not None] for pair in pairs])
    assert heights.shape == (40, 2)
    assert len(set((heights[:, 0] > heights[:, 1]).tolist())) == 1


def test_a_dancer_who_is_alone_for_a_while_is_the_one_who_was_there() -> None:
    frames = []
    for i in range(60):
        shaded = RED - (18 if 25 <= i < 30 else 0)  # more like the other one
        one, other = _body(200 + i, shaded), _body(420, RED - 30)
        frames.append(FrameDetections(i / 10, (one,) if 15 <= i < 45 else (one, other)))
    pairs = assign_identities(frames)
    (index,) = {[dancer is not None and dancer.xy[0, 0] < 300 for dancer in pair].index(True) for pair in pairs}
    assert all(pair[1 - index] is None for pair in pairs[15:45])


def test_a_track_that_slid_to_the_partner_is_left_out() -> None:
    frames = []
    for i in range(40):
        one, other = _body(200 + i, RED), _body(330 + i, BLUE)
        slid = Detection(one.xy + np.where(np.arange(33) > 24, 40, 5)[:, None], one.world, BLUE)  # with other legs
        frames.append(FrameDetections(i / 10, (one, slid if 10 <= i < 16 else other)))
    pairs = assign_identities(frames)
    index = next(number for number, dancer in enumerate(pairs[0]) if dancer is frames[0].dancers[1])
    assert [i for i, pair in enumerate(pairs) if pair[index] is None] == list(range(10, 16))
    assert all(pair[1 - index] is frame.dancers[0] for pair, frame in zip(pairs, frames, strict=True))
