"""Compute both dancers' stances of a move at any count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.generators.couple.choreography import Move
from data.generators.couple.footwork import Footwork
from data.generators.couple.holds import set_hands
from data.generators.couple.skeleton import Skeleton, Stance
from data.generators.couple.stance import Floor, look_at, stance

AXIS_YAW_RAD = float(np.pi / 2)  # the couple's axis across the picture
HIS_HIPS, HER_HIPS = 0.8, 1.1


@dataclass(frozen=True)
class Energy:
    """The size of a move: the side step in metres, and factors of the hips' motion and the feet's lift."""

    step: float
    hips: float
    lift: float


ENERGIES = {"low": Energy(0.18, 0.85, 0.8), "medium": Energy(0.22, 1.0, 1.0), "high": Energy(0.25, 1.25, 1.35)}


class Couple:
    """Two bodies that dance a move."""

    def __init__(self, bodies: tuple[Skeleton, Skeleton], move: Move, energy: Energy) -> None:
        self.bodies, self.move, self.energy = bodies, move, energy
        self.floor = Floor(AXIS_YAW_RAD + move.axis_turn, move.origin)
        self.lead = Footwork(move.lead, move.lead_first, move.still, energy.lift)
        self.follow = Footwork(move.follow, move.follow_first, move.still, energy.lift)

    def stances(self, count: float) -> tuple[Stance, Stance]:
        """Return both dancers' stances at a continuous count: 1.0 is the first beat."""
        move, hips = self.move, self.energy.hips
        lead = stance(self.bodies[0], self.lead.at(count), self.floor, HIS_HIPS * hips, move.lead_accent(count))
        follow = stance(self.bodies[1], self.follow.at(count), self.floor, HER_HIPS * hips, move.follow_accent(count))
        look_at(lead, follow, 0.55, 0.10)
        look_at(follow, lead, 0.50, -0.04)
        set_hands(self.bodies, (lead, follow), move.holds, count, move.sides)
        return lead, follow
