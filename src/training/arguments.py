"""Flags of train.py: names, types, defaults, help texts and rules."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import UserError
from ..flags import check_values, flag, flags_of
from ..models import RESNETS

LEARNING_RATES = {"sgd": 0.1, "adam": 0.001, "adamw": 0.001}
AUGMENTATIONS = ("plain", "strong")
# Metrics that can choose the best epoch, and whether higher is better.
MONITORED = {"loss": False, "pred_age_mae": False, "pred_gender_accuracy": True}
MONITORED |= {"pred_age_top5": True}
# A metric of history.csv, pred_age_mae in val_utkface_pred_age_mae, and a weight.
_MONITOR = re.compile(
    rf"(?P<name>val_(?:.+_)?(?P<metric>{'|'.join(MONITORED)}))(?::(?P<weight>\d*\.?\d+))?"
)
# Machines and files of flags, which do not affect results.
_NOT_RECORDED = {"distribute", "hosts", "num_hosts", "host_id", "config", "resume"}
# Flags that may differ when a run is resumed; the data themselves are compared by `state`.
_MAY_CHANGE = {"input", "output_path", "nb_epochs", "early_stopping", "tensorboard", "wandb"}
_MAY_CHANGE |= _NOT_RECORDED
_WIDTHS = ("wide_resnet", *RESNETS)

LOSSES = {  # name -> "module:function" of labels and predictions, imported at first use
    "ce": ".training.losses:cross_entropy",
    "focal": ".training.losses:focal",
}
AGE_LOSSES = {  # name -> functions, as of LOSSES, whose values are added; "loss" for that of --loss
    "ce": ("loss",),
    "dldl": (".training.losses:label_distribution",),
    "mean_variance": ("loss", ".training.losses:mean_and_variance"),
    "corn": (".training.losses:cross_entropy",),  # of the distribution that its head computes
}
AGE_HEADS = {"corn": "conditional"}  # of the age losses that need another head, see models.heads
BALANCES = {"none": 0.0, "sqrt": -0.5, "inverse": -1.0}  # powers of the frequency of a label


@dataclass(frozen=True)
class Arguments:
    """The arguments of a run, each a flag of train.py.

    None stands for a default that depends on other values, or for "not used".
    Raises `UserError` for values out of range and for values that exclude each other.
    """

    input: list[Path] = flag(help="path to input database mat file; several are joined", short="-i")
    output_path: Path = flag(Path("checkpoints"), help="checkpoint dir")
    config: Path | None = flag(None, help="recipe: a YAML file of flags and values")
    resume: str | None = flag(
        None,
        help="resume the run in FOLDER, with its arguments; --resume alone: the run in "
        "output_path, if there is one",
        const="auto",
        metavar="auto|FOLDER",
    )
    nb_epochs: int = flag(30, help="number of epochs", limits="[1, inf)")
    batch_size: int = flag(32, help="batch size", limits="[1, inf)")
    opt: str = flag(
        "sgd", help="optimizer name; 'sgd' or 'adam', or 'adamw'", choices=tuple(LEARNING_RATES)
    )
    lr: float | None = flag(
        None, help="initial learning rate (default: 0.1 for sgd, else 0.001)", limits="(0, inf)"
    )
    seed: int = flag(
        0, help="seed of split, initial weights and augmentation", limits=f"[0, {2**32 - 1}]"
    )
    arch: str = flag(
        "wide_resnet",
        help="network: wide_resnet; resnet18, resnet34, resnet50 or resnet101 (--width 8 is the "
        "PyTorch toolkit's); face_resnet, dlib's; or a name of keras.applications: EfficientNetB3",
        group="network",
    )
    depth: int = flag(
        16,
        help="depth of network (should be 10, 16, 22, 28, ...)",
        needs={"arch": ("wide_resnet",)},
    )
    width: int = flag(8, help="width of network", limits="[1, inf)", needs={"arch": _WIDTHS})
    use_se: bool = flag(
        False, help="squeeze and excitation in the blocks", needs={"arch": tuple(RESNETS)}
    )
    extra_blocks: str | None = flag(
        None,
        help="numbers of blocks added to the five stages, initialized as the identity, such as "
        "0,0,2,2,1",
        metavar="N,N,N,N,N",
        needs={"arch": ("face_resnet",)},
    )
    dropout: float | None = flag(
        None, help="dropout rate (default: the network's)", limits="[0, 1)"
    )
    init: str | None = flag(
        None,
        help="initial weights: a checkpoint, also of the original toolkit; imagenet for "
        "keras.applications; dlib for face_resnet (default: random)",
        metavar="FILE|imagenet|dlib",
    )
    freeze_until: str | None = flag(
        None, help="freeze layers up to and including this one (default: none)", metavar="LAYER"
    )
    validation_split: float = flag(
        0.1, help="validation split ratio", group="validation and test set", limits="(0, 1)"
    )
    test_split: float = flag(
        0.0, help="test split ratio, for evaluate.py --part test", limits="[0, 1)"
    )
    split_by: str | None = flag(
        None,
        help="method of the split: random, by --seed, or hash, by the file name, the same however "
        "databases are joined (default: hash if the databases store file names)",
        choices=("random", "hash"),
    )
    leave_out: str | None = flag(
        None,
        help="database to train without and evaluate on; alone: each one in turn (default: none)",
        const="all",
        metavar="DATABASE",
    )
    folds: int | None = flag(
        None,
        help="number of networks, each trained without one fold, whose faces it predicts",
        limits="[2, inf)",
        metavar="K",
        excludes=("leave_out", "test_split", "hosts"),
    )
    fold: int | None = flag(
        None,
        help="index from 0 of the only fold to train without (default: each in turn)",
        limits="[0, inf)",
        needs="folds",
    )
    repeat: int = flag(
        1,
        help="number of seeds, from --seed on",
        limits="[1, inf)",
        metavar="N",
        excludes=("folds", "hosts"),
    )
    aug: str | None = flag(
        None,
        help="use data augmentation if set true: shift, flip, random erasing, mixup; strong adds "
        "zoom, rotation, colours, blur, grain and JPEG (default: none; --aug alone: plain)",
        group="augmentation",
        choices=AUGMENTATIONS,
        const="plain",
    )
    erasing: float = flag(
        0.5, help="random erasing probability", limits="[0, 1]", needs={"aug": AUGMENTATIONS}
    )
    mixup: float = flag(
        0.2, help="alpha of mixup; 0 for none", limits="[0, inf)", needs={"aug": AUGMENTATIONS}
    )
    loss: str = flag(
        "ce", help="loss: cross-entropy (ce) or focal loss", group="losses", choices=tuple(LOSSES)
    )
    age_loss: str = flag(
        "ce",
        help="age loss: the same as --loss (ce), label distribution learning (dldl), "
        "mean-variance loss, or conditional ordinal regression (corn), whose head has 100 scores",
        choices=tuple(AGE_LOSSES),
    )
    age_weight: float = flag(1.0, help="weight of the age loss", limits="[0, inf)")
    gender_weight: float = flag(1.0, help="weight of the gender loss", limits="[0, inf)")
    label_smoothing: float = flag(0.0, help="label smoothing, 0..1", limits="[0, 1)")
    teacher: str | None = flag(
        None,
        help="weight file whose predictions are averaged with the labels (default: none)",
        metavar="FILE",
        excludes=("distribute", "hosts"),
    )
    balance: str = flag(
        "none",
        help="class weights: the inverse of the frequency of the age, and of the gender among "
        "faces of the same age, or its square root (sqrt)",
        choices=tuple(BALANCES),
    )
    max_weight: float = flag(
        10.0,  # more than doubles the effective number of faces with inverse, see docs/training.md
        help="maximum class weight, after scaling to a mean of 1",
        limits="[1, inf)",
        needs={"balance": ("sqrt", "inverse")},
    )
    schedule: str = flag(
        "step", help="learning rate schedule", group="optimization", choices=("step", "cosine")
    )
    warmup_epochs: float = flag(
        0.0, help="number of epochs of linear learning rate warm-up", limits="[0, inf)"
    )
    weight_decay: float | None = flag(
        None,
        help="weight decay of kernels: for adamw as a share of the learning rate (default: 0.05), "
        "for sgd and adam the factor of an L2 penalty (default: 0.0005, none for "
        "keras.applications)",
        limits="[0, inf)",
    )
    backbone_lr: float = flag(
        1.0, help="factor of the learning rate of all layers but the heads", limits="(0, inf)"
    )
    clip_norm: float | None = flag(
        None, help="maximum global gradient norm (default: no clipping)", limits="(0, inf)"
    )
    accumulate: int = flag(
        1, help="batches per step, whose gradients are averaged", limits="[1, inf)"
    )
    ema: float | None = flag(
        None,
        help="momentum of an exponential moving average (EMA) of the weights, which is validated "
        "and saved (default: none; --ema alone: 0.999)",
        limits="(0, 1)",
        const=0.999,
        metavar="MOMENTUM",
    )
    monitor: str = flag(
        "val_loss",
        help="metric of history.csv that chooses the best epoch, or the weighted mean of one "
        "metric on several databases: val_utkface_pred_age_mae:2,val_wiki_pred_age_mae",
        metavar="METRIC[:WEIGHT],...",
    )
    early_stopping: int | None = flag(
        None,
        help="epochs without improvement before training stops (default: never)",
        limits="[1, inf)",
        metavar="N",
    )
    mixed_precision: bool = flag(
        False, help="compute in bfloat16; weights stay float32", group="devices and logs"
    )
    distribute: bool = flag(False, help="share each batch among this machine's devices")
    hosts: str | None = flag(
        None,
        help="address of the first of several machines that share each batch (JAX only); auto: "
        "from the scheduler, see docs/distributed.md (default: this machine alone)",
        metavar="HOST:PORT|auto",
        excludes=("distribute", "leave_out"),
    )
    num_hosts: int | None = flag(
        None, help="number of machines of --hosts", limits="[1, inf)", needs="hosts"
    )
    host_id: int | None = flag(
        None, help="index of this machine among --hosts, from 0", limits="[0, inf)", needs="hosts"
    )
    tensorboard: bool = flag(False, help="also write TensorBoard logs to output_path/tensorboard")
    wandb: str | None = flag(
        None, help="Weights & Biases project for the metrics", metavar="PROJECT"
    )

    def __post_init__(self):
        if self.lr is None:
            object.__setattr__(self, "lr", LEARNING_RATES.get(self.opt))
        check_values(self)
        if self.warmup_epochs >= self.nb_epochs:
            raise UserError(
                f"--warmup_epochs: expected less than --nb_epochs {self.nb_epochs}, received "
                f"{self.warmup_epochs:g}"
            )
        self.monitor_weights  # noqa: B018 - raises
        self.architecture  # noqa: B018 - raises
        if self.fold is not None and self.folds and self.fold >= self.folds:
            raise UserError(f"--fold: expected 0 to {self.folds - 1}, received {self.fold}")
        if self.hosts not in (None, "auto") and not self.hosts.rpartition(":")[2].isdecimal():
            raise UserError(f"--hosts: expected HOST:PORT or auto, received {self.hosts}")

    @property
    def trains_many(self) -> bool:
        """Whether several networks are to be trained, see `evaluation.runs`."""
        return bool(self.leave_out) or self.repeat > 1 or (bool(self.folds) and self.fold is None)

    @property
    def mixes_labels(self) -> bool:
        """Whether mixup or a teacher changes the labels of training faces."""
        return bool(self.teacher) or (self.aug is not None and self.mixup > 0)

    @property
    def monitor_weights(self) -> dict[str, float]:
        """Weights, above 0, of the metrics of `monitor`."""
        found = [_MONITOR.fullmatch(text.strip()) for text in self.monitor.split(",")]
        weights = {match["name"]: float(match["weight"] or 1) for match in found if match}
        if None in found or len({m["metric"] for m in found}) > 1 or 0 in weights.values():
            raise UserError(
                "--monitor: expected val_METRIC or val_METRIC:WEIGHT, of all databases or of "
                f"several, received {self.monitor}; metrics: {', '.join(MONITORED)}"
            )
        return weights

    @property
    def monitored_metric(self) -> str:
        """The metric of `monitor`, one of `MONITORED`."""
        return _MONITOR.match(self.monitor.strip())["metric"]

    @property
    def architecture(self) -> dict:
        """The network as a checkpoint describes it: its name and the arguments set for it."""
        arguments = {
            "width": self.width if self.arch in _WIDTHS else None,
            "depth": self.depth if self.arch == "wide_resnet" else None,
            "use_se": self.use_se or None,
            "extra_blocks": self._extra_blocks() if self.extra_blocks else None,
            "dropout": self.dropout,
            "age_head": AGE_HEADS.get(self.age_loss),
        }
        return {"name": self.arch} | {k: v for k, v in arguments.items() if v is not None}

    def _extra_blocks(self) -> list[int]:
        counts = self.extra_blocks.split(",")
        if len(counts) != 5 or not all(count.isdecimal() for count in counts):
            raise UserError(
                "--extra_blocks: expected five numbers, one per stage, such as 0,0,2,2,1, received "
                f"{self.extra_blocks}"
            )
        return [int(count) for count in counts]

    def as_json(self) -> dict:
        """Names and values as JSON types, without the machines of the run."""
        paths = {"input": [str(path) for path in self.input], "output_path": str(self.output_path)}
        values = asdict(self) | paths
        return {name: value for name, value in values.items() if name not in _NOT_RECORDED}

    def check_same(self, recorded: dict, epochs: int) -> None:
        """Raise `UserError` if this run cannot continue another one.

        Args:
            recorded: `as_json` of the other run; flags that it did not know yet had their default.
            epochs: completed epochs of the other run.
        """
        values = self.as_json()
        for field in flags_of(Arguments):
            before = recorded.get(field.name, field.default)
            if field.name not in _MAY_CHANGE and before != values[field.name]:
                raise UserError(
                    f"--resume: expected --{field.name} {before}, as in the run in "
                    f"{self.output_path}, received {values[field.name]}; pass the same value, or "
                    "another --output_path"
                )
        planned = recorded.get("nb_epochs", self.nb_epochs)
        if self.schedule == "cosine" and epochs and planned < self.nb_epochs:
            raise UserError(
                f"--nb_epochs {self.nb_epochs}: the cosine schedule of the run in "
                f"{self.output_path} is of {planned} epochs, after which the learning rate is 0; "
                f"pass {planned}, or start a new run with --init and its best checkpoint"
            )
