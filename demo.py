#!/usr/bin/env python3
"""This script detects faces from web cam input, and estimates age and gender for the
detected faces.

python demo.py
python demo.py photos --csv faces.csv --output_dir annotated
python demo.py clip.mp4 --output_dir annotated
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also with python -P and -I

from src import cli, flags
from src.demo.arguments import Arguments


def main(argv=()):
    arguments = flags.parse(Arguments, argv, __doc__)
    from src.demo.app import run

    run(arguments)


if __name__ == "__main__":
    cli.run(main)
