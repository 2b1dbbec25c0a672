"""Faults that depend on all slots before: repetitions, turns in a row, and the same music danced differently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from agents.arrays import Bools, Floats, Ints
from agents.dance.music import EIGHTS_PER_BLOCK, SlotMusic
from agents.dance.parts import Parts
from agents.dance.rules import Rules

CLIP_FADE: Final = 0.95  # of the weight of a repetition, for each slot since
MOVE_FADE: Final = 0.85
MAX_REPEATS: Final = 4.0  # more repetitions than that cost no more: a small library must repeat itself
SEQUENCE_RULES: Final = ("repeated_clip", "repeated_move", "in_a_row", "turns", "repeated_music")
_SAME_MOVE = 0.5  # the amount where the same music gets the same move of another clip


@dataclass(frozen=True)
class Sequences:
    """Dances up to a slot, as arrays, (dances, …).

    `picked`: rows of all parts, of each slot up to now, (dances, slots). `clips`, `moves`: how often each was danced,
    less the longer ago. `in_a_row`: parts with the last move.
    """

    picked: Ints
    clips: Floats
    moves: Floats
    in_a_row: Ints

    @classmethod
    def begin(cls, rows: Ints, parts: Parts) -> Sequences:
        """Return dances of one slot. `rows`: of its parts among all `parts`."""
        clips = np.zeros((len(rows), int(parts.clip.max(initial=0)) + 1), np.float32)
        moves = np.zeros((len(rows), int(parts.move.max(initial=0)) + 1), np.float32)
        each = np.arange(len(rows))
        clips[each, parts.clip[rows]] = 1.0
        moves[each, parts.move[rows]] = 1.0
        return cls(rows[:, None], clips, moves, np.ones(len(rows), np.int64))

    def amounts(self, rows: Ints, continues: Bools, music: SlotMusic, parts: Parts, rules: Rules) -> dict[str, Floats]:
        """Return for each of SEQUENCE_RULES the amounts if the next slot gets each part, (dances, parts).

        `rows`: of the next slot's parts among all `parts`. `continues`: whether a clip continues, (dances, parts).
        """
        repeats = self._repeats(rows, music, parts)
        is_same_again = (repeats == 0.0) & (music.repeats is not None)
        is_new = ~(continues | is_same_again)
        turned = self._turns(parts)[:, None] + parts.turns[rows][None]
        before, in_a_row = self.in_a_row[:, None], self._in_a_row(rows, continues, parts)
        return {
            "repeated_clip": is_new * self.clips[:, parts.clip[rows]],
            "repeated_move": is_new * self.moves[:, parts.move[rows]],
            "in_a_row": ((in_a_row > rules["in_a_row"].limit) & (in_a_row > before)).astype(float),
            "turns": np.clip(turned - rules["turns"].limit, 0.0, parts.turns[rows][None]),
            "repeated_music": repeats,
        }

    def extended(self, dances: Ints, added: Ints, continues: Bools, parts: Parts) -> Sequences:
        """Return the dances of these numbers with one slot more: the part `added` to each, and whether it continues."""
        same = parts.move[self.picked[dances, -1]] == parts.move[added]
        return Sequences(
            picked=np.concatenate([self.picked[dances], added[:, None]], axis=1),
            clips=_counted(self.clips[dances], parts.clip[added], CLIP_FADE),
            moves=_counted(self.moves[dances], parts.move[added], MOVE_FADE),
            in_a_row=np.where(same, self.in_a_row[dances] + ~continues, 1),
        )

    def _repeats(self, rows: Ints, music: SlotMusic, parts: Parts) -> Floats:
        """Return 0 where the part is the one that the same music had first, or its mirror image, and for new music."""
        if music.repeats is None:
            return np.zeros((len(self.picked), len(rows)))
        first = self.picked[:, music.repeats]
        same = (parts.clip[first][:, None] == parts.clip[rows]) & (parts.first[first][:, None] == parts.first[rows])
        same_move = parts.move[first][:, None] == parts.move[rows]
        amount: Floats = np.where(same, 0.0, np.where(same_move, _SAME_MOVE, 1.0))
        return amount

    def _turns(self, parts: Parts) -> Floats:
        """Return the follow's turns in the slots before that are in one block with the next one."""
        turned: Floats = parts.turns[self.picked[:, 1 - EIGHTS_PER_BLOCK :]].sum(axis=1)
        return turned

    def _in_a_row(self, rows: Ints, continues: Bools, parts: Parts) -> Ints:
        """Return the number of parts in a row with the part's move: a clip that continues is one part."""
        same = parts.move[self.picked[:, -1]][:, None] == parts.move[rows]
        counted: Ints = np.where(same, self.in_a_row[:, None] + ~continues, 1)
        return counted


def _counted(counts: Floats, newest: Ints, fade: float) -> Floats:
    """Return the counts a slot later: times `fade`, plus 1 for the newest, at most MAX_REPEATS."""
    faded = counts * np.float32(fade)
    faded[np.arange(len(newest)), newest] += 1.0
    capped: Floats = np.minimum(faded, np.float32(MAX_REPEATS))
    return capped
