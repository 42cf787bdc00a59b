"""src/training/arguments.py: values that are rejected, and the monitored metrics."""

from pathlib import Path

import pytest

from src.errors import UserError
from src.training.arguments import Arguments
from src.training.run import parse


def arguments(**values) -> Arguments:
    return Arguments([Path("wiki.mat")], **values)


@pytest.mark.parametrize(
    "values, flag, received",
    [
        ({"validation_split": 1.0}, "validation_split", "1.0"),
        ({"seed": 2**32}, "seed", str(2**32)),
        ({"lr": float("nan")}, "lr", "nan"),
        ({"opt": "sdg"}, "opt", "sdg"),
        ({"warmup_epochs": 30}, "warmup_epochs", "30"),
        ({"hosts": "node1"}, "hosts", "node1"),
        ({"arch": "face_resnet", "extra_blocks": "1,1"}, "extra_blocks", "1,1"),
        ({"arch": "face_resnet", "extra_blocks": "0,0,0,0,-1"}, "extra_blocks", "-1"),
        ({"monitor": "val_mae"}, "monitor", "val_mae"),
        ({"monitor": "val_loss:0"}, "monitor", "val_loss:0"),
        ({"monitor": "val_loss,val_pred_age_mae"}, "monitor", "val_pred_age_mae"),
    ],
)
def test_values_out_of_range_are_rejected(values, flag, received):
    with pytest.raises(UserError, match=rf"--{flag}: .*received .*{received}"):
        arguments(**values)


@pytest.mark.parametrize(
    "given, message",
    [
        ("--num_hosts 2", "--num_hosts requires --hosts"),
        ("--distribute --hosts auto", "--distribute"),
        ("--folds 3 --leave_out", "--folds"),
        ("--fold 1", "--fold requires --folds"),
        ("--folds 3 --fold 3", "--fold: expected 0 to 2"),
        ("--folds 3 --repeat 2", "--repeat"),
        ("--max_weight 3", "--max_weight requires --balance"),
        ("--teacher a.hdf5 --distribute", "--teacher"),
    ],
)
def test_flags_that_exclude_each_other(given, message):
    with pytest.raises(UserError, match=message):
        parse(["--input", "a.mat", *given.split()])


def test_monitor_weights():
    monitor = "val_utkface_pred_age_mae:2, val_all_age_faces_pred_age_mae"
    weighted = arguments(monitor=monitor)
    assert weighted.monitor_weights == {
        "val_utkface_pred_age_mae": 2.0,
        "val_all_age_faces_pred_age_mae": 1.0,
    }
    assert weighted.monitored_metric == "pred_age_mae"


def test_default_learning_rate_follows_the_optimizer():
    assert (arguments().lr, arguments(opt="adamw").lr) == (0.1, 0.001)
