"""The video follows the plan, exact to the frame and to the audio sample."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from bisect import bisect_right
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from agents.arrays import Floats
from agents.media.keyframe_encoder import thinning
from agents.rendering.agent import STEP
from agents.rendering.inputs import output_name
from agents.step import Tools
from infra.base.atomic_file import sha256_of
from infra.base.derived_files import remove_unused, using_files
from schemas.faults import Poison, Retryable
from schemas.rendered import Rendered
from schemas.sequence_planned import Grade, Seam, Segment, SequencePlanned
from tests.paths import PROJECT
from tests.unit.media.known_media import (
    NUMBER_BITS,
    RATE,
    Clip,
    DisplayedFrame,
    click_samples,
    decoded_clicks,
    decoded_sound,
    displayed_frames,
    joined,
    read_barcode,
    write_wav,
)
from tests.unit.rendering.builders import FolderStore, make_tools, planned, render_event, result_of, segment
from tests.unit.rendering.conftest import Scene

TICK_S = 1 / 90_000


@pytest.fixture(scope="session")
def frames(scene: Scene) -> list[DisplayedFrame]:
    return list(displayed_frames(scene.path))


def frames_of(scene: Scene, frames: list[DisplayedFrame], part: Segment) -> list[DisplayedFrame]:
    start, end = (t - scene.event.plan.start_s for t in (part.song_start_s, part.song_end_s))
    return [frame for frame in frames if start - TICK_S <= frame.time < end - TICK_S]


def encoded_times(clip: Clip) -> dict[int, float]:
    step = thinning(len(clip.times) / (clip.times[-1] + 1e-9))
    return {n: clip.times[n] for n in range(0, len(clip.times), step)}


def packets(path: Path) -> list[tuple[int, int, int, bool]]:
    with av.open(str(path)) as reader:
        result = []
        for packet in reader.demux(video=0):
            if packet.pts is not None:
                assert packet.dts is not None
                assert packet.duration is not None
                result.append((packet.pts, packet.dts, packet.duration, packet.is_keyframe))
        return result


def test_every_frame_is_of_the_clip_planned_there(scene: Scene, frames: list[DisplayedFrame]) -> None:
    for part in scene.event.plan.segments:
        expected = scene.clip_of(part.clip_sha256).number
        assert {frame.clip for frame in frames_of(scene, frames, part)} == {expected}


def test_no_frame_is_skipped_or_repeated_within_a_segment(scene: Scene, frames: list[DisplayedFrame]) -> None:
    for part in scene.event.plan.segments:
        encoded = list(encoded_times(scene.clip_of(part.clip_sha256)))
        numbers = [frame.frame for frame in frames_of(scene, frames, part)]
        first = encoded.index(numbers[0])
        assert numbers == encoded[first : first + len(numbers)]


def test_each_cut_is_on_the_songs_beat_with_the_clips_beat_frame(scene: Scene, frames: list[DisplayedFrame]) -> None:
    for part in scene.event.plan.segments:
        first = frames_of(scene, frames, part)[0]
        encoded = encoded_times(scene.clip_of(part.clip_sha256))
        assert first.time == pytest.approx(part.song_start_s - scene.event.plan.start_s, abs=TICK_S)
        nearest = min(abs(time - part.clip_start_s) for time in encoded.values())
        assert abs(encoded[first.frame] - part.clip_start_s) == pytest.approx(nearest, abs=TICK_S)


def test_beats_of_the_dance_fall_on_beats_of_the_song(scene: Scene, frames: list[DisplayedFrame]) -> None:
    for part in scene.event.plan.segments:
        encoded, in_part = encoded_times(scene.clip_of(part.clip_sha256)), frames_of(scene, frames, part)
        for clip_beat, song_beat in list(zip(part.clip_beats, part.song_beats, strict=True))[:-1]:
            nearest = min(in_part, key=lambda frame: abs(encoded[frame.frame] - clip_beat))
            assert abs(nearest.time - (song_beat - scene.event.plan.start_s)) <= 0.5 * frame_gap(part, encoded, nearest)


def frame_gap(part: Segment, encoded: dict[int, float], frame: DisplayedFrame) -> float:
    """Return the longer of the gaps around a source frame in seconds, as stretched in the video."""
    times = sorted(encoded.values())
    i = times.index(encoded[frame.frame])
    gaps = [b - a for a, b in pairwise(times[max(0, i - 1) : i + 2])]
    ratios = [
        (d - c) / (b - a) for (a, b), (c, d) in zip(pairwise(part.clip_beats), pairwise(part.song_beats), strict=True)
    ]
    return max(gaps) * max(ratios) + TICK_S


def test_clicks_are_on_the_beats(scene: Scene, song_beats: list[float]) -> None:
    start, end = scene.event.plan.start_s, scene.event.plan.end_s
    expected = [beat - start for beat in song_beats if start <= beat < end - 0.01]
    clicks = [t for t in decoded_clicks(scene.path) if t < end - start - 0.01]
    assert clicks[:-1] == pytest.approx(expected[:-1], abs=1e-3)  # at half of its loudness, the last is no click


def loudness(path: Path) -> tuple[Floats, int]:
    """Return the absolute samples of a file's sound from time 0 on, and their rate in Hz."""
    samples, start, rate = decoded_sound(path)
    return np.abs(samples[max(0, round(-start * rate)) :]), rate


