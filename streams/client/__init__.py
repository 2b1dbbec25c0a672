"""What other programs import to submit songs and clips and to follow them."""

from streams.client.client import Client
from streams.client.results import RequestResult, Update

__all__ = ["Client", "RequestResult", "Update"]
