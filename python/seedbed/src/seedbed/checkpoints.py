"""Check-points of a training: written to the scratch directory, of which no snapshot is taken; the best goes to the results.

``seedbed.keras`` and ``seedbed.torch`` use this; so can any other loop that trains.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seedbed.lineage import Lineage, ResourceRef
from seedbed.values import plain
from seedbed.workspace import find_resource, get_scratch_directory, local_path

#: Metrics of which more is better, as parts of their names; of others less.
MORE_IS_BETTER = ("acc", "auc", "f1", "fmeasure", "precision", "recall", "score", "r2", "iou", "bleu")

Mode = Literal["auto", "min", "max"]


@dataclass(frozen=True)
class Checkpoint:
    """A check-point that was written."""

    epoch: int
    path: Path
    #: The metric by which check-points are compared; ``None`` when it was not known.
    value: float | None


class CheckpointKeeper:
    """Decides which check-points are written, remembers the best, and puts it where the results are.

    ``model_name``
        the name of the files: ``NAME_0001`` in ``checkpoints`` of the scratch directory.
    ``monitor``, ``mode``
        the metric by which they are compared, and whether less (``min``) or more (``max``) of it is better; ``auto`` guesses from its name.
    ``save_best_only``
        write one only when it is better than all before, and keep no other.
    ``results_resource``
        where the best goes at the end: a name, a path or a ``ResourceRef``; by default the only resource of the role results.
    ``lineage``
        the running step; it gets the best check-point as an output when that is outside of its results directory.
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
        suffix: str = "",
    ):
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"`mode` is `auto`, `min` or `max`, not {mode!r}")
        self.model_name = model_name
        self.monitor = monitor
        self.save_best_only = save_best_only
        self.more_is_better = mode == "max" or mode == "auto" and _more_is_better(monitor)
        self.suffix = suffix
        self.lineage = lineage
        self.directory = get_scratch_directory(workspace_dir) / "checkpoints"
        self.results = local_path(find_resource("results", results_resource, workspace_dir), workspace_dir)
        self.best: Checkpoint | None = None
        self.latest: Checkpoint | None = None

    def offer(
        self, epoch: int, metrics: Mapping[str, object], write: Callable[[Path], object]
    ) -> Checkpoint | None:
        """Writes a check-point if it is wanted, with ``write(path)``; gives it, or ``None``.

        ``epoch`` counts from 1. ``write`` may write a file or a directory.
        """
        value = _value(metrics.get(self.monitor))
        is_better = self._is_better(value)
        if self.save_best_only and not is_better:
            return None
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / f"{self.model_name}_{epoch:04}{self.suffix}"
        # A training that is killed while it writes leaves what nobody takes for a check-point.
        unfinished = path.with_name(f".{path.name.removesuffix(self.suffix)}.unfinished{self.suffix}")
        _remove(unfinished)
        write(unfinished)
        _remove(path)
        unfinished.rename(path)
        written = Checkpoint(epoch, path, value)
        before, self.latest = self.best, written
        if is_better:
            self.best = written
            if self.save_best_only and before is not None and before.path != path:
                _remove(before.path)
        return written

    def finish(self) -> Path | None:
        """Puts the best check-point (the latest, if none could be compared) into the results; gives its path there."""
        chosen = self.best or self.latest
        if chosen is None:
            return None
        self.results.mkdir(parents=True, exist_ok=True)
        target = self.results / f"{self.model_name}{self.suffix}"
        _remove(target)
        if chosen.path.is_dir():
            shutil.copytree(chosen.path, target)
        else:
            shutil.copy2(chosen.path, target)
        if self.lineage is not None and self.lineage.status == "running":
            self.lineage.add_output_path(target)
        return target

    def _is_better(self, value: float | None) -> bool:
        if value is None:
            return False
        if self.best is None or self.best.value is None:
            return True
        return value > self.best.value if self.more_is_better else value < self.best.value


def _value(metric: object) -> float | None:
    value = plain(metric)
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def _more_is_better(monitor: str) -> bool:
    """
    >>> _more_is_better("val_accuracy"), _more_is_better("val_loss")
    (True, False)
    """
    return any(part in monitor.lower() for part in MORE_IS_BETTER)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