def test_the_sound_fades_out_over_the_last_two_beats_where_the_song_goes_on(scene: Scene) -> None:
    samples, rate = loudness(scene.path)
    beats = [beat - scene.event.plan.start_s for beat in scene.event.plan.segments[-1].song_beats]
    peaks = [samples[round(a * rate) : round(b * rate)].max() for a, b in pairwise(beats)]
    assert peaks[-3:] == pytest.approx([0.78, 0.78, 0.39], abs=0.05)
    assert samples[round(beats[-1] * rate) - 200 : round(beats[-1] * rate)].max() < 1e-3


def video_of_beats(scene: Scene, folder: Path, samples: NDArray[np.float64]) -> tuple[Path, Path]:
    """Return the video of a song danced on beats from 0.5 to 3.5 s, and the encoded song."""
    folder.mkdir()
    clip, store = scene.clips["30"], _store_of(scene)
    song = store.add(write_wav(folder / "song.wav", samples), "audio")
    parts = [segment(clip, 0, [0.5, 1.0, 1.5, 2.0]), segment(clip, 0, [2.0, 2.5, 3.0, 3.5])]
    tools = tools_with_mezzanines(scene, folder, clip)
    video = render_event(planned(parts, [clip], song), tools)
    return tools.output_dir / video.file, next((tools.cache_dir / "audio").iterdir())


@pytest.mark.parametrize("after", ["nothing", "silence", "music"])
def test_the_sound_is_copied_to_its_end_unless_music_would_go_on(scene: Scene, tmp_path: Path, after: str) -> None:
    beats = [0.5 * n for n in range(1, 7 if after != "music" else 11)]
    samples = click_samples(beats, 3.5 if after == "nothing" else 5.5)
    path, song = video_of_beats(scene, tmp_path / after, samples)
    copied, sound = sound_bytes(path), sound_bytes(song)
    shared = sum(packet in sound for packet in copied)
    assert (shared == len(copied)) == (after != "music")
    assert shared > 0.4 * len(copied)
    last_peak = loudness(path)[0][round(2.5 * RATE) : round(2.9 * RATE)].max()
    assert last_peak == pytest.approx(0.39 if after == "music" else 0.78, abs=0.05)


def sound_bytes(path: Path) -> list[bytes]:
    with av.open(str(path)) as reader:
        return [bytes(packet) for packet in reader.demux(audio=0) if packet.size]


def test_no_frame_freezes_at_a_cut(scene: Scene, frames: list[DisplayedFrame]) -> None:
    times = [frame.time for frame in frames] + [scene.video.duration_s]
    for part in scene.event.plan.segments:
        clip = scene.clip_of(part.clip_sha256)
        gaps = [b - a for a, b in pairwise(sorted(encoded_times(clip).values()))]
        cut = bisect_right(times, part.song_end_s - scene.event.plan.start_s - TICK_S)
        assert 0 < times[cut] - times[cut - 1] <= 2 * max(gaps) * part.stretch


