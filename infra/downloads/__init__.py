"""Fetch songs and clips from the web: from hosts that are allowed, at public addresses, within limits."""

from infra.downloads.downloads import WebDownloads

__all__ = ["WebDownloads"]
