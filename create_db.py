#!/usr/bin/env python3
"""This script cleans-up noisy labels and creates database for training.

python create_db.py --db wiki --img_size 64 --output data/wiki_db.mat
python create_db.py --db csv --data_dir my_photos --detect --img_size 64 --output data/mine_db.mat
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also with python -P and -I

from src import cli
from src.cli.datasets import add_dataset_arguments, folder_of, options_of
from src.faces import DEFAULT_MARGINS, NO_ALIGNMENT


def get_args(argv=()):
    parser = cli.Parser(__doc__)
    parser.add_argument(
        "--output", "-o", type=Path, required=True, help="path to output database mat file"
    )
    parser.add_argument(
        "--img_size", type=cli.positive_int, default=32, help="output image size, in pixels"
    )
    add_dataset_arguments(parser)
    add_face_arguments(parser)
    add_row_arguments(parser)
    add_running_arguments(parser)
    return parser.parse_args(argv)


def add_face_arguments(parser):
    faces = parser.add_argument_group("face crops, for pictures that are not cropped yet")
    faces.add_argument(
        "--detect", action="store_true", help="detect the largest face, and crop it with --margin"
    )
    faces.add_argument(
        "--align",
        nargs="?",
        choices=[name for name in DEFAULT_MARGINS if name != NO_ALIGNMENT],
        const="five_points",
        help="alignment of the largest face by five points: five_points as ArcFace's crops, "
        "face_chip as dlib's (default: none; --align alone: five_points)",
    )
    faces.add_argument(
        "--margin",
        type=cli.margin,
        help="crop margin, as a fraction of the face box or of the alignment's template "
        "(default: 0.4; with --align five_points 0, face_chip 0.25)",
    )
    faces.add_argument(
        "--one_face",
        action="store_true",
        help="reject pictures without exactly one face of at least a tenth of the picture's side",
    )
    cli.add_detector_arguments(faces)
    parser.needs("--margin", "--detect", "--align")
    for flag in ("--detector", "--min_face"):
        parser.needs(flag, "--detect", "--align", "--one_face")


def add_row_arguments(parser):
    rows = parser.add_argument_group("selection of rows")
    rows.add_argument(
        "--max_per_age",
        type=cli.positive_int,
        help="maximum number of faces per age (default: unlimited)",
    )
    rows.add_argument(
        "--drop_duplicates",
        action="store_true",
        help="keep one of the pictures with identical pixels, or none if their labels disagree",
    )
    rows.add_argument(
        "--contact_sheet", type=Path, help="PNG file for random faces of each decade of age"
    )
    rows.add_argument(
        "--seed",
        type=cli.seed,
        default=0,
        help="seed of the random choice of --max_per_age and --contact_sheet",
    )
    parser.needs("--seed", "--max_per_age", "--contact_sheet")


def add_running_arguments(parser):
    running = parser.add_argument_group("file and processes")
    running.add_argument(
        "--mat_version",
        choices=("7.3", "5"),
        default="7.3",
        help="MATLAB version of the file: 7.3, of unlimited size, or 5, below 4 GiB, which "
        "scipy.io.loadmat reads",
    )
    running.add_argument(
        "--resume", action="store_true", help="resume an interrupted run with the same arguments"
    )
    workers = running.add_mutually_exclusive_group()
    workers.add_argument(
        "--workers",
        type=cli.positive_int,
        help="number of pictures decoded in parallel (default: one per core)",
    )
    cli.add_scheduler_argument(workers)


def main(argv=()):
    args = get_args(argv)
    from tabulate import tabulate

    from src.data.create import FaceRule, create_database
    from src.faces.crop import FaceCrop
    from src.faces.finder import FaceFinder

    alignment = args.align or NO_ALIGNMENT
    margin = DEFAULT_MARGINS[alignment] if args.margin is None else args.margin
    is_searched = args.detect or args.align or args.one_face
    finder = FaceFinder(
        args.detector if is_searched else "none",
        args.min_face,
        FaceCrop(args.img_size, margin, alignment),
    )

    created = create_database(
        args.output,
        folder_of(args),
        args.db,
        options_of(args),
        FaceRule(finder, args.one_face, whole=not (args.detect or args.align)),
        workers=args.workers,
        scheduler=args.scheduler,
        mat_version=args.mat_version,
        max_per_age=args.max_per_age,
        drop_duplicates=args.drop_duplicates,
        contact_sheet=args.contact_sheet,
        seed=args.seed,
        resume=args.resume,
    )
    total = created.rows + sum(created.removed.values())
    rows = [("read", total), *created.removed.items(), ("left", created.rows)]
    rows += [(f"of these, {what}", count) for what, count in created.noted.items()]
    print(tabulate(rows, headers=("rule", "rows"), intfmt=","))
    print("wrote", *created.files)


if __name__ == "__main__":
    cli.run(main)
