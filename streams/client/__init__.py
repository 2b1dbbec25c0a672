"""What other programs import to submit songs and clips and to follow them."""

from streams.client.client import Client

__all__ = ["Client"]
