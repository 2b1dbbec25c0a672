"""Recommend moves for songs in another program: the engine that move scoring uses, on moves and analyses of events."""

from agents.move_scoring.engine import (
    BatchRecommendationRequest,
    EngineMetrics,
    MoveScore,
    OptimizationConfig,
    OptimizedRecommendationEngine,
    RecommendationRequest,
)

__all__ = [
    "BatchRecommendationRequest",
    "EngineMetrics",
    "MoveScore",
    "OptimizationConfig",
    "OptimizedRecommendationEngine",
    "RecommendationRequest",
]
