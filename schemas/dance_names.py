"""Names of the dance and its music by which requests say what they want."""

from __future__ import annotations

from typing import Final, Literal, get_args

SectionLabel = Literal["intro", "verse", "chorus", "mambo", "break", "outro"]
SectionRhythm = Literal["derecho", "majao", "mambo", "none"]
SECTION_LABELS: Final[tuple[SectionLabel, ...]] = get_args(SectionLabel)
SECTION_RHYTHMS: Final[tuple[SectionRhythm, ...]] = get_args(SectionRhythm)
SECTION_NAMES: Final[tuple[str, ...]] = tuple(dict.fromkeys((*SECTION_LABELS, *SECTION_RHYTHMS)))

# Those of agents/dance/rules.toml, in its order.
RULE_NAMES: Final = (
    "beats",
    "one",
    "cut_on_one",
    "unsure_one",
    "foot",
    "lead_left",
    "half",
    "hold",
    "connector",
    "facing",
    "velocity",
    "place",
    "pose",
    "couple",
    "room",
    "turns",
    "section",
    "footwork_exit",
    "new_section",
    "block",
    "repeated_music",
    "accent",
    "dip",
    "opening",
    "ending",
    "fragment",
    "style",
    "role",
    "level",
    "below_level",
    "energy",
    "energy_change",
    "tempo",
    "tempo_limit",
    "repeated_clip",
    "repeated_move",
    "in_a_row",
    "in_picture",
    "uncut",
    "footwork_share",
    "fit",
)