def test_packets_are_in_order_and_follow_each_other_without_gap(scene: Scene) -> None:
    actual = packets(scene.path)
    assert all(pts == dts for pts, dts, _, _ in actual)
    assert all(b[1] > a[1] and b[0] == a[0] + a[2] for a, b in pairwise(actual))
    assert actual[0][0] == 0


def test_the_published_facts_match_the_file(scene: Scene, frames: list[DisplayedFrame]) -> None:
    video, plan = scene.video, scene.event.plan
    actual = packets(scene.path)
    assert video.frames == len(frames) == len(actual)
    assert video.duration_s == pytest.approx(plan.end_s - plan.start_s, abs=TICK_S)
    assert actual[-1][0] + actual[-1][2] == round((plan.end_s - plan.start_s) * 90_000)
    assert (video.media.size_bytes, video.media.sha256) == (scene.path.stat().st_size, sha256_of(scene.path))


def test_the_cut_error_matches_the_displayed_frames(scene: Scene, frames: list[DisplayedFrame]) -> None:
    errors, halves = [], []
    for part in scene.event.plan.segments:
        encoded, first = encoded_times(scene.clip_of(part.clip_sha256)), frames_of(scene, frames, part)[0]
        ratio = (part.song_beats[1] - part.song_beats[0]) / (part.clip_beats[1] - part.clip_beats[0])
        errors.append(abs(encoded[first.frame] - part.clip_start_s) * ratio)
        halves.append(frame_gap(part, encoded, first) / 2)
    reported_s = scene.video.max_cut_error_ms / 1000
    assert reported_s == pytest.approx(max(errors), abs=3 * TICK_S)
    assert 0 < reported_s <= max(halves) + TICK_S


def test_sound_and_picture_end_together(scene: Scene) -> None:
    with av.open(str(scene.path)) as reader:
        sound = reader.streams.audio[0]
        assert sound.time_base is not None
        assert (reader.duration or 0) / av.time_base == pytest.approx(scene.video.duration_s, abs=1e-3)
        assert reader.start_time == 0


def test_the_index_comes_before_the_media(scene: Scene) -> None:
    content = scene.path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_the_output_folder_has_only_the_video(scene: Scene) -> None:
    assert list(scene.tools.output_dir.iterdir()) == [scene.path]
    assert scene.path.name.startswith("mi-cancion-")
    assert scene.path.suffix == ".mp4"


def test_the_same_plan_gives_the_same_bytes_without_any_cache(scene: Scene, tmp_path: Path) -> None:
    names = ["60", "24"]
    clips = [scene.clips[name] for name in names]
    expected = [part for part in scene.event.plan.segments if part.clip_sha256 in {clip.sha for clip in clips}][:1]
    videos = [
        render_event(planned(expected, clips, scene.event.song), make_tools(tmp_path / run, _store_of(scene)))
        for run in ("first", "second")
    ]
    assert videos[0] == videos[1]


def tools_with_mezzanines(scene: Scene, folder: Path, *clips: Clip) -> Tools:
    """Return tools whose cache has the mezzanines of some clips."""
    tools = make_tools(folder, _store_of(scene))
    for place in (Path("mezzanines", clip.sha) for clip in clips):
        shutil.copytree(scene.tools.cache_dir / place, tools.cache_dir / place)
    return tools


def _store_of(scene: Scene) -> FolderStore:
    store = scene.tools.media
    assert isinstance(store, FolderStore)
    return store


def test_a_full_plan_begins_with_the_song_and_may_end_between_beats(scene: Scene, tmp_path: Path) -> None:
    store = FolderStore()
    clip = scene.clips["30"]
    store.add(clip.path, "video")
    song = store.add(write_wav(tmp_path / "song.wav", click_samples([0.0, 0.5, 1.0, 1.25], 3.0)), "audio")
    half = (clip.beats[3] + clip.beats[4]) / 2
    part = Segment(
        move="m", clip="c", clip_sha256=clip.sha, stretch=1.0,
        song_beats=(0.0, 0.5, 1.0, 1.25), clip_beats=(*clip.beats[1:4], half),
    )  # fmt: skip
    tools = make_tools(tmp_path, store)
    video = render_event(planned([part], [clip], song), tools)
    frames = list(displayed_frames(tools.output_dir / video.file))
    assert video.duration_s == pytest.approx(1.25, abs=TICK_S)
    assert clip.times[frames[0].frame] == pytest.approx(clip.beats[1], abs=0.5 / 30)
    assert clip.times[frames[-1].frame] < half < clip.times[frames[-1].frame] + 2 / 30
    assert decoded_clicks(tools.output_dir / video.file)[:3] == pytest.approx([0.0, 0.5, 1.0], abs=1e-3)


