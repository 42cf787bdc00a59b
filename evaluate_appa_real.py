#!/usr/bin/env python3
"""This script evaluates an age estimation model on the APPA-REAL validation data.

python evaluate_appa_real.py
python evaluate_appa_real.py --weight_file checkpoints/weights.28-3.73.hdf5 --split test
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also with python -P and -I

from src import cli, flags
from src.evaluation.arguments import AppaRealArguments as Arguments


def main(argv=()):
    arguments = flags.parse(Arguments, argv, __doc__)
    from src.evaluation.commands import run_appa_real

    run_appa_real(arguments)


if __name__ == "__main__":
    cli.run(main)
