"""Small files that claim much: samples, streams, pieces, time, sizes. They are refused at once, with little memory."""

from __future__ import annotations

import struct
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from agents.audio_analysis.decode import decode_mono
from agents.media.aac import encode_aac
from agents.media.probe import probe
from agents.step import no_report
from schemas.faults import Poison
from tests.security.test_media_tricks import _as_packet, jpegs, peak_mib
from tests.unit.media.boxes import DATA, FILE_TYPE, box, fragment, movie
from tests.unit.media.media_builders import png, tone, with_cover, write_sound

_SECONDS, _MIB = 5.0, 60.0
_YEAR_S = 31_000_000
_FLAC_BLOCK, _RATE = 4608, 48_000


def refusal(path: Path, kind: str) -> str:
    """Return why the file is refused, within seconds."""
    started = time.process_time()
    with pytest.raises(Poison) as caught:
        probe(path, kind)  # type: ignore[arg-type]
    assert time.process_time() - started < _SECONDS
    return caught.value.reason


MILLIONS = [60, 400, 4000]
CLAIMS = {
    **{f"pictures-{n}": FILE_TYPE + DATA + movie(samples=n * 1_000_000) for n in MILLIONS},
    **{f"sounds-{n}": FILE_TYPE + DATA + movie(samples=n * 1_000_000, video=False) for n in MILLIONS},
    **{f"run-{n}": FILE_TYPE + movie(samples=0, fragments=True) + fragment(n * 1_000_000) + DATA for n in MILLIONS},
    "late-run": FILE_TYPE + movie(samples=0, fragments=True) + fragment(3) + DATA + fragment(60_000_000) + DATA,
    "many-runs": FILE_TYPE + movie(samples=0, fragments=True) + fragment(3) + DATA + fragment(3_000_000) * 100 + DATA,
    "edits": FILE_TYPE + DATA + movie(samples=1_000_000, edits=200_000),
    "streams": FILE_TYPE + DATA + movie(tracks=17),
    "many-streams": FILE_TYPE + DATA + movie(tracks=5000),
    "box-in-box": FILE_TYPE + DATA + box(b"moov", *[struct.pack(">I", 8 * (1000 - n)) + b"trak" for n in range(999)]),
    "endless-box": FILE_TYPE + struct.pack(">I", 0) + b"moov",
    "huge-box": FILE_TYPE + struct.pack(">I", 1) + b"moov" + b"\xff" * 8,
}
REFUSED = {"not_media", "no_audio", "no_video", "picture_too_large"}


