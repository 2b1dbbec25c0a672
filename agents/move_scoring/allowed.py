"""Which moves may be danced where: by the level, and by a request's wishes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from agents.arrays import Bools
from agents.dance.music import Request, SlotMusic
from agents.dance.parts import DIFFICULTIES
from agents.dance.states import UNKNOWN
from agents.dance.wishes import Wishes
from agents.move_scoring.move_arrays import MoveArrays
from agents.texts import first_few
from schemas.base import DanceOptions

_MIN_CLIPS = 4


@dataclass(frozen=True)
class Allowed:
    """`clips`: which clips each slot may have, (slots, clips). `level`: the greatest one, an index of DIFFICULTIES.

    `others`: which clips are offered where the wishes leave none: those that are not banned, or all, (clips,).
    `unknown`: a line for each name in the wishes that no move of the library has: it changes nothing. `has_bans`:
    whether moves of the library are banned.
    """

    clips: Bools
    others: Bools
    level: int
    requested_level: int
    unknown: tuple[str, ...] = ()
    has_bans: bool = False

    def some_in_each_slot(self) -> Bools:
        """Return the clips, any where the wishes leave a slot none: planning refuses them and says why."""
        return np.where(self.clips.any(axis=1, keepdims=True), self.clips, self.others)

    def warnings(self) -> Iterator[str]:
        """Yield a warning where harder moves than asked for are needed, and for wishes that change nothing."""
        yield from self.unknown
        if self.level > self.requested_level:
            yield (
                f"the library has too few moves of the level {DIFFICULTIES[self.requested_level]}"
                f"{' that are not banned' if self.has_bans else ''}: "
                f"some of the level {DIFFICULTIES[self.level]} may be danced; index more clips of the lower level"
            )


def allowed_in(music: Sequence[SlotMusic], arrays: MoveArrays, usable: Bools, request: Request) -> Allowed:
    """Return which clips are allowed. `usable`: those that can be shown at all, (clips,)."""
    levels = arrays.parts.level[arrays.starts]
    level = request.level
    options = request.options
    banned = np.zeros(len(arrays.clips), bool)
    wished = np.ones((len(music), len(arrays.clips)), bool)
    if options.pins or options.bans or options.only_in:
        wishes = Wishes(options, dict(zip(arrays.clips, arrays.names, strict=True)))
        banned = np.array([wishes.ban(clip) for clip in arrays.clips], bool)
        wished = _wished(music, arrays, wishes, options)
    free = usable & ~banned
    while level + 1 < len(DIFFICULTIES) and (free & (levels <= level)).sum() < min(_MIN_CLIPS, free.sum()):
        level += 1
    pinned = np.array([any(pin.phrase == slot.phrase for pin in options.pins) for slot in music], bool)
    of_level = free & (levels <= level)
    clips = usable & wished & (pinned[:, None] | of_level)
    others = of_level if free.any() else usable
    unknown = tuple(_unknown(arrays, request))
    return Allowed(clips, others, level, request.level, unknown, has_bans=bool(banned.any()))


def _unknown(arrays: MoveArrays, request: Request) -> Iterator[str]:
    options, styles = request.options, arrays.parts.styles
    if request.style and request.style not in styles:
        known = [style for style in styles if style]
        others = f"annotated are {first_few(known)}" if known else "no move has one"
        yield f"no move of the library has the style '{options.style}', {others}"
    if request.role != UNKNOWN and not (arrays.parts.role == request.role).any():
        yield f"no move of the library is annotated with the role {options.role}"
    if options.bans or options.only_in:
        names = {name.casefold() for of_clip in arrays.names for name in of_clip}
        for name in dict.fromkeys((*options.bans, *(only.move for only in options.only_in))):
            if name.casefold() not in names:
                yield f"no move or clip of the library that can be danced has the name '{name}' of bans or only_in"


def _wished(music: Sequence[SlotMusic], arrays: MoveArrays, wishes: Wishes, options: DanceOptions) -> Bools:
    wished = np.ones((len(music), len(arrays.clips)), bool)
    wish_names = (*(pin.move for pin in options.pins), *options.bans, *(only.move for only in options.only_in))
    named = {name.casefold() for name in wish_names}
    of_wishes = [row for row, names in enumerate(arrays.names) if not named.isdisjoint(map(str.casefold, names))]
    for slot, at in enumerate(music):
        if any(pin.phrase == at.phrase for pin in options.pins):
            wished[slot] = False
        wished[slot, of_wishes] = [wishes.allow(arrays.clips[row], at) for row in of_wishes]
    return wished
