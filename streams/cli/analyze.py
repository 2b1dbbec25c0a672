"""`analyze`: what the music of a song does, without a broker."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from agents.audio_analysis.agent import STEP as AUDIO_ANALYSIS
from agents.intake.agent import STEP as INTAKE
from agents.step import Step
from infra.settings import load_settings
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import Payload, Source
from schemas.song_submitted import SongSubmitted
from streams.children import Children
from streams.cli.output import command, give, tell


@click.command()
@click.argument("song", type=click.Path(path_type=Path))
@command
def analyze(song: Path, as_json: bool) -> None:
    """Show tempo, beats, counts, sections and energy of SONG."""
    analysis = _analysis(song)
    if as_json:
        give({name: value for name, value in analysis.model_dump(mode="json").items() if name != "embedding"})
        return
    click.echo(
        f"{analysis.tempo_bpm:.2f} BPM, {len(analysis.beats)} beats in {analysis.duration_s:.1f} s, "
        f"energy {analysis.energy_level}, confidence {analysis.confidence:.2f}"
    )
    for section in analysis.sections:
        click.echo(f"  {section.start_s:7.2f} - {section.end_s:7.2f} s  {section.label:8} {section.rhythm}")


def _analysis(song: Path) -> AudioAnalysis:
    """Untrusted media is opened in a child, here as in the stream."""
    from streams.cli.files import take

    media = take(load_settings(), song, "audio")
    tell(f"listening to {song.name}")
    return asyncio.run(_listen(media.sha256))


async def _listen(sha256: str) -> AudioAnalysis:
    children = Children(1)
    try:
        submitted = SongSubmitted(source=Source(sha256=sha256), request_id="analyze")
        song = await _run(children, INTAKE, submitted)
        return AudioAnalysis.model_validate(await _run(children, AUDIO_ANALYSIS, INTAKE.emit(submitted, song)))
    finally:
        await children.stop()


async def _run(children: Children, step: Step[Any, Any, Any], event: Payload) -> Any:
    done = await children.run(step.name, event.model_dump_json(), step.timeout_s, lambda _: None)
    return step.result.model_validate_json(done.result)
