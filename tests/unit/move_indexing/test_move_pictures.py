"""The pictures of a move and of the library: skeletons on the dancers, counts on the beats, similar moves together."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from agents.arrays import Floats
from agents.drawing.canvas import CANVAS_PX, LEFT_PX, WIDTH_PX, rgb_of
from agents.media.pictures import Picture, pictures, pictures_at
from agents.move_indexing.dancers.detections import ANKLES, HIPS, KNEES, SHOULDERS, FrameDetections
from agents.move_indexing.draw_job import MapPoint
from agents.move_indexing.move_pictures import key_frames, library_map, overlay
from agents.move_indexing.move_pictures.bodies import FOLLOW, LEAD, Body, Dancer, couple
from agents.move_indexing.move_pictures.library_map import category_markers, draw_map
from agents.move_indexing.move_pictures.projection import project
from agents.move_indexing.move_pictures.skeleton import draw_body
from agents.move_indexing.move_pictures.tiles import Scene, tiles
from agents.move_indexing.move_pictures.video import write_video
from schemas.faults import Poison
from schemas.move_indexed import MoveSummary
from tests.unit.media.known_media import make_clip
from tests.unit.media.media_builders import write_drawn_clip
from tests.unit.move_indexing import known_dancers
from tests.unit.move_indexing.known_dancers import FPS, SECONDS, SIZE, follow_at, lead_at

_LIMBS = [*SHOULDERS, *HIPS, *KNEES, *ANKLES]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return known_dancers.clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture(scope="module")
def move(path: Path) -> MoveSummary:
    return known_dancers.move(path)


@pytest.fixture(scope="module")
def dancers() -> tuple[Dancer, Dancer]:
    return couple(known_dancers.detections())


@pytest.fixture(scope="module")
def drawn(
    path: Path, move: MoveSummary, dancers: tuple[Dancer, Dancer], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    target = tmp_path_factory.mktemp("drawn") / "drawn.mp4"
    write_video(path, move, dancers, target)
    return target


def texts(picture: Figure) -> list[str]:
    return [text.get_text() for text in picture.axes[0].texts]


def colour_mask(rgb: np.ndarray, colour: str, tolerance: int = 40) -> np.ndarray:
    """Return which pixels have about that colour: (height, width)."""
    mask: np.ndarray = np.abs(rgb.astype(int) - rgb_of(colour)).max(axis=2) <= tolerance
    return mask


def has_near(mask: np.ndarray, point: Floats, distance_px: int = 5) -> bool:
    x, y = point.round().astype(int)
    rows, columns = (slice(max(0, at - distance_px), at + distance_px + 1) for at in (y, x))
    return bool(mask[rows, columns].any())


def frames(path: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(str(path)) as container:
        return [(float(frame.time or 0), frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def sound(path: Path) -> np.ndarray:
    """Return the sound at 22050 Hz from time 0: (samples,)."""
    resampler = av.AudioResampler("flt", "mono", 22050)
    with av.open(str(path)) as container:
        decoded = [frame for frame in container.decode(audio=0) if frame.pts is None or frame.pts >= 0]
        blocks = [block.to_ndarray()[0] for frame in [*decoded, None] for block in resampler.resample(frame)]
    return np.concatenate(blocks)


# Positions of the dancers.


def test_the_lead_is_the_taller_and_both_are_where_they_were_detected(dancers: tuple[Dancer, Dancer]) -> None:
    for dancer, expected in zip(dancers, (lead_at, follow_at), strict=True):
        body = dancer.body_at(0.9, SIZE)
        assert body is not None
        assert body.detected
        np.testing.assert_allclose(body.xy, expected(0.9), atol=1)
        assert body.torso_px == pytest.approx(66 if dancer.name == "lead" else 60, rel=0.03)
    assert [dancer.colour for dancer in dancers] == [LEAD, FOLLOW]


def test_positions_are_in_pixels_of_the_requested_size(dancers: tuple[Dancer, Dancer]) -> None:
    small, large = (dancers[0].body_at(0.5, size) for size in (SIZE, (1280, 720)))
    assert small is not None
    assert large is not None
    np.testing.assert_allclose(large.xy, small.xy * [2, 1.5])


def test_positions_between_two_sampled_frames_are_interpolated(dancers: tuple[Dancer, Dancer]) -> None:
    body = dancers[0].body_at(0.65, SIZE)
    assert body is not None
    assert body.detected
    np.testing.assert_allclose(body.xy, (lead_at(0.6) + lead_at(0.7)) / 2, atol=0.7)


def test_a_hidden_dancer_is_interpolated_and_an_absent_one_has_no_body(dancers: tuple[Dancer, Dancer]) -> None:
    _, follow = dancers
    hidden = follow.body_at(1.55, SIZE)
    assert hidden is not None
    assert not hidden.detected
    assert follow.body_at(3.6, SIZE) is None
    assert len(follow.intervals(detected=False)) == 1
    (_, first_end_s), (second_start_s, _) = follow.intervals(detected=True)
    assert first_end_s == pytest.approx(1.3, abs=0.1)
    assert second_start_s == pytest.approx(1.8, abs=0.1)


def test_a_dancer_alone_is_the_lead(dancers: tuple[Dancer, Dancer]) -> None:
    alone = [FrameDetections(frame.time_s, frame.dancers[:1]) for frame in known_dancers.detections().frames]
    lead, follow = couple(type(known_dancers.detections())(tuple(alone), SIZE))
    assert lead.body_at(1.0, SIZE) is not None
    assert follow.body_at(1.0, SIZE) is None
    assert follow.intervals(detected=False) == []


# Pictures and skeletons.


def test_rotated_clips_are_turned_upright_and_large_ones_are_scaled_down(tmp_path: Path) -> None:
    turned = make_clip(tmp_path / "turned.mp4", 1, [0, 0.1], [], size=(360, 640), rotation=90).path
    assert {picture.size for picture in pictures(turned)} == {(360, 640)}
    large = make_clip(tmp_path / "large.mp4", 1, [0, 0.1], [], size=(1920, 1080)).path
    assert {picture.size for picture in pictures(large)} == {(1280, 720)}
    upright = make_clip(tmp_path / "upright.mp4", 1, [0, 0.1], [], size=(1080, 1920)).path
    assert {picture.size for picture in pictures(upright)} == {(720, 1280)}


def test_the_picture_nearest_to_each_time_is_returned(path: Path) -> None:
    nearest = pictures_at(path, [0.0, 1.02, 1.04, 99.0])
    assert [round(picture.time_s * FPS) for picture in nearest] == [0, 15, 16, SECONDS * FPS - 1]


def test_a_file_that_does_not_decode_is_refused_and_leaves_no_file(move: MoveSummary, tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(b"no video at all")
    with pytest.raises(Poison):
        write_video(tmp_path / "in.mp4", move, (), tmp_path / "out.mp4")
    with pytest.raises(Poison):
        key_frames.draw_key_frames(tmp_path / "in.mp4", move, (), tmp_path / "out.png")
    assert [file.name for file in tmp_path.iterdir()] == ["in.mp4"]


def test_a_skeleton_is_on_the_joints_and_an_interpolated_one_is_dashed_and_paler() -> None:
    masks = []
    for detected in (True, False):
        rgb = np.full((480, 640, 3), 110, np.uint8)
        draw_body(rgb, Body(lead_at(0), 66, LEAD, detected), 4)
        masks.append(colour_mask(rgb, LEAD, 60))
    assert all(has_near(masks[0], lead_at(0)[joint], 6) for joint in _LIMBS)
    assert 0.2 * masks[0].sum() < masks[1].sum() < 0.8 * masks[0].sum()


def test_joints_far_outside_the_picture_are_drawn_without_error() -> None:
    rgb = np.zeros((48, 64, 3), np.uint8)
    for offset in (1e9, -1e9):
        draw_body(rgb, Body(lead_at(0) + offset, 66, LEAD, detected=False), 2)


def test_tiles_have_the_skeleton_on_the_dancer_at_one_scale(dancers: tuple[Dancer, Dancer]) -> None:
    """Find the position of each pixel of a tile in the picture by its colour."""
    scenes = []
    for time_s in (0.2, 0.8, 2.4, 3.6):  # in the last one the lead is alone, and would fit at a larger scale
        bodies = [body for dancer in dancers if (body := dancer.body_at(time_s, SIZE))]
        scenes.append(Scene(Picture(time_s, known_dancers.slope().astype(np.uint8)), tuple(bodies)))
    row = tiles(scenes, 202)
    assert len({tile.shape for tile in row}) == 1
    scales = []
    for tile, scene in zip(row, scenes, strict=True):
        to_tile = _mapping(tile)
        scales.append(to_tile[0][0])
        for body in scene.bodies:
            mask = colour_mask(tile, body.colour, 60)
            landmarks = np.array(
                [[np.polyval(line, value) for line, value in zip(to_tile, xy, strict=True)] for xy in body.xy]
            )
            assert all(has_near(mask, landmarks[joint]) for joint in _LIMBS)
            ys, xs = np.nonzero(mask)
            assert xs.min() >= landmarks[:, 0].min() - 14
            assert xs.max() <= landmarks[:, 0].max() + 14
            assert ys.max() <= landmarks[:, 1].max() + 6
    assert max(scales) == pytest.approx(min(scales), rel=0.02)


def _mapping(tile: np.ndarray) -> list[np.ndarray]:
    """Return for x and y the linear mapping of the picture's pixels to the tile's, fitted on pixels not drawn over."""
    plain = np.abs(tile[..., 2].astype(int) - 60) <= 1
    ys, xs = np.nonzero(plain)
    return [
        np.polyfit((tile[..., channel][plain].astype(float) - 20) * SIZE[channel] / 160, positions, 1)
        for channel, positions in ((0, xs), (1, ys))
    ]


def test_a_tile_without_dancers_has_the_crop_of_the_nearest_scene(dancers: tuple[Dancer, Dancer]) -> None:
    picture = Picture(0.2, known_dancers.slope().astype(np.uint8))
    body = dancers[0].body_at(0.2, SIZE)
    assert body is not None
    one, other = tiles([Scene(picture, (body,)), Scene(picture, ())], 202)
    assert not colour_mask(other, LEAD, 60).any()
    np.testing.assert_allclose(_mapping(one)[0], _mapping(other)[0], rtol=0.05, atol=3)
    whole = tiles([Scene(picture, ())], 202)[0]
    assert whole.shape[1] == 202


# The picture of key frames.


def test_key_frames_of_a_whole_eight_have_their_counts_and_times_below(
    path: Path, move: MoveSummary, dancers: tuple[Dancer, Dancer]
) -> None:
    drawn = texts(key_frames.figure(path, move, dancers))
    assert drawn[:4] == ["follow", "lead", "dashed, pale: interpolated", "to_and_fro"]
    for fact in ("basic step", "beginner", "energy low", "150.0 BPM", "4.0 s", "70%"):
        assert fact in drawn[4]
    counts = [text for text in drawn if text in set("12345678")]
    assert sorted(counts) == sorted("12345678" + "1234567812")  # below the tiles, and along the strip
    for time in ("0.00 s", "0.40 s", "2.80 s"):
        assert time in drawn
    assert drawn.count("eight 1") == 2


def test_key_frames_have_both_skeletons_and_bars_where_each_is_detected(
    path: Path, move: MoveSummary, dancers: tuple[Dancer, Dancer], tmp_path: Path
) -> None:
    key_frames.draw_key_frames(path, move, dancers, tmp_path / "new" / "keys.png")
    image = cv2.imread(str(tmp_path / "new" / "keys.png"))
    assert image is not None
    assert image.shape[1] == CANVAS_PX
    rgb = image[..., ::-1]
    width = key_frames.tile_px(move)
    lefts = [LEFT_PX + n * (width + 8) for n in range(8)]
    row = [rgb[112 : 112 + width, left : left + width] for left in lefts]
    of_lead, of_follow = (np.array([colour_mask(tile, colour).sum() for tile in row]) for colour in (LEAD, FOLLOW))
    assert of_lead.min() > 500
    assert of_follow[4] < 0.8 * np.delete(of_follow, 4).min()  # interpolated at 1.6 s
    bars = rgb[-120:]
    lead, follow = (
        np.any(colour_mask(bars, colour, 3), axis=0)[LEFT_PX : LEFT_PX + WIDTH_PX] for colour in (LEAD, FOLLOW)
    )
    assert lead.mean() > 0.95
    for time_s, detected in ((1.0, True), (1.55, False), (2.5, True), (3.5, False)):
        assert follow[round(time_s / SECONDS * WIDTH_PX)] == detected


def test_rows_are_the_first_two_eights_or_beats_spread_over_the_clip(move: MoveSummary) -> None:
    beats = tuple(0.4 * n for n in range(34))
    long = {"beats": beats, "counts": tuple(n % 8 + 1 for n in range(34))}
    eights = tuple(move.eights[0].model_copy(update={"start_beat": n}) for n in (0, 8, 16))
    rows = key_frames.rows_of(move.model_copy(update=long | {"eights": eights}))
    assert [row.name for row in rows] == ["eight 1", "eight 2"]
    assert rows[1].beats == tuple((beats[n], n - 7) for n in range(8, 16))
    (spread,) = key_frames.rows_of(move.model_copy(update=long | {"eights": ()}))
    assert len(spread.beats) == 8
    assert (spread.beats[0][0], spread.beats[-1][0]) == (beats[0], beats[-1])
    (short,) = key_frames.rows_of(move.model_copy(update={"beats": beats[:3], "counts": (7, 8, 1), "eights": ()}))
    assert [count for _, count in short.beats] == [7, 8, 1]
    (none,) = key_frames.rows_of(move.model_copy(update={"beats": (), "counts": (), "eights": ()}))
    assert len(none.beats) == 1


@pytest.mark.parametrize("name", ["$x_", "$\\frac{1}{0}$", "Amor 💔 愛 \x00\x1b[31m", "W" * 200, "\u202eolleh"])
def test_any_name_and_a_clip_with_one_beat_can_be_drawn(
    name: str, path: Path, move: MoveSummary, dancers: tuple[Dancer, Dancer]
) -> None:
    odd = move.model_copy(update={"name": name, "category": name, "beats": (0.5,), "counts": (3,), "eights": ()})
    canvas = FigureCanvasAgg(key_frames.figure(path, odd, dancers))
    canvas.draw()
    assert "no whole eight" in texts(canvas.figure)


# The video.


def test_the_video_has_the_clips_duration_frame_rate_size_and_sound(path: Path, drawn: Path) -> None:
    with av.open(str(drawn)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.pix_fmt, audio.codec_context.name) == ("h264", "yuv420p", "aac")
        assert (video.width, video.height) == SIZE
        assert float(video.average_rate or 0) == pytest.approx(FPS, rel=0.01)
        assert (container.duration or 0) / 1e6 == pytest.approx(SECONDS, abs=0.06)
    before, after = (np.array([time for time, _ in frames(file)]) for file in (path, drawn))
    np.testing.assert_allclose(after, before, atol=1e-3)


def test_the_sound_is_not_shifted(path: Path, drawn: Path) -> None:
    before, after = sound(path), sound(drawn)
    length = min(len(before), len(after)) // 2
    correlation = [before[1000 : 1000 + length] @ after[1000 + n : 1000 + n + length] for n in range(-500, 500)]
    assert abs(np.argmax(correlation) - 500) / 22050 < 0.005


def test_a_clip_without_sound_is_drawn_too(move: MoveSummary, dancers: tuple[Dancer, Dancer], tmp_path: Path) -> None:
    write_video(known_dancers.clip(tmp_path / "mute.mp4", sound=False), move, dancers, tmp_path / "drawn.mp4")
    with av.open(str(tmp_path / "drawn.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]


def test_skeletons_follow_the_dancers_through_the_video(drawn: Path) -> None:
    displayed = frames(drawn)
    for time_s, follow_tracked in ((0.5, True), (1.0, True), (2.2, True), (3.6, False)):
        _, rgb = displayed[round(time_s * FPS)]
        lead, follow = (colour_mask(rgb, colour, 70) for colour in (LEAD, FOLLOW))
        assert all(has_near(lead, lead_at(time_s)[joint]) for joint in _LIMBS)
        assert all(has_near(follow, follow_at(time_s)[joint]) == follow_tracked for joint in (*HIPS, *KNEES))


def test_the_count_is_brightest_on_its_beat(move: MoveSummary, drawn: Path) -> None:
    displayed = frames(drawn)
    for beat, count in list(zip(move.beats, move.counts, strict=True))[:9]:
        on, between = (displayed[round(time * FPS)][1][10:125, 10:90].astype(int) for time in (beat, beat + 0.3))
        colour = (255, 92, 147) if count == 1 else (255, 255, 255)
        bright_pixels = [(np.abs(corner - colour).max(axis=2) < 40).sum() for corner in (on, between)]
        assert bright_pixels[0] > 300
        assert bright_pixels[1] < 0.2 * bright_pixels[0]


def test_the_bar_marks_the_pictures_time(drawn: Path) -> None:
    margin = round(28 * SIZE[1] / 720)
    length = SIZE[0] - 2 * margin
    for number, rgb in list(enumerate(rgb for _, rgb in frames(drawn)))[10::15]:
        row = rgb[SIZE[1] - margin - 2, margin : SIZE[0] - margin].min(axis=1)
        (white,) = np.nonzero(row > 200)
        assert abs(white.mean() - number / FPS / SECONDS * length) < 4


def test_progress_is_reported_up_to_the_end(path: Path, move: MoveSummary, tmp_path: Path) -> None:
    reports: list[float] = []
    write_video(path, move, (), tmp_path / "out.mp4", reports.append)
    assert reports == sorted(reports)
    assert reports[0] < 0.1
    assert reports[-1] > 0.95


@pytest.mark.parametrize("size", [(96, 160), (160, 96), (64, 64)])
def test_clips_of_any_size_can_be_drawn(
    size: tuple[int, int], move: MoveSummary, dancers: tuple[Dancer, Dancer], tmp_path: Path
) -> None:
    small = write_drawn_clip(tmp_path / "small.mp4", 1.0, 10, size)
    write_video(small, move, dancers, tmp_path / "drawn.mp4")
    assert frames(tmp_path / "drawn.mp4")[5][1].shape == (size[1], size[0], 3)
    key_frames.draw_key_frames(small, move, dancers, tmp_path / "keys.png")


def test_a_count_fades_until_the_next_one() -> None:
    assert overlay.count_opacity(0.0) == 1.0
    assert overlay.count_opacity(0.1) > overlay.count_opacity(0.5) > overlay.count_opacity(1.0) > 0.2


# The map of the library.


def points(count: int, categories: int = 3) -> list[MapPoint]:
    """Return `count` moves, each near the distant centre of its category."""
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(categories, 512))
    embeddings = centres[np.arange(count) % categories] + 0.1 * rng.normal(size=(count, 512))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return [
        MapPoint(name=f"clip_{n}", category=f"kind_{n % categories:02d}", embedding=tuple(row))
        for n, row in enumerate(embeddings.tolist())
    ]


def test_similar_moves_are_nearer_than_different_ones() -> None:
    flat, share = project(np.array([point.embedding for point in points(12)]))
    near, far = list[float](), list[float]()
    for a, b in combinations(range(12), 2):
        (near if a % 3 == b % 3 else far).append(float(np.linalg.norm(flat[a] - flat[b])))
    assert max(near) < 0.3 * min(far)
    assert 0.9 < share < 1


def test_the_share_is_the_variance_along_the_two_main_axes() -> None:
    lengths = np.array([4.0, 3.0, 2.0, 1.0])
    cross = np.concatenate([np.diag(lengths), -np.diag(lengths)])
    flat, share = project(cross)
    assert share == pytest.approx((16 + 9) / (16 + 9 + 4 + 1))
    assert np.abs(flat).max(axis=0) == pytest.approx([4, 3])


def test_the_map_does_not_depend_on_the_order_of_the_moves() -> None:
    embeddings = np.array([point.embedding for point in points(9)])
    order = np.random.default_rng(1).permutation(9)
    np.testing.assert_allclose(project(embeddings)[0][order], project(embeddings[order])[0], atol=1e-9)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_one_to_three_moves_make_a_map(count: int, tmp_path: Path) -> None:
    draw_map(points(count), tmp_path / "map.png")
    image = cv2.imread(str(tmp_path / "map.png"))
    assert image is not None
    assert image.shape[1] == CANVAS_PX
    assert {f"clip_{n}" for n in range(count)} <= set(texts(library_map.figure(points(count))))


def test_identical_moves_make_a_map() -> None:
    (one,) = points(1)
    drawn = library_map.figure([one] * 4)
    assert texts(drawn)[0] == "The library: 4 moves"
    assert np.isfinite(_offsets(drawn)).all()


def _offsets(drawn: Figure) -> Floats:
    return np.concatenate([np.asarray(marks.get_offsets(), float) for marks in drawn.axes[0].collections])


def test_both_directions_have_one_scale() -> None:
    xy = library_map.to_pixels(np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 1.0]]))
    across, up = (np.linalg.norm(xy[n] - xy[0]) for n in (1, 2))
    assert across == pytest.approx(3 * up)
    assert xy[2, 1] < xy[0, 1]


def test_names_cover_neither_each_other_nor_a_point() -> None:
    drawn = library_map.figure(points(60, categories=60))
    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    boxes = [text.get_window_extent() for text in drawn.axes[0].texts if text.get_text().startswith("clip_")]
    assert len(boxes) > 20
    assert not any(one.shrunk(0.98, 0.98).overlaps(other.shrunk(0.98, 0.98)) for one, other in combinations(boxes, 2))
    height = canvas.get_width_height()[1]
    for x, y in _offsets(drawn):
        assert not any(box.contains(x, height - y) for box in boxes)


def test_a_map_of_thousands_of_moves_has_no_names(tmp_path: Path) -> None:
    drawn = library_map.figure(points(2000, categories=50))
    assert not any(text.startswith("clip_") for text in texts(drawn))
    assert "others" in texts(drawn)
    assert len(_offsets(drawn)) >= 2000


def test_categories_have_different_markers_and_are_counted() -> None:
    markers = category_markers([f"kind_{n:02d}" for n in range(34)])
    assert len(set(markers.values())) == 34
    drawn = texts(library_map.figure(points(10)))
    assert drawn[drawn.index("kind 00") + 1] == "4"
    assert drawn[drawn.index("kind 01") + 1] == "3"


def test_the_map_is_coloured_by_category() -> None:
    moves = points(12)
    markers = category_markers([point.category for point in moves])
    drawn = library_map.figure(moves)
    positions = library_map.to_pixels(project(np.array([point.embedding for point in moves]))[0])
    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    rgb = np.asarray(canvas.buffer_rgba())[..., :3]
    for point, xy in zip(moves, positions, strict=True):
        assert has_near(colour_mask(rgb, markers[point.category][0], 3), xy, 2)


def test_all_points_are_inside_the_frame_of_the_map() -> None:
    drawn = library_map.figure(points(40))
    frame = next(patch for patch in drawn.axes[0].patches if isinstance(patch, Rectangle))
    inside = library_map.to_pixels(project(np.array([point.embedding for point in points(40)]))[0])
    low, high = np.array(frame.get_xy()), np.array(frame.get_bbox().max)
    assert ((inside > low + 20) & (inside < high - 20)).all()


# Imports.


@pytest.mark.parametrize("module", ["agents.move_indexing.draw_job", "streams.cli.moves"])
def test_large_libraries_are_loaded_only_to_draw(module: str) -> None:
    code = f"import sys, {module}; sys.exit(any(m in sys.modules for m in ('numpy', 'matplotlib', 'cv2', 'av')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_pyplot_is_never_loaded(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from agents.move_indexing.draw_job import MapPoint;"
        "from agents.move_indexing.move_pictures.library_map import draw_map;"
        "draw_map([MapPoint(name='a', category='b', embedding=(1.0, 0.0))], Path(sys.argv[1]));"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    argv: list[Any] = [sys.executable, "-W", "error", "-c", code, tmp_path / "a.png"]
    assert subprocess.run(argv, check=False).returncode == 0
