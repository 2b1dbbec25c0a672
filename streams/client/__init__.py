"""The API for other programs: submit songs and clips, wait for outcomes, and read those of all requests."""

from streams.client.client import AnyClient, Client
from streams.client.fake import FakeClient, FakeService
from streams.client.outcomes import Outcome, RequestCancelledError, RequestFailedError, RequestNotDoneError
from streams.client.result_positions import PositionError
from streams.client.results import RequestResult, Update
from streams.client.sync import SyncClient

__all__ = [
    "AnyClient",
    "Client",
    "FakeClient",
    "FakeService",
    "Outcome",
    "PositionError",
    "RequestCancelledError",
    "RequestFailedError",
    "RequestNotDoneError",
    "RequestResult",
    "SyncClient",
    "Update",
]
