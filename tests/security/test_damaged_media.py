"""Songs and clips that are damaged at random: refused or used, but never an unexpected error, a crash or a timeout."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from agents.media.submitted import SubmittedFile
from schemas.faults import Fault, Poison
from streams.worker.step_pool import StepPool
from tests.chaos.schedule import scaled, seed
from tests.quality.report import Goal, figure
from tests.security.damaged_media import damaged, write_small_media

_QUICK, _QUICK_KINDS, _FULL = 40, 6, 2000  # damaged files, of one kind of files in six
_TIMEOUT_S = 60.0
Media = tuple[list[Path], list[Path]]
Outcome = tuple[str, str]  # the reason of the fault, or `done`, and which file and damage


@pytest.fixture
async def pool() -> AsyncIterator[StepPool]:
    pool = StepPool(1, module="tests.security.media_process")
    yield pool
    await pool.stop()


async def test_a_damaged_file_is_probed_or_refused(pool: StepPool, tmp_path: Path) -> None:
    media = write_small_media(tmp_path / "media", _QUICK_KINDS)
    outcomes = await _outcomes(media, pool, tmp_path / "probe", range(_QUICK))
    assert _bad(outcomes) == []
    assert {outcome for outcome, _ in outcomes} > {"done", "not_media"}, "the damages must differ"


@pytest.mark.chaos
async def test_a_damaged_file_is_used_or_refused(pool: StepPool, tmp_path: Path) -> None:
    """Decode, analyze and encode what the probe accepts."""
    media = write_small_media(tmp_path / "media")
    count = scaled(_FULL, 20)
    outcomes = await _outcomes(media, pool, tmp_path / "all", range(seed(), seed() + count))
    print(f"figure damaged_media_files = {count}", Counter(outcome for outcome, _ in outcomes))
    for outcome in _bad(outcomes):
        print(*outcome)
    crashes = sum(outcome == "child_died again" for outcome, _ in outcomes)
    hangs = sum(outcome.startswith("timeout") for outcome, _ in outcomes)
    large = sum(outcome == "out_of_memory" for outcome, _ in outcomes)
    other = len(_bad(outcomes)) - crashes - hangs - large
    assert all(
        [
            figure("damaged_media_crashes", crashes, Goal(0)),
            figure("damaged_media_hangs", hangs, Goal(0)),
            figure("damaged_media_over_the_memory_limit", large, Goal(0)),
            figure("damaged_media_faults_of_the_machine", other, Goal(0)),
        ]
    )


async def _outcomes(media: Media, pool: StepPool, target: Path, seeds: Iterable[int]) -> list[Outcome]:
    """Return what becomes of one damaged file for each seed; the files take turns."""
    files = [(path, suffix) for suffix, paths in zip((".song", ".clip"), media, strict=True) for path in paths]
    outcomes = []
    for number in seeds:
        file, suffix = files[number % len(files)]
        path = target.with_suffix(suffix)
        path.write_bytes(damaged(file.read_bytes(), number))
        outcomes.append((await _outcome(pool, path), f"{suffix[1:]} {file.name} with seed {number}"))
    return outcomes


async def _outcome(pool: StepPool, path: Path) -> str:
    try:
        await pool.run("intake", SubmittedFile(path=str(path)).model_dump_json(), _TIMEOUT_S, lambda _: None)
    except Fault as fault:
        return fault.reason if isinstance(fault, Poison) else f"{fault.reason} again"
    return "done"


def _bad(outcomes: Iterable[Outcome]) -> list[Outcome]:
    return [pair for pair in outcomes if pair[0].endswith("again") or pair[0] in {"unexpected", "out_of_memory"}]
