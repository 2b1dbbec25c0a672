"""Measure the states of couples where eights begin and end, which beats are a 1, and who is where, beside labels.

python -m tests.quality.quality_seams [CLIPS_FOLDER] [--cache FOLDER]

CLIPS_FOLDER: the labelled clips below it; without it, those of BACHATA_SHARED or of `shared` next to the project. What
is measured is made of a clip without any annotation. The goals count for the boundaries that were labelled twice; those
labelled once, and the demo clips with their exact truth, have rows of their own. Holds are told by constants that are
fitted on these boundaries: so each couple is measured by constants that are fitted without its clips (the demo clips
are one couple), and once more by those of the program, which are fitted on all. All other constants of the program are
few and the same for all clips, but chosen on them. `--cache`: where detections are kept for the next run.
labelled_boundaries.md says how the labels were made. Exits with 0 when every goal is met.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from agents.move_indexing.boundaries.holds import Model
from agents.playable import COUNT_SURE
from tests.quality.couples import couple_figures, couple_labels, demo_figure
from tests.quality.fit_holds import examples_of, fitted, models_without_couple
from tests.quality.report import Goal, figure
from tests.quality.seam_clips import SAME_FILM, SeamClip, add_clip_arguments, counted, demo_clips, labelled_clips
from tests.quality.seam_costs import costs
from tests.quality.seam_counts import CountedClip, counted_clip, demo_counted_clip, feet_by_counts
from tests.quality.seam_eights import eights_line
from tests.quality.seam_labels import BoundaryLabel, boundary_labels, count_labels, demo_labels
from tests.quality.seam_pairs import fit_aucs
from tests.quality.seam_scores import (
    BINS,
    SURE,
    Answer,
    Measured,
    calibration,
    facing_answers,
    follow_foot_answers,
    foot_answers,
    hands_f,
    hold_answers,
    lead_foot_answers,
    majority_share,
    share_right,
    sure,
)
from tests.quality.seam_states import states_at

GOALS = {
    "hold_right": Goal(0.85, at_least=True),
    "facing_right": Goal(0.95, at_least=True),
    "joined_hands_f": Goal(0.85, at_least=True),
    "free_foot_right": Goal(0.90, at_least=True),
    "sure_hold_right": Goal(SURE, at_least=True),
    "sure_facing_right": Goal(SURE, at_least=True),
    "sure_free_foot_right": Goal(SURE, at_least=True),
    "one_right_of_sure_clips": Goal(0.95, at_least=True),
    "sure_clips": Goal(0.70, at_least=True),
    "cpu_s_per_clip_s": Goal(0.05),
}
ANSWERS = {
    "hold": hold_answers,
    "facing": facing_answers,
    "lead's free foot": lead_foot_answers,
    "follow's free foot": follow_foot_answers,
    "both free feet": foot_answers,
}


class Rows(NamedTuple):
    """What is found at labelled boundaries, by clip, and at those of the demo clips.

    The two first fields of each kind: by constants that were not fitted on the couple, and by those of the program.
    """

    real: dict[SeamClip, list[Measured]]
    real_fitted: dict[SeamClip, list[Measured]]
    demo: list[Measured]
    demo_fitted: list[Measured]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_clip_arguments(parser)
    args = parser.parse_args()
    names = sorted({label.clip for label in boundary_labels()} - SAME_FILM.keys())
    demo, real = demo_clips(args.cache), labelled_clips(args.folder, names, args.cache)
    met = [*_counts(real, demo)]
    met += _states(_rows(real, demo))
    print(eights_line(demo))
    labelled = labelled_clips(args.folder, sorted(couple_labels()), args.cache)
    met += couple_figures({clip.name: clip.move for clip in counted(labelled) if clip.move})
    met.append(demo_figure([clip.move for clip in demo if clip.move]))
    met += [_cost([*real, *demo])]
    sys.exit(0 if real and all(met) else 1)


def _rows(real: Sequence[SeamClip], demo: Sequence[SeamClip]) -> Rows:
    """Return what is found in both sets of clips, by constants that were fitted without and with the clip's couple."""
    of_real, of_demo = examples_of(real, boundary_labels()), examples_of(demo, demo_labels())
    models = models_without_couple(of_real, of_demo) if real else {}
    without_demo = fitted(of_real) if real else None
    return Rows(
        {clip: list(measured(clip, boundary_labels(), models[clip.name])) for clip in real},
        {clip: list(measured(clip, boundary_labels())) for clip in real},
        [each for clip in demo for each in measured(clip, demo_labels(), without_demo) if without_demo],
        [each for clip in demo for each in measured(clip, demo_labels())],
    )


