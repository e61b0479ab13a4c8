"""Callbacks for Keras 3: check-points in the scratch directory, and the lineage of a training."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import keras

from seedbed.api_data import record_api_data
from seedbed.checkpoints import CheckpointKeeper, Mode
from seedbed.lineage import Lineage, LineageBuilder, ResourceRef, ResultsLineage
from seedbed.values import plain
from seedbed.workspace import find_resource, local_path

__all__ = ["CheckpointCallback", "LineageCallback"]

#: What files of weights end with, so that Keras knows how to write them.
WEIGHTS = ".weights.h5"


class CheckpointCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes the weights after every epoch, or every so many batches, and the best of them to the results at the end.

    The arguments are those of :class:`seedbed.checkpoints.CheckpointKeeper`; ``save_freq`` is ``"epoch"`` or a number of batches. ``lineage`` may be
    the :class:`LineageCallback` of the same training, which stands after this one in the list of callbacks.
    """

    def __init__(
        self,
        model_name: str,
        monitor: str = "val_loss",
        save_best_only: bool = False,
        mode: Mode = "auto",
        save_freq: Literal["epoch"] | int = "epoch",
        results_resource: str | ResourceRef | None = None,
        workspace_dir: str | os.PathLike[str] | None = None,
        lineage: Lineage | LineageCallback | None = None,
    ):
        super().__init__()
        if save_freq != "epoch" and (not isinstance(save_freq, int) or save_freq < 1):
            raise ValueError(f"`save_freq` is `epoch` or a number of batches, not {save_freq!r}")
        self.save_freq = save_freq
        self.keeper = CheckpointKeeper(
            model_name, monitor, save_best_only, mode, results_resource, workspace_dir, suffix=WEIGHTS
        )
        self._lineage = lineage
        self._epoch = 0
        self._batches = 0
        #: Where the best check-point is, after the training.
        self.result: Path | None = None

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._epoch = epoch + 1

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self.save_freq == "epoch":
            self._offer(logs)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._batches += 1
        if isinstance(self.save_freq, int) and self._batches % self.save_freq == 0:
            self._offer(logs)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        lineage = self._lineage
        self.keeper.lineage = lineage.lineage if isinstance(lineage, LineageCallback) else lineage
        self.result = self.keeper.finish()

    def _offer(self, logs: Mapping[str, Any] | None) -> None:
        model = self.model
        self.keeper.offer(self._epoch, logs or {}, lambda path: model.save_weights(str(path)))


class LineageCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Records a training as a step: how the model was compiled, epochs and batches, the input, and the last metrics as results.

    ``data`` is what a resource of the type ``api`` holds: its hash is recorded. A training that ends with an error is recorded as aborted when the
    program ends, or by the next one.
    """

    def __init__(
        self,
        step_name: str | None = None,
        input_resource: str | ResourceRef | None = None,
        results_resource: str | ResourceRef | None = None,
        workspace_dir: str | os.PathLike[str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        run_description: str | None = None,
        data: Iterable[Any] | None = None,
    ):
        super().__init__()
        self.step_name = step_name
        self.input = find_resource("source-data", input_resource, workspace_dir)
        self.results_dir = local_path(find_resource("results", results_resource, workspace_dir), workspace_dir)
        self.workspace_dir = workspace_dir
        self.parameters = dict(parameters or {})
        self.run_description = run_description
        self.data = None if data is None else list(data)
        #: The step, while the model is trained.
        self.lineage: ResultsLineage | None = None
        self._last: dict[str, Any] = {}

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        if self.lineage is not None and self.lineage.status == "running":
            self.lineage.abort("it was trained again before the training came to its end")
        if self.data is not None:
            record_api_data(self.input, *self.data, workspace_dir=self.workspace_dir)
        builder = LineageBuilder()
        if self.step_name is None:
            builder.as_script_step()
        else:
            builder.with_step_name(self.step_name)
        if self.workspace_dir is not None:
            builder.with_workspace_directory(self.workspace_dir)
        builder.with_parameters({**self._about_model(), **self.parameters}).with_input_ref(self.input)
        lineage = builder.as_results_step(self.results_dir, self.run_description).eval()
        assert isinstance(lineage, ResultsLineage)
        self.lineage = lineage

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._last = {"epochs": epoch + 1, **(logs or {})}

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        assert self.lineage is not None
        with self.lineage as lineage:
            lineage.write_results(self._last or dict(logs or {}))

    def _about_model(self) -> dict[str, Any]:
        """What of the model and of the training makes the result."""
        found = {"model": self.model.name, "epochs": (self.params or {}).get("epochs")}
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is not None:
            found["optimizer"] = type(optimizer).__name__
            found["learning_rate"] = plain(keras.ops.convert_to_numpy(optimizer.learning_rate))
        loss = getattr(self.model, "loss", None)
        found["loss_function"] = loss if isinstance(loss, (str, type(None))) else getattr(loss, "name", str(loss))
        return {name: value for name, value in found.items() if value is not None}
