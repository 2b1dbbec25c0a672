"""A plan, the mezzanines of its clips and its song's AAC in, the video out: packets are copied, nothing is encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from av.packet import Packet
from av.video.stream import VideoStream

from agents.media import mezzanine
from agents.media.cached import CachedMp4, cache_damaged, open_cached
from agents.media.mezzanine import Mezzanine
from agents.media.mp4 import TICKS
from agents.media.packet_copy import write_packets
from agents.media.render_quality import PROFILES
from agents.rendering import audio
from agents.rendering.inputs import RenderingInput, output_name
from agents.rendering.measure import measured
from agents.rendering.splice import pictures, sounds
from agents.rendering.timeline import PlacedSegment, place_segments
from agents.step import Tools, part
from infra.base.atomic_file import remove_files, replacing
from schemas.faults import Poison
from schemas.rendered import Video

Report = Callable[[float], None]


def render(rendering: RenderingInput, tools: Tools) -> Video:
    """Render a plan into the output folder.

    Raises `Poison` where the plan cannot be shown: a gap, a start that is no beat of its clip, a clip with no picture
    there or that ends before its segment does, a clip or song that is not in the store or does not decode.
    Raises `Retryable` where a cached file was damaged; the next try makes it again.
    """
    profile = PROFILES[rendering.quality]
    parts = place_segments(rendering.plan)
    clips = _mezzanines(rendering, tools, part(tools.report, 0.0, 0.7))
    song = _song(rendering, tools, profile.audio_bitrate, part(tools.report, 0.7, 0.8))
    target = tools.output_dir / output_name(rendering)
    with replacing(target) as temporary:
        write(parts, clips, song, rendering.plan.start_s, temporary, report=part(tools.report, 0.8, 1.0))
        return measured(temporary, target.name, parts, clips, profile)


def write(  # noqa: PLR0913
    parts: Sequence[PlacedSegment],
    clips: Mapping[str, Mezzanine],
    song: Path,
    start_s: float,
    target: Path,
    *,
    report: Report = lambda _: None,
) -> None:
    """Write the video of `parts`, with the song from `start_s` on, to `target`.

    `clips`: mezzanines of one quality, by their clip's sha256; `song`: AAC in mp4. Raises as `render` does.
    """
    with ExitStack() as stack:
        readers = {sha: stack.enter_context(open_cached(clips[sha].path)) for sha in sorted(clips)}
        audio_reader = stack.enter_context(open_cached(song))
        video = _template(readers), _all_pictures(parts, clips, readers, report)
        sound = audio_reader.audio, sounds(audio_reader, start_s, parts[-1].end / TICKS)
        write_packets(target, [video, sound])


def _mezzanines(rendering: RenderingInput, tools: Tools, report: Report) -> dict[str, Mezzanine]:
    wanted = sorted({segment.clip_sha256 for segment in rendering.plan.segments})
    made = {}
    for number, sha in enumerate(wanted):
        if sha not in rendering.plan.clips:
            raise Poison(f"the plan does not name the beats of clip {sha[:12]}", reason="plan_incomplete")
        one_clip = part(report, number / len(wanted), (number + 1) / len(wanted))
        source, beats = tools.media.path(sha), rendering.plan.clips[sha]
        made[sha] = mezzanine.ensure(source, sha, beats, rendering.quality, tools.cache_dir, report=one_clip)
        one_clip(1.0)
    return made


def _song(rendering: RenderingInput, tools: Tools, bitrate: int, report: Report) -> Path:
    sha = rendering.song_sha256
    return audio.ensure(tools.media.path(sha), sha, bitrate, tools.cache_dir, report=report)


def _all_pictures(
    parts: Sequence[PlacedSegment], clips: Mapping[str, Mezzanine], readers: Mapping[str, CachedMp4], report: Report
) -> Iterator[Packet[VideoStream]]:
    for stretch in parts:
        sha = stretch.segment.clip_sha256
        yield from pictures(stretch, clips[sha], readers[sha])
        report(stretch.end / parts[-1].end)


def _template(readers: Mapping[str, CachedMp4]) -> VideoStream:
    """Return the stream whose headers are those of all. Raises `Retryable` where they differ."""
    streams = [reader.video for reader in readers.values()]
    if len({stream.codec_context.extradata for stream in streams}) != 1:
        remove_files(*(reader.path for reader in readers.values()))
        raise cache_damaged()
    return streams[0]
