"""Flags of the dataset readers."""

import argparse
from pathlib import Path

from ..data.datasets import DATASETS
from . import Parser


def add_dataset_arguments(parser: Parser) -> None:
    """Add --db, --data_dir, and every option that a reader declares."""
    parser.add_argument(
        "--db",
        choices=tuple(DATASETS),
        default="wiki",
        help="dataset; wiki or imdb, or another one, see docs/datasets.md; csv: your own pictures",
    )
    parser.add_argument(
        "--data_dir",
        type=Path,
        help="folder of the dataset (default: data/{db}_crop for wiki and imdb, else data/{db})",
    )
    group = parser.add_argument_group("options of datasets")
    for option in dict.fromkeys(o for dataset in DATASETS.values() for o in dataset.options):
        users = [db for db, dataset in DATASETS.items() if option in dataset.options]
        is_switch = option.default is False
        value = {"type": option.type, "choices": option.choices}
        default = "" if is_switch else f" (default: {option.default_help or option.default})"
        group.add_argument(
            f"--{option.name}",
            **({"action": "store_true"} if is_switch else value),
            default=argparse.SUPPRESS,  # shows which flags were passed
            help=f"{option.help}, for --db {', '.join(users)}{default}",
        )


def folder_of(args: argparse.Namespace) -> Path:
    """The dataset's folder: --data_dir, or the usual one."""
    return args.data_dir or Path("data") / (DATASETS[args.db].folder or args.db)


def options_of(args: argparse.Namespace) -> dict[str, object]:
    """The readers' options that were passed, by name."""
    names = {option.name for dataset in DATASETS.values() for option in dataset.options}
    return {name: value for name, value in vars(args).items() if name in names}
