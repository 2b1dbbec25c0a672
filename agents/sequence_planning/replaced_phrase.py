"""Another move in one phrase of a dance, the rest as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from agents.arrays import Floats, Ints
from agents.dance.changes import MusicChange, change_between, pair_amounts
from agents.dance.judge import judge
from agents.dance.parts import Part, Parts, parts_of
from agents.dance.slot_faults import slot_cost
from agents.dance.wishes import Wishes
from agents.playable import offered_runs
from agents.sequence_planning.changed_rows import with_parts
from agents.sequence_planning.opened_plan import OpenedPlan
from schemas.faults import Poison
from schemas.move_indexed import MoveSummary
from schemas.plan_file import PlanFile

ANOTHER = "another"
_JUDGED = 24  # of the choices, those that cost least between their neighbours
_MIN_HASH_DIGITS = 4


def with_move(opened: OpenedPlan, phrase: int, move: str) -> PlanFile:
    """Return the file of the dance with another move in a phrase: of all that may be there, the one that costs least.

    `phrase`: its number, from 1. `move`: the name of a clip or of its move, at least 4 digits of a clip's SHA-256, or
    ANOTHER. Raises: `Poison`: `unknown_move` where the file has none of that name, `no_usable_moves` where it cannot be
    danced there.
    """
    slots = [n for n, music in enumerate(opened.music) if music.phrase == phrase]
    if not slots:
        raise Poison(f"the dance has {opened.music[-1].phrase} phrases, not {phrase}", reason="no_change")
    allowed = sorted(_allowed(opened, slots, move))
    choices = [parts for sha in allowed for parts in _parts(opened, slots, opened.file.moves[sha])]
    if not choices:
        what = "no other move of the plan's file can" if move == ANOTHER else f"'{move}' cannot"
        raise Poison(f"{what} be danced in phrase {phrase}: name another with --to", reason="no_usable_moves")
    best = _best(opened, slots, choices)
    return with_parts(opened, slots, best)


def _allowed(opened: OpenedPlan, slots: Sequence[int], move: str) -> Iterator[str]:
    """Yield the clips that may be in a phrase; where a move is named, those of it. Raises: `Poison`."""
    moves = opened.file.moves
    if move != ANOTHER:
        found = clips_named(move, moves)
        if not found:
            raise Poison(f"no move '{move}' in the plan's file or the library", reason="unknown_move")
        yield from found
        return
    names = {sha: (found.name, found.move) for sha, found in moves.items()}
    wishes = Wishes(opened.file.request.options.model_copy(update={"pins": ()}), names)
    own = {opened.dance.parts[n].clip for n in slots}
    for sha in moves:
        if sha not in own and all(wishes.allow(sha, opened.music[n]) for n in slots):
            yield sha


def clips_named(move: str, moves: dict[str, MoveSummary]) -> list[str]:
    """Return the clips with this name, or else of a move with this name, or whose SHA-256 begins so."""
    name = move.casefold()
    by_clip = [sha for sha, found in moves.items() if found.name.casefold() == name]
    by_move = [sha for sha, found in moves.items() if found.move.casefold() == name]
    by_hash = [sha for sha in moves if len(name) >= _MIN_HASH_DIGITS and sha.startswith(name)]
    return by_clip or by_move or by_hash


def _parts(opened: OpenedPlan, slots: Sequence[int], move: MoveSummary) -> Iterator[tuple[Part, ...]]:
    """Yield what a clip can show in the slots, on the counts of the music, plain and mirrored."""
    dance = opened.dance
    lengths = [dance.slots[n].beats for n in slots]
    runs = offered_runs(move)
    is_off_beat = any(dance.rows[n] in dance.off_beat for n in slots)
    now = () if is_off_beat else tuple(dance.parts[n] for n in slots)
    for first in sorted({eight.start_beat + dance.slots[slots[0]].eight_offset for eight in move.eights}):
        if not any(run.part(first, sum(lengths)) for run in runs):
            continue
        for mirrored in (False, True) if move.boundaries else (False,):
            edges = np.cumsum([first, *lengths]).tolist()
            found = tuple(Part(move.clip.sha256, start, end, mirrored) for start, end in pairwise(edges))
            if found != now:
                yield found


def _best(opened: OpenedPlan, slots: Sequence[int], choices: Sequence[tuple[Part, ...]]) -> tuple[Part, ...]:
    """Return the choice with which the whole dance has the fewest broken gates, and then the fewest points."""
    dance = opened.dance
    every = sorted({*dance.parts, *(part for parts in choices for part in parts)})
    number = {part: row for row, part in enumerate(every)}
    parts = parts_of(every, opened.file.moves, opened.file.fits)
    own = np.array([number[part] for part in dance.parts])
    of_choices = np.array([[number[part] for part in choice] for choice in choices])
    costs = _costs(opened, slots, parts, own, of_choices)
    judged = []
    for n in np.argsort(costs, kind="stable")[:_JUDGED]:
        rows = own.copy()
        rows[slots[0] : slots[-1] + 1] = of_choices[n]
        sheet = judge(dance.slots, opened.music, parts.rows(rows), opened.request, dance.amounts)
        judged.append((sheet.broken_gates, sheet.points, int(n)))
    return choices[min(judged)[-1]]


def _costs(opened: OpenedPlan, slots: Sequence[int], parts: Parts, own: Ints, choices: Ints) -> Floats:
    """Return what each choice costs in its slots and at the cuts before and after them."""
    costs: Floats = np.zeros(len(choices))
    for column, slot in enumerate(slots):
        costs += slot_cost(opened.music[slot], parts.rows(choices[:, column]), opened.request)
    if slots[0]:
        costs += _change_costs(opened, slots[0], parts, own[slots[0] - 1 : slots[0]], choices[:, 0])[0]
    if slots[-1] + 1 < len(own):
        costs += _change_costs(opened, slots[-1] + 1, parts, choices[:, -1], own[slots[-1] + 1 : slots[-1] + 2])[:, 0]
    return costs


def _change_costs(opened: OpenedPlan, slot: int, parts: Parts, before: Ints, after: Ints) -> Floats:
    """Return what each change into a slot costs, (before, after)."""
    one, two = parts.rows(before), parts.rows(after)
    rules, music = opened.request.rules, MusicChange.between(opened.music[slot - 1], opened.music[slot])
    return change_between(music, one, two, pair_amounts(one, two, rules), opened.request).cost(rules)
