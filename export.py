#!/usr/bin/env python3
"""This script exports a weight file to another format, and checks its predictions.

python export.py --format onnx --output faces.onnx
python export.py --weight_file checkpoints/weights.28-3.73.hdf5 --format litert --fp16 \\
    --output faces.tflite
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also with python -P and -I

from src import cli
from src.export import FORMATS
from src.extras import import_keras


def get_args(argv=()):
    parser = cli.Parser(__doc__)
    parser.add_argument("--output", "-o", type=Path, required=True, help="path of the output")
    parser.add_argument(
        "--format",
        choices=tuple(FORMATS),
        required=True,
        help="format of the output; hdf5: a checkpoint of this toolkit; legacy: weights for the "
        "original toolkit's load_weights",
    )
    precision = parser.add_mutually_exclusive_group()
    precision.add_argument(
        "--fp16", action="store_true", help="store weights as float16 (half the size)"
    )
    precision.add_argument(
        "--int8",
        action="store_true",
        help="quantize to int8 (a quarter of the size), calibrated on faces of --input",
    )
    parser.add_argument(
        "--input",
        "-i",
        type=Path,
        help="database for the check of the predictions (default: faces of a portrait)",
    )
    parser.add_argument("--force", action="store_true", help="replace an earlier export")
    add_model_arguments(parser)
    args = parser.parse_args(argv)
    if args.mirror and args.calibrate:
        parser.error(
            "--mirror: expected without --calibrate, received both; export with --mirror first, "
            "then calibrate that file"
        )
    return args


def add_model_arguments(parser):
    model = cli.add_weight_arguments(parser, runtime=False)
    model.add_argument(
        "--average",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="further weight files of the same network, to export the mean of all weights",
    )
    changes = parser.add_argument_group("changes to the model")
    changes.add_argument(
        "--calibrate",
        type=Path,
        nargs="+",
        metavar="INPUT",
        help="databases for temperature scaling, fitted on one half of their faces and measured on "
        "the other; databases of the training run count with their validation faces, and only if "
        "no other database is passed",
    )
    changes.add_argument(
        "--margin",
        type=cli.margin,
        help="crop margin to store, as a fraction of the face box (default: from the weight file)",
    )
    changes.add_argument(
        "--mirror",
        action="store_true",
        help="horizontal-flip test-time augmentation (2x slower)",
    )


def main(argv=()):
    args = get_args(argv)
    from src.estimation.shipped import shipped_weights
    from src.export.checks import check_export
    from src.outputs import locked

    precision = "fp16" if args.fp16 else "int8" if args.int8 else "float32"
    read = [("--weight_file", args.weight_file)]
    read += [("--average", path) for path in args.average or ()]
    read += [("--calibrate", path) for path in args.calibrate or ()]
    check_export(args.format, args.output, precision, args.input, args.force, read)
    import_keras()
    from src.export.average import average

    with locked(args.output), TemporaryDirectory() as folder:
        if args.average:
            weight_files = [args.weight_file or shipped_weights(), *args.average]
            args.weight_file = Path(folder) / "mean.hdf5"
            average(weight_files, args.weight_file, cli.original_of(args))
        run(args, precision)


def run(args, precision):
    from src.calibration.calibrate import calibrate
    from src.estimation.estimator import Estimator
    from src.export.export import export

    calibration = None
    if args.calibrate:
        estimator = Estimator(args.weight_file, "keras", cli.original_of(args))
        calibration = calibrate(estimator, args.calibrate)
        print(calibration)
    exported = export(
        weight_file=args.weight_file,
        format=args.format,
        output=args.output,
        precision=precision,
        original=cli.original_of(args),
        input=args.input,
        force=args.force,
        calibration=calibration and calibration.description(),
        margin=args.margin,
        mirror=args.mirror,
    )
    print(f"{args.output}: {exported.size / 1e6:.1f} MB")
    print(
        f"maximum difference to the weight file on {exported.faces}: "
        f"{exported.difference:.1e} (probability), {exported.years:.1e} years (age)"
    )
    if exported.mae:
        print("MAE {:.2f} years, the weight file's {:.2f}".format(*exported.mae[::-1]))


if __name__ == "__main__":
    cli.run(main)
