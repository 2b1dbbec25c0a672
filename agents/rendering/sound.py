"""The sound of a video: the song's AAC, faded out where the dance ends before the music does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from av.audio.stream import AudioStream
from av.packet import Packet

from agents.media.cached import CachedMp4, open_cached
from agents.media.mp4 import TICKS
from agents.rendering.audio import ensure_aac, ensure_cut_aac
from agents.rendering.inputs import RenderingInput
from agents.rendering.splice import song_packets
from agents.rendering.timeline import PlacedSegment
from agents.step import Tools
from schemas.rendered import Join

_FADED_BEATS = 2
_AFTER_S, _MIN_AFTER_S = 0.5, 0.25
_AUDIBLE = 10 ** (-45 / 20)  # of full scale, as a mean over `_AFTER_S`


class Sound(NamedTuple):
    """A song as AAC in mp4; the video begins at `start_s` of it. `joins`: of its parts, where it is cut."""

    path: Path
    start_s: float
    joins: tuple[Join, ...] = ()


def make_sound(rendering: RenderingInput, tools: Tools, bitrate: int, report: Callable[[float], None]) -> Sound:
    """Return the sound of a plan, encoded in `bitrate` bit/s if it is not in the cache. Raises: as `ensure_aac`."""
    sha, track, plan = rendering.song_sha256, rendering.sound_track, rendering.plan
    song = tools.media.path(sha)
    if plan.music:
        path, joins = ensure_cut_aac(song, sha, plan.music, bitrate, tools.cache_dir, report=report, track=track)
        return Sound(path, 0.0, joins)
    return Sound(ensure_aac(song, sha, bitrate, tools.cache_dir, report=report, track=track), plan.start_s)


def sound_packets(reader: CachedMp4, sound: Sound, parts: Sequence[PlacedSegment]) -> Iterator[Packet[AudioStream]]:
    """Yield the packets of a video's sound; they fade out over the last beats where the music would go on.

    `reader`: of the song. Raises: `Retryable` where the file is damaged.
    """
    length_s = parts[-1].end / TICKS
    packets = song_packets(reader, sound.start_s, length_s)
    if not _goes_on(sound.path, sound.start_s + length_s):
        return packets
    from agents.media.fade_out import Fade, fade_out

    rate = reader.audio.rate
    fade = Fade(round(_fade_start(parts) / TICKS * rate), round(length_s * rate))
    return fade_out(packets, reader.audio, fade)


def _goes_on(song: Path, at_s: float) -> bool:
    """Return whether something is heard after a time."""
    import numpy as np

    from agents.media.fade_out import decode_aac

    with open_cached(song) as reader:
        sound = decode_aac(song_packets(reader, at_s, _AFTER_S), reader.audio)
        after = [samples for time, samples in sorted(sound.items()) if time >= 0]
        seconds = sum(samples.shape[1] for samples in after) / reader.audio.rate
    return seconds >= _MIN_AFTER_S and float(np.sqrt(np.mean(np.concatenate(after, 1) ** 2))) > _AUDIBLE


def _fade_start(parts: Sequence[PlacedSegment]) -> float:
    """Return where the last beats begin, in ticks; the second half of a video that has fewer."""
    beats = [tick for part in parts for tick in part.song_ticks[:-1]]
    return beats[-_FADED_BEATS] if len(beats) > _FADED_BEATS else parts[-1].end / 2
