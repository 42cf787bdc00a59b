#!/usr/bin/env python3
"""This script evaluates age and gender estimation on labelled faces.

python evaluate.py --input data/wiki_db.mat --weight_file checkpoints/weights.28-3.73.hdf5
python evaluate.py --image_csv photos/labels.csv --detect
"""

import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also with python -P and -I

from src import cli


def get_args(argv=()):
    parser = cli.Parser(__doc__)
    add_face_arguments(parser)
    cli.add_weight_arguments(parser, several=True)
    results = cli.add_evaluation_arguments(parser, Path("evaluation"))
    results.add_argument(
        "--card",
        type=Path,
        help="model card (Markdown) that receives the metrics, between its lines "
        "<!-- figures: begin --> and <!-- figures: end -->, those of --image_csv between "
        "<!-- pictures: begin --> and <!-- pictures: end -->",
    )
    for flag in ("--detect", "--collection"):
        parser.needs(flag, "--image_csv")
    for flag in ("--detector", "--min_face", "--scheduler"):
        parser.needs(flag, "--detect")
    for flag in ("--fit_margin", "--part"):
        parser.needs(flag, "--input")
    return parser.parse_args(argv)


def add_face_arguments(parser):
    group = parser.add_argument_group("labelled faces, either --input or --image_csv")
    faces = group.add_mutually_exclusive_group(required=True)
    faces.add_argument(
        "--input", "-i", type=Path, nargs="+", help="path to database mat file; several are joined"
    )
    faces.add_argument(
        "--image_csv",
        type=Path,
        help="CSV of labelled pictures, with the columns path, age or age_low and age_high, "
        "gender, group; paths are relative to its folder",
    )
    group.add_argument(
        "--part",
        choices=("all", "validation", "test", "training"),
        default="all",
        help="faces of --input: all, or a part of the split that the first weight file stores; "
        "databases that it was not trained on are used whole",
    )
    group.add_argument(
        "--fit_margin",
        action="store_true",
        help="crop or pad faces of --input to the model's margin, unless it is a margin of its "
        "training databases",
    )
    group.add_argument(
        "--detect",
        action="store_true",
        help="detect and crop the largest face of each picture of --image_csv (default: pictures "
        "are face crops)",
    )
    group.add_argument(
        "--collection",
        default="",
        help="dataset that the pictures of --image_csv are from, as of create_db.py --db, or any "
        "other name: files them as held out, trained on or never seen (default: unknown)",
    )
    cli.add_detector_arguments(group)
    cli.add_scheduler_argument(group)


def main(argv=()):
    args = get_args(argv)
    from src.evaluation.card import check_card, write_card
    from src.evaluation.evaluate import check_splits, evaluate, load_models
    from src.evaluation.labelled import from_csv, from_databases
    from src.evaluation.output import check_output_folder, write_results
    from src.evaluation.tables import tables
    from src.outputs import locked

    with locked(args.output):
        check_output_folder(args.output, args.force, args.card, read_files(args))
        if args.card:
            section = "pictures" if args.image_csv else "figures"
            check_card(args.card, section)
        models = load_models(args.weight_file or [None], args.runtime, cli.original_of(args))
        if args.image_csv:
            detector = args.detector if args.detect else "none"
            faces = from_csv(
                args.image_csv, args.collection, detector, args.min_face, args.scheduler
            )
        else:
            owner = next(iter(models.values())).description  # its split defines the part
            faces = from_databases(args.input, args.part, owner, args.fit_margin)
            faces.notes.extend(check_splits(models, faces))
        results = evaluate(faces, models, args.seed, args.resamples, vars(args))
        print(tables(results))
        write_results(args.output, results)
        if args.card:
            command = shlex.join(["python", "evaluate.py", *argv])
            write_card(args.card, results, command, section)
    print(f"\nreport: {args.output / 'report.html'}")


def read_files(args):
    """Flags and paths of the files that are read."""
    files = {"--input": args.input, "--weight_file": args.weight_file}
    named = [(flag, path) for flag, paths in files.items() for path in paths or ()]
    return [*named, ("--image_csv", args.image_csv)]


if __name__ == "__main__":
    cli.run(main)
