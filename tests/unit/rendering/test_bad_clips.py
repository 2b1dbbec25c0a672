"""A song does not fail because one of its clips is bad: another is shown in its place, and the event says so."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.media import mezzanine
from agents.media.mezzanine import Mezzanine
from agents.rendering.agent import STEP
from agents.rendering.clips import Clips, ClipVersion
from agents.rendering.inputs import RenderingInput
from agents.rendering.replacements import PartsToRender, parts_to_render
from agents.step import Tools
from schemas.base import MediaRef
from schemas.faults import Poison
from schemas.rendered import Rendered
from schemas.sequence_planned import ClipPart, Plan, Seam, Segment, SequencePlanned
from tests.unit.media.known_media import Clip, click_samples, decoded_clicks, displayed_frames, make_clip, write_wav
from tests.unit.rendering.builders import FolderStore, make_tools, planned, result_of, segment

BEATS_S = 0.5
FOUR = ("24", "30", "60", "turned")
NAMES = ["a" * 64, "b" * 64, "c" * 64, "d" * 64]


def song_beats(first: int, count: int = 4) -> list[float]:
    """Return beats of the song from beat `first` on, and the end of the last of `count - 1` intervals."""
    return [round(0.6 + BEATS_S * (first + n), 3) for n in range(count)]


class Studio:
    """Four clips of which one or more become bad after they were planned, and a song.

    `made`: a cache with the mezzanines of good clips.
    """

    def __init__(self, root: Path, clips: Sequence[Clip], made: Path) -> None:
        self.root, self.clips, self.store, self.made = root, list(clips), FolderStore(), made
        self.damaged: set[str] = set()
        beats = [0.6 + BEATS_S * n for n in range(30)]
        self.song: MediaRef = self.store.add(write_wav(root / "song.wav", click_samples(beats, 16.0)), "audio")
        for clip in clips:
            self.store.add(clip.path, "video")

    def new_tools(self, run: str = "new") -> Tools:
        """Return tools whose cache is empty."""
        return make_tools(self.root / run, self.store)

    def tools(self) -> Tools:
        """Return tools whose cache has the mezzanines of the clips that are not damaged until now."""
        tools = make_tools(self.root / "run", self.store)
        for folder in (self.made / "mezzanines").iterdir():
            if folder.name not in self.damaged:
                shutil.copytree(folder, tools.cache_dir / "mezzanines" / folder.name)
        return tools

    def event(self, *planned_clips: tuple[int, Sequence[int]], first: int = 0) -> SequencePlanned:
        """Return the plan of clips in turn, each named by its index, and the indices of its runners-up."""
        segments = []
        for number, (clip, others) in enumerate(planned_clips):
            beats = song_beats(3 * number)
            runners_up = tuple((segment(self.clips[other], 1, beats),) for other in others)
            segments.append(segment(self.clips[clip], first, beats).model_copy(update={"runners_up": runners_up}))
        return planned(segments, self.clips, self.song)

    def damage(self, clip: int) -> None:
        """Change a byte in the pictures of a clip, as a failing disk does."""
        damaged, content = self.root / f"damaged{clip}.mp4", bytearray(self.clips[clip].path.read_bytes())
        content[content.index(b"mdat") + 3000] ^= 255
        damaged.write_bytes(content)
        self.damaged.add(self.clips[clip].sha)
        self.store.damage(self.clips[clip].sha, damaged)

    def cannot_decode(self, clip: int) -> None:
        """Replace a clip by one whose pictures do not decode, in the store as in the plan."""
        path, whole = self.root / f"undecodable{clip}.mp4", self.clips[clip]
        content = bytearray(whole.path.read_bytes())
        start = content.index(b"mdat") + 4
        end = content.index(b"moov", start)
        content[start:end] = bytes(end - start)
        path.write_bytes(content)
        self.clips[clip] = Clip(path, whole.number, whole.beats, whole.times)
        self.store.add(path, "video")

    def displayed(self, tools: Tools, name: str, event: SequencePlanned) -> list[int]:
        """Return the clip number that each segment displays; all its frames must be of one clip."""
        frames = list(displayed_frames(tools.output_dir / name))
        numbers: list[int] = []
        for part in event.plan.segments:
            start, end = (time - event.plan.start_s for time in (part.song_start_s, part.song_end_s))
            clips = {frame.clip for frame in frames if start - 1e-4 <= frame.time < end - 1e-4}
            assert len(clips) == 1
            numbers += clips
        return numbers


@pytest.fixture(scope="module")
def made(clips: dict[str, Clip], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache with the mezzanines of the four clips, as rendering makes them."""
    folder = tmp_path_factory.mktemp("made")
    for clip in (clips[name] for name in FOUR):
        mezzanine.ensure(clip.path, clip.sha, clip.beats, "fast", folder)
    return folder


