"""The windows of a clip: where its pictures begin and end, and the holes between them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agents.media.decode import open_video
from agents.media.probe import probe
from agents.media.sampled_frames import sample_frames
from agents.media.windows import mean_fps_of, windows_of
from schemas.faults import Poison
from tests.odd_media import windows as odd
from tests.odd_media.marked import FPS, small_original
from tests.odd_media.patched import moved
from tests.odd_media.writer import Sound, Video, write
from tests.unit.media.media_builders import write_clip

Spans = list[tuple[float, float]]


def spans_of(path: Path) -> Spans:
    """Return the windows of a clip as (start, end), seconds."""
    intact: list[float] = []
    for _ in sample_frames(path, 5.0, intact.append):
        pass
    return [(window.start_s, window.end_s) for window in windows_of(intact)]


@pytest.mark.parametrize(
    ("make", "spans"),
    [
        (lambda path: odd.with_pictures(path, small_original(), (1.5, 5.4)), [(1.5, 5.4)]),
        (lambda path: odd.with_pictures(path, small_original(), (0, 3.6)), [(0, 3.6)]),
        (lambda path: odd.with_late_sound(path, small_original(), 1.2), [(0, 5.4)]),
        (lambda path: odd.with_pictures(path, small_original(), (0, 2), (4, 5.4)), [(0, 2), (4, 5.4)]),
        (
            lambda path: odd.with_pictures(path.with_suffix(".mkv"), small_original(), (0, 2), (4, 5.4)),
            [(0, 2), (4, 5.4)],
        ),
        (lambda path: odd.without_first_keyframe(path, small_original()), [(1, 5.4)]),
        # The damage ends at 3.4 s, and the next keyframe is at 4 s.
        (lambda path: odd.damaged(path, small_original(), 1.8, 3.4), [(0, 1.8), (4, 5.4)]),
        # The only keyframe is before the start.
        (
            lambda path: moved(odd.with_pictures(path.with_stem("whole"), small_original(), (0, 9)), path, -1.0),
            [(0, 4.4)],
        ),
    ],
    ids=["late picture", "early end", "late sound", "pause", "pause in mkv", "no first keyframe", "damage", "cut"],
)
def test_a_window_is_where_pictures_decode(make: Callable[[Path], Path], spans: Spans, tmp_path: Path) -> None:
    path = make(tmp_path / "clip.mp4")
    # Matroska rounds to 1 ms and begins with the sound's first packet; near damage the decoder's delay costs frames.
    np.testing.assert_allclose(spans_of(path), spans, atol=0.14)


def test_the_rate_of_a_clip_with_a_pause_is_that_of_its_pictures(tmp_path: Path) -> None:
    facts = probe(odd.with_pictures(tmp_path / "clip.mp4", small_original(), (0, 2), (4, 5.4)), "video")
    assert facts.fps == pytest.approx(FPS, rel=0.01)
    assert facts.duration_s == pytest.approx(5.4, abs=0.01)


@pytest.mark.parametrize("fps", [240, 480])
def test_clips_of_high_frame_rates_are_taken(fps: int, tmp_path: Path) -> None:
    video = Video(rate=Fraction(fps), options={"preset": "ultrafast"})
    path = write(tmp_path / "clip.mov", islice(small_original().faster(fps), 3 * fps), video=video)
    assert probe(path, "video").fps == pytest.approx(fps, rel=0.01)
    np.testing.assert_allclose(spans_of(path), [(0, 3)], atol=0.03)


@pytest.mark.parametrize(("rate", "is_taken"), [(4.95, True), (4.0, False)])
def test_a_measured_rate_may_be_a_little_below_the_limit(rate: float, is_taken: bool, tmp_path: Path) -> None:
    path = write(
        tmp_path / "clip.mp4",
        [(n / rate, picture) for n, (_, picture) in enumerate(small_original().pictures[:40])],
        video=Video(rate=Fraction(3_000)),
    )
    if is_taken:
        assert probe(path, "video").fps == pytest.approx(rate, rel=0.01)
    else:
        with pytest.raises(Poison, match="give a clip of 5 to 1000"):
            probe(path, "video")


@pytest.mark.parametrize(("codec", "options"), [("libx264", {"bf": "3"}), ("mpeg4", {"bf": "2"})])
def test_pictures_of_an_avi_are_in_order_at_their_times(codec: str, options: dict[str, str], tmp_path: Path) -> None:
    video = Video(codec=codec, options=options, bit_rate=3_000_000)
    path = write(
        tmp_path / "clip.avi", small_original().part(0, 3), [Sound(small_original().sound[:, :132_300])], video=video
    )
    with open_video(path) as opened:
        times = [time_s for time_s, _ in opened.frames]
    assert times == pytest.approx([n / FPS for n in range(90)], abs=0.001)
    np.testing.assert_allclose(spans_of(path), [(0, 3)], atol=0.01)


def test_a_clip_whose_picture_comes_minutes_after_its_sound_is_refused(tmp_path: Path) -> None:
    whole = small_original()
    late = [(time_s + 700, rgb) for time_s, rgb in whole.part(0, 3)]
    with pytest.raises(Poison, match="lacks a picture for minutes") as fault:
        probe(write(tmp_path / "clip.mkv", late, [Sound(whole.sound)]), "video")
    assert fault.value.reason == "too_long"


def test_a_slow_clip_has_no_holes(tmp_path: Path) -> None:
    np.testing.assert_allclose(spans_of(write_clip(tmp_path / "clip.mp4", 4, fps=5)), [(0, 4)], atol=0.01)


@example(parts=[(2.0, 2), (4.41015625, 36), (5.0, 10)], fps=10.0)  # the last part is a second long, but for rounding
@given(
    parts=st.lists(st.tuples(st.floats(0.25, 5), st.integers(2, 80)), max_size=5),
    fps=st.sampled_from([10.0, 24.0, 29.97, 240.0]),
)
def test_windows_have_all_pictures_of_long_parts_and_no_hole(parts: list[tuple[float, int]], fps: float) -> None:
    times, at = [], 0.0
    for gap, count in parts:
        at += gap + 2.5 / fps
        times += [at + n / fps for n in range(count)]
        at = times[-1]
    found = windows_of(np.random.default_rng(1).permutation(times))
    assert all(before.end_s < after.start_s for before, after in pairwise(found))
    for window in found:
        inside = [time for time in times if window.start_s - 1e-6 <= time < window.end_s]
        assert max((after - before for before, after in pairwise(inside)), default=0.0) <= max(0.2, 2.5 / fps) + 1e-6
        assert window.end_s == pytest.approx(inside[-1] + 1 / fps, abs=1e-4)
    longest = sum(count >= fps for _, count in parts)
    assert len(found) >= longest
    if times:
        assert mean_fps_of(times) == pytest.approx(fps, rel=1e-6)
