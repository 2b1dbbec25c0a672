"""`analyze`: music analysis of a song, without a broker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from agents.audio_analysis.agent import STEP as AUDIO_ANALYSIS
from agents.audio_analysis.draw_job import DRAW_SONG, DrawSong
from agents.intake.agent import STEP as INTAKE
from agents.step import Step
from infra.settings import load_settings
from schemas.audio_analyzed import AudioAnalyzed, Section, clock
from schemas.base import Corrections, Model, Source
from schemas.song_submitted import SongSubmitted
from streams.cli.corrections import with_correction_options
from streams.cli.output import command, print_json, print_line, print_output
from streams.files.user_files import check_targets, copy_out, store_file, title_of
from streams.jobs import Jobs
from streams.tools import process_tools

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("song", type=click.Path(path_type=Path))
@click.option(
    "--plot", type=_FILE, help="Draw the analysis: waveform, beats, counts, sections, energy, confidence (PNG)."
)
@click.option(
    "--click", "click_track", type=_FILE, help="Write the song with a click on each beat, the 1 accented (WAV)."
)
@command
@with_correction_options
def analyze(song: Path, plot: Path | None, click_track: Path | None, corrections: Corrections, as_json: bool) -> None:
    """Show tempo, beats, counts, sections and energy of SONG."""
    targets = {name: file for name, file in (("plot", plot), ("click", click_track)) if file}
    check_targets(targets.values(), song)
    with TemporaryDirectory(prefix="bachata-") as folder:
        outputs = {name: Path(folder, name) for name in targets}
        analyzed = _analyzed(song, corrections, outputs)
        files = {name: str(copy_out(outputs[name], target)) for name, target in targets.items()}
    if as_json:
        print_json(analyzed.analysis.model_dump(mode="json", exclude={"embedding"}) | files)
    else:
        _print(analyzed, files.values())


def _print(analyzed: AudioAnalyzed, files: Iterable[str]) -> None:
    analysis = analyzed.analysis
    print_output(
        f"{analysis.tempo_bpm:.2f} BPM, {len(analysis.beats)} beats in {analysis.duration_s:.1f} s, "
        f"energy {analysis.energy_level}, confidence {analysis.confidence:.2f}"
    )
    if analysis.music_start_s or analysis.music_end_s is not None:
        end_s = analysis.duration_s if analysis.music_end_s is None else analysis.music_end_s
        print_output(f"music from {clock(analysis.music_start_s)} to {clock(end_s)}; the rest is not danced to")
    for section in analysis.sections:
        print_output(_line(section))
    for doubt in analysis.doubts:
        print_output(f"unsure: {doubt}")
    for file in files:
        print_output(file)


def _line(section: Section) -> str:
    """Return a section's line; sections with the same letter repeat the same music."""
    times = f"{clock(section.start_s):>5} - {clock(section.end_s):>5}"
    kind = f"{section.letter}  {section.label:7} {section.rhythm:8}"
    return f"  {times}  {kind} energy {section.energy:.2f}  confidence {section.confidence:.2f}"


def _analyzed(song: Path, corrections: Corrections, outputs: dict[str, Path]) -> AudioAnalyzed:
    media = store_file(load_settings(), song, "audio")
    submitted = SongSubmitted(
        source=Source(sha256=media.sha256), request_id="analyze", title=title_of(song), corrections=corrections
    )
    print_line(f"analyzing {song.name}")
    return asyncio.run(_analyze(submitted, outputs))


async def _analyze(submitted: SongSubmitted, outputs: dict[str, Path]) -> AudioAnalyzed:
    async with Jobs() as jobs:
        accepted = await _event_after(INTAKE, submitted, jobs)
        analyzed: AudioAnalyzed = await _event_after(AUDIO_ANALYSIS, accepted, jobs)
        if outputs:
            print_line(f"writing {' and '.join(outputs)}")
            draw = DrawSong(
                sha256=analyzed.song.sha256,
                sound_track=analyzed.song.sound_track,
                title=analyzed.title,
                analysis=analyzed.analysis,
                **outputs,
            )
            await jobs.run(DRAW_SONG, draw)
        return analyzed


async def _event_after(step: Step[Any, Any, Any, Any], event: Model, jobs: Jobs) -> Any:
    """Return the event that the step produces from an event, outside the stream."""
    return step.event_after(event, await jobs.run(step, step.depends_on(event, process_tools())))
