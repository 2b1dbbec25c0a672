"""Files of every format and condition: each is decoded, or refused with a one-line message."""

from __future__ import annotations

import subprocess
import sys
from itertools import chain, repeat
from pathlib import Path

import numpy as np
import pytest
import soundfile
from av import AudioFrame
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.audio_analysis.analysis import analyze
from agents.audio_analysis.decode import SAMPLE_RATE_HZ, decode_mono, within_length
from schemas.audio_analyzed import AudioAnalysis
from schemas.faults import Poison
from schemas.limits import MAX_SOUND_S
from tests.unit.audio_analysis.band import RATE, Song, play, write, write_clip


@pytest.fixture(scope="module")
def short() -> Song:
    return play((("derecho", 3),), 130.0, seed=9)


def decoded(path: Path) -> np.ndarray:
    return np.concatenate(list(decode_mono(path)))


def reason(path: Path) -> str:
    with pytest.raises(Poison) as caught:
        analyze(path)
    message = str(caught.value)
    assert path.name not in message  # in the media store, the name is only a hash
    assert "\n" not in message
    return caught.value.reason


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp3", "libmp3lame"),
        ("a.m4a", "aac"),
        ("a.flac", "flac"),
        ("a.ogg", "libopus"),
        ("a.mkv", "libopus"),
        ("a.mov", "pcm_s24le"),
        ("a.wav", "pcm_u8"),
        ("a.wav", "pcm_f64le"),
    ],
)
def test_beats_do_not_depend_on_the_file_format(name: str, codec: str, short: Song, tmp_path: Path) -> None:
    plain = analyze(write(tmp_path / "plain.wav", short.samples, "pcm_s16le"))
    found = analyze(write(tmp_path / name, short.samples, codec))
    assert len(found.beats) == len(plain.beats)
    assert found.beats == pytest.approx(plain.beats, abs=0.004)


def test_vorbis_is_decoded(short: Song, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.ogg", short.samples, RATE, format="OGG", subtype="VORBIS")
    assert analyze(tmp_path / "a.ogg").tempo_bpm == pytest.approx(130, rel=0.01)


@pytest.mark.parametrize("late_s", [0.0, 0.3])
def test_clip_beats_are_on_the_time_axis_of_the_video(late_s: float, short: Song, tmp_path: Path) -> None:
    found = analyze(write_clip(tmp_path / "clip.mp4", short.samples, sound_late_s=late_s))
    for beat in short.beats:
        assert np.abs(np.array(found.beats) - beat - late_s).min() < 0.03


@pytest.mark.parametrize(("rate", "dtype"), [(8000, np.uint8), (192_000, np.float32), (22050, np.int16)])
def test_any_rate_and_sample_format_gives_the_same_amplitude(
    rate: int, dtype: type[np.uint8 | np.float32 | np.int16], tmp_path: Path
) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(3 * rate) / rate)
    stored = {np.uint8: tone * 127 + 128, np.float32: tone, np.int16: tone * 32767}[dtype].astype(dtype)
    codec = {np.uint8: "pcm_u8", np.float32: "pcm_f32le", np.int16: "pcm_s16le"}[dtype]
    samples = decoded(write(tmp_path / "tone.wav", stored, codec, rate))
    assert len(samples) == pytest.approx(3 * SAMPLE_RATE_HZ, abs=50)
    middle = samples[SAMPLE_RATE_HZ : 2 * SAMPLE_RATE_HZ]
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.02)
    assert int(np.abs(np.fft.rfft(middle)).argmax()) == 440


def test_stereo_is_averaged(tmp_path: Path) -> None:
    left = np.full(RATE, 0.5, np.float32)
    soundfile.write(tmp_path / "a.wav", np.stack([left, -0.25 * left], 1), RATE)
    assert decoded(tmp_path / "a.wav")[2000:-2000] == pytest.approx(0.1875, abs=1e-3)


def test_a_truncated_file_is_analysed_up_to_its_end(short: Song, tmp_path: Path) -> None:
    whole = write(tmp_path / "a.mp3", short.samples, "libmp3lame")
    content = whole.read_bytes()
    whole.write_bytes(content[: int(0.7 * len(content))])
    assert analyze(whole).duration_s == pytest.approx(0.7 * len(short.samples) / RATE, abs=0.2)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_not_finite_are_refused(value: float, short: Song, tmp_path: Path) -> None:
    samples = short.samples.copy()
    samples[1000] = value
    assert reason(write(tmp_path / "a.wav", samples, "pcm_f32le")) == "not_media"


