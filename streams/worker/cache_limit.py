"""Remove files of the cache folder while they are more than the setting allows."""

from __future__ import annotations

import asyncio
import logging

from infra.base.derived_files import remove_unused
from infra.settings import Settings
from streams.background import BackgroundTask, to_its_end

log = logging.getLogger(__name__)
_INTERVAL_S = 60.0


class CacheLimit(BackgroundTask):
    """Removes files beyond `BACHATA_MAX_CACHE_MB` every minute. Several workers of a data folder may do so."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.derived_dir
        self._max_bytes = settings.max_cache_mb << 20

    async def _run(self) -> None:
        while self._max_bytes:
            await asyncio.sleep(_INTERVAL_S)
            try:
                removed = await to_its_end(asyncio.to_thread(remove_unused, self._folder, self._max_bytes))
            except OSError as error:
                log.warning("files of the cache could not be removed: %s", error)
            else:
                if removed:
                    log.info("%d MiB of the cache were removed", removed >> 20)
