"""Measure plans of the shared songs and clips, and of the demo set, beside other planners.

python -m tests.quality.quality_plan [FOLDER] [--cache FOLDER] [--out FOLDER] [--rules FILE]

FOLDER: has the folders `songs` and `clips`; without it, those of BACHATA_SHARED or of `shared` next to the project. The
other planners get the same songs and clips: that of an earlier commit by its own rules, the best next choice (greedy)
and clips in random order by the rules of today. The planner has a column for each quality, with the candidates that
scoring chooses, and one in which it is offered all moves, as greedy and random ones are. All dances are measured by
the same code. `--cache`: where analyses and indexed moves are kept for the next run. `--out`: draw two plans there.
What could not be measured is not met. Exits with 0 when every goal is met.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

from agents.dance.rules import Rules, default_rules, rules_of
from schemas.base import Options, Quality
from tests.quality.plan_dances import Dance, Simple, Task, earlier_dance, planned
from tests.quality.plan_earlier import EARLIER, earlier_segments
from tests.quality.plan_library import Collection, demo_collection, shared_collection
from tests.quality.plan_measures import MEASURES, Measured, measured
from tests.quality.plan_seams import ASPECTS, Labels
from tests.quality.plan_sheet import write_sheet
from tests.quality.plan_wishes import wishes_figures
from tests.quality.report import Goal, figure
from tests.quality.seam_clips import CACHE

OPTIONS = Options(duration="full", difficulty="advanced")
RANDOM_SEEDS = range(5)
RANDOM, GREEDY, EVERY = "random", "greedy", "all moves"
QUALITIES: tuple[Quality, ...] = get_args(Quality)
OURS = "balanced"
GOALS = {
    "energy_spearman": Goal(0.6, at_least=True),
    "repeated_music_shared": Goal(0.5, at_least=True),
    "cuts_on_one": Goal(1.0, at_least=True),
    "accents_hit": Goal(0.5, at_least=True),
    "short_parts": Goal(0.0),
    "too_many_turns": Goal(0.05),
}
MAX_POINTS_OF_ALL = 1.1  # of the points of plans to which all moves are offered
FOOTWORK_SHARE = (0.1, 1 / 3)  # of the slots: the rule `footwork_share`
MAX_TRANSITION_SHARE = 0.6  # of the points of a cut of clips in random order
DRAWN = ("demo", "shared")  # one plan of each


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="folder with songs and clips (default: the shared one)")
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"folder of kept results (default {CACHE})")
    parser.add_argument("--out", type=Path, help="folder of the pictures of two plans")
    parser.add_argument("--rules", type=Path, help="rules in place of those of the program")
    args = parser.parse_args()
    rules, labels = rules_of(args.rules) if args.rules else default_rules(), Labels()
    collections = [demo_collection(args.cache), shared_collection(args.folder, args.cache)]
    met: list[bool] = []
    for collection in filter(None, collections):
        dances = dances_of(collection, rules)
        by_planner = {name: measured(some.values(), labels) for name, some in dances.items()}
        print_table(collection, by_planner)
        met += figures(collection.name, by_planner)
        met += wishes_figures(collection, OPTIONS, rules)
        if args.out:
            write_sheet(next(iter(dances[OURS].items())), collection, args.out)
    sys.exit(0 if None not in collections and all(met) else 1)


def dances_of(collection: Collection, rules: Rules) -> Mapping[str, Mapping[str, Dance]]:
    """Return the dances of each planner by song; those in random order have a number too."""
    earlier = earlier_segments(collection, OPTIONS)
    dances: dict[str, dict[str, Dance]] = {}
    for song, analysis in collection.songs.items():
        task = Task.of(analysis, collection.scores(analysis), OPTIONS, rules)
        simple = Simple(task)
        if earlier:
            dances.setdefault(EARLIER, {})[song] = earlier_dance(task, earlier[song])
        for seed in RANDOM_SEEDS:
            dances.setdefault(RANDOM, {})[f"{song} {seed}"] = simple.at_random(seed)
        dances.setdefault(GREEDY, {})[song] = simple.greedy()
        for quality in QUALITIES:
            offered = collection.chosen(analysis, OPTIONS.model_copy(update={"quality": quality}), rules)
            dances.setdefault(quality, {})[song] = planned(task, offered)
        dances.setdefault(EVERY, {})[song] = planned(task)
    return dances


def print_table(collection: Collection, by_planner: Mapping[str, Measured]) -> None:
    """Print all measures of all planners, and at how many of the cuts everything is labelled or found."""
    print(f"\n{collection.name}: {len(collection.songs)} songs, {len(collection.moves)} clips")
    print(f"{'':62}" + "".join(f"{name:>13}" for name in by_planner))
    for measure, words in MEASURES.items():
        print(f"{words:62}" + "".join(f"{_text(found, measure):>13}" for found in by_planner.values()))
    for words, measure in (("all", "cuts_on_one"), *((by, f"all_right_{by}") for by in ("by_labels", "as_found"))):
        known = "".join(f"{found[measure].whole:13.0f}" for found in by_planner.values())
        print(f"{'number of cuts, ' + words:62}{known}")


def figures(name: str, by_planner: Mapping[str, Measured]) -> Iterator[bool]:
    """Print the figures of the planner, and yield whether each goal is met."""
    if EARLIER in by_planner:
        for measure in (f"{aspect}_right_{by}" for by in ("by_labels", "as_found") for aspect in (*ASPECTS, "all")):
            yield _beside(EARLIER, name, measure, by_planner, at_least=True)
        yield _beside(EARLIER, name, "tempo_within_3_percent", by_planner, at_least=True)
    else:
        yield figure(f"{name}_beside_{EARLIER}", None, "a comparison with its plans")
    for measure in ("points", "broken_gates"):
        for other in (each for each in (EARLIER, GREEDY, RANDOM) if each in by_planner):
            yield _beside(other, name, measure, by_planner)
    yield _beside(RANDOM, name, "changes_on_sections", by_planner, at_least=True)
    yield _beside(GREEDY, name, "distinct_moves", by_planner, at_least=True)
    yield _footwork(name, by_planner)
    for quality in QUALITIES:
        points, least = (by_planner[each]["points"].value for each in (quality, EVERY))
        goal = Goal(round(MAX_POINTS_OF_ALL * least, 2)) if least is not None else "plans of all moves"
        yield figure(f"{name}_points_{quality}", points, goal, met=False)
    transition, at_random = (by_planner[each]["transition_points"].value for each in (OURS, RANDOM))
    share = transition / at_random if transition is not None and at_random else None
    yield figure(f"{name}_transition_share_of_random", share, Goal(MAX_TRANSITION_SHARE), digits=3)
    for measure, goal in GOALS.items():
        yield figure(f"{name}_{measure}", by_planner[OURS][measure].value, goal, digits=3)


def _beside(other: str, name: str, measure: str, by_planner: Mapping[str, Measured], *, at_least: bool = False) -> bool:
    """Print a measure beside that of another planner, and return whether it is as good."""
    value, theirs = by_planner[OURS][measure].value, by_planner[other][measure].value
    if value is None or theirs is None:
        return figure(f"{name}_{measure}_beside_{other}", None, "both measured")
    met = value >= theirs if at_least else value <= theirs
    goal = f"{'>=' if at_least else '<='} {theirs:.3f}"
    return figure(f"{name}_{measure}_beside_{other}", value, goal, met=met, digits=3)


def _footwork(name: str, by_planner: Mapping[str, Measured]) -> bool:
    """Print the share of footwork, and return whether it is as the rule says."""
    value, (least, most) = by_planner[OURS]["footwork"].value, FOOTWORK_SHARE
    met = value is not None and least <= value <= most
    return figure(f"{name}_footwork", value, f"{least:.3f} to {most:.3f}", met=met, digits=3)


def _text(found: Measured, measure: str) -> str:
    value = found[measure].value
    return "-" if value is None else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


if __name__ == "__main__":
    main()
