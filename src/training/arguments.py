"""What a run is told."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path

from src.errors import UserError
from src.models import RESNETS

ARGUMENTS = "arguments.json"  # what a run notes them in
LEARNING_RATES = {"sgd": 0.1, "adam": 0.001, "adamw": 0.001}
# What the best epoch can be chosen by; accuracies are better high, the others low.
MONITORS = ("val_loss", "val_pred_age_mae", "val_pred_gender_accuracy", "val_pred_age_top5")
PLACE = {"distribute", "hosts", "num_hosts", "host_id"}  # where a run runs, not what it does
# When a run is resumed.
MAY_CHANGE = PLACE | {"nb_epochs", "output_path", "resume", "tensorboard", "wandb"}


@dataclass(frozen=True)
class Arguments:
    """The flags of train.py, by their names and with their defaults.

    lr: `LEARNING_RATES` of `opt` where None.  aug: one of `augment.KINDS`, or None.
    split_by: "hash" where all databases store file names, else "random", where None.
    ema: momentum of the weights' moving average, or None.
    resume: go on with the run that is in `output_path`, if there is one.
    distribute, hosts, num_hosts, host_id: see `distribution.distributed`.
    """

    input: list[Path]
    output_path: Path = Path("checkpoints")
    batch_size: int = 32
    nb_epochs: int = 30
    lr: float | None = None
    opt: str = "sgd"
    arch: str = "wide_resnet"
    depth: int = 16
    width: int = 8
    use_se: bool = False
    dropout: float | None = None
    init: str | None = None
    freeze_until: str | None = None
    loss: str = "ce"
    age_loss: str = "ce"
    age_weight: float = 1.0
    gender_weight: float = 1.0
    label_smoothing: float = 0.0
    balance: str = "none"
    schedule: str = "step"
    warmup_epochs: float = 0.0
    clip_norm: float | None = None
    ema: float | None = None
    early_stopping: int | None = None
    monitor: str = "val_loss"
    validation_split: float = 0.1
    test_split: float = 0.0
    split_by: str | None = None
    aug: str | None = None
    erasing: float = 0.5
    mixup: float = 0.2
    mixed_precision: bool = False
    distribute: bool = False
    hosts: str | None = None
    num_hosts: int | None = None
    host_id: int | None = None
    tensorboard: bool = False
    wandb: str | None = None
    seed: int = 0
    resume: bool = False

    def __post_init__(self):
        if self.lr is None:
            object.__setattr__(self, "lr", LEARNING_RATES[self.opt])
        if not 0 <= self.seed < 2**32:
            raise UserError(f"--seed: expected 0 to {2**32 - 1}, received {self.seed}")
        if self.monitor not in MONITORS:
            raise UserError(
                f"--monitor: expected one of {', '.join(MONITORS)}, received {self.monitor}"
            )
        if self.use_se and self.arch not in RESNETS:
            raise UserError(f"--use_se: expected --arch {', '.join(RESNETS)}, received {self.arch}")
        if self.warmup_epochs >= self.nb_epochs:
            raise UserError(
                f"--warmup_epochs: expected less than --nb_epochs {self.nb_epochs}, received "
                f"{self.warmup_epochs:g}"
            )
        self._check_hosts()

    def _check_hosts(self) -> None:
        if self.hosts is None and (self.num_hosts, self.host_id) != (None, None):
            raise UserError("--num_hosts, --host_id: expected --hosts beside them, received none")
        if self.hosts not in (None, "auto") and not self.hosts.rpartition(":")[2].isdecimal():
            raise UserError(
                f"--hosts: expected HOST:PORT of the first host, or auto, received {self.hosts}"
            )
        if None not in (self.num_hosts, self.host_id) and self.host_id not in range(self.num_hosts):
            raise UserError(
                f"--host_id: expected 0 to {self.num_hosts - 1}, received {self.host_id}"
            )

    @property
    def architecture(self) -> dict:
        """The network, as a checkpoint describes it: its name, and what was asked of it."""
        said = {"name": self.arch}
        if self.arch == "wide_resnet" or self.arch in RESNETS:
            said["width"] = self.width
        if self.arch == "wide_resnet":
            said["depth"] = self.depth
        if self.use_se:
            said["use_se"] = True
        if self.dropout is not None:
            said["dropout"] = self.dropout
        return said

    def as_json(self) -> dict:
        """Flags and values as JSON knows them, paths as texts."""
        values = {name: value for name, value in asdict(self).items() if name not in PLACE}
        return values | {
            "input": [str(path) for path in self.input],
            "output_path": str(self.output_path),
        }

    def check_same(self, noted: dict) -> None:
        """Raise `UserError` where a run to be resumed was told otherwise, as `noted`."""
        said = self.as_json()
        for name in (field.name for field in fields(self)):
            if name not in MAY_CHANGE and noted.get(name) != said[name]:
                raise UserError(
                    f"--resume: expected --{name} {noted.get(name)}, which the run in "
                    f"{self.output_path} was started with, received {said[name]}; give the same, "
                    "or name another --output_path"
                )
