"""Clips of all kinds that people have: how they are shown, where they can be used, what is heard, what holds them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.odd_media import containers, sounds
from tests.odd_media.hdr_interlaced import (
    BRIGHT_WHITE_NITS,
    converted,
    hdr_video,
    hlg,
    interlaced,
    interlaced_video,
    pq,
)
from tests.odd_media.marked import SHORT_S, SOUND_HZ, Original, Rgb, long_original, marked, original
from tests.odd_media.patched import (
    FLIPPED,
    MIRRORED,
    TRANSPOSED,
    aspect_in_container_only,
    cut_short,
    one_after_the_other,
    set_display_matrix,
    without_packets,
)
from tests.odd_media.writer import Sound, Timed, Video, write
from tests.quality.media_cases import MAX_BEAT_S, ClipCase, Make, Refusal

Pictures = Callable[[], Iterable[Timed]]
_X264_IN_ORDER = {"preset": "veryfast", "crf": "18", "g": "30", "bf": "0", "x264-params": "scenecut=0"}
_WMV = Video("wmv2", bit_rate=3_000_000, options={})
_AAC = Sound(np.zeros((2, 0), np.float32))
_MP2, _AC3, _WMA = (replace(_AAC, codec=codec, bit_rate=192_000) for codec in ("mp2", "ac3", "wmav2"))


def _pictures() -> Iterable[Timed]:
    return original().pictures


def _changed(change: Callable[[Rgb], Any], of: Pictures = _pictures) -> Pictures:
    return lambda: converted(of(), change)


def _clip(
    video: Video | None = None,
    sound: Sound = _AAC,
    pictures: Pictures = _pictures,
    container: str | None = None,
    **options: str,
) -> Make:
    """Return what writes the original with other pictures, codecs, and options of the container."""
    return lambda path: write(
        path,
        pictures(),
        [replace(sound, samples=original().sound)],
        video=video,
        container=container,
        options=options,
    )


def _with_sound(*tracks: Callable[[], Sound]) -> Make:
    return lambda path: write(path, original().pictures, [track() for track in tracks])


def _with_matrix(stored: Callable[[Rgb], Any], matrix: tuple[int, int, int, int]) -> Make:
    """Return what writes changed pictures whose display matrix changes them back."""
    changed = _clip(pictures=_changed(stored))

    def make(path: Path) -> None:
        changed(path)
        set_display_matrix(path, matrix)

    return make


def _squeezed(width: int, aspect: Fraction) -> Make:
    narrow = _changed(lambda rgb: cv2.resize(rgb, (width, 360), interpolation=cv2.INTER_AREA))
    return _clip(Video(aspect=aspect), pictures=narrow)


def _squeezed_in_container_only(width: int, aspect: Fraction) -> Make:
    def make(path: Path) -> None:
        both = path.with_suffix(".both.mp4")
        _squeezed(width, aspect)(both)
        aspect_in_container_only(both, path)

    return make


def _portrait() -> Original:
    return original().changed(lambda rgb: np.ascontiguousarray(rgb[:, 210:430]))


def _odd_sized() -> Original:
    return original().changed(lambda rgb: np.asarray(cv2.resize(rgb, (601, 337)), np.uint8))


def _fast(fps: int) -> Make:
    video = Video(rate=Fraction(fps), options={"preset": "ultrafast", "crf": "20"})
    return _clip(video, pictures=lambda: original().faster(fps))


def _part(start_s: float, end_s: float, sound_start_s: float = 0.0, sound_end_s: float = 9.0) -> Make:
    """Return what writes one part of the long original's pictures, and another of its sound."""

    def make(path: Path) -> None:
        samples = long_original().sound[:, round(sound_start_s * SOUND_HZ) : round(sound_end_s * SOUND_HZ)]
        write(path, long_original().part(start_s, end_s), [Sound(samples, start_s=sound_start_s)])

    return make


def _all(**options: str) -> Make:
    return lambda path: write(path, long_original().pictures, [Sound(long_original().sound)], options=options)


def _hole(start_s: float, end_s: float) -> Make:
    def make(path: Path) -> None:
        whole = long_original()
        write(path, [*whole.part(0, start_s), *whole.part(end_s, 9)], [Sound(whole.sound)])

    return make


