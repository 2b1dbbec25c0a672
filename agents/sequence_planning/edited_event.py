"""The event of a plan that a person edited."""

from __future__ import annotations

from pydantic import ValidationError

from agents.sequence_planning.opened_plan import OpenedPlan
from schemas.base import Quality
from schemas.faults import Poison
from schemas.sequence_planned import SequencePlanned


def event_of(opened: OpenedPlan, request_id: str, quality: Quality | None = None) -> SequencePlanned:
    """Return the event of an edited plan, as sequence planning publishes it, for a request of its own.

    It has the moves of its clips: the scores of the song may lack some. `quality`: in place of that of the file.
    Raises: `Poison` (`invalid_plan`) where the rows make no plan that can be rendered.
    """
    file, broken = opened.file, sum(fault.breaks_gate for fault in opened.sheet.faults)
    request, options = file.request, file.request.options
    times = "once" if broken == 1 else f"{broken} times"
    clips = sorted({part.clip for part in opened.dance.parts})
    try:
        return SequencePlanned(
            request_id=request_id,
            song=request.song,
            title=request.title,
            options=options if quality is None else options.model_copy(update={"quality": quality}),
            corrections=request.corrections,
            warnings=(f"the plan breaks a rule that must hold {times}: `bachata judge` tells which",) if broken else (),
            plan=opened.plan(),
            moves={sha: file.moves[sha].model_copy(update={"look": None, "judged": None}) for sha in clips},
            fits={sha: file.fits[sha] for sha in clips if sha in file.fits},
        )
    except ValidationError as error:
        problem = str(error.errors(include_url=False, include_input=False)[0]["msg"]).removeprefix("Value error, ")
        raise Poison(f"the plan cannot be rendered: {problem}", reason="invalid_plan") from error
