#!/usr/bin/env python3
"""Effects of size, sharpness, brightness, detector score and head turn on the age error.

python benchmarks/quality.py --utkface data/UTKFace --all_age_faces data/AllAgeFaces \
    --fairface data/FairFace --wiki data/wiki_crop --csv data/WikiPortraits/labels.csv

Photos of the datasets' test parts (by the hash of the file name, as `train.py --split_by hash`;
all rows of --csv, on which the model must not be trained) are degraded at random: smaller, blurred,
darker, brighter, with noise. The model estimates the largest face of each. The error is modelled as
a product of a factor per dataset and age band and exp(sum of effects), fitted by the Poisson
quasi-likelihood; an effect grows with the distance of a measure to a threshold. Printed are the
constants of src/faces/quality.py and, per level of quality, the error relative to an ideal face,
measured and predicted (1 / quality).
"""

import itertools
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import cv2
import numpy as np
import pandas as pd
from scipy.optimize import minimize
from tabulate import tabulate

from src import cli, flags
from src.data.datasets import read_dataset
from src.data.split import hashed
from src.estimation.estimator import Estimator
from src.faces.finder import FaceFinder
from src.faces.images import read_image, widest
from src.faces.quality import measure
from src.flags import flag

AGE_BANDS = (-1, 12, 25, 40, 55, 75)  # above 75, many labels are wrong
LEVELS = (0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)
THRESHOLDS = {  # tried; the score's is the upper quartile of clean photos
    "size": (6.5, 7),
    "sharpness": (-1, -0.5, 0),
    "brightness": (0.15, 0.2, 0.25),
    "glare": (0.55, 0.6, 0.65),
    "score": (0.9,),
    "turn": (0, 0.1, 0.2),
}
UPPER = ("glare", "turn")  # measures that have an effect above their threshold


@dataclass(frozen=True, kw_only=True)
class Arguments:
    utkface: Path | None = flag(None, help="folder of the dataset")
    all_age_faces: Path | None = flag(None, help="folder of the dataset")
    fairface: Path | None = flag(None, help="folder of the dataset")
    wiki: Path | None = flag(None, help="folder of the dataset")
    csv: Path | None = flag(None, help="labels of photos that did not train the model")
    weight_file: Path | None = flag(None, help="model (default: the shipped weights)")
    photos: int = flag(400, limits="[1, inf)", help="maximum number of photos per dataset")
    copies: int = flag(2, limits="[1, inf)", help="degraded copies per photo")


