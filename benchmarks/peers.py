#!/usr/bin/env python3
"""This toolkit, the original and other open models on the same labelled images.

python benchmarks/peers.py utkface=data/raw/utkface.csv fairface=data/raw/fairface.csv

held_out.py makes such label files. Each model has its own detector and crop, and estimates the
largest face it finds. Its metrics are of the images in which it finds a face, and, in the columns
"common", of the images in which all models find one. The error of an age is its distance to the
label's range. See benchmarks/README.md for the installation of the models.
"""

import argparse
import os
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from src import cli, flags
from src.data.datasets import DATASETS
from src.errors import UserError
from src.flags import flag
from src.progress import Progress

ROOT = Path(__file__).parents[1]
HEADERS = ["", "in training", "found", "age MAE", "gender", "common: age MAE", "gender"]
COSTS = ["ms per picture", "ms per face", "MB"]


class Collection(NamedTuple):
    """Labelled pictures of a dataset.

    dataset: a key of `DATASETS`.  age_low, age_high, gender: float64 (N,), NaN where unknown.
    """

    dataset: str
    paths: list[Path]
    age_low: np.ndarray
    age_high: np.ndarray
    gender: np.ndarray


def collection(text: str) -> tuple[str, Path]:
    """The argument type of a dataset's name and its label file."""
    dataset, equals, path = text.partition("=")
    if not equals or dataset not in DATASETS:
        raise argparse.ArgumentTypeError(
            f"expected DATASET=LABELS.csv, DATASET one of {', '.join(DATASETS)}; received {text!r}"
        )
    return dataset, Path(path)


@dataclass(frozen=True, kw_only=True)
class Arguments:
    labels: tuple[Collection, ...] = flag(
        positional=True, parse=collection, help="label files (CSV)", metavar="DATASET=LABELS"
    )
    weight_file: tuple[Path, ...] = flag(
        (None,), help="weight files of this toolkit (default: the shipped weights)"
    )
    original: Path = flag(
        ROOT / "pretrained_models" / "weights.28-3.73.hdf5", help="weights of the original toolkit"
    )
    packages: Path = flag(ROOT / "data" / "peers", help="folder with the packages of PyPI and npm")
    pictures: int | None = flag(
        None, limits="[1, inf)", help="maximum pictures per collection (default: all)"
    )


def read_collection(dataset: str, path: Path, pictures: int | None) -> Collection:
    """The pictures that a label file names, the first `pictures` by the hash of their name."""
    from src.data.datasets import read_dataset
    from src.data.split import hashed

    table = read_dataset("csv", path.parent, labels=path).table
    table = table.sort_values("path", key=lambda paths: paths.map(hashed)).head(pictures)
    labels = (table[name].to_numpy() for name in ("age_low", "age_high", "gender"))
    return Collection(dataset, [path.parent / name for name in table["path"]], *labels)


def installed(makers: dict) -> list:
    """The peers that are installed; the missing ones are named on stderr."""
    peers = []
    for name, make in makers.items():
        try:
            peers.append(make())
        except UserError as error:
            print(f"left out: {name}: {error}", file=sys.stderr)
    return peers


def accuracy(guesses: list, of: Collection, rows: np.ndarray) -> list[str]:
    """Age MAE in years and gender accuracy of `rows`, int64 (n,), all with a guess."""
    from src.labels import age_errors

    if not len(rows):
        return ["", ""]
    ages, genders = np.array([(guesses[row].age, guesses[row].gender) for row in rows]).T
    errors = np.abs(age_errors(ages, of.age_low[rows], of.age_high[rows]))
    known = ~np.isnan(of.gender[rows])
    hits = (genders == of.gender[rows])[known]
    errors = errors[~np.isnan(errors)]
    return [
        f"{errors.mean():.2f}" if len(errors) else "",
        f"{hits.mean():.1%}" if len(hits) else "",
    ]


def figures(peers: list, guesses: list[list], of: Collection) -> tuple[list[list[str]], int]:
    """Rows of the table of a collection, and the number of pictures in which all found a face.

    guesses: per peer, per picture, a `Guess` or None.
    """
    found = np.array([[guess is not None for guess in own] for own in guesses])
    common = np.flatnonzero(found.all(axis=0))
    rows = []
    for peer, own, mask in zip(peers, guesses, found, strict=True):
        cells = [f"{mask.mean():.1%}", *accuracy(own, of, np.flatnonzero(mask))]
        cells += accuracy(own, of, common)
        rows.append([peer.name, peer.trained_on(of.dataset, of.paths), *cells])
    return rows, len(common)


def costs(peer, guesses: list) -> list[str]:
    """Times, medians over the pictures with a face, and size."""
    times = []
    for name in ("picture", "face"):
        measured = [getattr(guess, name) for guess in guesses if guess]
        measured = [time for time in measured if time is not None]
        times.append(f"{statistics.median(measured):.0f}" if measured else "")
    size = sum(file.stat().st_size for file in peer.files) / 1e6
    return [*times, f"{size:.1f}"]


def main(argv=()):
    args = flags.parse(Arguments, argv, __doc__)
    if hasattr(os, "sched_setaffinity"):  # times are of one core
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    collections = [read_collection(*labels, args.pictures) for labels in args.labels]
    from tabulate import tabulate

    from benchmarks.peer_models import makers
    from src.faces.images import read_image

    peers = installed(makers(args.weight_file, args.original, args.packages))
    for peer in peers:
        peer(read_image(collections[0].paths[0]))  # compiles
    everything = [[] for _ in peers]
    summary = [[peer.name] for peer in peers]
    for of in collections:
        guesses = [[] for _ in peers]
        with Progress(len(of.paths), "pictures") as progress:
            for path in of.paths:
                image = read_image(path)
                for peer, own in zip(peers, guesses, strict=True):
                    own.append(peer(image))
                progress.update()
        rows, common = figures(peers, guesses, of)
        print(f"\n{of.dataset}: {len(of.paths):,} pictures; a face found by all in {common:,}\n")
        print(tabulate(rows, HEADERS, "pipe", disable_numparse=True), flush=True)
        for own, more, line, row in zip(everything, guesses, summary, rows, strict=True):
            own += more
            _, use, share, age, gender, *_ = row
            line.append(f"{age}, {gender} ({use}; {share} found)")
    for peer, own, line in zip(peers, everything, summary, strict=True):
        line += costs(peer, own)
    datasets = [f"{of.dataset}: age MAE, gender" for of in collections]
    print(f"\n{tabulate(summary, ['', *datasets, *COSTS], 'pipe', disable_numparse=True)}")


if __name__ == "__main__":
    cli.run(main)
