"""A body's places frame by frame in, how far loose cloth and hair lag behind them out: damped springs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FRAME_S = 1 / 30
PARTS = 4  # steps of a frame, small enough for the stiffest spring here


@dataclass
class Spring:
    """Something that follows what it hangs on: `hertz` when it swings freely, `damping` 1 where it does not."""

    hertz: float
    damping: float
    place: NDArray[np.float64] | None = field(default=None, init=False)
    speed: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1), init=False)

    def follow(self, target: NDArray[np.float64]) -> NDArray[np.float64]:
        """A frame later; how far behind `target` it is now."""
        if self.place is None:
            self.place, self.speed = target.copy(), np.zeros_like(target)
        pull, step = (2 * np.pi * self.hertz) ** 2, FRAME_S / PARTS
        for _ in range(PARTS):
            push = pull * (target - self.place) - 4 * np.pi * self.hertz * self.damping * self.speed
            self.speed = self.speed + push * step
            self.place = self.place + self.speed * step
        behind: NDArray[np.float64] = self.place - target
        return behind

    def rest(self) -> None:
        """Forget the motion: the next frame is the first."""
        self.place = None
