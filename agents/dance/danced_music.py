"""The music that is danced to: what is heard of a song, cut into slots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from agents.dance.cut_music import Heard, heard_beats, heard_music
from agents.dance.dance_grid import dance_grid_of
from agents.dance.music import Request, SlotMusic, music_of
from agents.dance.slots import Slot, Starting, cut_slots
from schemas.audio_analyzed import AudioAnalysis


class DancedMusic(NamedTuple):
    """What is heard of a song, the slots of the dance to it, and the music of each slot."""

    heard: Heard
    slots: tuple[Slot, ...]
    music: tuple[SlotMusic, ...]


class _Start(NamedTuple):
    """The first beat of a phrase in the music that is heard, and the number of the phrase in the whole song."""

    start_beat: int
    phrase: int


def danced_music(analysis: AudioAnalysis, phrases: Sequence[Starting], request: Request) -> DancedMusic:
    """Return the music of the dance that is asked for. `phrases`: of the whole song; slots have their numbers there.

    Raises: `Poison` (`no_beats`) for a song with fewer than two beats.
    """
    heard = heard_music(analysis, request.options)
    starts = _heard_starts(analysis, phrases, heard)
    cut = cut_slots(dance_grid_of(heard.analysis, heard.options), starts)
    slots = tuple(replace(slot, phrase=starts[slot.phrase].phrase) for slot in cut)
    return DancedMusic(heard, slots, music_of(slots, heard.analysis, request))


def _heard_starts(analysis: AudioAnalysis, phrases: Sequence[Starting], heard: Heard) -> list[_Start]:
    """Return the phrases that are heard; all of them, unless the song is cut."""
    if not heard.parts:
        return [_Start(phrase.start_beat, n) for n, phrase in enumerate(phrases)]
    number = {beat: n for n, beat in enumerate(heard_beats(analysis, heard.parts))}
    return [_Start(number[phrase.start_beat], n) for n, phrase in enumerate(phrases) if phrase.start_beat in number]
