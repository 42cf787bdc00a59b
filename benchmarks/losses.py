#!/usr/bin/env python3
"""All age losses on heads over frozen features, on test faces and on a dataset never seen.

python benchmarks/losses.py --input data/utkface_136_db.mat --unseen data/all_age_faces_136_db.mat

The features are those of dlib's face recognition network, which never saw an age, computed once
per face. Heads of age and gender are trained on the training part of the databases, with AdamW, a
cosine schedule, and the same seeds for every loss; differences to cross-entropy are paired by seed
and face, their 95 % intervals from resampling both.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.features import DLIB, features_of, interval, labels_of, predict
from src import cli, flags
from src.extras import import_keras
from src.flags import flag
from src.training.arguments import AGE_LOSSES
from src.training.arguments import Arguments as Training

SIZE = 112  # pixels
EXACT = "exact ages: distance in years; coverage of the 80 % interval"


@dataclass(frozen=True, kw_only=True)
class Arguments:
    input: tuple[Path, ...] = flag(help="databases of aligned faces", short="-i")
    unseen: Path = flag(help="database that is not trained on")
    faces: int = flag(6000, help="maximum number of training faces", limits="[1, inf)")
    tested: int = flag(2000, help="maximum number of test faces of each kind", limits="[1, inf)")
    seeds: int = flag(3, help="number of seeds", limits="[2, inf)")
    epochs: int = flag(30, help="number of epochs", limits="[1, inf)")


def main(argv=()):
    args = flags.parse(Arguments, argv, __doc__)
    import_keras()
    from tabulate import tabulate

    from src.data.database import join, open_database
    from src.data.split import divide
    from src.labels import age_errors, age_interval, covers, expected_age, is_exact

    databases = [open_database(path) for path in args.input]
    _, rows = divide(databases, None, 0.1, 0.2, 0)
    rng, joined, unseen = np.random.default_rng(0), join(databases), open_database(args.unseen)
    chosen = [
        np.sort(rng.permutation(own)[:limit])
        for own, limit in (
            (rows["training"], args.faces),
            (rows["test"], args.tested),
            (np.arange(len(unseen)), args.tested),
        )
    ]
    sources = [joined, joined, unseen]
    training, *tested = features_of(DLIB, SIZE, sources, chosen)
    columns = (getattr(joined, name)[chosen[0]] for name in ("gender", "age_low", "age_high"))
    labels, weights = labels_of(*columns)
    errors, covered = {}, {}
    for name in AGE_LOSSES:
        for seed in range(args.seeds):
            arguments = Training(
                [],
                age_loss=name,
                seed=seed,
                nb_epochs=args.epochs,
                opt="adamw",
                schedule="cosine",
                warmup_epochs=1.0,
            )
            found = predict(arguments, (training, labels, weights), tested)
            for kind, (_, ages), database, own in zip(
                ("test", "unseen"), found, sources[1:], chosen[1:], strict=True
            ):
                low, high = database.age_low[own], database.age_high[own]
                exact = is_exact(low, high)
                error = np.abs(age_errors(expected_age(ages), low, high))[exact]
                errors.setdefault((name, kind), []).append(error)
                hits = covers(*age_interval(ages), low, high)[exact]
                covered.setdefault((name, kind), []).append(hits.mean())
    print(f"{len(training):,} training faces, {args.seeds} seeds; {EXACT}")
    table = []
    for name in AGE_LOSSES:
        cells = [name]
        for kind in ("test", "unseen"):
            own, base = np.array(errors[name, kind]), np.array(errors["ce", kind])
            low, high = interval(own - base)
            means = own.mean(axis=1)
            cells += [
                f"{means.mean():.2f} ± {means.std(ddof=1):.2f}",
                "" if name == "ce" else f"{(own - base).mean():+.2f} ({low:+.2f} to {high:+.2f})",
                f"{np.mean(covered[name, kind]):.0%}",
            ]
        table.append(cells)
    heads = [
        f"{kind} {what}" for kind in ("test", "unseen") for what in ("MAE", "- ce", "coverage")
    ]
    print(tabulate(table, ["loss", *heads], tablefmt="pipe", disable_numparse=True))


if __name__ == "__main__":
    cli.run(main)
