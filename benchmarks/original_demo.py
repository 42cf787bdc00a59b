#!/usr/bin/env python3
"""The original toolkit's demo loop, for benchmarks/demo.py.

dlib on every frame, enlarged twice, and `model.predict` on its faces. Outputs are demo.py's: a line
and a CSV row per face, and an annotated video.
"""

import csv
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from src import cli, flags
from src.extras import import_keras
from src.flags import flag


@dataclass(frozen=True, kw_only=True)
class Arguments:
    video: str = flag(help="video file")
    weight_file: Path = flag(help="weights of the original toolkit")
    output_dir: Path = flag(help="folder for the video")
    csv: Path = flag(help="file for one row per face")


def main(argv=()):
    args = flags.parse(Arguments, argv, __doc__)
    import_keras()
    import cv2
    import dlib
    import numpy as np

    from src.demo.overlay import annotate
    from src.estimation.estimator import Estimates
    from src.faces.detectors.base import Face
    from src.faces.images import Box
    from src.models.checkpoints import load_checkpoint

    detector = dlib.get_frontal_face_detector()
    model, description = load_checkpoint(args.weight_file)
    capture = cv2.VideoCapture(args.video)
    size = [
        int(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
    ]
    copy = cv2.VideoWriter(
        str(args.output_dir / "original.mp4"),
        cv2.VideoWriter_fourcc(*"mp4v"),
        capture.get(cv2.CAP_PROP_FPS),
        size,
    )
    with args.csv.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", *Box._fields])
        number = 0
        while (read := capture.read())[0]:
            image, name = read[1], f"frame{number:06d}.jpg"
            found = detector(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), 1)
            faces = [Face(Box(d.left(), d.top(), d.right() + 1, d.bottom() + 1)) for d in found]
            if faces:
                genders, ages = model.predict(description.crop.stack(image, faces), verbose=0)
                estimates = Estimates.of(np.array(genders)[:, 0], ages)
                image = annotate(image, [estimates.of_face(i, f) for i, f in enumerate(faces)])
            rows.writerows([name, *face.box] for face in faces)
            copy.write(image)
            print(f"{name}: {len(faces)} faces", flush=True)
            number += 1
    copy.release()


if __name__ == "__main__":
    cli.run(main)