def _pause(at_s: float, seconds: float) -> Make:
    """Return what writes a clip whose clock, not its content, jumps for both pictures and sound."""

    def make(path: Path) -> None:
        whole, at = long_original(), round(at_s * SOUND_HZ)
        first, second = path.with_suffix(".1.mkv"), path.with_suffix(".2.mkv")
        video = Video(options=_X264_IN_ORDER)
        write(first, whole.part(0, at_s), [Sound(whole.sound[:, :at], "flac")], video=video)
        later = [(time_s + seconds, rgb) for time_s, rgb in whole.part(at_s, 9)]
        write(second, later, [Sound(whole.sound[:, at:], "flac", start_s=at_s + seconds)], video=video)
        one_after_the_other([first, second], path)

    return make


def _no_first_keyframe(path: Path) -> None:
    whole = long_original()
    complete = path.with_suffix(".whole.mkv")
    write(complete, whole.pictures, [Sound(whole.sound)], video=Video(options=_X264_IN_ORDER))
    without_packets(complete, path, lambda time_s, is_keyframe: is_keyframe and time_s < 0.5)


@cache
def _nobody_at_first() -> Original:
    whole = long_original()
    wall = _without_dancers(whole.at(0))
    pictures = [(time_s, marked(wall, time_s) if time_s < _NOBODY_S else rgb) for time_s, rgb in whole.pictures]
    return replace(whole, pictures=tuple(pictures))


def _without_dancers(rgb: Rgb) -> Rgb:
    """Return the picture with its left quarter in place of its middle half."""
    wall, quarter = rgb.copy(), rgb.shape[1] // 4
    wall[:, quarter : 2 * quarter] = rgb[:, quarter - 1 :: -1]
    wall[:, 2 * quarter : 3 * quarter] = rgb[:, :quarter]
    return wall


def _silent() -> Sound:
    return Sound(sounds.silence(SHORT_S))


def _speech(is_default: bool | None = None) -> Sound:
    return Sound(sounds.speech(SHORT_S), is_default=is_default)


def _inverted() -> Sound:
    return Sound(sounds.antiphase(original().sound))


def _music(is_default: bool | None = None) -> Sound:
    return Sound(original().sound, is_default=is_default)


def _cut(make: Make) -> Make:
    def two_thirds(path: Path) -> None:
        make(path)
        cut_short(path, 0.68)

    return two_thirds


def _long(name: str, make: Make, **right: Any) -> ClipCase:
    """Return a case of the long original: two eights."""
    of_original: dict[str, Any] = {"shows": long_original, "window": (0.0, 8.43), "eights": 2}
    return ClipCase(name, make, **of_original | right)


def _stored(name: str) -> ClipCase:
    """Return a case of a container and its codecs."""
    kind = containers.CLIPS[name]

    def shows() -> Original:
        size = round(kind.size[0] * kind.video.aspect), kind.size[1]
        return original().changed(lambda rgb: np.asarray(cv2.resize(rgb, size), np.uint8))

    def make(path: Path) -> None:
        containers.write_clip(path.parent, name).replace(path)

    max_beat_s = 2 * MAX_BEAT_S if "amrnb" in kind.encoder else MAX_BEAT_S  # AMR has nothing above 3.4 kHz
    return ClipCase(f"stored as {name}", make, cache(shows), late_s=kind.late_s, max_beat_s=max_beat_s)


def _interlaced(first_field: int) -> Pictures:
    return lambda: interlaced(original().pictures, first_field)


