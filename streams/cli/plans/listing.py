"""`plan list`: the latest plans."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import click

from infra.settings import load_settings
from schemas.sequence_planned import SequencePlanned
from streams.cli.output import command, print_json, print_line, print_output
from streams.cli.plans.group import plan
from streams.cli.read_topics import read_topics

_MAX_LISTED = 1_000


@plan.command(name="list")
@click.option("--limit", type=click.IntRange(1, _MAX_LISTED), default=20, show_default=True, help="At most so many.")
@command
def list_plans(limit: int, as_json: bool) -> None:
    """List the latest plans, the newest first, with the id of their request and the grades of their cuts."""
    from streams.operations.plans import latest_plans

    found = read_topics(load_settings(), lambda history: latest_plans(history, limit))
    if as_json:
        print_json({"plans": [_fields(made_at, planned) for made_at, planned in found]})
        return
    if not found:
        print_line("no plans yet; `bachata generate SONG` makes one")
    for made_at, planned in found:
        print_output(_line(_fields(made_at, planned)))


def _fields(made_at: datetime, planned: SequencePlanned) -> dict[str, Any]:
    segments = planned.plan.segments
    return {
        "request_id": planned.request_id,
        "title": planned.title,
        "made_at": made_at.isoformat(timespec="seconds"),
        "length_s": round(planned.plan.end_s - planned.plan.start_s, 3),
        "clips": len({segment.clip_sha256 for segment in segments}),
        "cuts": len(segments) - 1,
        "grades": dict(sorted(Counter(segment.seam.grade for segment in segments if segment.seam).items())),
    }


def _line(fields: dict[str, Any]) -> str:
    minutes, seconds = divmod(round(fields["length_s"]), 60)
    made = datetime.fromisoformat(fields["made_at"]).astimezone()
    grades = " ".join(f"{grade}{count}" for grade, count in fields["grades"].items())
    return (
        f"{fields['request_id']:36}  {made:%Y-%m-%d %H:%M}  {minutes}:{seconds:02d}  {fields['clips']:3} clips  "
        f"{fields['cuts']:3} cuts  {grades:22}  {fields['title']}"
    ).rstrip()
