#!/usr/bin/env python3
"""Export a checkpoint for another runtime, and check that it still says the same of faces.

python export.py --weight_file checkpoints/weights.28-3.73.hdf5 --format onnx --output faces.onnx
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from src import cli


def get_args():
    parser = cli.Parser(
        "This script exports a weight file to another format, and checks that it says the same."
    )
    cli.add_weight_arguments(parser)
    parser.add_argument(
        "--format",
        choices=("onnx", "litert", "saved_model", "hdf5", "legacy"),
        required=True,
        help="hdf5: a checkpoint that describes itself, of an old weight file; "
        "legacy: weights for the original toolkit's load_weights",
    )
    parser.add_argument("--output", "-o", type=Path, required=True, help="path to exported file")
    precision = parser.add_mutually_exclusive_group()
    precision.add_argument(
        "--fp16", action="store_true", help="half the size; faces and what is said stay float32"
    )
    precision.add_argument(
        "--int8", action="store_true", help="a quarter of the size; calibrated on --input"
    )
    parser.add_argument(
        "--input", "-i", type=Path, help="database to check on (default: one portrait's face)"
    )
    parser.add_argument(
        "--average",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="weight files of the same network: export the mean of their weights and those of "
        "--weight_file",
    )
    parser.add_argument(
        "--calibrate",
        type=Path,
        nargs="+",
        metavar="INPUT",
        help="databases of the training run: apply temperature scaling, fitted on one half of "
        "their validation faces and measured on the other",
    )
    parser.add_argument(
        "--margin",
        type=cli.margin,
        help="margin that the file is to want around a face (default: the weight file's)",
    )
    parser.add_argument(
        "--mirror",
        action="store_true",
        help="say of a face the mean of what is said of it and of its mirror image, in twice the "
        "time",
    )
    parser.add_argument("--force", action="store_true", help="replace what is there")
    return parser.parse_args()


def main():
    args = get_args()
    with cli.quiet_import():
        from src.estimation.shipped import shipped_weights
        from src.export.average import average
        from src.export.export import check_export
        from src.outputs import locked

    precision = "fp16" if args.fp16 else "int8" if args.int8 else "float32"
    read = [("--weight_file", args.weight_file)]
    read += [("--average", path) for path in args.average or ()]
    read += [("--calibrate", path) for path in args.calibrate or ()]
    check_export(args.format, args.output, precision, args.input, args.force, read)
    with locked(args.output), TemporaryDirectory() as folder:
        if not args.average:
            return run(args, precision)
        weight_files = [args.weight_file or shipped_weights(), *args.average]
        args.weight_file = Path(folder) / "mean.hdf5"
        average(weight_files, args.weight_file, args.depth, args.width, args.img_size)
        run(args, precision)


def run(args, precision):
    with cli.quiet_import():
        from src.estimation.estimator import Estimator
        from src.evaluation.calibration import calibrate
        from src.export.export import export

    calibration = None
    if args.calibrate:
        estimator = Estimator(args.weight_file, args.depth, args.width, "keras", args.img_size)
        calibration = calibrate(estimator, args.calibrate)
        print(calibration)
    exported = export(
        weight_file=args.weight_file,
        format=args.format,
        output=args.output,
        precision=precision,
        depth=args.depth,
        width=args.width,
        img_size=args.img_size,
        input=args.input,
        force=args.force,
        calibration=calibration and calibration.described(),
        margin=args.margin,
        mirror=args.mirror,
    )
    print(f"{args.output}: {exported.size / 1e6:.1f} MB")
    print(
        f"on {exported.faces} it differs from the weight file by at most "
        f"{exported.difference:.1e} (a probability) and {exported.years:.1e} years (an age)"
    )
    if exported.mae:
        print("MAE {:.2f} years, the weight file's {:.2f}".format(*exported.mae[::-1]))


if __name__ == "__main__":
    cli.run(main)
