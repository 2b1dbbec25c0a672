"""Runners-up: the clips that could best be shown in the place of a segment's own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from agents.sequence_planning.choices import Choice
from agents.sequence_planning.path import CLIP_REPEAT_COST, PathStep
from agents.sequence_planning.slots import Slot
from agents.sequence_planning.transitions import OFF_ONE_COST, UNKNOWN_POSE_COST
from schemas.limits import MAX_RUNNERS_UP

ClipChoices = Mapping[str, Sequence[Choice]]


@dataclass(frozen=True)
class _ClipPath:
    """Choices of one clip for the first slots of a segment, with the sum of their values less the costs of cuts."""

    total: float
    steps: tuple[PathStep, ...]


def by_clip(choices: Sequence[Choice]) -> ClipChoices:
    """Return a slot's choices by clip, in the same order."""
    clips: dict[str, list[Choice]] = defaultdict(list)
    for choice in choices:
        clips[choice.clip].append(choice)
    return clips


def runners_up(
    slots: Sequence[Slot], choices: Sequence[ClipChoices], own: str, neighbours: Set[str]
) -> list[tuple[PathStep, ...]]:
    """Return the choices of the best other clips for a segment's slots, the best clip first; at most `MAX_RUNNERS_UP`.

    `own`: the segment's clip. `neighbours`: the clips shown before and after it; they cost what a repetition costs.
    """
    others = set.intersection(*(set(clips) for clips in choices)) - {own}
    paths = [_clip_path(slots, [clips[clip] for clips in choices], clip in neighbours) for clip in sorted(others)]
    best = sorted(paths, key=lambda path: -path.total)  # equal ones stay ordered by clip
    return [path.steps for path in best[:MAX_RUNNERS_UP]]


def _clip_path(slots: Sequence[Slot], choices: Sequence[Sequence[Choice]], repeats: bool) -> _ClipPath:
    cost = CLIP_REPEAT_COST if repeats else 0.0
    paths = [_ClipPath(choice.value - cost, (PathStep(choice, False, 0.0, -cost),)) for choice in choices[0]]
    for slot, following in zip(slots[1:], choices[1:], strict=True):
        paths = _extended(paths, following, UNKNOWN_POSE_COST + (OFF_ONE_COST if slot.phrase_offset else 0.0))
    return _best(paths)


def _extended(paths: Sequence[_ClipPath], following: Sequence[Choice], cut_cost: float) -> list[_ClipPath]:
    """Return for each following choice the best path to it; it continues a path that ends on its first beat."""
    best, by_end = _best(paths), {path.steps[-1].choice.end: path for path in paths}
    extended = []
    for choice in following:
        before, continued = best.total - cut_cost - CLIP_REPEAT_COST, by_end.get(choice.first)
        if continued is not None and continued.total >= before:
            steps = (*continued.steps, PathStep(choice, True, 0.0, 0.0))
            extended.append(_ClipPath(continued.total + choice.value, steps))
        else:
            steps = (*best.steps, PathStep(choice, False, -cut_cost, -CLIP_REPEAT_COST))
            extended.append(_ClipPath(before + choice.value, steps))
    return extended


def _best(paths: Sequence[_ClipPath]) -> _ClipPath:
    return max(paths, key=lambda path: path.total)
