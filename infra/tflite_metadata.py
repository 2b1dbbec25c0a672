"""What a TFLite model says of itself: a model goes in, the same model with its input's normalisation comes out.

The format is TensorFlow Lite's (schema.fbs and metadata_schema.fbs), through the modules that MediaPipe ships.
"""

from __future__ import annotations

from typing import Any

_NAME = b"TFLITE_METADATA"
_MODEL_ID = b"TFL3"
_METADATA_ID = b"M001"


def with_normalization(model: bytes, mean: float, std: float) -> bytes:
    """The model, told that its one input is an RGB picture and that each value is (pixel - mean) / std."""
    from mediapipe.tasks.metadata import schema_py_generated as schema

    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
    _attach(schema, tree, _metadata(tree.subgraphs[0], mean, std))
    return _packed(tree, _MODEL_ID)


def _attach(schema: Any, tree: Any, metadata: bytes) -> None:
    import numpy as np

    content = schema.BufferT()
    content.data = np.frombuffer(metadata, np.uint8)
    entry = schema.MetadataT()
    entry.name, entry.buffer = _NAME, len(tree.buffers)
    tree.buffers.append(content)
    tree.metadata = [old for old in tree.metadata or [] if old.name != _NAME] + [entry]


def _metadata(graph: Any, mean: float, std: float) -> bytes:
    from mediapipe.tasks.metadata import metadata_schema_py_generated as schema

    described = schema.SubGraphMetadataT()
    described.inputTensorMetadata = [_picture(schema, _normalization(schema, mean, std))]
    described.outputTensorMetadata = [_named(schema, graph.tensors[i].name) for i in graph.outputs]
    whole = schema.ModelMetadataT()
    whole.name, whole.subgraphMetadata = "pose", [described]
    return _packed(whole, _METADATA_ID)


def _normalization(schema: Any, mean: float, std: float) -> Any:
    unit = schema.ProcessUnitT()
    unit.optionsType = schema.ProcessUnitOptions.NormalizationOptions
    unit.options = schema.NormalizationOptionsT()
    unit.options.mean, unit.options.std = [mean], [std]
    return unit


def _picture(schema: Any, normalization: Any) -> Any:
    tensor = schema.TensorMetadataT()
    tensor.name, tensor.processUnits = "image", [normalization]
    tensor.content = schema.ContentT()
    tensor.content.contentPropertiesType = schema.ContentProperties.ImageProperties
    tensor.content.contentProperties = schema.ImagePropertiesT()
    tensor.content.contentProperties.colorSpace = schema.ColorSpaceType.RGB
    return tensor


def _named(schema: Any, name: bytes) -> Any:
    tensor = schema.TensorMetadataT()
    tensor.name = name.decode()
    return tensor


def _packed(tree: Any, file_id: bytes) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(0)
    builder.Finish(tree.Pack(builder), file_id)
    return bytes(builder.Output())
