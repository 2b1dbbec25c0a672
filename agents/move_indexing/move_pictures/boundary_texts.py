"""Describe a boundary, and what is danced in an eight, in short texts that tell how sure each is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from schemas.base import Hold
from schemas.boundary import Boundary, DancerState, Effect, EightContent, Facing, Side

SURE = 0.8  # the least confidence of a text without a question mark
_HOLDS: Mapping[Hold, str] = MappingProxyType(
    {
        "closed": "closed",
        "open_two_hands": "open, two hands",
        "open_one_hand": "open, one hand",
        "crossed_hands": "crossed hands",
        "hammerlock": "hammerlock",
        "wrap": "wrap",
        "shadow": "shadow",
        "side_by_side": "side by side",
        "none": "no hold",
    }
)
_FACINGS: Mapping[Facing, str] = MappingProxyType(
    {
        "face_to_face": "face to face",
        "same_way": "facing the same way",
        "across": "at right angles",
        "back_to_back": "back to back",
    }
)
_EFFECTS: Mapping[Effect, str] = MappingProxyType({"dip": "dip", "turn_end": "turn ends", "stop": "stop"})
_LETTERS: Mapping[Side, str] = MappingProxyType({"left": "L", "right": "R"})
_MIN_TURNS = 0.25  # less is no turn
HANDS_LEGEND = "L-R: the lead's left hand holds the follow's right hand"


@dataclass(frozen=True)
class Fact:
    """A short text, and its confidence, 0 to 1; None where nothing is known."""

    text: str
    confidence: float | None

    @property
    def is_sure(self) -> bool:
        return self.confidence is not None and self.confidence >= SURE

    @property
    def marked(self) -> str:
        """Return the text, with a question mark where the confidence is low."""
        return self.text if self.is_sure or self.confidence is None else f"{self.text} ?"


@dataclass(frozen=True)
class BoundaryFacts:
    """What is known at a boundary.

    `hands`: the joined pairs, such as "L-R R-L". `lead_foot`, `follow_foot`: the free foot of each, left or right.
    """

    hold: Fact
    hands: Fact
    lead_foot: Fact
    follow_foot: Fact
    facing: Fact

    @property
    def least_confidence(self) -> float | None:
        """Return the lowest confidence of what is known; None where nothing is."""
        facts = (self.hold, self.hands, self.lead_foot, self.follow_foot, self.facing)
        return min((fact.confidence for fact in facts if fact.confidence is not None), default=None)


def boundary_facts(boundary: Boundary) -> BoundaryFacts:
    """Return what is known at a boundary."""
    return BoundaryFacts(
        hold=_known(boundary.hold and _HOLDS[boundary.hold], boundary.hold_confidence, "hold unknown"),
        hands=_hands(boundary),
        lead_foot=_free_foot(boundary.lead),
        follow_foot=_free_foot(boundary.follow),
        facing=_known(boundary.facing and _FACINGS[boundary.facing], boundary.facing_confidence, "facing unknown"),
    )


def boundary_lines(boundary: Boundary) -> tuple[Fact, ...]:
    """Return what is known at a boundary as lines: hold, hands, free foot of the lead and of the follow, facing."""
    facts = boundary_facts(boundary)
    feet = (_foot_line("lead", facts.lead_foot), _foot_line("follow", facts.follow_foot))
    return (facts.hold, _hands_line(facts.hands) if boundary.hands else facts.hands, *feet, facts.facing)


def _hands_line(hands: Fact) -> Fact:
    return Fact(f"hands {hands.text}", hands.confidence)


def _foot_line(dancer: str, foot: Fact) -> Fact:
    text = f"{dancer}'s foot unknown" if foot.confidence is None else f"{dancer}'s {foot.text} free"
    return Fact(text, foot.confidence)


def content_text(content: EightContent) -> str:
    """Return what is danced in an eight in one line, such as "pattern · follow 1 turn right · turn ends at 3.20 s"."""
    return " · ".join(_content(content))


def _content(content: EightContent) -> Iterator[str]:
    yield content.kind
    for name, turns in (("lead", content.lead_turns), ("follow", content.follow_turns)):
        if turns is not None and abs(turns) >= _MIN_TURNS:
            halves = round(2 * abs(turns)) / 2
            yield f"{name} {halves:g} {'turn' if halves <= 1 else 'turns'} {'right' if turns > 0 else 'left'}"
    if content.effect:
        yield _EFFECTS[content.effect] + ("" if content.effect_s is None else f" at {content.effect_s:.2f} s")
    if content.footwork:
        yield "footwork without hold"


def _known(text: str | None, confidence: float, otherwise: str) -> Fact:
    return Fact(text, confidence) if text else Fact(otherwise, None)


def _hands(boundary: Boundary) -> Fact:
    """Return the joined hands with the confidence of the least sure pair; without any, they are unknown in a hold."""
    if not boundary.hands:
        none = "no hands joined" if boundary.hold == "none" else None
        return _known(none, boundary.hold_confidence, "hands unknown")
    pairs = " ".join(f"{_LETTERS[pair.lead]}-{_LETTERS[pair.follow]}" for pair in boundary.hands)
    return Fact(pairs, min(pair.confidence for pair in boundary.hands))


def _free_foot(dancer: DancerState | None) -> Fact:
    if dancer is None:
        return Fact("unknown", None)
    return _known(dancer.free_foot, dancer.free_foot_confidence, "unknown")
