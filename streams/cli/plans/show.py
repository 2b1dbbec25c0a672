"""`plan show`: a plan as text, JSON, a page or a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from streams.cli.output import command, print_json, print_output
from streams.cli.plans.group import FILE, Source, load, plan, rules_option, source_argument
from streams.cli.plans.judge import open_source, sheet_fields

if TYPE_CHECKING:
    from agents.sequence_planning.opened_plan import OpenedPlan
    from agents.sequence_planning.plan_display import DisplayRow, PlanDisplay
    from schemas.sequence_planned import SequencePlanned

_BARS = "▁▂▃▄▅▆▇█"
_MAX_SHOTS = 5


@plan.command()
@source_argument
@rules_option
@click.option("--terms", is_flag=True, help="Also the points that each row loses, by rule.")
@click.option("--runners-up", is_flag=True, help="Also what could best be danced in the place of each part.")
@click.option("--html", "page", type=FILE, help="Write a page with pictures of the moves, to open in a browser.")
@click.option("--png", type=FILE, help="Draw the plan: the music above, moves and cuts below.")
@command
def show(
    source: str,
    rules_file: Path | None,
    terms: bool,
    runners_up: bool,
    page: Path | None,
    png: Path | None,
    as_json: bool,
) -> None:
    """Show the plan of request ID, or in FILE: the music, the moves, and the grade of each cut between them.

    A: hold, feet and facing surely go on; B: they likely do; C: some of it is not known, the couple jumps, or
    another one begins a section; D: some of it likely changes; F: a rule that must hold is broken.
    """
    from agents.sequence_planning.make_display import display_of
    from streams.files.user_files import check_targets

    targets = {name: target for name, target in (("html", page), ("png", png)) if target}
    check_targets(targets.values())
    found = load(source)
    opened = open_source(found.file, rules_file)
    whole = display_of(opened)
    others = _runners_up(found, opened) if runners_up else {}
    files = _write(whole, sheet_fields(opened), found, targets, others)
    if as_json:
        print_json(_fields(whole, found, terms=terms, others=others if runners_up else None) | files)
        return
    if targets:
        for file in files.values():
            print_output(file)
        return
    for line in _lines(whole, found, terms=terms, others=others):
        print_output(line)


def _runners_up(found: Source, opened: OpenedPlan) -> dict[float, list[str]]:
    """Return the names of the runners-up of each segment, by its start in the song; of a file, among its moves."""
    segments = found.planned.plan.segments if found.planned else opened.segments()
    return {segment.song_start_s: [_parts_text(parts) for parts in segment.runners_up] for segment in segments}


def _parts_text(parts: Sequence[Any]) -> str:
    places = ", ".join(f"{part.clip_start_s:.2f} s{' mirrored' if part.mirrored else ''}" for part in parts)
    return f"{parts[0].clip} from {places}"


def _write(
    whole: PlanDisplay,
    sheet: Mapping[str, Any],
    found: Source,
    targets: Mapping[str, Path],
    others: Mapping[float, Sequence[str]],
) -> dict[str, str]:
    """Write the files that are asked for, and return their paths by kind."""
    from streams.files.user_files import copy_out, write_out

    files = {}
    if "png" in targets:
        from agents.sequence_planning.draw_job import DRAW_PLAN, DrawPlan
        from streams.jobs import run_job

        with TemporaryDirectory(prefix="bachata-") as folder:
            drawn = Path(folder, "plan.png")
            run_job(DRAW_PLAN, DrawPlan(plan=whole, png=drawn))
            files["png"] = str(copy_out(drawn, targets["png"]))
    if "html" in targets:
        from streams.cli.plans.page import plan_page, stills

        content = plan_page(whole, sheet, stills(whole), _shots(found.planned), others)
        files["html"] = str(write_out(content.encode(), targets["html"]))
    return files


def _shots(planned: SequencePlanned | None) -> list[str]:
    return [str(shot) for shot in planned.plan.shots] if planned else []


def _fields(
    whole: PlanDisplay, found: Source, *, terms: bool, others: Mapping[float, Sequence[str]] | None
) -> dict[str, Any]:
    fields = whole.model_dump(mode="json", exclude={"beats", "energy"})
    for row, values in zip(whole.rows, fields["rows"], strict=True):
        values["at"] = row.at
        if not terms:
            del values["terms"]
        if others is not None:
            values["runners_up"] = list(others.get(row.start_s, ()))
    return fields | {"grades": whole.grades, "shots": _shots(found.planned)}


def _lines(whole: PlanDisplay, found: Source, *, terms: bool, others: Mapping[float, Sequence[str]]) -> Iterator[str]:
    yield f"{whole.title}: {', '.join(whole.facts())}"
    clips = max(len(row.clip) for row in whole.rows)
    section = ""
    for row in whole.rows:
        if row.section != section:
            section = row.section
            yield f"-- {section or 'the song'}"
        yield _row_line(row, clips)
        if terms and row.terms:
            yield "        loses: " + ", ".join(f"{rule} {points:.2f}" for rule, points in row.terms.items())
        for other in others.get(row.start_s, ()):
            yield f"        or: {other}"
    shots = _shots(found.planned)
    if shots:
        yield "what to film next:"
        yield from (f"  {shot}" for shot in shots[:_MAX_SHOTS])


def _row_line(row: DisplayRow, clips: int) -> str:
    """Return a row: phrase, time, counts, energy, the grade of the cut before it, clip, place, and the cut's reason."""
    bar = _BARS[min(int(row.energy * len(_BARS)), len(_BARS) - 1)]
    grade = row.seam.grade if row.seam else "·" if row.goes_on else " "
    notes = [row.place, *(["mirrored"] if row.mirrored else [])]
    if row.seam and row.seam.grade not in {"A", "B"}:
        notes.append(f"{grade}: {row.seam.reason}")
    return f"  {row.phrase:3}  {row.at:>8}  {row.counts:3}  {bar}  {grade}  {row.clip:{clips}}  {'  '.join(notes)}"
