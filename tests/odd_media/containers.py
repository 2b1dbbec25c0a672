"""A song and a clip in every container and codec that is taken and that FFmpeg can write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from tests.odd_media.marked import SOUND_HZ, marked, original, song
from tests.odd_media.writer import Sound, Timed, Video, write

_MP3_DELAY = 1105  # samples
_SMALL, _CIF, _PAL = (320, 180), (352, 288), (720, 576)
_H264 = Video(options={"preset": "ultrafast", "crf": "22", "g": "30"})
_DISC = {"mpegts_m2ts_mode": "1"}


@dataclass(frozen=True)
class SongKind:
    """How a song is written: its container's name at FFmpeg, its codec by encoder and by format."""

    container: str
    encoder: str
    codec: str
    rate: int = 22_050
    layout: str = "mono"
    bit_rate: int = 0
    options: Mapping[str, str] = field(default_factory=dict)
    encoding: Mapping[str, str] = field(default_factory=dict)


def _pcm(container: str, codec: str, rate: int = 22_050, layout: str = "mono", **options: str) -> SongKind:
    return SongKind(container, codec, codec, rate, layout, options=options)


SONGS: Mapping[str, SongKind] = {
    "song.mp3": SongKind("mp3", "libmp3lame", "mp3"),
    "song-stereo.mp3": SongKind("mp3", "libmp3lame", "mp3", 44_100, "stereo"),
    "song.mp2": SongKind("mp2", "mp2", "mp2", 44_100, "stereo"),
    "song.m4a": SongKind("ipod", "aac", "aac", 44_100, "stereo"),
    "alac.m4a": SongKind("ipod", "alac", "alac"),
    "song.flac": SongKind("flac", "flac", "flac"),
    "song.opus": SongKind("ogg", "libopus", "opus", 48_000),
    "vorbis.ogg": SongKind("ogg", "vorbis", "vorbis", 44_100, "stereo", encoding={"strict": "-2"}),
    "flac.oga": SongKind("ogg", "flac", "flac"),
    "u8.wav": _pcm("wav", "pcm_u8"),
    "s16.wav": _pcm("wav", "pcm_s16le"),
    "s24.wav": _pcm("wav", "pcm_s24le"),
    "s32.wav": _pcm("wav", "pcm_s32le"),
    "f32.wav": _pcm("wav", "pcm_f32le"),
    "f64.wav": _pcm("wav", "pcm_f64le"),
    "mulaw.wav": _pcm("wav", "pcm_mulaw"),
    "alaw.wav": _pcm("wav", "pcm_alaw"),
    "adpcm.wav": _pcm("wav", "adpcm_ms"),
    "ima.wav": _pcm("wav", "adpcm_ima_wav"),
    "rf64.wav": _pcm("wav", "pcm_s16le", rf64="always"),
    "song.w64": _pcm("w64", "pcm_s16le"),
    "song.aiff": _pcm("aiff", "pcm_s16be", 44_100, "stereo"),
    "s24.aif": _pcm("aiff", "pcm_s24be"),
    "s8.aiff": _pcm("aiff", "pcm_s8"),
    "f32.aifc": _pcm("aiff", "pcm_f32be"),
    "f64.aifc": _pcm("aiff", "pcm_f64be"),
    "little.aifc": _pcm("aiff", "pcm_s16le"),
    "song.caf": _pcm("caf", "pcm_s16be"),
    "alac.caf": SongKind("caf", "alac", "alac"),
    "ima.caf": _pcm("caf", "adpcm_ima_qt"),
    "song.wma": SongKind("asf", "wmav2", "wmav2", 44_100, "stereo", 128_000),
    "old.wma": SongKind("asf", "wmav1", "wmav1", 44_100, "stereo", 128_000),
    "song.aac": SongKind("adts", "aac", "aac", 44_100, "stereo"),
    "song.ac3": SongKind("ac3", "ac3", "ac3", 48_000, "stereo"),
    "song.eac3": SongKind("eac3", "eac3", "eac3", 48_000, "stereo"),
    "song.mka": SongKind("matroska", "flac", "flac"),
    "song.ts": SongKind("mpegts", "mp2", "mp3", 48_000, "stereo"),  # FFmpeg has one name for all layers there
    "latm.ts": SongKind("mpegts", "aac", "aac_latm", 44_100, "stereo", options={"mpegts_flags": "latm"}),
    "song.m2ts": SongKind("mpegts", "pcm_bluray", "pcm_bluray", 48_000, "stereo", options=_DISC),
    "song.vob": SongKind("vob", "pcm_dvd", "pcm_dvd", 48_000, "stereo"),
    "s32.mov": _pcm("mov", "pcm_s32be"),
    "amr.3gp": SongKind("3gp", "libopencore_amrnb", "amr_nb", 8_000),
}


