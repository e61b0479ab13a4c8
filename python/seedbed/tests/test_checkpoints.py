"""Check-points: with Keras as it is; with PyTorch, whose package is too large for every run, if it is installed, else with a module of its contract."""

import importlib.util
import os
import pickle
import sys
import types

import pytest

from seedbed.checkpoints import CheckpointKeeper
from seedbed.workspace import get_results


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def write(path):
    path.write_text("weights")


def test_the_best_is_kept_and_goes_to_the_results(workspace):
    keeper = CheckpointKeeper("net", "val_accuracy", save_best_only=True, suffix=".txt")
    offered = [keeper.offer(epoch, {"val_accuracy": value}, write) for epoch, value in enumerate([0.5, 0.4, 0.8, 0.7], 1)]
    assert [one is not None for one in offered] == [True, False, True, False]
    assert names(keeper.directory) == ["net_0003.txt"]
    assert keeper.finish() == workspace.root / "results/net.txt"
    assert (workspace.root / "results/net.txt").read_text() == "weights"


def test_all_are_kept_and_the_least_loss_is_the_best(workspace):
    keeper = CheckpointKeeper("net", "val_loss")
    for epoch, value in enumerate([0.5, float("nan"), 0.25, 0.75], 1):
        keeper.offer(epoch, {"val_loss": value}, lambda path, text=str(epoch): (path.mkdir(), (path / "w").write_text(text)))
    assert names(keeper.directory) == ["net_0001", "net_0002", "net_0003", "net_0004"]
    assert (keeper.finish() / "w").read_text() == "3"
    with pytest.raises(ValueError, match="`mode` is `auto`, `min` or `max`"):
        CheckpointKeeper("net", mode="best")


def test_what_was_cut_short_is_no_check_point(workspace):
    keeper = CheckpointKeeper("net")

    def cut(path):
        path.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keeper.offer(1, {}, cut)
    assert not list(keeper.directory.glob("net_*"))
    assert keeper.finish() is None
    keeper.offer(1, {}, write)
    assert names(keeper.directory) == ["net_0001"]


@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed")
def test_a_training_with_keras(workspace, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", os.environ.get("KERAS_BACKEND", "jax"))
    keras = pytest.importorskip("keras")
    import numpy

    from seedbed.keras import CheckpointCallback, LineageCallback

    keras.utils.set_random_seed(3)
    inputs = numpy.random.default_rng(1).normal(size=(64, 4)).astype("float32")
    targets = inputs.sum(axis=1, keepdims=True)
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)], name="linear")
    model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.1), loss="mse")
    recorded = LineageCallback("train", parameters={"seed": 3}, run_description="a line")
    saved = CheckpointCallback("net", monitor="val_loss", save_best_only=True, lineage=recorded)
    fitted = model.fit(inputs, targets, epochs=3, validation_split=0.25, verbose=0, callbacks=[saved, recorded])
    assert names(saved.keeper.directory) == ["net_0003.weights.h5"]
    assert saved.result == workspace.root / "results/net.weights.h5"
    made = workspace.made("results")
    assert (made["step"], made["status"]) == ("train", "complete")
    assert made["parameters"]["optimizer"] == "SGD" and made["parameters"]["loss_function"] == "mse"
    assert made["parameters"]["learning_rate"] == pytest.approx(0.1)
    assert (made["parameters"]["epochs"], made["parameters"]["seed"]) == (3, 3)
    metrics = get_results()["metrics"]
    assert metrics["epochs"] == 3 and metrics["val_loss"] == pytest.approx(fitted.history["val_loss"][-1])
    again = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    again.load_weights(saved.result)
    assert numpy.allclose(again.predict(inputs, verbose=0), model.predict(inputs, verbose=0))
    by_batch = CheckpointCallback("batches", save_freq=2)
    model.fit(inputs, targets, epochs=1, batch_size=16, verbose=0, callbacks=[by_batch])
    assert names(by_batch.keeper.directory) == ["batches_0001.weights.h5", "net_0003.weights.h5"]


class Module:
    """A model or an optimizer as PyTorch has them, as far as check-points go."""

    def __init__(self, value):
        self.value = value

    def state_dict(self):
        return {"value": self.value}

    def load_state_dict(self, state):
        self.value = state["value"]


def contract() -> types.ModuleType:
    """Makes a module that saves and loads as PyTorch does."""
    module = types.ModuleType("torch")

    def save(state, path):
        with open(path, "wb") as file:
            pickle.dump(state, file)

    def load(path, weights_only=False):
        assert weights_only, "what a file says must not be executed"
        with open(path, "rb") as file:
            return pickle.load(file)

    module.save, module.load = save, load
    return module


def test_a_training_with_pytorch(workspace, monkeypatch):
    if importlib.util.find_spec("torch") is None:
        monkeypatch.setitem(sys.modules, "torch", contract())
    monkeypatch.delitem(sys.modules, "seedbed.torch", raising=False)
    from seedbed.torch import CheckpointRecorder, torch

    model, optimizer = Module(0), Module("sgd")
    with CheckpointRecorder("net", save_best_only=True) as recorder:
        for epoch, loss in enumerate([0.5, 0.25, 0.75]):
            model.value = epoch
            recorder.epoch_end(epoch, model, optimizer, {"val_loss": loss})
    assert recorder.result == workspace.root / "results/net.pt"
    state = torch.load(recorder.result, weights_only=True)
    assert state == {
        "epoch": 2,
        "metrics": {"val_loss": 0.25},
        "model_state_dict": {"value": 1},
        "optimizer_state_dict": {"value": "sgd"},
    }
    other = Module(None)
    assert CheckpointRecorder("net").resume(other, optimizer) == 2 and other.value == 1
    assert CheckpointRecorder("other").resume(other) == 0
    with pytest.raises(ZeroDivisionError), CheckpointRecorder("failed") as recorder:
        recorder.epoch_end(0, model)
        1 / 0
    assert not (workspace.root / "results/failed.pt").exists()
