"""Seeds of the simulation: in each run no event may be lost, have two outcomes or be stuck when its faults are over.

Each run needs about a second of processor time. It runs in a program of its own: the functions of `time` are replaced
before anything else is imported, and the order of sets is fixed.
"""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.chaos.schedule import scaled
from tests.paths import PROJECT

_FEW, _MANY, _LEAST = 4, 1000, 40


def _simulate(*arguments: str, timeout: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=timeout, check=False)


@pytest.fixture(scope="module")
def few_runs() -> subprocess.CompletedProcess[str]:
    """Return the runs of the first seeds, one after another in one program."""
    return _simulate("--seeds", str(_FEW), timeout=120)


def test_no_event_is_lost_doubled_or_stuck_in_a_few_runs(few_runs: subprocess.CompletedProcess[str]) -> None:
    assert few_runs.returncode == 0, few_runs.stdout + few_runs.stderr


def test_a_seed_is_one_run(few_runs: subprocess.CompletedProcess[str]) -> None:
    alone, after_others = _simulate("--seed", "3", timeout=60).stdout, few_runs.stdout
    traces = [re.findall(r"^seed 3: .* (\S+ \w+)$", printed, re.MULTILINE) for printed in (alone, after_others)]
    assert len(traces[0]) == 1
    assert traces[0] == traces[1]


def test_mends_that_are_taken_out_are_found() -> None:
    names = (
        "commit past what is not yet processed",
        "no seek after a rebalance",
        "records of aborted transactions are read",
        "publish is not awaited",
        "an event published again has another id",
    )
    arguments = [argument for name in names for argument in ("--mutant", name)]
    completed = _simulate("--mutants", "--seeds", "0", *arguments, timeout=120)
    assert completed.returncode == 0, completed.stdout + completed.stderr


@pytest.mark.chaos
def test_no_event_is_lost_doubled_or_stuck_in_many_runs() -> None:
    completed = _simulate("--seeds", str(scaled(_MANY, _LEAST)), timeout=3600)
    print(completed.stdout)
    assert completed.returncode == 0, completed.stdout + completed.stderr


@pytest.mark.chaos
def test_all_mends_that_are_taken_out_are_found() -> None:
    completed = _simulate("--mutants", "--seeds", "60", timeout=3600)
    print(completed.stdout)
    assert completed.returncode == 0, completed.stdout + completed.stderr
