"""The demuxer and the first byte of a file's content, behind tags and junk; text and noise are no media."""

from __future__ import annotations

import struct
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from agents.media.formats import CLIP_SUFFIXES, FORMATS, LEFT_OUT, NAMES, LeftOut
from agents.media.formats_document import document
from agents.media.sniff import Content, sniff
from schemas.faults import Poison
from tests.paths import DEMO, PROJECT


def mpeg_audio(layer: int = 3, frames: int = 40) -> bytes:
    """Return frames of silence: MPEG-1 at 44100 Hz, 128 kbit/s, of layer 1 160 kbit/s."""
    bits, size = {1: (5, 172), 2: (8, 417), 3: (9, 417)}[layer]
    return (bytes([0xFF, 0xF9 | (4 - layer) << 1, bits << 4, 0x44]) + bytes(size - 4)) * frames


def adts(frames: int = 40, size: int = 300) -> bytes:
    head = bytes([0xFF, 0xF1, 0x50, 0x80 | size >> 11, size >> 3 & 0xFF, (size & 7) << 5 | 0x1F, 0xFC])
    return (head + bytes(size - 7)) * frames


def ac3(frames: int = 20) -> bytes:
    return (b"\x0b\x77\0\0\x14\x40" + bytes(768 - 6)) * frames  # 192 kbit/s at 48000 Hz


