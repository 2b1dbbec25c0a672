"""Render a plan: packets of its clips' mezzanines and of its song's AAC are copied into the video.

Nothing is encoded but the end of the sound, where it fades out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from av.packet import Packet
from av.video.stream import VideoStream

from agents.media.cached import CachedMp4, cache_damaged, open_cached
from agents.media.mezzanine import Mezzanine
from agents.media.packet_copy import Chapter, write_packets
from agents.media.render_quality import PROFILES
from agents.rendering.chapters import chapters_of
from agents.rendering.clips import Clips, ClipVersion, version_of
from agents.rendering.inputs import RenderingInput, output_name
from agents.rendering.measure import measure
from agents.rendering.replacements import parts_to_render
from agents.rendering.result import RenderResult
from agents.rendering.sound import Sound, make_sound, sound_packets
from agents.rendering.splice import segment_packets
from agents.rendering.timeline import PlacedSegment, place
from agents.step import Tools, sub_progress
from infra.base.atomic_file import remove_files, replacing
from schemas import limits
from schemas.base import joined_warnings
from schemas.rendered import Video
from schemas.sequence_planned import ShownPart

Report = Callable[[float], None]


def render(rendering: RenderingInput, tools: Tools) -> RenderResult:
    """Render a plan into the output folder; what cannot be shown is replaced before anything is written.

    Raises:
        Poison: no clip of the plan can be shown, or the song is not in the store or does not decode.
        Retryable: a cached file was damaged; the next attempt makes it again.
    """
    clips = Clips(rendering, tools)
    clips.make(sub_progress(tools.report, 0.0, 0.7))
    found = parts_to_render(rendering.plan, clips)
    bitrate = PROFILES[rendering.quality].audio_bitrate
    sound = make_sound(rendering, tools, bitrate, sub_progress(tools.report, 0.7, 0.8))
    video = _video(rendering, tools, sound, found.parts, clips.mezzanines(found.parts))
    missing = clips.missing()[: limits.MAX_MISSING_CLIPS]
    warnings = joined_warnings(found.warnings)
    return RenderResult(video=video, segments=found.parts, warnings=warnings, without_clip=missing, joins=sound.joins)


def _video(
    rendering: RenderingInput,
    tools: Tools,
    sound: Sound,
    shown: Sequence[ShownPart],
    clips: Mapping[ClipVersion, Mezzanine],
) -> Video:
    profile = PROFILES[rendering.quality]
    parts = [place(part, rendering.plan.start_s) for part in shown]
    target = tools.output_dir / output_name(rendering, shown)
    with replacing(target) as temporary:
        write(
            parts,
            clips,
            sound,
            temporary,
            chapters=chapters_of(shown, parts),
            report=sub_progress(tools.report, 0.8, 1.0),
        )
        return measure(temporary, target.name, parts, clips, profile)


def write(  # noqa: PLR0913
    parts: Sequence[PlacedSegment],
    clips: Mapping[ClipVersion, Mezzanine],
    sound: Sound,
    target: Path,
    *,
    chapters: Sequence[Chapter] = (),
    report: Report = lambda _: None,
) -> None:
    """Write the video of `parts` to `target`. `clips`: mezzanines of one quality. Raises: as `render`."""
    with ExitStack() as stack:
        readers = {clip: stack.enter_context(open_cached(clips[clip].path)) for clip in sorted(clips)}
        song = stack.enter_context(open_cached(sound.path))
        pictures = _template(readers), _all_pictures(parts, clips, readers, report)
        write_packets(target, [pictures, (song.audio, sound_packets(song, sound, parts))], chapters)


def _all_pictures(
    parts: Sequence[PlacedSegment],
    clips: Mapping[ClipVersion, Mezzanine],
    readers: Mapping[ClipVersion, CachedMp4],
    report: Report,
) -> Iterator[Packet[VideoStream]]:
    for part in parts:
        clip = version_of(part.segment)
        yield from segment_packets(part, clips[clip], readers[clip])
        report(part.end / parts[-1].end)


def _template(readers: Mapping[ClipVersion, CachedMp4]) -> VideoStream:
    """Return a stream with the headers that all share. Raises: `Retryable` (`cache_damaged`) where they differ."""
    streams = [reader.video for reader in readers.values()]
    if len({stream.codec_context.extradata for stream in streams}) != 1:
        remove_files(*(reader.path for reader in readers.values()))
        raise cache_damaged()
    return streams[0]
