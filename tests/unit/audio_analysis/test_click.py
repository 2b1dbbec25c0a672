"""The song with clicks: each begins on the sample of its beat, and nothing else of the song changes but its level."""

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

Heard = npt.NDArray[np.int64]


def read(path: Path) -> tuple[int, Heard]:
    with wave.open(str(path), "rb") as reader:
        assert (reader.getnchannels(), reader.getsampwidth()) == (2, 2)
        frames = np.frombuffer(reader.readframes(reader.getnframes()), "<i2").reshape(-1, 2)
        return reader.getframerate(), frames.astype(np.int64)


def clicked(path: Path, analysis: AudioAnalysis, folder: Path) -> tuple[int, Heard]:
    write_click(path, analysis, folder / "click.wav")
    return read(folder / "click.wav")


def clicks_alone(path: Path, analysis: AudioAnalysis, folder: Path) -> tuple[int, Heard]:
    """What the clicks add to a song of one channel."""
    rate, heard = clicked(path, analysis, folder)
    _, song = clicked(path, tapped(analysis, (), ()), folder)
    assert heard.shape == song.shape
    left, right = (heard - song).T
    assert np.array_equal(left, right)
    return rate, left


def tapped(analysis: AudioAnalysis, beats: tuple[float, ...], counts: tuple[int, ...]) -> AudioAnalysis:
    return analysis.model_copy(update={"beats": beats, "counts": counts, "energy": (0.5,) * len(beats)})


def begins(clicks: Heard) -> list[int]:
    """Samples that stand out after at least 45 ms without a click."""
    loud = np.flatnonzero(np.abs(clicks) > 1)
    starts: list[int] = loud[np.diff(loud, prepend=-RATE) > RATE * 0.045].tolist()
    return starts


def test_a_click_begins_on_the_sample_of_each_beat(song_file: Path, analysis: AudioAnalysis, tmp_path: Path) -> None:
    rate, clicks = clicks_alone(song_file, analysis, tmp_path)
    assert begins(clicks) == [round(beat * rate) for beat in analysis.beats]