@pytest.mark.parametrize("level", [0.0, 1e-6])
def test_silence_is_refused(level: float, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).standard_normal(5 * RATE).astype(np.float32) * np.float32(level)
    assert reason(write(tmp_path / "a.wav", noise, "pcm_f32le")) == "silence"


def test_a_constant_signal_is_silence(tmp_path: Path) -> None:
    assert reason(write(tmp_path / "a.wav", np.full(5 * RATE, 0.7, np.float32), "pcm_f32le")) == "silence"


@pytest.mark.parametrize("samples", [1, 1000, int(1.9 * RATE)])
def test_too_short_audio_is_refused(samples: int, short: Song, tmp_path: Path) -> None:
    assert reason(write(tmp_path / "a.wav", short.samples[:samples], "pcm_s16le")) == "too_short"


def test_too_long_audio_is_refused(short: Song, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.audio_analysis.decode.MAX_SOUND_S", 3.0)
    assert reason(write(tmp_path / "a.flac", short.samples, "flac")) == "too_long"


def test_a_video_without_audio_is_refused(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "mute.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(30):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    assert reason(tmp_path / "mute.mp4") == "no_audio"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"these are the words of a song\n" * 9,
        b"#EXTM3U\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"ID3" + bytes(300),
        b"RIFF\x24\x00\x00\x00WAVE",
        b"\x00\x00\x00\x18ftypisom" + bytes(99),
    ],
)
def test_a_file_that_is_not_music_is_refused_whatever_its_name(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "song.mp3").write_bytes(content)
    assert reason(tmp_path / "song.mp3") in {"empty", "not_media", "no_audio", "too_short"}


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert reason(tmp_path / "missing.mp3") == "not_found"
    (tmp_path / "folder.mp3").mkdir()
    assert reason(tmp_path / "folder.mp3") == "not_found"


@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_analysed_or_refused(data: st.DataObject, short: Song, tmp_path: Path) -> None:
    name, codec = data.draw(st.sampled_from([("a.mp3", "libmp3lame"), ("a.m4a", "aac"), ("a.flac", "flac")]))
    path = tmp_path / name
    if not (tmp_path / f"whole-{name}").exists():
        write(tmp_path / f"whole-{name}", short.samples, codec)
    content = bytearray((tmp_path / f"whole-{name}").read_bytes())
    for offset, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=40)
    ):
        content[offset] = value
    path.write_bytes(content[: data.draw(st.integers(len(content) // 8, len(content)))])
    _analysed_or_refused(path)


@given(
    seconds=st.floats(1.8, 6.0),
    gain=st.sampled_from([1e-5, 0.1, 1.0, 50.0]),
    shift=st.sampled_from([0.0, 0.9]),
    rate=st.sampled_from([8000, 44100, 96000]),
    gate=st.integers(1, 40_000),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_distorted_audio_is_analysed_or_refused(
    seconds: float, gain: float, shift: float, rate: int, gate: int, short: Song, tmp_path: Path
) -> None:
    samples = short.samples[: round(seconds * rate)] * np.float32(gain) + np.float32(shift)
    samples[::gate] = 0
    _analysed_or_refused(write(tmp_path / "a.wav", np.clip(samples, -1, 1), "pcm_s16le", rate))


def _analysed_or_refused(path: Path) -> None:
    refused = ""
    try:
        found = analyze(path)
    except Poison as fault:
        refused = fault.reason
    if refused:
        assert refused in {"not_media", "no_audio", "too_short", "too_long", "silence"}
    else:
        assert AudioAnalysis.model_validate_json(found.model_dump_json()) == found


def test_declaring_the_step_loads_no_heavy_library() -> None:
    code = "import sys, agents.audio_analysis.agent; print({'numpy', 'av', 'soxr', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_sound_of_exactly_the_longest_duration_is_decoded() -> None:
    """The sum of the lengths of its frames is a little more in floats: 1800.0000000006912 s."""
    frame = AudioFrame("s16", "mono", 4096)
    frame.sample_rate = 44_100
    number = int(MAX_SOUND_S * frame.sample_rate / frame.samples)
    last = AudioFrame("s16", "mono", int(MAX_SOUND_S * frame.sample_rate) - number * frame.samples)
    last.sample_rate = frame.sample_rate
    assert sum(1 for _ in within_length(chain(repeat(frame, number), [last]))) == number + 1
    with pytest.raises(Poison, match="longer than 30 minutes"):
        list(within_length(repeat(frame, number + 1)))
