"""The files that are taken: one demuxer for each kind, and the endings of their names. `docs/media.md` lists them.

A demuxer is taken where people have such files, where it is among those that FFmpeg's own project fuzzes all the time,
and where it can open no other file: `agents/media/container.py` forces it, and allows no other demuxer or protocol.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Demuxer = Literal[
    "mov",
    "mp3",
    "flac",
    "ogg",
    "wav",
    "matroska",
    "aiff",
    "caf",
    "asf",
    "aac",
    "w64",
    "ac3",
    "eac3",
    "avi",
    "mpegts",
    "mpeg",
]


class Format(NamedTuple):
    """A kind of files. `songs`, `clips`: the endings of their names; `known_as`: those that messages name."""

    demuxer: Demuxer
    what: str
    songs: tuple[str, ...] = ()
    clips: tuple[str, ...] = ()
    known_as: tuple[str, ...] = ()


FORMATS: Final = (
    Format("mp3", "MPEG audio, layers 1 to 3", ("mp3", "mp2", "mp1", "mpa"), known_as=("mp3",)),
    Format(
        *("mov", "MP4, QuickTime, 3GP"),
        ("m4a", "m4b"),
        ("mp4", "m4v", "mov", "qt", "3gp", "3g2"),
        ("m4a", "mp4", "mov", "3gp"),
    ),
    Format("flac", "FLAC", ("flac",), known_as=("flac",)),
    Format("ogg", "Ogg", ("ogg", "oga", "opus"), known_as=("ogg",)),
    Format("wav", "WAV, BWF, RF64", ("wav", "bwf", "rf64"), known_as=("wav",)),
    Format("w64", "Wave64", ("w64",)),
    Format("aiff", "AIFF", ("aiff", "aif", "aifc"), known_as=("aiff",)),
    Format("caf", "Core Audio Format", ("caf",), known_as=("caf",)),
    Format("asf", "Windows Media", ("wma", "asf"), known_as=("wma",)),
    Format("aac", "AAC as a stream (ADTS)", ("aac", "adts"), known_as=("aac",)),
    Format("ac3", "AC-3", ("ac3",), known_as=("ac3",)),
    Format("eac3", "E-AC-3", ("eac3", "ec3")),
    Format("matroska", "Matroska, WebM", ("mka", "weba"), ("mkv", "webm"), ("mkv", "webm")),
    Format("avi", "AVI", clips=("avi",), known_as=("avi",)),
    Format("mpegts", "MPEG transport stream", clips=("ts", "mts", "m2ts", "m2t"), known_as=("ts", "mts")),
    Format("mpeg", "MPEG program stream", clips=("mpg", "mpeg", "vob"), known_as=("mpg",)),
)

CLIP_SUFFIXES: Final = frozenset(f".{ending}" for format_ in FORMATS for ending in format_.clips)
SONG_SUFFIXES: Final = frozenset(f".{ending}" for format_ in FORMATS for ending in format_.songs)
_NAMES: Final = [name for format_ in FORMATS for name in format_.known_as]
NAMES: Final = f"{', '.join(_NAMES[:-1])} or {_NAMES[-1]}"  # for sentences


class LeftOut(NamedTuple):
    """A kind of files that is not taken. `start`: how such a file begins; `why`: for the documents."""

    start: bytes
    what: str
    why: str


LEFT_OUT: Final = (
    LeftOut(b"FLV\x01", "a Flash video (flv)", "its codecs are out of use; what is newer can be copied to mp4"),
    LeftOut(b".RMF", "a RealMedia file", "out of use, with decoders that few maintain"),
    LeftOut(b"wvpk", "a WavPack file", "rare; converts to flac without loss"),
    LeftOut(b"MAC ", "a Monkey's Audio file (ape)", "rare; converts to flac without loss"),
    LeftOut(b"TTA1", "a True Audio file (tta)", "rare; converts to flac without loss"),
    LeftOut(b"DSD ", "a DSD file (dsf)", "one bit per sample: needs a conversion that players do differently"),
    LeftOut(b"MPCK", "a Musepack file", "rare, and no longer maintained"),
    LeftOut(b"MP+", "a Musepack file", "rare, and no longer maintained"),
    LeftOut(b"#!AMR", "an AMR file", "speech of phones; in 3gp it is taken"),
    LeftOut(b".snd", "an AU file", "rare; converts to wav without loss"),
    LeftOut(b"MThd", "a MIDI file", "has notes and no sound"),
    LeftOut(b"GIF8", "a GIF", "has no time base that can be trusted and no sound"),
    LeftOut(b"\x06\x0e\x2b\x34", "an MXF file", "of studios; its index may name other files"),
    LeftOut(b"\x1f\x07\x00", "a raw DV file", "in avi and mov it is taken"),
    LeftOut(b"#EXTM3U", "a playlist", "names other files or addresses, which are never opened"),
    LeftOut(b"ffconcat", "a playlist", "names other files or addresses, which are never opened"),
    LeftOut(b"[playlist]", "a playlist", "names other files or addresses, which are never opened"),
    LeftOut(b"%PDF", "a PDF", "no sound or video"),
)
