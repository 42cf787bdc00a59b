"""The flags of train.py that the original toolkit did not have, group by group."""

import argparse

from src import cli


def add_network_flags(parser: argparse.ArgumentParser) -> None:
    """What is trained."""
    network = parser.add_argument_group("network")
    network.add_argument(
        "--arch",
        default="wide_resnet",
        help="wide_resnet (--depth, --width), resnet18, resnet34, resnet50 or resnet101 of the "
        "PyTorch toolkit (--width 8 is its own), or a name of keras.applications: EfficientNetB3",
    )
    network.add_argument(
        "--use_se", action="store_true", help="squeeze and excitation in resnet blocks"
    )
    network.add_argument(
        "--dropout", type=cli.share, help="share of features dropped (default: the network's)"
    )
    network.add_argument(
        "--init", metavar="FILE|imagenet", help="weights to start from, the original's too"
    )
    network.add_argument(
        "--freeze_until", metavar="LAYER", help="leave layers up to this one as they are"
    )


def add_objective_flags(parser: argparse.ArgumentParser) -> None:
    """What is minimised, and on what."""
    objective = parser.add_argument_group("objective")
    objective.add_argument(
        "--loss", choices=("ce", "focal"), default="ce", help="cross-entropy or focal loss"
    )
    objective.add_argument(
        "--age_loss",
        choices=("ce", "dldl", "mean_variance"),
        default="ce",
        help="as --loss, label distribution learning, or mean-variance loss",
    )
    for name in ("age", "gender"):
        objective.add_argument(
            f"--{name}_weight", type=cli.weight, default=1.0, help=f"what the {name} loss counts"
        )
    objective.add_argument(
        "--label_smoothing", type=cli.share, default=0.0, help="share spread over all classes"
    )
    objective.add_argument(
        "--balance",
        choices=("none", "sqrt", "inverse"),
        default="none",
        help="weigh labels by one over how often they are, or by its root",
    )
    objective.add_argument(
        "--erasing", type=cli.probability, default=0.5, help="share of faces erased in, of --aug"
    )
    objective.add_argument(
        "--mixup", type=cli.weight, default=0.2, help="alpha of --aug's mixup, 0 for none"
    )


def add_course_flags(parser: argparse.ArgumentParser) -> None:
    """How the rate falls, and which epoch is kept."""
    course = parser.add_argument_group("course of the run")
    course.add_argument(
        "--schedule", choices=("step", "cosine"), default="step", help="how the rate falls"
    )
    course.add_argument(
        "--warmup_epochs", type=cli.weight, default=0.0, help="epochs in which the rate rises"
    )
    course.add_argument(
        "--clip_norm", type=cli.positive_float, help="most that the gradients' norm may be"
    )
    course.add_argument(
        "--ema",
        nargs="?",
        type=cli.fraction,
        const=0.999,
        metavar="MOMENTUM",
        help="validate and save the weights' moving average; --ema alone is --ema 0.999",
    )
    course.add_argument(
        "--monitor", default="val_loss", help="figure of history.csv that chooses the best epoch"
    )
    course.add_argument(
        "--early_stopping",
        type=cli.positive_int,
        metavar="N",
        help="stop after N epochs without a better one",
    )


def add_machine_flags(parser: argparse.ArgumentParser) -> None:
    """Where a run runs, and who is told of it."""
    machine = parser.add_argument_group("machine and records")
    machine.add_argument(
        "--mixed_precision", action="store_true", help="compute in bfloat16; weights stay float32"
    )
    machine.add_argument(
        "--distribute", action="store_true", help="share each batch among this machine's devices"
    )
    machine.add_argument(
        "--hosts",
        metavar="HOST:PORT|auto",
        help="share each batch among several machines (JAX only), given the first one's address; "
        "auto: as Slurm, Open MPI or the variables JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and "
        "JAX_PROCESS_ID say (docs/distributed.md)",
    )
    machine.add_argument("--num_hosts", type=cli.positive_int, help="how many machines there are")
    machine.add_argument("--host_id", type=int, help="this machine's number, from 0")
    machine.add_argument(
        "--tensorboard", action="store_true", help="write output_path/tensorboard too"
    )
    machine.add_argument("--wandb", metavar="PROJECT", help="send figures to Weights & Biases")
