"""`watch`: files that somebody puts into a folder become moves and choreography videos."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from infra.settings import Settings, load_settings
from schemas.faults import Fault
from streams.cli.output import command, print_json, print_line, print_output
from streams.cli.stopping import exit_stopped
from streams.watch.results import Results

if TYPE_CHECKING:
    from streams.watch.outcomes import Outcome
    from streams.watch.state import Content
    from streams.watch.watcher import WatchOptions

_RETRY_S = 10.0


@click.command()
@click.argument("folders", nargs=-1, required=True, metavar="FOLDER...", type=click.Path(path_type=Path))
@click.option(
    "--songs-to",
    type=click.Path(path_type=Path, file_okay=False),
    help="Copy the videos of songs to this folder. Default: BACHATA_WATCH_SONGS_TO.",
)
@click.option(
    "--results",
    type=click.Choice(get_args(Results)),
    help="Show the outcome of NAME in NAME.bachata.json beside it, move it to the folder done or failed, or show "
    "nothing. Default: BACHATA_WATCH_RESULTS.",
)
@click.option("--once", is_flag=True, help="End when each file that is there has its outcome; 1 if one failed.")
@command
def watch(folders: tuple[Path, ...], songs_to: Path | None, results: Results | None, once: bool, as_json: bool) -> None:
    """Add clips that are put into FOLDER to the library, and make choreography videos of songs. Ctrl-C stops."""
    from streams.local.services import stream
    from streams.watch.run import check_folders, watch_folders

    settings = load_settings()
    options = _options(settings, folders)
    options = replace(
        options, songs_to=_folder(songs_to) or options.songs_to, results=results or options.results, once=once
    )
    check_folders(options.folders)
    is_endless = as_json and not once
    try:
        with stream(settings, print_line):
            ready = _ready(options, is_endless)
            outcomes, gone = watch_folders(settings, options, print_line, threading.Event(), ready)
    except KeyboardInterrupt:
        if is_endless:  # the one JSON object is printed already
            print_line("stopped")
            exit_stopped()
        raise
    if as_json:
        print_json(_report(outcomes, gone))
    else:
        _print_table(outcomes, gone)
    if any(outcome.error for outcome in outcomes):
        raise SystemExit(1)


def _ready(options: WatchOptions, as_json: bool) -> Callable[[], None]:
    def ready() -> None:
        if as_json:
            print_json({"folders": [str(folder) for folder in options.folders], "ready": True})
        print_line(f"watching {', '.join(map(str, options.folders))}; Ctrl-C stops")

    return ready


def _options(settings: Settings, folders: Sequence[Path]) -> WatchOptions:
    from streams.files.user_files import real_path
    from streams.watch.watcher import WatchOptions

    names = tuple(dict.fromkeys(map(real_path, folders)))
    return WatchOptions(names, settings.watch_songs_to, settings.watch_results)


def _folder(folder: Path | None) -> Path | None:
    from streams.files.user_files import real_path

    return None if folder is None else real_path(folder)


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


@contextmanager
def watching(settings: Settings) -> Iterator[None]:
    """Watch the folders of BACHATA_WATCH, if there are any, on a thread until the context ends."""
    if not settings.watch:
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_watch_until, args=(settings, ended), name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_RETRY_S)


def _watch_until(settings: Settings, ended: threading.Event) -> None:
    """Watch until the event; what stops the watcher before is printed, and it is started again."""
    from streams.watch.run import watch_folders

    options = _options(settings, settings.watch)
    printed = None
    while not ended.is_set():
        try:
            watch_folders(settings, options, print_line, ended, _ready(options, as_json=False))
        except Fault as fault:
            printed = _print_once(str(fault), printed)
        except Exception as error:  # noqa: BLE001 - the services go on
            printed = _print_once(f"{type(error).__name__}: {error}", printed)
        ended.wait(_RETRY_S)


def _print_once(problem: str, printed: str | None) -> str:
    if problem != printed:
        print_line(f"error: the folders are not watched: {problem}")
    return problem
