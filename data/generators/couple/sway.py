"""Compute how far loose cloth and hair lag behind the body, frame by frame, as damped springs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FRAME_S = 1 / 30
STEPS_PER_FRAME = 4  # of the integration, small enough for the stiffest spring


@dataclass
class Spring:
    """A point that follows the one it hangs on: `hertz` is its natural frequency, `damping` 1 is critical."""

    hertz: float
    damping: float
    position: NDArray[np.float64] | None = field(default=None, init=False)
    speed: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1), init=False)

    def follow(self, target: NDArray[np.float64]) -> NDArray[np.float64]:
        """Advance by one frame and return the offset from `target`."""
        if self.position is None:
            self.position, self.speed = target.copy(), np.zeros_like(target)
        pull, step = (2 * np.pi * self.hertz) ** 2, FRAME_S / STEPS_PER_FRAME
        for _ in range(STEPS_PER_FRAME):
            push = pull * (target - self.position) - 4 * np.pi * self.hertz * self.damping * self.speed
            self.speed = self.speed + push * step
            self.position = self.position + self.speed * step
        behind: NDArray[np.float64] = self.position - target
        return behind

    def rest(self) -> None:
        """Reset the motion: the next frame is the first."""
        self.position = None
