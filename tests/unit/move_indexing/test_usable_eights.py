"""Beats, eights and warnings of clips with late or missing pictures, and of clips in which a dancer is missing."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.media import mezzanine
from agents.media.decode import open_video
from agents.move_indexing.agent import STEP
from agents.move_indexing.clip_beats import extend_beats
from agents.move_indexing.eights import eight_starts
from agents.move_indexing.indexed_move import IndexedMove
from agents.move_indexing.presence import eights_with_dancers, hole_warnings
from agents.playable import EIGHT, runs_in
from agents.rendering.inputs import RenderingInput
from agents.rendering.render import render
from agents.sequence_planning.inputs import PlanningInput
from agents.sequence_planning.plan import plan
from agents.step import Tools
from schemas.base import Options, Source
from schemas.faults import Poison
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import WINDOW_EDGE_S, Dancers, Eight, Window, window_at
from schemas.move_submitted import MoveSubmitted
from streams.testing import work_of
from tests.odd_media import windows as odd
from tests.odd_media.marked import Original, unmarked_long_original, unmarked_original
from tests.odd_media.sounds import clicks
from tests.odd_media.writer import Sound, write
from tests.unit.move_scoring.builders import make_analysis
from tests.unit.sequence_planning.builders import make_scores

_POSE_RATE_HZ = 5.0


def _indexed(path: Path, tools: Tools, tempo_bpm: float | None = None) -> IndexedMove:
    annotation = MoveAnnotation(move="basic", tempo_bpm=tempo_bpm) if tempo_bpm else None
    source = Source(path=str(path))
    event = MoveSubmitted(source=source, clip="odd", request_id="r1", annotation=annotation, pose_rate_hz=_POSE_RATE_HZ)
    move: IndexedMove = work_of(STEP, event, tools)
    return move


def _fewer(whole: Original, step: int = 2) -> Original:
    """Return an original with every second picture, or fewer: only some are searched for dancers."""
    return replace(whole, pictures=whole.pictures[::step])


def _starts_s(move: IndexedMove) -> list[float]:
    return [move.beats[eight.start_beat] for eight in move.eights]


def _longest_freeze_s(path: Path) -> float:
    """Return the longest time from one picture to the next."""
    with open_video(path) as video:
        times = [time_s for time_s, _ in video.frames]
    return float(np.diff(times).max())


def _rendered(move: IndexedMove, tools: Tools, folder: Path) -> float:
    """Plan and render a dance of this move only, and return the longest time without a new picture."""
    song = make_analysis([*range(1, 9)] * 2, first_s=0.3, tail_s=0.48)
    sound = write(folder / "song.wav", [], [Sound(clicks(10.0), codec="pcm_s16le")])
    options = Options(duration="30s")
    planned = plan(PlanningInput(analysis=song, scores=make_scores(song, [move]), options=options))
    for segment in planned.segments:
        inside = {window_at(move.windows, beat) for beat in (segment.clip_start_s, segment.clip_end_s)}
        assert len(inside - {None}) == 1
    song_sha256 = tools.media.add(sound, "audio").sha256
    rendering = RenderingInput.model_validate(
        {"song_sha256": song_sha256, "plan": planned, "quality": "balanced", "title_slug": "t"}
    )
    return _longest_freeze_s(tools.output_dir / render(rendering, tools).video.file)


def test_a_clip_whose_picture_starts_after_its_sound_is_used_from_there(tools: Tools, tmp_path: Path) -> None:
    whole = _fewer(unmarked_long_original())
    move = _indexed(odd.with_pictures(tmp_path / "clip.mp4", whole, (3.0, 9)), tools)
    assert move.windows[0].start_s == pytest.approx(3.0, abs=0.01)
    assert move.beats == pytest.approx([beat for beat in whole.beats if beat > 3.0], abs=0.03)
    assert _starts_s(move) == pytest.approx([whole.beats[8]], abs=0.03)
    assert any("no picture from 0.0 to 3.0 s" in warning for warning in move.warnings)
    assert _rendered(move, tools, tmp_path) < 0.2


def test_a_clip_with_a_pause_is_used_on_one_side_of_it(tools: Tools, tmp_path: Path) -> None:
    whole = _fewer(unmarked_long_original())
    move = _indexed(odd.with_pictures(tmp_path / "clip.mkv", whole, (0, 1), (4, 9)), tools)
    assert move.beats == pytest.approx([beat for beat in whole.beats if beat < 1 or beat > 4], abs=0.03)
    assert dict(zip(np.round(move.beats).tolist(), move.counts, strict=False))[4.0] == 1
    assert _starts_s(move) == pytest.approx([whole.beats[8]], abs=0.03)
    assert any("no picture from 1.0 to 4.0 s" in warning for warning in move.warnings)
    assert _rendered(move, tools, tmp_path) < 0.2


def test_beats_at_an_annotated_tempo_are_where_the_steps_are(tools: Tools, tmp_path: Path) -> None:
    whole = _fewer(unmarked_long_original(), 4)
    pictures = whole.part(1.6, 6.6)
    path = write(tmp_path / "clip.mp4", pictures, [Sound(np.zeros((2, 200_000), np.float32))])
    move = _indexed(path, tools, 126.0)
    assert move.beats[:9] == pytest.approx(whole.beats[3:12], abs=0.2)
    assert move.counts[0] == 4


def test_a_clip_without_a_whole_eight_is_refused(tools: Tools, tmp_path: Path) -> None:
    path = odd.with_pictures(tmp_path / "clip.mp4", _fewer(unmarked_original()), (0, 1.5), (3.9, 5.4))
    with pytest.raises(Poison, match=r"from 0\.0 to 1\.5 s and from 3\.9 to 5\.4 s, are too short for nine") as fault:
        _indexed(path, tools)
    assert fault.value.reason == "no_whole_eight"


@pytest.mark.parametrize(
    ("change", "warning"),
    [(odd.empty_room, "nobody is in the picture from 0.0 to"), (odd.lead_alone, "only one dancer is in the picture")],
)
def test_an_eight_in_which_a_dancer_is_missing_is_not_used(
    change: odd.Change, warning: str, tools: Tools, tmp_path: Path
) -> None:
    whole = _fewer(unmarked_long_original(), 4)
    path = odd.write_with_sound(tmp_path / "clip.mp4", whole, odd.changed_until(whole, whole.beats[8], change))
    move = _indexed(path, tools)
    assert _starts_s(move) == pytest.approx([whole.beats[8]], abs=0.03)
    assert any(warning in text for text in move.warnings)
    assert "1 of its 2 whole eights are not used, because a dancer is missing" in move.warnings


EIGHTS = [
    Eight(start_beat=8 * n, dancers=Dancers(one=one, both=both))
    for n, (one, both) in enumerate([(1.0, 1.0), (1.0, 0.1), (0.3, 0.3), (0.0, 0.0)])
]


@pytest.mark.parametrize(("eights", "used"), [([0, 1, 2, 3], [0]), ([1, 2, 3], [1]), ([2, 3], [2])])
def test_the_eights_that_show_most_dancers_are_used(eights: list[int], used: list[int]) -> None:
    assert eights_with_dancers([EIGHTS[n] for n in eights]) == tuple(EIGHTS[n] for n in used)


def test_a_clip_with_nobody_in_any_eight_is_refused() -> None:
    with pytest.raises(Poison, match="nobody is in the picture in any of its whole eights") as fault:
        eights_with_dancers([EIGHTS[3]])
    assert fault.value.reason == "nobody"


def test_a_clip_with_many_holes_has_a_short_warning() -> None:
    windows = [Window(start_s=2.0 * n, end_s=2.0 * n + 1.5) for n in range(1, 6)]
    (warning,) = hole_warnings(windows)
    assert warning.startswith("it has no picture from 0.0 to 2.0 s, from 3.5 to 4.0 s, from 5.5 to 6.0 s and 2 times")


@st.composite
def some_windows(draw: st.DrawFn) -> tuple[Window, ...]:
    lengths = draw(st.lists(st.tuples(st.floats(0.25, 3), st.floats(1, 9)), min_size=1, max_size=4))
    windows, at = [], draw(st.sampled_from([-0.25, 0.0, 1.3]))
    for gap, length in lengths:
        windows.append(Window(start_s=at + gap, end_s=at + gap + length))
        at += gap + length
    return tuple(windows)


@given(
    windows=some_windows(), first_s=st.floats(0, 12), period=st.floats(0.3, 1.0), count=st.integers(1, 8),
    beats=st.integers(0, 20), fps=st.sampled_from([None, 10.0, 30.0, 240.0]),
)  # fmt: skip
def test_beats_and_eights_are_inside_windows(
    windows: tuple[Window, ...], first_s: float, period: float, count: int, beats: int, fps: float | None
) -> None:
    sound_beats = [first_s + n * period for n in range(beats)]
    found, counts = extend_beats(sound_beats, [(count + n - 1) % 8 + 1 for n in range(beats)], period, windows)
    assert all(window_at(windows, beat) is not None for beat in found)
    steps = [round((after - before) / period) for before, after in pairwise(found)]
    assert all((after - before - step) % 8 == 0 for (before, after), step in zip(pairwise(counts), steps, strict=True))
    for window in windows:
        inside = [beat for beat in found if window.start_s - WINDOW_EDGE_S <= beat <= window.end_s + WINDOW_EDGE_S]
        assert len(inside) >= (window.end_s - window.start_s) / period - 1
    runs = runs_in(windows, found, fps)
    for start in eight_starts(runs, counts):
        (part,) = [part for run in runs if (part := run.part(start, EIGHT))]
        assert window_at(windows, part[0]) == window_at(windows, part[-1])
        assert part[-1] <= windows[window_at(windows, part[0]) or 0].end_s - 2 / (fps or 25.0) + 1e-9
        assert all(after > before for before, after in pairwise(part))


def test_the_mezzanine_of_a_clip_with_a_late_picture_has_a_keyframe_on_each_beat(tmp_path: Path) -> None:
    path = odd.with_pictures(tmp_path / "clip.mp4", unmarked_original(), (1.5, 5.4))
    beats = [beat for beat in unmarked_original().beats if beat > 1.5]
    made = mezzanine.ensure(path, "0" * 64, beats, "fast", tmp_path)
    assert [pts / 90_000 for pts in made.keyframe_pts] == pytest.approx(beats, abs=0.017)
