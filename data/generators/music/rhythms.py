"""Tables of what percussion and bass play in a bar: three styles for each of bachata's rhythms.

The textbook style has the common patterns: derecho (martillo on the bongo, the low drum on 4, guira in eighths), majao
(guira and bongo in quarters) and mambo (galloping guira, bell, syncopated bass). In the street style the guira accents
the off-beats, the low drum is silent in every other bar and the bass anticipates; the modern style adds a kick on 1 and
3 and a sparser bongo. Beats of a bar count from 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from data.generators.music.hardness import Patterns
from data.generators.music.score import Rhythm

Hits = tuple[tuple[float, float], ...]  # beat in the bar, velocity
Scrapes = tuple[tuple[float, float, float], ...]  # beat in the bar, velocity, length in beats
Steps = tuple[
    tuple[float, int, float, float], ...
]  # beat in the bar, semitones above the root, velocity, length in beats


@dataclass(frozen=True)
class RhythmTables:
    """The patterns of one style by rhythm.

    The bongo's two drums have one pattern for each bar of a cycle, the bass one for each variant.
    """

    macho: dict[Rhythm, tuple[Hits, ...]]
    hembra: dict[Rhythm, tuple[Hits, ...]]
    guira: dict[Rhythm, Scrapes]
    bass: dict[Rhythm, tuple[Steps, Steps]]
    kick: dict[Rhythm, Hits]


BELL: Hits = ((0, 0.8), (1, 0.62), (1.5, 0.42), (2, 0.76), (3, 0.62), (3.5, 0.42))


def _on_each_beat(*scrapes: tuple[float, float, float]) -> Scrapes:
    return tuple((beat + offset, velocity, length) for beat in range(4) for offset, velocity, length in scrapes)


_MARTILLO: Hits = ((0, 0.9), (0.5, 0.34), (1, 0.56), (1.5, 0.32), (2, 0.84), (2.5, 0.3), (3.5, 0.44))
_ON_ONE_AND_THREE: Hits = ((0, 0.9), (2, 0.85))
_SNAPPING: Scrapes = tuple((e / 2, *((0.9, 0.34) if e in (2, 6) else (0.56, 0.16))) for e in range(8))
_WALKING: Steps = ((0, 0, 0.95, 1.35), (1.5, 7, 0.66, 0.4), (2, 7, 0.8, 0.8), (3, 12, 0.8, 0.8))
_PUSHING: Steps = ((0, 0, 0.95, 1.3), (1.5, 7, 0.78, 0.4), (2, 7, 0.8, 1.3), (3.5, 12, 0.78, 0.4))
_PLAIN: Steps = ((0, 0, 0.95, 1.8), (2, 7, 0.82, 0.8), (3, 7, 0.7, 0.4), (3.5, 12, 0.66, 0.4))

_TEXTBOOK = RhythmTables(
    macho={
        "derecho": (_MARTILLO,),
        "majao": (((0, 0.86), (1, 0.8), (2, 0.86)),),
        "mambo": (((0, 0.9), (0.75, 0.5), (1, 0.56), (1.5, 0.55), (2, 0.84), (2.5, 0.46)),),
    },
    hembra={"derecho": (((3, 1.0),),), "majao": (((3, 1.0),),), "mambo": (((3, 1.0), (3.5, 0.7)),)},
    guira={
        "derecho": _on_each_beat((0.0, 0.85, 0.3), (0.5, 0.6, 0.18)),
        "majao": _on_each_beat((0.0, 0.92, 0.5)),
        "mambo": _on_each_beat((0.0, 0.95, 0.34), (0.5, 0.5, 0.12), (0.75, 0.6, 0.14)),
    },
    bass={
        "derecho": (_WALKING, ((0, 0, 0.95, 1.6), (2, 7, 0.8, 0.8), (3, 0, 0.8, 0.8))),
        "majao": (
            ((0, 0, 0.95, 1.35), (1.5, 7, 0.72, 0.4), (2, 7, 0.82, 0.8), (3, 12, 0.84, 0.8)),
            ((0, 0, 0.95, 1.35), (1.5, 0, 0.7, 0.4), (2, 7, 0.82, 0.8), (3, 0, 0.84, 0.8)),
        ),
        "mambo": (
            ((0, 0, 1.0, 0.7), (1.5, 0, 0.85, 0.4), (2, 7, 0.8, 0.4), (3, 12, 0.9, 0.4), (3.5, 7, 0.74, 0.4)),
            ((0, 0, 1.0, 0.5), (0.75, 0, 0.62, 0.3), (1.5, 7, 0.85, 0.4), (2.5, 12, 0.8, 0.4), (3, 7, 0.9, 0.5)),
        ),
    },
    kick={},
)
_STREET = RhythmTables(
    macho={
        "derecho": (_MARTILLO, (*_MARTILLO[:-1], (3, 0.6), (3.5, 0.5))),
        "majao": (((0, 0.86), (1, 0.8), (2, 0.86)), ((0, 0.8), (1, 0.8), (2, 0.8), (3, 0.8), (3.5, 0.5))),
        "mambo": (
            ((0, 0.85), (0.5, 0.5), (1, 0.5), (1.5, 0.8), (2.5, 0.6)),
            ((0, 0.85), (0.5, 0.5), (1, 0.5), (1.5, 0.8), (2.5, 0.6), (3, 0.6), (3.5, 0.5)),
        ),
    },
    hembra={"derecho": (((3, 1.0),), ()), "majao": (((3, 1.0),), ()), "mambo": (((3, 0.95),), ())},
    guira={
        "derecho": _on_each_beat((0.0, 0.72, 0.2), (0.5, 0.74, 0.26)),
        "majao": _on_each_beat((0.0, 0.9, 0.3)),
        "mambo": _on_each_beat((0.0, 0.85, 0.2), (0.25, 0.45, 0.12), (0.5, 0.75, 0.2), (0.75, 0.45, 0.12)),
    },
    bass={
        "derecho": (_PUSHING, _WALKING),
        "majao": (_PUSHING, _PUSHING),
        "mambo": (
            ((0, 0, 1.0, 1.3), (1.5, 7, 0.9, 1.3), (3, 12, 0.85, 0.4), (3.5, 7, 0.8, 0.4)),
            ((0, 0, 1.0, 0.7), (1.5, 0, 0.9, 0.9), (2.5, 7, 0.85, 0.9), (3.5, 12, 0.8, 0.4)),
        ),
    },
    kick={},
)
_MODERN = RhythmTables(
    macho={
        "derecho": (((0, 0.8), (1, 0.5), (1.5, 0.4), (2, 0.8), (2.5, 0.4), (3.5, 0.6)),),
        "majao": (((0, 0.8), (2, 0.8), (2.5, 0.5)),),
        "mambo": (((0, 0.86), (0.75, 0.6), (1.5, 0.7), (2, 0.8), (2.75, 0.6)),),
    },
    hembra={"derecho": (((3, 0.95),),), "majao": (((3, 0.95),),), "mambo": (((3, 1.0), (3.5, 0.8)),)},
    guira={
        "derecho": _SNAPPING,
        "majao": _on_each_beat((0.0, 0.88, 0.44)),
        "mambo": _on_each_beat((0.0, 0.9, 0.3), (0.5, 0.6, 0.14), (0.75, 0.6, 0.14)),
    },
    bass={
        "derecho": (_PLAIN, _PUSHING),
        "majao": (_PLAIN, _WALKING),
        "mambo": (
            ((0, 0, 1.0, 0.7), (0.75, 0, 0.7, 0.6), (1.5, 7, 0.85, 0.4), (2, 7, 0.8, 0.4), (3, 12, 0.9, 0.8)),
            ((0, 0, 1.0, 1.3), (1.5, 7, 0.85, 0.4), (2, 7, 0.85, 0.8), (3, 12, 0.85, 0.8)),
        ),
    },
    kick={"derecho": _ON_ONE_AND_THREE, "majao": _ON_ONE_AND_THREE, "mambo": tuple((b, 0.85) for b in range(4))},
)
RHYTHM_TABLES: dict[Patterns, RhythmTables] = {"textbook": _TEXTBOOK, "street": _STREET, "modern": _MODERN}
