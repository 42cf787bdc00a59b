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

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.features import DLIB, features_of, interval, labels_of, predict
from src import cli, flags
from src.errors import UserError
from src.extras import import_keras
from src.flags import flag

FOLDS = 5
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


@dataclass(frozen=True)
class Faces:
    """Features, labels, sample weights and dataset of faces of joined databases."""

    features: np.ndarray
    labels: tuple[np.ndarray, np.ndarray]
    weights: tuple[np.ndarray, np.ndarray]
    table: pd.DataFrame  # see results.labels_table

    def of(self, chosen: np.ndarray) -> "Faces":
        """Some of the faces; chosen: bool (N,)."""
        labels, weights = ([each[chosen] for each in own] for own in (self.labels, self.weights))
        return Faces(self.features[chosen], labels, weights, self.table[chosen])


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


def trained(args: Arguments, seed: int, faces: Faces, quality: np.ndarray, tested: list) -> list:
    """Estimates of each set of features; quality: (N, 2), factors of the sample weights."""
    from src.estimation.estimates import Estimates
    from src.models.description import OUTPUTS
    from src.training.losses import class_weights

    arguments = settings(args, seed)
    columns = [faces.table[name].to_numpy() for name in ("age_low", "age_high", "gender")]
    classes = class_weights(arguments, *columns)
    weights = tuple(
        known * classes[name] * factor
        for name, known, factor in zip(OUTPUTS, faces.weights, quality.T, strict=True)
    )
    found = predict(arguments, (faces.features, tuple(faces.labels), weights), tested)
    return [Estimates.of(gender[:, 0], age) for gender, age in found]


def suspicion(args: Arguments, seed: int, faces: Faces) -> np.ndarray:
    """The probability that the age and the gender of each face are wrong, (N, 2), out of fold."""
    from src.estimation.estimates import Estimates
    from src.evaluation.noise import suspect

    fold = np.random.default_rng(seed).integers(FOLDS, size=len(faces.table))
    gender, age = np.empty(len(fold), np.float32), np.empty((len(fold), 101), np.float32)
    for held in range(FOLDS):
        others = faces.of(fold != held)
        ones = np.ones((len(others.table), 2))
        own = fold == held
        [estimates] = trained(args, seed, others, ones, [faces.features[own]])
        gender[own], age[own] = estimates.p_female, estimates.age_distribution
    estimates = Estimates.of(gender, age)
    wrong = np.empty((len(fold), 2))
    for source in faces.table["source"].unique():
        own = (faces.table["source"] == source).to_numpy()
        found = suspect(faces.table[own], estimates.of_faces(np.flatnonzero(own)))
        wrong[own] = found[["gender", "age"]]
    return wrong


def factors(texts: Sequence[str], names: Iterable[str]) -> dict[str, float]:
    """The factors in texts such as "wiki:0.5"."""
    found = {}
    for text in texts:
        name, _, factor = text.partition(":")
        try:
            found[text] = float(factor)
        except ValueError:
            found[text] = -1.0
        if name not in names or not found[text] > 0:
            raise UserError(
                f"--factors: expected a dataset ({', '.join(dict.fromkeys(names))}) and a factor, "
                f"such as wiki:0.5, received {text}"
            )
    return found


def variants(args: Arguments, seed: int, faces: Faces):
    """Names, faces and quality of labels of each training set."""
    source = faces.table["source"].to_numpy()
    everything, ones = np.full(len(source), True), np.ones((len(source), 2))
    wrong = suspicion(args, seed, faces)
    print(f"P(wrong) > 0.5: {(wrong > 0.5).sum(axis=0)} (gender, age)", file=sys.stderr)
    yield "all", everything, ones
    for name in dict.fromkeys(source):
        yield f"without {name}", source != name, ones
    for name, factor in factors(args.factors, source).items():
        chosen = source == name.split(":")[0]
        yield name, everything, np.where(chosen[:, None], factor, ones)
    yield "weight 1 - P(label is wrong)", everything, 1 - wrong
    yield "without labels of P(wrong) > 0.5", everything, 1.0 * (wrong <= 0.5)


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

    from src.calibration.temperatures import HEADS, fit, scale
    from src.data.database import join, open_database
    from src.data.split import database_names, divide
    from src.evaluation.results import labels_table

    if len(args.input) < 2:
        raise UserError("--input: expected several databases, received one")
    databases = [open_database(path) for path in args.input]
    factors(args.factors, database_names(databases))
    joined, (_, rows) = join(databases), divide(databases, "hash", 0.1, 0.1, 0)
    rows = {part: own[:: args.every] for part, own in rows.items()}
    features = features_of(args.weight_file, args.size, [joined] * len(rows), [*rows.values()])
    source = np.repeat(database_names(databases), [*map(len, databases)])
    parts = {}
    for (part, own), values in zip(rows.items(), features, strict=True):
        columns = [getattr(joined, name)[own] for name in ("gender", "age_low", "age_high")]
        table = labels_table([""] * len(own), *columns, source=source[own])
        parts[part] = Faces(values, *labels_of(joined, own), table)
    training, validation, test = (parts[name] for name in ("training", "validation", "test"))
    values = {}
    for seed in range(args.seeds):
        for name, chosen, quality in variants(args, seed, training):
            tested = [validation.features, test.features]
            held, found = trained(args, seed, training.of(chosen), quality[chosen], tested)
            is_own = validation.table["source"].isin(training.table["source"][chosen]).to_numpy()
            temperatures = {}
            for head, labels, known in zip(
                HEADS, validation.labels, validation.weights, strict=True
            ):
                fitted = is_own & (known > 0)
                distribution = getattr(held, f"{head}_distribution")[fitted]
                temperatures[f"{head}_temperature"] = fit(distribution, labels[fitted])
            values.setdefault(name, []).append(measure(test.table, scale(found, temperatures)))
            print(f"seed {seed}: {name}", file=sys.stderr)
    print(f"{len(training.table):,} training faces, {args.seeds} seeds, {args.weight_file}")
    print(tabulate(*results(values, test.table), tablefmt="pipe", disable_numparse=True))
    print(tabulate(*differences(values, test.table), tablefmt="pipe", disable_numparse=True))


def results(values: dict, table) -> tuple[list[list[str]], list[str]]:
    """Rows and headers: age MAE, gender accuracy and coverage by dataset."""
    sources = table["source"].unique()
    lines = []
    for name, seeds in values.items():
        line = [name]
        for source in sources:
            own = (table["source"] == source).to_numpy()
            age, gender, coverage = (
                np.nanmean([each[what][own] for each in seeds]) if known.any() else np.nan
                for what in ("age", "gender", "coverage")
                for known in [~np.isnan(seeds[0][what][own])]
            )
            cells = [(age, "{:.2f}"), (gender, "{:.1f} %"), (coverage, "{:.0f} %")]
            text = ", ".join(form.format(v) for v, form in cells if not np.isnan(v))
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
