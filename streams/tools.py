"""The tools that steps may use on this machine, created from the settings."""

from __future__ import annotations

from functools import lru_cache

from agents.step import Tools
from infra.downloads import WebDownloads
from infra.downloads.hosts import AllowedHosts
from infra.media_store import MediaStore
from infra.settings import Settings, load_settings
from infra.webhook import configured_webhook


def make_tools(settings: Settings) -> Tools:
    """Return tools without a library; the worker adds its own."""
    return Tools(
        media=MediaStore(settings.media_dir),
        cache_dir=settings.derived_dir,
        output_dir=settings.output_dir,
        allowed_roots=settings.allowed_roots,
        pose_model=settings.pose_model,
        downloads=WebDownloads(
            folder=settings.derived_dir / "downloads",
            hosts=AllowedHosts.of(settings.url_hosts),
            allow_private=settings.url_private,
            timeout_s=settings.url_timeout_s,
        ),
        webhook=configured_webhook(settings),
    )


@lru_cache(maxsize=1)
def process_tools() -> Tools:
    """Return the tools of this process, from its environment variables."""
    return make_tools(load_settings())
