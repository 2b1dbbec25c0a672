"""Limits of step processes: each way to reach one has its reason, and the worker goes on."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from agents.media.submitted import SubmittedFile
from agents.move_indexing.inputs import IndexingInput
from schemas.faults import Fault, Poison, Retryable
from streams.steps import JOB_BY_NAME
from streams.worker.job_faults import Death, RunningJob, fault_of_death
from streams.worker.step_pool import StepPool
from tests.processes import children_with

MEMORY_MB = 700
JOB = RunningJob("intake", MEMORY_MB, 60.0, is_first=True)


@pytest.fixture
async def pool(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StepPool]:
    monkeypatch.setitem(JOB_BY_NAME, "intake", replace(JOB_BY_NAME["intake"], memory_mb=MEMORY_MB))
    pool = StepPool(1, module="tests.unit.streams.worker.misbehaving_process")
    yield pool
    await pool.stop()


def children() -> list[psutil.Process]:
    return children_with("misbehaving")


def is_running(process: psutil.Process) -> bool:
    """Return whether it runs; an ended process whose parent ended before it waits for the system to remove it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def do(pool: StepPool, what: str, timeout_s: float = 60.0) -> None:
    await pool.run("intake", SubmittedFile(path=what).model_dump_json(), timeout_s, lambda _: None)


async def fault_of(pool: StepPool, what: str, timeout_s: float = 60.0) -> Fault:
    with pytest.raises(Fault) as raised:
        await do(pool, what, timeout_s)
    return raised.value


async def test_too_little_memory_is_said_however_it_appears(pool: StepPool) -> None:
    for what in ("python_objects", "numpy_array", "bad_alloc", "crash_near_the_limit", "threads"):
        fault = await fault_of(pool, what)
        assert (type(fault), fault.reason) == (Poison, "out_of_memory"), what
        assert str(fault) == "the step intake needs more than its 700 MiB of memory; give a smaller file", what
    await do(pool, "nothing")


@pytest.mark.parametrize("memory_mb", [30, 70, 120, 160, 200])
async def test_a_real_step_says_that_its_memory_is_too_little(
    monkeypatch: pytest.MonkeyPatch, demo_dir: Path, memory_mb: int
) -> None:
    """Each limit is reached in another library: on loading it, in a thread, in a network, in the decoder."""
    step = replace(JOB_BY_NAME["move_indexing"], memory_mb=memory_mb)
    monkeypatch.setitem(JOB_BY_NAME, "move_indexing", step)
    monkeypatch.setenv("BACHATA_ALLOWED_ROOTS", str(demo_dir))
    file = SubmittedFile(path=str(demo_dir / "clips" / "dip.mp4"))
    clip = IndexingInput(file=file, clip="dip", tempo_bpm=None, quality="fast")
    pool = StepPool(1)
    with pytest.raises(Poison) as raised:
        await pool.run(step.name, clip.model_dump_json(), 120.0, lambda _: None)
    await pool.stop()
    assert raised.value.reason == "out_of_memory"


async def test_too_little_memory_after_other_jobs_is_tried_again_in_a_new_process(pool: StepPool) -> None:
    await do(pool, "nothing")
    [first] = children()
    fault = await fault_of(pool, "python_objects")
    assert (type(fault), fault.reason) == (Retryable, "out_of_memory")
    assert isinstance(await fault_of(pool, "python_objects"), Poison)
    assert not is_running(first)


async def test_a_crash_with_enough_memory_is_no_lack_of_memory(pool: StepPool) -> None:
    fault = await fault_of(pool, "crash")
    assert (type(fault), fault.reason) == (Retryable, "child_died")
    assert "SIGSEGV" in str(fault)


async def test_a_file_that_grows_without_end_is_refused(pool: StepPool) -> None:
    fault = await fault_of(pool, "large_file")
    assert (type(fault), fault.reason) == (Poison, "too_large")


