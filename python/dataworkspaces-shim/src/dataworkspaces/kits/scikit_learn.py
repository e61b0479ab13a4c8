"""``dataworkspaces.kits.scikit_learn``."""

from seedbed.scikit_learn import (
    BinaryClassificationMetrics,
    LineagePredictor,
    Metrics,
    MulticlassClassificationMetrics,
    RegressionMetrics,
    load_dataset_from_resource,
    train_and_predict_with_cv,
)

__all__ = [
    "BinaryClassificationMetrics",
    "LineagePredictor",
    "Metrics",
    "MulticlassClassificationMetrics",
    "RegressionMetrics",
    "load_dataset_from_resource",
    "train_and_predict_with_cv",
]