def test_the_one_is_loudest_then_the_five(song_file: Path, analysis: AudioAnalysis, tmp_path: Path) -> None:
    rate, clicks = clicks_alone(song_file, analysis, tmp_path)
    peaks: dict[int, list[int]] = {count: [] for count in range(1, 9)}
    for beat, count in zip(analysis.beats, analysis.counts, strict=True):
        at = round(beat * rate)
        peaks[count].append(int(np.abs(clicks[at : at + rate // 50]).max()))
    others = [peak for count in (2, 3, 4, 6, 7, 8) for peak in peaks[count]]
    assert min(peaks[1]) > 1.3 * max(peaks[5])
    assert min(peaks[5]) > 1.3 * max(others)


def test_the_one_is_highest(song_file: Path, analysis: AudioAnalysis, tmp_path: Path) -> None:
    rate, clicks = clicks_alone(song_file, tapped(analysis, (1.0, 2.0, 3.0), (1, 5, 3)), tmp_path)
    one, five, other = (np.abs(np.fft.rfft(clicks[n * rate : n * rate + 2000])).argmax() for n in (1, 2, 3))
    assert one > five > other


def test_between_clicks_it_is_the_song_six_decibels_softer(
    song_file: Path, analysis: AudioAnalysis, tmp_path: Path
) -> None:
    rate, heard = clicked(song_file, tapped(analysis, (), ()), tmp_path)
    with open_audio(song_file) as audio:
        frames = [np.asarray(frame.to_ndarray(), np.float32) for frame in stereo(audio.frames, rate)]
    assert np.abs(heard / 32767 - 0.5 * np.concatenate(frames, axis=1).T).max() < 1 / 32767


def test_it_is_as_long_as_the_song(song: Song, song_file: Path, analysis: AudioAnalysis, tmp_path: Path) -> None:
    rate, heard = clicked(song_file, analysis, tmp_path)
    assert (rate, len(heard)) == (RATE, len(song.samples))


def test_the_clicks_of_a_clip_fall_on_its_pictures_time(tmp_path: Path) -> None:
    music = play((("derecho", 4),), 126.0, seed=2)
    clip = write_clip(tmp_path / "clip.mp4", music.samples, sound_late_s=0.5)
    analysis = analyze(clip)
    rate, clicks = clicks_alone(clip, analysis, tmp_path)
    assert begins(clicks) == [round(beat * rate) for beat in analysis.beats]
    near = np.abs(np.array(analysis.beats)[:, None] - music.beats[None] - 0.5).min(1)
    assert np.median(near) < 0.03


def test_another_rate_becomes_48000(song: Song, analysis: AudioAnalysis, tmp_path: Path) -> None:
    path = write(tmp_path / "low.wav", song.excerpt(0, 6), "pcm_s16le", 22050)
    beats = (0.51234, 1.0, 2.75001)
    rate, clicks = clicks_alone(path, tapped(analysis, beats, (1, 2, 5)), tmp_path)
    assert rate == 48_000
    assert begins(clicks) == [round(beat * 48_000) for beat in beats]


@pytest.mark.parametrize("beats", [(0.0, 0.5), (0.5, 0.5001, 0.51, 0.52), (0.5, 5.99999, 7.0, 900.0)])
def test_beats_anywhere_are_borne(
    beats: tuple[float, ...], song: Song, analysis: AudioAnalysis, tmp_path: Path
) -> None:
    path = write(tmp_path / "short.wav", song.excerpt(0, 6), "pcm_s16le")
    _, clicks = clicks_alone(path, tapped(analysis, beats, (1,) * len(beats)), tmp_path)
    assert len(clicks) == 6 * RATE
    assert begins(clicks)[0] == round(beats[0] * RATE)


def test_nothing_clips_however_loud_the_song(analysis: AudioAnalysis, tmp_path: Path) -> None:
    loud = 3 * np.sign(np.sin(np.arange(4 * RATE) / 30)).astype(np.float32)
    loud[RATE : 2 * RATE] = np.nan
    path = write(tmp_path / "loud.wav", loud, "pcm_f32le")
    _, heard = clicked(path, tapped(analysis, (0.5, 1.5, 2.5), (1, 1, 1)), tmp_path)
    assert 20_000 < np.abs(heard).max() < 32_000


def test_the_same_song_gives_the_same_file(song_file: Path, analysis: AudioAnalysis, tmp_path: Path) -> None:
    write_click(song_file, analysis, tmp_path / "a.wav")
    write_click(song_file, analysis, tmp_path / "b.wav")
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def silent_film(path: Path) -> Path:
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
    ("made", "reason"),
    [(silent_film, "no_audio"), (no_media, "not_media"), (no_frames, "no_audio"), (lambda path: path, "not_found")],
)
def test_what_does_not_decode_leaves_no_file(
    made: Callable[[Path], Path], reason: str, analysis: AudioAnalysis, tmp_path: Path
) -> None:
    path = made(tmp_path / "in.mp4")
    with pytest.raises(Poison) as caught:
        write_click(path, analysis, tmp_path / "out" / "click.wav")
    assert caught.value.reason == reason
    assert not list(tmp_path.glob("out/*"))
    assert not list(tmp_path.glob("out/.*"))


def test_a_song_that_never_ends_leaves_no_file(
    song_file: Path, analysis: AudioAnalysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.audio_analysis.decode.MAX_SOUND_S", 3.0)
    (tmp_path / "click.wav").write_bytes(b"an older one")
    with pytest.raises(Poison) as caught:
        write_click(song_file, analysis, tmp_path / "click.wav")
    assert caught.value.reason == "too_long"
    assert (tmp_path / "click.wav").read_bytes() == b"an older one"
    assert [path.name for path in tmp_path.iterdir()] == ["click.wav"]
