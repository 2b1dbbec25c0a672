"""`watch`: files that somebody puts into a folder become moves and choreography videos."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from infra.settings import load_settings
from schemas.faults import Fault
from streams.cli.output import command, print_json, print_line, print_output
from streams.cli.stopping import exit_stopped
from streams.watch.results import ResultPlace

if TYPE_CHECKING:
    from streams.watch.outcomes import Outcome
    from streams.watch.state import Content


@click.command()
@click.argument("folders", nargs=-1, required=True, metavar="FOLDER...", type=click.Path(path_type=Path))
@click.option(
    "--songs-to",
    type=click.Path(path_type=Path, file_okay=False),
    help="Copy the videos of songs to this folder. Default: BACHATA_WATCH_SONGS_TO.",
)
@click.option(
    "--results",
    type=click.Choice(get_args(ResultPlace)),
    help="Show the outcome of NAME in NAME.bachata.json beside it, move it to the folder done or failed, or show "
    "nothing. Default: BACHATA_WATCH_RESULTS.",
)
@click.option("--once", is_flag=True, help="End when each file that is there has its outcome; 1 if one failed.")
@command
def watch(
    folders: tuple[Path, ...], songs_to: Path | None, results: ResultPlace | None, once: bool, as_json: bool
) -> None:
    """Add clips that are put into FOLDER to the library, and make choreography videos of songs. Ctrl-C stops."""
    from streams.files.user_files import real_path
    from streams.local.services import stream
    from streams.watch.run import check_folders, watch_folders, watch_options

    settings = load_settings()
    options = watch_options(settings, folders)
    to = real_path(songs_to) if songs_to is not None else options.songs_to
    options = replace(options, songs_to=to, results=results or options.results, once=once)
    check_folders(options.folders)
    ready = _Ready(options.folders, as_json and not once)
    try:
        with stream(settings, print_line):
            outcomes, gone = watch_folders(settings, options, print_line, threading.Event(), ready)
    except (KeyboardInterrupt, Fault) as error:
        ready.end(error)
        raise
    if as_json:
        print_json(_report(outcomes, gone))
    else:
        _print_table(outcomes, gone)
    if any(outcome.error for outcome in outcomes):
        raise SystemExit(1)


class _Ready:
    """Prints that the folders are watched, with `as_json` as the one JSON object of a command without end."""

    def __init__(self, folders: Sequence[Path], as_json: bool) -> None:
        self._folders = list(map(str, folders))
        self._as_json = as_json
        self._is_printed = False

    def __call__(self) -> None:
        print_line(f"watching {', '.join(self._folders)}; Ctrl-C stops")
        if self._as_json:
            print_json({"folders": self._folders, "ready": True})
            self._is_printed = True

    def end(self, error: BaseException) -> None:
        """Exit without another JSON object, if there was one."""
        if self._is_printed and isinstance(error, Fault):
            print_line(f"error: {error}")
            raise SystemExit(1) from error
        if self._is_printed:
            print_line("stopped")
            exit_stopped()


def _report(outcomes: Sequence[Outcome], gone: Sequence[Content]) -> dict[str, object]:
    without_source = [{"clip": content.clip, "sha256": content.sha256} for content in gone]
    return {"files": [outcome.as_json() for outcome in outcomes], "without_source": without_source}


def _print_table(outcomes: Sequence[Outcome], gone: Sequence[Content]) -> None:
    for outcome in outcomes:
        print_output(f"{outcome.file.name:32} {outcome.kind or '?':5} {outcome}")
    for content in gone:
        print_output(f"{content.clip:32} clip  its file is gone; the move stays")
    failed = sum(outcome.error is not None for outcome in outcomes)
    print_output(f"{len(outcomes)} files, {failed} failed")