@pytest.fixture
def studio(tmp_path: Path, clips: dict[str, Clip], made: Path) -> Studio:
    return Studio(tmp_path, [clips[name] for name in FOUR], made)


def test_a_clip_that_was_deleted_is_replaced_by_its_runner_up(studio: Studio) -> None:
    event, tools = studio.event((0, [1, 2]), (3, [2]), (0, [2, 1])), studio.tools()
    studio.store.remove(studio.clips[0].sha)
    result = result_of(event, tools)
    assert studio.displayed(tools, result.video.file, event) == [3, 6, 5]
    assert result.warnings == (
        "24.mp4 cannot be shown (the media store does not have it): 30.mp4 is shown at 0.6 s, 60.mp4 is shown at 3.6 s "
        "in its place",
    )
    assert [part.clip for part in result.segments] == ["30.mp4", "turned.mp4", "60.mp4"]
    assert result.video.duration_s == pytest.approx(event.plan.end_s - event.plan.start_s, abs=1e-4)
    clicks = decoded_clicks(tools.output_dir / result.video.file)[:9]
    assert clicks == pytest.approx([BEATS_S * n for n in range(9)], abs=1e-3)


def test_the_event_has_the_warning_and_what_is_shown(studio: Studio) -> None:
    event = studio.event((0, [1]), (2, [1])).model_copy(update={"warnings": ("of an earlier step",)})
    studio.store.remove(studio.clips[0].sha)
    result = result_of(event, studio.tools())
    rendered = STEP.event_after(event, result)
    assert isinstance(rendered, Rendered)
    assert rendered.warnings == ("of an earlier step", *result.warnings)
    assert [part.clip for part in rendered.segments] == ["30.mp4", "60.mp4"]
    assert "runners_up" not in rendered.model_dump_json()


def test_a_clip_of_which_a_byte_is_damaged_is_replaced(studio: Studio) -> None:
    studio.damage(0)
    event, tools = studio.event((0, [1]), (3, [1])), studio.tools()
    result = result_of(event, tools)
    assert studio.displayed(tools, result.video.file, event) == [3, 6]
    assert result.warnings == (
        "24.mp4 cannot be shown (its file in the media store is damaged): 30.mp4 is shown at 0.6 s in its place",
    )


def test_a_clip_that_does_not_decode_is_replaced(studio: Studio) -> None:
    studio.cannot_decode(0)
    event, tools = studio.event((0, [1]), (3, [1])), studio.tools()
    result = result_of(event, tools)
    assert studio.displayed(tools, result.video.file, event) == [3, 6]
    assert result.warnings == (
        "undecodable0.mp4 cannot be shown (no frame of its video decodes): 30.mp4 is shown at 0.6 s in its place",
    )


