"""Load the two networks of MediaPipe's pose bundle, each run on one thread."""

from __future__ import annotations

import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agents.move_indexing.dancers.quiet_stderr import quiet_stderr
from schemas.faults import Retryable

_DETECTOR, _LANDMARKS = "pose_detector.tflite", "pose_landmarks_detector.tflite"

Tensor = npt.NDArray[np.float32]


class Network:
    """A network whose input is one picture; `size` is the side of its square input, pixels."""

    def __init__(self, model: bytes) -> None:
        """Load `model`, the content of a TFLite file."""
        from ai_edge_litert.interpreter import Interpreter

        with quiet_stderr():
            self._net = Interpreter(model_content=model, num_threads=1)
            self._net.allocate_tensors()
        self._input = self._net.get_input_details()[0]["index"]
        # Sorted by name, "Identity", "Identity_1", …, since their order differs between files.
        self._outputs = [out["index"] for out in sorted(self._net.get_output_details(), key=lambda out: out["name"])]
        self.size = int(self._net.get_input_details()[0]["shape"][1])

    def run(self, picture: Tensor) -> list[Tensor]:
        """Return the outputs, sorted by their names, for a picture (size, size, 3)."""
        self._net.set_tensor(self._input, picture[None])
        self._net.invoke()
        return [self._net.get_tensor(index) for index in self._outputs]


class Networks:
    """MediaPipe's person detector, and its landmark network for one person."""

    def __init__(self, detector: bytes, landmarks: bytes) -> None:
        """Load both from the contents of their TFLite files."""
        self.detector, self.landmarks = Network(detector), Network(landmarks)


def load(bundle: Path) -> Networks:
    """Return the networks of a bundle, loaded once per process.

    Raises `Retryable` (`no_model`) where the bundle is missing or damaged.
    """
    if not bundle.is_file():
        raise Retryable("the pose model is missing: run `make setup`", reason="no_model")
    return _loaded(bundle)


@lru_cache(maxsize=1)
def _loaded(bundle: Path) -> Networks:
    try:
        with zipfile.ZipFile(bundle) as files:
            return Networks(files.read(_DETECTOR), files.read(_LANDMARKS))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise Retryable("the pose model is damaged: remove it and run `make setup`", reason="no_model") from error
