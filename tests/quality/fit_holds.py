"""Fit the constants by which indexing tells holds, on boundaries labelled by eye.

python -m tests.quality.fit_holds [CLIPS_FOLDER] [--cache FOLDER]

Prints how often holds and joined hands are right in couples that the constants were not fitted on (each couple in turn
is left out), then fits them on all couples and writes agents/move_indexing/boundaries/hold_model.json. The demo clips,
with their exact boundaries, are always among those that the constants are fitted on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

from agents.arrays import Floats
from agents.move_indexing.boundaries.couple_geometry import HAND_PAIRS
from agents.move_indexing.boundaries.headings import Headings, couple_headings
from agents.move_indexing.boundaries.holds import (
    HOLDS,
    MODEL_FILE,
    Model,
    couple_holds,
    hold_features,
)
from agents.move_indexing.boundaries.states import MIN_JOINED
from tests.quality.couples import couple_labels
from tests.quality.seam_clips import SAME_FILM, SeamClip, add_clip_arguments, counted, demo_clips, labelled_clips
from tests.quality.seam_labels import BoundaryLabel, boundary_labels, demo_labels

REGULARIZATION = 0.03  # scikit-learn's C
CLASS_BALANCE = 0.5  # exponent of how rare a hold is, in its weight
MIN_DEVIATION = 0.05
DIGITS = 4


@dataclass(frozen=True)
class Example:
    """A clip with its labels, and what its holds are told by at their times."""

    clip: SeamClip
    labels: tuple[BoundaryLabel, ...]

    @cached_property
    def headings(self) -> Headings:
        return couple_headings(self.clip.dance.lead, self.clip.dance.follow)

    @cached_property
    def features(self) -> Floats:
        times = [label.time_s for label in self.labels]
        return hold_features(self.clip.dance.lead, self.clip.dance.follow, self.headings, times)

    def holds(self, model: Model) -> tuple[Floats, Floats]:
        """Return the probabilities of holds and of joined hands at the labels' times."""
        found = couple_holds(self.clip.dance.lead, self.clip.dance.follow, self.headings, model)
        rows = [int(np.abs(found.times - label.time_s).argmin()) for label in self.labels]
        return found.probabilities[rows], found.hands[rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_clip_arguments(parser)
    args = parser.parse_args()
    names = sorted({label.clip for label in boundary_labels()} - SAME_FILM.keys())
    examples = examples_of(labelled_clips(args.folder, names, args.cache), boundary_labels())
    if not examples:
        sys.exit(1)
    demo = examples_of(demo_clips(args.cache), demo_labels())
    _print_right(examples, models_without_couple(examples, demo))
    model = fitted([*examples, *demo])
    MODEL_FILE.write_text(json.dumps({name: _rounded(value) for name, value in asdict(model).items()}) + "\n")
    print(f"fitted on {sum(len(example.labels) for example in examples)} boundaries: {MODEL_FILE.name} is written")


def _rounded(value: Floats | float) -> object:
    return np.round(value, DIGITS).tolist()


def examples_of(clips: Sequence[SeamClip], labels: Sequence[BoundaryLabel]) -> list[Example]:
    """Return the clips with their labels."""
    return [Example(clip, tuple(each for each in labels if each.clip == clip.name)) for clip in counted(clips)]


def models_without_couple(examples: Sequence[Example], demo: Sequence[Example]) -> dict[str, Model]:
    """Return for each clip, by its name, a model that is fitted on the clips of all other couples and the demo's."""
    couples = {example.clip.name: couple_labels()[example.clip.name][0] for example in examples}
    of_couple = {
        couple: fitted([*(example for example in examples if couples[example.clip.name] != couple), *demo])
        for couple in sorted(set(couples.values()))
    }
    return {name: of_couple[couple] for name, couple in couples.items()}


def fitted(examples: Sequence[Example]) -> Model:
    """Return a model fitted on examples."""
    known = [(row, label.hold) for each in examples for row, label in zip(each.features, each.labels, strict=True)]
    rows = np.array([row for row, hold in known if hold])
    holds = [hold for _, hold in known if hold]
    usual, deviation = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0) + MIN_DEVIATION
    counts = Counter(holds)
    weights = np.array([counts[hold] ** -CLASS_BALANCE for hold in holds])
    regression = LogisticRegression(C=REGULARIZATION, max_iter=1000)
    scaled = (np.where(np.isnan(rows), usual, rows) - usual) / deviation
    regression.fit(scaled, holds, sample_weight=weights * len(weights) / weights.sum())
    coefficients, intercepts = np.zeros((len(HOLDS), rows.shape[1])), np.full(len(HOLDS), -9.0)
    for name, coefficient, intercept in zip(regression.classes_, regression.coef_, regression.intercept_, strict=True):
        coefficients[HOLDS.index(name)], intercepts[HOLDS.index(name)] = coefficient, intercept
    model = Model(usual, deviation, coefficients, intercepts, _hands(examples), np.array([0.85, 0.3, -0.26]), 1.0)
    return replace(model, temperature=_temperature(examples, model))


def _hands(examples: Sequence[Example]) -> Floats:
    """Return how often each pair of hands is joined in each hold, with a third of a pair added to each."""
    joined, all_labels = np.full((len(HOLDS), len(HAND_PAIRS)), 0.3), np.ones((len(HOLDS), 1))
    for label in (label for each in examples for label in each.labels if label.hold and label.hands is not None):
        joined[HOLDS.index(label.hold)] += [pair in (label.hands or ()) for pair in HAND_PAIRS]
        all_labels[HOLDS.index(label.hold)] += 1
    return joined / all_labels


def _temperature(examples: Sequence[Example], model: Model) -> float:
    """Return the exponent of the joined probabilities that makes the labels most likely."""
    found = [each.holds(model)[0] for each in examples]
    rows = np.concatenate(found)
    names = [label.hold for each in examples for label in each.labels]
    known = [n for n, hold in enumerate(names) if hold]
    places = [HOLDS.index(names[n]) for n in known]

    def loss(exponent: float) -> float:
        powers = (rows[known] + 1e-9) ** exponent
        shares = powers / powers.sum(axis=1, keepdims=True)
        return float(-np.log(shares[np.arange(len(places)), places]).mean())

    return float(minimize_scalar(loss, bounds=(0.1, 2.0), method="bounded").x)


def _print_right(examples: Sequence[Example], models: Mapping[str, Model]) -> None:
    right: list[bool] = []
    hits = names = 0
    for example in examples:
        holds, hands = example.holds(models[example.clip.name])
        for label, hold, pairs in zip(example.labels, holds, hands, strict=True):
            found = {pair for pair, share in zip(HAND_PAIRS, pairs, strict=True) if share >= MIN_JOINED}
            if label.hold:
                right.append(HOLDS[int(hold.argmax())] == label.hold)
            if label.hands is not None:
                hits, names = hits + 2 * len(found & label.hands), names + len(found) + len(label.hands)
    print(f"couples left out: of {len(right)} holds {np.mean(right):.3f} are right; joined hands F {hits / names:.3f}")


if __name__ == "__main__":
    main()
