"""The job that draws a plan as a picture."""

from __future__ import annotations

from pathlib import Path

from agents.sequence_planning.plan_display import PlanDisplay
from agents.step import Job, Tools
from schemas.base import Model


class DrawPlan(Model):
    """The plan to draw, and the PNG to write."""

    plan: PlanDisplay
    png: Path


class DrawnPlan(Model):
    """The result of `DrawPlan`: the file is written."""


def _draw(request: DrawPlan, tools: Tools) -> DrawnPlan:
    del tools
    from agents.sequence_planning.picture.draw import draw

    draw(request.plan, request.png)
    return DrawnPlan()


DRAW_PLAN = Job(name="draw_plan", takes=DrawPlan, result=DrawnPlan, work=_draw, timeout_s=120.0, memory_mb=768)
