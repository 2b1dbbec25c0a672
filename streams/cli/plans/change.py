"""`plan change`: another move in one phrase of a plan, the rest as it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infra.settings import load_settings
from schemas.faults import Poison
from schemas.plan_file import PlanFile, clock_text
from streams.cli.output import command, print_json, print_line, print_output
from streams.cli.plans.group import FILE, Source, load, plan, source_argument

if TYPE_CHECKING:
    from agents.sequence_planning.opened_plan import OpenedPlan


@plan.command()
@source_argument
@click.option("--phrase", type=click.IntRange(1), required=True, help="The number of the phrase, from 1.")
@click.option(
    "--to", "move", metavar="MOVE|another", required=True, help="The name of a clip or of a move; another: any other."
)
@click.option("--out", type=FILE, help="Write the plan to this file. Default: FILE itself.")
@command
def change(source: str, phrase: int, move: str, out: Path | None, as_json: bool) -> None:
    """Put another move into one phrase of the plan of request ID, or in FILE; the rest stays as it is.

    Of what MOVE can show there, what fits best is taken: which eight of which clip, and whether mirrored. A move that
    the plan's file does not have is taken from the library.
    """
    from agents.sequence_planning.opened_plan import opened
    from agents.sequence_planning.replaced_phrase import with_move
    from streams.files.plan_files import plan_text
    from streams.files.user_files import check_targets, write_out

    found = load(source)
    target = _target(found, out)
    check_targets([target])
    file = _with_library_move(found.file, move)
    before = opened(file)
    changed = with_move(before, phrase, move)
    after = opened(changed)
    path = write_out(plan_text(changed).encode(), target)
    if as_json:
        print_json({"file": str(path), "before": _fields(before, phrase), "after": _fields(after, phrase)})
        return
    print_line(f"before: {_text(before, phrase)}")
    print_line(f"after:  {_text(after, phrase)}")
    print_output(str(path))


def _target(found: Source, out: Path | None) -> Path:
    if out is not None:
        return out
    if found.path is None:
        raise Poison("name the file to write to with --out", reason="usage")
    return found.path


def _with_library_move(file: PlanFile, move: str) -> PlanFile:
    """Return the file with the clips of a move of the library, if it has none of that name."""
    from agents.sequence_planning.replaced_phrase import ANOTHER, clips_named
    from streams.cli.plans.library import moves_of_library
    from streams.local.services import stream

    if move == ANOTHER or clips_named(move, file.moves):
        return file
    with stream(load_settings(), print_line) as endpoint:
        moves, fits = moves_of_library(endpoint, move)
    return file.model_copy(update={"moves": {**file.moves, **moves}, "fits": {**file.fits, **fits}})


def _slots(opened: OpenedPlan, phrase: int) -> list[int]:
    return [n for n, music in enumerate(opened.music) if music.phrase == phrase]


def _fields(opened: OpenedPlan, phrase: int) -> dict[str, Any]:
    slots = _slots(opened, phrase)
    seams = opened.sheet.seams[max(0, slots[0] - 1) : slots[-1] + 1]
    return {
        "at": clock_text(opened.dance.slots[slots[0]].times[0]),
        "rows": [
            opened.file.dance[number - 1].model_dump(mode="json", exclude_none=True)
            for number in dict.fromkeys(opened.dance.rows[n] for n in slots)
        ],
        "cuts": [seam.model_dump(mode="json") if seam else None for seam in seams],
        "points": opened.sheet.points,
        "broken_gates": opened.sheet.broken_gates,
        "score": opened.sheet.score,
    }


def _text(opened: OpenedPlan, phrase: int) -> str:
    fields = _fields(opened, phrase)
    row = fields["rows"][0]
    place = next(f"{name} {row[name]}" for name in ("eight", "beat", "from_s") if name in row)
    mirrored = ", mirrored" if row["mirrored"] else ""
    cuts = ", ".join(seam["grade"] if seam else "goes on" for seam in fields["cuts"])
    return (
        f"{row['clip']}, {place}{mirrored} at {fields['at']}; cuts before and after: {cuts}; "
        f"{fields['broken_gates']} broken gates, {fields['points']:.1f} points lost, score {fields['score']:.0f}"
    )