_BRIGHTER = 35.0  # twice the light of an ordinary white is shown brighter, and not clipped
_CUT = (0.0, 6.1)
_NOBODY_S = 3.0
CLIPS = (
    ClipCase("ordinary.mp4", _clip(), duration_s=SHORT_S),
    _long("ordinary, long.mp4", _part(0, 9)),
    # How they are shown
    ClipCase("mirrored by its matrix.mp4", _with_matrix(lambda rgb: rgb[:, ::-1], MIRRORED)),
    ClipCase("upside down by its matrix.mov", _with_matrix(lambda rgb: rgb[::-1], FLIPPED)),
    ClipCase("transposed by its matrix.mp4", _with_matrix(lambda rgb: rgb.transpose(1, 0, 2), TRANSPOSED)),
    ClipCase("turned by 90.mp4", _clip(Video(rotation=90), pictures=_changed(lambda rgb: np.rot90(rgb, 3)))),
    ClipCase("turned by 180.mov", _clip(Video(rotation=180), pictures=_changed(lambda rgb: np.rot90(rgb, 2)))),
    ClipCase("4:3 pixels in the container only.mp4", _squeezed_in_container_only(480, Fraction(4, 3))),
    ClipCase("2:1 pixels in the container only.mov", _squeezed_in_container_only(320, Fraction(2))),
    ClipCase("16:11 pixels in container and codec.mkv", _squeezed(440, Fraction(16, 11))),
    ClipCase("HLG.mov", _clip(hdr_video("arib-std-b67"), pictures=_changed(hlg))),
    ClipCase(
        "HLG, its white at 203 nits.mov",
        _clip(hdr_video("arib-std-b67"), pictures=_changed(lambda rgb: hlg(rgb, BRIGHT_WHITE_NITS))),
        brighter=_BRIGHTER,
    ),
    ClipCase("PQ.mp4", _clip(hdr_video("smpte2084"), pictures=_changed(pq))),
    ClipCase("full range.mp4", _clip(Video(pixel_format="yuvj420p", full=True))),
    ClipCase("10 bit 4:2:2.mp4", _clip(Video(pixel_format="yuv422p10le"))),
    ClipCase("interlaced.mp4", _clip(interlaced_video(), pictures=_interlaced(0))),
    ClipCase("interlaced, bottom first.ts", _clip(interlaced_video("mpeg2video"), _MP2, _interlaced(1))),
    ClipCase("240 fps.mov", _fast(240)),
    ClipCase("120 fps.mp4", _fast(120)),
    ClipCase(
        "601x337.mp4", _clip(Video(pixel_format="yuv444p"), pictures=lambda: _odd_sized().pictures), shows=_odd_sized
    ),
    ClipCase("portrait.mp4", _clip(pictures=lambda: _portrait().pictures), shows=_portrait),
    # Where they can be used
    _long("picture 1.5 s after sound.mp4", _part(1.5, 9), window=(1.5, 8.43), eights=1, first_s=1.5),
    _long("sound 1.5 s after picture.mkv", _part(0, 9, 1.5), eights=1),
    _long("picture ends 3 s before sound.mp4", _part(0, 5.4), window=(0.0, 5.4), eights=1),
    _long("sound ends 3 s before picture.mov", _part(0, 9, 0, 5.4)),
    _long("no first key frame.mkv", _no_first_keyframe, window=(1.0, 8.43), eights=1, first_s=1 / 30),
    _long("hole of 1.6 s.mp4", _hole(4.9, 6.5), eights=1, hole=(4.9, 6.5)),
    _long("paused for 2 s.mkv", _pause(4.5, 2.0), eights=1, pause=(4.5, 2.0), hole=(4.4, 4.6)),
    ClipCase("2 s of picture in 8 s.mp4", _part(3, 5.2), refused=Refusal("no_whole_eight", "nine beats")),
    _long(
        "nobody in the first eight.mp4",
        lambda path: write(path, _nobody_at_first().pictures, [Sound(long_original().sound)]),
        shows=_nobody_at_first,
        eights=1,
        hole=(-1, _NOBODY_S),
        warns="nobody",
    ),
    # How they are heard
    ClipCase("music is the second track.mkv", _with_sound(_silent, _music)),
    ClipCase(
        "speech is the default track.mp4",
        _with_sound(lambda: _speech(is_default=True), lambda: _music(is_default=False)),
    ),
    ClipCase("AC-3.mp4", _clip(sound=_AC3)),
    ClipCase("one channel inverted.mp4", _with_sound(_inverted)),
    ClipCase("no sound.mp4", _with_sound(), refused=Refusal("no_tempo", "no sound")),
    ClipCase("no sound, tempo annotated.mp4", _with_sound(), tempo_bpm=126.0, has_beats=False),
    ClipCase("speech.mp4", _with_sound(_speech), refused=Refusal("no_tempo", "speech")),
    ClipCase("silent.mp4", _with_sound(_silent), refused=Refusal("no_tempo", "silent")),
    # What they are stored in
    *(_stored(name) for name in containers.CLIPS),
    ClipCase("mpeg-ts named.mp4", _clip(container="mpegts")),
    ClipCase("windows media.wmv", _clip(_WMV, _WMA), refused=Refusal("unsupported_codec", "wmv2")),
    # What is missing
    _long("cut short, index in front.mp4", _cut(_all(movflags="+faststart")), window=_CUT, eights=1, warns="missing"),
    _long("cut short.mkv", _cut(_all()), window=_CUT, eights=1, warns="missing"),
    ClipCase("cut short, no index.mp4", _cut(_clip()), refused=Refusal("not_media", "incomplete")),
)
