"""A song of any format has the same time 0 after encoding, and is encoded once."""

from __future__ import annotations

import os
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from agents.audio_analysis import decode
from agents.rendering import audio
from agents.rendering.audio import ensure_aac
from schemas.faults import Poison
from tests.unit.media.known_media import (
    RATE,
    click_samples,
    clicks_in,
    decoded_clicks,
    decoded_sound,
    joined,
    make_clip,
    transcode,
    write_wav,
)

BEATS = [0.0, 0.4137, 0.9, 1.3333, 1.9]
FORMATS = {
    "song.mp3": ("libmp3lame", {"b": "192k"}),
    "song.m4a": ("aac", {"b": "192k"}),
    "song.flac": ("flac", {}),
    "song.opus": ("libopus", {"b": "192k"}),
    "song.mka": ("flac", {}),
}


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav(tmp_path_factory.mktemp("audio") / "song.wav", click_samples(BEATS, 2.5))


@pytest.mark.parametrize("name", FORMATS)
def test_clicks_are_not_shifted(wav: Path, tmp_path: Path, name: str) -> None:
    codec, options = FORMATS[name]
    song = transcode(wav, tmp_path / name, codec, **options)
    assert decoded_clicks(ensure_aac(song, "a" * 64, 192_000, tmp_path)) == pytest.approx(BEATS, abs=1e-3)


@pytest.mark.parametrize("name", [*FORMATS, "song.ogg"])
def test_clicks_are_where_the_analysis_finds_them(wav: Path, tmp_path: Path, name: str) -> None:
    song = tmp_path / name
    if name == "song.ogg":  # FFmpeg begins Vorbis 128 samples late
        soundfile.write(song, click_samples(BEATS, 2.5), RATE, format="OGG", subtype="VORBIS")
    else:
        transcode(wav, song, FORMATS[name][0], **FORMATS[name][1])
    analysed = clicks_in(np.concatenate(list(decode.decode_mono(song))), 0.0, decode.SAMPLE_RATE_HZ)
    assert decoded_clicks(ensure_aac(song, "a" * 64, 192_000, tmp_path)) == pytest.approx(analysed, abs=1e-3)


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 2), (44_100, 2), (22_050, 1), (8_000, 1), (96_000, 2)])
def test_any_rate_and_number_of_channels(tmp_path: Path, rate: int, channels: int) -> None:
    song = write_wav(tmp_path / "song.wav", click_samples(BEATS, 2.5, rate), rate, channels)
    encoded = ensure_aac(song, "b" * 64, 128_000, tmp_path)
    with av.open(str(encoded)) as reader:
        stream = reader.streams.audio[0]
        assert (stream.codec_context.name, stream.channels) == ("aac", 2)
        assert stream.rate == (44_100 if rate == 44_100 else 48_000)
    assert decoded_clicks(encoded) == pytest.approx(BEATS, abs=1e-3)


def test_the_sound_of_a_video_is_a_song(wav: Path, tmp_path: Path) -> None:
    picture = make_clip(tmp_path / "silent.mp4", 1, [n / 30 for n in range(60)], (0.5,))
    song = joined(picture.path, wav, tmp_path / "video.mkv")
    assert decoded_clicks(ensure_aac(song, "c" * 64, 128_000, tmp_path)) == pytest.approx(BEATS, abs=1e-3)


def test_the_end_of_the_song_is_complete(wav: Path, tmp_path: Path) -> None:
    samples, start, rate = decoded_sound(ensure_aac(wav, "d" * 64, 128_000, tmp_path))
    assert start == 0
    assert len(samples) / rate == pytest.approx(2.5, abs=1024 / 48_000)


def test_a_song_is_encoded_once_for_each_bit_rate(wav: Path, tmp_path: Path) -> None:
    encoded = ensure_aac(wav, "e" * 64, 128_000, tmp_path)
    before = encoded.stat().st_ino
    assert ensure_aac(wav, "e" * 64, 128_000, tmp_path).stat().st_ino == before  # its time is that of its last use
    assert ensure_aac(wav, "e" * 64, 320_000, tmp_path) != encoded


def test_each_use_of_an_encoded_song_is_noted(wav: Path, tmp_path: Path) -> None:
    encoded = ensure_aac(wav, "e" * 64, 128_000, tmp_path)
    os.utime(encoded, (1, 1))
    assert ensure_aac(wav, "e" * 64, 128_000, tmp_path).stat().st_mtime > 1


def test_another_encoder_version_is_another_file(wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = ensure_aac(wav, "e" * 64, 128_000, tmp_path)
    monkeypatch.setattr(audio, "_ENCODER", "another")
    assert ensure_aac(wav, "e" * 64, 128_000, tmp_path) != encoded
    assert encoded.read_bytes() == ensure_aac(wav, "e" * 64, 128_000, tmp_path).read_bytes()


def test_a_truncated_song_is_encoded_up_to_its_end(wav: Path, tmp_path: Path) -> None:
    whole = transcode(wav, tmp_path / "whole.mp3", "libmp3lame", b="192k").read_bytes()
    song = tmp_path / "cut.mp3"
    song.write_bytes(whole[: len(whole) // 2])
    assert decoded_clicks(ensure_aac(song, "f" * 64, 128_000, tmp_path))[:2] == pytest.approx(BEATS[:2], abs=1e-3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"just some text, no song", "not_media"), (b"ID3" + bytes(4000), "not_media")],
)
def test_a_file_that_is_not_a_song_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    song = tmp_path / "song.mp3"
    song.write_bytes(content)
    with pytest.raises(Poison) as caught:
        ensure_aac(song, "1" * 64, 128_000, tmp_path)
    assert caught.value.reason == reason
    assert not list(tmp_path.rglob("*.part"))


def test_a_video_without_audio_is_refused(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "silent.mp4", 1, [n / 30 for n in range(10)], (0.1,))
    with pytest.raises(Poison, match="no audio in it"):
        ensure_aac(clip.path, "2" * 64, 128_000, tmp_path)


def test_a_file_that_is_longer_than_any_song_is_refused_while_it_is_encoded(
    wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The media store also has files that were never accepted as songs."""
    monkeypatch.setattr("agents.media.aac.MAX_SOUND_S", 0.5)
    with pytest.raises(Poison) as caught:
        ensure_aac(wav, "e" * 64, 128_000, tmp_path)
    assert caught.value.reason == "too_long"
    assert not list(tmp_path.rglob("*.m4a"))
