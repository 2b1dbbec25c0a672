"""Choose the candidates of each slot: the moves of which a good dance can be made, out of all moves of a library.

All eights are rated in all slots by the rules of the dance. Of the moves that are rated best, those of the couples that
can dance the whole song make a pool. Then it is computed how much more than the best one a dance of this pool costs, at
least, that has a given move in a given slot: so the candidates fit the music and the candidates around them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from agents.arrays import Bools, Floats, Ints
from agents.dance.changes import MusicChange, change_between
from agents.dance.music import Request, SlotMusic
from agents.dance.parts import Parts
from agents.dance.rules import Rules
from agents.dance.sequence import CLIP_FADE, MAX_REPEATS, MOVE_FADE
from agents.dance.slot_faults import cost_blocks, cost_in_slots
from agents.move_scoring.move_arrays import MoveArrays
from agents.move_scoring.seam_matrices import SeamMatrices
from agents.playable import EIGHT

_POOL_PARTS = 160
_MIN_PARTS_OF_A_COUPLE = 24
_MIN_EIGHTS = 4  # of a clip
_RANKS = 12  # of the best clips of a couple in a slot
_FEW = 4  # clips of a couple by which it is rated
_NOT_ALLOWED = 50.0  # points: more than any slot costs that breaks no gate
_REPEATS_SHARE = 0.5  # of the estimate: a plan can also repeat less, with another couple in another section
_CHANGE_OF_COUPLE = 3.0  # points, beside those of the rule, that other seams cost
_AROUND = 16  # slots before and after
_BROKEN = 30.0  # points that count for a broken gate in a mean
_LITTLE = 1e-3
_BIG: Final = 1e9


@dataclass(frozen=True)
class Candidates:
    """The eights among which candidates were chosen, and for each slot the best eight of each candidate.

    `rows`: of the pool among all eights. `slots`: for each slot the columns of the pool, the best first. `costs`: of
    the pool in each slot, (slots, pool).
    """

    rows: Ints
    slots: tuple[tuple[int, ...], ...]
    costs: Floats


def candidates_of(  # noqa: PLR0913, PLR0917
    music: Sequence[SlotMusic],
    arrays: MoveArrays,
    parts: Parts,
    allowed: Bools,
    request: Request,
    number: int,
    seams: SeamMatrices,
    *,
    fast: bool = False,
) -> Candidates:
    """Return up to `number` candidates for each slot, each of another clip.

    `parts`: the arrays' parts with their fit to the song. `allowed`: which clips each slot may have, (slots, clips).
    `fast`: only by how well they fit the slot.
    """
    whole = [as_whole_eight(slot) for slot in music]
    clip_costs = np.where(allowed, _clip_costs(whole, arrays, parts, request), np.inf)
    clips = _pool(clip_costs, music, arrays, parts, request, number)
    lacking = _of_slots_without(clips, clip_costs)
    most = dict.fromkeys(clips, _most_eights(number)) | dict.fromkeys(lacking, _most_eights(max(number, len(lacking))))
    pool = np.concatenate([_eights_of(clip, most[clip], arrays, parts, whole, request) for clip in sorted(most)])
    in_pool = parts.rows(pool)
    costs = np.where(allowed[:, in_pool.clip], cost_in_slots(whole, in_pool, request), np.inf)
    if fast:
        orders = [[int(column) for column in np.argsort(of_slot, kind="stable")] for of_slot in costs]
    else:
        repeats = _repeats_of_clips(np.array(clips, np.int64), arrays, parts, request.rules)[in_pool.clip]
        orders = _orders(music, in_pool, costs + repeats, request, seams.between(pool, request.rules))
    slots = (
        _of_other_clips((n for n in order if np.isfinite(costs[slot, n])), in_pool, number)
        for slot, order in enumerate(orders)
    )
    return Candidates(pool, tuple(slots), costs)


def as_whole_eight(slot: SlotMusic) -> SlotMusic:
    """Return the music of a part of an eight as it would be for a whole one, of which the library's parts are."""
    beats = slot.beats - 1 + slot.last_share
    if slot.beats == EIGHT and beats == EIGHT and not slot.eight_offset:
        return slot
    return replace(slot, seconds=slot.seconds * EIGHT / beats, last_share=1.0, eight_offset=0, accents=())


def _clip_costs(music: Sequence[SlotMusic], arrays: MoveArrays, parts: Parts, request: Request) -> Floats:
    """Return the cost of each clip's best eight in each slot, (slots, clips)."""
    blocks = cost_blocks(music, parts, request)
    return np.concatenate([arrays.least_of_clips(block.astype(np.float32)) for block in blocks])