@pytest.mark.parametrize("content", [b"", b"no media at all" * 100])
def test_a_clip_that_is_no_media_is_replaced(studio: Studio, content: bytes) -> None:
    other = studio.root / "other.mp4"
    other.write_bytes(content)
    studio.store.add(other, "video")
    studio.clips[0] = Clip(other, 1, studio.clips[0].beats, studio.clips[0].times)
    event, tools = studio.event((0, [1]), (3, [1])), studio.tools()
    result = result_of(event, tools)
    assert studio.displayed(tools, result.video.file, event) == [3, 6]
    assert len(result.warnings) == 1


def test_a_clip_that_is_cut_short_is_replaced_where_it_has_no_picture(studio: Studio, tmp_path: Path) -> None:
    clip = studio.clips[1]
    short = make_clip(tmp_path / "short.mp4", 9, [time for time in clip.times if time < 1.7], clip.beats)
    studio = Studio(tmp_path, [studio.clips[0], short, *studio.clips[2:]], studio.made)
    event, tools = studio.event((1, [2]), (0, [2]), (1, [2])), studio.tools()
    late = event.plan.segments[2].model_copy(update={"clip_beats": clip.beats[1:5]})
    event = planned([*event.plan.segments[:2], late], studio.clips, studio.song)
    result = result_of(event, tools)
    assert studio.displayed(tools, result.video.file, event) == [9, 1, 5]
    assert "short.mp4 cannot be shown (its picture ends " in result.warnings[0]


def test_a_move_that_claims_beats_beyond_its_end_is_replaced(studio: Studio) -> None:
    clip = studio.clips[0]
    liar = Clip(clip.path, clip.number, tuple(round(beat + 1.5, 4) for beat in clip.beats), clip.times)
    studio.clips = [liar, *studio.clips[1:]]
    event, tools = studio.event((0, [1]), (3, [1])), studio.tools()
    result = result_of(event, tools)
    assert studio.displayed(tools, result.video.file, event) == [3, 6]
    assert "24.mp4 cannot be shown (" in result.warnings[0]


@pytest.fixture
def holed(studio: Studio, tmp_path: Path) -> Studio:
    """Return a studio whose first clip has no picture between 2.1 and 3.3 s."""
    times = [time for time in (n / 30 for n in range(180)) if not 2.1 < time < 3.3]
    clip = make_clip(tmp_path / "holed.mp4", 10, times, [round(0.2 + 0.5 * n, 3) for n in range(11)])
    return Studio(tmp_path, [clip, *studio.clips[1:]], studio.made)


def test_a_part_with_a_hole_in_its_picture_is_replaced_and_others_of_the_clip_are_not(holed: Studio) -> None:
    tools = holed.tools()
    parts = [segment(holed.clips[0], first, song_beats(3 * number)) for number, first in enumerate((0, 3, 7))]
    runner_up = ((segment(holed.clips[2], 0, song_beats(3)),),)
    parts[1] = parts[1].model_copy(update={"runners_up": runner_up})
    event = planned(parts, holed.clips, holed.song)
    result = result_of(event, tools)
    assert holed.displayed(tools, result.video.file, event) == [10, 5, 10]
    assert result.warnings == (
        "holed.mp4 cannot be shown (it has no picture from 2.10 s to 3.30 s): 60.mp4 is shown at 2.1 s in its place",
    )
    times = [frame.time for frame in displayed_frames(tools.output_dir / result.video.file)]
    assert max(after - before for before, after in pairwise(times)) < 0.1


def test_single_frames_that_are_left_out_are_no_hole(studio: Studio, tmp_path: Path) -> None:
    times = [n / 30 for n in range(78) if n not in {20, 21, 40, 41, 42}]
    clip = make_clip(tmp_path / "gaps.mp4", 11, times, studio.clips[1].beats)
    gaps = Studio(tmp_path, [clip, *studio.clips[1:]], studio.made)
    assert result_of(gaps.event((0, [1])), gaps.tools()).warnings == ()