def mirrored_frames(path: Path) -> list[tuple[float, int, int]]:
    """Return the time, clip number and frame number of each frame as it would be in a mirror."""
    with av.open(str(path)) as reader:
        frames = [
            (float(frame.time or 0), frame.to_ndarray()[: frame.height, ::-1]) for frame in reader.decode(video=0)
        ]
    values = [(time_s, read_barcode(np.ascontiguousarray(luma))) for time_s, luma in frames]
    return [(time_s, value >> NUMBER_BITS, value & (1 << NUMBER_BITS) - 1) for time_s, value in values]


def test_a_clip_can_be_shown_plain_and_mirrored_in_one_video(scene: Scene, tmp_path: Path) -> None:
    clip, other = scene.clips["30"], scene.clips["24"]
    parts = [
        segment(clip, 0, [0.5, 1.0, 1.5]),
        segment(clip, 1, [1.5, 2.0, 2.5]).model_copy(update={"mirrored": True}),
        segment(other, 0, [2.5, 3.0]),
    ]
    tools = tools_with_mezzanines(scene, tmp_path, clip, other)
    result = result_of(planned(parts, [clip, other], scene.event.song), tools)
    path = tools.output_dir / result.video.file
    plain, mirrored = list(displayed_frames(path)), mirrored_frames(path)
    assert [part.mirrored for part in result.segments] == [False, True, False]
    second = [frame for frame in mirrored if 1.0 - TICK_S <= frame[0] < 2.0 - TICK_S]
    assert {number for _, number, _ in second} == {clip.number}
    assert second[0][0] == pytest.approx(1.0, abs=TICK_S)
    assert clip.times[second[0][2]] == pytest.approx(clip.beats[1], abs=0.5 / 30 + TICK_S)
    assert {frame.clip for frame in plain if frame.time < 1.0 - TICK_S} == {clip.number}
    assert {frame.clip for frame in plain if frame.time > 2.0 - TICK_S} == {other.number}
    assert result.video.max_cut_error_ms <= 1000 * 0.6 / 24


def test_a_mirrored_part_gives_another_video_name(scene: Scene) -> None:
    event = scene.event
    flipped = event.plan.segments[0].model_copy(update={"mirrored": True})
    segments = (flipped, *event.plan.segments[1:])
    rendering = STEP.depends_on(event, scene.tools)
    names = {output_name(rendering, [part.alone() for part in parts]) for parts in (event.plan.segments, segments)}
    assert len(names) == 2


def with_seam(part: Segment, grade: Grade | None, **changes: object) -> Segment:
    seam = None if grade is None else Seam(grade=grade, reason="it fits")
    return part.model_copy(update={"seam": seam, "section": "verse", **changes})


def chapters(path: Path) -> list[tuple[float, float, str]]:
    with av.open(str(path)) as reader:
        found = reader.chapters()
    return [
        (float(one["start"] * one["time_base"]), float(one["end"] * one["time_base"]), one["metadata"]["title"])
        for one in found
        if one["time_base"]
    ]


