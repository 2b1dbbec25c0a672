"""The command line of the simulation: runs of many seeds, or of one with all that it logs."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
import warnings
from collections.abc import Iterable, Sequence

from tests.quality.report import Goal, figure
from tests.simulation.clock import cpu_time, current_process
from tests.simulation.mutants import KILLERS, MUTANTS
from tests.simulation.run import Result, run

_SHOWN_ERRORS = 5
_MAX_ERROR_CHARACTERS = 100


def main() -> None:
    """Run the seeds that are asked for, and exit with 1 if one of them found an error."""
    arguments = _parse()
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets of text depends on it
        command = [sys.executable, "-m", "tests.simulation", *sys.argv[1:]]
        os.execve(sys.executable, command, os.environ | {"PYTHONHASHSEED": "0"})  # noqa: S606
    _be_quiet(log=arguments.log)
    if arguments.mutants:
        sys.exit(not _kill_mutants(arguments.mutant or list(MUTANTS), arguments.seeds))
    one = arguments.seed is not None
    seeds = [arguments.seed] if one else range(arguments.first, arguments.first + arguments.seeds)
    results = [_show(run(seed), full=one) for seed in seeds]
    if not one:
        _figures(results)
    sys.exit(any(result.errors for result in results))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="number of runs")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="run this seed alone and print all that it finds")
    parser.add_argument("--mutants", action="store_true", help="run mutants, each until a seed finds an error")
    parser.add_argument("--mutant", action="append", help="only this mutant; may be repeated")
    parser.add_argument("--log", action="store_true", help="print what the workers log, with the virtual time")
    return parser.parse_args()


def _be_quiet(*, log: bool) -> None:
    sys.unraisablehook = lambda _: None  # coroutines of killed workers are closed when their run is over
    warnings.simplefilter("ignore")
    if log:
        logging.basicConfig(level=logging.INFO, handlers=[_Log()])
    else:
        logging.disable(logging.CRITICAL)


class _Log(logging.Handler):
    """Prints each line with the virtual time and the process that logs it."""

    def emit(self, record: logging.LogRecord) -> None:
        process = current_process()
        text = record.getMessage().replace("\n", " | ")
        print(f"{time.monotonic():9.4f} {process.name if process else '-':6} {record.name}: {text}")


def _show(result: Result, *, full: bool) -> Result:
    took = f"{result.simulated_s:.0f} s in {result.cpu_s:.1f} s"
    verdict = "FAILED" if result.errors else "ok"
    counts = f"{result.inputs} events, {len(result.faults)} faults"
    print(f"seed {result.seed}: {took}, {counts}, {result.trace} {verdict}", flush=True)
    for line in result.faults if full else []:
        print(f"    {line}")
    for error in result.errors[: None if full else _SHOWN_ERRORS]:
        print(f"    ERROR {error}")
    return result


def _kill_mutants(names: Sequence[str], seeds: int) -> bool:
    """Print for each mutant the seed that finds an error in it, and return whether all are found."""
    killed = 0
    print(f"{'mutant':60} {'seed':>5} {'CPU s':>8}  error")
    for name in names:
        started = cpu_time()
        killer = next((r for seed in (KILLERS[name], *range(seeds)) if (r := run(seed, MUTANTS[name])).errors), None)
        killed += killer is not None
        seed, error = (str(killer.seed), killer.errors[0]) if killer else ("-", "SURVIVES")
        print(f"{name:60} {seed:>5} {cpu_time() - started:>8.1f}  {error[:_MAX_ERROR_CHARACTERS]}", flush=True)
    return figure("simulation_mutants_killed", killed, Goal(len(names), at_least=True))


def _figures(results: Iterable[Result]) -> None:
    results = list(results)
    cpu_s = sum(result.cpu_s for result in results)
    failed = [str(result.seed) for result in results if result.errors]
    hours = sum(result.simulated_s for result in results) / 3600
    print(f"{len(results)} runs, {hours:.1f} simulated hours, {sum(result.inputs for result in results)} events")
    figure("simulation_runs_per_minute", 60 * len(results) / cpu_s, Goal(20, at_least=True), digits=0)
    figure("simulated_hours_per_minute", 60 * hours / cpu_s, Goal(1, at_least=True))
    figure("simulation_lost", sum(result.lost for result in results), Goal(0))
    figure("simulation_doubled", sum(result.doubled for result in results), Goal(0))
    figure("simulation_blocked", sum(result.blocked for result in results), Goal(0))
    figure("simulation_failed_seeds", " ".join(failed) or "none", "none", met=not failed)
