"""Files that try to make the probe open another file or URL, or allocate all memory."""

from __future__ import annotations

import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from agents.media.container import open_container
from agents.media.probe import probe
from schemas.faults import Poison
from tests.odd_media.containers import write_clip, write_song
from tests.unit.media.media_builders import png, tone, with_cover, write_sound


class Listener(HTTPServer):
    """A server that records the requested paths."""

    requested: list[str]


@pytest.fixture
def listener() -> Iterator[Listener]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.requested.append(self.path)
            self.send_error(404)

        def log_message(self, *args: object) -> None:
            del args

    server = Listener(("127.0.0.1", 0), Handler)
    server.requested = []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def refusal(path: Path, kind: str = "audio") -> str:
    with pytest.raises(Poison) as caught:
        probe(path, kind)  # type: ignore[arg-type]
    return caught.value.reason


def hls(url: str) -> str:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:20\n#EXTINF:20,\n{url}\n#EXT-X-ENDLIST\n"


PREFIXES = (
    *(b"", b"\r\n", bytes(100), b"ID3\x03\0\0\0\0\0\0", b"APETAGEX" + bytes(24), b"HTTP/1.0 200 OK\r\n\r\n"),
    *(b"OggS", b"RIFF\0\0\0\0WAVE", b"\0\0\0\x08ftyp", b"\xff\xfb", b"\x1aE\xdf\xa3", b"RIFF\0\0\0\0AVI "),
    *(b"FORM\0\0\0\0AIFF", b"caff\0\1\0\0", bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), b"\0\0\1\xba"),
    *(bytes.fromhex("726966662e91cf11a5d628db04c10000"), b"\x0b\x77", b"\xff\xf1"),
)
NAMES = ("song.mp3", "song.m3u8", "song.ffconcat", "song.txt", "a.avi", "a.wma", "a.ts", "a.mpg", "a.aiff", "a.aac")


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MP3 of eleven seconds."""
    return write_sound(tmp_path_factory.mktemp("song") / "song.mp3", tone(11), "libmp3lame")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["audio", "video"])
def test_a_playlist_is_no_media_and_is_not_followed(
    tmp_path: Path, listener: Listener, song: Path, name: str, kind: str
) -> None:
    (tmp_path / "other.mp3").hardlink_to(song)
    url = f"http://127.0.0.1:{listener.server_port}/x.ts"
    for text in (hls(url), hls(f"file://{tmp_path}/other.mp3"), "ffconcat version 1.0\nfile other.mp3\n"):
        for prefix in PREFIXES:
            (tmp_path / name).write_bytes(prefix + text.encode())
            assert refusal(tmp_path / name, kind) in {"not_media", "no_audio", "no_video"}
    assert listener.requested == []


@pytest.mark.parametrize("name", ["song.mp3", "song.aac", "song.ac3", "song.ts", "song.vob", "song.wma", "song.aiff"])
def test_media_with_a_playlist_before_or_after_it_is_the_media_or_nothing(
    tmp_path: Path, listener: Listener, name: str
) -> None:
    """A player that looks at more than the first bytes could be led to follow the playlist."""
    content = write_song(tmp_path, name).read_bytes()
    text = hls(f"http://127.0.0.1:{listener.server_port}/x.ts").encode()
    for mixed in (text + content, content + text, content[:5000] + text + content[5000:]):
        (tmp_path / name).write_bytes(mixed)
        with suppress(Poison):
            assert probe(tmp_path / name, "audio").duration_s == pytest.approx(12.5, abs=0.5)
    assert listener.requested == []


def test_what_windows_media_says_of_addresses_is_not_followed(tmp_path: Path, listener: Listener) -> None:
    """The object of script commands of an ASF header can name an address that a player is to open."""
    content = write_song(tmp_path, "song.wma").read_bytes()
    url = f"http://127.0.0.1:{listener.server_port}/x.asx".encode("utf-16-le")
    kind = "URL".encode("utf-16-le")
    body = bytes.fromhex("4b1acbe3100bd011a39b00a0c90348f6") + struct.pack("<HH", 1, 1)
    body += struct.pack("<H", len(kind) // 2) + kind + struct.pack("<IHH", 0, 0, len(url) // 2) + url
    script = bytes.fromhex("301afb1e620bd011a39b00a0c90348f6") + struct.pack("<Q", 24 + len(body)) + body
    size, count = struct.unpack("<QI", content[16:28])
    header = content[:16] + struct.pack("<QI", size + len(script), count + 1) + content[28:30] + script
    (tmp_path / "a.wma").write_bytes(header + content[30:])
    assert probe(tmp_path / "a.wma", "audio").duration_s == pytest.approx(12.5, abs=0.1)
    assert listener.requested == []


def test_a_subtitle_in_an_avi_is_not_opened_as_a_playlist(tmp_path: Path, listener: Listener) -> None:
    """FFmpeg opens the text track `GAB2` of an AVI with a demuxer that it chooses by content."""
    content = write_clip(tmp_path, "mjpeg.avi", 3.0).read_bytes()
    text = hls(f"http://127.0.0.1:{listener.server_port}/x.ts").encode()
    track = b"GAB2\0" + struct.pack("<HI", 2, 0) + struct.pack("<HI", 4, len(text)) + text
    for place in (content.index(b"movi") + 4, len(content)):
        chunk = b"02sb" + struct.pack("<I", len(track)) + track + b"\0" * (len(track) % 2)
        (tmp_path / "a.avi").write_bytes(content[:place] + chunk + content[place:])
        with suppress(Poison):
            probe(tmp_path / "a.avi", "video")
    assert listener.requested == []


def test_the_same_playlist_is_followed_where_the_demuxer_is_not_forced(song: Path, tmp_path: Path) -> None:
    """Check that the test above can fail: without a forced demuxer FFmpeg opens the sibling file."""
    (tmp_path / "other.mp3").write_bytes(song.read_bytes())
    (tmp_path / "song.mp3").write_text("ffconcat version 1.0\nfile other.mp3\n")
    with av.open(str(tmp_path / "song.mp3"), options={"protocol_whitelist": "file"}) as container:
        assert container.format.name == "concat"


@pytest.mark.parametrize(
    "name", ["-i.mp3", "a:b.mp3", "http:song.mp3", "concat:a.mp3|b.mp3", "%d.mp3", "a?b#c.mp3", "ñ\n.mp3"]
)
def test_a_file_name_is_not_interpreted(song: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).write_bytes(song.read_bytes())
    assert probe(tmp_path / name, "audio").codec == "mp3"
    monkeypatch.chdir(tmp_path)
    assert probe(Path(name), "audio").codec == "mp3"


def test_tags_that_are_no_text_do_not_matter(tmp_path: Path) -> None:
    """A RIFF tag has no encoding: a title in Latin-1, and bytes that are no text in any encoding."""
    path = write_sound(tmp_path / "a.wav", tone(11), "pcm_s16le")
    expected = probe(path, "audio")
    title = b"INFOINAM" + struct.pack("<I", 8) + b"Ma\xf1ana\xff\0"
    content = path.read_bytes() + b"LIST" + struct.pack("<I", len(title)) + title
    path.write_bytes(b"RIFF" + struct.pack("<I", len(content) - 8) + content[8:])
    with open_container(path) as container:
        assert "ana" in container.metadata["title"], "FFmpeg must read the tag, else this tests nothing"
    assert probe(path, "audio") == expected


def peak_mib(path: Path, kind: str) -> float:
    """Return how much probing the file raises a process's peak memory (VmHWM: ru_maxrss would be the parent's)."""
    code = (
        "import re, sys, pathlib\n"
        "from agents.media.probe import probe\n"
        "from schemas.faults import Poison\n"
        "import av, numpy\n"
        "def peak_kib(): return int(re.search(r'VmHWM:\\s+(\\d+)', pathlib.Path('/proc/self/status').read_text())[1])\n"
        "before = peak_kib()\n"
        "try:\n"
        "    probe(pathlib.Path(sys.argv[1]), sys.argv[2])\n"
        "except Poison:\n"
        "    pass\n"
        "print((peak_kib() - before) / 1024)\n"
    )
    process = subprocess.run([sys.executable, "-c", code, str(path), kind], capture_output=True, text=True, check=True)
    return float(process.stdout)


def test_a_cover_of_256_megapixels_is_not_decompressed(song: Path, tmp_path: Path) -> None:
    (tmp_path / "b.mp3").write_bytes(with_cover(song.read_bytes(), png(16_000, 16_000)))
    assert probe(tmp_path / "b.mp3", "audio").duration_s == pytest.approx(11, abs=0.1)
    assert peak_mib(tmp_path / "b.mp3", "audio") < 60


def write_png_movie(path: Path, picture: bytes, width: int, height: int) -> Path:
    with av.open(str(path), "w", format="mov") as container:
        stream = container.add_stream("png", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "gray"
        container.start_encoding()
        for index in range(30):
            container.mux(_as_packet(picture, stream, index, Fraction(1, 10)))
    return path


def _as_packet(content: bytes, stream: Any, index: int, step: Fraction) -> Any:
    packet = av.Packet(content)
    packet.stream, packet.time_base, packet.pts, packet.dts = stream, step, index, index
    packet.duration, packet.is_keyframe = 1, True
    return packet


def jpegs(count: int, width: int, height: int) -> list[bytes]:
    context: Any = av.CodecContext.create("mjpeg", "w")
    context.width, context.height, context.pix_fmt, context.time_base = width, height, "yuvj420p", Fraction(1, 24)
    frame = av.VideoFrame.from_ndarray(np.full((height * 3 // 2, width), 90, np.uint8), format="yuv420p")
    pictures = []
    for index in range(count):
        frame.pts = index
        pictures += [bytes(packet) for packet in context.encode(frame)]
    return pictures + [bytes(packet) for packet in context.encode(None)]


def test_a_frame_of_256_megapixels_is_not_decompressed(tmp_path: Path) -> None:
    path = write_png_movie(tmp_path / "bomb.mov", png(16_000, 16_000), 16_000, 16_000)
    assert refusal(path, "video") in {"picture_too_large", "unsupported_codec"}
    assert peak_mib(path, "video") < 60


def test_frames_that_grow_above_the_limit_are_not_decoded(tmp_path: Path) -> None:
    """Each JPEG of a movie has its own size: the first are small, the last are above the limit."""
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream: Any = container.add_stream("mjpeg", rate=24)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p"
        for index, picture in enumerate(jpegs(60, 96, 64) + jpegs(12, 4096, 2320)):
            container.mux(_as_packet(picture, stream, index, Fraction(1, 24)))
    facts = probe(tmp_path / "a.mkv", "video")
    assert (facts.width, facts.height) == (96, 64)
    assert facts.duration_s == pytest.approx(2.5, abs=0.01)