def measured(clip: SeamClip, labels: Sequence[BoundaryLabel], model: Model | None = None) -> Iterator[Measured]:
    """Yield the labels of a clip, each with the state that is found at its time.

    The feet of a clip that indexing refuses are left out: it has no counts.
    """
    own = [label if clip.move else _without_feet(label) for label in labels if label.clip == clip.name]
    for label, state in zip(own, states_at(clip, [label.time_s for label in own], model), strict=True):
        yield Measured(label, state)


def _without_feet(label: BoundaryLabel) -> BoundaryLabel:
    return label.model_copy(update={"lead_free_foot": None, "follow_free_foot": None})


def _figure(name: str, value: float) -> bool:
    return figure(name, value, GOALS[name], digits=3)


def _states(found: Rows) -> Iterator[bool]:
    """Print how often hold, hands, facing and free feet are right, and how well the confidences tell."""
    every, fitted_on = ([each for rows in by_clip.values() for each in rows] for by_clip in found[:2])
    twice, once = ([each for each in every if each.label.labelled == times] for times in ("twice", "once"))
    print(f"{'boundaries':26}{'':>6}  hold  majority  hands F  facing  lead's foot  follow's foot")
    for name, rows in (
        ("labelled twice", twice),
        ("labelled once", once),
        ("all labelled", every),
        ("all, fitted on them", fitted_on),
        ("demo, exact", found.demo),
        ("demo, fitted on them", found.demo_fitted),
    ):
        if rows:
            _print_row(name, rows)
    if not twice:
        return
    _print_errors(every)
    yield from _goals(twice)
    yield from _calibrations(every)
    yield _pairs(found.real)


def _print_row(name: str, rows: Sequence[Measured]) -> None:
    hold, facing, lead, follow = (share_right(_answers(rows, what)) for what in list(ANSWERS)[:4])
    print(f"{name:26}{len(rows):6} {hold:5.3f} {majority_share(rows):9.3f} {hands_f(rows):8.3f} {facing:7.3f} "
          f"{lead:12.3f} {follow:14.3f}")  # fmt: skip


def _answers(rows: Sequence[Measured], what: str) -> list[Answer]:
    return [answer for each in rows for answer in ANSWERS[what](each)]


def _print_errors(rows: Sequence[Measured]) -> None:
    """Print which holds and facings are taken for which, and in which clips, the most frequent ones first."""
    for what in ("hold", "facing"):
        both = [(each.label.clip, getattr(each.label, what), getattr(each.state, what)) for each in rows]
        wrong = [(clip, right, found) for clip, right, found in both if right and right != found]
        kinds = Counter((right, found) for _, right, found in wrong).most_common(6)
        clips = Counter(clip for clip, _, _ in wrong).most_common(6)
        print(f"wrong {what}, labelled > found: {', '.join(f'{a} > {b} {n}' for (a, b), n in kinds) or 'none'}; "
              f"most in {', '.join(f'{clip} {n}' for clip, n in clips) or 'none'}")  # fmt: skip


