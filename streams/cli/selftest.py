"""`selftest`: make videos in a data folder of its own, and check them."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from infra.settings import Settings, load_settings
from schemas.base import Quality
from schemas.faults import Poison
from streams.cli.output import command, print_json, print_output

if TYPE_CHECKING:
    from streams.selftest import Check

_OF_OTHERS = ("BACHATA_KAFKA", "BACHATA_QDRANT", "BACHATA_WATCH", "BACHATA_DATA_DIR")


@click.command()
@click.option(
    "--quality",
    "qualities",
    multiple=True,
    type=click.Choice(get_args(Quality)),
    help="Make a video in this quality; can be repeated. Default: in each, unless --recovery is given.",
)
@click.option("--recovery", is_flag=True, help="Submit what is no song, and kill the worker while it works.")
@command
def selftest(qualities: tuple[Quality, ...], recovery: bool, as_json: bool) -> None:
    """Make videos of a demo song with Kafka and a worker of its own, and check them.

    Your songs, moves and settings of Kafka and Qdrant are not used. It takes one to three minutes.
    """
    from streams.selftest import run_checks

    settings = load_settings()
    if not (settings.demo_dir / "clips").is_dir():
        raise Poison("the demo set is not here; it is part of a checkout of the project", reason="no_demo_set")
    chosen = qualities or (() if recovery else get_args(Quality))
    with _own_data_folder():
        checks = asyncio.run(_run(run_checks(settings.demo_dir, chosen, recovery=recovery), as_json))
    if as_json:
        print_json({"ok": all(check.ok for check in checks), "checks": [vars(check) for check in checks]})
    if not all(check.ok for check in checks):
        raise SystemExit(1)


async def _run(found: Any, as_json: bool) -> list[Check]:
    checks = []
    async for check in found:
        checks.append(check)
        if not as_json:
            result = "ok    " if check.ok else "FAILED"
            print_output(f"{result} {check.name:32} {check.seconds:6.1f} s  {check.detail}")
    return checks


@contextmanager
def _own_data_folder() -> Iterator[Settings]:
    """Use a new data folder, which is removed at the end, and no Kafka or Qdrant of others."""
    for variable in [name for name in os.environ if name.startswith(_OF_OTHERS)]:
        del os.environ[variable]
    with tempfile.TemporaryDirectory(prefix="bachata-selftest-", ignore_cleanup_errors=True) as folder:
        os.environ.update(BACHATA_DATA_DIR=str(Path(folder, "data")))
        yield load_settings()