def eac3(frames: int = 20, size: int = 512) -> bytes:
    return (b"\x0b\x77" + struct.pack(">H", size // 2 - 1) + b"\x34\x80" + bytes(size - 6)) * frames


def transport(size: int = 188, packets: int = 60) -> bytes:
    before, after = (4, 0) if size == 192 else (0, size - 188)
    return (bytes(before) + b"\x47\x40\x11\x10" + bytes(184) + bytes(after)) * packets


def program(packs: int = 10) -> bytes:
    pack = b"\0\0\x01\xba\x44\0\4\0\4\1\0\0\3\xf8"
    return (pack + b"\0\0\x01\xe0" + struct.pack(">H", 500) + bytes(500)) * packs


STREAMS = {
    "mp3": mpeg_audio(),
    "mp2": mpeg_audio(2),
    "mp1": mpeg_audio(1),
    "aac": adts(),
    "ac3": ac3(),
    "eac3": eac3(),
    "mpegts": transport(),
    "mpegts-192": transport(192),
    "mpegts-204": transport(204),
    "mpeg": program(),
}
MAGIC = {
    "flac": b"fLaC\0\0\0\x22",
    "ogg": b"OggS\0\2",
    "wav": b"RIFF\x10\0\0\0WAVEfmt ",
    "wav-big": b"RIFX\0\0\0\x10WAVEfmt ",
    "wav-rf64": b"RF64\xff\xff\xff\xffWAVEds64",
    "wav-bw64": b"BW64\xff\xff\xff\xffWAVEds64",
    "w64": bytes.fromhex("726966662e91cf11a5d628db04c10000"),
    "aiff": b"FORM\0\0\0\x10AIFFCOMM",
    "aiff-c": b"FORM\0\0\0\x10AIFCFVER",
    "caf": b"caff\0\1\0\0desc",
    "asf": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
    "avi": b"RIFF\x10\0\0\0AVI LIST",
    "matroska": b"\x1aE\xdf\xa3\x01\0",
    "mov": b"\0\0\0\x18ftypmp42",
    "mov-32": b"\0\0\0\x20ftypisom",
    "mov-large": b"\0\0\x02\x18ftypqt  ",
}
ALL = STREAMS | MAGIC
DEMUXERS = {"mp2": "mp3", "mp1": "mp3"}
ID3 = b"ID3\x03\0\0\0\0\x02\x10" + bytes(272)
JUNK = {
    "nothing": b"",
    "id3": ID3,
    "two-id3-tags": ID3 + ID3,
    "id3-with-footer": b"ID3\x04\0\x10\0\0\0\x0a" + bytes(10) + b"3DI\x04\0\x10\0\0\0\x0a",
    "ape": b"APETAGEX" + struct.pack("<IIII", 2000, 64, 1, 0xA0000000) + bytes(8) + bytes(64),
    "id3v1": b"TAG" + b"a title".ljust(125, b"\0"),
    "tags-of-all-kinds": ID3 + b"APETAGEX" + struct.pack("<IIII", 2000, 32, 0, 0xA0000000) + bytes(40) + ID3,
    "line-ends": b"\r\n\r\n",
    "zeros": bytes(5000),
    "id3-then-zeros": ID3 + bytes(2000),
    "web-headers": b"HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\nicy-name: Radio\r\n\r\n",
    "icy-headers": b"ICY 200 OK\r\nicy-metaint:16000\r\n\r\n",
}


def found(path: Path, content: bytes) -> Content:
    path.write_bytes(content)
    return sniff(path)


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("name", ALL)
def test_the_content_decides_behind_tags_and_junk(tmp_path: Path, name: str, junk: str) -> None:
    content = found(tmp_path / "a.txt", JUNK[junk] + ALL[name] + bytes(300))
    assert content.demuxer == DEMUXERS.get(name, name.partition("-")[0])
    assert content.offset - len(JUNK[junk]) in ({0, 4} if name == "mpegts-192" else {0})


@pytest.mark.parametrize("name", [*STREAMS])
def test_a_stream_that_begins_within_a_frame_is_found(tmp_path: Path, name: str) -> None:
    content = found(tmp_path / "a", STREAMS[name][101:])
    assert content.demuxer == DEMUXERS.get(name, name.partition("-")[0])
    assert 0 < content.offset < 1000


def test_noise_in_front_of_a_stream_is_skipped(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, 200_000, np.uint8).tobytes()
    assert found(tmp_path / "a", noise + mpeg_audio()) == ("mp3", len(noise))


def test_a_tag_that_claims_more_than_the_file_has_is_skipped(tmp_path: Path) -> None:
    assert found(tmp_path / "a", b"ID3\x03\0\0\x7f\x7f\x7f\x7f" + mpeg_audio()) == ("mp3", 10)


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(Poison) as caught:
        sniff(path)
    assert caught.value.reason == "not_media"
    return str(caught.value)


TEXTS = [
    PROJECT / "README.md",
    PROJECT / "uv.lock",
    Path(__file__),
    DEMO / "joints.npz",
    PROJECT / "docs" / "frame.jpg",
]


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: file.name)
@pytest.mark.parametrize("prefix", [b"", ID3, b"\xff\xfb\x90\x44", b"\r\n"])
def test_text_pictures_and_archives_are_no_media(tmp_path: Path, file: Path, prefix: bytes) -> None:
    assert f"readable {NAMES} file" in refused(tmp_path / "a.mp3", prefix + file.read_bytes())


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_no_media(tmp_path: Path, seed: int) -> None:
    refused(tmp_path / "a", np.random.default_rng(seed).integers(0, 256, 600_000, np.uint8).tobytes())


@pytest.mark.parametrize(
    "byte", [b"\xff", b"\x47", b"G\x40\x10\x10", b"\xff\xfb\x90\x44", b"\x0b\x77", b"\0\0\x01\xe0"]
)
def test_the_search_of_a_hostile_file_takes_little_time(tmp_path: Path, byte: bytes) -> None:
    (tmp_path / "a").write_bytes(byte * (400_000 // len(byte)))
    started = time.process_time()
    with suppress(Poison):
        sniff(tmp_path / "a")
    assert time.process_time() - started < 5


@pytest.mark.parametrize("left_out", LEFT_OUT, ids=lambda left_out: left_out.what)
def test_what_is_left_out_is_refused_by_its_name(tmp_path: Path, left_out: LeftOut) -> None:
    start, what, _ = left_out
    assert (
        refused(tmp_path / "a", start + b" 1.0\n" + bytes(100)) == f"this is {what}, which is not taken; give {NAMES}"
    )


def test_the_document_lists_what_the_code_takes() -> None:
    assert (PROJECT / "docs" / "media.md").read_text() == document(), "run `make docs`"


def test_every_ending_belongs_to_one_kind() -> None:
    endings = [ending for kind in FORMATS for ending in (*kind.songs, *kind.clips)]
    assert len(endings) == len(set(endings))
    assert CLIP_SUFFIXES.issuperset({".mp4", ".avi", ".mts", ".3gp", ".mpg"})
