#!/usr/bin/env python3
"""Tell age and gender of the faces in pictures or in front of a webcam.

python demo.py --image_dir photos --csv faces.csv --output_dir annotated
"""

from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path

from src import cli


def get_args():
    parser = cli.Parser(
        "This script detects faces from web cam input, and estimates age and gender for the "
        "detected faces."
    )
    cli.add_weight_arguments(parser)
    cli.add_runtime_argument(parser)
    parser.add_argument(
        "--margin",
        type=cli.margin,
        help="margin around detected face for age-gender estimation "
        "(default: the weight file's, 0.4 where it does not say)",
    )
    parser.add_argument(
        "--image_dir",
        type=Path,
        help="target image directory; if set, images in image_dir are used instead of webcam",
    )
    parser.add_argument("--output_dir", type=Path, help="folder for annotated copies")
    parser.add_argument("--csv", type=Path, help="file for one row a face")
    parser.add_argument("--no_display", action="store_true", help="open no window")
    return parser.parse_args()


def main():
    args = get_args()
    with cli.quiet_import():
        from src.data.faces import DlibDetector, get_box_cutter
        from src.demo import sinks
        from src.demo.loop import show_faces
        from src.demo.sources import camera_pictures, folder_pictures
        from src.estimation.estimator import Estimator

    live = args.image_dir is None
    pictures = camera_pictures() if live else folder_pictures(args.image_dir)
    with ExitStack() as stack:
        chosen = []
        if args.csv:
            chosen.append(stack.enter_context(sinks.csv_file(args.csv)))
        if args.output_dir:
            chosen.append(sinks.annotated_copies(args.output_dir, args.image_dir))
        estimator = Estimator(args.weight_file, args.depth, args.width, args.runtime)
        margin = estimator.margin if args.margin is None else args.margin
        cut = get_box_cutter(estimator.align, margin, estimator.img_size)
        if args.no_display or not sinks.has_screen():
            chosen.append(sinks.print_faces)
        else:
            chosen.append(stack.enter_context(sinks.window(wait=not live)))
        # Ctrl-C is how a webcam without a window ends: what it gave by then is kept.
        with suppress(KeyboardInterrupt) if live else nullcontext():
            show_faces(pictures, DlibDetector(), cut, estimator, chosen)


if __name__ == "__main__":
    cli.run(main)
