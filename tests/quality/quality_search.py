"""Measure how near plans of random problems are to the best of all their dances.

python -m tests.quality.quality_search [--cases NUMBER] [--seed NUMBER]

The cases are drawn as those of `tests/unit/sequence_planning/test_optimum.py`. Of short dances all are compared; of
long ones, of which a problem may have more than 10^18, those that can be better than the plan: a case where these are
too many is counted as not proved. Each case is searched with the beam that plans have, and with smaller ones, which
drop more dances. Cases in which a plan breaks a gate that it need not, and those furthest from the best dance,
are printed, to become tests. Exits with 0 when every goal is met.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from hypothesis import HealthCheck, Phase, given, seed, settings

from agents.dance.rules import BROKEN_GATE
from agents.sequence_planning.path import best_path
from schemas.faults import Poison
from tests.quality.costs import cpu_s
from tests.quality.report import Goal, figure
from tests.unit.sequence_planning.exhaustive import Best, TooManyError, best_of_all
from tests.unit.sequence_planning.problems import Case, Problem, cases, make_problem

BEAMS: Final = (None, 128, 32, 8, 2, 0)  # dances beyond the best one of each choice; None: as plans are made
MAX_BEGINNINGS = 300_000  # of long dances
MAX_RATIO = 1.05
SHARE_EQUAL: Final = {"short": 0.999, "long": 0.97}
_SAME = 1e-4  # points: the arrays of repetitions have single precision
_PRINTED = 5


@dataclass(frozen=True)
class Kind:
    """A kind of problems: the sizes that are drawn, the share of all cases, and whether all dances are compared."""

    name: str
    most_dances: int
    most_clips: int
    least_phrases: int
    share: float
    compares_all: bool


KINDS: Final = (
    Kind("short", 10**6, most_clips=4, least_phrases=3, share=0.8, compares_all=True),
    Kind("long", 10**20, most_clips=8, least_phrases=8, share=0.2, compares_all=False),
)


@dataclass
class Found:
    """What one beam found: for each case the points over the least ones, or None where it breaks an avoidable gate."""

    ratios: list[float | None] = field(default_factory=list)
    equal: int = 0
    cpu_s: float = 0.0

    def add(self, plan: Best, best: Best, seconds: float) -> None:
        """Add what the beam found in one case, and in how many CPU seconds."""
        is_equal = plan.broken_gates == best.broken_gates and plan.points <= best.points + _SAME
        self.equal += is_equal
        self.cpu_s += seconds
        ratio = 1.0 if is_equal else plan.points / best.points
        self.ratios.append(None if plan.broken_gates > best.broken_gates else ratio)

    def near(self) -> list[float]:
        """Return the ratios of the cases without an avoidable broken gate."""
        return [ratio for ratio in self.ratios if ratio is not None]

    def avoidable(self) -> int:
        """Return the number of cases with a broken gate that is avoidable."""
        return self.ratios.count(None)

    def worst(self) -> float:
        """Return the worst ratio."""
        return max(self.near(), default=1.0)


@dataclass
class Measured:
    """All cases of a kind with the number of their dances, and what each beam found."""

    kind: Kind
    cases: list[Case] = field(default_factory=list)
    dances: list[int] = field(default_factory=list)
    drawn: set[str] = field(default_factory=set)
    refused: int = 0
    not_proved: int = 0
    best_cpu_s: float = 0.0
    found: dict[int | None, Found] = field(default_factory=lambda: {beam: Found() for beam in BEAMS})

    def add(self, case: Case) -> None:
        """Measure a case that was not drawn before; one whose wishes leave no choice is counted only."""
        if repr(case) in self.drawn:
            return
        self.drawn.add(repr(case))
        try:
            problem = make_problem(case)
        except Poison:
            self.refused += 1
            return
        plans = {beam: _plan(problem, beam) for beam in BEAMS}
        try:
            seconds, best = cpu_s(partial(self._best, problem, plans[None][1]))
        except TooManyError:
            self.not_proved += 1
            return
        self.best_cpu_s += seconds
        self.cases.append(case)
        self.dances.append(problem.number_of_dances())
        for beam, (seconds, plan) in plans.items():
            self.found[beam].add(plan, best, seconds)

    def _best(self, problem: Problem, plan: Best) -> Best:
        return best_of_all(problem) if self.kind.compares_all else best_of_all(problem, plan, MAX_BEGINNINGS)


def _plan(problem: Problem, beam: int | None) -> tuple[float, Best]:
    """Return the CPU seconds of a search, and the gates and points of the dance that it finds."""
    seconds, path = cpu_s(lambda: best_path(problem.choices, problem.request, max_dances=beam))
    broken_gates = problem.sheet(path.rows.tolist()).broken_gates
    return seconds, Best(broken_gates, path.total - BROKEN_GATE * broken_gates)


def main() -> None:
    """Print the tables, the worst cases and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=5000, help="cases to draw (default 5000)")
    parser.add_argument("--seed", type=int, default=0, help="of the cases (default 0)")
    args = parser.parse_args()
    met: list[bool] = []
    for kind in KINDS:
        measured = measure(kind, int(kind.share * args.cases), args.seed)
        print_table(measured)
        print_worst(measured)
        met += figures(measured)
    sys.exit(0 if all(met) else 1)