def test_the_video_has_a_chapter_for_each_move_with_the_grade_of_its_cut(scene: Scene, tmp_path: Path) -> None:
    clip, other = scene.clips["30"], scene.clips["24"]
    parts = [
        with_seam(segment(clip, 0, [0.5, 1.0, 1.5]), None, move="side_basic"),
        with_seam(segment(other, 0, [1.5, 2.0, 2.5]), "B", move="vuelta de la señora", section="mambo"),
        with_seam(segment(clip, 1, [2.5, 3.0, 3.51]), "F", mirrored=True),
        with_seam(segment(other, 0, [3.51, 4.0]), None, section=None),
    ]
    tools = tools_with_mezzanines(scene, tmp_path, clip, other)
    result = result_of(planned(parts, [clip, other], scene.event.song), tools)
    path = tools.output_dir / result.video.file
    found = chapters(path)
    assert [title for _, _, title in found] == [
        "side basic, verse",
        "vuelta de la señora, mambo, cut B",
        "move 3, mirrored, verse, cut F",
        "move 1, cut without grade",
    ]
    assert [(start, end) for start, end, _ in found] == [(0.0, 1.0), (1.0, 2.0), (2.0, 3.01), (3.01, 3.5)]
    assert [part.seam for part in result.segments] == [part.seam for part in parts]
    assert b"chpl" in path.read_bytes()


def test_chapters_change_no_packet(scene: Scene, tmp_path: Path) -> None:
    """The pictures and the sound are copied as they are in a video without chapters."""
    path, plain = scene.path, tmp_path / "plain.mp4"
    with av.open(str(path)) as reader, av.open(str(plain), "w") as writer:
        streams = [reader.streams.video[0], reader.streams.audio[0]]
        copies = [writer.add_stream_from_template(stream) for stream in streams]
        for packet in reader.demux(streams):
            if packet.size:
                packet.stream = copies[streams.index(packet.stream)]
                writer.mux(packet)
    assert len(chapters(path)) == len(scene.event.plan.segments)
    assert not chapters(plain)
    assert sound_bytes(plain) == sound_bytes(path)
    assert [(frame.time, frame.frame) for frame in displayed_frames(plain)] == [
        (frame.time, frame.frame) for frame in displayed_frames(path)
    ]


def refusal(scene: Scene, tmp_path: Path, event: SequencePlanned) -> str:
    tools = make_tools(tmp_path, _store_of(scene))
    shared_cache = type(tools)(**{**vars(tools), "cache_dir": scene.tools.cache_dir})
    with pytest.raises(Poison) as caught:
        render_event(event, shared_cache)
    assert "\n" not in str(caught.value)
    assert not tools.output_dir.exists() or not list(tools.output_dir.iterdir())
    return caught.value.reason


def test_a_clip_that_ends_before_its_segment_is_refused(scene: Scene, tmp_path: Path) -> None:
    clip = scene.clips["24"]
    beats = (*clip.beats[1:], clip.beats[-1] + 0.5)
    song = tuple(n * 0.5 for n in range(len(beats)))
    part = Segment(move="m", clip="c", clip_sha256=clip.sha, song_beats=song, clip_beats=beats, stretch=1.0)
    assert refusal(scene, tmp_path, planned([part], [clip], scene.event.song)) == "clip_too_short"


@pytest.fixture
def late_clip(scene: Scene, tmp_path: Path) -> Clip:
    """A clip whose picture starts 1.2 s after its sound."""
    sound = write_wav(tmp_path / "sound.wav", click_samples([0.3], 3.8))
    path = joined(scene.clips["30"].path, sound, tmp_path / "late.mkv", picture_s=1.2)
    times = tuple(1.2 + time for time in scene.clips["30"].times)
    clip = Clip(path, scene.clips["30"].number, (0.3, 0.8, 1.31, 1.8, 2.3), times)
    _store_of(scene).add(path, "video")
    return clip


def test_a_clip_with_no_picture_at_a_cut_is_refused(scene: Scene, tmp_path: Path, late_clip: Clip) -> None:
    event = planned([segment(late_clip, 0, [0.5, 1.0, 1.5, 2.0])], [late_clip], scene.event.song)
    assert refusal(scene, tmp_path, event) == "no_picture_at_beat"


def test_a_segment_may_begin_where_the_picture_does(scene: Scene, tmp_path: Path, late_clip: Clip) -> None:
    event = planned([segment(late_clip, 2, [0.5, 1.0, 1.5])], [late_clip], scene.event.song)
    tools = make_tools(tmp_path, _store_of(scene))
    video = render_event(event, tools)
    first = next(displayed_frames(tools.output_dir / video.file))
    assert late_clip.times[first.frame] == pytest.approx(1.31, abs=0.5 / 30 + TICK_S)
    assert video.max_cut_error_ms <= 1000 * 0.6 / 30


