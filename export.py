#!/usr/bin/env python3
"""This script exports a weight file to another format, and checks its predictions.

python export.py --format onnx --output faces.onnx
python export.py --weight_file checkpoints/weights.28-3.73.hdf5 --format litert --fp16 \\
    --output faces.tflite
"""

import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also with python -P and -I

from src import cli, flags
from src.export.arguments import Arguments, check_export
from src.extras import import_keras


def main(argv=()):
    arguments = flags.parse(Arguments, argv, __doc__)
    from src.outputs import locked

    check_export(arguments)
    import_keras()
    from src.export.export import export

    with locked(arguments.output), TemporaryDirectory() as folder:
        if arguments.average:
            arguments = averaged(arguments, Path(folder, "mean.hdf5"))
        calibration = calibrated(arguments) if arguments.calibrate else None
        print(f"{arguments.output}: {export(arguments, calibration)}")


def averaged(arguments, mean):
    """The arguments to export the mean of several weight files, written to the path `mean`."""
    from src.export.average import average
    from src.shipped import resolve_weights

    first = resolve_weights(arguments.weight_file, for_keras=True)
    average([first, *arguments.average], mean, arguments.input, arguments.original)
    return replace(arguments, weight_file=mean, average=())


def calibrated(arguments):
    """The description of temperatures that are fitted to the weight file, and printed."""
    from src.calibration.calibrate import calibrate
    from src.estimation.estimator import Estimator
    from src.evaluation.tables import console
    from src.shipped import resolve_weights

    weight_file = resolve_weights(arguments.weight_file, for_keras=True)
    estimator = Estimator(weight_file, "keras", arguments.original)
    calibration, results = calibrate(estimator, arguments.calibrate)
    print(f"temperatures: {calibration}\n\non the other half of the faces:\n\n{console(results)}")
    return calibration


if __name__ == "__main__":
    cli.run(main)
