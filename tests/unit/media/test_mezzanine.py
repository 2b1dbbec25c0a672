"""A mezzanine has a key frame on each beat and the same header as all others, and is encoded once."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from agents.media import decode
from agents.media.display import fit_size
from agents.media.keyframe_encoder import holes, mark_beats, thinning
from agents.media.mezzanine import Mezzanine, ensure
from agents.media.mp4 import TICKS
from agents.rendering import audio
from schemas.base import Quality
from schemas.faults import Poison
from schemas.limits import CLIP_S
from tests.paths import DEMO
from tests.unit.media.known_media import (
    NUMBER_BITS,
    Clip,
    click_samples,
    decoded_clicks,
    joined,
    make_clip,
    read_barcode,
    write_wav,
)

ALL = ["24", "29.97", "30", "50", "60", "turned", "portrait", "vfr"]


@pytest.fixture(scope="module")
def mezzanine_of(clips: dict[str, Clip], cache: Path) -> Callable[[str], Mezzanine]:
    """Return a function that encodes the mezzanine of a clip, once for all tests."""

    def make(name: str) -> Mezzanine:
        clip = clips[name]
        return ensure(clip.path, clip.sha, clip.beats, "fast", cache)

    return make


@pytest.mark.parametrize("name", ALL)
def test_the_frame_nearest_each_beat_is_a_key_frame(
    clips: dict[str, Clip], mezzanine_of: Callable[[str], Mezzanine], name: str
) -> None:
    clip, mezzanine = clips[name], mezzanine_of(name)
    with av.open(str(mezzanine.path)) as reader:
        is_keyframe = {p.pts: p.is_keyframe for p in reader.demux(video=0) if p.pts is not None}
    for beat, pts in zip(clip.beats, mezzanine.keyframe_pts, strict=True):
        assert is_keyframe[pts]
        assert pts == min(is_keyframe, key=lambda ticks: abs(ticks - beat * TICKS))
    assert (len(is_keyframe), max(is_keyframe)) == (mezzanine.frames, mezzanine.last_pts)


@pytest.mark.parametrize("name", ALL)
def test_decoding_can_begin_at_any_beat(
    clips: dict[str, Clip], mezzanine_of: Callable[[str], Mezzanine], name: str
) -> None:
    clip, mezzanine = clips[name], mezzanine_of(name)
    for pts in mezzanine.keyframe_pts:
        with av.open(str(mezzanine.path)) as reader:
            reader.seek(pts, stream=reader.streams.video[0])
            frame = next(reader.decode(video=0))
        value = read_barcode(np.asarray(frame.to_ndarray(), np.uint8)[: frame.height])
        assert frame.pts == pts
        assert value >> NUMBER_BITS == clip.number
        assert clip.times[value & (1 << NUMBER_BITS) - 1] == pytest.approx(pts / TICKS, abs=1e-4)


def test_all_mezzanines_have_one_header(mezzanine_of: Callable[[str], Mezzanine]) -> None:
    headers = set()
    for name in ALL:
        with av.open(str(mezzanine_of(name).path)) as reader:
            context = reader.streams.video[0].codec_context
            headers.add((context.extradata, context.width, context.height, str(reader.streams.video[0].time_base)))
            assert not context.has_b_frames
    assert len(headers) == 1
    assert headers.pop()[1:] == (1280, 720, "1/90000")


def test_pictures_are_letterboxed_not_distorted(mezzanine_of: Callable[[str], Mezzanine]) -> None:
    with av.open(str(mezzanine_of("portrait").path)) as reader:
        luma = np.asarray(next(reader.decode(video=0)).to_ndarray())[:720]
    inside = np.flatnonzero(luma[270] > 40)
    assert len(inside) == pytest.approx(720 * 192 / 320, abs=3)
    assert inside[0] == pytest.approx(1280 - 1 - inside[-1], abs=3)


def test_a_clip_with_non_square_pixels_fills_the_mezzanine(tmp_path: Path) -> None:
    path = tmp_path / "anamorphic.mp4"
    with av.open(str(path), "w") as writer:
        stream = writer.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 180, 180, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(16, 9)
        for _ in range(8):
            grey = av.VideoFrame.from_ndarray(np.full((270, 180), 128, np.uint8), format="yuv420p")
            writer.mux(stream.encode(grey))
        writer.mux(stream.encode(None))
    mezzanine = ensure(path, "a" * 64, [0.1], "fast", tmp_path)
    with av.open(str(mezzanine.path)) as reader:
        luma = np.asarray(next(reader.decode(video=0)).to_ndarray())[:720]
    assert luma.min() > 100


def test_a_mezzanine_is_encoded_once(mezzanine_of: Callable[[str], Mezzanine]) -> None:
    first = mezzanine_of("30")
    before = first.path.stat().st_ino
    assert mezzanine_of("30") == first
    assert first.path.stat().st_ino == before  # not replaced; its time is that of its last use


def test_each_use_of_a_mezzanine_is_noted(mezzanine_of: Callable[[str], Mezzanine]) -> None:
    path = mezzanine_of("30").path
    os.utime(path, (1, 1))
    mezzanine_of("30")
    assert path.stat().st_mtime > 1


@pytest.fixture
def short(tmp_path: Path) -> Clip:
    return make_clip(tmp_path / "short.mp4", 9, [n / 30 for n in range(15)], (0.1, 0.3))


def test_other_beats_or_qualities_are_other_mezzanines(short: Clip, tmp_path: Path) -> None:
    variants: list[tuple[tuple[float, ...], Quality]] = [
        ((0.1, 0.3), "fast"),
        ((0.1, 0.31), "fast"),
        ((0.1, 0.3), "balanced"),
    ]
    paths = {ensure(short.path, short.sha, beats, quality, tmp_path).path for beats, quality in variants}
    assert len(paths) == 3
    assert {path.parent for path in paths} == {tmp_path / "mezzanines" / short.sha}


def luma(path: Path) -> NDArray[np.int16]:
    """Return the brightness of all frames, (frames, height, width)."""
    with av.open(str(path)) as reader:
        return np.array([frame.to_ndarray()[: frame.height] for frame in reader.decode(video=0)], np.int16)


def test_a_mirrored_clip_is_the_mirror_image_with_the_same_cuts(tmp_path: Path) -> None:
    beats = json.loads((DEMO / "clips" / "body_roll.json").read_text())["beats"][:6]
    whole, sha = DEMO / "clips" / "body_roll.mp4", "6" * 64
    plain = ensure(whole, sha, beats, "fast", tmp_path)
    before = plain.path.stat().st_ino
    mirrored = ensure(whole, sha, beats, "fast", tmp_path, mirrored=True)
    assert mirrored.path.parent == plain.path.parent
    assert mirrored.path.name.startswith("fast-mirrored-")
    assert ensure(whole, sha, beats, "fast", tmp_path) == plain
    assert plain.path.stat().st_ino == before
    assert asdict(mirrored) | {"path": 0, "size_bytes": 0} == asdict(plain) | {"path": 0, "size_bytes": 0}
    frames, of_mirror = luma(plain.path)[::10], luma(mirrored.path)[::10]
    differences = np.abs(frames - of_mirror[..., ::-1]).mean(axis=(1, 2))
    assert differences.max() < 0.1 * np.abs(frames - of_mirror).mean(axis=(1, 2)).min()


@pytest.mark.parametrize("name", ["turned", "portrait", "60"])
def test_any_clip_can_be_mirrored(
    clips: dict[str, Clip], mezzanine_of: Callable[[str], Mezzanine], cache: Path, name: str
) -> None:
    clip, plain = clips[name], mezzanine_of(name)
    mirrored = ensure(clip.path, clip.sha, clip.beats, "fast", cache, mirrored=True)
    assert (mirrored.keyframe_pts, mirrored.frames) == (plain.keyframe_pts, plain.frames)
    frames = luma(mirrored.path)
    values = [read_barcode(np.asarray(frame[:, ::-1], np.uint8)) for frame in frames]
    assert {value >> NUMBER_BITS for value in values} == {clip.number}
    assert np.abs(frames[0] - luma(plain.path)[0][:, ::-1]).mean() < 1.5
    with av.open(str(mirrored.path)) as one, av.open(str(plain.path)) as two:
        assert one.streams.video[0].codec_context.extradata == two.streams.video[0].codec_context.extradata


@pytest.mark.parametrize("damage", ["sidecar", "cut"])
def test_a_damaged_mezzanine_is_encoded_again(short: Clip, tmp_path: Path, damage: str) -> None:
    mezzanine = ensure(short.path, short.sha, short.beats, "fast", tmp_path)
    content = mezzanine.path.read_bytes()
    if damage == "sidecar":
        mezzanine.path.with_suffix(".json").write_text('{"beats": [')
    else:
        mezzanine.path.write_bytes(content[:100])
    assert ensure(short.path, short.sha, short.beats, "fast", tmp_path) == mezzanine
    assert mezzanine.path.read_bytes() == content


def _make(path: Path, sha: str, beats: tuple[float, ...], cache: Path) -> int:
    return ensure(path, sha, beats, "fast", cache).size_bytes


def test_two_processes_can_encode_the_same_mezzanine_concurrently(short: Clip, tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        sizes = pool.starmap(_make, [(short.path, short.sha, short.beats, tmp_path)] * 2)
    folder = tmp_path / "mezzanines" / short.sha
    assert sizes[0] == sizes[1]
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".mp4"]
    assert json.loads(next(folder.glob("*.json")).read_text())["size_bytes"] == sizes[0]


def test_time_0_is_the_containers_start(tmp_path: Path) -> None:
    picture = make_clip(tmp_path / "silent.mp4", 3, [n / 30 for n in range(30)], (0.2,))
    sound = write_wav(tmp_path / "sound.wav", click_samples([0.2], 0.7))
    path = joined(picture.path, sound, tmp_path / "late.mkv", picture_s=0.3, sound_s=0.5)
    mezzanine = ensure(path, "b" * 64, [0.4], "fast", tmp_path)
    with av.open(str(mezzanine.path)) as reader:
        reader.seek(mezzanine.keyframe_pts[0], stream=reader.streams.video[0])
        frame = next(reader.decode(video=0))
    value = read_barcode(np.asarray(frame.to_ndarray(), np.uint8)[: frame.height])
    assert (value & (1 << NUMBER_BITS) - 1) / 30 == pytest.approx(0.4, abs=0.5 / 30)
    assert decoded_clicks(audio.ensure_aac(path, "b" * 64, 128_000, tmp_path)) == pytest.approx([0.4], abs=1e-3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"ffconcat version 1.0\nfile other.mp4\n", "not_media"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "not_media"),
        (b"\0\0\0\x18ftypmp42" + bytes(64), "not_media"),
    ],
)
def test_a_file_without_media_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(Poison) as caught:
        ensure(path, "c" * 64, [0.5], "fast", tmp_path)
    assert caught.value.reason == reason
    assert not list(tmp_path.rglob("*.part"))


def test_pictures_above_the_limit_are_not_decoded(short: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MAX_PIXELS", 320 * 180 - 1)
    with pytest.raises(Poison, match="no frame of its video decodes") as caught:
        ensure(short.path, short.sha, short.beats, "fast", tmp_path)
    assert caught.value.reason == "no_video"


def test_a_song_is_refused(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "song.wav", click_samples([0.1], 0.5))
    with pytest.raises(Poison, match="has no video"):
        ensure(path, "d" * 64, [0.1], "fast", tmp_path)


@pytest.mark.parametrize("beats", [(), (0.2, 0.2), (0.3, 0.1)])
def test_beats_that_do_not_increase_are_refused(short: Clip, tmp_path: Path, beats: tuple[float, ...]) -> None:
    with pytest.raises(Poison) as caught:
        ensure(short.path, short.sha, beats, "fast", tmp_path)
    assert caught.value.reason == "bad_beats"


@pytest.mark.parametrize(("fps", "step"), [(24, 1), (30, 1), (33, 1), (50, 2), (59.94, 2), (60, 2), (100, 4), (120, 4)])
def test_frames_of_clips_with_a_high_frame_rate_are_thinned(fps: float, step: int) -> None:
    assert thinning(fps) == step


@given(
    times=st.lists(st.integers(0, 500_000), min_size=1, max_size=40, unique=True).map(sorted),
    beats=st.lists(st.integers(0, 600_000), max_size=12, unique=True).map(sorted),
)
def test_each_beat_marks_its_nearest_frame(times: list[int], beats: list[int]) -> None:
    frame = av.VideoFrame(16, 16, "yuv420p")
    marked_frames = list(mark_beats([(t, frame) for t in times], [beat / TICKS for beat in beats]))
    nearest = [marked.ticks for marked in marked_frames for _ in range(marked.beats)]
    assert [marked.ticks for marked in marked_frames] == times
    assert [abs(n - b) for n, b in zip(nearest, beats, strict=True)] == [min(abs(t - b) for t in times) for b in beats]


@given(width=st.integers(2, 8000), height=st.integers(2, 8000))
def test_a_fitted_picture_fills_one_side_and_has_its_aspect_ratio(width: int, height: int) -> None:
    w, h = fit_size(width, height, (1280, 720))
    assert w % 2 == h % 2 == 0
    assert w == 1280 or h == 720
    assert 0 < w <= 1280
    assert 0 < h <= 720
    assert abs(w - h * width / height) <= 2 * max(1, width / height) or min(w, h) == 2


def test_a_file_that_is_longer_than_any_clip_is_refused_while_it_is_encoded(
    short: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The media store also has files that were never accepted as clips."""
    monkeypatch.setattr("agents.media.keyframe_encoder.END_TOLERANCE_S", 0.1 - CLIP_S[1])
    with pytest.raises(Poison) as caught:
        ensure(short.path, short.sha, short.beats, "fast", tmp_path)
    assert caught.value.reason == "too_long"
    assert not list((tmp_path / "mezzanines").rglob("*.mp4"))