def test_a_start_off_the_clips_beats_is_moved_to_the_nearest(scene: Scene, tmp_path: Path) -> None:
    clip = scene.clips["24"]
    part = segment(clip, 0, [0.5, 1.0])
    off = part.model_copy(update={"clip_beats": (part.clip_beats[0] + 0.1, part.clip_beats[1])})
    event = planned([off], [clip], scene.event.song)
    result = result_of(event, tools_with_mezzanines(scene, tmp_path, clip))
    assert result.segments[0].clip_beats == part.clip_beats
    assert "0.237 s, which is none of its beats" in result.warnings[0]


def test_a_clip_that_is_not_in_the_store_is_refused(scene: Scene, tmp_path: Path) -> None:
    clip = scene.clips["24"]
    part = segment(clip, 0, [0.5, 1.0])
    event = planned([part], [clip], scene.event.song)
    missing = {"segments": (part.model_copy(update={"clip_sha256": "0" * 64}),), "clips": {"0" * 64: clip.beats}}
    event = event.model_copy(update={"plan": event.plan.model_copy(update=missing)})
    assert refusal(scene, tmp_path, event) == "unknown_media"


@pytest.mark.parametrize("pattern", ["*.mp4", "*.m4a"])
def test_a_damaged_cached_file_is_encoded_again(scene: Scene, tmp_path: Path, pattern: str) -> None:
    clip = scene.clips["24"]
    tools = tools_with_mezzanines(scene, tmp_path, clip)
    event = planned([segment(clip, 0, [0.5, 1.0])], [clip], scene.event.song)
    video = render_event(event, tools)
    cached = next(tools.cache_dir.rglob(pattern))
    cached.write_bytes(bytes(cached.stat().st_size))
    with pytest.raises(Retryable, match=r"^a cached file was damaged and is made again$") as caught:
        render_event(event, tools)
    assert caught.value.reason == "cache_damaged"
    assert not cached.exists()
    assert render_event(event, tools) == video


def test_mezzanines_with_different_headers_are_encoded_again(scene: Scene, tmp_path: Path) -> None:
    clips = [scene.clips["24"], scene.clips["30"]]
    tools = tools_with_mezzanines(scene, tmp_path, *clips)
    event = planned([segment(clips[0], 0, [0.5, 1.0]), segment(clips[1], 0, [1.0, 1.5])], clips, scene.event.song)
    video = render_event(event, tools)
    cached = next((tools.cache_dir / "mezzanines" / clips[0].sha).glob("*.mp4"))
    content = cached.read_bytes()
    profile_byte = content.index(b"avcC") + 4 + 9  # in the parameter sets of the headers
    cached.write_bytes(content[:profile_byte] + bytes([content[profile_byte] ^ 1]) + content[profile_byte + 1 :])
    with pytest.raises(Retryable, match="made again"):
        render_event(event, tools)
    assert not list(tools.cache_dir.rglob("*.mp4"))
    assert render_event(event, tools) == video


def encoded_files(tools: Tools) -> dict[Path, int]:
    """Return the encoded clips and songs of the cache with their inodes: a file that is made again has another one."""
    kinds = [tools.cache_dir / kind for kind in ("mezzanines", "audio")]
    files = (file for kind in kinds for pattern in ("*.mp4", "*.m4a") for file in kind.rglob(pattern))
    return {file: file.stat().st_ino for file in files}