def measure(kind: Kind, number: int, first: int) -> Measured:
    """Draw cases of a kind and search each."""
    measured = Measured(kind)
    drawn = cases(kind.most_dances, most_clips=kind.most_clips, least_phrases=kind.least_phrases)
    quiet = settings(
        max_examples=number,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run: Callable[[], None] = seed(first)(quiet(given(drawn)(measured.add)))
    run()
    return measured


def print_table(measured: Measured) -> None:
    """Print how many dances the cases have, and a row for each beam."""
    dances = sorted(measured.dances)
    print(
        f"\n{measured.kind.name} dances: {len(dances)} different cases, {measured.refused} more whose wishes leave no"
        f" choice, {measured.not_proved} not proved; median {dances[len(dances) // 2]:.3g} dances, most"
        f" {dances[-1]:.3g}; the best one of each found in {measured.best_cpu_s:.0f} CPU s\n"
    )
    print("  beam   equal    share   worst ratio   mean ratio   avoidable gates    CPU s")
    for beam, found in measured.found.items():
        share, mean = found.equal / len(dances), sum(found.near()) / max(1, len(found.near()))
        row = f"{'plans' if beam is None else beam:>6}{found.equal:8}{share:9.4f}{found.worst():14.4f}{mean:13.5f}"
        print(f"{row}{found.avoidable():18}{found.cpu_s:9.1f}")


def print_worst(measured: Measured) -> None:
    """Print the cases in which plans break an avoidable gate, and of the others the worst ones."""
    found = measured.found[None]
    for place in _worst(found.ratios)[:_PRINTED]:
        ratio, case = found.ratios[place], measured.cases[place]
        print(f"\n{'an avoidable broken gate' if ratio is None else f'ratio {ratio:.4f}'}:")
        print(f"{case.clips}\n{case.song}\n{case.options.model_dump(exclude_defaults=True)}")


def _worst(ratios: Sequence[float | None]) -> list[int]:
    """Return the places of what is not the best dance, the worst first."""
    places = [place for place, ratio in enumerate(ratios) if ratio != 1.0]
    return sorted(places, key=lambda place: -(ratios[place] or float("inf")))


def figures(measured: Measured) -> list[bool]:
    """Print the figures of the beam that plans have, and return whether each goal is met."""
    name, found = f"search_{measured.kind.name}", measured.found[None]
    equal, goal = found.equal / len(found.ratios), Goal(SHARE_EQUAL[measured.kind.name], at_least=True)
    return [
        figure(f"{name}_share_equal", equal, goal, digits=4),
        figure(f"{name}_worst_points_over_best", found.worst(), Goal(MAX_RATIO), digits=4),
        figure(f"{name}_avoidable_broken_gates", found.avoidable(), Goal(0)),
    ]


if __name__ == "__main__":
    main()
