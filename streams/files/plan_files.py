"""Plan files: read them with a line for each error, and write them so that a person can edit the rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from infra.base.text_file import read_text
from schemas.base import Options
from schemas.faults import Poison
from schemas.plan_file import PlanFile, PlanRequest, PlanRow

_MAX_ERRORS = 20
_SHOWN_OPTIONS = ("duration", "difficulty", "continuity")  # also where they are the defaults
_KNOWN_BY_PLACE = {"row": frozenset(PlanRow.model_fields), "plan": frozenset(PlanFile.model_fields)}
_REQUEST, _OPTIONS = frozenset(PlanRequest.model_fields), frozenset(Options.model_fields)


def read_plan(file: Path) -> PlanFile:
    """Return the plan in a file. Raises: `Poison` (`invalid_plan`), which names each row that is wrong."""
    try:
        content = json.loads(read_text(file))
    except json.JSONDecodeError as error:
        row = error.doc.count('"at":', 0, error.pos)
        place = f"line {error.lineno}, column {error.colno}" + (f", at or after row {row}" if row else "")
        raise _invalid(file, [f"{place}: it is not JSON: {error.msg}"]) from error
    except OSError as error:
        raise _invalid(file, [str(error.strerror)]) from error
    except (ValueError, RecursionError) as error:
        raise _invalid(file, ["it is not JSON"]) from error
    return plan_of_json(content, file)


def plan_of_json(content: Any, file: Path) -> PlanFile:
    """Return the plan in the content of a file. Raises: as `read_plan`."""
    unknown = list(_unknown_fields(content))
    try:
        plan = PlanFile.model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        lines = [_line(detail) for detail in details if detail["loc"] != ("dance",)] or [_line(details[0])]
        raise _invalid(file, [*unknown, *lines]) from error
    if unknown:
        raise _invalid(file, unknown)
    return plan


def _invalid(file: Path, lines: Sequence[str]) -> Poison:
    shown = list(dict.fromkeys(lines))[:_MAX_ERRORS]
    errors = [f"{file}: {line}" for line in shown] if len(shown) > 1 else []
    more = f" ({len(lines) - 1} more errors)" if errors else ""
    return Poison(f"{file}: {shown[0]}{more}", reason="invalid_plan", errors=errors)


def _unknown_fields(content: Any) -> Iterator[str]:
    """Yield a line for each field that no version has: one that is misspelled would have no effect."""
    if not isinstance(content, dict):
        return
    yield from _unknown("", content, _KNOWN_BY_PLACE["plan"])
    request = content.get("request")
    if isinstance(request, dict):
        yield from _unknown("request: ", request, _REQUEST)
        yield from _unknown("request: options: ", request.get("options"), _OPTIONS)
    rows = content.get("dance")
    for number, row in enumerate(rows if isinstance(rows, list) else [], 1):
        yield from _unknown(f"row {number}: ", row, _KNOWN_BY_PLACE["row"])


def _unknown(place: str, fields: Any, known: frozenset[str]) -> Iterator[str]:
    for name in fields if isinstance(fields, dict) else ():
        if name not in known:
            yield f"{place}there is no field '{str(name)[:100]}': the fields are {', '.join(sorted(known))}"


def _line(detail: Mapping[str, Any]) -> str:
    """Return an error with the number of its row, or the name of its place."""
    place, text = list(detail["loc"]), str(detail["msg"]).removeprefix("Value error, ")
    if place[:1] == ["dance"] and len(place) > 1:
        place = [f"row {int(place[1]) + 1}", *place[2:]]
    if detail["type"] == "string_pattern_mismatch" and place and place[-1] in {"at", "starts", "ends"}:
        text = "write minutes and seconds, such as 0:07.70"
    return ": ".join([*map(str, place), text])


def plan_text(plan: PlanFile) -> str:
    """Return the text of a plan's file: a line for each row of the dance, and one for each move."""
    values = plan.model_dump(mode="json")
    parts = [
        f' "format": {_json(values["format"])}',
        f' "request": {_request(plan.request)}',
        f' "dance": [\n{_rows(plan.dance)}\n ]',
        *([f' "starts": {_json(plan.starts)}'] if plan.starts else []),
        f' "ends": {_json(plan.ends)}',
        *([f' "music": {_json(values["music"])}'] if plan.music else []),
        f' "library_version": {_json(values["library_version"])}',
        f' "fits": {_lines(values["fits"])}',
        f' "analysis": {_json(plan.analysis.model_dump(mode="json", exclude_defaults=True))}',
        f' "moves": {_lines(values["moves"])}',
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def _request(request: PlanRequest) -> str:
    """Return the request, with a line for each of its fields, and without values that nobody chose."""
    options = request.options.model_dump(mode="json", exclude_defaults=True)
    fields = {
        "request_id": request.request_id,
        "title": request.title,
        "song": request.song.model_dump(mode="json", exclude_none=True),
        "options": {name: getattr(request.options, name) for name in _SHOWN_OPTIONS} | options,
        "corrections": request.corrections.model_dump(mode="json", exclude_defaults=True),
    }
    return _lines({name: value for name, value in fields.items() if value})


def _lines(values: Mapping[str, Any]) -> str:
    """Return an object with a line for each of its fields."""
    if not values:
        return "{}"
    return "{\n" + ",\n".join(f"  {_json(name)}: {_json(value)}" for name, value in values.items()) + "\n }"


def _rows(rows: Sequence[PlanRow]) -> str:
    """Return the rows with the same fields below each other."""
    cells = [_cells(row) for row in rows]
    widths = [max(len(line[n]) for line in cells) for n in range(len(cells[0]))]
    lines = (" ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells)
    return ",\n".join(f"  {{{line}}}" for line in lines)


def _cells(row: PlanRow) -> list[str]:
    place = next(name for name in ("eight", "beat", "from_s") if getattr(row, name) is not None)
    names = ["at", "counts", "section", "clip", place]
    cells = [f"{_json(name)}: {_json(getattr(row, name))}" for name in names]
    cells += ['"mirrored": true'] if row.mirrored else []
    with_commas = [f"{cell}," for cell in cells[:-1]] + [cells[-1]]
    return with_commas + [""] * (6 - len(with_commas))
