"""List the twelve clips of the demo set: the move, the music, and the annotation of each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ClipSpec:
    """One clip; `label` is its move's category in the annotations, `seed` selects its music."""

    name: str
    move: str
    label: str
    tempo_bpm: float
    energy: str
    difficulty: str
    seed: int
    notes: str

    def annotation(self) -> dict[str, object]:
        """Return the clip's entry in the annotations file."""
        return {
            "clip_id": self.name,
            "video_path": f"clips/{self.name}.mp4",
            "move_label": self.label,
            "energy_level": self.energy,
            "estimated_tempo": self.tempo_bpm,
            "difficulty": self.difficulty,
            "lead_follow_roles": "both",
            "notes": self.notes,
        }


CLIPS = (
    ClipSpec(
        "basic_side", "basic_side", "basic_step", 126, "medium", "beginner", 1, "Basic from side to side, open hold"
    ),
    ClipSpec(
        "forward_backward",
        "forward_backward",
        "forward_backward",
        120,
        "low",
        "beginner",
        2,
        "Basic forward and back, open hold",
    ),
    ClipSpec(
        "arm_styling",
        "arm_styling",
        "arm_styling",
        130,
        "medium",
        "beginner",
        3,
        "Side basic; her free arm opens, rises and comes down along her hair",
    ),
    ClipSpec(
        "hip_roll", "hip_roll", "hip_roll", 136, "high", "beginner", 4, "Side step on 1-4, hip circles standing on 5-8"
    ),
    ClipSpec(
        "lady_right_turn",
        "right_turn",
        "lady_right_turn",
        128,
        "medium",
        "intermediate",
        5,
        "Her right turn on 5-7 in both eights",
    ),
    ClipSpec(
        "lady_left_turn",
        "left_turn",
        "lady_left_turn",
        124,
        "medium",
        "intermediate",
        6,
        "Her left turn on 5-7 in both eights",
    ),
    ClipSpec(
        "cross_body_lead",
        "cross_body",
        "cross_body_lead",
        132,
        "high",
        "intermediate",
        7,
        "They change sides on 5-7, and back in the second eight",
    ),
    ClipSpec(
        "hammerlock",
        "hammerlock",
        "hammerlock",
        125,
        "medium",
        "intermediate",
        8,
        "Half turn into the hammerlock, out of it in the second eight",
    ),
    ClipSpec(
        "shadow_position",
        "shadow",
        "shadow_position",
        121,
        "low",
        "intermediate",
        9,
        "Side basic, he behind her; arms open in the second eight",
    ),
    ClipSpec(
        "body_roll", "body_roll", "body_roll", 118, "low", "advanced", 10, "Two body rolls in each eight, on 5 and 7"
    ),
    ClipSpec("dip", "dip", "dips", 122, "low", "advanced", 11, "Step in on 5-6, dip on 7 held to 9"),
    ClipSpec(
        "combination", "combination", "combination", 134, "high", "advanced", 12, "Her right turn, then his left turn"
    ),
)


def demo_annotations() -> dict[str, object]:
    """Return the annotations file of the demo set."""
    return {
        "instructions": "Annotations of the demo clips",
        "move_categories": sorted({clip.label for clip in CLIPS}),
        "clips": [clip.annotation() for clip in CLIPS],
    }
