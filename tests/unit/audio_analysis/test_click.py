"""The song with clicks: each click begins on the sample of its beat, and the song only changes its level."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from agents.audio_analysis.analysis import analyze
from agents.audio_analysis.click import write_click
from agents.media.decode import open_audio
from agents.media.resample import stereo
from schemas.audio_analyzed import AudioAnalysis
from schemas.faults import Poison
from tests.unit.audio_analysis.band import RATE, Song, play, write, write_clip

Samples = npt.NDArray[np.int64]


def read(path: Path) -> tuple[int, Samples]:
    with wave.open(str(path), "rb") as reader:
        assert (reader.getnchannels(), reader.getsampwidth()) == (2, 2)
        frames = np.frombuffer(reader.readframes(reader.getnframes()), "<i2").reshape(-1, 2)
        return reader.getframerate(), frames.astype(np.int64)


def clicked(path: Path, analysis: AudioAnalysis, folder: Path) -> tuple[int, Samples]:
    write_click(path, analysis, folder / "click.wav")
    return read(folder / "click.wav")


def clicks_alone(path: Path, analysis: AudioAnalysis, folder: Path) -> tuple[int, Samples]:
    """Return the sample rate, and what the clicks add to a song of one channel, (samples,)."""
    rate, samples = clicked(path, analysis, folder)
    _, song = clicked(path, with_beats(analysis, (), ()), folder)
    assert samples.shape == song.shape
    left, right = (samples - song).T
    assert np.array_equal(left, right)
    return rate, left


def with_beats(analysis: AudioAnalysis, beats: tuple[float, ...], counts: tuple[int, ...]) -> AudioAnalysis:
    return analysis.model_copy(update={"beats": beats, "counts": counts, "energy": (0.5,) * len(beats)})


def onsets(clicks: Samples) -> list[int]:
    """Return the first sample of each click: above 1 after at least 45 ms below."""
    loud = np.flatnonzero(np.abs(clicks) > 1)
    starts: list[int] = loud[np.diff(loud, prepend=-RATE) > RATE * 0.045].tolist()
    return starts


@pytest.fixture(scope="module")
def song_clicks(
    song_file: Path, analysis: AudioAnalysis, tmp_path_factory: pytest.TempPathFactory
) -> tuple[int, Samples]:
    """Return the sample rate and the clicks of the whole song."""
    return clicks_alone(song_file, analysis, tmp_path_factory.mktemp("clicks"))


def test_a_click_begins_on_the_sample_of_each_beat(song_clicks: tuple[int, Samples], analysis: AudioAnalysis) -> None:
    rate, clicks = song_clicks
    assert onsets(clicks) == [round(beat * rate) for beat in analysis.beats]


def test_the_1_is_loudest_then_the_5(song_clicks: tuple[int, Samples], analysis: AudioAnalysis) -> None:
    rate, clicks = song_clicks
    peaks: dict[int, list[int]] = {count: [] for count in range(1, 9)}
    for beat, count in zip(analysis.beats, analysis.counts, strict=True):
        onset = round(beat * rate)
        peaks[count].append(int(np.abs(clicks[onset : onset + rate // 50]).max()))
    others = [peak for count in (2, 3, 4, 6, 7, 8) for peak in peaks[count]]
    assert min(peaks[1]) > 1.3 * max(peaks[5])
    assert min(peaks[5]) > 1.3 * max(others)


def test_the_1_has_the_highest_pitch_then_the_5(song: Song, analysis: AudioAnalysis, tmp_path: Path) -> None:
    path = write(tmp_path / "short.wav", song.excerpt(0, 4), "pcm_s16le")
    rate, clicks = clicks_alone(path, with_beats(analysis, (1.0, 2.0, 3.0), (1, 5, 3)), tmp_path)
    one, five, other = (np.abs(np.fft.rfft(clicks[n * rate : n * rate + 2000])).argmax() for n in (1, 2, 3))
    assert one > five > other


def test_between_clicks_the_song_is_six_decibels_softer(
    song_file: Path, analysis: AudioAnalysis, tmp_path: Path
) -> None:
    rate, samples = clicked(song_file, with_beats(analysis, (), ()), tmp_path)
    with open_audio(song_file) as audio:
        frames = [np.asarray(frame.to_ndarray(), np.float32) for frame in stereo(audio.frames, rate)]
    assert np.abs(samples / 32767 - 0.5 * np.concatenate(frames, axis=1).T).max() < 1 / 32767


def test_the_file_is_as_long_as_the_song(song: Song, song_file: Path, analysis: AudioAnalysis, tmp_path: Path) -> None:
    rate, samples = clicked(song_file, analysis, tmp_path)
    assert (rate, len(samples)) == (RATE, len(song.samples))


def test_clip_clicks_are_on_the_time_axis_of_the_video(tmp_path: Path) -> None:
    music = play((("derecho", 4),), 126.0, seed=2)
    clip = write_clip(tmp_path / "clip.mp4", music.samples, sound_late_s=0.5)
    analysis = analyze(clip)
    rate, clicks = clicks_alone(clip, analysis, tmp_path)
    assert onsets(clicks) == [round(beat * rate) for beat in analysis.beats]
    near = np.abs(np.array(analysis.beats)[:, None] - music.beats[None] - 0.5).min(1)
    assert np.median(near) < 0.03


def test_another_sample_rate_becomes_48000_hz(song: Song, analysis: AudioAnalysis, tmp_path: Path) -> None:
    path = write(tmp_path / "low.wav", song.excerpt(0, 6), "pcm_s16le", 22050)
    beats = (0.51234, 1.0, 2.75001)
    rate, clicks = clicks_alone(path, with_beats(analysis, beats, (1, 2, 5)), tmp_path)
    assert rate == 48_000
    assert onsets(clicks) == [round(beat * 48_000) for beat in beats]


@pytest.mark.parametrize("beats", [(0.0, 0.5), (0.5, 0.5001, 0.51, 0.52), (0.5, 5.99999, 7.0, 900.0)])
def test_beats_at_any_time_are_accepted(
    beats: tuple[float, ...], song: Song, analysis: AudioAnalysis, tmp_path: Path
) -> None:
    path = write(tmp_path / "short.wav", song.excerpt(0, 6), "pcm_s16le")
    _, clicks = clicks_alone(path, with_beats(analysis, beats, (1,) * len(beats)), tmp_path)
    assert len(clicks) == 6 * RATE
    assert onsets(clicks)[0] == round(beats[0] * RATE)


def test_nothing_clips_however_loud_the_song(analysis: AudioAnalysis, tmp_path: Path) -> None:
    loud = 3 * np.sign(np.sin(np.arange(4 * RATE) / 30)).astype(np.float32)
    loud[RATE : 2 * RATE] = np.nan
    path = write(tmp_path / "loud.wav", loud, "pcm_f32le")
    _, samples = clicked(path, with_beats(analysis, (0.5, 1.5, 2.5), (1, 1, 1)), tmp_path)
    assert 20_000 < np.abs(samples).max() < 32_000


def test_the_same_song_gives_the_same_file(song_file: Path, analysis: AudioAnalysis, tmp_path: Path) -> None:
    write_click(song_file, analysis, tmp_path / "a.wav")
    write_click(song_file, analysis, tmp_path / "b.wav")
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def video_without_audio(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def no_media(path: Path) -> Path:
    path.write_bytes(b"no music at all")
    return path


def no_frames(path: Path) -> Path:
    with wave.open(str(path), "wb") as writer:
        writer.setparams((1, 2, RATE, 0, "NONE", ""))
    return path


@pytest.mark.parametrize(
    ("create", "reason"),
    [
        (video_without_audio, "no_audio"),
        (no_media, "not_media"),
        (no_frames, "no_audio"),
        (lambda path: path, "not_found"),
    ],
)
def test_undecodable_input_leaves_no_file(
    create: Callable[[Path], Path], reason: str, analysis: AudioAnalysis, tmp_path: Path
) -> None:
    path = create(tmp_path / "in.mp4")
    with pytest.raises(Poison) as caught:
        write_click(path, analysis, tmp_path / "out" / "click.wav")
    assert caught.value.reason == reason
    assert not list(tmp_path.glob("out/*"))
    assert not list(tmp_path.glob("out/.*"))


def test_a_song_that_is_too_long_leaves_no_file(
    song_file: Path, analysis: AudioAnalysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.audio_analysis.decode.MAX_SOUND_S", 3.0)
    (tmp_path / "click.wav").write_bytes(b"an older one")
    with pytest.raises(Poison) as caught:
        write_click(song_file, analysis, tmp_path / "click.wav")
    assert caught.value.reason == "too_long"
    assert (tmp_path / "click.wav").read_bytes() == b"an older one"
    assert [path.name for path in tmp_path.iterdir()] == ["click.wav"]
