"""Print figures beside their goals, in one line format for all measurements and chaos tests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """The limit of a figure: the largest good value, or with `at_least` the smallest one."""

    limit: float
    at_least: bool = False

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.limit:g}"

    def is_met(self, value: float) -> bool:
        """Return whether a value is within the limit."""
        return value >= self.limit if self.at_least else value <= self.limit


def figure(name: str, value: float | str | None, goal: Goal | str, *, met: bool | None = None, digits: int = 2) -> bool:
    """Print a figure with its goal, and return whether the goal is met.

    `value`: None where nothing could be measured; then no goal is met. `met` is needed where the goal is a text;
    `digits` are the decimals of a `float`.
    """
    if value is None:
        value, met = "none", False
    elif isinstance(goal, Goal):
        met = goal.is_met(float(value))
    assert met is not None, f"{name}: a goal in words needs `met`"
    text = f"{value:.{digits}f}" if isinstance(value, float) else str(value)
    print(f"figure {name} = {text} (goal {goal}) {'met' if met else 'missed'}", flush=True)
    return met
