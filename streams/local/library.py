"""What a command reads of a worker's library when it has to be complete."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep

from schemas.faults import Retryable
from schemas.move_annotated import MoveAnnotation
from streams.local.services import Endpoint

_COMPLETE_TIMEOUT_S, _POLL_INTERVAL_S = 60.0, 0.5
_APPLIED_TIMEOUT_S, _APPLIED_INTERVAL_S = 30.0, 0.1


def library_annotations(endpoint: Endpoint) -> dict[str, MoveAnnotation]:
    """Return the annotations that hold, by the SHA-256 of the clip, also of clips without a move now.

    An annotation replaces the whole earlier one, so a change of some fields has to be made to these. Raises:
    `Retryable` (`worker`) while the worker has not read all that is published.
    """
    found = endpoint.get("/library/annotations")["annotations"]
    return {clip: MoveAnnotation.model_validate(annotation) for clip, annotation in found.items()}


def library_clips(endpoint: Endpoint) -> frozenset[str]:
    """Return the SHA-256 of all clips of which the library has a move, also one that cannot be read.

    Raises: `Retryable` (`worker`).
    """
    return frozenset(endpoint.get("/library/clips")["clips"])


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


def wait_until_applied(is_applied: Callable[[], bool], change: str) -> None:
    """Return when the worker's library has a change that is published. Raises: `Retryable` (`worker`) after 30 s."""
    deadline = monotonic() + _APPLIED_TIMEOUT_S
    while not is_applied():
        if monotonic() > deadline:
            raise Retryable(f"the moves will be {change}, but the worker has not done so yet", reason="worker")
        sleep(_APPLIED_INTERVAL_S)
