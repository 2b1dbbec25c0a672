"""The API for other programs: submit songs and clips, and follow their requests."""

from streams.client.client import Client
from streams.client.results import RequestResult, Update

__all__ = ["Client", "RequestResult", "Update"]