def test_two_bad_clips_and_a_bad_first_runner_up_are_passed_over(studio: Studio) -> None:
    studio.store.remove(studio.clips[0].sha)
    studio.damage(1)
    event, tools = studio.event((0, [1, 2]), (1, [0, 3]), (2, [0, 1])), studio.tools()
    result = result_of(event, tools)
    assert studio.displayed(tools, result.video.file, event) == [5, 6, 5]
    assert [warning.split(" cannot")[0] for warning in result.warnings] == ["24.mp4", "30.mp4"]


def test_without_a_good_runner_up_another_clip_of_the_plan_is_shown(studio: Studio) -> None:
    studio.store.remove(studio.clips[0].sha)
    studio.damage(1)
    event, tools = studio.event((0, [1]), (2, []), (0, []), first=1), studio.tools()
    result = result_of(event, tools)
    assert studio.displayed(tools, result.video.file, event) == [5, 5, 5]
    assert {part.clip_start_s for part in result.segments} == {studio.clips[2].beats[1]}


def test_where_no_clip_can_be_shown_the_song_fails_with_their_names(studio: Studio) -> None:
    event, tools = studio.event((0, [1, 2]), (1, [3])), studio.new_tools()
    for clip in (0, 2, 3):
        studio.store.remove(studio.clips[clip].sha)
    studio.damage(1)
    with pytest.raises(Poison) as caught:
        result_of(event, tools)
    assert str(caught.value) == (
        "no clip of this choreography can be shown: 24.mp4 (the media store does not have it), "
        "30.mp4 (its file in the media store is damaged); index them again, `bachata index FOLDER`"
    )
    assert caught.value.reason == "unknown_media"
    assert not tools.output_dir.exists()