def _pool(  # noqa: PLR0913, PLR0917
    clip_costs: Floats, music: Sequence[SlotMusic], arrays: MoveArrays, parts: Parts, request: Request, number: int
) -> list[int]:
    """Return the clips that a dance is searched in, in order. Of a clip, `_most_eights` count."""
    usable = np.flatnonzero(np.isfinite(clip_costs).any(axis=0))
    sizes = np.minimum(np.diff(np.append(arrays.starts, len(parts.parts))), _most_eights(number))
    if sizes[usable].sum() <= _POOL_PARTS:
        return [int(clip) for clip in usable]
    bounded = np.where(np.isfinite(clip_costs), clip_costs, np.float32(_NOT_ALLOWED))
    couples = parts.couple[arrays.starts]
    groups = [usable[couples[usable] == couple] for couple in np.unique(couples[usable])]
    repeats = _repeats_of_clips(usable, arrays, parts, request.rules)
    rated = np.array([_rating(bounded[:, group], float(repeats[group[0]])) for group in groups])
    first = _best_of_sections(rated, music, request.rules)
    others = [n for n in np.argsort(rated.sum(axis=1), kind="stable").tolist() if n not in first]
    quota = max(_MIN_PARTS_OF_A_COUPLE, 2 * _POOL_PARTS // 3 // len(first))
    quotas = [*((n, quota) for n in first), *((n, _MIN_PARTS_OF_A_COUPLE) for n in others)]
    chosen: set[int] = set()
    for n, most in [*quotas, *((n, _POOL_PARTS) for n in first)]:
        taken = int(sizes[list(chosen)].sum())
        _add_clips(chosen, _by_rank(bounded, groups[n]), sizes, min(most, _POOL_PARTS - taken))
    return sorted(chosen)


def _of_slots_without(clips: Sequence[int], clip_costs: Floats) -> set[int]:
    """Return the best clips of the slots that may have none of some clips, because of the wishes of the request."""
    without = ~np.isfinite(clip_costs[:, clips]).any(axis=1)
    return set(clip_costs[without].argmin(axis=1).tolist())


def _add_clips(chosen: set[int], clips: Iterable[int], sizes: Ints, most: int) -> None:
    """Add the first of some clips until they have `most` eights."""
    for clip in clips:
        if most <= 0:
            return
        if clip not in chosen:
            chosen.add(clip)
            most -= int(sizes[clip])


def _most_eights(number: int) -> int:
    """Return how many eights of one clip are offered, so that there are enough clips."""
    return max(_MIN_EIGHTS, _POOL_PARTS // number)


def _eights_of(  # noqa: PLR0913, PLR0917
    clip: int, most: int, arrays: MoveArrays, parts: Parts, music: Sequence[SlotMusic], request: Request
) -> Ints:
    """Return the rows of a clip's eights, of a long clip of those in a row that fit the song best."""
    rows = arrays.rows_of(clip)
    if len(rows) <= most:
        return rows
    costs = cost_in_slots(music, parts.rows(rows), request).mean(axis=0)
    sums = np.convolve(costs, np.ones(most), mode="valid")
    start = int(sums.argmin())
    return rows[start : start + most]


def _rating(costs: Floats, repeats: float) -> Floats:
    """Return what a couple costs in each slot: its best clips there, and what it repeats."""
    few = min(_FEW, costs.shape[1])
    rating: Floats = np.partition(costs, few - 1, axis=1)[:, :few].mean(axis=1) + repeats
    return rating


def _repeats(sizes: Ints, moves: Ints, rules: Rules) -> float:
    """Return about how many points a couple loses in a slot because it repeats its few clips and moves.

    `sizes`: the number of eights of each of its clips; `moves`: their labels. All are danced in turn.
    """
    mean, labels = float(sizes.mean()), len(np.unique(moves))
    of_clips = rules.points("repeated_clip") * _shown_again(CLIP_FADE ** float(sizes.sum()))
    of_moves = rules.points("repeated_move") * _shown_again(MOVE_FADE ** (mean * labels))
    in_a_row = rules.points("in_a_row") if labels == 1 else 0.0
    return _REPEATS_SHARE * ((of_clips + of_moves) / mean + in_a_row)


def _shown_again(fade: float) -> float:
    """Return how much counts what was shown once, twice, … as long ago."""
    return min(MAX_REPEATS, fade / (1.0 - fade))


def _repeats_of_clips(clips: Ints, arrays: MoveArrays, parts: Parts, rules: Rules) -> Floats:
    """Return for each of all clips what its couple repeats if it dances only some clips; 0 for other couples."""
    couples, moves = parts.couple[arrays.starts], parts.move[arrays.starts]
    sizes = np.diff(np.append(arrays.starts, len(parts.parts)))
    repeats = np.zeros(len(arrays.clips))
    for couple in np.unique(couples[clips]):
        own = clips[couples[clips] == couple]
        repeats[own] = _repeats(sizes[own], moves[own], rules)
    return repeats


def _best_of_sections(rated: Floats, music: Sequence[SlotMusic], rules: Rules) -> list[int]:
    """Return the couples with which the sections cost least, those of most slots first. `rated`: (couples, slots)."""
    sections = np.array([slot.section for slot in music])
    edges = np.flatnonzero(np.diff(sections, prepend=sections[0] - 1))
    costs = np.add.reduceat(rated, edges, axis=1)
    change = rules.points("couple") + _CHANGE_OF_COUPLE
    total, parents = costs[:, 0], []
    for section in range(1, len(edges)):
        best = int(total.argmin())
        stays = total <= total[best] + change
        parents.append(np.where(stays, np.arange(len(total)), best))
        total = np.where(stays, total, total[best] + change) + costs[:, section]
    at = int(total.argmin())
    path = [at]
    for parent in reversed(parents):
        at = int(parent[at])
        path.append(at)
    lengths = np.diff(np.append(edges, len(music)))
    slots = np.bincount(path[::-1], weights=lengths, minlength=len(rated))
    return sorted(set(path), key=lambda n: (-slots[n], n))


def _by_rank(costs: Floats, group: Ints) -> list[int]:
    """Return clips of a couple: the best one of each slot, then the second ones, and so on."""
    ranks = np.argsort(costs[:, group], axis=1, kind="stable")[:, :_RANKS]
    return list(dict.fromkeys(group[ranks.T.ravel()].tolist()))


def _of_other_clips(columns: Iterable[int], parts: Parts, number: int) -> tuple[int, ...]:
    """Return the first columns that are of different clips."""
    found: dict[int, int] = {}
    for column in columns:
        found.setdefault(int(parts.clip[column]), column)
        if len(found) >= number:
            break
    return tuple(found.values())


def _orders(
    music: Sequence[SlotMusic], parts: Parts, costs: Floats, request: Request, pairs: dict[str, Floats]
) -> list[list[int]]:
    """Return for each slot the columns of the parts, those first with which a dance costs least.

    The order does not depend on the number of candidates, so that more of them make no dance worse. First are the part
    of the best dance, and the one that it has where the same music was first.
    """
    with_part, path = _best_dance(np.minimum(costs, _BIG), _change_costs(music, parts, pairs, request))
    more = _around(with_part - with_part.min(axis=1, keepdims=True), parts)
    orders = []
    for slot, at in enumerate(music):
        same_music = [] if at.repeats is None else [path[at.repeats]]
        orders.append([path[slot], *same_music, *np.argsort(more[slot], kind="stable").tolist()])
    return orders


def _around(more: Floats, parts: Parts) -> Floats:
    """Return what a dance costs more with each clip in a slot, in the mean of the slots around it, (slots, parts).

    So neighbouring slots have mostly the same clips, and a clip that is begun can be danced on. Of a clip, the part
    that costs least in the slot itself is a little better than the others.
    """
    of_clip = np.empty(more.shape)
    for clip in np.unique(parts.clip):
        columns = parts.clip == clip
        of_clip[:, columns] = more[:, columns].min(axis=1, keepdims=True)
    slots = np.arange(len(more))
    away = np.abs(slots[:, None] - slots[None])
    weights = np.where(away <= _AROUND, 1.0 / (1.0 + away), 0.0)
    mean = (weights / weights.sum(axis=1, keepdims=True)) @ np.minimum(of_clip, _BROKEN)
    around: Floats = mean + _LITTLE * np.minimum(more, _BIG)
    return around


def _change_costs(music: Sequence[SlotMusic], parts: Parts, pairs: dict[str, Floats], request: Request) -> list[Floats]:
    """Return the costs of the changes between each two slots, (before, after); one array where the music is alike."""
    known: dict[MusicChange, Floats] = {}
    kinds = [MusicChange.between(before, after) for before, after in pairwise(music)]
    for kind in kinds:
        if kind not in known:
            known[kind] = change_between(kind, parts, parts, pairs, request).cost(request.rules)
    return [known[kind] for kind in kinds]


def _best_dance(costs: Floats, changes: Sequence[Floats]) -> tuple[Floats, list[int]]:
    """Return what the best dance with each part in each slot costs, and the parts of the best one; without repetitions.

    `costs`: (slots, parts).
    """
    to_slot = [costs[0]]
    for slot, change in enumerate(changes, 1):
        to_slot.append((to_slot[-1][:, None] + change).min(axis=0) + costs[slot])
    after = [np.zeros(costs.shape[1])]
    for slot in range(len(changes) - 1, -1, -1):
        after.append((changes[slot] + (costs[slot + 1] + after[-1])[None]).min(axis=1))
    rest = after[::-1]
    path = [int((to_slot[0] + rest[0]).argmin())]
    for slot, change in enumerate(changes, 1):
        path.append(int((change[path[-1]] + costs[slot] + rest[slot]).argmin()))
    return np.array(to_slot) + np.array(rest), path