async def test_a_timeout_ends_what_the_process_has_started_and_frees_its_place(pool: StepPool) -> None:
    await do(pool, "nothing")  # so that the process has started when the time begins
    task = asyncio.create_task(fault_of(pool, "processes", timeout_s=3.0))
    started = await _descendants(task)
    fault = await task
    assert (type(fault), fault.reason) == (Retryable, "timeout")
    await do(pool, "nothing")
    assert not [process for process in started if is_running(process)]


def _sleeping() -> list[psutil.Process]:
    processes = psutil.process_iter(["cmdline"])
    return [process for process in processes if process.info["cmdline"] == ["sleep", "600"] and is_running(process)]


async def test_a_process_that_has_left_the_group_ends_with_its_job(pool: StepPool) -> None:
    before = _sleeping()
    await do(pool, "process_of_another_group")
    assert _sleeping() == before
    assert (await fault_of(pool, "process_of_another_group_and_wait", timeout_s=2.0)).reason == "timeout"
    assert _sleeping() == before
    await do(pool, "nothing")


async def test_an_answer_that_is_not_valid_is_a_fault_of_its_event_and_leaves_no_process(pool: StepPool) -> None:
    for what in ("no_object", "no_cost", "no_number", "no_fault"):
        fault = await fault_of(pool, what)
        assert (type(fault), fault.reason) == (Retryable, "child_died"), what
        assert children() == [], what
    await do(pool, "nothing")


async def test_errors_without_end_do_not_fill_the_log_and_are_escaped(
    pool: StepPool, capfd: pytest.CaptureFixture[str]
) -> None:
    await do(pool, "nothing")  # so that the process has started when the time begins
    assert (await fault_of(pool, "errors_without_end", timeout_s=2.0)).reason == "timeout"
    errors = capfd.readouterr().err
    assert len(errors) < 1 << 20
    assert "writes too much" in errors
    assert "\x1b" not in errors
    await do(pool, "nothing")


async def test_processor_time_is_limited_too(pool: StepPool) -> None:
    """It ends a process that calculates where its parent does not; here it is set to one second more."""
    await do(pool, "nothing")
    [child] = children()
    used = sum(child.cpu_times()[:2])
    task = asyncio.create_task(fault_of(pool, "processor_time"))
    await asyncio.sleep(0.3)
    child.rlimit(resource.RLIMIT_CPU, (round(used) + 1, resource.RLIM_INFINITY))
    assert (await task).reason == "timeout"


async def test_a_process_that_keeps_much_memory_is_not_used_again(pool: StepPool) -> None:
    await do(pool, "nothing")
    [small] = children()
    await do(pool, "nothing")
    assert children() == [small]
    await do(pool, "much_memory")
    assert children() == []


async def test_a_process_has_its_limits_and_those_of_its_job(pool: StepPool) -> None:
    await do(pool, "nothing")
    [child] = children()
    assert child.rlimit(resource.RLIMIT_DATA)[0] == MEMORY_MB << 20
    assert child.rlimit(resource.RLIMIT_CORE) == (0, 0)
    assert child.rlimit(resource.RLIMIT_NOFILE) == (512, 512)
    assert child.rlimit(resource.RLIMIT_FSIZE) == (3 << 30, 3 << 30)
    assert 60 <= child.rlimit(resource.RLIMIT_CPU)[0] < 60 * (os.cpu_count() or 1) + 60


def test_a_process_ended_by_the_kernel_for_want_of_memory() -> None:
    fault = fault_of_death(Death(-9, "", near_limit=False, oom_killed=True), JOB)
    assert (type(fault), fault.reason) == (Retryable, "out_of_memory")
    assert "BACHATA_STEP_PROCESSES" in str(fault)
    assert fault_of_death(Death(-9, "", near_limit=True, oom_killed=False), JOB).reason == "child_died"


async def _descendants(task: asyncio.Task[object]) -> list[psutil.Process]:
    """Return the processes that a job has started, and its own, as soon as there are some."""
    while not task.done():
        found = [child for process in children() for child in process.children()]
        if found:
            return [*children(), *found]
        await asyncio.sleep(0.05)
    raise AssertionError(f"it has started no process: {task.result()}")
