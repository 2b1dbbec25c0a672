"""Songs of all kinds that people have: containers and codecs, junk around them, damage, and what is no song."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.odd_media import containers, sounds
from tests.odd_media.marked import Samples, song
from tests.odd_media.patched import cut_short
from tests.odd_media.writer import Sound, write
from tests.quality.media_cases import Make, Refusal, SongCase

_PCM = Sound(np.zeros((2, 0), np.float32), "pcm_s16le")
_MP3, _AC3 = (replace(_PCM, codec=codec, bit_rate=192_000) for codec in ("mp3", "ac3"))
_SURROUND = replace(_AC3, layout="5.1", bit_rate=448_000)
_FLAC, _AAC = (replace(_PCM, codec=codec) for codec in ("flac", "aac"))
FIELD_START_S = 20.0  # of the part of the song of which the example files are made
_LATE_S = 0.7
_NOT_MEDIA = Refusal("not_media")


def _of(like: Sound, container: str | None = None, seconds: float = 12.5, **options: str) -> Make:
    """Return what writes the song with a codec and options of the container."""
    return lambda path: write(path, (), [replace(like, samples=song(seconds))], container=container, options=options)


def _stored(name: str) -> SongCase:
    """Return a case of a container and its codec."""
    max_beat_s = 0.025 if containers.SONGS[name].codec == "amr_nb" else 0.010  # a telephone carries no bass
    make = lambda path: containers.write_song(path.parent, name).replace(path)  # noqa: E731
    return SongCase(f"stored as {name}", make, max_beat_s=max_beat_s)


def _samples(samples: Samples) -> Make:
    return lambda path: write(path, (), [replace(_FLAC, samples=samples)])


def _after(junk: bytes, make: Make) -> Make:
    def junk_in_front(path: Path) -> None:
        make(path)
        path.write_bytes(junk + path.read_bytes())

    return junk_in_front


def _cut(make: Make) -> Make:
    def two_thirds(path: Path) -> None:
        make(path)
        cut_short(path, 0.68)

    return two_thirds


def _text(text: str) -> Make:
    return lambda path: path.write_text(text)


def _silent_track_first(path: Path) -> None:
    tracks = [replace(_FLAC, samples=np.zeros_like(song())), replace(_FLAC, samples=song())]
    write(path, (), tracks, container="matroska")


def _later(path: Path) -> None:
    write(path, (), [replace(_PCM, samples=song(12.5, FIELD_START_S))])


def _in_antiphase(path: Path) -> None:
    _samples(sounds.antiphase(song()))(path)


def _id3(body_bytes: int) -> bytes:
    """Return an ID3v2.3 tag of nothing but padding."""
    size = bytes(body_bytes >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + bytes(body_bytes)


def _ape_tag() -> bytes:
    """Return an APEv2 tag with a header and a footer, and one field."""
    field = struct.pack("<II", 4, 0) + b"Title\0Luna"
    fields = (b"APETAGEX", 2000, len(field) + 32, 1)
    header, footer = (struct.pack("<8sIIII8x", *fields, flags) for flags in (0xA000_0000, 0x8000_0000))
    return header + field + footer


_BARE_MP3 = _of(_MP3, write_xing="0", id3v2_version="0")
_RADIO = b"ICY 200 OK\r\nicy-name: radio\r\n\r\n"
_PAGE = "<!DOCTYPE html><html><body>Please log in</body></html>"

SONGS = (
    SongCase("ordinary.wav", _of(_PCM)),
    SongCase("ordinary, from 20 s on.wav", _later, start_s=FIELD_START_S),
    SongCase("ordinary.mp3", _of(_MP3)),
    SongCase("zeros in front.mp3", _after(bytes(4000), _BARE_MP3)),
    SongCase("line ends in front.mp3", _after(b"\r\n" * 3, _BARE_MP3)),
    SongCase("header of a radio stream in front.mp3", _after(_RADIO, _BARE_MP3)),
    SongCase("APE tag in front.mp3", _after(_ape_tag(), _BARE_MP3)),
    SongCase("two ID3 tags.mp3", _after(_id3(300) + _id3(70_000), _BARE_MP3)),
    SongCase("ID3 tag in front.flac", _after(_id3(500), _of(_FLAC))),
    SongCase("ID3 tag in front.aac", _after(_id3(2000), _of(_AAC, "adts"))),
    *(_stored(name) for name in containers.SONGS),
    SongCase("5.1.ac3", _of(_SURROUND)),
    SongCase("starts 0.7 s late.mka", _of(replace(_FLAC, start_s=_LATE_S), "matroska")),
    SongCase("starts 0.7 s late.m4a", _of(replace(_AAC, start_s=_LATE_S))),
    SongCase("in antiphase.flac", _in_antiphase),
    SongCase("music is the second track.mka", _silent_track_first, late_s=0.0),
    SongCase("wav named.mp3", _of(_PCM, "wav")),
    SongCase("a third is missing.wav", _cut(_of(_PCM, seconds=18)), warns="missing", seconds=12.24),
    SongCase("a third is missing.flac", _cut(_of(_FLAC, seconds=18)), warns="missing", seconds=12.43),
    SongCase("a third is missing.mp3", _cut(_of(_MP3, seconds=18)), warns="missing", seconds=12.2),
    SongCase("9.8 s.mp3", _of(_MP3, seconds=9.8), refused=Refusal("too_short", "only 9.8")),
    SongCase("silent.flac", _samples(sounds.silence(12)), refused=Refusal("silence", "silent")),
    SongCase("playlist.m3u", _text("#EXTM3U\n#EXTINF:12,Luna\nordinary.mp3\n"), refused=_NOT_MEDIA),
    SongCase("hls playlist.mp3", _text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\na.mp3\n"), refused=_NOT_MEDIA),
    SongCase("page of a shop.mp3", _text(_PAGE * 50), refused=_NOT_MEDIA),
)
