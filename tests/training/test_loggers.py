"""src/training/loggers.py: metrics sent to TensorBoard and Weights & Biases."""

import sys
from types import ModuleType

import pytest

from src.errors import UserError
from src.training.loggers import TensorBoard, WeightsAndBiases


def test_tensorboard_reads_every_metric(tmp_path):
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    board = TensorBoard(tmp_path)
    for epoch in range(2):
        board.on_epoch_end(epoch, {"loss": 5.0 - epoch, "val_pred_age_mae": 7.5})
    board.on_train_end()
    events = loader.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert sorted(events.Tags()["tensors"]) == ["loss", "val_pred_age_mae"]
    read = [(event.step, event.tensor_proto.float_val[0]) for event in events.Tensors("loss")]
    assert read == [(1, 5.0), (2, 4.0)]


@pytest.mark.parametrize("watch", [TensorBoard, lambda path: WeightsAndBiases("p", path, "id", {})])
def test_missing_packages_are_named(tmp_path, monkeypatch, watch):
    for module in ("tensorboard", "tensorboard.summary", "wandb"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=r"pip install (tensorboard|wandb)"):
        watch(tmp_path)


class FakeRun:
    def __init__(self):
        self.logged, self.finished = [], False

    def log(self, logs, step):
        self.logged.append((step, dict(logs)))

    def finish(self):
        self.finished = True


@pytest.fixture
def wandb(monkeypatch):
    """A fake of the package, which needs a server."""
    module = ModuleType("wandb")
    module.Error = type("Error", (Exception,), {})
    module.run = FakeRun()

    def init(**arguments):
        module.asked = arguments
        return module.run

    module.init = init
    monkeypatch.setitem(sys.modules, "wandb", module)
    return module


def test_wandb_gets_arguments_and_figures(tmp_path, wandb):
    watch = WeightsAndBiases("faces", tmp_path / "run7", "a1b2", {"lr": 0.1})
    watch.on_epoch_end(2, {"loss": 4.0})
    watch.on_train_end()
    assert wandb.asked["project"] == "faces" and wandb.asked["config"] == {"lr": 0.1}
    assert (wandb.asked["id"], wandb.asked["resume"]) == ("a1b2", "allow")
    assert wandb.run.logged == [(3, {"loss": 4.0})] and wandb.run.finished


def test_wandb_errors_are_one_line(tmp_path, wandb):
    def init(**arguments):
        raise wandb.Error("api_key not configured\n(no-tty)")

    wandb.init = init
    with pytest.raises(UserError, match=r"--wandb: api_key not configured \(no-tty\)"):
        WeightsAndBiases("faces", tmp_path, "a1b2", {})
