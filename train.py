#!/usr/bin/env python3
"""This script trains the CNN model for age and gender estimation.

python train.py --input data/wiki_db.mat --aug
python train.py --input data/mine_db.mat --config recipes/wiki_cpu.yaml
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also with python -P and -I

from src import cli
from src.extras import import_keras
from src.training.run import check_files, parse


def main(argv=()):
    arguments = parse(argv, __doc__)
    check_files(arguments)
    import_keras()
    if arguments.trains_many:
        train_many(arguments)
    else:
        train_once(arguments)


def train_once(arguments):
    from tabulate import tabulate

    from src.training.fit import train

    trained = train(arguments)
    row = {  # the columns of the PyTorch toolkit
        "image size": f"{trained.img_size}x{trained.img_size}",
        "network": arguments.arch,
        "epoch": trained.metrics["epoch"],
        "gender accuracy": trained.metrics.get("val_pred_gender_accuracy"),
        "age top-5 accuracy": trained.metrics.get("val_pred_age_top5"),
        "age MAE (years)": trained.metrics.get("val_pred_age_mae"),
    }
    print(tabulate([row], headers="keys", floatfmt=".3f"))
    print("best checkpoint:", trained.best_file)


def train_many(arguments):
    from src.evaluation.runs import train_runs

    print(train_runs(arguments))


if __name__ == "__main__":
    cli.run(main)
