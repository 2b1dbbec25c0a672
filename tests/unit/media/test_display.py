"""Poses, pictures and mezzanines have upright, undistorted frames in the colours that players show."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.filter import Graph
from av.video.reformatter import Colorspace

from agents.media.decode import open_video
from agents.media.deinterlace import deinterlaced
from agents.media.display import Display, fit_size
from agents.media.keyframe_encoder import encode
from agents.media.pictures import pictures
from agents.media.render_quality import PROFILES
from agents.media.sampled_frames import sample_frames
from tests.odd_media import hdr_interlaced
from tests.odd_media.marked import FPS, Rgb, original
from tests.odd_media.patched import aspect_in_container_only, set_display_matrix
from tests.odd_media.pictures import DISPLAYED, after_preview, grey_jpegs, of_two_sizes, orientation_in_stream
from tests.odd_media.writer import Timed, Video, write

CONSUMERS = ("poses", "pictures", "mezzanine")
HDR = {"arib-std-b67": hdr_interlaced.hlg, "smpte2084": hdr_interlaced.pq}
FRAMES = 5
COUNT_FRAMES_LEFT = """
import gc, sys
from pathlib import Path
from av import VideoFrame
from agents.media.sampled_frames import sample_frames

gc.disable()
sampled = sum(1 for _ in sample_frames(Path(sys.argv[1]), 1000.0))
print(sampled, sum(isinstance(each, VideoFrame) for each in gc.get_objects()))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of clips: each is written once for all consumers."""
    return tmp_path_factory.mktemp("display")


def timed(step: int = 1, start: int = 60) -> list[tuple[float, Rgb]]:
    """Return some pictures of the demo clip as if they followed each other; with a `step` they have much motion."""
    return [(n / FPS, rgb) for n, (_, rgb) in enumerate(original().pictures[start : start + 2 * FRAMES * step : step])]


def displayed_by(path: Path, consumer: str, number: int = 0) -> Rgb:
    """Return a picture of a clip as one of its consumers gets it, without bars."""
    if consumer == "poses":
        return [frame.rgb for frame in sample_frames(path, 1000.0)][number]
    if consumer == "pictures":
        return [picture.rgb for picture in pictures(path)][number]
    return mezzanine_picture(path, number)


def mezzanine_picture(path: Path, number: int) -> Rgb:
    target = path.with_suffix(".mezzanine.mp4")
    target.unlink(missing_ok=True)
    encode(path, [0.0], PROFILES["fast"], target, lambda _: None)
    with av.open(str(target)) as reader:
        frame = list(reader.decode(video=0))[number]
        return np.asarray(frame.reformat(format="rgb24", src_colorspace=Colorspace.ITU709).to_ndarray(), np.uint8)


def without_bars(rgb: Rgb, width: int, height: int) -> Rgb:
    """Return the part of a picture in which one of this aspect ratio lies."""
    w, h = fit_size(width, height, (rgb.shape[1], rgb.shape[0]))
    left, top = (rgb.shape[1] - w) // 2, (rgb.shape[0] - h) // 2
    return rgb[top : top + h, left : left + w]


def hdr_video(transfer: str) -> Video:
    colours = f"colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"
    return Video(pixel_format="yuv420p10le", options={"preset": "ultrafast", "crf": "16", "x264-params": colours})


def resized(rgb: Rgb, size: tuple[int, int]) -> Rgb:
    """Return the picture in a size, width and height in pixels."""
    return np.asarray(cv2.resize(np.ascontiguousarray(rgb), size, interpolation=cv2.INTER_AREA), np.uint8)


_LUMA = 219 / 255 * np.array([0.2126, 0.7152, 0.0722], np.float32)


def luma(rgb: Rgb) -> np.ndarray:
    return np.asarray(16 + rgb.astype(np.float32) @ _LUMA)


def likeness(rgb: Rgb, wanted: Rgb) -> float:
    """Return the correlation of two pictures' luma, both in the smaller one's size."""
    height, width = min(rgb.shape[:2], wanted.shape[:2])
    rows = np.stack([luma(resized(each, (width, height))).ravel() for each in (rgb, wanted)])
    return float(np.corrcoef(rows)[0, 1])


def colour_error(rgb: Rgb, wanted: Rgb) -> float:
    """Return the mean difference of the colours of two pictures, 0-255."""
    size = (wanted.shape[1] // 4, wanted.shape[0] // 4)
    small = [resized(each, size).astype(float) for each in (rgb, wanted)]
    return float(np.abs(small[0] - small[1]).mean())


@cache
def turned(folder: Path, matrix: tuple[int, int, int, int]) -> Path:
    path = folder / f"turned{matrix}.mp4"
    return set_display_matrix(write(path, timed()[:2]), matrix)


@pytest.mark.parametrize("matrix", DISPLAYED)
@pytest.mark.parametrize("consumer", CONSUMERS)
def test_frames_are_turned_and_mirrored_as_the_display_matrix_says(
    folder: Path, matrix: tuple[int, int, int, int], consumer: str
) -> None:
    wanted = {other: display(timed()[0][1]) for other, display in DISPLAYED.items()}
    height, width = wanted[matrix].shape[:2]
    found = without_bars(displayed_by(turned(folder, matrix), consumer), width, height)
    assert likeness(found, wanted[matrix]) > 0.99
    small = {other: resized(rgb, (width // 4, height // 4)) for other, rgb in wanted.items()}
    assert max(small, key=lambda other: likeness(found, small[other])) == matrix


@cache
def mirrored_in_stream(folder: Path) -> Path:
    return orientation_in_stream(write(folder / "source.mp4", timed()[:3]), folder / "mirrored.mkv")


@pytest.mark.parametrize("number", [0, 2])
@pytest.mark.parametrize("consumer", CONSUMERS)
def test_an_orientation_in_the_coded_stream_is_obeyed(folder: Path, consumer: str, number: int) -> None:
    assert likeness(displayed_by(mirrored_in_stream(folder), consumer, number), np.fliplr(timed()[number][1])) > 0.98


def test_displayed_frames_are_freed_without_garbage_collection(tmp_path: Path) -> None:
    path = set_display_matrix(write(tmp_path / "turned.mp4", timed()), (0, 1, -1, 0))
    # In a process of its own, because tests beside this one may hold frames in their threads.
    command = [sys.executable, "-c", COUNT_FRAMES_LEFT, str(path)]
    sampled, left = map(int, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    assert sampled == 2 * FRAMES
    assert left <= 2


@pytest.mark.parametrize("consumer", CONSUMERS)
@pytest.mark.parametrize("ending", ["mov", "mkv"])
def test_a_still_picture_before_the_moving_one_is_not_shown(tmp_path: Path, ending: str, consumer: str) -> None:
    still = resized(timed()[0][1][:, ::-1], (320, 180))
    path = after_preview(write(tmp_path / "source.mp4", timed()[:3]), tmp_path / f"clip.{ending}", still)
    assert likeness(displayed_by(path, consumer, 2), timed()[2][1]) > 0.98


@pytest.mark.parametrize("consumer", CONSUMERS)
@pytest.mark.parametrize("place", ["stream", "container"])
def test_pixels_that_are_not_square_are_shown_in_their_shape(tmp_path: Path, place: str, consumer: str) -> None:
    squeezed = [(time_s, resized(rgb, (480, 360))) for time_s, rgb in timed()[:2]]
    path = write(tmp_path / "stream.mp4", squeezed, video=Video(aspect=Fraction(4, 3)))
    if place == "container":
        path = aspect_in_container_only(path, tmp_path / "container.mp4")
    found = displayed_by(path, consumer)
    assert found.shape[1] / found.shape[0] == pytest.approx(16 / 9, abs=0.02)
    assert likeness(found, timed()[0][1]) > 0.98


def test_an_absurd_shape_of_pixels_is_ignored(tmp_path: Path) -> None:
    path = write(tmp_path / "absurd.mkv", timed()[:2], video=Video(aspect=Fraction(400, 1)))
    assert displayed_by(path, "poses").shape == (360, 640, 3)


@cache
def hdr(folder: Path, transfer: str) -> Path:
    high = hdr_interlaced.converted(timed()[:2], HDR[transfer])
    return write(folder / f"{transfer}.mkv", high, video=hdr_video(transfer))


@pytest.mark.parametrize("consumer", CONSUMERS)
@pytest.mark.parametrize("transfer", HDR)
def test_hdr_is_shown_as_bright_as_its_original(folder: Path, transfer: str, consumer: str) -> None:
    picture = displayed_by(hdr(folder, transfer), consumer)
    found, wanted = (luma(rgb[len(rgb) // 8 :]) for rgb in (picture, timed()[0][1]))  # below the strip
    assert found.mean() == pytest.approx(wanted.mean(), abs=6)
    assert np.percentile(found, 95) == pytest.approx(np.percentile(wanted, 95), abs=10)
    assert likeness(picture, timed()[0][1]) > 0.98


@pytest.mark.parametrize(("primaries", "red"), [(9, (0.6274, 0.0691, 0.0164)), (12, (0.8225, 0.0332, 0.0171))])
def test_primaries_of_a_wide_gamut_are_converted(primaries: int, red: tuple[float, ...]) -> None:
    """The red of BT.709 is given in linear light of BT.2020 and of Display P3."""
    colours = np.round(255 * np.array([red, (0.2, 0.2, 0.2)]) ** (1 / 2.4)).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(
        np.repeat(np.repeat(colours[np.newaxis], 64, axis=0), 32, axis=1), format="rgb24"
    )
    frame.color_primaries, frame.pts, frame.time_base = primaries, 0, Fraction(1, FPS)
    found = Display((64, 64), 1.0, "rgb24")(frame).to_ndarray().astype(int)
    assert np.abs(found[32, 8] - [255, 0, 0]).max() <= 18
    assert np.abs(found[32, 56] - colours[1]).max() <= 2


RANGES = {
    "limited.mp4": Video(),
    "full.mp4": Video(full=True),
    "full.webm": Video("libvpx-vp9", options={"deadline": "realtime", "cpu-used": "8", "crf": "20"}, full=True),
    "jpeg.mov": Video("mjpeg", "yuvj420p", bit_rate=20_000_000, full=True),
    "10bit.mp4": Video(pixel_format="yuv420p10le"),
    "422.mov": Video("prores_ks", "yuv422p10le"),
    "444.mp4": Video(pixel_format="yuv444p"),
    "12bit.mkv": Video("libx265", "yuv422p12le", options={"preset": "ultrafast", "crf": "16"}),
    "mpeg2.mpg": Video("mpeg2video", bit_rate=8_000_000),
}


@cache
def in_range(folder: Path, name: str) -> Path:
    return write(folder / name, timed()[:3], video=RANGES[name])


@pytest.mark.parametrize("consumer", CONSUMERS)
@pytest.mark.parametrize("name", RANGES)
def test_colours_are_those_of_the_original_in_any_range_and_depth(folder: Path, name: str, consumer: str) -> None:
    found, wanted = displayed_by(in_range(folder, name), consumer), timed()[0][1]
    assert luma(found).mean() == pytest.approx(luma(wanted).mean(), abs=3.5)
    assert colour_error(found, wanted) < 4


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_hd_that_does_not_state_its_matrix_has_that_of_bt_709(tmp_path: Path, consumer: str) -> None:
    large = resized(timed()[0][1], (1280, 720))
    frame = av.VideoFrame.from_ndarray(large, format="rgb24").reformat(
        format="yuv420p", dst_colorspace=Colorspace.ITU709
    )
    frame.colorspace = 2  # unspecified
    found = displayed_by(write(tmp_path / "hd.mp4", [(0.0, frame)]), consumer)
    assert colour_error(found, timed()[0][1]) < 4


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_pictures_without_colour_are_as_bright_as_their_original(tmp_path: Path, consumer: str) -> None:
    found = displayed_by(grey_jpegs(tmp_path / "grey.avi", timed()[:2]), consumer)
    grey = cv2.cvtColor(timed()[0][1], cv2.COLOR_RGB2GRAY)
    assert found.mean() == pytest.approx(grey.mean(), abs=2.5)


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_odd_sizes_are_shown_whole(tmp_path: Path, consumer: str) -> None:
    odd = [(time_s, resized(rgb, (641, 361))) for time_s, rgb in timed()[:2]]
    path = write(tmp_path / "odd.mov", odd, video=RANGES["jpeg.mov"])
    assert likeness(displayed_by(path, consumer), odd[0][1]) > 0.98


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_pictures_of_another_size_are_shown_in_that_of_the_first(tmp_path: Path, consumer: str) -> None:
    upright = [(time_s + 1.0, np.ascontiguousarray(np.rot90(rgb))) for time_s, rgb in timed()[:2]]
    path = of_two_sizes(tmp_path / "change.ts", timed()[:2], upright)
    first, last = displayed_by(path, consumer, 0), displayed_by(path, consumer, -1)
    assert first.shape == last.shape
    assert likeness(without_bars(last, 360, 640), upright[-1][1]) > 0.95


Woven = tuple[Path, list[Timed]]  # an interlaced clip and its frames


@cache
def interlaced(folder: Path, codec: str, first_field: int) -> Woven:
    woven = list(hdr_interlaced.interlaced(timed(step=6), first_field))
    path = folder / f"interlaced-{codec}-{first_field}.mkv"
    return write(path, woven, video=hdr_interlaced.interlaced_video(codec)), woven


@pytest.mark.parametrize("consumer", CONSUMERS)
@pytest.mark.parametrize("first_field", [0, 1])
@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_interlaced_pictures_show_the_first_field_without_combs(
    folder: Path, codec: str, first_field: int, consumer: str
) -> None:
    (path, woven), moving = interlaced(folder, codec, first_field), timed(step=6)
    found, wanted, later = displayed_by(path, consumer, 2), moving[4][1], moving[5][1]
    combed = rgb_of(woven[2][1])
    assert combs(found) < 1.05 * combs(wanted) < 0.95 * combs(combed)
    assert likeness(found, wanted) > max(0.96, likeness(found, later), likeness(combed, wanted))


def test_each_interlaced_picture_is_shown_at_its_time(tmp_path: Path) -> None:
    path = write(
        tmp_path / "interlaced.mp4", hdr_interlaced.interlaced(timed()), video=hdr_interlaced.interlaced_video()
    )
    with open_video(path) as video:
        assert [time_s for time_s, _ in video.frames] == pytest.approx([n / 15 for n in range(FRAMES)], abs=1e-3)


def test_progressive_frames_are_left_alone() -> None:
    frames = [plain(number) for number in range(3)]
    assert all(found is frame for found, frame in zip(deinterlaced(frames), frames, strict=True))


@pytest.mark.parametrize(
    "kinds", ["i", "ppiipp", "ip", "pi", "iIi", "iPpi", "iiii"], ids=lambda kinds: f"{kinds} (capital: larger)"
)
def test_no_frame_is_lost_where_interlaced_and_progressive_ones_follow_each_other(kinds: str) -> None:
    frames = [
        (flagged if kind in "iI" else plain)(number, 64 if kind.islower() else 128) for number, kind in enumerate(kinds)
    ]
    found = list(deinterlaced(frames))
    assert [frame.time for frame in found] == [number / 25 for number in range(len(kinds))]
    assert [frame.width for frame in found] == [frame.width for frame in frames]
    assert not any(frame.interlaced_frame for frame in found)


def test_tiny_interlaced_frames_are_left_alone() -> None:
    assert [frame.width for frame in deinterlaced([flagged(0, 2), flagged(1, 2)])] == [2, 2]


@pytest.mark.parametrize("transfer", [2, 18])
def test_frames_out_of_order_are_shown(transfer: int) -> None:
    display = Display((64, 64), 1.0)
    for number in (5, 5, 3, -2):
        frame = plain(number)
        frame.color_trc = transfer
        assert display(frame).pts == number


@pytest.mark.parametrize("value", [0, 3, 8, 14, 22, 200])
def test_colours_that_are_not_known_are_taken_for_usual_ones(value: int) -> None:
    frame = plain(0)
    frame.colorspace = frame.color_primaries = frame.color_trc = value
    assert Display((32, 32), 1.0)(frame).to_ndarray()[:32].mean() == pytest.approx(126, abs=2)


def combs(rgb: Rgb) -> float:
    """Return the mean difference of lines from those above and below, at 640x360, below the strip with the time."""
    rows = luma(resized(rgb, (640, 360)))[40:]
    return float(np.abs(2 * rows[1:-1] - rows[:-2] - rows[2:]).mean())


def rgb_of(frame: object) -> Rgb:
    assert isinstance(frame, av.VideoFrame)
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def plain(number: int, side: int = 64) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.full((side, side, 3), 128, np.uint8), format="rgb24").reformat(
        format="yuv420p"
    )
    frame.pts, frame.time_base = number, Fraction(1, 25)
    return frame


def flagged(number: int, side: int = 64) -> av.VideoFrame:
    """Return a frame that is flagged as interlaced."""
    frame, graph = plain(number, side), Graph()
    source = graph.add_buffer(width=side, height=side, format=frame.format, time_base=frame.time_base)
    graph.link_nodes(source, graph.add("setfield", "tff"), graph.add("buffersink")).configure()
    graph.vpush(frame)
    found = graph.vpull()
    assert found.interlaced_frame
    return found