def _goals(rows: Sequence[Measured]) -> Iterator[bool]:
    yield _figure("hold_right", share_right(_answers(rows, "hold")))
    yield _figure("facing_right", share_right(_answers(rows, "facing")))
    yield _figure("joined_hands_f", hands_f(rows))
    yield _figure("free_foot_right", share_right(_answers(rows, "both free feet")))


def _calibrations(rows: Sequence[Measured]) -> Iterator[bool]:
    """Print of each range of confidences how many values have one, and the share of right ones."""
    print("confidence         " + "".join(f"{f'{low:g} to {high:g}':14}" for low, high in pairwise(BINS)))
    for what in ANSWERS:
        print(f"{what:19}{calibration(_answers(rows, what))}")
    for what, name in (("hold", "hold"), ("facing", "facing"), ("both free feet", "free_foot")):
        called_sure = sure(_answers(rows, what))
        if called_sure:
            yield _figure(f"sure_{name}_right", share_right(called_sure))


def _pairs(by_clip: dict[SeamClip, list[Measured]]) -> bool:
    """Print how well two boundaries that fit are told from two that do not, by ours and by the distance of joints."""
    found = fit_aucs(by_clip)
    print(f"two boundaries of different clips: of {found.pairs} pairs {found.fits} are labelled the same in all parts")
    print(f"AUC by the joints' distance {found.by_distance:.3f}, by the states {found.by_states:.3f}")
    above = found.by_states > found.by_distance
    return figure("fits_auc", found.by_states, "above that by the joints' distance", met=above, digits=3)


def _counts(real: Sequence[SeamClip], demo: Sequence[SeamClip]) -> Iterator[bool]:
    """Print for each clip which of its counts are right, and how often those of sure clips are."""
    exact = [row for row in map(demo_counted_clip, counted(demo)) if row]
    rows = [row for row in (counted_clip(clip, count_labels()) for clip in counted(real)) if row]
    _print_counts("demo", exact)
    if not rows:
        return
    print("clip                          counts off: sound   move   confidence")
    for row in rows:
        print(f"{row.clip:34} {row.sound_off:>10} {row.move_off:>6} {row.confidence:12.2f}")
    _print_counts("labelled", rows)
    _print_feet_by_counts(real)
    sure_rows = [row for row in rows if row.confidence >= COUNT_SURE]
    yield _figure("one_right_of_sure_clips", share_right([row.answer for row in sure_rows]))
    yield _figure("sure_clips", len(sure_rows) / len(rows))


def _print_feet_by_counts(clips: Sequence[SeamClip]) -> None:
    """Print how often free feet are right that counts alone decide, those of the sound and those that are labelled."""
    labels = {each.clip: each for each in count_labels() if each.count_of_beat_0}
    by_sound, by_labels = [], []
    for clip in (clip for clip in clips if clip.name in labels):
        own = [label for label in boundary_labels() if label.clip == clip.name]
        by_sound += feet_by_counts(clip, own)
        by_labels += feet_by_counts(clip, own, labels[clip.name])
    print(f"free feet by counts alone: by those of the sound {share_right(by_sound):.3f}, by labelled counts "
          f"{share_right(by_labels):.3f}")  # fmt: skip


def _print_counts(name: str, rows: Sequence[CountedClip]) -> None:
    answers = [row.answer for row in rows]
    sound = np.mean([row.sound_off == "0" for row in rows])
    print(f"{name}: {len(rows)} clips, right by sound alone {sound:.3f}, of the move {share_right(answers):.3f}; "
          f"confidence {calibration(answers)}")  # fmt: skip


def _cost(clips: Sequence[SeamClip]) -> bool:
    """Print the CPU seconds for a second of a clip, of each part of the work and of all."""
    parts = dict(costs(clips))
    print("CPU seconds for a second of a clip:", ", ".join(f"{name} {spent:.4f}" for name, spent in parts.items()))
    return _figure("cpu_s_per_clip_s", sum(parts.values()))


if __name__ == "__main__":
    main()
