#!/usr/bin/env python3
"""This script evaluates age and gender estimation on labelled faces.

python evaluate.py --input data/wiki_db.mat --weight_file checkpoints/weights.28-3.73.hdf5
python evaluate.py --image_csv photos/labels.csv --detect
python evaluate.py --input data/wiki_db.mat --folds checkpoints/out_of_fold.csv --audit AUDIT.csv
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also with python -P and -I

from src import cli, flags
from src.evaluation.arguments import Arguments


def main(argv=()):
    arguments = flags.parse(Arguments, argv, __doc__)
    if arguments.audit:
        from src.evaluation.audit import run_audit

        run_audit(arguments)
    else:
        from src.evaluation.commands import run_evaluation

        run_evaluation(arguments)


if __name__ == "__main__":
    cli.run(main)
