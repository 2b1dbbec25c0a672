"""The tools of this machine that steps may use, made from the settings."""

from __future__ import annotations

from functools import lru_cache

from agents.step import Tools
from infra.media_store import MediaStore
from infra.settings import Settings, load_settings


def make_tools(settings: Settings) -> Tools:
    """Tools without a library; the worker adds its own."""
    return Tools(
        media=MediaStore(settings.media_dir),
        cache_dir=settings.derived_dir,
        output_dir=settings.output_dir,
        allowed_roots=settings.allowed_roots,
        pose_model=settings.pose_model,
    )


@lru_cache(maxsize=1)
def tools_for() -> Tools:
    """This process's tools, from its environment."""
    return make_tools(load_settings())
