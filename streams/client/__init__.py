"""The API for other programs: submit songs and clips, wait for outcomes, and read those of all requests.

`ChoreoGenerationPipeline` starts what it needs, submits a song and returns its video.
"""

from typing import TYPE_CHECKING, Any

from streams.client.client import AnyClient, Client
from streams.client.fake import FakeClient, FakeService
from streams.client.outcomes import Outcome, RequestCancelledError, RequestFailedError, RequestNotDoneError
from streams.client.result_positions import PositionError
from streams.client.results import RequestResult, Update
from streams.client.sync import SyncClient

if TYPE_CHECKING:
    from streams.pipeline import ChoreoGenerationPipeline, Choreography, ChoreographyError, PipelineConfig

__all__ = [
    "AnyClient",
    "ChoreoGenerationPipeline",
    "Choreography",
    "ChoreographyError",
    "Client",
    "FakeClient",
    "FakeService",
    "Outcome",
    "PipelineConfig",
    "PositionError",
    "RequestCancelledError",
    "RequestFailedError",
    "RequestNotDoneError",
    "RequestResult",
    "SyncClient",
    "Update",
]
_PIPELINE = {"ChoreoGenerationPipeline", "Choreography", "ChoreographyError", "PipelineConfig"}


def __getattr__(name: str) -> Any:
    """Return a name of the pipeline, which is imported when it is used: a client needs none of it."""
    if name not in _PIPELINE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from streams import pipeline

    return getattr(pipeline, name)