@pytest.mark.parametrize("name", CLAIMS)
def test_what_an_mp4_claims_is_not_allocated(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(CLAIMS[name])
    assert {refusal(path, "video"), refusal(path, "audio")} <= REFUSED


@pytest.mark.parametrize("name", ["pictures-60", "sounds-60", "run-60"])
def test_a_claim_of_60_million_samples_takes_little_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(CLAIMS[name])
    assert peak_mib(path, "audio" if "sounds" in name else "video") < _MIB


def test_more_than_16_streams_are_not_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(CLAIMS["streams"])
    with pytest.raises(Poison, match="more than 16 streams"):
        probe(path, "video")


def write_flac_packets(path: Path, times_s: list[float]) -> Path:
    """Write noise in Matroska, one block of 96 ms at each of the times."""
    with av.open(str(path), "w", format="matroska") as container:
        stream: Any = container.add_stream("flac", rate=_RATE, layout="mono")
        packets: list[bytes] = []
        for number in range(len(times_s)):
            noise = np.random.default_rng(number).normal(0, 3000, _FLAC_BLOCK).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(noise[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts = _RATE, number * _FLAC_BLOCK
            packets += map(bytes, stream.encode(frame))
        packets += map(bytes, stream.encode(None))
        for time_s, content in zip(times_s, packets, strict=False):  # the last one is no sound
            container.mux(_as_packet(content, stream, round(time_s * _RATE), Fraction(1, _RATE)))
    return path


def test_a_gap_of_a_year_is_not_filled_with_silence(tmp_path: Path) -> None:
    steps = [number * _FLAC_BLOCK / _RATE for number in range(130)]
    path = write_flac_packets(tmp_path / "a.mka", [*steps[:10], *(_YEAR_S + step for step in steps[10:])])
    assert refusal(path, "audio") == "too_long"
    for work in (lambda: list(decode_mono(path)), lambda: encode_aac(path, 128_000, tmp_path / "a.m4a", no_report)):
        with pytest.raises(Poison) as caught:
            work()
        assert caught.value.reason == "too_long"


def write_pictures(path: Path, pictures: list[bytes], step: Fraction = Fraction(1, 24)) -> Path:
    """Write a movie of the JPEG files, in Matroska."""
    with av.open(str(path), "w", format="matroska") as container:
        stream: Any = container.add_stream("mjpeg", rate=24)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p"
        for index, picture in enumerate(pictures):
            container.mux(_as_packet(picture, stream, index, step))
    return path


def resized(jpeg: bytes, width: int, height: int) -> bytes:
    """Return the JPEG with another size in its header."""
    place = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:place] + struct.pack(">HH", height, width) + jpeg[place + 4 :]


def test_ten_pictures_that_claim_a_year_are_too_long(tmp_path: Path) -> None:
    path = write_pictures(tmp_path / "a.mkv", jpegs(10, 96, 64), Fraction(_YEAR_S, 10))
    assert refusal(path, "video") == "too_long"


@pytest.mark.parametrize("size", [(16_000, 16_000), (0, 0), (65_000, 8)])
def test_pictures_whose_size_changes_to_an_absurd_one_are_not_decoded(tmp_path: Path, size: tuple[int, int]) -> None:
    pictures = jpegs(60, 96, 64)
    path = write_pictures(tmp_path / "a.mkv", pictures[:30] + [resized(picture, *size) for picture in pictures[30:]])
    assert refusal(path, "video") == "too_short"


def test_a_clip_without_a_picture_that_decodes_is_refused_at_once(tmp_path: Path) -> None:
    path = write_pictures(tmp_path / "a.mkv", [b"\xff\xd8 not a picture"] * 20_000)
    assert refusal(path, "video") == "not_media"


def test_a_clip_whose_first_pictures_do_not_decode_is_taken_from_the_first_that_does(tmp_path: Path) -> None:
    path = write_pictures(tmp_path / "a.mkv", [b"\xff\xd8 not a picture"] * 10 + jpegs(60, 96, 64))
    assert probe(path, "video").duration_s == pytest.approx(2.5, abs=0.1)


def test_a_clip_without_a_key_frame_is_refused(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream: Any = container.add_stream("libx264", rate=24, options={"g": "1000"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for index in range(72):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), index, np.uint8), format="rgb24")
            frame.pts = index
            container.mux([packet for packet in stream.encode(frame) if not packet.is_keyframe])
        container.mux(stream.encode(None)[:-1])
    assert refusal(tmp_path / "a.mkv", "video") in {"not_media", "too_short"}


RATES, CHANNELS, BITS = (0, 1, 100, 655_350, 2**32 - 1), (0, 64, 65_535), (0, 64)
HEADERS = [
    *((rate, 1, 16) for rate in RATES),
    *((44_100, channels, 16) for channels in CHANNELS),
    *((44_100, 1, bits) for bits in BITS),
]


@pytest.mark.parametrize(("rate", "channels", "bits"), HEADERS)
def test_a_wav_with_an_absurd_header_is_refused(tmp_path: Path, rate: int, channels: int, bits: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(rate, channels, bits, 0xFFFFFFF0))
    assert refusal(path, "audio") in {"not_media", "unsupported_codec"}


def test_a_wav_that_claims_four_gigabytes_has_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(44_100, 1, 16, 0xFFFFFFF0))
    assert probe(tmp_path / "a.wav", "audio").duration_s == pytest.approx(11, abs=0.1)
    assert peak_mib(tmp_path / "a.wav", "audio") < _MIB


def wav(rate: int, channels: int, bits: int, claimed_bytes: int) -> bytes:
    """Return eleven seconds of a tone at 44100 Hz with this header."""
    sample = channels * bits // 8 & 0xFFFF
    header = struct.pack("<HHIIHH", 1, channels, rate, rate * sample & 0xFFFFFFFF, sample, bits)
    data = b"fmt " + struct.pack("<I", len(header)) + header + b"data" + struct.pack("<I", claimed_bytes)
    return b"RIFF" + struct.pack("<I", 0xFFFFFFFF) + b"WAVE" + data + tone(11).tobytes()


@pytest.mark.parametrize("size", [(30_000, 30_000), (2**31 - 1, 2**31 - 1), (0, 0)])
def test_a_cover_with_an_absurd_size_does_not_matter(tmp_path: Path, size: tuple[int, int]) -> None:
    song = write_sound(tmp_path / "a.mp3", tone(11), "libmp3lame").read_bytes()
    picture = png(2, 2)
    (tmp_path / "b.mp3").write_bytes(with_cover(song, picture[:16] + struct.pack(">II", *size) + picture[24:]))
    assert probe(tmp_path / "b.mp3", "audio").duration_s == pytest.approx(11, abs=0.1)


@pytest.mark.parametrize("rate", [1.0, float("nan"), float("inf"), -44_100.0, 1e300])
def test_a_sound_in_a_million_pieces_is_refused(tmp_path: Path, rate: float) -> None:
    """Matroska can put 256 pieces of one sample each into a block of 520 bytes."""
    block = element(0xA3, b"\x81\0\0\x04\xff" + bytes(512))
    path = tmp_path / "a.mkv"
    path.write_bytes(matroska_sound(rate, [element(0xE7, b"\0") + block * 4000]))
    assert refusal(path, "audio") == "not_media"


@pytest.mark.parametrize("claimed", [1 << 31, 1 << 34, 1 << 55])
@pytest.mark.parametrize("inside", [0x63A2, 0x86, 0xAE])
def test_a_matroska_element_of_an_absurd_size_is_not_allocated(tmp_path: Path, claimed: int, inside: int) -> None:
    path = tmp_path / "a.mkv"
    path.write_bytes(matroska_head() + element(0x18538067, element(0x1654AE6B, element(inside, b"x", claimed))))
    assert refusal(path, "audio") in REFUSED


def matroska_head() -> bytes:
    return element(0x1A45DFA3, element(0x4282, b"matroska") + element(0x4287, b"\4") + element(0x4285, b"\2"))


def matroska_sound(rate: float, clusters: list[bytes]) -> bytes:
    """Return a file of 16 bit mono at a rate."""
    sound = element(0xB5, struct.pack(">d", rate)) + element(0x9F, b"\1") + element(0x6264, b"\x10")
    track = element(0xD7, b"\1") + element(0x73C5, b"\1") + element(0x83, b"\2") + element(0x86, b"A_PCM/INT/LIT")
    tracks = element(0x1654AE6B, element(0xAE, track + element(0xE1, sound)))
    return matroska_head() + element(0x18538067, tracks + b"".join(element(0x1F43B675, part) for part in clusters))


def element(name: int, content: bytes, claimed: int | None = None) -> bytes:
    """Return an EBML element, with the size that it claims (RFC 8794)."""
    size = len(content) if claimed is None else claimed
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + struct.pack(">Q", 1 << 56 | size) + content


@pytest.mark.parametrize("value", [1e30, -3e38, float("inf"), float("nan")])
def test_samples_that_are_no_sound_are_encoded_in_little_time(tmp_path: Path, value: float) -> None:
    """FFmpeg's AAC encoder takes hours for samples of 1e30."""
    samples = (tone(11) / 32768).astype("<f4")
    samples[50_000:150_000:7] = value
    content = wav(44_100, 1, 32, samples.nbytes)[: 44 - 8] + b"data" + struct.pack("<I", samples.nbytes)
    content = content.replace(struct.pack("<HH", 1, 1), struct.pack("<HH", 3, 1), 1)  # floats
    (tmp_path / "a.wav").write_bytes(content + samples.tobytes())
    started = time.process_time()
    encode_aac(tmp_path / "a.wav", 128_000, tmp_path / "a.m4a", no_report)
    assert time.process_time() - started < _SECONDS
    assert probe(tmp_path / "a.m4a", "audio").duration_s == pytest.approx(11, abs=0.1)
