"""The facts of a file are those of its decoded content; unusable files are refused."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from agents.media.probe import probe, probe_recording
from schemas.faults import Poison
from tests.unit.media.media_builders import png, tone, with_cover, write_clip, write_sound


def refusal(path: Path, kind: str) -> str:
    with pytest.raises(Poison) as caught:
        probe(path, kind)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return caught.value.reason


def write_wav(path: Path, samples: bytes, width: int = 2, rate: int = 8_000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples)
    return path


@pytest.mark.parametrize(
    ("name", "encoder", "codec", "rate"),
    [
        ("a.mp3", "libmp3lame", "mp3", 44_100),
        ("a.m4a", "aac", "aac", 44_100),
        ("a.flac", "flac", "flac", 44_100),
        ("a.ogg", "libopus", "opus", 48_000),
        ("a.wav", "pcm_s16le", "pcm_s16le", 44_100),
        ("a.mkv", "aac", "aac", 44_100),
        ("a.webm", "libopus", "opus", 48_000),
    ],
)
def test_a_song_in_each_accepted_format(tmp_path: Path, name: str, encoder: str, codec: str, rate: int) -> None:
    facts = probe(write_sound(tmp_path / name, tone(11, rate), encoder, rate), "audio")
    assert (facts.codec, facts.sample_rate, facts.channels, facts.has_audio) == (codec, rate, 1, True)
    assert facts.duration_s == pytest.approx(11, abs=0.06)
    assert facts.width is None


def test_the_file_extension_does_not_matter(tmp_path: Path) -> None:
    song = write_sound(tmp_path / "a.flac", tone(11), "flac").rename(tmp_path / "a.mp3")
    assert probe(song, "audio").format == "flac"


def test_a_song_in_a_video_is_its_audio_stream(tmp_path: Path) -> None:
    facts = probe(write_clip(tmp_path / "a.mp4", 11, fps=5), "audio")
    assert (facts.codec, facts.width, facts.fps) == ("aac", None, None)


def test_a_truncated_song_has_its_decoded_duration(tmp_path: Path) -> None:
    whole = write_sound(tmp_path / "a.mp3", tone(24), "libmp3lame").read_bytes()
    (tmp_path / "b.mp3").write_bytes(whole[: len(whole) // 2])
    assert probe(tmp_path / "b.mp3", "audio").duration_s == pytest.approx(12, abs=0.2)
    (tmp_path / "c.mp3").write_bytes(whole[: len(whole) // 3])
    assert refusal(tmp_path / "c.mp3", "audio") == "too_short"


def test_damage_in_the_middle_is_skipped(tmp_path: Path) -> None:
    data = bytearray(write_sound(tmp_path / "a.mp3", tone(14), "libmp3lame").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2000] = bytes(np.random.default_rng(1).integers(0, 256, 2000, np.uint8))
    (tmp_path / "a.mp3").write_bytes(data)
    assert 13 < probe(tmp_path / "a.mp3", "audio").duration_s < 14.2


@pytest.mark.parametrize(("seconds", "reason"), [(9.5, "too_short"), (1201, "too_long")])
def test_a_song_shorter_than_10_s_or_longer_than_20_min_is_refused(tmp_path: Path, seconds: float, reason: str) -> None:
    noise = np.random.default_rng(2).integers(0, 256, round(seconds * 8000), np.uint8)
    assert refusal(write_wav(tmp_path / "a.wav", noise.tobytes(), width=1), "audio") == reason


@pytest.mark.parametrize(("gain_db", "accepted"), [(-59.0, True), (-61.5, False), (-200.0, False)])
def test_a_song_of_silence_is_refused(tmp_path: Path, gain_db: float, accepted: bool) -> None:
    path = write_wav(tmp_path / "a.wav", tone(11, 8_000, 10 ** (gain_db / 20)).tobytes())
    if accepted:
        assert probe(path, "audio").duration_s == 11
    else:
        assert refusal(path, "audio") == "silence"


def test_silence_in_unsigned_samples_is_refused(tmp_path: Path) -> None:
    assert refusal(write_wav(tmp_path / "a.wav", b"\x80" * 88_000, width=1), "audio") == "silence"


def test_a_song_with_a_late_first_sound_is_accepted(tmp_path: Path) -> None:
    samples = np.concatenate([np.zeros(80_000, np.int16), tone(2, 8_000)])
    assert probe(write_wav(tmp_path / "a.wav", samples.tobytes()), "audio").duration_s == 12


def test_a_cover_picture_does_not_disturb_a_song_and_is_not_a_clip(tmp_path: Path) -> None:
    song = write_sound(tmp_path / "a.mp3", tone(11), "libmp3lame").read_bytes()
    (tmp_path / "b.mp3").write_bytes(with_cover(song, png(64, 64)))
    assert probe(tmp_path / "b.mp3", "audio").codec == "mp3"
    assert refusal(tmp_path / "b.mp3", "video") == "no_video"


def test_a_clip_of_more_than_ten_minutes_is_a_recording(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", 605, fps=5, sound=False)
    with pytest.raises(Poison, match="index --split") as fault:
        probe(path, "video")
    assert fault.value.reason == "too_long"
    assert probe_recording(path).duration_s == pytest.approx(605, abs=0.5)


def test_a_video_without_audio_is_refused_as_a_song(tmp_path: Path) -> None:
    assert refusal(write_clip(tmp_path / "a.mp4", 11, fps=5, sound=False), "audio") == "no_audio"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"once upon a time there was a song\n" * 99, "not_media"),
        (b"\xff\xfb" + bytes(9999), "not_media"),
    ],
)
@pytest.mark.parametrize("kind", ["audio", "video"])
def test_a_file_without_media_is_refused(tmp_path: Path, kind: str, content: bytes, reason: str) -> None:
    (tmp_path / "a.mp3").write_bytes(content)
    actual = refusal(tmp_path / "a.mp3", kind)
    assert actual == reason or (kind, actual) == ("video", "no_video")


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "libx264"), ("a.mp4", "mpeg4"), ("a.mkv", "libx264"), ("a.webm", "libvpx")]
)
@pytest.mark.parametrize("sound", [True, False])
def test_a_clip_in_each_accepted_format(tmp_path: Path, name: str, codec: str, sound: bool) -> None:
    facts = probe(write_clip(tmp_path / name, 3, fps=20, codec=codec, sound=sound), "video")
    assert (facts.width, facts.height, facts.has_audio) == (96, 64, sound)
    assert facts.fps == pytest.approx(20, abs=0.02)
    assert facts.duration_s == pytest.approx(3, abs=0.01)
    assert (facts.sample_rate == 48_000) == sound


def test_a_truncated_clip_has_its_decoded_duration_not_its_headers(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "a.mp4", 8, sound=False, options={"movflags": "faststart"}).read_bytes()
    (tmp_path / "b.mp4").write_bytes(whole[: round(len(whole) * 0.6)])
    assert 3 < probe(tmp_path / "b.mp4", "video").duration_s < 5
    (tmp_path / "c.mp4").write_bytes(whole[: round(len(whole) * 0.35)])
    assert refusal(tmp_path / "c.mp4", "video") == "too_short"


def test_a_clip_ends_where_its_frames_stop_decoding(tmp_path: Path) -> None:
    data = write_clip(tmp_path / "a.mp4", 8, sound=False, options={"movflags": "faststart"}).read_bytes()
    intact = round(len(data) * 0.7)
    (tmp_path / "a.mp4").write_bytes(data[:intact] + bytes(len(data) - intact))
    assert 4 < probe(tmp_path / "a.mp4", "video").duration_s < 7


@pytest.mark.parametrize(
    ("seconds", "fps", "size", "reason"),
    [(1.5, 24, (96, 64), "too_short"), (4, 3, (96, 64), "frame_rate"), (2.5, 6, (4112, 16), "picture_too_large")],
)
def test_clips_outside_the_limits_are_refused(
    tmp_path: Path, seconds: float, fps: int, size: tuple[int, int], reason: str
) -> None:
    assert refusal(write_clip(tmp_path / "a.mp4", seconds, fps, size, sound=False), "video") == reason


def test_audio_alone_is_refused_as_a_clip(tmp_path: Path) -> None:
    assert refusal(write_sound(tmp_path / "a.m4a", tone(11), "aac"), "video") == "no_video"


def test_a_codec_that_is_not_taken_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(Poison, match="audio codec is tta, which is not taken; give aac, mp3") as caught:
        probe(write_sound(tmp_path / "a.mkv", tone(11), "tta"), "audio")
    assert caught.value.reason == "unsupported_codec"
    with pytest.raises(Poison, match="video codec is ffv1, which is not taken; give h264") as caught:
        probe(write_clip(tmp_path / "b.mkv", 3, codec="ffv1", sound=False), "video")
    assert caught.value.reason == "unsupported_codec"


def test_the_same_file_gives_the_same_facts(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", 3)
    assert probe(path, "video") == probe(path, "video")


def test_a_folder_or_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "audio") == "not_a_file"
    assert refusal(tmp_path / "none.mp3", "video") == "not_a_file"


@pytest.mark.parametrize(("kind", "max_bytes"), [("audio", 500 << 20), ("video", 2 << 30)])
def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path, kind: str, max_bytes: int) -> None:
    with (tmp_path / "a.mp3").open("wb") as file:
        file.truncate(max_bytes + 1)
    assert refusal(tmp_path / "a.mp3", kind) == "too_large"
