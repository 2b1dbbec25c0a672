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

_QUICK, _FULL = 25, 200  # damages of each file
_TIMEOUT_S = 60.0
Media = tuple[list[Path], list[Path]]


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Media:
    return write_small_media(tmp_path_factory.mktemp("media"))


@pytest.fixture
async def pool() -> AsyncIterator[StepPool]:
    pool = StepPool(1, module="tests.security.media_process")
    yield pool
    await pool.stop()


async def test_a_damaged_file_is_probed_or_refused(media: Media, pool: StepPool, tmp_path: Path) -> None:
    outcomes = await _outcomes(media, pool, tmp_path / "probe", range(_QUICK))
    assert _bad(outcomes) == []
    assert {outcome for outcome, _ in outcomes} > {"done", "not_media", "too_short"}, "the damages must differ"


@pytest.mark.chaos
async def test_a_damaged_file_is_used_or_refused(media: Media, pool: StepPool, tmp_path: Path) -> None:
    """Decode, analyze and encode what the probe accepts."""
    outcomes = await _outcomes(media, pool, tmp_path / "all", range(seed(), seed() + scaled(_FULL, 2)))
    print(Counter(outcome for outcome, _ in outcomes))
    for outcome in _bad(outcomes):
        print(*outcome)
    assert figure("damaged_files_with_a_fault_of_the_program", len(_bad(outcomes)), Goal(0))


async def _outcomes(media: Media, pool: StepPool, target: Path, seeds: Iterable[int]) -> list[tuple[str, str]]:
    """Return the reason of each fault, or `done`, and the file and its seed."""
    outcomes = []
    for number in seeds:
        for suffix, files in zip((".song", ".clip"), media, strict=True):
            for file in files:
                path = target.with_suffix(suffix)
                path.write_bytes(damaged(file.read_bytes(), number))
                outcomes.append((await _outcome(pool, path), f"{file.name} with seed {number}"))
    return outcomes


async def _outcome(pool: StepPool, path: Path) -> str:
    try:
        await pool.run("intake", SubmittedFile(path=str(path)).model_dump_json(), _TIMEOUT_S, lambda _: None)
    except Fault as fault:
        return fault.reason if isinstance(fault, Poison) else f"{fault.reason} again"
    return "done"


def _bad(outcomes: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [pair for pair in outcomes if pair[0].endswith("again") or pair[0] in {"unexpected", "out_of_memory"}]
