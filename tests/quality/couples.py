"""Measure the grouping of clips by couple and by room against labels by eye: pairs of clips that are grouped together.

Used by `make quality-seams`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np

from agents.couples.couples import places
from agents.couples.look_distance import LookArrays, Looks
from agents.move_indexing.index import move_name
from schemas.look import Look
from schemas.move_indexed import MoveSummary
from tests.quality.report import Goal, figure

LABELLED_COUPLES = Path(__file__).with_name("labelled_couples.json")
GOALS = {
    "couple_pairs_f": Goal(0.95, at_least=True),
    "couple_pairs_precision": Goal(0.95, at_least=True),
    "room_pairs_precision": Goal(0.95, at_least=True),
    "demo_couples": Goal(1),
}


class PairScore(NamedTuple):
    """Of the pairs grouped together, the share that belongs together; of those that belong together, that grouped."""

    precision: float
    recall: float

    @property
    def f(self) -> float:
        """Return the harmonic mean of both."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def pair_score(found: Sequence[object], truth: Sequence[object]) -> PairScore:
    """Return the score of a grouping; the two sequences have a group for each clip."""
    together = [(found[a] == found[b], truth[a] == truth[b]) for a, b in combinations(range(len(truth)), 2)]
    right = sum(one and other for one, other in together)
    grouped, belonging = (sum(pair[n] for pair in together) for n in (0, 1))
    return PairScore(right / max(grouped, 1), right / max(belonging, 1))


def couple_labels() -> dict[str, tuple[str, str]]:
    """Return the couple and the room of each labelled clip, by its file's stem."""
    clips = json.loads(LABELLED_COUPLES.read_text(encoding="utf-8"))["clips"]
    return {stem: (couple, room) for stem, (couple, room) in clips.items()}


def couple_figures(moves: Mapping[str, MoveSummary]) -> Iterator[bool]:
    """Print the figures of labelled clips, given by stem, beside two baselines; yield whether each goal is met."""
    labelled = couple_labels()
    stems = sorted(moves.keys() & labelled.keys())
    if len(stems) < 2:
        return
    couples, rooms = ([labelled[stem][n] for stem in stems] for n in (0, 1))
    found = places([moves[stem].annotated(None) for stem in stems])
    by_stem = [found[moves[stem].clip.sha256] for stem in stems]
    print(f"{len(stems)} clips of {len(set(couples))} couples in {len(set(rooms))} rooms; pairs grouped together:")
    couple = _row("couple", [place.couple for place in by_stem], couples)
    by_clothes = _by_clothes([moves[stem].look or Look() for stem in stems], couples)
    _row("baseline: clothes alone, at the best limit for these clips", by_clothes, couples)
    _row("baseline: the clips' names", [move_name(stem) for stem in stems], couples)
    room = _row("room", [place.room for place in by_stem], rooms)
    values = {"couple_pairs_f": couple.f, "couple_pairs_precision": couple.precision}
    for name, value in (values | {"room_pairs_precision": room.precision}).items():
        yield figure(name, value, GOALS[name], digits=3)


def demo_figure(moves: Sequence[MoveSummary]) -> bool:
    """Print how many couples are found in the demo clips, which show one in one room; return whether it is one."""
    return figure("demo_couples", float(len({*places(moves).values()})), GOALS["demo_couples"], digits=0)


def _row(name: str, found: Sequence[object], truth: Sequence[object]) -> PairScore:
    score = pair_score(found, truth)
    print(f"{name:60} precision {score.precision:.3f}  recall {score.recall:.3f}  F {score.f:.3f}")
    return score


def _by_clothes(looks: Sequence[Look], truth: Sequence[str]) -> list[int]:
    """Return the best grouping by clothes alone, of all limits."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    without_room = Looks([LookArrays.of(look.model_copy(update={"room": ()})) for look in looks])
    every = np.arange(len(looks))
    clothes = np.nan_to_num([without_room.differences(n, every).clothes for n in every.tolist()])
    tree = linkage(squareform(clothes, checks=False), "average")
    groupings = [fcluster(tree, limit, "distance").tolist() for limit in tree[:, 2]]
    return max(groupings, key=lambda found: pair_score(found, truth).f)
