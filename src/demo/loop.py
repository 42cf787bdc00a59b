"""The demo: pictures in, faces found, ages and genders out."""

from collections.abc import Callable, Iterable

import numpy as np

from src.data.images import Box, cut_faces
from src.demo.sinks import Result, Sink
from src.demo.sources import Picture
from src.estimation.estimator import Estimator


def show_faces(
    pictures: Iterable[Picture],
    detect: Callable[[np.ndarray], list[Box]],
    estimator: Estimator,
    margin: float,
    sinks: list[Sink],
) -> None:
    """Estimate all faces of each picture in one batch, and hand them to every sink.

    Ends with the pictures, or when a sink returns False.
    """
    for picture in pictures:
        boxes = detect(picture.image)
        faces = cut_faces(picture.image, boxes, margin, estimator.img_size)
        result = Result(picture, boxes, estimator(faces))
        if not all([sink(result) for sink in sinks]):
            break