@dataclass(frozen=True)
class ClipKind:
    """How a clip is written: its container's name at FFmpeg, its pictures and its sound, each with the codec's name.

    `late_s`: how late the sound is by its codec, which the container does not state.
    """

    container: str
    video: Video
    codec: str
    encoder: str = "aac"
    rate: int = 44_100
    layout: str = "stereo"
    size: tuple[int, int] = _SMALL
    options: Mapping[str, str] = field(default_factory=dict)
    late_s: float = 0.0


def _rated(codec: str, bit_rate: int = 1_500_000, pixel_format: str = "yuv420p", **options: str) -> Video:
    return Video(codec, pixel_format, bit_rate=bit_rate, options=options)


_HEVC = Video("libx265", options={"preset": "ultrafast", "x265-params": "log-level=error"})
_VP8, _VP9 = (Video(name, options={"deadline": "realtime", "cpu-used": "8"}) for name in ("libvpx", "libvpx-vp9"))
_DV = Video("dvvideo", "yuv420p", Fraction(25), aspect=Fraction(64, 45))  # 16:9: one of the two shapes that it has
CLIPS: Mapping[str, ClipKind] = {
    "clip.mp4": ClipKind("mp4", _H264, "h264"),
    "hevc.mp4": ClipKind("mp4", _HEVC, "hevc"),
    "mpeg4.mp4": ClipKind("mp4", _rated("mpeg4"), "mpeg4", "ac3", 48_000),
    "av1.mp4": ClipKind("mp4", Video("libsvtav1", options={"preset": "12"}), "av1", "eac3", 48_000),
    "clip.mov": ClipKind("mov", _H264, "h264", "pcm_s16be"),
    "prores.mov": ClipKind("mov", Video("prores_ks", "yuv422p10le", options={"profile": "0"}), "prores", "pcm_s24le"),
    "mjpeg.mov": ClipKind("mov", _rated("mjpeg", 4_000_000, "yuvj420p"), "mjpeg", "adpcm_ima_qt"),
    "dv.mov": ClipKind("mov", _DV, "dvvideo", "pcm_s16be", 48_000, size=_PAL),
    "mjpeg.avi": ClipKind("avi", _rated("mjpeg", 4_000_000, "yuvj420p"), "mjpeg", "pcm_u8", 8_000, "mono"),
    "mpeg4.avi": ClipKind("avi", _rated("mpeg4", bf="2"), "mpeg4", "libmp3lame", late_s=_MP3_DELAY / 44_100),
    "dv.avi": ClipKind("avi", _DV, "dvvideo", "pcm_s16le", 48_000, size=_PAL),
    "clip.mkv": ClipKind("matroska", _H264, "h264", "flac"),
    "clip.webm": ClipKind("webm", _VP9, "vp9", "libopus", 48_000),
    "vp8.webm": ClipKind("webm", _VP8, "vp8", "libopus", 48_000),
    "clip.ts": ClipKind("mpegts", _H264, "h264"),
    "broadcast.ts": ClipKind("mpegts", _rated("mpeg2video"), "mpeg2video", "mp2", 48_000),
    "hevc.ts": ClipKind("mpegts", _HEVC, "hevc", "ac3", 48_000),
    "camera.mts": ClipKind("mpegts", _H264, "h264", "ac3", 48_000, options=_DISC),
    "disc.m2ts": ClipKind("mpegts", _H264, "h264", "pcm_bluray", 48_000, options=_DISC),
    "clip.mpg": ClipKind("mpeg", _rated("mpeg1video"), "mpeg1video", "mp2"),
    "disc.vob": ClipKind("vob", _rated("mpeg2video"), "mpeg2video", "ac3", 48_000),
    "phone.3gp": ClipKind("3gp", _rated("h263", 400_000), "h263", "libopencore_amrnb", 8_000, "mono", _CIF),
    "new.3gp": ClipKind("3gp", _H264, "h264"),
}


def write_song(folder: Path, name: str, seconds: float = 12.5) -> Path:
    """Write the beginning of the demo song in one of `SONGS`."""
    kind = SONGS[name]
    sound = Sound(*(song(seconds), kind.encoder, kind.rate, kind.layout), bit_rate=kind.bit_rate, options=kind.encoding)
    return write(folder / name, sounds=[sound], container=kind.container, options=kind.options)


def write_clip(folder: Path, name: str, seconds: float = 5.4) -> Path:
    """Write the beginning of the demo clip in one of `CLIPS`."""
    kind, whole = CLIPS[name], original()
    sound = Sound(whole.sound[:, : round(seconds * SOUND_HZ)], kind.encoder, kind.rate, kind.layout)
    pictures = _pictures(kind, seconds)
    return write(folder / name, pictures, [sound], video=kind.video, container=kind.container, options=kind.options)


def _pictures(kind: ClipKind, seconds: float) -> Iterator[Timed]:
    """Yield the original's pictures in the clip's size and at its rate, each with its own time in its bar code."""
    for number in range(round(seconds * kind.video.rate)):
        time_s = number / float(kind.video.rate)
        small = cv2.resize(original().at(time_s), kind.size, interpolation=cv2.INTER_AREA)
        yield time_s, marked(np.asarray(small, np.uint8), time_s)
