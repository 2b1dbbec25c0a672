"""Choreographies by the calls of the earlier application; `streams.client` has the same names."""

from streams.pipeline.config import PipelineConfig
from streams.pipeline.pipeline import ChoreoGenerationPipeline, Choreography, ChoreographyError

__all__ = ["ChoreoGenerationPipeline", "Choreography", "ChoreographyError", "PipelineConfig"]