def degrade(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The image, uint8 (H, W, 3), as it is or with one of five faults of random strength."""
    kind = rng.choice(["clean", "clean", "small", "blurred", "dark", "bright", "noisy"])
    if kind == "small":
        factor = 2 ** -rng.uniform(0.5, 4)
        return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    if kind == "blurred":
        return cv2.GaussianBlur(image, (0, 0), max(len(image) * 2 ** rng.uniform(-8, -4), 0.3))
    gain, noise = 1.0, 0.0
    if kind == "dark":
        gain, noise = 2 ** -rng.uniform(0.5, 4.5), 2.0
    elif kind == "bright":
        gain = 2 ** rng.uniform(0.2, 2)
    elif kind == "noisy":
        noise = 2 ** rng.uniform(2, 5.5)
    return np.clip(image * gain + rng.normal(0, noise, image.shape), 0, 255).astype(np.uint8)


def held_out(db: str, folder: Path, count: int, **options: object) -> pd.DataFrame:
    """Labels of at most `count` photos that trained no model, with their paths."""
    table = read_dataset(db, folder, **options).table
    table = table[table["age_low"].between(0, AGE_BANDS[-1])]
    if db != "csv":
        places = table["path"].map(lambda path: hashed(Path(path).name))
        table = table[places.between(0.1, 0.2, inclusive="left")]
    table = table.assign(file=[folder / path for path in table["path"]], db=db)
    table = table[table["file"].map(Path.is_file)]
    return table.sample(min(count, len(table)), random_state=0)


def measured(table: pd.DataFrame, estimator: Estimator, copies: int) -> pd.DataFrame:
    """Measures and age error of the largest face of degraded copies of each photo."""
    finder = FaceFinder("centerface", None, estimator.crop)
    rng, rows, crops = np.random.default_rng(0), [], []
    for record in table.itertuples():
        photo = read_image(record.file)
        for _ in range(copies):
            image = degrade(photo, rng)
            found = finder.find(image)
            if found.faces:
                index = widest([face.box for face in found.faces])
                band = np.searchsorted(AGE_BANDS, record.age_low)
                rows.append(measure(image, found.faces[index]) | {"group": f"{record.db} {band}"})
                rows[-1] |= {"low": record.age_low, "high": record.age_high}
                rows[-1]["glare"] = rows[-1]["brightness"]
                crops.append(found.crops[index].copy())
    faces = pd.DataFrame(rows)
    age = estimator(np.stack(crops)).age
    low, high = faces["low"].to_numpy(), faces["high"].to_numpy()
    return faces.assign(error=np.maximum(0, np.maximum(low - age, age - high)))


def distances(faces: pd.DataFrame, thresholds: dict[str, float]) -> np.ndarray:
    """Distance of each measure beyond its threshold, float64 (N, 6)."""
    signs = {name: 1 if name in UPPER else -1 for name in thresholds}
    columns = [signs[name] * (faces[name] - edge) for name, edge in thresholds.items()]
    return np.maximum(np.stack(columns, axis=1), 0)


def fit(faces: pd.DataFrame, thresholds: dict[str, float]) -> tuple[float, np.ndarray, np.ndarray]:
    """The loss, the weights (6,), and the expected error of an ideal face in each group, (N,)."""
    beyond, error = distances(faces, thresholds), faces["error"].to_numpy()
    groups = pd.get_dummies(faces["group"]).to_numpy(float)

    def ideal(weights: np.ndarray) -> np.ndarray:
        return groups @ ((groups.T @ error) / (groups.T @ np.exp(beyond @ weights)))

    def loss(weights: np.ndarray) -> float:
        mean = ideal(weights) * np.exp(beyond @ weights)
        return float((mean - error * np.log(mean + 1e-9)).mean())

    start = np.full(beyond.shape[1], 0.1)
    found = minimize(loss, start, bounds=[(0, None)] * len(start), method="L-BFGS-B")
    return found.fun, found.x, ideal(found.x)


def main(argv=()):
    args = flags.parse(Arguments, argv, __doc__)
    names = "utkface", "all_age_faces", "fairface", "wiki"
    folders = {name: getattr(args, name) for name in names}
    tables = [held_out(db, path, args.photos) for db, path in folders.items() if path]
    if args.csv:
        tables.append(held_out("csv", args.csv.parent, args.photos, labels=args.csv))
    faces = measured(pd.concat(tables), Estimator(args.weight_file), args.copies)
    choices = [
        dict(zip(THRESHOLDS, edges, strict=True))
        for edges in itertools.product(*THRESHOLDS.values())
    ]
    fits = [fit(faces, thresholds) for thresholds in choices]
    best = min(range(len(fits)), key=lambda i: fits[i][0])
    thresholds, (_, weights, ideal) = choices[best], fits[best]
    rows = [
        (name, edge, f"{w:.2f}")
        for (name, edge), w in zip(thresholds.items(), weights, strict=True)
    ]
    print(tabulate(rows, ["measure", "threshold", "weight"]))
    faces["quality"] = np.exp(-distances(faces, thresholds) @ weights)
    faces["relative"] = faces["error"] / ideal
    levels = faces.groupby(pd.cut(faces["quality"], LEVELS), observed=True)
    table = [
        (level, len(part), f"{part['relative'].mean():.2f}", f"{(1 / part['quality']).mean():.2f}")
        for level, part in levels
    ]
    headers = ["quality", "faces", "relative error", "predicted"]
    print("\n" + tabulate(table, headers, disable_numparse=True))


if __name__ == "__main__":
    cli.run(main)
