"""src/training/loggers.py: metrics sent to TensorBoard and Weights & Biases."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from src.errors import UserError
from src.training.arguments import Arguments
from src.training.loggers import loggers


def logger(folder, **flags):
    [callback] = loggers(Arguments([Path("a.mat")], folder, **flags), "a1b2")
    return callback


def test_tensorboard_reads_every_metric(tmp_path):
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    board = logger(tmp_path, tensorboard=True)
    for epoch in range(2):
        board.on_epoch_end(epoch, {"loss": 5.0 - epoch, "val_pred_age_mae": 7.5})
    board.on_train_end({})
    events = loader.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert sorted(events.Tags()["tensors"]) == ["loss", "val_pred_age_mae"]
    read = [(event.step, event.tensor_proto.float_val[0]) for event in events.Tensors("loss")]
    assert read == [(1, 5.0), (2, 4.0)]


@pytest.mark.parametrize("flags", [{"tensorboard": True}, {"wandb": "faces"}], ids=str)
def test_missing_packages_are_named(tmp_path, monkeypatch, flags):
    for module in ("tensorboard", "tensorboard.summary", "wandb"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=r"pip install (tensorboard|wandb)"):
        logger(tmp_path, **flags)


@pytest.fixture
def wandb(monkeypatch):
    """A fake of the package, which needs a server."""
    module = ModuleType("wandb")
    module.Error = type("Error", (Exception,), {})
    module.calls = []
    run = SimpleNamespace(
        log=lambda logs, step: module.calls.append((step, logs)),
        finish=lambda: module.calls.append("finish"),
    )
    module.init = lambda **options: module.calls.append(options) or run
    monkeypatch.setitem(sys.modules, "wandb", module)
    return module


def test_wandb_gets_arguments_and_metrics(tmp_path, wandb):
    watch = logger(tmp_path / "run7", wandb="faces")
    watch.on_epoch_end(2, {"loss": 4.0})
    watch.on_train_end({})
    options, *rest = wandb.calls
    assert options["project"] == "faces" and options["config"]["lr"] == 0.1
    assert (options["id"], options["resume"]) == ("a1b2", "allow")
    assert rest == [(3, {"loss": 4.0}), "finish"]


def test_wandb_errors_are_one_line(tmp_path, wandb):
    def init(**options):
        raise wandb.Error("api_key not configured\n(no-tty)")

    wandb.init = init
    with pytest.raises(UserError, match=r"--wandb: api_key not configured \(no-tty\)"):
        logger(tmp_path, wandb="faces")
