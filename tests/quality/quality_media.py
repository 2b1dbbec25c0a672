"""Measure clips and songs of all kinds that people have: what is made of each, beside what is right.

python -m tests.quality.quality_media [--only WORDS] [--video MP4]

Each clip is accepted and indexed, and each song accepted and analyzed, in a step process as in a worker; each clip that
is taken is rendered too. Originals are the demo clip `basic_side` and the demo song `luna_124`; the example files of
`field` in the shared folder are measured too, where there is one. `poses`, `video`: the lowest correlation of pictures
with the original's, and what the mean and the 95th percentile of their luma differ. `comb`: how much lines differ from
the next ones beside those after them. `beats`: the largest distance from the original's. `sync`: the largest difference
between picture and sound in the finished video, measured on its pictures and its sound by the beats that are found in
both originals; how far these are from the true beats is measured by `quality_music`.
`other`: what a plain conversion gives, that of FFmpeg's program where there is one, else PyAV's of the first picture
and the first sound. `--only`: cases with one of these words in their names. `--video`: only some clips of
different kinds, in one video, with a picture of its frames beside it. Exits with 0 when all is right.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from agents.audio_analysis.inputs import SongToAnalyze
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import MediaFacts
from tests.odd_media.marked import plain_sound
from tests.paths import DEMO
from tests.quality import field_cases
from tests.quality.clip_cases import CLIPS
from tests.quality.media_cases import ClipCase, SongCase
from tests.quality.media_choreography import measure_choreography
from tests.quality.media_clips import MAX_SYNC_MS, AnalyzedSong, Clips
from tests.quality.media_row import GOALS, Row, Runner, submitted
from tests.quality.media_sheet import SHOWN, write_video
from tests.quality.media_songs import Songs
from tests.quality.report import Goal, figure
from tests.quality.song_cases import SONGS

_SONG = DEMO / "songs" / "luna_124.mp3"
_AT_ONCE = 3
Case = TypeVar("Case", ClipCase, SongCase)


def main() -> int:
    """Print the table and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD")
    parser.add_argument("--video", type=Path, metavar="MP4")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        roots = ":".join(map(str, (folder, DEMO)))
        os.environ |= {"BACHATA_DATA_DIR": f"{folder}/data", "BACHATA_ALLOWED_ROOTS": roots}
        rows = asyncio.run(_measure(Path(folder), args.only, args.video))
    return 0 if all(_figures(rows)) else 1


async def _measure(folder: Path, only: Sequence[str], video: Path | None) -> list[Row]:
    runner = Runner()
    print(f"goals: {GOALS}, sync {MAX_SYNC_MS:.0f} ms\n{'case':42} {'MiB':>5} {'CPU s':>6}", flush=True)
    try:
        song = await _analyzed(runner)
        clips = Clips(runner, folder, song)
        rows = await _rows(clips.measure, (*CLIPS, *field_cases.CLIPS), 2, SHOWN if video else only)
        if video:
            await write_video(runner, song, clips.taken, video)
            return rows
        if only == [""]:
            rows.append(await measure_choreography(runner, song, clips.taken, folder))
            print(rows[-1].lines(), flush=True)
        return rows + await _rows(Songs(runner, folder).measure, (*SONGS, *field_cases.SONGS), 2, only)
    finally:
        await runner.stop()


async def _analyzed(runner: Runner) -> AnalyzedSong:
    row = Row(_SONG.name)
    sha256 = MediaFacts.model_validate_json(await runner.run(row, "intake", submitted(_SONG))).sha256
    result = await runner.run(row, "audio_analysis", SongToAnalyze(sha256=sha256))
    beats = json.loads(_SONG.with_suffix(".json").read_text(encoding="utf-8"))["beats"]
    return AnalyzedSong(sha256, AudioAnalysis.model_validate_json(result), tuple(beats), plain_sound(_SONG))


async def _rows(
    measure: Callable[[Case], Awaitable[Row]], cases: Sequence[Case], originals: int, only: Sequence[str]
) -> list[Row]:
    """Measure the originals, then the cases that are wanted, some at once; print the rows in order."""
    rows = [await measure(case) for case in cases[:originals]]
    free = asyncio.Semaphore(_AT_ONCE)

    async def limited(case: Case) -> Row:
        async with free:
            return await measure(case)

    wanted = [case for case in cases[originals:] if any(word in case.name for word in only)]
    tasks = [asyncio.create_task(limited(case)) for case in wanted]
    for row in rows:
        print(row.lines(), flush=True)
    for task in tasks:
        rows.append(await task)
        print(rows[-1].lines(), flush=True)
    return rows


def _figures(rows: Sequence[Row]) -> list[bool]:
    right = sum(not row.wrong for row in rows)
    peak, cpu_s = max(row.peak_mb for row in rows), sum(row.cpu_s for row in rows)
    print(f"FFmpeg's program: {shutil.which('ffmpeg') or 'no ffmpeg'}; peak {peak:.0f} MiB; {cpu_s:.0f} CPU s in all")
    sync = max(row.sync_ms for row in rows if row.sync_ms is not None)
    return [
        figure("render_sync_worst_ms", sync, Goal(MAX_SYNC_MS)),
        figure("media_cases_right", f"{right} of {len(rows)}", f"{len(rows)} of {len(rows)}", met=right == len(rows)),
    ]


if __name__ == "__main__":
    sys.exit(main())
