#!/usr/bin/env python3
"""What each dataset and the quality of its labels contribute: heads on frozen features.

python benchmarks/training_data.py --input data/utkface_136_db.mat data/fairface_136_db.mat \
    data/wiki_136_db.mat data/all_age_faces_136_db.mat data/portraits_clean_136_db.mat

Heads are trained as recipes/weights_accurate.yaml trains them (dldl, --balance sqrt), on the
training parts of all databases, without each of them in turn, and with other weights of labels, and
tested on the test part of each. The features are by default dlib's, which never saw an age.
Differences to training on all are paired by seed and face, their 95 % intervals from resampling
both. Intervals of ages are calibrated on validation faces of the datasets that are trained on.
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.features import DLIB, features_of, interval, labels_of, out_of_fold, predict
from src import cli, flags
from src.errors import UserError
from src.extras import import_keras
from src.flags import flag

LABELS = "gender", "age_low", "age_high"
CELLS = {"age": "{:.2f}", "gender": "{:.1f} %", "coverage": "{:.0f} %"}
BANDS = {"10-29": (10, 29), "75 and more": (75, 100)}  # years
MIN_FACES = 30  # of a dataset in a band


@dataclass(frozen=True, kw_only=True)
class Arguments:
    input: tuple[Path, ...] = flag(help="databases of aligned faces", short="-i")
    weight_file: str = flag(DLIB, help="face_resnet whose features are used, or dlib")
    factors: tuple[str, ...] = flag(
        ("wiki:0.5", "csv:0.5", "csv:2", "all_age_faces:3"),
        help="datasets with another weight of labels than 1, and the weights",
    )
    size: int = flag(112, help="size of the faces for dlib, in pixels", limits="[103, inf)")
    every: int = flag(1, help="use one in N faces", limits="[1, inf)")
    seeds: int = flag(3, help="number of seeds", limits="[2, inf)")
    epochs: int = flag(12, help="number of epochs", limits="[2, inf)")


def settings(args: Arguments, seed: int):
    """Settings of a training of heads."""
    from src.training.arguments import Arguments as Training

    return Training(
        [],
        seed=seed,
        nb_epochs=args.epochs,
        opt="adamw",
        schedule="cosine",
        warmup_epochs=1.0,
        age_loss="dldl",
        gender_weight=10.0,
        balance="sqrt",
    )


def trained(args: Arguments, seed: int, features, table, quality, tested: list) -> list:
    """Gender and age distributions of each set of features.

    features, table: of the training faces, see `results.labels_table`.
    quality: (N, 2), factors of the sample weights.
    """
    from src.models.description import OUTPUTS
    from src.training.losses import class_weights

    arguments = settings(args, seed)
    gender, low, high = (table[name].to_numpy() for name in LABELS)
    labels, known = labels_of(gender, low, high)
    classes = class_weights(arguments, low, high, gender)
    weights = tuple(
        own * classes[name] * factor
        for name, own, factor in zip(OUTPUTS, known, quality.T, strict=True)
    )
    return predict(arguments, (features, labels, weights), tested)


def suspicion(args: Arguments, seed: int, features, table) -> np.ndarray:
    """The probability that the gender and the age of each face are wrong, (N, 2), out of fold."""
    from src.evaluation.noise import suspect

    ones = np.ones((len(table), 2))

    def train(training, held):
        some = features[training], table[training], ones[training]
        return trained(args, seed, *some, [features[held]])[0]

    estimates = out_of_fold(train, len(table), seed)
    wrong = np.empty((len(table), 2))
    for source in table["source"].unique():
        own = (table["source"] == source).to_numpy()
        found = suspect(table[own], estimates.of_faces(np.flatnonzero(own)))
        wrong[own] = found[["gender", "age"]]
    return wrong


def parsed(texts: Sequence[str], names: Sequence[str]) -> list[tuple[str, float]]:
    """Datasets and factors of texts such as "wiki:0.5"."""
    found = []
    for text in texts:
        matched = re.fullmatch(r"(.+):(\d*\.?\d+)", text)
        if not matched or matched[1] not in names or float(matched[2]) == 0:
            raise UserError(
                f"--factors: expected a dataset ({', '.join(names)}) and a factor, such as "
                f"wiki:0.5, received {text}"
            )
        found.append((matched[1], float(matched[2])))
    return found


def variants(source: np.ndarray, wrong: np.ndarray, factors: list[tuple[str, float]]):
    """Names, faces and quality of labels of each training set.

    source: dataset of each face.  wrong: see `suspicion`.
    """
    everything, ones = np.full(len(source), True), np.ones((len(source), 2))
    yield "all", everything, ones
    for name in dict.fromkeys(source):
        yield f"without {name}", source != name, ones
    for name, factor in factors:
        yield f"{name}:{factor:g}", everything, np.where((source == name)[:, None], factor, ones)
    yield "weight 1 - P(label is wrong)", everything, 1 - wrong
    yield "without labels of P(wrong) > 0.5", everything, 1.0 * (wrong <= 0.5)


def temperatures(estimates, table) -> dict[str, float]:
    """Temperatures, see `Description.calibration`, fitted on the known labels of a table."""
    from src.calibration.temperatures import HEADS, fit

    labels, weights = labels_of(*(table[name].to_numpy() for name in LABELS))
    found = {}
    for head, target, weight in zip(HEADS, labels, weights, strict=True):
        known = weight > 0
        distribution = getattr(estimates, f"{head}_distribution")[known]
        found[f"{head}_temperature"] = fit(distribution, target[known])
    return found


def measure(table, estimates) -> dict[str, np.ndarray]:
    """Values per face: error, bias, gender, coverage; NaN where a label is unknown."""
    from src.labels import age_errors, covers, is_exact

    low, high = table["age_low"].to_numpy(), table["age_high"].to_numpy()
    gender = table["gender"].to_numpy()
    bias, exact = age_errors(estimates.age, low, high), is_exact(low, high)
    covered = covers(estimates.age_low, estimates.age_high, low, high)
    return {
        "age": np.abs(bias),
        "bias": np.where(exact, bias, np.nan),
        "gender": np.where(np.isnan(gender), np.nan, 100 * (estimates.gender == gender)),
        "coverage": np.where(exact, 100 * covered, np.nan),
    }


def main(argv=()):
    args = flags.parse(Arguments, argv, __doc__)
    import_keras()
    from tabulate import tabulate

    from src.calibration.temperatures import scale
    from src.data.database import join, open_database
    from src.data.split import database_names, divide
    from src.estimation.estimates import Estimates
    from src.evaluation.results import labels_table

    if len(args.input) < 2:
        raise UserError("--input: expected several databases, received one")
    databases = [open_database(path) for path in args.input]
    names = database_names(databases)
    factors = parsed(args.factors, names)
    joined, (_, rows) = join(databases), divide(databases, "hash", 0.1, 0.1, 0)
    rows = {part: own[:: args.every] for part, own in rows.items()}
    found = features_of(args.weight_file, args.size, [joined] * len(rows), [*rows.values()])
    features = dict(zip(rows, found, strict=True))
    source = np.repeat(names, [*map(len, databases)])
    tables = {
        part: labels_table(
            [""] * len(own), *(getattr(joined, name)[own] for name in LABELS), source=source[own]
        )
        for part, own in rows.items()
    }
    training, validation, test = (tables[part] for part in ("training", "validation", "test"))
    values = {}
    for seed in range(args.seeds):
        wrong = suspicion(args, seed, features["training"], training)
        print(f"P(wrong) > 0.5: {(wrong > 0.5).sum(axis=0)} (gender, age)", file=sys.stderr)
        for name, chosen, quality in variants(training["source"].to_numpy(), wrong, factors):
            some = features["training"][chosen], training[chosen], quality[chosen]
            tested = [features["validation"], features["test"]]
            held, found = (
                Estimates.of(gender[:, 0], age)
                for gender, age in trained(args, seed, *some, tested)
            )
            own = validation["source"].isin(training["source"][chosen]).to_numpy()
            fitted = temperatures(held.of_faces(np.flatnonzero(own)), validation[own])
            values.setdefault(name, []).append(measure(test, scale(found, fitted)))
            print(f"seed {seed}: {name}", file=sys.stderr)
    print(f"{len(training):,} training faces, {args.seeds} seeds, {args.weight_file}")
    print(tabulate(*results(values, test), tablefmt="pipe", disable_numparse=True))
    print(tabulate(*differences(values, test), tablefmt="pipe", disable_numparse=True))


def results(values: dict, table) -> tuple[list[list[str]], list[str]]:
    """Rows and headers: age MAE, gender accuracy and coverage by dataset."""
    sources = table["source"].unique()
    lines = []
    for name, seeds in values.items():
        line = [name]
        for source in sources:
            own = (table["source"] == source).to_numpy()
            found = {what: np.array([each[what][own] for each in seeds]) for what in CELLS}
            known = {what: each[~np.isnan(each)] for what, each in found.items()}
            text = ", ".join(CELLS[what].format(v.mean()) for what, v in known.items() if len(v))
            line.append(f"**{text}**" if name == f"without {source}" else text)
        lines.append(line)
    return lines, ["trained on", *sources]


def differences(values: dict, table) -> tuple[list[list[str]], list[str]]:
    """Rows and headers: differences to "all", with their intervals."""
    source, low = table["source"].to_numpy(), table["age_low"].to_numpy()
    groups = {f"{name}: age": (source == name, "age") for name in dict.fromkeys(source)}
    groups["gender, all"] = np.full(len(source), True), "gender"
    is_exact = ~np.isnan(values["all"][0]["bias"])
    for band, (first, last) in BANDS.items():
        for name in dict.fromkeys(source):
            own = is_exact & (source == name) & (first <= low) & (low <= last)
            if own.sum() >= MIN_FACES:
                groups[f"bias of {band}, {name} ({own.sum()})"] = own, "bias"
    lines = []
    for name in values:
        line = [name]
        for own, what in groups.values():
            found, base = (np.array([e[what][own] for e in values[n]]) for n in (name, "all"))
            known = ~np.isnan(base[0])
            found, base = found[:, known], base[:, known]
            if name == "all":
                line.append(f"{base.mean():.2f}")
            else:
                lower, upper = interval(found - base)
                line.append(f"{(found - base).mean():+.2f} [{lower:+.2f}, {upper:+.2f}]")
        lines.append(line)
    return lines, ["trained on", *groups]


if __name__ == "__main__":
    cli.run(main)
