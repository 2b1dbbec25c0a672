"""Wishes: moves that a phrase must have, that must not be danced, and that are for some sections only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from agents.dance.music import SlotMusic
from schemas.base import DanceOptions


class Wishes:
    """Which clips the wishes of a request allow in a slot. A move is named by its clip or by its label."""

    def __init__(self, options: DanceOptions, names: Mapping[str, Iterable[str]]) -> None:
        """Take the names of each clip: its own, and its label."""
        self._names = {sha: {name.casefold() for name in of_clip} for sha, of_clip in names.items()}
        self._bans = {name.casefold() for name in options.bans}
        self._pins = defaultdict[int, set[str]](set)
        for pin in options.pins:
            self._pins[pin.phrase].add(pin.move.casefold())
        self._sections = defaultdict[str, set[str]](set)
        for only in options.only_in:
            self._sections[only.move.casefold()] |= {section.casefold() for section in only.sections}

    def ban(self, sha256: str) -> bool:
        """Return whether a clip must not be danced at all."""
        return bool(self._names[sha256] & self._bans)

    def allow(self, sha256: str, music: SlotMusic) -> bool:
        """Return whether a clip may be danced in a slot."""
        names, pins = self._names[sha256], self._pins.get(music.phrase)
        sections = [allowed for name, allowed in self._sections.items() if name in names]
        return (
            not self.ban(sha256)
            and (pins is None or bool(names & pins))
            and all(allowed & {music.label, music.rhythm} for allowed in sections)
        )
