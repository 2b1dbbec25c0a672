"""`analyze`: what the music of a song does, without a broker."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from infra.settings import load_settings
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


def _analysis(song: Path) -> Any:
    from agents.audio_analysis.analysis import analyze as analyze_music
    from agents.intake.probe import probe
    from infra.media_store import MediaStore
    from streams.cli.files import take

    settings = load_settings()
    path = MediaStore(settings.media_dir).path(take(settings, song, "audio").sha256)
    probe(path, "audio")
    if sys.stderr.isatty():
        tell(f"listening to {song.name}")
    return analyze_music(path)