def test_a_clip_that_needs_too_much_memory_is_replaced(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure, bad = mezzanine.ensure, studio.clips[0].sha

    def ensure_or_fail(source: Path, sha: str, *arguments: object, **report: object) -> Mezzanine:
        if sha == bad:
            raise MemoryError
        return ensure(source, sha, *arguments, **report)  # type: ignore[arg-type]

    monkeypatch.setattr(mezzanine, "ensure", ensure_or_fail)
    event, tools = studio.event((0, [1]), (3, [1])), studio.tools()
    result = result_of(event, tools)
    assert studio.displayed(tools, result.video.file, event) == [3, 6]
    assert "more memory" in result.warnings[0]


def test_a_fault_of_the_machine_is_not_taken_for_a_bad_clip(studio: Studio) -> None:
    tools = studio.new_tools()
    tools.cache_dir.mkdir(parents=True)
    (tools.cache_dir / "mezzanines").write_bytes(b"")
    with pytest.raises(OSError, match="mezzanines"):
        result_of(studio.event((0, [1])), tools)


def test_a_media_store_that_is_away_is_not_taken_for_bad_clips(studio: Studio) -> None:
    event, tools = studio.event((0, [1]), (1, [0])), studio.tools()
    studio.store.remove(studio.clips[0].sha)
    studio.store.remove(studio.song.sha256)
    with pytest.raises(Poison, match=studio.song.sha256[:12]):
        result_of(event, tools)
    assert not tools.output_dir.exists()


def test_cuts_beside_a_replaced_clip_lose_their_grades_with_a_warning(studio: Studio) -> None:
    event, tools = studio.event((2, [1]), (0, [1]), (3, [1]), (2, [1])), studio.tools()
    seam = Seam(grade="A", reason="it fits")
    graded = [part.model_copy(update={"seam": seam, "section": "verse"}) for part in event.plan.segments]
    event = planned([graded[0].model_copy(update={"seam": None}), *graded[1:]], studio.clips, studio.song)
    studio.store.remove(studio.clips[0].sha)
    result = result_of(event, tools)
    assert [part.seam for part in result.segments] == [None, None, None, seam]
    assert {part.section for part in result.segments} == {"verse"}
    assert result.warnings[1:] == ("cuts beside a clip that was replaced have no grade: at 2.1 s, 3.6 s",)


def test_a_mirrored_runner_up_is_shown_mirrored(studio: Studio) -> None:
    event, tools = studio.event((0, [1]), (3, [1])), studio.tools()
    studio.store.remove(studio.clips[0].sha)
    first = event.plan.segments[0]
    mirrored = tuple(tuple(part.model_copy(update={"mirrored": True}) for part in one) for one in first.runners_up)
    event = planned(
        [first.model_copy(update={"runners_up": mirrored}), *event.plan.segments[1:]], studio.clips, studio.song
    )
    result = result_of(event, tools)
    assert [(part.clip, part.mirrored) for part in result.segments] == [("30.mp4", True), ("turned.mp4", False)]
    made = (tools.cache_dir / "mezzanines" / studio.clips[1].sha).glob("fast-mirrored-*.mp4")
    assert len(list(made)) == 1
    assert not list((tools.cache_dir / "mezzanines" / studio.clips[3].sha).glob("*mirrored*"))


def test_a_video_with_a_replaced_clip_is_the_same_when_it_is_rendered_again(studio: Studio) -> None:
    event = studio.event((0, [1]), (3, [1]))
    studio.damage(0)
    first, second = (result_of(event, tools) for tools in (studio.tools(), studio.new_tools()))
    assert first == second


def test_a_result_without_a_clip_is_valid_until_the_clip_is_back(studio: Studio) -> None:
    event, tools, clip = studio.event((0, [1]), (3, [1])), studio.tools(), studio.clips[0]
    studio.store.remove(clip.sha)
    without = result_of(event, tools)
    assert STEP.is_valid(without, tools)
    studio.store.add(clip.path, "video")
    assert not STEP.is_valid(without, tools)
    complete = result_of(event, tools)
    assert complete.warnings == ()
    assert complete.video.file != without.video.file, "an earlier event still has its video"


def good(beats: Sequence[float]) -> Mezzanine:
    """Return the facts of a mezzanine with a frame on each beat."""
    ticks = tuple(round(beat * 90_000) for beat in beats)
    return Mezzanine(Path("m.mp4"), tuple(beats), ticks, ticks[-1], len(ticks), 30.0, (), 1)


class GivenClips(Clips):
    """Clips of which those named are good."""

    def __init__(self, plan: Plan, good_clips: set[str]) -> None:
        tools = make_tools(Path("/none"), FolderStore())
        super().__init__(RenderingInput(song_sha256="f" * 64, plan=plan, quality="fast", title_slug="s"), tools)
        for sha, beats in plan.clips.items():
            made = good(beats) if sha in good_clips else Poison("it is bad", "not_media")
            self._made |= {ClipVersion(sha, mirrored): made for mirrored in (False, True)}


def part_of(
    clip: str, first: int, song: tuple[float, ...], beats: Sequence[float], *, mirrored: bool = False
) -> ClipPart:
    return ClipPart(
        move=f"move {clip[0]}",
        clip=clip[:4],
        clip_sha256=clip,
        song_beats=song,
        clip_beats=tuple(beats[first : first + len(song)]),
        stretch=1.0,
        mirrored=mirrored,
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw a plan of segments of 1 to 40 beats of a few clips, with runners-up of one or two parts."""
    beats = {name: tuple(round(0.1 + 0.5 * n, 3) for n in range(draw(st.integers(45, 60)))) for name in NAMES}
    start_s, segments = 0.0, list[Segment]()
    for _ in range(draw(st.integers(1, 5))):
        count, last_share = draw(st.integers(1, 40)), draw(st.floats(0.05, 1.0))
        steps = [*range(count), count - 1 + last_share]
        song = tuple(round(start_s + 0.48 * step, 6) for step in steps)
        own, *others = draw(st.permutations(NAMES))
        runners_up = tuple(runner_up(draw, name, song, beats[name]) for name in others[: draw(st.integers(0, 3))])
        first = draw(st.integers(0, 4))
        own_part = part_of(own, first, song, beats[own], mirrored=draw(st.booleans()))
        seam = Seam(grade="B", reason="it fits") if segments else None
        segments.append(Segment(**dict(own_part), runners_up=runners_up, seam=seam))
        start_s = song[-1]
    return Plan(tempo_bpm=125.0, library_version="v", segments=tuple(segments), clips=beats)


def runner_up(draw: st.DrawFn, clip: str, song: tuple[float, ...], beats: Sequence[float]) -> tuple[ClipPart, ...]:
    cut = draw(st.integers(0, len(song) - 2))
    if cut == 0:
        return (part_of(clip, 0, song, beats, mirrored=draw(st.booleans())),)
    return part_of(clip, 3, song[: cut + 1], beats, mirrored=True), part_of(clip, 1, song[cut:], beats)


@settings(max_examples=300, deadline=None)
@given(plan=plans(), good_clips=st.sets(st.sampled_from(NAMES)))
def test_what_is_shown_covers_the_same_beats_without_a_gap(plan: Plan, good_clips: set[str]) -> None:
    clips = GivenClips(plan, good_clips)
    named = {part.clip_sha256 for part in plan.parts()}
    if not named & good_clips:
        with pytest.raises(Poison, match="no clip of this choreography"):
            parts_to_render(plan, clips)
        return
    result = parts_to_render(plan, clips)
    assert all(part.clip_sha256 in good_clips for part in result.parts)
    assert {shown_as(part) for part in result.parts} <= {shown_as(part) for part in plan.parts()}
    assert joined(result.parts) == joined(plan.segments)
    check_unchanged(plan, result, good_clips)
    assert parts_to_render(plan, GivenClips(plan, good_clips)) == result


def test_the_last_beat_after_a_held_one_is_shown_whole() -> None:
    beats = {name: tuple(round(0.1 + 0.5 * n, 3) for n in range(20)) for name in NAMES[:2]}
    songs = [0.48 * n for n in range(9)], [0.48 * n for n in (8, 9, 10, 11, 13, 14)]
    one, lost = (part_of(name, 0, tuple(song), beats[name]) for name, song in zip(beats, songs, strict=True))
    segments = Segment(**dict(one)), Segment(**dict(lost), seam=Seam(grade="B", reason="it fits"))
    plan = Plan(tempo_bpm=125.0, library_version="v", segments=segments, clips=beats)
    shown = parts_to_render(plan, GivenClips(plan, {one.clip_sha256})).parts[-1]
    assert shown.song_beats == lost.song_beats
    assert shown.clip_beats == pytest.approx(beats[one.clip_sha256][: len(shown.clip_beats)])


def shown_as(part: ClipPart) -> tuple[str, float, bool]:
    """Return the clip and the beat on which a part starts, and whether it is mirrored; a half may start later."""
    return part.clip_sha256, part.clip_start_s, part.mirrored


def joined(parts: Sequence[ClipPart]) -> tuple[float, ...]:
    """Return the song's beats that parts cover; each must start where the one before ends."""
    assert all(before.song_end_s == after.song_start_s for before, after in pairwise(parts))
    return (parts[0].song_start_s, *(beat for part in parts for beat in part.song_beats[1:]))


def check_unchanged(plan: Plan, result: PartsToRender, good_clips: set[str]) -> None:
    bad = [part for part in plan.segments if part.clip_sha256 not in good_clips]
    following = [after for before, after in pairwise(plan.segments) if before in bad]
    shown = {(part.song_start_s, part.clip_sha256): part for part in result.parts}
    for part in (part for part in plan.segments if part not in bad):
        alone = part.alone()
        expected = alone.model_copy(update={"seam": None}) if part in following else alone
        assert shown[part.song_start_s, part.clip_sha256] == expected
    lost = any(part in bad or part in following for part in plan.segments[1:])
    assert len(result.warnings) == len({part.clip for part in bad}) + lost
