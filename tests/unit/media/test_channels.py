"""Sound with any channels, inverted ones too, is analysed and encoded as it is heard."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from agents.audio_analysis.analysis import analyze
from agents.audio_analysis.decode import SAMPLE_RATE_HZ, decode_mono
from agents.media.channels import Block, in_phase
from agents.rendering.audio import ensure_aac
from tests.odd_media import sounds
from tests.odd_media.marked import SOUND_HZ, Samples, plain_sound, song
from tests.odd_media.writer import Sound, write
from tests.unit.audio_analysis import band

_MUSIC_S = 6.0
_SHORT = SOUND_HZ * 3


@pytest.fixture(scope="module")
def beats(tmp_path_factory: pytest.TempPathFactory) -> tuple[float, ...]:
    """Return the beats of the music in both channels."""
    return analyze(write(tmp_path_factory.mktemp("plain") / "a.flac", sounds=[Sound(_mono_song(), "flac")])).beats


def _mono_song() -> Samples:
    return np.stack([song(_MUSIC_S).mean(0)] * 2)


def _aac(path: Path) -> Samples:
    return plain_sound(ensure_aac(path, path.stem.ljust(64, "0"), 192_000, path.parent))


def _likeness(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    samples = min(len(one), len(other))
    return abs(float(np.corrcoef(one[:samples], other[:samples])[0, 1]))


def test_music_in_antiphase_has_its_beats_and_is_heard_on_one_loudspeaker(
    beats: tuple[float, ...], tmp_path: Path
) -> None:
    path = write(tmp_path / "a.flac", sounds=[Sound(sounds.antiphase(_mono_song()), "flac")])
    assert analyze(path).beats == pytest.approx(beats, abs=0.01)
    left, right = _aac(path)
    assert _likeness(left + right, _mono_song()[0]) > 0.98
    assert np.std(left + right) == pytest.approx(2 * np.std(_mono_song()[0]), rel=0.05)


@pytest.mark.parametrize("layout", ["2.1", "4.0", "5.1", "7.1"])
@pytest.mark.parametrize("place", [0, 2, -1])
def test_one_inverted_channel_of_several_cancels_nothing(layout: str, place: int, tmp_path: Path) -> None:
    channels = np.repeat(song(_MUSIC_S)[:1, :_SHORT], av.AudioLayout(layout).nb_channels, axis=0)
    channels[place] *= -1.0
    path = sounds.write_channels(tmp_path / "a.wav", channels, layout)
    mono = np.concatenate(list(decode_mono(path)))
    assert _likeness(mono, channels[0, ::2]) > 0.98
    assert np.std(mono) == pytest.approx(np.std(channels[0]), rel=0.1)


_FILES = (
    ("a.wav", "stereo", "pcm_s24le"),
    ("a.wav", "5.1", "pcm_f32le"),
    ("a.aiff", "4.0", "pcm_s16be"),
    ("a.caf", "5.1", "pcm_s16be"),
    ("a.avi", "4.0", "pcm_s16le"),
    ("a.opus", "7.1", "libopus"),
    ("a.flac", "7.1", "flac"),
    ("a.m4a", "5.1", "aac"),
    ("a.mkv", "5.1(side)", "ac3"),
)


@pytest.mark.parametrize(
    ("name", "layout", "codec", "place"),
    [
        ("a.wav", "mono", "pcm_s16le", 0),
        *((*row, place) for row in _FILES for place in (0, -1)),
    ],
)
def test_music_in_one_channel_alone_is_heard(
    name: str, layout: str, codec: str, place: int, beats: tuple[float, ...], tmp_path: Path
) -> None:
    music = _mono_song()[0]
    channels = sounds.in_channel(music, av.AudioLayout(layout).nb_channels, place)
    path = sounds.write_channels(tmp_path / name, channels, layout, codec)
    found = analyze(path).beats
    assert len(found) == len(beats)
    assert found == pytest.approx(beats, abs=0.01)
    assert _likeness(_aac(path).sum(0), music) > 0.9


def test_a_file_without_names_of_channels_is_stereo_in_the_video(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.repeat(song(_MUSIC_S)[:1, :_SHORT], 4, axis=0).T, SOUND_HZ, subtype="PCM_16")
    left, right = _aac(tmp_path / "a.wav")
    assert _likeness(left, song(_MUSIC_S)[0, :_SHORT]) > 0.98
    assert _likeness(left, right) > 0.99


@pytest.mark.parametrize("layout", ["5.1", "7.1"])
def test_loud_channels_do_not_clip_when_they_are_mixed(layout: str, tmp_path: Path) -> None:
    time = np.arange(2 * SOUND_HZ) / SOUND_HZ
    channels = np.repeat(0.99 * np.sin(2 * np.pi * 300 * time)[None], av.AudioLayout(layout).nb_channels, axis=0)
    path = sounds.write_channels(tmp_path / "a.wav", channels.astype(np.float32), layout, "pcm_f32le")
    middle = _aac(path)[:, SOUND_HZ // 2 : -SOUND_HZ // 2]
    assert 0.9 < np.abs(middle).max() < 1.01


def test_the_centre_is_heard_on_both_sides_and_the_sides_apart() -> None:
    def mixed(name: str) -> tuple[float, float]:
        names = ("FL", "FR", "FC", "LFE", "BL", "BR")
        samples = np.array([[1.0] if each == name else [0.0] for each in names], np.float32)
        left, right = Block(48_000, names, samples).stereo()[:, 0]
        return round(float(left), 3), round(float(right), 3)

    assert mixed("FC") == (0.293, 0.293)
    assert (mixed("FL"), mixed("BR"), mixed("LFE")) == ((0.414, 0), (0, 0.293), (0, 0))


def test_one_channel_has_its_level_in_both() -> None:
    samples = np.ones((1, 4), np.float32)
    assert Block(48_000, ("FC",), samples).stereo().tolist() == [[1.0] * 4] * 2


@pytest.mark.parametrize("layout", ["ambisonic 1", "ambisonic 1+stereo", "8 channels", "3 channels", "hexadecagonal"])
def test_any_layout_is_mixed(layout: str) -> None:
    count = av.AudioLayout(layout).nb_channels
    values = np.tile(np.linspace(-0.5, 0.5, 960, dtype=np.float32)[:, None], count).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(values, format="flt", layout=layout)
    frame.sample_rate = 48_000
    (block,) = in_phase([frame])
    assert block.stereo().shape == (2, 960)
    assert _likeness(block.stereo()[0], values[0, ::count]) > 0.999
    assert block.mono() == pytest.approx(values[0, ::count], abs=1e-6)


def test_wide_stereo_is_left_as_it_is() -> None:
    rng = np.random.default_rng(4)
    common, difference = rng.standard_normal((2, 48_000)).astype(np.float32)
    samples = np.stack([common + difference, 0.8 * common - difference])  # they correlate by -0.1
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
    frame.sample_rate = 48_000
    (block,) = in_phase([frame])
    assert np.array_equal(block.samples, samples)


def test_a_channel_is_turned_from_first_to_last() -> None:
    """The loudest channel changes from block to block, and one ends before the other."""
    rng = np.random.default_rng(5)
    blocks = [rng.standard_normal(1 << 20).astype(np.float32) for _ in range(4)]
    frames = []
    for number, (music, gain) in enumerate(zip(blocks, (1.0, 1.3, 0.7, 0.0), strict=True)):
        values = np.stack([music, -np.float32(gain) * music])
        frames.append(av.AudioFrame.from_ndarray(values, format="fltp", layout="stereo"))
        frames[-1].sample_rate, frames[-1].pts = 48_000, number << 20
    turned = list(in_phase(frames))
    assert len(turned) == len(blocks)
    orientation = {round(float(np.sign(block.samples[0] @ music))) for block, music in zip(turned, blocks, strict=True)}
    assert orientation == {1}
    assert all((block.samples[0] * block.samples[1]).sum() >= 0 for block in turned)


def test_format_changes_in_mid_stream_are_followed(tmp_path: Path) -> None:
    """A recording of a radio stream: stereo at 44100 Hz, then mono at 48000 Hz, then stereo again."""
    music = band.play((("derecho", 8),), 130.0, seed=9)
    parts = [(0, 4.0, 2, 44_100), (4.0, 8.0, 1, 48_000), (8.0, 12.0, 2, 44_100)]
    data = b""
    for start, end, channels, rate in parts:
        part = np.repeat(music.samples[None, round(start * SOUND_HZ) : round(end * SOUND_HZ)], 2, axis=0)
        track = Sound(part, "libmp3lame", rate=rate, layout=("mono", "stereo")[channels - 1], bit_rate=192_000)
        data += write(
            tmp_path / "part.mp3", sounds=[track], options={"write_xing": "0", "id3v2_version": "0"}
        ).read_bytes()
    (tmp_path / "a.mp3").write_bytes(data)
    length = len(np.concatenate(list(decode_mono(tmp_path / "a.mp3")))) / SAMPLE_RATE_HZ
    assert length == pytest.approx(12.0, abs=0.3)
    assert analyze(tmp_path / "a.mp3").tempo_bpm == pytest.approx(130, rel=0.01)
    encoded = _aac(tmp_path / "a.mp3")
    assert encoded.shape[1] / SOUND_HZ == pytest.approx(length, abs=0.1)
    loud = [np.abs(encoded[:, round(a * SOUND_HZ) : round(b * SOUND_HZ)]).max() for a, b in pairwise((1, 5, 9, 11))]
    assert min(loud) > 0.3


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_values_that_no_sound_has_do_not_reach_the_analysis(subtype: str, tmp_path: Path) -> None:
    """A damaged file of floats has values of any size; what is found in it is finite."""
    samples = song(_MUSIC_S).T.astype(float)
    samples[10_000:60_000:5_000] = np.array([3e38, -3e38])
    path = tmp_path / "a.wav"
    soundfile.write(path, samples, SOUND_HZ, subtype=subtype)
    assert all(np.isfinite(block).all() for block in decode_mono(path))
    assert np.isfinite(analyze(path).count_confidence)
    assert np.isfinite(_aac(path)).all()


def test_floats_with_the_scale_of_integers_have_the_same_beats(beats: tuple[float, ...], tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, _mono_song().T * 32_768, SOUND_HZ, subtype="FLOAT")
    assert analyze(path).beats == pytest.approx(beats, abs=0.01)
