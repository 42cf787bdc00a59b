#!/usr/bin/env python3
"""How many years older film grain and JPEG artifacts make people of 10 to 29 look.

python benchmarks/grain.py --input data/utkface_136_db.mat data/all_age_faces_136_db.mat \
    data/wiki_136_db.mat --weight_file pretrained_models/age_gender.onnx \
    pretrained_models/age_gender_small.onnx data/age_gender_0_2.hdf5

Printed per model and database: the bias on held-out faces of these ages, and the mean change of the
estimate by each degradation, with 95 % intervals by bootstrap.
"""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from src import cli, flags
from src.flags import flag

AGES = 10, 29  # years, inclusive
FINE = 0  # index of the texture of film grain
DEGRADATIONS = {  # strength of the grain in grey levels, and quality of the JPEG compression
    "grain of 6": (6, 0),
    "grain of 12": (12, 0),
    "JPEG of 20": (0, 20),
    "both": (12, 20),
}


@dataclass(frozen=True, kw_only=True)
class Arguments:
    input: tuple[Path, ...] = flag(help="databases, of which the test part is used", short="-i")
    weight_file: tuple[Path, ...] = flag(help="models")


def degrade(faces: np.ndarray, grain: float, quality: int) -> np.ndarray:
    """Copies of faces, uint8 (N, S, S, 3), with grain and compression."""
    from src.training.jitter import add_texture, compress

    rng, faces = np.random.default_rng(0), faces.copy()
    for face in faces:
        add_texture(face, FINE, grain, rng.integers(0, 512 - len(face), 2))
        compress(face, quality)
    return faces


def ages(estimator, faces: np.ndarray) -> np.ndarray:
    """Estimated ages in years, (N,), of faces, uint8 (N, S, S, 3), of any size."""
    from src.faces.images import resize

    return estimator(np.stack([resize(face, estimator.crop.size) for face in faces])).age


def text(values: np.ndarray) -> str:
    """The mean of (N,) values and its interval."""
    from src.evaluation.intervals import with_intervals
    from src.evaluation.metrics import mean

    functions = {"mean": partial(mean, values)}
    found = with_intervals(functions, np.arange(len(values)), seed=0, resamples=1000)
    return "{:+.2f} [{:+.2f}, {:+.2f}]".format(*found["mean"])


def main(argv=()):
    args = flags.parse(Arguments, argv, __doc__)
    from tabulate import tabulate

    from src.data.database import open_database
    from src.estimation.estimator import Estimator
    from src.labels import age_errors, is_exact
    from src.models.seen import TEST, rows_of_part

    table = []
    for path in args.weight_file:
        estimator = Estimator(path)
        for database in map(open_database, args.input):
            rows = rows_of_part([database], estimator.description, TEST)
            low, high = database.age_low[rows], database.age_high[rows]
            chosen = is_exact(low, high) & (low >= AGES[0]) & (high <= AGES[1])
            rows, labels = rows[chosen], (low[chosen], high[chosen])
            faces = database.image[rows]
            clean = ages(estimator, faces)
            degraded = (degrade(faces, *how) for how in DEGRADATIONS.values())
            changes = [ages(estimator, each) - clean for each in degraded]
            cells = map(text, (age_errors(clean, *labels), *changes))
            table.append([path.name, f"{database.db} ({len(rows):,})", *cells])
    headers = ["model", "faces", "bias", *DEGRADATIONS]
    print(tabulate(table, headers, tablefmt="pipe", disable_numparse=True))


if __name__ == "__main__":
    cli.run(main)
