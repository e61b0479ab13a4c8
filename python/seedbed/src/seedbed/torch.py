"""Check-points of PyTorch: in the scratch directory while it trains, the best in the results."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from seedbed.checkpoints import Checkpoint, CheckpointKeeper, Mode
from seedbed.lineage import Lineage, ResourceRef

__all__ = ["CheckpointRecorder"]


class CheckpointRecorder:
    """Writes model and optimizer after an epoch, and the best of them to the results at the end::

        with CheckpointRecorder("digits", monitor="val_loss", save_best_only=True, lineage=lineage) as recorder:
            for epoch in range(epochs):
                …
                recorder.epoch_end(epoch, model, optimizer, {"val_loss": loss})

    The arguments are those of :class:`seedbed.checkpoints.CheckpointKeeper`. A file has ``epoch`` (from 1), ``metrics``, ``model_state_dict`` and,
    if one was given, ``optimizer_state_dict``; ``torch.load(path, weights_only=True)`` reads it.
    """

    def __init__(
        self,
        model_name: str,
        monitor: str = "val_loss",
        save_best_only: bool = False,
        mode: Mode = "auto",
        results_resource: str | ResourceRef | None = None,
        workspace_dir: str | os.PathLike[str] | None = None,
        lineage: Lineage | None = None,
    ):
        self.keeper = CheckpointKeeper(
            model_name, monitor, save_best_only, mode, results_resource, workspace_dir, lineage, suffix=".pt"
        )
        #: Where the best check-point is, after the training.
        self.result: Path | None = None

    def epoch_end(
        self, epoch: int, model: Any, optimizer: Any = None, metrics: Mapping[str, Any] | None = None
    ) -> Checkpoint | None:
        """Writes a check-point if it is wanted; ``epoch`` counts from 0, as a loop does."""
        values = {name: value.item() if hasattr(value, "item") else value for name, value in (metrics or {}).items()}
        state = {"epoch": epoch + 1, "metrics": values, "model_state_dict": model.state_dict()}
        if optimizer is not None:
            state["optimizer_state_dict"] = optimizer.state_dict()
        return self.keeper.offer(epoch + 1, values, lambda path: torch.save(state, path))

    def resume(self, model: Any, optimizer: Any = None) -> int:
        """Loads the latest check-point of this name, if there is one; gives the number of epochs that are done."""
        name = self.keeper.model_name
        found = sorted(self.keeper.directory.glob(f"{name}_[0-9]*.pt"), key=lambda path: int(path.stem.removeprefix(f"{name}_")))
        if not found:
            return 0
        state = torch.load(found[-1], weights_only=True)
        model.load_state_dict(state["model_state_dict"])
        if optimizer is not None and "optimizer_state_dict" in state:
            optimizer.load_state_dict(state["optimizer_state_dict"])
        return int(state["epoch"])

    def finish(self) -> Path | None:
        """Puts the best check-point into the results; gives its path there."""
        self.result = self.keeper.finish()
        return self.result

    def __enter__(self) -> CheckpointRecorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What a training has that went wrong stays in the scratch directory.
        if error is None:
            self.finish()
