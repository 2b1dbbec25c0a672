"""`cache`: show and remove the files that can be made again."""

from __future__ import annotations

import click

from infra.base.derived_files import remove_unused, sizes
from infra.settings import load_settings
from streams.cli.output import command, print_json, print_output


@click.group()
def cache() -> None:
    """Show or remove encoded clips and songs, and detections of dancers: they are made again when they are needed."""


@cache.command()
@command
def status(as_json: bool) -> None:
    """Show how large these files are, and the limit."""
    settings = load_settings()
    found, limit = sizes(settings.derived_dir), settings.max_cache_mb
    if as_json:
        print_json({"folder": str(settings.derived_dir), "bytes": found, "max_mb": limit})
        return
    for kind, size in found.items():
        print_output(f"{kind:12} {_mib(size):>10}")
    limit_text = f"at most {limit} MiB stay (BACHATA_MAX_CACHE_MB)" if limit else "without limit (BACHATA_MAX_CACHE_MB)"
    print_output(f"{'all':12} {_mib(sum(found.values())):>10}  in {settings.derived_dir}, {limit_text}")


@cache.command()
@command
def clear(as_json: bool) -> None:
    """Remove these files, but for those that are in use now. Results, moves and videos stay."""
    folder = load_settings().derived_dir
    removed = remove_unused(folder, 0)
    left = sum(sizes(folder).values())
    if as_json:
        print_json({"removed_bytes": removed, "left_bytes": left})
    else:
        print_output(f"{_mib(removed)} removed" + (f", {_mib(left)} are in use" if left else ""))


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"
