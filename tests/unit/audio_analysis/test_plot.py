"""The picture of an analysed song: its content, and that any song, title and analysis can be drawn."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from agents.audio_analysis.analysis import analyze
from agents.audio_analysis.decode import SAMPLE_RATE_HZ
from agents.audio_analysis.plot.captions import names, sureness
from agents.audio_analysis.plot.colours import confidence_colour
from agents.audio_analysis.plot.draw import draw, figure
from agents.audio_analysis.plot.staves import lines_of
from agents.audio_analysis.plot.waveform import Waveform, waveform_of
from agents.drawing.canvas import CANVAS_PX, LEFT_PX, WIDTH_PX
from agents.drawing.counts import ONE_COLOUR
from agents.drawing.section_colours import band_colour
from schemas.audio_analyzed import AudioAnalysis, Doubt, Section
from schemas.faults import Poison
from tests.unit.audio_analysis.band import RATE, Song, write

ODD_TITLES = (
    "$x_",
    "$\\frac{1}{0}$",
    "Amor 💔 愛 \x00\x1b[31m",
    "W" * 500,
    "\u202eolleh \udcff",
    "",
    "Z" + "\u0301" * 90,
)


@pytest.fixture(scope="module")
def waveform(song_file: Path, analysis: AudioAnalysis) -> Waveform:
    return waveform_of(song_file, analysis.duration_s)


@pytest.fixture(scope="module")
def plotted(waveform: Waveform, analysis: AudioAnalysis) -> Figure:
    return figure(waveform, analysis, "Luna")


@pytest.fixture(scope="module")
def short_file(song: Song, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the first seconds of music of the song."""
    return write(tmp_path_factory.mktemp("short") / "short.wav", song.excerpt(20, 2.3), "pcm_s16le")


@pytest.fixture(scope="module")
def short_analysis(short_file: Path) -> AudioAnalysis:
    return analyze(short_file)


def texts(picture: Figure) -> list[Text]:
    return list(picture.axes[0].texts)


def strings(picture: Figure) -> list[str]:
    return [text.get_text() for text in texts(picture)]


