"""The Kafka and the worker of a pipeline: started when they are needed, and held until the pipeline is closed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from contextlib import ExitStack

from infra.data_folder import check_data_folder, close_data_folder
from infra.settings import Settings, load_settings
from streams.local.services import Endpoint, running_worker, stream

log = logging.getLogger(__name__)


class PipelineServices:
    """Services that run at least until `close`. Threads of several event loops may use it.

    `environment`: more environment variables for a worker that it starts. `has_started`: whether it has started one.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._lock = threading.Lock()
        self._leases: ExitStack | None = None
        self.has_started = False

    def endpoint(self) -> Endpoint:
        """Return the addresses of the services, started if none run. Blocks. Raises: as `stream`."""
        with self._lock:
            settings = load_settings()
            running = running_worker(settings)
            if self._leases is not None and running is not None:
                return running
            self.has_started |= running is None
            return self._lease(settings)

    def close(self) -> None:
        """Release the services: those that nobody else uses end."""
        with self._lock:
            if self._leases is not None:
                self._leases.close()
                self._leases = None

    def _lease(self, settings: Settings) -> Endpoint:
        """Return the services of a new lease, which takes the place of one whose worker has ended."""
        check_data_folder(settings)
        close_data_folder(settings)
        with ExitStack() as leases:
            endpoint = leases.enter_context(stream(settings, log.info, self._environment))
            if self._leases is not None:
                self._leases.close()
            self._leases = leases.pop_all()
        return endpoint
