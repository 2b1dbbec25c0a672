"""`analyze`: what the music of a song does, without a broker."""

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
from streams.cli.files import check_targets, copy_out, store_file, title_of
from streams.cli.output import command, print_json, print_line
from streams.jobs import Jobs
from streams.tools import tools_for

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("song", type=click.Path(path_type=Path))
@click.option("--plot", type=_FILE, help="Draw it: waveform, beats, counts, sections, energy, confidence (PNG).")
@click.option(
    "--click", "click_track", type=_FILE, help="Write the song with a click on each beat, the 1 accented (WAV)."
)
@command
@with_correction_options
def analyze(song: Path, plot: Path | None, click_track: Path | None, corrections: Corrections, as_json: bool) -> None:
    """Show tempo, beats, counts, sections and energy of SONG."""
    wanted = {name: file for name, file in (("plot", plot), ("click", click_track)) if file}
    check_targets(wanted.values(), song)
    with TemporaryDirectory(prefix="bachata-") as folder:
        made = {name: Path(folder, name) for name in wanted}
        analyzed = _analyzed(song, corrections, made)
        files = {name: str(copy_out(made[name], target)) for name, target in wanted.items()}
    if as_json:
        print_json(analyzed.analysis.model_dump(mode="json", exclude={"embedding"}) | files)
    else:
        _print(analyzed, files.values())


def _print(analyzed: AudioAnalyzed, files: Iterable[str]) -> None:
    analysis = analyzed.analysis
    click.echo(
        f"{analysis.tempo_bpm:.2f} BPM, {len(analysis.beats)} beats in {analysis.duration_s:.1f} s, "
        f"energy {analysis.energy_level}, confidence {analysis.confidence:.2f}"
    )
    for section in analysis.sections:
        click.echo(_line(section))
    for doubt in analysis.doubts:
        click.echo(f"unsure: {doubt}")
    for file in files:
        click.echo(file)


def _line(section: Section) -> str:
    """Sections of one letter are the same music again."""
    when = f"{clock(section.start_s):>5} - {clock(section.end_s):>5}"
    what = f"{section.letter}  {section.label:7} {section.rhythm:8}"
    return f"  {when}  {what} energy {section.energy:.2f}  confidence {section.confidence:.2f}"


def _analyzed(song: Path, corrections: Corrections, made: dict[str, Path]) -> AudioAnalyzed:
    media = store_file(load_settings(), song, "audio")
    submitted = SongSubmitted(
        source=Source(sha256=media.sha256), request_id="analyze", title=title_of(song), corrections=corrections
    )
    print_line(f"listening to {song.name}")
    return asyncio.run(_analyze(submitted, made))


async def _analyze(submitted: SongSubmitted, made: dict[str, Path]) -> AudioAnalyzed:
    async with Jobs() as jobs:
        accepted = await _event_after(INTAKE, submitted, jobs)
        analyzed: AudioAnalyzed = await _event_after(AUDIO_ANALYSIS, accepted, jobs)
        if made:
            print_line(f"making its {' and '.join(made)}")
            draw = DrawSong(sha256=analyzed.song.sha256, title=analyzed.title, analysis=analyzed.analysis, **made)
            await jobs.run(DRAW_SONG, draw)
        return analyzed


async def _event_after(step: Step[Any, Any, Any, Any], event: Model, jobs: Jobs) -> Any:
    """The event that the step makes of an event, outside the stream."""
    assert step.emit is not None  # noqa: S101 - both steps produce an event
    return step.emit(event, await jobs.run(step, step.depends_on(event, tools_for())))
