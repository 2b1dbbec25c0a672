"""`request-control`: cancel, hold or resume a request."""

from __future__ import annotations

from typing import Literal

from schemas.base import Model, RequestId


class RequestControl(Model):
    """What is to happen with a request.

    `cancel`: it ends with the outcome `cancelled`, unless it has ended before. `hold`: no further step begins to work
    on it until `resume`.
    """

    request_id: RequestId
    action: Literal["cancel", "hold", "resume"]
