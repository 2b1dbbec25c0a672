"""What a command reads of a worker's library when it has to be complete."""

from __future__ import annotations

from time import monotonic, sleep

from schemas.faults import Retryable
from schemas.move_annotated import MoveAnnotation
from streams.local.services import Endpoint

_COMPLETE_TIMEOUT_S, _POLL_INTERVAL_S = 60.0, 0.5


def library_annotations(endpoint: Endpoint) -> dict[str, MoveAnnotation]:
    """Return the annotations that hold, by the SHA-256 of the clip, also of clips without a move now.

    An annotation replaces the whole earlier one, so a change of some fields has to be made to these. Raises:
    `Retryable` (`worker`) while the worker has not read all that is published.
    """
    found = endpoint.get("/library/annotations")["annotations"]
    return {clip: MoveAnnotation.model_validate(annotation) for clip, annotation in found.items()}


def wait_for_library(endpoint: Endpoint) -> None:
    """Return when the worker has read all that is published. Raises: `Retryable` (`worker`) after a minute."""
    deadline = monotonic() + _COMPLETE_TIMEOUT_S
    while True:
        try:
            library_annotations(endpoint)
        except Retryable:
            if monotonic() > deadline:
                raise
            sleep(_POLL_INTERVAL_S)
        else:
            return
