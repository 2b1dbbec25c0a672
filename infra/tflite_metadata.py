"""Write the normalisation of the input into the metadata of a TFLite model.

The format is TensorFlow Lite's (schema.fbs and metadata_schema.fbs), read and written with the modules that are part of
MediaPipe.
"""

from __future__ import annotations

from typing import Any

_NAME = b"TFLITE_METADATA"
_MODEL_ID = b"TFL3"
_METADATA_ID = b"M001"


def with_normalization(model: bytes, mean: float, std: float) -> bytes:
    """Return the model with metadata for its one input: an RGB picture, each value (pixel - mean) / std."""
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
    tree.metadata = [other for other in tree.metadata or [] if other.name != _NAME] + [entry]


def _metadata(graph: Any, mean: float, std: float) -> bytes:
    from mediapipe.tasks.metadata import metadata_schema_py_generated as schema

    subgraph = schema.SubGraphMetadataT()
    subgraph.inputTensorMetadata = [_picture(schema, _normalization(schema, mean, std))]
    subgraph.outputTensorMetadata = [_output(schema, graph.tensors[i].name) for i in graph.outputs]
    model = schema.ModelMetadataT()
    model.name, model.subgraphMetadata = "pose", [subgraph]
    return _packed(model, _METADATA_ID)


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


def _output(schema: Any, name: bytes) -> Any:
    tensor = schema.TensorMetadataT()
    tensor.name = name.decode()
    return tensor


def _packed(tree: Any, file_id: bytes) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(0)
    builder.Finish(tree.Pack(builder), file_id)
    return bytes(builder.Output())
