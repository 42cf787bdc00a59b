#!/usr/bin/env python3
"""This script detects faces from web cam input, and estimates age and gender for the
detected faces.

python demo.py
python demo.py --image_dir photos --csv faces.csv --output_dir annotated
python demo.py --video clip.mp4 --output_dir annotated
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also with python -P and -I

from src import cli
from src.cli import demo as flags


def get_args(argv=()):
    parser = cli.Parser(__doc__)
    flags.add_source_arguments(parser)
    flags.add_sink_arguments(parser)
    flags.add_face_arguments(parser)
    flags.add_model_arguments(parser)
    flags.add_web_arguments(parser)
    flags.add_needs(parser)
    args = parser.parse_args(argv)
    flags.check(parser, args)
    return args


def main(argv=()):
    args = get_args(argv)
    from src.demo import app

    args.model_file, args.original = args.weight_file, cli.original_of(args)
    if args.cache:
        from src.export.cached import cached_onnx

        args.model_file = cached_onnx(args.weight_file, args.cache, args.original)
    app.run(args)


if __name__ == "__main__":
    cli.run(main)