def test_a_plan_of_which_one_phrase_changed_encodes_only_what_is_new(scene: Scene, tmp_path: Path) -> None:
    first, second, third = (scene.clips[name] for name in ("24", "30", "60"))
    clips = [first, second, third]
    parts = [segment(first, 0, [0.5, 1.0]), segment(second, 0, [1.0, 1.5]), segment(first, 2, [1.5, 2.0])]
    tools = make_tools(tmp_path, _store_of(scene))
    event = planned(parts, clips, scene.event.song)
    videos, made = [render_event(event, tools)], [encoded_files(tools)]
    changes = [
        segment(first, 1, [1.0, 1.5]),  # another eight of a clip that the plan shows
        segment(third, 0, [1.0, 1.5]),  # a clip that it does not show
        segment(third, 0, [1.0, 1.5]).model_copy(update={"mirrored": True}),
        segment(second, 0, [1.0, 1.5]),  # as it was
    ]
    for change in changes:
        videos.append(render_event(planned([parts[0], change, parts[2]], clips, scene.event.song), tools))
        made.append(encoded_files(tools))
    assert len(made[0]) == 3  # two clips and the song
    assert [len(after.items() - before.items()) for before, after in pairwise(made)] == [0, 1, 1, 0]
    assert all(before.items() <= after.items() for before, after in pairwise(made))
    assert videos[-1] == videos[0]
    assert len({video.file for video in videos}) == 4


def test_progress_rises_to_one(scene: Scene, tmp_path: Path) -> None:
    reports: list[float] = []
    tools = type(scene.tools)(**{**vars(scene.tools), "output_dir": tmp_path, "report": reports.append})
    render_event(scene.event, tools)
    assert reports == sorted(reports)
    assert reports[-1] == 1.0


def test_no_file_of_a_video_is_removed_while_it_is_rendered(scene: Scene, tmp_path: Path) -> None:
    """Cached files, and those that the render makes, would be gone when they are opened."""
    tools = tools_with_mezzanines(scene, tmp_path, *scene.clips.values())
    for file in (tools.cache_dir / "mezzanines").rglob("*.*"):
        os.utime(file, (1.0, 1.0))

    def remove(fraction: float) -> None:
        del fraction
        remove_unused(tools.cache_dir, 0)

    with using_files(tools.cache_dir):
        assert result_of(scene.event, replace(tools, report=remove)).video == scene.video
    assert remove_unused(tools.cache_dir, 0) > 0


def test_the_cache_key_covers_title_but_not_request(scene: Scene) -> None:
    event, tools = scene.event, scene.tools
    known = STEP.depends_on(event, tools)
    other_request = event.model_copy(update={"request_id": "r-2"})
    other_title = event.model_copy(update={"title": "another"})
    assert STEP.depends_on(other_request, tools) == known != STEP.depends_on(other_title, tools)


def test_the_video_of_a_cancelled_request_is_removed_and_no_other(scene: Scene, tmp_path: Path) -> None:
    tools = replace(scene.tools, output_dir=tmp_path)
    rendering = STEP.depends_on(scene.event, tools)
    other = rendering.model_copy(update={"quality": "high_quality"})
    own, foreign = (output_name(each, scene.result.segments) for each in (rendering, other))
    left = f".{own}.{2**22}-01234567.part"  # of a process that was killed
    for name in (own, left, foreign, "luna.mp4"):
        (tmp_path / name).write_bytes(b"video")
    assert STEP.discard is not None
    STEP.discard(rendering, tools, (tmp_path / own).stat().st_mtime + 1)
    assert (tmp_path / own).exists()  # of another request, as it is older
    STEP.discard(rendering, tools, 0.0)
    assert {path.name for path in tmp_path.iterdir()} == {foreign, "luna.mp4"}


def test_a_cached_video_is_valid_while_its_file_is_complete(scene: Scene, tmp_path: Path) -> None:
    tools = make_tools(tmp_path, FolderStore())
    assert not STEP.is_valid(scene.result, tools)
    tools.output_dir.mkdir()
    copy = tools.output_dir / scene.video.file
    copy.write_bytes(scene.path.read_bytes())
    assert STEP.is_valid(scene.result, tools)
    copy.write_bytes(b"short")
    assert not STEP.is_valid(scene.result, tools)


def test_the_event_has_the_rendered_segments_and_video(scene: Scene) -> None:
    event = STEP.event_after(scene.event, scene.result)
    assert isinstance(event, Rendered)
    assert STEP.subject(scene.event, scene.result) == scene.event.song.sha256
    assert (event.segments, event.video, event.title) == (scene.result.segments, scene.video, scene.event.title)


def test_declaring_the_step_loads_no_large_library() -> None:
    code = "import sys, agents.rendering.agent; print(sorted({'av', 'numpy', 'cv2'} & set(sys.modules)))"
    process = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"
