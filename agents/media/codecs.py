"""The codecs that are taken, in groups: a decoder is code that reads what a stranger wrote, so each has its reason.

All of them are FFmpeg's own or those of its large distributions, and are fuzzed by its project all the time. The child
that decodes has limits of memory and time, and `tests/security/test_damaged_media.py` damages files of each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from schemas.faults import Poison

if TYPE_CHECKING:
    from av.codec.context import CodecContext


class Group(NamedTuple):
    """Codecs by the names that FFmpeg has for their format, not for one of its decoders, and why they are taken."""

    names: tuple[str, ...]
    why: str


SOUND: Final = (
    Group(("aac", "mp3", "flac", "alac", "vorbis", "opus"), "what shops, phones and streams give"),
    Group(
        (
            *("pcm_u8", "pcm_s8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be"),
            *("pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be", "pcm_mulaw", "pcm_alaw"),
        ),
        "samples as they are: hardly anything is decoded",
    ),
    Group(("pcm_bluray", "pcm_dvd"), "samples as cameras and discs store them"),
    Group(("mp2", "mp1", "ac3", "eac3", "aac_latm"), "broadcasts, discs and cameras"),
    Group(("wmav1", "wmav2", "wmapro"), "Windows Media: libraries that were copied from discs"),
    Group(("amr_nb", "amr_wb"), "clips of older phones (3gp)"),
    Group(("adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt"), "clips of older cameras, short recordings"),
)

PICTURE: Final = (
    Group(("h264", "hevc", "vp8", "vp9", "av1"), "what phones, cameras and streams give"),
    Group(("mpeg4", "h263"), "older phones and cameras, files of the first years of the web"),
    Group(("mjpeg", "mpeg2video", "mpeg1video", "dvvideo"), "cameras, discs and tapes"),
    Group(("prores",), "editing programs and recent phones"),
)

SOUND_CODECS: Final = frozenset(name for group in SOUND for name in group.names)
PICTURE_CODECS: Final = frozenset(name for group in PICTURE for name in group.names)

_GIVE_SOUND = "give aac, mp3, flac or wav"
_GIVE_PICTURE = "give h264, hevc, vp9 or av1"


def sound_is_taken(context: CodecContext | None) -> bool:
    """Return whether a sound track's codec is one that is taken; the context is `None` where FFmpeg has no decoder."""
    return context is not None and context.codec.canonical_name in SOUND_CODECS


def picture_is_taken(context: CodecContext | None) -> bool:
    """Return whether a video track's codec is one that is taken; the context is `None` where FFmpeg has no decoder."""
    return context is not None and context.codec.canonical_name in PICTURE_CODECS


def refused_sound(context: CodecContext | None) -> Poison:
    """Return the fault of a sound track whose codec is not taken, which names the codec."""
    return _refused("audio", context, _GIVE_SOUND)


def refused_picture(context: CodecContext | None) -> Poison:
    """Return the fault of a video track whose codec is not taken, which names the codec."""
    return _refused("video", context, _GIVE_PICTURE)


def _refused(kind: str, context: CodecContext | None, give: str) -> Poison:
    found = "unknown" if context is None else context.codec.canonical_name
    return Poison(f"its {kind} codec is {found}, which is not taken; {give}", reason="unsupported_codec")
