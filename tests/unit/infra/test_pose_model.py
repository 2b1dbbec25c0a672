"""Test the pose bundle: built from generated models and, where set-up has run, the installed one."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra import pose_model
from infra.pose_model import build_bundle, ensure_pose_model, has_pose_model, read_parts
from infra.settings import load_settings
from infra.tflite_metadata import with_normalization
from schemas.faults import Retryable

DETECTOR, LANDMARKS = "pose_detector.tflite", "pose_landmarks_detector.tflite"


def tiny_model() -> bytes:
    """Return a TFLite model with one input, one output and no operation."""
    from mediapipe.tasks.metadata import schema_py_generated as schema

    graph = schema.SubGraphT()
    graph.tensors = [schema.TensorT(), schema.TensorT()]
    for tensor, name in zip(graph.tensors, ("in", "out"), strict=True):
        tensor.name, tensor.shape, tensor.buffer = name, np.array([1, 4], np.int32), 0
    graph.inputs, graph.outputs, graph.operators = np.array([0], np.int32), np.array([1], np.int32), []
    model = schema.ModelT()
    model.version, model.subgraphs, model.buffers, model.operatorCodes = 3, [graph], [schema.BufferT()], []
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def metadata_of(model: bytes) -> Any:
    from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata_schema
    from mediapipe.tasks.metadata import schema_py_generated as schema

    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
    entries = [entry for entry in tree.metadata if entry.name == b"TFLITE_METADATA"]
    assert len(entries) == 1
    content = bytes(tree.buffers[entries[0].buffer].data)
    return metadata_schema.ModelMetadataT.InitFromObj(metadata_schema.ModelMetadata.GetRootAs(content, 0))


@settings(deadline=None, max_examples=30)
@given(mean=st.floats(0, 255, width=32), std=st.floats(0.5, 255, width=32))
def test_the_metadata_defines_the_normalisation(mean: float, std: float) -> None:
    metadata = metadata_of(with_normalization(tiny_model(), mean, std)).subgraphMetadata[0]
    options = metadata.inputTensorMetadata[0].processUnits[0].options
    assert (list(options.mean), list(options.std)) == ([mean], [std])
    assert [tensor.name for tensor in metadata.outputTensorMetadata] == [b"out"]


def test_a_second_normalisation_replaces_the_first() -> None:
    model = with_normalization(with_normalization(tiny_model(), 1.0, 2.0), 0.0, 255.0)
    options = metadata_of(model).subgraphMetadata[0].inputTensorMetadata[0].processUnits[0].options
    assert list(options.std) == [255.0]


def test_the_same_parts_give_the_same_bytes(tmp_path: Path) -> None:
    parts = {DETECTOR: b"the detector", LANDMARKS: tiny_model()}
    first, second = (build_bundle(parts, tmp_path / name) for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
    assert has_pose_model(first)
    with zipfile.ZipFile(first) as bundle:
        assert bundle.read(DETECTOR) == b"the detector"
        assert {entry.compress_type for entry in bundle.infolist()} == {zipfile.ZIP_STORED}


def test_a_wheel_with_other_models_is_rejected(tmp_path: Path) -> None:
    wheel = tmp_path / "mediapipe.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("mediapipe/modules/pose_detection/pose_detection.tflite", b"another model")
        archive.writestr("mediapipe/modules/pose_landmark/pose_landmark_full.tflite", b"another model")
    with pytest.raises(Retryable, match="checksum") as caught:
        read_parts(wheel)
    assert caught.value.reason == "checksum"


def test_a_bundle_that_does_not_load_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pose_model, "download_parts", lambda _: {DETECTOR: tiny_model(), LANDMARKS: tiny_model()})
    with pytest.raises(Retryable, match="MediaPipe cannot load"):
        ensure_pose_model(tmp_path / "cache" / "pose.task", print)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_missing_network_is_reported_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing_pip = [sys.executable, "-c", "import sys; sys.exit('WARNING: retrying\\nERROR: No matching distribution')"]
    monkeypatch.setattr(pose_model, "_pip", lambda _: failing_pip)
    with pytest.raises(Retryable, match=r"No matching distribution.*check the network") as caught:
        ensure_pose_model(tmp_path / "pose.task", print)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_pip_is_found_even_if_this_environment_has_none(tmp_path: Path) -> None:
    result = subprocess.run([*pose_model._pip(tmp_path), "--version"], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("pip ")


@pytest.mark.parametrize("content", [b"", b"PK not a zip", None])
def test_another_file_is_not_a_bundle(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "pose.task"
    if content is not None:
        file.write_bytes(content)
    assert not has_pose_model(file)


def test_the_installed_bundle_loads() -> None:
    bundle = load_settings().pose_model
    if not has_pose_model(bundle):
        pytest.skip("set-up has not built the pose model")
    root = Path(pose_model.__file__).parent.parent
    command = [sys.executable, "-m", "infra.pose_model", str(bundle)]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_a_damaged_download_is_reported(tmp_path: Path) -> None:
    (tmp_path / "damaged.whl").write_bytes(b"PK not a zip")
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as archive:
        archive.writestr("other.py", b"")
    for name in ("damaged.whl", "other.whl"):
        with pytest.raises(Retryable, match="damaged: run `bachata setup` again"):
            read_parts(tmp_path / name)


@pytest.mark.parametrize("timeout", ["_DOWNLOAD_TIMEOUT_S", "_LOAD_TIMEOUT_S"])
def test_a_timeout_is_reported_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, timeout: str) -> None:
    monkeypatch.setattr(pose_model, timeout, 0.01)
    if timeout == "_LOAD_TIMEOUT_S":
        monkeypatch.setattr(pose_model, "download_parts", lambda _: {DETECTOR: tiny_model(), LANDMARKS: tiny_model()})
    monkeypatch.setattr(pose_model, "_pip", lambda _: [sys.executable, "-c", "import time; time.sleep(60)"])
    with pytest.raises(Retryable, match="`bachata setup` again") as caught:
        ensure_pose_model(tmp_path / "pose.task", print)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
