"""Types of the numpy arrays that the steps exchange."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Image = npt.NDArray[np.uint8]  # (height, width, 3), RGB unless stated otherwise
