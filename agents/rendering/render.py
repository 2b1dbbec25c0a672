"""A plan, the mezzanines of its clips and its song's AAC in, the video out: packets are copied, nothing is encoded."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from agents.media import mezzanine
from agents.media.keyframe_encoder import MUXER_OPTIONS, TICKS
from agents.media.mezzanine import Mezzanine
from agents.media.quality import PROFILES
from agents.rendering import audio
from agents.rendering.identity import output_name
from agents.rendering.measure import measured
from agents.rendering.splice import cache_damaged, open_cached, pictures, sounds
from agents.rendering.timeline import Stretch, stretches
from agents.step import Tools
from infra.base.atomic_file import remove_files, replacing
from schemas.faults import Poison
from schemas.rendered import Video
from schemas.sequence_planned import SequencePlanned

Report = Callable[[float], None]
AnyStream = VideoStream | AudioStream


def render(event: SequencePlanned, tools: Tools) -> Video:
    """Render a plan into the output folder.

    Raises `Poison` where the plan cannot be shown: a gap, a start that is no beat of its clip, a clip with no picture
    there or that ends before its segment does, a clip or song that is not in the store or does not decode.
    Raises `Retryable` where a cached file was damaged; the next try makes it again.
    """
    profile = PROFILES[event.options.quality]
    parts = stretches(event.plan)
    clips = _mezzanines(event, tools, _share(tools.report, 0.0, 0.7))
    song = _song(event, tools, profile.audio_bitrate, _share(tools.report, 0.7, 0.8))
    target = tools.output_dir / output_name(event)
    with replacing(target) as temporary:
        write(parts, clips, song, event.plan.start_s, temporary, report=_share(tools.report, 0.8, 1.0))
        return measured(temporary, target.name, parts, clips, profile)


def write(  # noqa: PLR0913
    parts: Sequence[Stretch],
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
        readers = {sha: open_cached(clips[sha].path, stack) for sha in sorted(clips)}
        sound = open_cached(song, stack)
        writer = stack.enter_context(
            av.open(str(target), "w", "mp4", options=MUXER_OPTIONS | {"movflags": "faststart"})
        )
        picture = _all_pictures(parts, clips, readers, report)
        heard = sounds(sound, start_s, parts[-1].end / TICKS)
        _copy(writer, [(_with_one_header(readers, clips), picture), (sound.streams.audio[0], heard)])


def _mezzanines(event: SequencePlanned, tools: Tools, report: Report) -> dict[str, Mezzanine]:
    wanted = sorted({segment.clip_sha256 for segment in event.plan.segments})
    made = {}
    for number, sha in enumerate(wanted):
        if sha not in event.plan.clips:
            raise Poison(f"the plan does not name the beats of clip {sha[:12]}", reason="plan_incomplete")
        part = _share(report, number / len(wanted), (number + 1) / len(wanted))
        source, beats = tools.media.path(sha), event.plan.clips[sha]
        made[sha] = mezzanine.ensure(source, sha, beats, event.options.quality, tools.cache_dir, report=part)
        part(1.0)
    return made


def _song(event: SequencePlanned, tools: Tools, bitrate: int, report: Report) -> Path:
    sha = event.song.sha256
    return audio.ensure(tools.media.path(sha), sha, bitrate, tools.cache_dir, report=report)


def _all_pictures(
    parts: Sequence[Stretch], clips: Mapping[str, Mezzanine], readers: Mapping[str, InputContainer], report: Report
) -> Iterator[Packet[VideoStream]]:
    for part in parts:
        sha = part.segment.clip_sha256
        yield from pictures(part, clips[sha], readers[sha])
        report(part.end / parts[-1].end)


def _with_one_header(readers: Mapping[str, InputContainer], clips: Mapping[str, Mezzanine]) -> VideoStream:
    streams = [reader.streams.video[0] for reader in readers.values()]
    if len({stream.codec_context.extradata for stream in streams}) != 1:
        remove_files(*(clips[sha].path for sha in readers))
        raise cache_damaged()
    return streams[0]


def _copy(writer: OutputContainer, tracks: Sequence[tuple[AnyStream, Iterator[Packet[Any]]]]) -> None:
    streams = [_added(writer, template) for template, _ in tracks]
    for _, number, packet in heapq.merge(*(_timed(i, *track) for i, track in enumerate(tracks))):
        packet.stream = streams[number]
        writer.mux_one(packet)


def _added(writer: OutputContainer, template: AnyStream) -> AnyStream:
    stream = writer.add_stream_from_template(template)
    stream.time_base = template.time_base
    if isinstance(stream, VideoStream):
        stream.codec_context.sample_aspect_ratio = Fraction(1)  # not in a template that was never decoded
    return stream


def _timed(
    number: int, template: AnyStream, packets: Iterator[Packet[Any]]
) -> Iterator[tuple[float, int, Packet[Any]]]:
    tick = float(template.time_base or 0)
    for packet in packets:
        yield (packet.pts or 0) * tick, number, packet


def _share(report: Report, start: float, end: float) -> Report:
    return lambda share: report(start + share * (end - start))