def pixels(picture: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(picture)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def fields_of(beats: int, seconds: float, sections: int) -> dict[str, object]:
    """Return the fields of an analysis with other numbers of beats and sections, and another duration."""
    edges = np.linspace(0, seconds, sections + 1).tolist()
    return {
        "duration_s": seconds,
        "beats": tuple(np.linspace(0.1, seconds - 0.1, beats).tolist()),
        "counts": tuple(n % 8 + 1 for n in range(beats)),
        "energy": tuple(np.linspace(0, 1, beats).tolist()),
        "sections": tuple(
            Section(start_s=a, end_s=b, label="verse", rhythm="majao", repeat_group=n)
            for n, (a, b) in enumerate(pairwise(edges))
        ),
    }


def test_the_picture_is_a_png_of_full_width(song_file: Path, analysis: AudioAnalysis, tmp_path: Path) -> None:
    target = tmp_path / "new" / "song.png"
    draw(song_file, analysis, "Luna", target)
    image = cv2.imread(str(target))
    assert target.read_bytes().startswith(b"\x89PNG")
    assert image is not None
    assert image.shape[1] == CANVAS_PX
    assert [path.name for path in target.parent.iterdir()] == ["song.png"]


def test_the_same_song_gives_the_same_picture(short_file: Path, short_analysis: AudioAnalysis, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        draw(short_file, short_analysis, "Luna", tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_header_has_the_facts(plotted: Figure, analysis: AudioAnalysis) -> None:
    title, facts, confidence, *_ = strings(plotted)
    assert title == "Luna"
    for fact in (f"{analysis.tempo_bpm:.1f} BPM", f"{len(analysis.beats)} beats", analysis.energy_level):
        assert fact in facts
    assert f"{sureness(analysis.confidence)} ({analysis.confidence:.2f})" in facts
    assert f"beats {analysis.beat_confidence:.2f}" in confidence


def test_each_beat_has_its_count_below_and_the_1_is_largest(plotted: Figure, analysis: AudioAnalysis) -> None:
    digits = [
        text
        for text in texts(plotted)
        if text.get_text() in set("12345678") and text.get_horizontalalignment() == "center"
    ]
    printed = [int(text.get_text()) for text in digits]
    assert sorted(printed) == sorted(analysis.counts)
    size = {
        count: {float(text.get_fontsize()) for text, n in zip(digits, printed, strict=True) if n == count}
        for count in (1, 2, 5)
    }
    assert min(size[1]) > max(size[5]) > max(size[2])
    assert {text.get_color() for text, n in zip(digits, printed, strict=True) if n == 1} == {ONE_COLOUR}


def test_a_count_is_below_its_beat(waveform: Waveform, analysis: AudioAnalysis) -> None:
    picture = figure(waveform, analysis.model_copy(update={"beats": (6.0,), "counts": (3,), "energy": (0.5,)}), "Luna")
    (digit,) = (text for text in texts(picture) if text.get_text() == "3")
    longest = max(end - start for start, end in lines_of(analysis.model_copy(update={"beats": (), "counts": ()})))
    assert digit.get_position()[0] == pytest.approx(LEFT_PX + 6.0 / longest * WIDTH_PX)


def test_the_ticks_of_the_ones_are_accented(plotted: Figure, analysis: AudioAnalysis) -> None:
    lines = [drawn for drawn in plotted.axes[0].collections if isinstance(drawn, LineCollection)]
    accented = sum(
        len(drawn.get_segments())
        for drawn in lines
        if np.allclose(np.array(drawn.get_color())[0, :3], to_rgb(ONE_COLOUR))
    )
    assert accented == analysis.counts.count(1)


def test_each_section_is_named_in_the_overview_and_where_it_starts(plotted: Figure, analysis: AudioAnalysis) -> None:
    text = " | ".join(strings(plotted))
    for section in analysis.sections:
        assert names(section)[-1] in text
        if section.end_s - section.start_s > 8:
            assert names(section)[0] in text
            assert f"{int(section.start_s) // 60}:{int(section.start_s) % 60:02d}  {names(section)[0]}" in text


def test_the_same_music_has_the_same_colour_and_letter(waveform: Waveform, analysis: AudioAnalysis) -> None:
    sections = [
        Section(start_s=start, end_s=start + 10, label="verse", rhythm="derecho", repeat_group=group)
        for start, group in ((0, 0), (10, 1), (20, 0))
    ]
    picture = figure(waveform, analysis.model_copy(update={"sections": tuple(sections)}), "Luna")
    colours = [to_rgb(patch.get_facecolor()) for patch in picture.axes[0].patches if isinstance(patch, Rectangle)]
    bands = [colour for colour in colours if colour in {band_colour(0), band_colour(1)}]
    assert bands[:3] == [band_colour(0), band_colour(1), band_colour(0)]
    assert [name for name in strings(picture) if name.startswith("verse")][:3] == [
        "verse A derecho",
        "verse B derecho",
        "verse A derecho",
    ]


def test_the_confidence_of_each_section_is_a_colour_and_a_number(waveform: Waveform, analysis: AudioAnalysis) -> None:
    unsure = tuple(section.model_copy(update={"confidence": 0.12}) for section in analysis.sections)
    picture = figure(waveform, analysis.model_copy(update={"sections": unsure}), "Luna")
    colours = [to_rgb(patch.get_facecolor()) for patch in picture.axes[0].patches]
    assert "0.12" in strings(picture)
    assert colours.count(confidence_colour(0.12)) >= 2 * len(unsure)


def test_the_energy_is_a_line_from_0_to_1(waveform: Waveform, analysis: AudioAnalysis) -> None:
    flat = {"energy": tuple(0.0 if n % 2 else 1.0 for n in range(len(analysis.beats)))}
    picture = figure(waveform, analysis.model_copy(update=flat), "Luna")
    heights = {text.get_text(): text.get_position()[1] for text in reversed(texts(picture)) if text.get_text() in "01"}
    ys = np.asarray(picture.axes[0].lines[-1].get_ydata())
    assert len(ys) == len(analysis.beats)
    assert (ys.min(), ys.max()) == (heights["1"], heights["0"])


def test_different_analyses_give_different_pictures(waveform: Waveform, short_analysis: AudioAnalysis) -> None:
    shifted = short_analysis.model_copy(update={"counts": tuple(n % 8 + 1 for n in short_analysis.counts)})
    calmer = short_analysis.model_copy(update={"energy": tuple(value / 2 for value in short_analysis.energy)})
    images = [pixels(figure(waveform, each, "Luna")) for each in (short_analysis, shifted, calmer)]
    assert not any(np.array_equal(images[0], other) for other in images[1:])


def test_doubts_are_listed_in_the_footer(waveform: Waveform, analysis: AudioAnalysis) -> None:
    doubts = (Doubt(start_s=0, end_s=12, about="beats"), Doubt(start_s=20, end_s=30, about="counts"))
    expected = ["0:00-0:12: the beats are unsure", "0:20-0:30: the 1 may be the 5"]
    sure = figure(waveform, analysis.model_copy(update={"doubts": ()}), "Luna")
    unsure = figure(waveform, analysis.model_copy(update={"doubts": doubts}), "Luna")
    assert "doubts" not in strings(sure)
    assert [text for text in strings(unsure) if text in expected] == expected
    lowest = max(text.get_position()[1] for text in texts(sure))
    assert all(text.get_position()[1] > lowest for text in texts(unsure) if text.get_text() in expected)
    assert unsure.get_size_inches()[1] > sure.get_size_inches()[1]


def test_at_most_twelve_doubts_are_listed(waveform: Waveform, analysis: AudioAnalysis) -> None:
    picture = figure(
        waveform, analysis.model_copy(update={"doubts": (Doubt(start_s=0, end_s=12, about="beats"),) * 100}), "Luna"
    )
    assert strings(picture)[-2] == "and 88 more"
    assert pixels(picture).shape[0] < 2000


@pytest.mark.parametrize("title", ODD_TITLES)
def test_any_title_can_be_drawn(title: str, short_file: Path, short_analysis: AudioAnalysis, tmp_path: Path) -> None:
    draw(short_file, short_analysis, title, tmp_path / "song.png")
    assert (tmp_path / "song.png").stat().st_size > 10_000


def test_a_dollar_sign_starts_no_formula(waveform: Waveform, analysis: AudioAnalysis) -> None:
    picture = figure(waveform, analysis, "$x_$")
    assert strings(picture)[0] == "$x_$"
    assert not any(text.get_parse_math() for text in texts(picture))


def test_a_long_title_is_shortened(waveform: Waveform, analysis: AudioAnalysis) -> None:
    assert strings(figure(waveform, analysis, "W" * 500))[0].endswith("W…")


def test_a_song_of_two_seconds_is_drawn(short_file: Path, short_analysis: AudioAnalysis, tmp_path: Path) -> None:
    picture = figure(waveform_of(short_file, short_analysis.duration_s), short_analysis, "short")
    assert len(lines_of(short_analysis)) == 1
    assert {str(count) for count in short_analysis.counts} <= set(strings(picture))
    draw(short_file, short_analysis, "short", tmp_path / "short.png")


@pytest.mark.parametrize("beats", [0, 1, 2])
def test_an_analysis_with_at_most_two_beats_and_no_sections_is_drawn(
    beats: int, waveform: Waveform, analysis: AudioAnalysis
) -> None:
    bare = analysis.model_copy(update=fields_of(beats, analysis.duration_s, 1) | {"sections": (), "downbeats": ()})
    assert pixels(figure(waveform, bare, "bare")).shape[1] == CANVAS_PX


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 5.0, 33.0, 34.0, 600.0, 1800.0])
def test_lines_cover_the_song_without_gaps(seconds: float, analysis: AudioAnalysis) -> None:
    changed = fields_of(int(seconds * 2), seconds, 3) if seconds > 1 else fields_of(0, seconds, 0)
    lines = lines_of(analysis.model_copy(update=changed))
    assert len(lines) <= 17
    assert lines[0][0] == 0.0
    assert lines[-1][1] >= seconds
    assert all(a < b for a, b in lines)
    assert all(before[1] == after[0] for before, after in pairwise(lines))


def test_each_line_but_the_first_begins_on_a_one(analysis: AudioAnalysis) -> None:
    ones = {beat for beat, count in zip(analysis.beats, analysis.counts, strict=True) if count == 1}
    lines = lines_of(analysis)
    assert len(lines) > 1
    assert all(start in ones for start, _ in lines[1:])


def test_half_an_hour_has_legible_lines(waveform: Waveform, analysis: AudioAnalysis) -> None:
    picture = figure(waveform, analysis.model_copy(update=fields_of(3900, 1800.0, 100)), "long")
    assert strings(picture).count("1") >= 3900 // 8
    assert "2" not in strings(picture)
    assert pixels(picture).shape[0] < 3000


def test_the_waveform_has_every_peak(tmp_path: Path) -> None:
    samples = np.zeros(40 * RATE, np.float32)
    samples[10 * RATE : 11 * RATE] = 0.4 * np.sign(np.sin(np.arange(RATE) / 40))
    waveform = waveform_of(write(tmp_path / "a.wav", samples, "pcm_s16le"), 40.0)
    seconds, low, high = waveform.between(0, 40, 400)
    loud, near = (seconds >= 10) & (seconds < 10.8), (seconds > 9.7) & (seconds < 11.2)
    assert len(seconds) <= 400
    assert high[loud].min() > 0.8
    assert low[loud].max() < -0.8
    assert np.abs(np.concatenate([low[~near], high[~near]])).max() < 0.01


def test_the_size_of_the_waveform_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    minutes = (np.full(60 * SAMPLE_RATE_HZ + 7, n / 40, np.float32) for n in range(30))
    monkeypatch.setattr("agents.audio_analysis.plot.waveform.decode_mono", lambda path, track: minutes)
    waveform = waveform_of(Path("any"), 1800.0)
    assert len(waveform.low) <= 32_769
    assert waveform.bin_s * len(waveform.high) == pytest.approx(1800, abs=1)
    assert np.all(np.diff(waveform.high) >= 0)


def test_an_empty_waveform_is_drawn(analysis: AudioAnalysis) -> None:
    assert pixels(figure(Waveform(0.01, np.zeros(0), np.zeros(0)), analysis, "silence")).shape[1] == CANVAS_PX


def test_undecodable_input_leaves_no_file(analysis: AudioAnalysis, tmp_path: Path) -> None:
    (tmp_path / "in.mp3").write_bytes(b"no music at all")
    with pytest.raises(Poison):
        draw(tmp_path / "in.mp3", analysis, "none", tmp_path / "out.png")
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp3"]


@pytest.mark.parametrize(("repeat_group", "expected"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")])
def test_letters_continue_after_z(repeat_group: int, expected: str) -> None:
    section = Section(start_s=0, end_s=1, label="verse", rhythm="derecho", repeat_group=repeat_group)
    assert section.letter == expected


@pytest.mark.parametrize("perceived", [lambda rgb: rgb, lambda rgb: (0.6 * rgb[0] + 0.4 * rgb[1],) * 2 + rgb[2:]])
def test_confidence_colours_differ_for_colour_blind_readers(
    perceived: Callable[[tuple[float, ...]], tuple[float, ...]],
) -> None:
    shades = np.array([perceived(confidence_colour(value)) for value in (0.0, 0.5, 1.0)])
    assert min(np.abs(shades[a] - shades[b]).max() for a, b in ((0, 1), (1, 2), (0, 2))) > 0.3


def test_matplotlib_is_loaded_only_to_draw() -> None:
    code = "import sys, agents.audio_analysis.plot.draw; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_pyplot_is_never_loaded(short_file: Path, short_analysis: AudioAnalysis, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(short_analysis.model_dump_json())
    code = (
        "import sys; from pathlib import Path; from agents.audio_analysis.plot.draw import draw;"
        "from schemas.audio_analyzed import AudioAnalysis; song, saved, target = map(Path, sys.argv[1:]);"
        "draw(song, AudioAnalysis.model_validate_json(saved.read_text()), 'x', target);"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    argv = [
        sys.executable,
        "-W",
        "error",
        "-c",
        code,
        str(short_file),
        str(tmp_path / "a.json"),
        str(tmp_path / "a.png"),
    ]
    assert subprocess.run(argv, check=False).returncode == 0
