"""Measure the memory of each step's process on the largest media that are accepted and on the demo set.

python -m tests.quality.bench_children

Each row is a new process. `peak` is its largest resident memory; `private` is what its limit counts: memory that it
may write and shares with no other process, used or reserved. Exits with 0 when all are within their limits.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from agents.audio_analysis.draw_job import DrawSong
from agents.audio_analysis.inputs import SongToAnalyze
from agents.media.submitted import SubmittedFile
from agents.move_indexing.draw_job import BoundaryAt, DrawBoundaries, DrawMap, DrawMove, MapPoint
from agents.move_indexing.indexed_move import IndexedMove
from agents.move_indexing.inputs import IndexingInput
from agents.rendering.inputs import RenderingInput
from agents.sequence_planning.draw_job import DrawPlan
from agents.sequence_planning.inputs import PlanningInput
from agents.sequence_planning.make_display import display_of
from agents.sequence_planning.opened_plan import opened, plan_file_of
from agents.sequence_planning.plan_display import PlanDisplay
from infra.base.memory import MIB, memory_bytes
from infra.move_index.edge import EdgeMoveIndex
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import MediaFacts, Model, Options
from schemas.boundary import Boundary
from schemas.faults import Fault
from schemas.limits import CLIP_S, SONG_S
from schemas.moves_scored import MovesScored
from schemas.sequence_planned import Plan, Segment
from streams.steps import JOB_BY_NAME
from streams.worker.step_pool import StepPool
from tests.paths import DEMO
from tests.quality.largest_media import write_clip, write_song
from tests.quality.report import Goal, figure
from tests.unit.move_scoring.builders import make_library, make_song, score_of

_SAMPLE_S = 0.05
_CLIP_S, _LONG_CLIP_FPS = 4.0, 6  # the decoder is full after 16 pictures; what grows with time is measured apart
_MOVES, _FASTEST_BPM = 1000, 200.0
Song = tuple[str, AudioAnalysis]  # sha256 and analysis


class Measurement:
    """Runs jobs, each in a new process, and keeps the largest peak of each step."""

    def __init__(self) -> None:
        self.peak_mb: dict[str, float] = {}
        print(f"{'step':20}{'media':34}{'CPU s':>8}{'peak MiB':>10}{'private':>9}{'limit':>7}", flush=True)

    async def run(self, job: str, media: str, job_input: Model) -> str:
        """Run a job, print its row, and return its result as JSON, empty where it failed."""
        pool = StepPool(1)
        watch = asyncio.create_task(_private_peak())
        try:
            done = await pool.run(job, job_input.model_dump_json(), JOB_BY_NAME[job].timeout_s, lambda _: None)
        except Fault as fault:
            print(f"{job:20}{media:34} {fault.reason}: {fault}", flush=True)
            self.peak_mb[job] = float("inf")
            return ""
        finally:
            watch.cancel()  # it returns the peak
            await pool.stop()
        peak, private = done.peak_rss_bytes / MIB, await watch / MIB
        self.peak_mb[job] = max(self.peak_mb.get(job, 0.0), peak, private)
        limit = JOB_BY_NAME[job].memory_mb
        print(f"{job:20}{media:34}{done.cpu_seconds:8.1f}{peak:10.0f}{private:9.0f}{limit:7}", flush=True)
        return done.result


async def _private_peak() -> int:
    peak = 0
    try:
        while True:
            peak = max([peak, *(memory_bytes(child, "VmData") for child in _children())])
            await asyncio.sleep(_SAMPLE_S)
    except asyncio.CancelledError:
        return peak


def _children() -> list[int]:
    """Return the ids of the processes that this one has started; to look through all of the machine costs too much."""
    main_thread = Path(f"/proc/{os.getpid()}/task/{os.getpid()}")
    return [int(child) for child in (main_thread / "children").read_text().split()]


async def measure_songs(measurement: Measurement, songs: Sequence[Path], folder: Path) -> list[Song]:
    """Measure all that is done with a song alone."""
    analyzed = []
    for path in songs:
        facts = await measurement.run("intake", path.name, submitted(path))
        sha256 = MediaFacts.model_validate_json(facts).sha256
        result = await measurement.run("audio_analysis", path.name, SongToAnalyze(sha256=sha256))
        analysis = AudioAnalysis.model_validate_json(result)
        plot, click = folder / "plot.png", folder / "click.wav"
        drawing = DrawSong(sha256=sha256, title=path.stem, analysis=analysis, plot=plot, click=click)
        await measurement.run("draw_song", path.name, drawing)
        analyzed.append((sha256, analysis))
    return analyzed


def submitted(path: Path) -> SubmittedFile:
    """Return what names a file."""
    status = path.stat()
    return SubmittedFile(path=str(path), size_bytes=status.st_size, mtime_ns=status.st_mtime_ns)


async def measure_clips(measurement: Measurement, clips: Sequence[Path], folder: Path) -> list[IndexedMove]:
    """Measure all that is done with a clip alone; return the moves."""
    moves = []
    for path in clips:
        clip = IndexingInput(file=submitted(path), clip=path.stem, tempo_bpm=180.0, quality="high_quality")
        result = await measurement.run("move_indexing", path.name, clip)
        if not result:
            continue
        moves.append(IndexedMove.model_validate_json(result))
        if moves[-1].clip.duration_s > CLIP_S[1] / 2:
            continue  # drawing takes minutes, and no more memory than a large clip
        drawing = DrawMove(
            move=moves[-1].summary(), quality="high_quality", png=folder / "move.png", video=folder / "move.mp4"
        )
        await measurement.run("draw_move", path.name, drawing)
        await measurement.run("draw_boundaries", path.name, boundaries_of_move(moves[-1], folder))
    return moves


def boundaries_of_move(move: IndexedMove, folder: Path) -> DrawBoundaries:
    """Return the drawing of a picture on each beat of a clip."""
    boundaries = (BoundaryAt(time_s=time_s, boundary=Boundary(beat=n)) for n, time_s in enumerate(move.beats))
    return DrawBoundaries(
        clip_sha256=move.clip.sha256,
        name=move.name,
        duration_s=move.clip.duration_s,
        boundaries=tuple(boundaries),
        folder=folder,
    )


async def measure_plan(measurement: Measurement, folder: Path) -> None:
    """Measure planning the longest song, at a fast tempo, with 1,000 moves; and a map of them."""
    song, options = make_song(SONG_S[1] - 1, _FASTEST_BPM), Options(duration="full", difficulty="advanced")
    index = EdgeMoveIndex(folder / "moves")
    moves = make_library(_MOVES)
    for move in moves:
        index.upsert(move)
    index.flush()
    scores = score_of(song, options, index)
    index.close()
    planning = PlanningInput(analysis=song, scores=scores, options=options)
    planned = await measurement.run("sequence_planning", f"20 minutes, {_MOVES} moves", planning)
    if planned:
        drawing = DrawPlan(plan=shown_of(planning, Plan.model_validate_json(planned)), png=folder / "plan.png")
        await measurement.run("draw_plan", "20 minutes", drawing)
    points = tuple(MapPoint(name=move.name, category=move.category, embedding=move.embedding) for move in moves)
    await measurement.run("draw_map", f"{_MOVES} moves", DrawMap(points=points, png=folder / "map.png"))


def shown_of(planning: PlanningInput, plan: Plan) -> PlanDisplay:
    """Return a plan as it is shown."""
    duration_s = planning.analysis.duration_s
    song = MediaFacts(sha256="a" * 64, size_bytes=1, kind="audio", format="mp3", codec="mp3", duration_s=duration_s)
    event = MovesScored(
        request_id="a",
        song=song,
        title="a",
        options=Options.model_validate(planning.options.model_dump()),
        analysis=planning.analysis,
        scores=planning.scores,
    )
    return display_of(opened(plan_file_of(event, plan)))


def rendering_of(song: Song, moves: Sequence[IndexedMove]) -> RenderingInput:
    """Return the rendering of a whole song from the clips in turn, eight beats of each, in the best quality."""
    sha256, analysis = song
    beats, segments = analysis.beats, []
    for number, first in enumerate(range(0, len(beats) - 8, 8)):
        move = moves[number % len(moves)]
        song_beats, clip_beats = beats[first : first + 9], move.beats[:9]
        clip = {"clip": move.name, "clip_sha256": move.clip.sha256, "clip_beats": clip_beats}
        segments.append(Segment.model_validate({"move": "a", "song_beats": song_beats, "stretch": 1.0} | clip))
    clips = {move.clip.sha256: move.beats for move in moves}
    plan = Plan(tempo_bpm=analysis.tempo_bpm, library_version="a", segments=tuple(segments), clips=clips)
    return RenderingInput(song_sha256=sha256, plan=plan, quality="high_quality", title_slug="a")


async def measure(folder: Path) -> dict[str, float]:
    """Print the table; return the largest memory of each step, MiB."""
    measurement = Measurement()
    writers: dict[str, Callable[[Path], Path]] = {
        "large.mp4": lambda path: write_clip(path, _CLIP_S),
        "large_10_bit_444.mp4": lambda path: write_clip(path, _CLIP_S, "yuv444p10le"),
        "ten_minutes.mp4": lambda path: write_clip(path, CLIP_S[1] - 1, size=(640, 360), fps=_LONG_CLIP_FPS),
    }
    song = write_song(folder / "20_minutes_192_khz_7.1.mka")
    songs = await measure_songs(measurement, [song, DEMO / "songs" / "luna_124.mp3"], folder)
    large = await measure_clips(measurement, [write(folder / name) for name, write in writers.items()], folder)
    demo = await measure_clips(measurement, [DEMO / "clips" / "dip.mp4"], folder)
    await measurement.run("rendering", "20 minutes of the clips above", rendering_of(songs[0], large))
    await measurement.run("rendering", "a demo song of a demo clip", rendering_of(songs[1], demo))
    await measure_plan(measurement, folder)
    return measurement.peak_mb


def main() -> int:
    """Print the table and the figures."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"BACHATA_DATA_DIR": f"{folder}/data", "BACHATA_ALLOWED_ROOTS": f"{folder}:{DEMO}"}
        peaks = asyncio.run(measure(Path(folder)))
    met = [
        figure(f"child_peak_mb_{name}", peak, Goal(JOB_BY_NAME[name].memory_mb), digits=0)
        for name, peak in peaks.items()
    ]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
