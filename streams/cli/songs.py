"""`songs`: list the songs that are there."""

from __future__ import annotations

import click

from infra.settings import load_settings
from schemas.faults import Poison
from streams.cli.output import command, print_json, print_line, print_output


@click.command()
@command
def songs(as_json: bool) -> None:
    """List the demo songs, and those in the folder `songs` of the data folder."""
    from streams.files.songs import find_songs

    settings = load_settings()
    folders = [folder for folder in (settings.demo_dir / "songs", settings.data_dir / "songs") if folder.is_dir()]
    if not folders:
        raise Poison(f"there is no folder {settings.data_dir / 'songs'}: put songs there", "no_songs")
    found = find_songs([str(folder) for folder in folders])
    for warning in found.warnings:
        print_line(f"warning: {warning}")
    if as_json:
        print_json({"songs": [{"title": song.title, "file": str(song.file)} for song in found.songs]})
    else:
        for song in found.songs:
            print_output(str(song.file))
