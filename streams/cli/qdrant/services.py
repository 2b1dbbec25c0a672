"""`qdrant start`, `stop` and `restart`: a Qdrant server in a container."""

from __future__ import annotations

import click

from infra.move_index.container import QdrantContainer, container_of, key_file
from infra.settings import Settings, load_settings
from streams.cli.output import command, print_json, print_line, print_output
from streams.cli.qdrant.group import qdrant


@qdrant.command()
@command
def start(as_json: bool) -> None:
    """Start a Qdrant server in a container, with its points in the data folder, and leave it running."""
    settings = load_settings()
    _start(settings, container_of(settings), as_json)


@qdrant.command()
@command
def stop(as_json: bool) -> None:
    """Stop the server of `start`; its points stay in the data folder."""
    container = container_of(load_settings())
    ran = container.stop()
    if as_json:
        print_json({"running": False, "stopped": ran, "container": container.name})
    else:
        print_output(f"Qdrant is stopped ({container.name})" if ran else "Qdrant does not run")


@qdrant.command()
@command
def restart(as_json: bool) -> None:
    """Stop the server of `start` and start it again."""
    settings = load_settings()
    container = container_of(settings)
    container.stop()
    _start(settings, container, as_json)


def _start(settings: Settings, container: QdrantContainer, as_json: bool) -> None:
    print_line(f"starting Qdrant ({container.name}); the first start downloads its image")
    container.start()
    if as_json:
        print_json(
            {"running": True, "url": container.url, "container": container.name, "folder": str(container.folder)}
        )
        return
    print_output(f"Qdrant runs on {container.url} ({container.name})")
    if settings.qdrant_url is None:
        print_line("to use it, set these variables, then `bachata qdrant migrate` copies your moves into it:")
        print_line(f"  export BACHATA_QDRANT_URL={container.url}")
    if settings.qdrant_api_key is None:
        print_line(f'  export BACHATA_QDRANT_API_KEY="$(cat {click.format_filename(key_file(settings))})"')