def test_a_hole_in_the_picture_is_found_and_does_not_change_the_rate(tmp_path: Path) -> None:
    times = [n / 25 for n in range(75) if not 25 <= n < 50]
    clip = make_clip(tmp_path / "holed.mp4", 1, times, [0.2])
    made = ensure(clip.path, clip.sha, clip.beats, "fast", tmp_path)
    assert made.holes == ((round(24 / 25 * 90_000), round(50 / 25 * 90_000)),)
    assert made.fps == pytest.approx(25, abs=0.1)
    assert ensure(clip.path, clip.sha, clip.beats, "fast", tmp_path) == made


@pytest.mark.parametrize(
    ("gaps_s", "found"),
    [
        ([0.04] * 50, 0),
        ([0.04, 0.08, 0.12, 0.04] * 10, 0),
        ([0.04] * 20 + [0.31] + [0.04] * 20, 1),
        ([0.2] * 10 + [0.59] + [0.2] * 10, 0),
        ([0.2] * 10 + [0.61, 0.2, 0.61], 2),
        ([], 0),
    ],
)
def test_a_hole_is_longer_than_three_frames_and_three_tenths_of_a_second(gaps_s: list[float], found: int) -> None:
    times = [0]
    for gap_s in gaps_s:
        times.append(times[-1] + round(gap_s * 90_000))
    assert len(holes(times)) == found


def test_a_sidecar_without_holes_is_made_again(short: Clip, tmp_path: Path) -> None:
    made = ensure(short.path, short.sha, short.beats, "fast", tmp_path)
    sidecar = made.path.with_suffix(".json")
    facts = json.loads(sidecar.read_text())
    del facts["holes"]
    sidecar.write_text(json.dumps(facts))
    assert ensure(short.path, short.sha, short.beats, "fast", tmp_path) == made
    assert "holes" in json.loads(sidecar.read_text())
