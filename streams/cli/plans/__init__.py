"""`plan`, `judge` and `render`: show, judge, export and change plans, and render those that a person edited."""

from __future__ import annotations

from streams.cli.plans import change, export, listing, show
from streams.cli.plans.group import plan
from streams.cli.plans.judge import judge
from streams.cli.plans.render import render

__all__ = ["change", "export", "judge", "listing", "plan", "render", "show"]
